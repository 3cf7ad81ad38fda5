"""Who may ask: under which names, with which token, and what is said to the others."""

from http import HTTPStatus

import pytest

from ledger.serving.guard import COOKIE, Guard, is_loopback
from ledger.serving.routing import Request, Response, answer

SHOWN = "a-token-of-sixteen-letters"
ROUTES = {"/": lambda: Response(HTTPStatus.OK, b"here")}


def asked(host="127.0.0.1:8180", query="", **headers):
    return Request("GET", "/", query, {"host": host} | headers)


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "127.0.0.1:8180", "[::1]:8180", "[::1]", "localhost", "LOCALHOST:8180", "10.1.2.3:80",
     "ledger.example.org", "Ledger.Example.ORG.:443"],
)  # fmt: skip
def test_addresses_and_names_that_were_allowed_pass(host):
    assert Guard(names=frozenset({"ledger.example.org"})).refusal(asked(host)) is None


@pytest.mark.parametrize(
    "host",
    ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "evil.example:8180", "", "[evil.example]",
     "127.0.0.1@evil.example", "ledger.example.org.evil.example", "0x7f.1", "2130706433x"],
)  # fmt: skip
def test_a_name_that_somebody_else_lets_point_here_is_refused(host):
    refused = Guard(names=frozenset({"ledger.example.org"})).refusal(asked(host))
    assert refused is not None
    assert refused.status == HTTPStatus.MISDIRECTED_REQUEST
    assert b"--allow-host" in refused.body


@pytest.mark.parametrize(
    "headers",
    [{"authorization": f"Bearer {SHOWN}"}, {"authorization": f"bearer  {SHOWN}"}, {"cookie": f"{COOKIE}={SHOWN}"},
     {"cookie": f"other=1; {COOKIE}={SHOWN}"}],
)  # fmt: skip
def test_whoever_shows_the_token_passes(headers):
    assert Guard(SHOWN).refusal(asked(**headers)) is None


@pytest.mark.parametrize(
    ("query", "headers"),
    [("", {}), ("token=", {}), ("token=other", {}), ("", {"authorization": f"Basic {SHOWN}"}),
     ("", {"authorization": f"Bearer {SHOWN}x"}), ("", {"authorization": f"Bearer {SHOWN[:-1]}"}),
     ("", {"cookie": f"{COOKIE}=\udce9"}), ("", {"cookie": ";;;=,"}), ("", {"authorization": "Bearer \udc80"}),
     (f"Token={SHOWN}", {})],
)  # fmt: skip
def test_whoever_does_not_is_told_how(query, headers):
    refused = Guard(SHOWN).refusal(asked(query=query, **headers))
    assert refused is not None
    assert refused.status == HTTPStatus.UNAUTHORIZED
    assert SHOWN.encode() not in refused.body


def test_a_token_in_the_address_becomes_a_cookie_that_scripts_cannot_read():
    sent = Guard(SHOWN).refusal(asked(query=f"token={SHOWN}"))
    assert sent is not None
    assert (sent.status, sent.headers["Location"]) == (HTTPStatus.SEE_OTHER, "/")
    assert {"HttpOnly", "SameSite=Strict"} <= set(sent.headers["Set-Cookie"].split("; "))


def test_the_name_counts_before_the_token():
    refused = Guard(SHOWN).refusal(asked("evil.example", authorization=f"Bearer {SHOWN}"))
    assert refused is not None
    assert refused.status == HTTPStatus.MISDIRECTED_REQUEST


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/", 200), ("HEAD", "/", 200), ("POST", "/", 405), ("GET", "/../etc/passwd", 404), ("GET", "//", 404)],
)
def test_only_what_is_there_can_be_read_and_nothing_be_changed(method, path, status):
    assert answer(ROUTES, Request(method, path)).status == status


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "127.9.9.9"])
def test_what_only_this_machine_can_reach(host):
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "10.0.0.1", "::", "", "example.org"])  # noqa: S104 - asked about, not bound to
def test_what_others_can_reach(host):
    assert not is_loopback(host)
