"""Statistics of the ledger: the gate's judgement of candidate runs, change points and trends of histories.

Rules:
- Pure and seeded by the input: no I/O, no clock, no environment; the same observations give the same answer, byte for
  byte, whatever order the runs come in. scipy is imported nowhere else.
- Names are loaded when they are first used, so that a command that judges nothing does not wait for them.
- No module is called as a public name is: importing it would put the module in the name's place.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from ledger.stats.changes import ChangePoint, History, change_points, history
    from ledger.stats.families import change_points_of_family
    from ledger.stats.judging import assess, judge
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
    from ledger.stats.score_calibration import CalibrationMap, calibration_map, wilson_interval
    from ledger.stats.series import UnusableSeriesError
    from ledger.stats.trends import Trend, trend

_HOMES: Final[dict[str, str]] = {
    "Assessment": "records",
    "CalibrationMap": "score_calibration",
    "ChangePoint": "changes",
    "Comparison": "records",
    "EnvironmentShift": "records",
    "Finding": "records",
    "History": "changes",
    "Kind": "records",
    "Observations": "records",
    "Policy": "records",
    "Severity": "records",
    "State": "records",
    "Trend": "trends",
    "UnusableSeriesError": "series",
    "assess": "judging",
    "calibration_map": "score_calibration",
    "change_points": "changes",
    "change_points_of_family": "families",
    "history": "changes",
    "judge": "judging",
    "trend": "trends",
    "wilson_interval": "score_calibration",
}

__all__ = [
    "Assessment",
    "CalibrationMap",
    "ChangePoint",
    "Comparison",
    "EnvironmentShift",
    "Finding",
    "History",
    "Kind",
    "Observations",
    "Policy",
    "Severity",
    "State",
    "Trend",
    "UnusableSeriesError",
    "assess",
    "calibration_map",
    "change_points",
    "change_points_of_family",
    "history",
    "judge",
    "trend",
    "wilson_interval",
]


def __getattr__(name: str) -> object:
    """Return a public name of the package, importing the module it lives in (PEP 562)."""
    home = _HOMES.get(name)
    if home is None:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    return getattr(import_module(f"{__name__}.{home}"), name)


def __dir__() -> list[str]:
    """Return the public names."""
    return sorted(__all__)
