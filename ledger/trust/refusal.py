"""Why something signed was refused: one code per reason, the same in the command line and in the shell verifier.

Rules:
- The registry is written out by hand; codes are never reused for something else.
- A refusal is an integrity failure (exit code 4). Its message says what was seen and what to do; the code says which
  rule it broke.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from ledger.errors import IntegrityError

REASONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        # The file
        "manifest_missing": "there is no manifest",
        "too_large": "the file is larger than any manifest",
        "not_an_envelope": "the file is no DSSE envelope",
        "duplicate_key": "a JSON object has a key twice",
        "trailing_data": "something follows the JSON document",
        "unsigned": "the envelope has no signatures",
        "payload_type": "the payload is of another type",
        "base64": "base64 is not in its one spelling",
        "not_canonical": "the payload is not in its one spelling",
        # Trust
        "no_trust_root": "the protected ref holds no trust root",
        "trust_root": "the trust root is not what it must be",
        "unknown_key": "a signature is by a key that the trust root does not name",
        "namespace": "a signature was made for another purpose",
        "revoked_key": "a signature is by a revoked key",
        "expired_key": "a signature is by a key that is not valid now",
        "bad_signature": "a signature does not fit the payload",
        "threshold": "too few people have approved",
        # What it is about
        "statement": "the payload is no statement of this kind",
        "predicate_type": "the statement is of another kind",
        "subjects": "the statement is not about the artefacts at hand",
        "commit": "the statement is about another commit",
        "environment": "the statement is about another environment",
        "expired": "the statement has expired",
        "from_the_future": "the statement is from the future",
        "validity": "the statement would be valid for too long",
        "policy": "the statement was made under another policy",
        # What it says
        "failed": "the statement says that it is not ready",
        "critical_item": "a critical item does not hold",
        "items": "a required item is missing, or is told twice",
        # What it rests on
        "dirty": "the work tree is not what was committed",
        "baseline_path": "a baseline is named that lies elsewhere",
        "baselines": "the baselines are not those of the commit",
        "ledger": "the ledger is not what was appended",
        "checkpoint": "the ledger does not contain the checkpoint",
        "previous": "the ledger does not continue from the previous manifest",
        "growth": "what was appended since holds a failure",
        "replay": "the checklist does not follow from the ledger",
    }
)
"""Code to what it stands for."""


class RefusedError(IntegrityError):
    """Something signed was refused (exit code 4)."""

    def __init__(self, message: str, reason: str) -> None:
        """Say which rule was broken, and what was seen.

        Args:
            message: One sentence: what, where, and what to do.
            reason: A code of ``REASONS``.
        """
        super().__init__(f"refused ({reason}): {message}")
        self.reason: Final = reason
        self.sentence: Final = message
