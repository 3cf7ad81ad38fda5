"""Quality ratios whose counts are known: so many of so many rows.

Rules:
- The ratio of a side is its hits over its rows, all runs together: a run on more rows counts more.
- Rows of a run are not quite independent draws. The variance is binomial times a dispersion (Pearson's chi-square over
  its degrees, both sides), which is never taken to be below 1.
- One candidate run can show a drop, since its rows and the baseline's dispersion say how far chance goes; it cannot
  show that there is none.

Source: McCullagh & Nelder 1989, *Generalized Linear Models*, 4.5 (dispersion).
"""

import math
from dataclasses import dataclass

from ledger.stats.hodges_lehmann import Shift
from ledger.stats.moderated_t import quantile, upper_tail
from ledger.stats.records import Comparison, Observations


@dataclass(frozen=True, slots=True)
class Ratio:
    """Drop between two ratios: its bounds, and the p of "no drop"."""

    shift: Shift
    p: float


def has_counts(comparison: Comparison, observed: Observations) -> bool:
    """Return whether both sides of a quality ratio say how many of how many."""
    return comparison.kind == "quality" and all(
        side.successes and side.trials for side in (observed, comparison.candidate)
    )


def ratio_of(comparison: Comparison, observed: Observations, sign: float, confidence: float) -> Ratio:
    """Return the worsening of a ratio.

    Args:
        comparison: A comparison that ``has_counts``.
        observed: The baseline.
        sign: 1.0 where a larger ratio is worse, -1.0 where it is better.
        confidence: Of the two-sided interval and of each one-sided bound.
    """
    sides = [list(zip(side.successes, side.trials, strict=True)) for side in (observed, comparison.candidate)]
    rates, rows = [], []
    for side in sides:
        rows.append(sum(trials for _, trials in side))
        rates.append(sum(hits for hits, _ in side) / rows[-1])
    degrees = max(1, len(sides[0]) + len(sides[1]) - 2)
    chi = math.fsum(
        (hits - trials * rate) ** 2 / (trials * rate * (1.0 - rate))
        for side, rate in zip(sides, rates, strict=True)
        if 0.0 < rate < 1.0
        for hits, trials in side
    )
    pooled = (rates[0] * rows[0] + rates[1] * rows[1] + 0.5) / (rows[0] + rows[1] + 1.0)
    error = math.sqrt(max(1.0, chi / degrees) * pooled * (1.0 - pooled) * (1.0 / rows[0] + 1.0 / rows[1]))
    drop = sign * (rates[1] - rates[0])
    wide, narrow = quantile(0.5 + confidence / 2.0, degrees) * error, quantile(confidence, degrees) * error
    shift = Shift(drop, drop - wide, drop + wide, drop + narrow, drop - narrow)
    return Ratio(shift, min(1.0, upper_tail(drop / error, degrees)))
