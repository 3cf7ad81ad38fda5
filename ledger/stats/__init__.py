"""Statistics of the gate and of histories: pure functions, seeded by their input; scipy is imported nowhere else.

Rules:
- Names are imported when they are first asked for, so that a command that judges nothing does not wait for scipy.
- No module is called as a public name is: importing it would put the module in the name's place.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from ledger.stats.changes import ChangePoint, History, change_points, history
    from ledger.stats.families import change_points_of_family
    from ledger.stats.series import UnusableSeriesError
    from ledger.stats.trends import Trend, trend

_HOMES: Final[dict[str, str]] = {
    "ChangePoint": "changes",
    "History": "changes",
    "change_points": "changes",
    "history": "changes",
    "change_points_of_family": "families",
    "UnusableSeriesError": "series",
    "Trend": "trends",
    "trend": "trends",
}

__all__ = [
    "ChangePoint",
    "History",
    "Trend",
    "UnusableSeriesError",
    "change_points",
    "change_points_of_family",
    "history",
    "trend",
]


def __getattr__(name: str) -> object:
    """Return a public name of the package, importing the module it lives in (PEP 562)."""
    if name not in _HOMES:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
