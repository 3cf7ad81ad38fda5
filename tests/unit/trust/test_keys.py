"""Files of keys: what we take, ssh-keygen takes the same way, and what is unsafe is refused with its line."""

import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ledger.trust.keys import NAMESPACES, Key, parse_public_key, parse_revoked, parse_signers
from ledger.trust.refusal import RefusedError

BLOB = "AAAAC3NzaC1lZDI1NTE5AAAAIKZJu3CT95pm1a5GJnSuNQs7SSRgp8UQXlheXns5DrJ9"
GOOD = f'alice@example.org namespaces="a@v1,b@v1" ssh-ed25519 {BLOB} a comment'
MOMENTS = st.none() | st.datetimes(datetime(2000, 1, 1), datetime(2090, 1, 1)).map(  # noqa: DTZ001 - made aware below
    lambda moment: moment.replace(microsecond=0, tzinfo=UTC)
)


@given(
    st.from_regex(r"[a-z][a-z0-9._+-]{0,10}@[a-z]{1,8}\.org", fullmatch=True),
    st.lists(st.from_regex(r"[a-z][a-z0-9-]{0,8}@v[0-9]", fullmatch=True), min_size=1, max_size=3),
    MOMENTS,
    MOMENTS,
    st.sampled_from(["", "a comment", "x"]),
)
def test_a_line_is_read_as_it_was_written(principal, namespaces, after, before, comment):
    assume(after is None or before is None or after < before)
    key = Key(principal, "ssh-ed25519", BLOB, tuple(namespaces), after, before, comment)
    assert parse_signers(f"# a remark\n\n{key.line()}\n", "f") == (key,)


@pytest.fixture(scope="module")
def real(tmp_path_factory) -> Path:
    place = tmp_path_factory.mktemp("keys")
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(place / "k")], check=True)
    (place / "message").write_bytes(b"hello")
    words = ["ssh-keygen", "-q", "-Y", "sign", "-f", str(place / "k"), "-n", NAMESPACES[0], str(place / "message")]
    subprocess.run(words, check=True, stderr=subprocess.DEVNULL)
    return place


@settings(max_examples=25, deadline=None)
@given(after=MOMENTS, before=MOMENTS, now=st.datetimes(datetime(2001, 1, 1), datetime(2089, 1, 1)))  # noqa: DTZ001 - see above
def test_ssh_keygen_agrees_on_when_a_key_is_valid(real, after, before, now):
    moment = now.replace(microsecond=0, tzinfo=UTC)
    kind, blob, _ = parse_public_key((real / "k.pub").read_text(), "k.pub")
    key = Key("alice@example.org", kind, blob, (NAMESPACES[0],), after, before)
    (real / "signers").write_text(key.line() + "\n")
    words = ["ssh-keygen", "-Y", "verify", "-f", str(real / "signers"), "-I", key.principal, "-n", NAMESPACES[0]]
    words += ["-s", str(real / "message.sig"), "-O", f"verify-time={moment:%Y%m%d%H%M%S}Z"]
    done = subprocess.run(words, input=b"hello", capture_output=True, check=False)
    if after is not None and before is not None and after >= before:
        assert done.returncode != 0  # OpenSSH refuses the line; to us it is a key that is never valid.
        assert not key.valid(moment)
    elif before != moment:  # At the very moment OpenSSH still takes it, and we do not.
        assert (done.returncode == 0) == key.valid(moment), done.stderr


def test_a_fingerprint_is_that_of_ssh_keygen(real):
    kind, blob, _ = parse_public_key((real / "k.pub").read_text(), "k.pub")
    told = subprocess.run(["ssh-keygen", "-l", "-f", str(real / "k.pub")], capture_output=True, text=True, check=True)
    assert Key("a@b.org", kind, blob, ("n",)).fingerprint == told.stdout.split()[1]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (GOOD.replace("alice@example.org", "*"), "one principal"),
        (GOOD.replace("alice@example.org", "alice@example.org,bob@example.org"), "one principal"),
        (GOOD.replace("alice@example.org", "!alice@example.org"), "one principal"),
        (f"alice@example.org ssh-ed25519 {BLOB}", "what the key is for"),
        (GOOD.replace("b@v1", "*"), "what the key is for"),
        (GOOD.replace("namespaces", "cert-authority,namespaces"), "cert-authority"),
        (GOOD.replace('b@v1"', 'b@v1",valid-before="20260101"'), "YYYYMMDDHHMMSSZ"),
        (GOOD.replace('b@v1"', 'b@v1",valid-before="20261301Z"'), "YYYYMMDDHHMMSSZ"),
        (GOOD.replace('b@v1"', 'b@v1",namespaces="c"'), "options"),
        (GOOD.replace(BLOB, BLOB[:-4]), "key type"),
        (GOOD.replace(BLOB, f"{BLOB}AAAA"), "key type"),
        (GOOD.replace('b@v1"', 'b@v1",'), "options"),
        (GOOD.replace("b@v1", ",b@v1"), "what the key is for"),
        (GOOD.replace("b@v1", "!b@v1"), "what the key is for"),
        (GOOD.replace('b@v1"', 'b@v1",valid-before="20260231Z"'), "YYYYMMDDHHMMSSZ"),
        (GOOD.replace('b@v1"', 'b@v1",valid-before="19700101Z"'), "YYYYMMDDHHMMSSZ"),
        (GOOD.replace('b@v1"', 'b@v1",valid-after="20260102Z",valid-before="20260101Z"'), "valid at no time"),
        (f"{GOOD}\r", "cannot be seen"),
        (f"{GOOD}\x1b[31m", "cannot be seen"),
        (f"{GOOD} \N{RIGHT-TO-LEFT OVERRIDE}", "cannot be seen"),
        (GOOD.replace("ssh-ed25519", "ssh-rsa"), "key type"),
        (GOOD.replace("ssh-ed25519", "ssh-dss"), "options"),
        (GOOD.replace(BLOB, "not base64"), "key type"),
        (f"{GOOD}\n{GOOD.replace('alice', 'bob')}", "again"),
    ],
)
def test_an_unsafe_line_is_refused_with_its_place(line, said):
    with pytest.raises(RefusedError) as refused:
        parse_signers(f"# remark\n{line}", "f")
    assert refused.value.reason == "trust_root"
    assert f"f:{3 if said == 'again' else 2}" in str(refused.value)
    assert said in str(refused.value)


def test_revoked_keys_are_fingerprints_or_keys():
    key = parse_signers(GOOD, "f")[0]
    assert parse_revoked(f"# gone\n{key.fingerprint}\n", "r") == {key.fingerprint}
    assert parse_revoked(f"ssh-ed25519 {BLOB} x\n", "r") == {key.fingerprint}
    with pytest.raises(RefusedError, match="r:1"):
        parse_revoked("alice\n", "r")
