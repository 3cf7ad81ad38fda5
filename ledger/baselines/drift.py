"""How far a baseline has gone from its anchor, in steps that were each accepted, and how far its values are apart.

Rules:
- Drift is told on the scale of the metric's limit: relative, but absolute for ratios; for rates it is the growth of the
  time per row.
- What is compared with is the anchor before the change where there was one: who moves the anchor does not move this.
- A budget is a limit and how many of it may be used up. Without an anchor there is no drift.
- Spread is the coefficient of variation: standard deviation (n - 1) by mean. It matters beyond the smallest change that
  is worth a word.
"""

import math
import statistics
from collections.abc import Mapping
from dataclasses import dataclass

from ledger.baselines.loosening import Loosening, worsening
from ledger.baselines.model import AcceptedSample, MetricBaseline, decimal_text
from ledger.metrics import Direction
from ledger.units import RATIO, ROWS_PER_SECOND


@dataclass(frozen=True, slots=True)
class Allowance:
    """How much worse than its anchor a baseline may become, and how far its values may be from each other.

    Attributes:
        limits: The project's limit by unit; ``other`` for units it does not name.
        multiple: How many limits may be used up.
        other: Limit of other units.
        max_cv: Largest coefficient of variation.
        floors: Standard deviation by unit, in it, up to which the coefficient does not matter.
    """

    limits: Mapping[str, float]
    multiple: float
    other: float
    max_cv: float
    floors: Mapping[str, float]

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


def overdrawn(before: MetricBaseline | None, after: MetricBaseline, allowance: Allowance) -> Loosening | None:
    """Return the loosening where a changed baseline is further from its anchor than it may be.

    Args:
        before: The entry before the change; its anchor and its limit count where it has them.
        after: The entry.
        allowance: What may be used up.
    """
    held = before if before is not None else after
    anchor = held.anchor or after.anchor
    if anchor is None or after.is_retired or held.unit != after.unit:
        return None
    drift, most = drift_of(anchor, after.current, held.unit, held.direction), allowance.of(held)
    if drift <= most or (before is not None and drift <= drift_of(anchor, before.current, held.unit, held.direction)):
        return None
    label = f" {anchor.label}" if anchor.label else ""
    shown = "no number" if math.isinf(drift) else decimal_text(drift)
    what = f"drift from the anchor{label} is {shown}, more than {decimal_text(most)}"
    return Loosening(after.metric, what, "drift")


def too_spread(sample: AcceptedSample, unit: str, allowance: Allowance) -> float | None:
    """Return the coefficient of variation of a sample where it is larger than it may be, ``None`` where it is not."""
    if len(sample.runs) < 2:  # noqa: PLR2004 - one value has no spread
        return None
    deviation, mean = statistics.stdev(sample.values), abs(statistics.fmean(sample.values))
    if deviation <= allowance.floors.get(unit, 0.0) or deviation <= allowance.max_cv * mean:
        return None
    return deviation / mean if mean else math.inf


def spread_out(before: MetricBaseline | None, after: MetricBaseline, allowance: Allowance) -> Loosening | None:
    """Return the loosening where a change makes a baseline's values further apart than they may be."""
    cv = too_spread(after.current, after.unit, allowance)
    old = None if before is None else too_spread(before.current, before.unit, allowance)
    if cv is None or after.is_retired or (old is not None and cv <= old):
        return None
    shown = "no number" if math.isinf(cv) else decimal_text(cv)
    what = f"the coefficient of variation is {shown}, more than {decimal_text(allowance.max_cv)}"
    return Loosening(after.metric, what, "spread")
