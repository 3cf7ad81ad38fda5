"""What each exit code of ``dagster-ledger`` means; the same for every command."""

from typing import Final

DONE: Final = 0
FAILED: Final = 1
"""A pipeline, gate, checklist or check failed."""
USAGE: Final = 2
"""Wrong usage or configuration."""
INCONCLUSIVE: Final = 3
INTEGRITY: Final = 4
"""Ledger, baseline or signature is not what it should be."""
IO: Final = 5
"""Full disk, read-only, unreachable store."""
INTERNAL: Final = 70
INTERRUPTED: Final = 130


def code_of(error: BaseException) -> int:
    """Return the exit code for one of the package's errors."""
    from ledger.errors import (
        ConfigurationError,
        ConflictError,
        IntegrityError,
        RunFailedError,
        StoreError,
    )

    for kind, code in (
        (ConfigurationError, USAGE),
        ((IntegrityError, ConflictError), INTEGRITY),
        (StoreError, IO),
        (RunFailedError, FAILED),
    ):
        if isinstance(error, kind):
            return code
    return INTERNAL
