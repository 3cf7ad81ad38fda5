"""Events of readiness manifests: one was made, one was signed. Each has a stream of its own, ``manifest/<uuid>``."""

from dataclasses import dataclass
from typing import ClassVar

from ledger.events.base import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestBuilt(Event):
    """A readiness manifest was made.

    Attributes:
        manifest_sha256: SHA-256 (hex) of its payload, which names it.
        environment: Where it may be deployed to.
        code_version: Git commit.
        result: ``PASSED`` or ``FAILED``.
        blockers: Names of the critical items that do not hold.
        subjects: SHA-256 (hex) of what is deployed.
        checkpoint_size: Appends of the ledger that the checklist was evaluated over.
        checkpoint_root: Root (hex) of their tree.
        verified: When the checklist was evaluated: ISO 8601, UTC.
        expires: When it ends to hold: ISO 8601, UTC.
        previous_sha256: SHA-256 (hex) of the payload of the manifest accepted before, ``None`` for the first.
    """

    KIND: ClassVar[str] = "manifest_built"

    manifest_sha256: str
    environment: str
    code_version: str
    result: str
    blockers: tuple[str, ...] = ()
    subjects: tuple[str, ...]
    checkpoint_size: int
    checkpoint_root: str
    verified: str
    expires: str
    previous_sha256: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestSigned(Event):
    """A person signed a readiness manifest.

    Attributes:
        manifest_sha256: SHA-256 (hex) of its payload.
        environment: Where it may be deployed to.
        code_version: Git commit.
        keyids: Ids of the signatures that were added.
        signatures: How many signatures it has now.
    """

    KIND: ClassVar[str] = "manifest_signed"

    manifest_sha256: str
    environment: str
    code_version: str
    keyids: tuple[str, ...]
    signatures: int
