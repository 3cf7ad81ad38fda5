"""Events of readiness manifests; they live in streams of their own, ``manifest/<id>``."""

from dataclasses import dataclass
from typing import ClassVar

from ledger.events.base import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestSigned(Event):
    """Enough people signed a readiness manifest, or one more did.

    Attributes:
        environment: Where the commit may be deployed.
        code_version: The commit.
        payload_sha256: SHA-256 (hex) of the payload that was signed.
        ledger_size: Appends that the manifest stands on.
        ledger_root: Root of their tree (hex).
        expires: When the manifest expires: ISO 8601, UTC.
        signers: Who signed, sorted.
        accepted: Whether that is enough for the policy of the protected ref.
    """

    KIND: ClassVar[str] = "manifest_signed"

    environment: str
    code_version: str
    payload_sha256: str
    ledger_size: int
    ledger_root: str
    expires: str
    signers: tuple[str, ...]
    accepted: bool
