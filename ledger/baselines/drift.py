"""How far a baseline has gone from its anchor, in steps that were each accepted.

Rules:
- Drift is told on the scale of the metric's limit: relative, but absolute for ratios; for rates it is the growth of the
  time per row.
- What is compared with is the anchor before the change where there was one: who moves the anchor does not move this.
- A budget is a limit and how many of it may be used up. Without an anchor there is no drift.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from ledger.baselines.loosening import Loosening, worsening
from ledger.baselines.model import AcceptedSample, MetricBaseline, decimal_text
from ledger.metrics import Direction
from ledger.units import RATIO, ROWS_PER_SECOND


@dataclass(frozen=True, slots=True)
class DriftBudget:
    """How much worse than its anchor a baseline may become.

    Attributes:
        limits: The project's limit by unit; ``other`` for units it does not name.
        multiple: How many limits may be used up.
        other: Limit of other units.
    """

    limits: Mapping[str, float]
    multiple: float
    other: float

    def of(self, entry: MetricBaseline) -> float:
        """Return the largest drift of a metric that is well."""
        limit = entry.limit if entry.limit is not None else self.limits.get(entry.unit, self.other)
        return limit * self.multiple


def drift_of(old: AcceptedSample, new: AcceptedSample, unit: str, direction: Direction) -> float:
    """Return by how much the median is worse, relative or, for ratios, absolute; negative where it is better.

    It is infinite where something grew out of nothing.
    """
    worse = worsening(old, new, direction)
    if unit == RATIO or worse == 0.0:
        return worse
    base = new.median if unit == ROWS_PER_SECOND and direction == "higher_is_better" else old.median
    return worse / abs(base) if base else math.copysign(math.inf, worse)


def overdrawn(before: MetricBaseline | None, after: MetricBaseline, budget: DriftBudget) -> Loosening | None:
    """Return the loosening where a changed baseline is further from its anchor than it may be.

    Args:
        before: The entry before the change; its anchor and its limit count where it has them.
        after: The entry.
        budget: What may be used up.
    """
    held = before if before is not None else after
    anchor = held.anchor or after.anchor
    if anchor is None or after.is_retired or held.unit != after.unit:
        return None
    drift, most = drift_of(anchor, after.current, held.unit, held.direction), budget.of(held)
    if drift <= most or (before is not None and drift <= drift_of(anchor, before.current, held.unit, held.direction)):
        return None
    label = f" {anchor.label}" if anchor.label else ""
    shown = "no number" if math.isinf(drift) else decimal_text(drift)
    what = f"drift from the anchor{label} is {shown}, more than {decimal_text(most)}"
    return Loosening(after.metric, what, "drift")
