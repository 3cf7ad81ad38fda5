"""Statistics of the ledger: the gate's judgement of candidate runs against a baseline.

Rules:
- Pure and seeded: no I/O, no clock, no environment; the same observations give the same answer, byte for byte, whatever
  order the runs come in.
- Names are loaded when they are first used, so that importing this package costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from ledger.stats.judging import assess, judge
    from ledger.stats.kinds import kind_of
    from ledger.stats.records import (
        Assessment,
        Comparison,
        EnvironmentShift,
        Finding,
        Kind,
        Observations,
        Policy,
        Severity,
        State,
    )

_HOMES: Final = {
    "Assessment": "ledger.stats.records",
    "Comparison": "ledger.stats.records",
    "EnvironmentShift": "ledger.stats.records",
    "Finding": "ledger.stats.records",
    "Kind": "ledger.stats.records",
    "Observations": "ledger.stats.records",
    "Policy": "ledger.stats.records",
    "Severity": "ledger.stats.records",
    "State": "ledger.stats.records",
    "assess": "ledger.stats.judging",
    "judge": "ledger.stats.judging",
    "kind_of": "ledger.stats.kinds",
}

__all__ = [
    "Assessment",
    "Comparison",
    "EnvironmentShift",
    "Finding",
    "Kind",
    "Observations",
    "Policy",
    "Severity",
    "State",
    "assess",
    "judge",
    "kind_of",
]


def __getattr__(name: str) -> object:
    """Return a public name from its module (PEP 562)."""
    home = _HOMES.get(name)
    if home is None:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    return getattr(import_module(home), name)


def __dir__() -> list[str]:
    """Return the public names."""
    return sorted(__all__)
