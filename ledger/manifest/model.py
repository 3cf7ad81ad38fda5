"""The readiness manifest: what it says, as a record.

Rules:
- A manifest is an in-toto Statement of a predicate type of our own; ``ledger.manifest.wire`` writes and reads it.
- Moments are whole seconds in UTC, so that every tool reads them alike.
- Nothing here is believed because it is there: ``ledger.manifest.rules`` holds it against what is asked.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from ledger.events import Json
from ledger.events.checkpoint import Checkpoint

STATEMENT_TYPE: Final = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE: Final = "urn:uuid:fc09d0ec-3ade-486e-825a-0906f3838f30#dagster-ledger-readiness-v1"
"""A name nobody else can hold and that claims no host; its fragment is for people."""

PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"
NAMESPACE: Final = "dagster-ledger-manifest@v1"
"""SSH namespace of the signatures of manifests."""

VERIFIER_ID: Final = "urn:uuid:fc09d0ec-3ade-486e-825a-0906f3838f30#dagster-ledger"
POLICY_URI: Final = "config/trust/policy.json"
PASSED: Final = "PASSED"
FAILED: Final = "FAILED"
SOURCE_SUBJECT: Final = "source"
"""Name of the subject where no file is deployed but the source of the commit itself."""


@dataclass(frozen=True, slots=True)
class Digested:
    """A file, by name or path, and SHA-256 (hex) of its bytes."""

    name: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Previous:
    """The manifest that was accepted before: SHA-256 (hex) of its payload, and the checkpoint it names."""

    sha256: str
    checkpoint: Checkpoint


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a readiness manifest says.

    Attributes:
        subjects: What is deployed, and nothing else.
        version: Version of the program that made it.
        verified: When the checklist was evaluated.
        expires: When it ends to hold.
        environment: Where it may be deployed to.
        commit: Git commit (hex).
        policy_sha256: SHA-256 (hex) of the policy it was made under.
        inputs: Attestations that the checklist rests on.
        result: ``PASSED`` or ``FAILED``.
        checklist: The items, as JSON: name, critical, holds, sentence, evidence.
        checkpoint: Checkpoint of the ledger that the checklist was evaluated at.
        baselines: All baseline files of the commit, by path from the project.
        previous: The manifest accepted before, ``None`` for the first.
    """

    subjects: tuple[Digested, ...]
    version: str
    verified: datetime
    expires: datetime
    environment: str
    commit: str
    policy_sha256: str
    inputs: tuple[Digested, ...]
    result: str
    checklist: tuple[Mapping[str, Json], ...]
    checkpoint: Checkpoint
    baselines: tuple[Digested, ...]
    previous: Previous | None
