"""Every way to get past a verifier that we know: each is refused, for its own reason, and nothing is deployed."""

import base64
import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest
import rfc8785

from ledger.trust.envelope import LARGEST_BYTES
from tests.readiness.forging import (
    document_of,
    envelope_of,
    only,
    over_bare_payload,
    reason_in,
    resigned,
    shell,
    signed_as,
    with_text,
    written,
)
from tests.readiness.site import ALICE, BOB, EVE, ROLES, Site, approved, git, make_key, said


class Case(NamedTuple):
    """A forgery: its reason, what makes it of a site, and whether the shell verifier can know."""

    reason: str
    make: Callable[[Site], Path]
    in_shell: bool = True
    words: tuple[str, ...] = ()


def text(change: Callable[[str], str]) -> Callable[[Site], Path]:
    return lambda site: with_text(site, change)


def statement(change: Callable[[dict], object]) -> Callable[[Site], Path]:
    return lambda site: resigned(site, lambda document: change(document) and None)


def predicate(**changed) -> Callable[[Site], Path]:
    return statement(lambda document: document["predicate"].update(changed))


def item(name: str, **changed) -> Callable[[Site], Path]:
    def change(document):
        found = next(one for one in document["predicate"]["checklist"] if one["name"] == name)
        found.update(changed)

    return statement(change)


def baselines(change: Callable[[dict], object]) -> Callable[[Site], Path]:
    return statement(lambda document: change(document["predicate"]["baselines"]))


def times(verified_s: float, expires_s: float) -> Callable[[Site], Path]:
    def spelled(seconds: float) -> str:
        return (datetime.now(UTC) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")

    return predicate(timeVerified=spelled(verified_s), expires=spelled(expires_s))


def payload_text(change: Callable[[bytes], bytes]) -> Callable[[Site], Path]:
    return lambda site: signed_as(site, change(envelope_of(site).payload))


def altered_payload(site: Site) -> Path:
    document = document_of(site)
    document["predicate"]["environment"] = "test"
    encoded = base64.b64encode(json.dumps(document).encode()).decode()
    return with_text(site, lambda text: json.dumps({**json.loads(text), "payload": encoded}))


def by_eve(site: Site) -> Path:
    return signed_as(site, envelope_of(site).payload, (make_key(site.place / "keys" / "eve"), site.key(BOB)))


def swapped(entry: dict) -> None:
    first, second = sorted(entry)[:2]
    entry[first], entry[second] = entry[second], entry[first]


def in_payload(text: str, old: str, new: str) -> str:
    """Return the text of an envelope with its payload's base64 changed."""
    document = json.loads(text)
    assert old in document["payload"] or old == ""
    document["payload"] = document["payload"].replace(old, new, 1) if old else new + document["payload"]
    return json.dumps(document)


UNCHANGED = {
    "a missing manifest": Case("manifest_missing", lambda site: site.place / "nowhere.json"),
    "a file too large": Case("too_large", text(lambda told: told + " " * LARGEST_BYTES)),
    "a bare statement": Case("not_an_envelope", lambda site: written(site, envelope_of(site).payload)),
    "no JSON": Case("not_an_envelope", text(lambda told: told[:-20])),
    "a member more": Case("not_an_envelope", text(lambda told: told.replace("{", '{"key": "k",', 1))),
    "no signatures": Case("unsigned", lambda site: only(site, "nobody")),
    "another payload type": Case("payload_type", text(lambda told: told.replace("vnd.in-toto+json", "json"))),
    "a key twice": Case("duplicate_key", text(lambda told: told.replace("{", '{"payload": "e30=",', 1))),
    "a second document": Case("trailing_data", text(lambda told: told + "{}")),
    "base64 with a line feed": Case("base64", text(lambda told: in_payload(told, "", "e30K\n"))),
    "base64 for addresses": Case("base64", text(lambda told: in_payload(told, "", "-_-_"))),
    "base64 without padding": Case("base64", text(lambda told: told.replace('=="', '"'))),
    "a wrong key": Case("unknown_key", by_eve),
    "a payload altered": Case("bad_signature", altered_payload),
    "signatures over the bare payload": Case("bad_signature", over_bare_payload),
    "a signature for commits": Case(
        "namespace", lambda site: signed_as(site, envelope_of(site).payload, namespace="git")
    ),
    "one approver": Case("threshold", lambda site: signed_as(site, envelope_of(site).payload, (site.key(ALICE),))),
    "one key in both forms": Case(
        "threshold", lambda site: only(site, *(one.keyid for one in envelope_of(site).signatures[:2]))
    ),
    "raw signatures alone": Case("bad_signature", lambda site: only(site, "SHA256:")),
    "another spelling": Case(
        "not_canonical", payload_text(lambda payload: json.dumps(json.loads(payload), indent=1).encode())
    ),
    "a key twice in the payload": Case("duplicate_key", payload_text(lambda payload: b'{"_type":"x",' + payload[1:])),
    "a payload with more behind": Case("trailing_data", payload_text(lambda payload: payload + b"{}")),
    "another statement": Case(
        "statement", statement(lambda told: told.update(_type="https://in-toto.io/Statement/v0.1"))
    ),
    "a member missing": Case("statement", statement(lambda told: told["predicate"].pop("verifier"))),
    "a member unknown": Case("statement", predicate(approved=True)),
    "another predicate": Case("predicate_type", statement(lambda told: told.update(predicateType="urn:other"))),
    "two subjects": Case(
        "subjects", statement(lambda told: told["subject"].append({"name": "z", "digest": {"sha256": "0" * 64}}))
    ),
    "another artefact": Case("subjects", statement(lambda told: told["subject"][0]["digest"].update(sha256="0" * 64))),
    "another commit": Case("commit", predicate(commit="a" * 40, resourceUri=f"git:{'a' * 40}")),
    "another environment": Case("environment", predicate(environment="test")),
    "expired": Case("expired", times(-7200, -1)),
    "from the future": Case("from_the_future", times(7200, 9000)),
    "valid for too long": Case("validity", times(-5, 86_400 * 3)),
    "a weaker policy": Case(
        "policy", statement(lambda told: told["predicate"]["policy"]["digest"].update(sha256="0" * 64))
    ),
    "a result that failed": Case("failed", predicate(verificationResult="FAILED")),
    "a failed item under a good result": Case("critical_item", item("no_regression", holds=False)),
    "a required item that only advises": Case("critical_item", item("quality_gates", critical=False)),
    "a failed item of its own": Case("critical_item", item("trends_hold", critical=True, holds=False)),
    "a required item dropped": Case("items", statement(lambda told: told["predicate"]["checklist"].pop(0))),
    "an item repeated": Case(
        "items", statement(lambda told: told["predicate"]["checklist"].append(told["predicate"]["checklist"][0]))
    ),
    "baselines swapped": Case("baselines", baselines(swapped)),
    "a baseline left out": Case("baselines", baselines(lambda told: told.popitem())),
    "a baseline elsewhere": Case("baseline_path", baselines(lambda told: told.update({"../x.json": "0" * 64}))),
    "a baseline from the root": Case("baseline_path", baselines(lambda told: told.update({"/etc/x.json": "0" * 64}))),
    "another checkpoint": Case(
        "checkpoint", statement(lambda told: told["predicate"]["ledger"].update(root="0" * 64)), in_shell=False
    ),
    "a larger checkpoint": Case(
        "checkpoint", statement(lambda told: told["predicate"]["ledger"].update(size=10**6)), in_shell=False
    ),
    "another ledger": Case(
        "checkpoint",
        statement(lambda told: told["predicate"]["ledger"].update(origin="dagster-ledger/other")),
        in_shell=False,
    ),
    "another manifest before": Case(
        "previous",
        statement(
            lambda told: told["predicate"].update(
                previous={"sha256": "0" * 64, "ledger": told["predicate"]["ledger"] | {"size": 1}}
            )
        ),
        in_shell=False,
    ),
    "a forged checklist": Case(
        "replay", item("smoke_tests", sentence="all is well"), in_shell=False, words=("--replay",)
    ),
}
"""Forgeries that leave repository and ledger as they are."""


def test_the_good_manifest_is_taken_by_both(signed_site):
    path = signed_site.place / "manifest.json"
    for words in ((), ("--replay",)):
        assert "may be deployed to prod" in signed_site.run("manifest", "verify", str(path), *words)


@pytest.mark.parametrize("name", UNCHANGED)
def test_a_forgery_is_refused_for_its_own_reason(own, name):
    case = UNCHANGED[name]
    path = case.make(own)
    code, out, errors = said(own.project, "manifest", "verify", str(path), *case.words, "--ledger", str(own.ledger))
    assert (code, reason_in(errors)) == (4, case.reason), errors
    assert not out
    assert len(errors.splitlines()) == 1
    explained = said(own.project, "manifest", "explain", str(path), *case.words, "--ledger", str(own.ledger))
    assert explained[0] == 4
    assert f"refused ({case.reason})" in explained[1]
    assert "REFUSED" in explained[1]


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name, case in UNCHANGED.items() if case.in_shell])
def test_the_shell_verifier_refuses_it_for_the_same_reason(own, name):
    case = UNCHANGED[name]
    assert shell(own, case.make(own)) == (4, case.reason)


@pytest.mark.slow
def test_the_shell_verifier_takes_the_good_one_and_holds_it_against_a_checkpoint(own):
    path, kept = own.place / "manifest.json", own.place / "checkpoint"
    stood = document_of(own)["predicate"]["ledger"]
    root = base64.b64encode(bytes.fromhex(stood["root"])).decode()
    kept.write_text(f"{stood['origin']}\n{stood['size']}\n{root}\n")
    code, told = shell(own, path, "-c", str(kept))
    assert code == 0, told
    assert own.commit in told
    kept.write_text(f"{stood['origin']}\n{stood['size'] + 1}\n{root}\n")
    assert shell(own, path, "-c", str(kept)) == (4, "checkpoint")
    assert shell(own, path, "-e", "elsewhere") == (4, "environment")


def refused(site: Site, path: Path, *words: str) -> str:
    code, _, errors = said(site.project, "manifest", "verify", str(path), *words, "--ledger", str(site.ledger))
    assert code == 4, errors
    return reason_in(errors)


def both_refuse(site: Site, path: Path) -> str:
    reason = refused(site, path)
    assert shell(site, path) == (4, reason)
    return reason


def protect(site: Site, change: Callable[[Path], None]) -> None:
    """Change the trust root on the protected ref, and on nothing else."""
    other = site.place / "elsewhere"
    git(site.place, "clone", "-q", str(site.place / "origin.git"), str(other))
    change(other / "config" / "trust")
    git(other, "commit", "-q", "-a", "-m", "trust")
    git(other, "push", "-q", "origin", "HEAD:main")
    git(site.project, "fetch", "-q", "origin")


@pytest.mark.slow
def test_a_revoked_and_an_ended_key_count_for_nothing(own):
    path = own.place / "manifest.json"
    known = json.loads(said(own.project, "keys", "list", "--format", "json")[1])
    print_of_bob = next(row["fingerprint"] for row in known if row["principal"] == BOB)
    protect(own, lambda trust: (trust / "revoked_keys").write_text(f"{print_of_bob}\n") and None)
    assert both_refuse(own, path) == "revoked_key"


@pytest.mark.slow
def test_a_key_that_has_ended_is_refused(own):
    def end(trust: Path) -> None:
        lines = (trust / "allowed_signers").read_text().splitlines()
        ended = [line.replace(" ssh-", ',valid-before="20200101Z" ssh-', 1) if BOB in line else line for line in lines]
        (trust / "allowed_signers").write_text("\n".join(ended) + "\n")

    protect(own, end)
    assert both_refuse(own, own.place / "manifest.json") == "expired_key"


@pytest.mark.slow
def test_one_person_with_two_keys_is_one_person(own):
    second = make_key(own.place / "keys" / "alice2")
    line = " ".join(second.with_name("alice2.pub").read_text().split()[:2])

    def add(trust: Path) -> None:
        named = f'{ALICE} namespaces="dagster-ledger-manifest@v1" {line}\n'
        (trust / "allowed_signers").write_text((trust / "allowed_signers").read_text() + named)

    protect(own, add)
    path = signed_as(own, envelope_of(own).payload, (own.key(ALICE), second))
    assert both_refuse(own, path) == "threshold"


@pytest.mark.slow
def test_a_pull_request_that_adds_its_own_key_changes_nothing(own):
    make_key(own.key(EVE))
    words = (
        "keys",
        "init",
        "--principal",
        EVE,
        "--role",
        ROLES[ALICE],
        "--role",
        ROLES[BOB],
        "--key",
        str(own.key(EVE)),
    )
    assert said(own.project, *words)[0] == 0
    commit = own.commit_all("let me in")
    path = resigned(
        own, lambda told: told["predicate"].update(commit=commit, resourceUri=f"git:{commit}"), (own.key(EVE),)
    )
    assert both_refuse(own, path) == "unknown_key"
    assert "not ready" in own.run("readiness", "check", code=1).lower()


def test_a_pull_request_that_loosens_the_policy_changes_nothing(own):
    policy = own.policy
    policy["environments"]["prod"] |= {"required_items": ["clean_tree"], "approvals": {ROLES[ALICE]: 1}}
    own.set_policy(policy)
    own.commit_all("less to do")
    checked = json.loads(own.run("readiness", "check", "--format", "json", code=1))
    assert "smoke_tests" in checked["blockers"]


@pytest.mark.slow
def test_changed_files_are_refused(own):
    path = own.place / "manifest.json"
    base = own.project / "config" / "base.yaml"
    base.write_text(base.read_text() + "# more\n")
    assert both_refuse(own, path) == "dirty"
    git(own.project, "checkout", "-q", "--", ".")
    baseline = next((own.project / "baselines").glob("*/*.json"))
    git(own.project, "update-index", "--assume-unchanged", str(baseline.relative_to(own.project)))
    baseline.write_text(baseline.read_text() + " ")
    assert both_refuse(own, path) == "dirty"


@pytest.mark.slow
def test_a_baseline_that_is_a_link_is_refused(own):
    baseline = next((own.project / "baselines").glob("*/*.json"))
    kept = own.place / "kept.json"
    baseline.rename(kept)
    git(own.project, "update-index", "--assume-unchanged", str(baseline.relative_to(own.project)))
    baseline.symlink_to(kept)
    assert refused(own, own.place / "manifest.json") in {"baselines", "dirty"}
    assert shell(own, own.place / "manifest.json") == (4, "baselines")


@pytest.mark.slow
def test_replaced_objects_grafts_and_variables_of_git_fool_nobody(own, monkeypatch, tmp_path):
    path = own.place / "manifest.json"
    tree = git(own.project, "mktree", "--missing")
    other = git(own.project, "commit-tree", tree, "-m", "nothing")
    git(own.project, "replace", own.commit, other)
    (own.project / ".git" / "info" / "grafts").write_text(f"{own.commit}\n")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "nowhere"))
    monkeypatch.setenv("GIT_WORK_TREE", str(tmp_path))
    assert said(own.project, "manifest", "verify", str(path), "--replay", "--ledger", str(own.ledger))[0] == 0
    assert shell(own, path)[0] == 0


@pytest.mark.slow
def test_a_tag_cannot_stand_in_for_the_protected_ref(own):
    make_key(own.key(EVE))
    said(own.project, "keys", "init", "--principal", EVE, "--role", ROLES[ALICE], "--key", str(own.key(EVE)))
    commit = own.commit_all("let me in")
    git(own.project, "tag", "origin/main", commit)
    path = resigned(
        own, lambda told: told["predicate"].update(commit=commit, resourceUri=f"git:{commit}"), (own.key(EVE),)
    )
    code, _, errors = said(
        own.project, "manifest", "verify", str(path), "--protected-ref", "origin/main", "--ledger", str(own.ledger)
    )
    assert (code, reason_in(errors)) == (4, "unknown_key")
    assert shell(own, path, "-r", "origin/main") == (4, "unknown_key")


def test_an_altered_a_torn_and_a_dropped_event_are_refused(own, tmp_path):
    path = own.place / "manifest.json"
    target = next(
        file
        for file in sorted(own.ledger.rglob("*.parquet"))
        if file.stat().st_size > 500 and "leaves" not in file.parts
    )
    data = target.read_bytes()
    for name, changed in (
        ("flipped", data[:200] + bytes([data[200] ^ 1]) + data[201:]),
        ("torn", data[: len(data) // 2]),
        ("dropped", None),
    ):
        target.unlink()
        if changed is not None:
            target.write_bytes(changed)
        assert refused(own, path) == "ledger", name
        target.write_bytes(data)
    assert said(own.project, "manifest", "verify", str(path), "--ledger", str(own.ledger))[0] == 0


def test_a_ledger_that_was_written_anew_is_refused(own):
    kept = own.ledger / "FORMAT"
    told = kept.read_text()
    shutil.rmtree(own.ledger)
    own.store()
    kept.write_text(told)
    own.runs(0, 25, own.commit)
    own.smoke(own.commit)
    own.run("ledger", "seal")
    assert refused(own, own.place / "manifest.json") in {"checkpoint", "ledger"}


def test_a_failure_since_is_refused_and_other_growth_is_not(own):
    path = own.place / "manifest.json"
    own.runs(25, 2, "b" * 40)
    own.checked("run-024", 0.95, hours=60)
    assert "may be deployed" in own.run("manifest", "verify", str(path), "--replay")
    own.checked("run-024", 0.1, hours=61)
    assert refused(own, path) == "growth"


@pytest.mark.slow
def test_the_next_manifest_continues_from_the_accepted_one(own):
    first = envelope_of(own)
    path = own.place / "next.json"
    own.run("manifest", "build", "-o", str(path))
    document = json.loads(base64.b64decode(json.loads(path.read_text())["payload"]))
    previous = document["predicate"]["previous"]
    assert previous["ledger"] == json.loads(first.payload)["predicate"]["ledger"]
    for principal in ROLES:
        own.run("manifest", "sign", str(path), "--key", str(own.key(principal)))
    assert "may be deployed" in own.run("manifest", "verify", str(path), "--replay")
    forged = signed_as(own, path_without_previous(path))
    assert refused(own, forged) == "previous"


def path_without_previous(path: Path) -> bytes:
    document = json.loads(base64.b64decode(json.loads(path.read_text())["payload"]))
    document["predicate"]["previous"] = None
    return rfc8785.dumps(document)


@pytest.mark.slow
def test_artefacts_are_what_is_deployed(site):
    wheel = site.place / "app.whl"
    wheel.write_bytes(b"one")
    path = approved(site, "--artifact", str(wheel))
    assert "may be deployed" in site.run("manifest", "verify", str(path), "--artifact", str(wheel))
    assert shell(site, path, "-a", str(wheel))[0] == 0
    assert refused(site, path) == "subjects"
    wheel.write_bytes(b"two")
    assert refused(site, path, "--artifact", str(wheel)) == "subjects"
    assert shell(site, path, "-a", str(wheel)) == (4, "subjects")


@pytest.mark.slow
def test_a_command_is_run_only_behind_a_manifest_that_holds(own):
    done = own.place / "deployed"
    guard = ("readiness", "guard", "--manifest", str(own.place / "manifest.json"))
    deploy = ("--", "sh", "-c", f"echo yes > {done}; exit 7")
    assert own.program(*guard, *deploy).returncode == 7
    assert done.read_text() == "yes\n"
    done.unlink()
    forged = item("no_regression", holds=False)(own)
    refused_by = own.program("readiness", "guard", "--manifest", str(forged), *deploy)
    assert (refused_by.returncode, reason_in(refused_by.stderr)) == (4, "critical_item")
    claimed = str(item("smoke_tests", sentence="all is well")(own))
    refused_by = own.program("readiness", "guard", "--manifest", claimed, *deploy)
    assert (refused_by.returncode, reason_in(refused_by.stderr)) == (4, "replay")
    assert own.program("readiness", "guard", "--manifest", "nowhere", *deploy).returncode == 4
    assert own.program(*guard, "--environment", "elsewhere", *deploy).returncode == 4
    assert own.program(*guard, "--", "no-such-command-anywhere").returncode == 2
    assert not done.exists()


def test_no_openssh_is_one_sentence(own, monkeypatch):
    git_only = own.place / "bin"
    git_only.mkdir()
    (git_only / "git").symlink_to(shutil.which("git"))
    monkeypatch.setenv("PATH", str(git_only))
    code, _, errors = said(
        own.project, "manifest", "verify", str(own.place / "manifest.json"), "--ledger", str(own.ledger)
    )
    assert (code, len(errors.splitlines())) == (5, 1)
    assert "not installed" in errors
