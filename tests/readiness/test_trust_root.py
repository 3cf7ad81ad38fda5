"""A doubtful trust root is none: both verifiers refuse what it would have approved, and revocations never fall away."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.readiness.forging import reason_in, shell
from tests.readiness.site import ALICE, BOB, git, said

Change = Callable[[Path], object]


def lines(name: str, change: Callable[[str], str]) -> Change:
    return lambda trust: (trust / name).write_text(change((trust / name).read_text()))


def signers(old: str, new: str) -> Change:
    return lines("allowed_signers", lambda text: text.replace(old, new, 1))


def policy(change: Callable[[dict], object]) -> Change:
    def write(trust: Path) -> None:
        document = json.loads((trust / "policy.json").read_text())
        change(document)
        (trust / "policy.json").write_text(json.dumps(document))

    return write


def prod(**changed) -> Change:
    return policy(lambda document: document["environments"]["prod"].update(changed))


def linked(name: str) -> Change:
    def link(trust: Path) -> None:
        (trust / name).rename(trust / f"{name}.real")
        (trust / name).symlink_to(f"{name}.real")

    return link


def key_of_both(text: str) -> str:
    return text + text.splitlines()[-1].replace(BOB, "carol@example.org") + "\n"


CASES = {
    "signers_missing": ("no_trust_root", lambda trust: (trust / "allowed_signers").unlink()),
    "signers_linked": ("no_trust_root", linked("allowed_signers")),
    "policy_linked": ("no_trust_root", linked("policy.json")),
    "revoked_missing": ("no_trust_root", lambda trust: (trust / "revoked_keys").unlink()),
    "revoked_linked": ("no_trust_root", linked("revoked_keys")),
    "revoked_doubtful": ("trust_root", lines("revoked_keys", lambda text: f"{text}bob\n")),
    "revoked_cut_short": ("trust_root", lines("revoked_keys", lambda text: f"{text}SHA256:abc\n")),
    "two_persons_one_key": ("trust_root", lines("allowed_signers", key_of_both)),
    "pattern": ("trust_root", signers(ALICE, "*@example.org")),
    "list_of_principals": ("trust_root", signers(ALICE, f"{ALICE},{BOB}")),
    "authority": ("trust_root", signers("namespaces=", "cert-authority,namespaces=")),
    "any_namespace": ("trust_root", signers("dagster-ledger-manifest@v1", "*")),
    "local_time": ("trust_root", signers(" ssh-", ',valid-before="20990101" ssh-')),
    "no_date": ("trust_root", signers(" ssh-", ',valid-before="20991301Z" ssh-')),
    "never_valid": ("trust_root", signers(" ssh-", ',valid-after="20990101Z",valid-before="20980101Z" ssh-')),
    "no_approvals": ("trust_root", prod(approvals={})),
    "none_of_a_role": ("trust_root", prod(approvals={"engineering": 0, "operations": 1})),
    "no_items": ("trust_root", prod(required_items=[])),
    "no_end": ("trust_root", prod(max_age_s=10**9)),
    "unknown_condition": ("trust_root", prod(unless="friday")),
    "other_schema": ("trust_root", policy(lambda document: document.update(schema=2))),
    "schema_true": ("trust_root", policy(lambda document: document.update(schema=True))),
    "key_twice": ("trust_root", lines("policy.json", lambda text: text.replace("{", '{"schema": 1,', 1))),
    "two_policies": ("trust_root", lines("policy.json", lambda text: text * 2)),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_a_doubtful_trust_root_approves_nothing(own, name):
    reason, change = CASES[name]
    other = own.place / "elsewhere"
    git(own.place, "clone", "-q", str(own.place / "origin.git"), str(other))
    change(other / "config" / "trust")
    git(other, "add", "-A")
    git(other, "commit", "-q", "-m", "trust")
    git(other, "push", "-q", "origin", "HEAD:main")
    git(own.project, "fetch", "-q", "origin")
    path = own.place / "manifest.json"
    code, _, errors = said(own.project, "manifest", "verify", str(path), "--ledger", str(own.ledger))
    in_shell = shell(own, path)
    assert (code, in_shell[0]) == (4, 4), (errors, in_shell)
    assert {reason_in(errors), in_shell[1]} <= {reason, "duplicate_key", "trailing_data"}
    assert said(own.project, "keys", "lint", "--protected-ref", "origin/main")[0] == 1


@pytest.mark.slow
def test_what_the_changes_begin_with_is_taken(own):
    path = own.place / "manifest.json"
    assert said(own.project, "manifest", "verify", str(path), "--ledger", str(own.ledger))[0] == 0
    assert shell(own, path)[0] == 0
    assert said(own.project, "keys", "lint", "--protected-ref", "origin/main")[:2] == (0, "the trust root is sound\n")
