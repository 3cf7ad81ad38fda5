"""Verifies readiness manifests: in a fixed order, each step by what the steps before made sure of.

Rules:
- First the file, then whose signatures are on it, then what it says, then what it rests on. The payload is looked at
  only once enough people are known to have signed it.
- What is expected comes from the repository, the protected ref, the clock and whoever asks; nothing from the manifest.
- With ``replay`` the checklist is judged again, on the ledger as it was, and must come out the same byte for byte: who
  holds the keys of CI can sign anything, but not make the ledger say it.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, NoReturn

from ledger import git
from ledger.attestation import Signer, signers
from ledger.checklist import judge
from ledger.checklist.facts import LedgerFact
from ledger.events.codec import from_table
from ledger.manifest import (
    Expected,
    Manifest,
    check_baselines,
    check_fits,
    check_says_yes,
    failures,
    items_of,
    parse_payload,
    told_items,
)
from ledger.manifest.growth import KINDS
from ledger.service.baselines.accepted import DIRECTORY, from_directory, from_ref
from ledger.service.readiness.assessing import commit_at, gathered
from ledger.service.readiness.manifests import anchor_of, last_accepted, read_manifest, subjects_of, with_origin
from ledger.service.readiness.runs import runs_of
from ledger.service.trust.root import Trusted, trusted
from ledger.store.protocol import EventQuery, LedgerView, SealingStore
from ledger.trust.canonical import encode
from ledger.trust.keys import MANIFEST_NAMESPACE
from ledger.trust.policy import EnvironmentPolicy, unmet_roles
from ledger.trust.refusal import RefusedError

STEPS: Final = (
    "the file is an envelope in its one spelling",
    "the trust root is that of the protected ref",
    "every signature is by a key that counts",
    "enough people approved",
    "it is about this commit, environment, artefacts, policy, and now",
    "it says that every critical item holds",
    "the work tree and its baselines are those of the commit",
    "the ledger contains what it stands on, and nothing in it was altered",
    "nothing failed since",
    "the checklist follows from the ledger",
)
"""What is made sure of, in this order; the last only where a replay is asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is to be deployed.

    Attributes:
        path: File of the manifest.
        project: Directory of the project.
        environment: Where to.
        artifacts: Files that are deployed; without any, the archive of the commit.
        commit: Commit or ref; what is checked out when ``None``.
        protected_ref: Where the trust root is read; see ``ledger.service.trust.root``.
        replay: Whether the checklist is judged again.
        at: The moment.
    """

    path: Path
    project: Path
    environment: str
    artifacts: tuple[Path, ...] = ()
    commit: str | None = None
    protected_ref: str | None = None
    replay: bool = False
    at: datetime


@dataclass(frozen=True, slots=True)
class Verified:
    """A manifest that holds: what it says, and who signed it."""

    manifest: Manifest
    signers: tuple[Signer, ...]


def verify(asked: Asked, store: SealingStore, *, passed: Callable[[str], None] = lambda _: None) -> Verified:
    """Return what a manifest says, once everything about it is made sure of.

    Args:
        asked: What is to be deployed.
        store: The ledger.
        passed: Is told each step of ``STEPS`` that is done.

    Raises:
        RefusedError: With the code of the first rule that it breaks.
        ConfigurationError: There is no such commit or protected ref.
        StoreError: Something could not be read.
    """
    steps = iter(STEPS)
    envelope, where = read_manifest(asked.path)
    passed(next(steps))
    trust = trusted(asked.project, asked.protected_ref)
    policy = trust.root.environment(asked.environment)
    passed(next(steps))
    people = signers(envelope, trust.root, MANIFEST_NAMESPACE, asked.at, where)
    passed(next(steps))
    _check_threshold(people, policy, where)
    passed(next(steps))
    manifest = parse_payload(envelope.payload, where)
    commit, dirty = commit_at(asked.project, asked.commit)
    check_fits(manifest, _expected(asked, trust, policy, commit), where)
    passed(next(steps))
    check_says_yes(manifest, policy, where)
    passed(next(steps))
    _check_files(asked.project, manifest, commit, dirty=dirty, where=where)
    passed(next(steps))
    _check_ledger(store, manifest, where)
    _check_anchor(store, manifest, trust, where)
    passed(next(steps))
    store.consult(lambda view: _check_growth(store, view, manifest, policy, where))
    passed(next(steps))
    if asked.replay:
        store.consult(lambda view: _check_replay(store, view, asked.project, manifest, policy, where))
        passed(next(steps))
    return Verified(manifest, people)


def _expected(asked: Asked, trust: Trusted, policy: EnvironmentPolicy, commit: str) -> Expected:
    return Expected(
        commit=commit,
        environment=asked.environment,
        subjects=subjects_of(asked.artifacts, asked.project, commit),
        policy=policy,
        policy_digest=trust.root.policy_digest,
        at=asked.at,
    )


def _check_threshold(people: Sequence[Signer], policy: EnvironmentPolicy, where: str) -> None:
    missing = unmet_roles(policy.approvals, {one.principal: one.roles for one in people})
    if missing:
        signed = ", ".join(one.principal for one in people) or "nobody"
        _refuse("threshold", f"{where} lacks the approval of {', '.join(missing)}; signed by {signed}")


def _check_files(project: Path, manifest: Manifest, commit: str, *, dirty: bool | None, where: str) -> None:
    """Refuse where the files at hand are not those of the commit, or its baselines not those of the manifest."""
    if dirty is not False:
        _refuse("dirty", f"the work tree is not commit {commit[:12]}; check it out and undo all changes")
    committed = _digests(from_ref(project, commit).content)
    check_baselines(manifest, committed, where)
    top = project / DIRECTORY
    linked = [str(path) for path in (top, *top.glob("**/*")) if path.is_symlink()]
    linked += git.odd_entries(project, commit, DIRECTORY) or []
    if linked:
        _refuse("baselines", f"{linked[0]} is no file of its own, as a baseline must be")
    if _digests(from_directory(top).content) != committed:
        _refuse("dirty", f"the files of {DIRECTORY}/ are not those of commit {commit[:12]}")
    # Git can be told to look away (assume-unchanged); the bytes cannot.
    changed = git.changed_files(project, commit)
    if changed is None or changed:
        named = ", ".join(changed[:3]) if changed else "something git cannot tell of"
        _refuse("dirty", f"the work tree differs from commit {commit[:12]} in {named}; undo the change")


def _digests(content: Mapping[str, bytes]) -> dict[str, str]:
    return {path: hashlib.sha256(data).hexdigest() for path, data in content.items()}


def _check_ledger(store: SealingStore, manifest: Manifest, where: str) -> None:
    """Refuse where the ledger was altered, or does not contain what the manifest and the one before stand on."""
    held = store.checkpoint()
    if held.origin != manifest.checkpoint.origin or held.size < manifest.checkpoint.size:
        told = f"{where} stands on {manifest.checkpoint.size:,} appends of {manifest.checkpoint.origin[:60]!r}"
        _refuse("checkpoint", f"{told}, and the ledger at {store.uri} holds {held.size:,} of {held.origin[:60]!r}")
    problems = store.verify().problems
    if problems:
        first = problems[0]
        _refuse("ledger", f"the ledger at {store.uri} was altered: {first.where}: {first.what}")
    if store.verify(expected=manifest.checkpoint, since=held.size).problems:
        _refuse("checkpoint", f"the ledger at {store.uri} does not contain the checkpoint that {where} stands on")
    previous = manifest.previous
    if previous is not None and (
        previous.checkpoint.size > manifest.checkpoint.size
        or store.verify(expected=previous.checkpoint, since=held.size).problems
    ):
        _refuse("previous", f"the ledger at {store.uri} does not continue from the manifest before {where}")
    known = store.consult(lambda view: last_accepted(store.as_of(view, manifest.checkpoint), manifest.environment))
    if with_origin(known, manifest.checkpoint.origin) != previous:
        _refuse("previous", f"{where} does not continue from the manifest that was accepted last before it")


def _check_anchor(store: SealingStore, manifest: Manifest, trust: Trusted, where: str) -> None:
    """Refuse where the ledger does not contain what the protected ref keeps as the manifest accepted last.

    The chain of manifests in the ledger says nothing once the whole ledger was written anew; what is in git stays.
    """
    anchor = anchor_of(trust, manifest.environment)
    if anchor is None:
        return
    at = store.checkpoint().size
    if anchor.size > manifest.checkpoint.size or store.verify(expected=anchor, since=at).problems:
        told = f"{where} does not continue from the {anchor.size:,} appends of the manifest that {trust.ref} keeps"
        _refuse("previous", f"{told} as the one accepted last; the ledger was written anew, or the manifest is older")


def _check_growth(
    store: SealingStore, view: LedgerView, manifest: Manifest, policy: EnvironmentPolicy, where: str
) -> None:
    """Refuse where something in scope failed after the manifest was built."""
    before = store.as_of(view, manifest.checkpoint)
    query = EventQuery(kinds=KINDS)
    known = {(entry.stream, entry.seq) for entry in from_table(before.read(query))}
    since = [entry for entry in from_table(view.read(query)) if (entry.stream, entry.seq) not in known]
    in_scope = {run_id for job in policy.jobs for run_id in runs_of(view, manifest.commit, job)}
    found = failures(since, manifest.commit, in_scope)
    if found:
        _refuse("growth", f"since {where} was built: {found[0]}" + (f", and {len(found) - 1} more" * (len(found) > 1)))


def _check_replay(
    store: SealingStore, view: LedgerView, project: Path, manifest: Manifest, policy: EnvironmentPolicy, where: str
) -> None:
    """Refuse where the checklist, judged again on the ledger as it was, comes out differently."""
    stood, previous = manifest.checkpoint, manifest.previous
    fact = LedgerFact(
        origin=stood.origin,
        size=stood.size,
        root=stood.root,
        previous=None if previous is None else (previous.checkpoint.size, previous.checkpoint.root),
    )
    facts = gathered(
        store.as_of(view, stood),
        project,
        manifest.commit,
        manifest.environment,
        policy,
        at=manifest.verified,
        ledger=fact,
        dirty=False,
    )
    again = items_of(judge(facts, policy.required_items).items)
    if encode(told_items(again)) != encode(told_items(manifest.items)):
        names = [one.name for one, other in zip(again, manifest.items, strict=False) if one != other]
        told = ", ".join(names) or "its items"
        _refuse("replay", f"{where} tells {told} otherwise than the ledger does; whoever signed it did not replay it")


def _refuse(reason: str, message: str) -> NoReturn:
    raise RefusedError(message, reason)
