"""The error tree: one class per party that has to act, one sentence per message.

Rules:
- A message says what happened, where (stream, file, key), and what to do next.
- A regression is a verdict, not an error; wrong configuration is an error, not a verdict.
- The command line turns each class into the exit code named in its docstring.
"""


class LedgerError(Exception):
    """Root of every error this package raises on purpose."""


class ConfigurationError(LedgerError):
    """The caller asked for something wrong: a flag, a setting, an undeclared metric (exit code 2)."""


class MissingLedgerError(ConfigurationError):
    """There is no ledger at the place that was named (exit code 2)."""


class ConflictError(LedgerError):
    """Another writer already appended a different batch under the same stream and number (exit code 4)."""


class IntegrityError(LedgerError):
    """Stored bytes are not what was appended: damaged, altered or of an unknown format (exit code 4)."""


class StoreError(LedgerError):
    """The ledger could not be read or written: full disk, read-only directory, no permission (exit code 5)."""


class VanishedError(StoreError):
    """A listed file is gone: a compaction replaced it, and reading again finds what it became (exit code 5)."""


class RunFailedError(LedgerError):
    """A pipeline run ended without success (exit code 1)."""
