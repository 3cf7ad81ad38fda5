"""Whom to believe: canonical JSON, the signed envelope, keys, policy, and why something is refused; no I/O.

Rules:
- Everything here is a function of bytes that are handed in; signing and verifying is ``ledger.attestation``.
"""

from ledger.trust.envelope import Envelope, Signature
from ledger.trust.keys import Key
from ledger.trust.policy import EnvironmentPolicy, TrustPolicy
from ledger.trust.refusal import REASONS, RefusedError
from ledger.trust.root import TrustRoot, parse_root

__all__ = [
    "REASONS",
    "Envelope",
    "EnvironmentPolicy",
    "Key",
    "RefusedError",
    "Signature",
    "TrustPolicy",
    "TrustRoot",
    "parse_root",
]
