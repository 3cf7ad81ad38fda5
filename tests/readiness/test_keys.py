"""``keys``: people, keys and roles as files that a pull request proposes."""

import json
import subprocess
from datetime import UTC, datetime

import pytest

from ledger.attestation import signed_text, signer_of_text
from ledger.attestation.agent import agent_with
from ledger.service.trust.root import trusted
from ledger.trust.keys import CHECKPOINT_NAMESPACE, MANIFEST_NAMESPACE
from ledger.trust.refusal import RefusedError
from tests.readiness.site import ALICE, BOB, EVE, JOB, git, make_key, said


def keys(site, *words: str) -> tuple[int, str, str]:
    return said(site.project, "keys", *words)


def test_a_first_key_makes_a_trust_root_and_says_what_to_do(tmp_path):
    project = tmp_path / "project"
    project.mkdir()
    git(project, "init", "-q", "-b", "main")
    key = tmp_path / "home" / "key"
    named = ("keys", "init", "--principal", ALICE, "--role", "ops", "--job", JOB, "--key", str(key))
    words = (*named, "--no-passphrase")
    code, out, errors = said(project, *words)
    assert (code, errors) == (0, "")
    assert "merged to the protected ref" in out
    assert key.exists()
    assert key.stat().st_mode & 0o077 == 0
    policy = json.loads((project / "config/trust/policy.json").read_text())
    assert policy["environments"]["prod"]["approvals"] == {"ops": 1}
    assert said(project, *words)[0] == 2
    assert "already" in said(project, *words)[2]
    assert said(project, "keys", "lint")[:2] == (0, "the trust root is sound\n")
    assert said(project, "keys", "list")[0] == 2, "nothing is protected before it is committed"


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
    code, out, _ = keys(own, "rotate", BOB, "--key", str(new), "--no-passphrase")
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
    code, out, errors = keys(site, "lint")
    assert (code, errors) == (1, "")
    assert out.startswith("config/trust/allowed_signers:3 must begin with one principal")


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


def test_the_agent_at_hand_signs_and_no_file_is_opened(own, monkeypatch):
    """What the private key was is not readable any more, and would be refused if somebody opened it."""
    bob = own.key(BOB)
    path = own.place / "again.json"
    with agent_with(bob) as environment:
        monkeypatch.setenv("SSH_AUTH_SOCK", environment["SSH_AUTH_SOCK"])
        bob.write_text("no key")
        own.run("manifest", "build", "-o", str(path))
        own.run("manifest", "sign", str(path), "--key", str(own.key(ALICE)))
        assert "approved" in own.run("manifest", "sign", str(path), "--key", str(bob))
    assert "may be deployed" in own.run("manifest", "verify", str(path))
    monkeypatch.delenv("SSH_AUTH_SOCK")
    with agent_with(own.key(ALICE)) as environment:
        monkeypatch.setenv("SSH_AUTH_SOCK", environment["SSH_AUTH_SOCK"])
        words = ("manifest", "sign", str(path), "--key", f"{bob}.pub", "--ledger", str(own.ledger))
        code, _, errors = said(own.project, *words)
        assert (code, errors.count("\n")) == (2, 1)
        assert "the ssh-agent at hand does not hold it" in errors


def test_a_private_key_is_never_in_the_repository(site):
    inside = site.project / "keys" / "eve"
    code, _, errors = keys(site, "init", "--principal", EVE, "--role", "operations", "--key", str(inside))
    assert (code, errors.count("\n")) == (2, 1)
    assert "is in the repository, where a private key would be committed" in errors
    make_key(inside)
    assert keys(site, "rotate", BOB, "--key", str(inside))[0] == 2
    assert keys(site, "init", "--principal", EVE, "--role", "operations", "--key", f"{inside}.pub")[0] == 0


def test_the_list_marks_what_the_work_tree_changes(site):
    prints = {row["principal"]: row["fingerprint"] for row in json.loads(keys(site, "list", "--format", "json")[1])}
    eve = make_key(site.key(EVE))
    assert keys(site, "init", "--principal", EVE, "--role", "operations", "--key", str(eve))[0] == 0
    assert keys(site, "revoke", BOB, "--reason", "left")[0] == 0
    assert keys(site, "rotate", ALICE, "--key", str(make_key(site.key("alice2"))), "--overlap", "7d")[0] == 0
    rows = {row["principal"]: row["work_tree"] for row in json.loads(keys(site, "list", "--format", "json")[1])}
    assert rows == {ALICE: "changed", BOB: "revoked"}
    shown = keys(site, "list")[1]
    assert f"{prints[BOB]}  (revoked in the work tree)\n" in shown
    assert shown.count("\nadded in the work tree: SHA256:") == 2
    (site.project / "config/trust/allowed_signers").write_text("nonsense\n")
    code, out, errors = keys(site, "list")
    assert (code, "in the work tree" in out) == (0, False)
    assert errors.startswith("the work tree is not compared: config/trust/allowed_signers:1")


def test_an_overlap_lets_both_keys_sign_and_is_no_problem(own):
    new = make_key(own.place / "keys" / "new")
    assert keys(own, "rotate", BOB, "--key", str(new), "--overlap", "7d")[0] == 0
    assert keys(own, "lint")[:2] == (0, "the trust root is sound\n")
    own.commit_all("rotate")
    own.publish()
    states = [(row["principal"], row["state"]) for row in json.loads(keys(own, "list", "--format", "json")[1])]
    assert sorted(states) == [(ALICE, "valid"), (BOB, "valid"), (BOB, "valid")]


def test_a_key_can_be_revoked_that_nobody_has_and_then_not_be_added(site):
    eve = make_key(site.key(EVE))
    told = subprocess.run(["ssh-keygen", "-l", "-f", str(eve)], capture_output=True, text=True, check=True).stdout
    name = told.split()[1]
    assert keys(site, "revoke", name, "--reason", "found\x1b[31m on the net")[0] == 0
    assert f"# found [31m on the net\n{name}\n" in (site.project / "config/trust/revoked_keys").read_text()
    assert "revoked already" in keys(site, "revoke", name, "--reason", "again")[2]
    code, _, errors = keys(site, "init", "--principal", EVE, "--role", "operations", "--key", str(eve))
    assert (code, "is revoked in" in errors) == (2, True)
    code, _, errors = keys(site, "rotate", BOB, "--key", str(eve))
    assert (code, "is revoked in" in errors) == (2, True)


@pytest.mark.parametrize(
    "words",
    [
        ("init", "--principal", "*", "--role", "operations"),
        ("init", "--principal", f"{EVE},{BOB}", "--role", "operations"),
        ("init", "--principal", EVE, "--role", "two words"),
        ("rotate", "bobb@example.org"),
    ],
)
def test_what_is_wrong_is_told_and_changes_nothing(site, words):
    eve = make_key(site.key(EVE))
    before = {path.name: path.read_bytes() for path in (site.project / "config/trust").iterdir()}
    code, out, errors = keys(site, *words, "--key", str(eve))
    assert (code, out, errors.count("\n")) == (2, "", 1)
    assert {path.name: path.read_bytes() for path in (site.project / "config/trust").iterdir()} == before


def test_lint_tells_every_problem_at_once(site):
    path = site.project / "config/trust/allowed_signers"
    alice, bob = path.read_text().splitlines()
    other = " ".join(make_key(site.key(EVE)).with_name(f"{EVE}.pub").read_text().split()[:2])
    bad = (
        alice.replace(ALICE, EVE),
        f"* {other}",
        f"{EVE} {other}",
        f'{EVE} cert-authority,namespaces="x" {other}',
        f'{EVE} namespaces="git" {other}',
    )
    path.write_text("\n".join([alice, bob.replace(BOB, BOB.upper()), *bad]) + "\n")
    (site.project / "config/trust/revoked_keys").write_text("who\n")
    policy = site.policy
    policy["principals"][BOB.upper()] = {"roles": ["oprations"]}
    site.set_policy(policy)
    code, out, errors = keys(site, "lint")
    assert (code, errors) == (1, "")
    for part in (
        f"allowed_signers:3 has the key of {ALICE} again",
        "allowed_signers:4 must begin with one principal",
        "allowed_signers:5 must say what the key is for",
        "allowed_signers:6 has option cert-authority",
        "revoked_keys:1 is neither",
        "has none of the namespaces that are signed here",
        f"the policy gives {EVE} no role",
        f"{BOB} has no key that counts",
        f"{BOB} is spelled {BOB.upper()} as well",
        "no environment asks for the role 'oprations'",
        "nobody can approve for prod: operations",
    ):
        assert part in out
    for name in ("allowed_signers", "revoked_keys", "policy.json"):
        (site.project / "config/trust" / name).unlink()
        assert f"config/trust has no {name}" in keys(site, "lint")[1]


def test_a_text_is_signed_by_the_same_keys_and_rules(own):
    checkpoint = own.run("ledger", "checkpoint").encode()
    signature = signed_text(checkpoint, own.key(ALICE), CHECKPOINT_NAMESPACE)
    root, now = trusted(own.project).root, datetime.now(UTC)
    found = signer_of_text(checkpoint, signature, root, CHECKPOINT_NAMESPACE, now, "the checkpoint")
    assert (found.principal, found.roles) == (ALICE, ("engineering",))
    stranger = signed_text(checkpoint, make_key(own.key(EVE)), CHECKPOINT_NAMESPACE)
    for text, made, namespace, reason in (
        (checkpoint + b"x", signature, CHECKPOINT_NAMESPACE, "bad_signature"),
        (checkpoint, signature, MANIFEST_NAMESPACE, "namespace"),
        (checkpoint, "no signature", CHECKPOINT_NAMESPACE, "bad_signature"),
        (checkpoint, "", CHECKPOINT_NAMESPACE, "bad_signature"),
        (checkpoint, stranger, CHECKPOINT_NAMESPACE, "unknown_key"),
    ):
        with pytest.raises(RefusedError) as refused:
            signer_of_text(text, made, root, namespace, now, "the checkpoint")
        assert refused.value.reason == reason
    (own.place / "signature").write_text(signature)
    words = ["ssh-keygen", "-Y", "verify", "-f", str(own.project / "config/trust/allowed_signers"), "-I", ALICE]
    words += ["-n", CHECKPOINT_NAMESPACE, "-s", str(own.place / "signature")]
    assert subprocess.run(words, input=checkpoint, capture_output=True, check=False).returncode == 0
