"""The shift between two samples and its interval, from all pairwise differences.

Rules:
- The estimate is the median of the differences candidate minus baseline (Hodges & Lehmann 1963).
- The interval inverts the exact Mann-Whitney test: its ends are ordered differences. It holds its coverage in every
  independent noise; where the runs of a candidate share something (a machine, a day) it is too narrow, which is why
  ``judging`` widens it.
"""

from dataclasses import dataclass

import numpy as np

from ledger.stats.mann_whitney import FloatArray, middle_of, order_of_bound


@dataclass(frozen=True, slots=True)
class Shift:
    """Estimate and bounds of a shift, in the scale of the values.

    Attributes:
        estimate: Median of the pairwise differences.
        lower: Lower end of the two-sided interval, ``None`` where there are too few runs.
        upper: Upper end.
        upper_one_sided: One-sided upper bound.
        lower_one_sided: One-sided lower bound.
    """

    estimate: float
    lower: float | None
    upper: float | None
    upper_one_sided: float | None
    lower_one_sided: float | None


def shift_of(baseline: FloatArray, candidate: FloatArray, confidence: float) -> Shift:
    """Return how far the candidate lies above the baseline.

    Args:
        baseline: 1-D float64, n >= 1, no NaN; left untouched.
        candidate: 1-D float64, n >= 1, no NaN; left untouched.
        confidence: Of the two-sided interval and of each one-sided bound, in (0, 1).
    """
    differences = np.sort(np.subtract.outer(candidate, baseline), axis=None)
    two = order_of_bound(baseline.size, candidate.size, (1.0 - confidence) / 2.0)
    one = order_of_bound(baseline.size, candidate.size, 1.0 - confidence)
    return Shift(
        estimate=middle_of(differences),
        lower=None if two is None else float(differences[two]),
        upper=None if two is None else float(differences[-1 - two]),
        upper_one_sided=None if one is None else float(differences[-1 - one]),
        lower_one_sided=None if one is None else float(differences[one]),
    )
