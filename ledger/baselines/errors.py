"""What can be wrong with a baseline file, by who has to act.

Rules:
- A file that cannot be read as a baseline is the doing of whoever edited or merged it: configuration (exit code 2).
- A file that can be read, but does not hold what was accepted, is a failure of integrity (exit code 4).
- Every message begins with ``file:line:``.
"""

from ledger.errors import ConfigurationError, IntegrityError


class BaselineFormatError(ConfigurationError):
    """The file is no baseline in this version's format: not merged, not JSON, an unknown field (exit code 2)."""


class BaselineAlteredError(IntegrityError):
    """The file holds other values than its digests say: somebody edited numbers by hand (exit code 4)."""
