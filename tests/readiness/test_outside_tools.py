"""A good manifest verifies with tools that we did not write."""

import base64
import json
import subprocess

import pytest
from cryptography.hazmat.primitives import serialization
from google.protobuf.json_format import ParseDict
from in_toto_attestation.v1 import statement_pb2
from in_toto_attestation.v1.statement import Statement
from securesystemslib.dsse import Envelope as TheirEnvelope
from securesystemslib.signer import SSlibKey

from ledger.attestation.sshsig import armoured
from ledger.manifest.statement import READINESS
from ledger.trust.keys import MANIFEST_NAMESPACE
from tests.readiness.forging import envelope_of
from tests.readiness.site import ALICE, BOB, git


@pytest.fixture
def raw_key(signed_site):
    """Alice's public key, as OpenSSL and securesystemslib read it."""
    text = signed_site.key(ALICE).with_name(f"{ALICE}.pub").read_bytes()
    return serialization.load_ssh_public_key(text)


def test_ssh_keygen_verifies_it_with_the_file_in_git(signed_site, tmp_path):
    envelope = envelope_of(signed_site)
    signers = tmp_path / "allowed_signers"
    signers.write_text(git(signed_site.project, "show", "origin/main:config/trust/allowed_signers") + "\n")
    found = [one for one in envelope.signatures if one.keyid.startswith("ssh:")]
    assert len(found) == 2
    for one, principal in zip(found, (ALICE, BOB), strict=True):
        (tmp_path / "sig").write_text(armoured(one.sig))
        words = ["ssh-keygen", "-Y", "verify", "-f", str(signers), "-I", principal, "-n", MANIFEST_NAMESPACE]
        done = subprocess.run(
            [*words, "-s", str(tmp_path / "sig")], input=envelope.signed_bytes, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr
        assert b"Good" in done.stdout


def test_openssl_verifies_the_raw_signature(signed_site, raw_key, tmp_path):
    envelope = envelope_of(signed_site)
    one = next(one for one in envelope.signatures if one.keyid.startswith("SHA256:"))
    pem = raw_key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    for name, data in (("key", pem), ("sig", one.sig), ("data", envelope.signed_bytes)):
        (tmp_path / name).write_bytes(data)
    words = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", str(tmp_path / "key"), "-rawin"]
    words += ["-in", str(tmp_path / "data"), "-sigfile", str(tmp_path / "sig")]
    assert subprocess.run(words, capture_output=True, check=False).returncode == 0
    (tmp_path / "data").write_bytes(envelope.signed_bytes + b" ")
    assert subprocess.run(words, capture_output=True, check=False).returncode != 0


def test_securesystemslib_verifies_the_envelope(signed_site, raw_key):
    document = json.loads((signed_site.place / "manifest.json").read_text())
    one = next(one for one in envelope_of(signed_site).signatures if one.keyid.startswith("SHA256:"))
    theirs = TheirEnvelope.from_dict(document)
    key = SSlibKey(one.keyid, "ed25519", "ed25519", {"public": raw_key.public_bytes_raw().hex()})
    assert theirs.verify([key], 1) == {one.keyid: key}


def test_the_payload_is_a_valid_in_toto_statement(signed_site):
    document = json.loads(base64.b64decode(json.loads((signed_site.place / "manifest.json").read_text())["payload"]))
    parsed = ParseDict(document, statement_pb2.Statement())
    found = Statement.copy_from_pb(parsed)
    found.validate()
    assert found.pb.predicate_type == READINESS


def test_the_test_result_is_a_valid_in_toto_statement(ready_site, tmp_path):
    path = tmp_path / "result.json"
    ready_site.run("readiness", "report", "--test-result", str(path))
    document = json.loads(path.read_text())
    Statement.copy_from_pb(ParseDict(document, statement_pb2.Statement())).validate()
    assert document["predicateType"] == "https://in-toto.io/attestation/test-result/v0.1"
    assert document["predicate"]["result"] == "PASSED"
    assert document["predicate"]["passedTests"] == ["empty", "known_good"]
