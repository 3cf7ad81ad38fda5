"""What a change of the regression gate's settings gives up.

Rules:
- Limits, floors and budgets loosen as they grow, shares and numbers of runs as they shrink. Where either way may let
  more pass, any change counts.
- A pair that needs not be judged any more, and a declared metric that is gone or means something else, count too.
- How many runs are looked at where nobody names any is a convenience and does not count.
"""

from collections.abc import Iterator
from typing import Any, Final

from ledger.settings.model import Settings

_GROWING: Final = (
    *("limits.time", "limits.memory", "limits.rate", "limits.quality", "limits.count"),
    *("floors.time", "floors.memory", "error_from", "critical_from"),
    *("max_baseline_cv", "drift_budget", "max_waiver_days"),
)
_SHRINKING: Final = ("alpha", "min_judged_ratio", "min_baseline_runs")
_EITHER: Final = ("baseline", "confidence", "ignore_packages", "check_severity", "check_inconclusive")


def loosened(before: Settings, after: Settings) -> tuple[tuple[str, str, str], ...]:
    """Return what was loosened: setting, its value before, and its value now, in the order of the rules."""
    return tuple(_found(before, after))


def _found(before: Settings, after: Settings) -> Iterator[tuple[str, str, str]]:
    for name in (*_GROWING, *_SHRINKING, *_EITHER):
        old, new = _value(before, name), _value(after, name)
        if (name in _EITHER and old != new) or (name in _GROWING and new > old) or (name in _SHRINKING and new < old):
            yield f"regression.{name}", str(old), str(new)
    gone = sorted(set(before.regression.require) - set(after.regression.require))
    if gone:
        yield "regression.require", ", ".join(before.regression.require), ", ".join(after.regression.require) or "none"
    for name, declared in sorted(before.metrics.items()):
        now = after.metrics.get(name)
        meant = (declared.unit, declared.direction, declared.kind)
        means = None if now is None else (now.unit, now.direction, now.kind)
        if means != meant:
            yield f"metrics.{name}", " ".join(meant), "none" if means is None else " ".join(means)


def _value(settings: Settings, name: str) -> Any:  # noqa: ANN401 - a number or a word, as the setting has it
    found: Any = settings.regression
    for part in name.split("."):
        found = getattr(found, part)
    return found
