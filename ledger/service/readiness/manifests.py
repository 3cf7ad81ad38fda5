"""Builds and signs readiness manifests.

Rules:
- A manifest is built of a commit that is ready, with nothing uncommitted, on the sealed ledger; otherwise the checklist
  says what blocks and nothing is written.
- The policy, the keys and the jobs in scope are those of the protected ref.
- Each signature is recorded in the ledger; the newest accepted one is what the next manifest continues from.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from ledger import __version__, git
from ledger.attestation import Signer, signed, signers
from ledger.checklist import Assessment, Facts, judge
from ledger.errors import ConfigurationError, StoreError
from ledger.events import ManifestSigned, StreamId
from ledger.events.checkpoint import Checkpoint
from ledger.events.codec import from_table
from ledger.manifest import ARCHIVE, Manifest, Previous, manifest_of, parse_payload, payload_of
from ledger.service.baselines.accepted import DIRECTORY
from ledger.service.project.clock import Clock, utc_now
from ledger.service.readiness.assessing import commit_at, continued, gathered, ledger_fact
from ledger.service.recording.recorder import StreamRecorder
from ledger.service.trust.root import ACCEPTED, Trusted, trusted
from ledger.store.protocol import EventQuery, LedgerStore, LedgerView, SealingStore
from ledger.trust.envelope import IN_TOTO, Envelope, dump, load
from ledger.trust.keys import MANIFEST_NAMESPACE
from ledger.trust.policy import unmet_roles
from ledger.trust.refusal import RefusedError

TOPIC: Final = "manifest"
_ID_LETTERS: Final = 32


@dataclass(frozen=True, slots=True)
class Judged:
    """A judged commit.

    Attributes:
        facts: What is known of it.
        assessment: How it came out.
        trusted: By whose policy.
        previous: The last accepted manifest for the environment.
    """

    facts: Facts
    assessment: Assessment
    trusted: Trusted
    previous: Previous | None


@dataclass(frozen=True, slots=True)
class Approval:
    """A manifest with one more signature: its envelope, who signed, and the roles that have not approved yet."""

    envelope: Envelope
    signers: tuple[Signer, ...]
    missing: tuple[str, ...]


def judge_commit(
    store: SealingStore,
    project: Path,
    environment: str,
    *,
    commit: str | None = None,
    protected_ref: str | None = None,
    at: datetime,
    seal: bool = True,
) -> Judged:
    """Return the checklist of a commit, on the ledger as it is now.

    Args:
        store: The ledger.
        project: Directory of the project.
        environment: Where the commit is to be deployed.
        commit: A commit or ref; what is checked out when ``None``.
        protected_ref: Where the trust root is read; see ``ledger.service.trust.root``.
        at: The moment that is judged.
        seal: Whether the ledger is sealed first; otherwise only what is sealed already is judged.

    Raises:
        ConfigurationError: There is no such commit or ref, or a file of the commit holds something wrong.
        IntegrityError: A baseline was edited, or the ledger is damaged.
        RefusedError: There is no trust root, or it does not know the environment.
    """
    trust = trusted(project, protected_ref)
    policy = trust.root.environment(environment)
    chosen, dirty = commit_at(project, commit)
    fact = ledger_fact(store, seal=seal)
    known = None if fact.problems else store.consult(lambda view: last_accepted(view, environment))
    previous = with_origin(known, fact.origin)
    fact = continued(store, fact, previous.checkpoint if previous else None, anchor_of(trust, environment))
    stands = Checkpoint(fact.origin, fact.size, fact.root)

    def gather(view: LedgerView) -> Facts:
        """See what the checkpoint covers: what is appended meanwhile is not what a replay would judge."""
        seen = view if fact.problems else store.as_of(view, stands)
        return gathered(seen, project, chosen, environment, policy, at=at, ledger=fact, dirty=dirty)

    facts = store.consult(gather)
    return Judged(facts, judge(facts, policy.required_items), trust, previous)


def last_accepted(view: LedgerView, environment: str) -> Previous | None:
    """Return the newest manifest for an environment that was accepted; its checkpoint has no origin."""
    found = None
    for entry in from_table(view.read(EventQuery(kinds=("manifest_signed",)))):
        event = entry.event
        if isinstance(event, ManifestSigned) and event.accepted and event.environment == environment:
            found = Previous(event.payload_sha256, Checkpoint("", event.ledger_size, event.ledger_root))
    return found


def build(judged: Judged, artifacts: Sequence[Path], project: Path, *, valid_s: int | None = None) -> Envelope:
    """Return the unsigned manifest of a commit that is ready.

    Args:
        judged: The judged commit.
        artifacts: Files that are deployed; without any, the archive of the commit.
        project: Directory of the project.
        valid_s: How long it is valid, seconds; as long as the policy allows when ``None``.

    Raises:
        ConfigurationError: The commit is not ready, or files differ from it, or it would be valid for too long.
        StoreError: An artefact cannot be read.
    """
    found, policy = judged.assessment, judged.trusted.root.environment(judged.assessment.environment)
    if judged.facts.dirty is not False:
        message = f"the work tree is not commit {found.commit[:12]}; check it out and commit or undo all changes first"
        raise ConfigurationError(message)
    linked = git.odd_entries(project, found.commit, DIRECTORY)
    if linked:
        message = f"{linked[0]} is no file of its own in commit {found.commit[:12]}; a baseline must be one"
        raise ConfigurationError(message)
    if not found.ready:
        names = ", ".join(item.name for item in found.blockers)
        message = f"commit {found.commit[:12]} is not ready ({names}); `dagster-ledger readiness check` says what to do"
        raise ConfigurationError(message)
    seconds = policy.max_age_s if valid_s is None else valid_s
    if not 0 < seconds <= policy.max_age_s:
        message = f"a manifest for {found.environment} is valid for at most {policy.max_age_s:,} s; ask for less"
        raise ConfigurationError(message)
    ledger = judged.facts.ledger
    checkpoint = Checkpoint(ledger.origin, ledger.size, ledger.root) if ledger else Checkpoint("")
    manifest = manifest_of(
        found,
        judged.facts,
        subjects=subjects_of(artifacts, project, found.commit),
        expires=found.at + timedelta(seconds=seconds),
        policy_digest=judged.trusted.root.policy_digest,
        checkpoint=checkpoint,
        previous=judged.previous,
        version=__version__,
    )
    return Envelope(IN_TOTO, payload_of(manifest))


def anchor_of(trust: Trusted, environment: str) -> Checkpoint | None:
    """Return the checkpoint of the manifest that the protected ref keeps as the last one accepted, if it keeps one.

    Its signatures are not asked again: what is on the protected ref was reviewed, and keys are replaced in time.

    Raises:
        RefusedError: It is no manifest, or one for another environment.
    """
    data = trust.accepted.get(environment)
    if data is None:
        return None
    where = f"{trust.ref}:{ACCEPTED}/{environment}.json"
    manifest = parse_payload(load(data, where).payload, where)
    if manifest.environment != environment:
        message = f"{where} is a manifest for {manifest.environment!r}; correct it by a pull request"
        raise RefusedError(message, "trust_root")
    return manifest.checkpoint


def with_origin(previous: Previous | None, origin: str) -> Previous | None:
    """Return the last manifest with the name of the ledger, which events do not repeat."""
    if previous is None:
        return None
    known = previous.checkpoint
    return Previous(previous.sha256, Checkpoint(origin, known.size, known.root))


def subjects_of(artifacts: Sequence[Path], project: Path, commit: str) -> dict[str, str]:
    """Return the name of each artefact to its SHA-256 (hex); without any, the archive of the commit.

    Raises:
        ConfigurationError: Two artefacts have one name, or git cannot give the archive.
        StoreError: An artefact cannot be read.
    """
    if not artifacts:
        data = git.archive(project, commit)
        if data is None:
            message = f"git cannot archive {commit[:12]} in {project}; name what is deployed with --artifact"
            raise ConfigurationError(message)
        return {ARCHIVE: hashlib.sha256(data).hexdigest()}
    found: dict[str, str] = {}
    for path in artifacts:
        if path.name in found:
            message = f"two artefacts are called {path.name}; rename one"
            raise ConfigurationError(message)
        try:
            with path.open("rb") as file:
                found[path.name] = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            message = f"cannot read the artefact {path} ({error.strerror}); name another file"
            raise StoreError(message) from error
    return found


def read_manifest(path: Path, *, to_sign: bool = False) -> tuple[Envelope, str]:
    """Return the envelope in a file, and what to call it.

    Raises:
        RefusedError: ``manifest_missing``, or what ``ledger.trust.envelope.load`` refuses.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        message = f"there is no manifest at {path} ({error.strerror}); build one with `dagster-ledger manifest build`"
        raise RefusedError(message, "manifest_missing") from error
    return load(data, str(path), to_sign=to_sign), str(path)


def sign(envelope: Envelope, key: Path, trust: Trusted, where: str, *, at: datetime) -> Approval:
    """Return a manifest with the signatures of one more key.

    Args:
        envelope: The manifest.
        key: A private key file, or the ``.pub`` file of a key that an agent holds.
        trust: The trust root; the key must be in it.
        where: What to call the manifest in messages.
        at: The moment.

    Raises:
        ConfigurationError: The key cannot be used.
        RefusedError: The payload is no manifest, or a signature on it does not count.
    """
    manifest = parse_payload(envelope.payload, where)
    found = signed(envelope, key, MANIFEST_NAMESPACE)
    people = signers(found, trust.root, MANIFEST_NAMESPACE, at, where)
    policy = trust.root.environment(manifest.environment)
    roles = {one.principal: one.roles for one in people}
    return Approval(found, people, unmet_roles(policy.approvals, roles))


def record(store: LedgerStore, approval: Approval, *, clock: Clock = utc_now) -> None:
    """Record in the ledger that a manifest was signed.

    Raises:
        StoreError: The ledger cannot be written.
    """
    manifest: Manifest = parse_payload(approval.envelope.payload, "the manifest")
    digest = hashlib.sha256(approval.envelope.payload).hexdigest()
    people = tuple(sorted(one.principal for one in approval.signers))
    event = ManifestSigned(
        environment=manifest.environment,
        code_version=manifest.commit,
        payload_sha256=digest,
        ledger_size=manifest.checkpoint.size,
        ledger_root=manifest.checkpoint.root,
        expires=manifest.expires.isoformat(),
        signers=people,
        accepted=not approval.missing,
    )
    stream = hashlib.sha256(dump(approval.envelope)).hexdigest()[:_ID_LETTERS]
    if store.head(str(StreamId(TOPIC, stream))) is None:
        StreamRecorder(store, StreamId(TOPIC, stream), clock=clock).record(event)
