"""Whatever a line of allowed_signers says: where we take it, OpenSSH takes it for the same, on any machine."""

import os
import subprocess
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.trust.keys import MANIFEST_NAMESPACE, Key, read_signers
from tests.readiness.site import make_key

MESSAGE = b"what is signed"
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A directory with a key, and its signature of the message."""
    made = tmp_path_factory.mktemp("keys")
    make_key(made / "alice")
    words = ["ssh-keygen", "-Y", "sign", "-f", str(made / "alice"), "-n", MANIFEST_NAMESPACE]
    (made / "signature").write_bytes(subprocess.run(words, input=MESSAGE, capture_output=True, check=True).stdout)
    return made


def openssh_takes(place, principal: str, at: datetime) -> bool:
    """Say whether ssh-keygen takes the signature, on a machine whose local time is elsewhere."""
    words = ["ssh-keygen", "-Y", "verify", "-f", str(place / "signers"), "-I", principal, "-n", MANIFEST_NAMESPACE]
    words += ["-s", str(place / "signature"), "-O", f"verify-time={at:%Y%m%d%H%M%S}Z"]
    environment = os.environ | {"TZ": "Pacific/Auckland"}
    return subprocess.run(words, input=MESSAGE, capture_output=True, check=False, env=environment).returncode == 0


def takes(key: Key, at: datetime) -> bool:
    return key.valid(at) and MANIFEST_NAMESPACE in key.namespaces


SHIFTS = st.sampled_from([-86_400, -3600, -60, -1, 0, 1, 60, 3600, 86_400])
TAKEN_SHAPES = ["%Y%m%dZ", "%Y%m%d%H%MZ", "%Y%m%d%H%M%SZ"]
SHAPES = st.sampled_from([*TAKEN_SHAPES * 4, "%Y%m%d", "%Y%m%d%H%M%SUTC", "%Y-%m-%d", "%m%dZ"])
TIMES = st.builds(lambda shift, shape: (NOON + timedelta(seconds=shift)).strftime(shape), SHIFTS, SHAPES)
TAKEN_NAMESPACES = [MANIFEST_NAMESPACE, "git", MANIFEST_NAMESPACE.upper()]
NAMESPACES = st.lists(
    st.sampled_from([*TAKEN_NAMESPACES * 4, "dagster-ledger-*", "*", "!git", ""]), min_size=1, max_size=3
)
PRINCIPALS = st.sampled_from(
    [*["alice@example.org", "alice"] * 5, "*", "alice@example.org,b@c.d", "!alice@example.org", "al?ce", '"alice"']
)


@st.composite
def lines(draw) -> tuple[str, str]:
    """Return a line, with KEY where the key comes, and what its principal should be."""
    options = [
        *draw(st.lists(NAMESPACES.map(lambda names: f'namespaces="{",".join(names)}"'), min_size=1, max_size=2)),
        *draw(st.lists(TIMES.map(lambda time: f'valid-after="{time}"'), max_size=1)),
        *draw(st.lists(TIMES.map(lambda time: f'valid-before="{time}"'), max_size=1)),
        *draw(st.sampled_from([[]] * 6 + [["cert-authority"], ["touch"], ['x="y"'], ["namespaces=git"]])),
    ]
    options = draw(st.permutations(options))
    spelled = draw(st.sampled_from([str, str, str, str.upper]))(",".join(options))
    gap = draw(st.sampled_from([" ", " ", "  ", "\t", ", ", ""]))
    end = draw(st.sampled_from(["", " a comment", "\t", " #", "x", "\r"]))
    principal = draw(PRINCIPALS)
    return f"{principal} {spelled}{gap}KEY{end}", principal


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines(), SHIFTS)
def test_a_line_that_is_taken_means_the_same_to_openssh(place, line, shift):
    text, principal = line
    key = " ".join((place / "alice.pub").read_text().split()[:2])
    data = text.replace("KEY", key) + "\n"
    at = NOON + timedelta(seconds=shift)
    found, problems = read_signers(data, "f")
    assert bool(found) != bool(problems)
    for one in found:
        assert one.principal == principal
        if at == one.valid_before:
            continue  # In this very second OpenSSH still takes the key, and we do not.
        for spelled in (data, f"{one.line()}\n"):
            (place / "signers").write_text(spelled)
            assert openssh_takes(place, principal, at) == takes(one, at)
