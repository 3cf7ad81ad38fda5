"""``keys``: people, keys and roles as files that a pull request proposes."""

import json
import subprocess
from datetime import UTC, datetime

import pytest

from tests.readiness.site import ALICE, BOB, EVE, JOB, git, make_key, said


def keys(site, *words: str) -> tuple[int, str, str]:
    return said(site.project, "keys", *words)


def test_a_first_key_makes_a_trust_root_and_says_what_to_do(tmp_path):
    git(tmp_path, "init", "-q", "-b", "main")
    key = tmp_path / "home" / "key"
    words = ("keys", "init", "--principal", ALICE, "--role", "ops", "--job", JOB, "--key", str(key))
    code, out, errors = said(tmp_path, *words)
    assert (code, errors) == (0, "")
    assert "merged to the protected ref" in out
    assert key.exists()
    assert key.stat().st_mode & 0o077 == 0
    policy = json.loads((tmp_path / "config/trust/policy.json").read_text())
    assert policy["environments"]["prod"]["approvals"] == {"ops": 1}
    assert said(tmp_path, *words)[0] == 2
    assert "already" in said(tmp_path, *words)[2]
    assert said(tmp_path, "keys", "lint")[:2] == (0, "the trust root is sound\n")
    assert said(tmp_path, "keys", "list")[0] == 2, "nothing is protected before it is committed"


def test_a_policy_must_be_about_something(tmp_path):
    code, _, errors = said(tmp_path, "keys", "init", "--principal", ALICE, "--key", str(make_key(tmp_path / "k")))
    assert (code, errors.count("\n")) == (2, 1)
    assert "--role and --job" in errors
    assert not (tmp_path / "config").exists()


def test_what_counts_is_listed_and_not_what_is_proposed(site):
    words = ("init", "--principal", EVE, "--role", "operations", "--key", str(make_key(site.key(EVE))))
    assert keys(site, *words)[0] == 0
    listed = json.loads(keys(site, "list", "--format", "json")[1])
    assert [row["principal"] for row in listed] == [ALICE, BOB]
    assert {row["state"] for row in listed} == {"valid"}
    site.commit_all("eve")
    site.publish()
    assert EVE in keys(site, "list")[1]


def test_a_rotated_key_ends_and_the_new_one_signs(own):
    new = own.place / "keys" / "new"
    code, out, _ = keys(own, "rotate", BOB, "--key", str(new))
    assert code == 0
    assert "signs with SHA256:" in out
    own.commit_all("rotate")
    own.publish()
    states = {(row["principal"], row["state"]) for row in json.loads(keys(own, "list", "--format", "json")[1])}
    assert states == {(ALICE, "valid"), (BOB, "not valid"), (BOB, "valid")}
    code, _, errors = said(
        own.project, "manifest", "verify", str(own.place / "manifest.json"), "--ledger", str(own.ledger)
    )
    assert code == 4
    assert "expired_key" in errors
    assert "has ended" in keys(own, "lint")[1]
    assert keys(own, "rotate", BOB, "--key", str(new))[0] == 2
    assert keys(own, "rotate", "bobb@example.org", "--key", str(new))[0] == 2


def test_a_revoked_key_is_revoked_with_its_reason(site):
    assert keys(site, "revoke", BOB, "--reason", "lost\nlaptop")[0] == 0
    text = (site.project / "config/trust/revoked_keys").read_text()
    assert "# lost laptop\nSHA256:" in text
    code, out, _ = keys(site, "lint")
    assert code == 1
    assert f"{BOB} has no key that counts" in out
    assert "nobody can approve for prod: operations" in out
    code, _, errors = keys(site, "revoke", "nobody", "--reason", "r")
    assert (code, errors.count("\n")) == (2, 1)


@pytest.mark.parametrize(
    ("change", "said_of_it"),
    [
        (lambda policy: policy["principals"][BOB].update(roles=[]), "approves nothing"),
        (lambda policy: policy["principals"][BOB].update(roles=["operation"]), "no environment asks for the role"),
        (lambda policy: policy["environments"]["prod"].update(approvals={"operations": 2}), "nobody can approve"),
        (lambda policy: policy["principals"].update({EVE: {"roles": ["operations"]}}), f"{EVE} has no key"),
    ],
)
def test_lint_says_what_cannot_work(site, change, said_of_it):
    policy = site.policy
    change(policy)
    site.set_policy(policy)
    code, out, _ = keys(site, "lint")
    assert code == 1
    assert said_of_it in out


def test_lint_knows_weak_and_ending_keys(site, tmp_path):
    subprocess.run(["ssh-keygen", "-q", "-t", "rsa", "-b", "2048", "-N", "", "-f", str(tmp_path / "rsa")], check=True)
    words = ("init", "--principal", EVE, "--role", "operations", "--key", str(tmp_path / "rsa"))
    assert keys(site, *words)[0] == 0
    assert "RSA with fewer than 3,072 bits" in keys(site, "lint")[1]
    path = site.project / "config/trust/allowed_signers"
    soon = f"{datetime.now(UTC).year}1231Z"
    path.write_text(path.read_text().replace(" ssh-ed25519", f',valid-before="{soon}" ssh-ed25519', 1))
    assert "rotate it" in keys(site, "lint")[1]


def test_a_broken_trust_root_is_told_with_its_line(site):
    path = site.project / "config/trust/allowed_signers"
    path.write_text(path.read_text() + "* ssh-ed25519 AAAA\n")
    code, _, errors = keys(site, "lint")
    assert (code, errors.count("\n")) == (4, 1)
    assert "config/trust/allowed_signers:3" in errors


def test_an_agent_signs_without_the_private_key_being_read(own, monkeypatch):
    """The key file is gone from where it was; only the agent has it."""
    started = subprocess.run(["ssh-agent", "-s"], capture_output=True, text=True, check=True).stdout
    socket, pid = started.split("SSH_AUTH_SOCK=")[1].split(";")[0], started.split("SSH_AGENT_PID=")[1].split(";")[0]
    monkeypatch.setenv("SSH_AUTH_SOCK", socket)
    monkeypatch.setenv("SSH_AGENT_PID", pid)
    try:
        subprocess.run(["ssh-add", "-q", str(own.key(BOB))], check=True)
        own.key(BOB).unlink()
        path = own.place / "again.json"
        own.run("manifest", "build", "-o", str(path))
        own.run("manifest", "sign", str(path), "--key", str(own.key(ALICE)))
        told = own.run("manifest", "sign", str(path), "--key", f"{own.key(BOB)}.pub")
        assert "approved" in told
        assert "may be deployed" in own.run("manifest", "verify", str(path))
    finally:
        subprocess.run(["ssh-agent", "-k"], capture_output=True, check=False)
    monkeypatch.delenv("SSH_AUTH_SOCK")
    code, _, errors = said(
        own.project, "manifest", "sign", str(path), "--key", f"{own.key(BOB)}.pub", "--ledger", str(own.ledger)
    )
    assert (code, errors.count("\n")) == (2, 1)
    assert "no ssh-agent is at hand" in errors


def test_a_key_that_cannot_be_used_is_one_sentence(own):
    path = str(own.place / "manifest.json")
    (own.place / "broken").write_text("no key")
    (own.place / "broken.pub").write_text(own.key(BOB).with_name(f"{BOB}.pub").read_text())
    for key in (own.place / "nowhere", own.place / "broken"):
        code, _, errors = said(own.project, "manifest", "sign", path, "--key", str(key), "--ledger", str(own.ledger))
        assert (code, errors.count("\n")) == (2, 1), errors
    stranger = make_key(own.place / "stranger")
    code, _, errors = said(own.project, "manifest", "sign", path, "--key", str(stranger), "--ledger", str(own.ledger))
    assert code == 4
    assert "unknown_key" in errors
