"""The readiness manifest: what it says, how it is read, and what it must come to; no I/O and no clock."""

from ledger.manifest.growth import failures
from ledger.manifest.judging import Expected, check_baselines, check_fits, check_says_yes
from ledger.manifest.statement import (
    ARCHIVE,
    Manifest,
    Previous,
    items_of,
    manifest_of,
    parse_payload,
    payload_of,
    test_result_statement,
    told_items,
)

__all__ = [
    "ARCHIVE",
    "Expected",
    "Manifest",
    "Previous",
    "check_baselines",
    "check_fits",
    "check_says_yes",
    "failures",
    "items_of",
    "manifest_of",
    "parse_payload",
    "payload_of",
    "test_result_statement",
    "told_items",
]
