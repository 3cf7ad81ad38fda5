"""Robust locations, and variances that borrow strength from the other metrics of the gate.

Rules:
- The candidate speaks through its better values: its worst fifth is dropped before the mean, so that one slow run of
  five is no regression. The baseline is asked the same question: what the mean of the better values of that many runs
  would be if they were drawn from it. Under no change the difference is therefore centred, in skewed noise too.
- The baseline is clipped at median ± 4 MAD; nothing is deleted.
- The variance is shrunk towards what is typical of the family (Smyth 2004, section 4: the posterior variance is the
  weighted mean of both, weights their degrees of freedom).
- Runs of one candidate share a machine and an hour. A part of the variance, ``shared``, is common to them and does not
  average out: SE² = v (1/n_b + shared + (1 - shared)/n_c).

Source: Smyth 2004, *Linear models and empirical Bayes methods for assessing differential expression*. The constants
were chosen on simulations, see ``docs/adr/0010-the-gates-statistics.md``.
"""

from collections.abc import Sequence
from functools import lru_cache
from math import comb
from typing import Final

import numpy as np

from ledger.stats.mann_whitney import FloatArray, middle_of
from ledger.stats.noise import NORMAL_MAD

PRIOR_DF: Final = 8.0
"""Degrees of freedom of the family in the test: it weighs as much as nine baseline runs of the metric itself."""
FAMILY_QUANTILE: Final = 0.75
SHARED: Final = 0.4
DROPPED: Final = 0.2
CLIP_MADS: Final = 4.0
LARGEST_EXACT: Final = 200
"""Runs of a side up to which the expectation of the better values is exact."""
STAND_INS: Final = 5
"""How many metrics of default noise a family is topped up with, so that a family of one has a variance too."""


def clipped(values: FloatArray) -> FloatArray:
    """Return sorted values clipped at median ± 4 (normalised) MAD; unchanged where the MAD is zero."""
    centre = middle_of(values)
    mad = NORMAL_MAD * middle_of(np.sort(np.abs(values - centre)))
    if mad == 0.0:
        return values
    return np.minimum(np.maximum(values, centre - CLIP_MADS * mad), centre + CLIP_MADS * mad)


def variance_of(baseline: FloatArray) -> float:
    """Return the variance of the clipped, sorted baseline (n - 1 in the denominator), 0.0 for one value."""
    return float(np.var(clipped(baseline), ddof=1)) if baseline.size > 1 else 0.0


def typical(variances: Sequence[float], default: float, quantile: float = FAMILY_QUANTILE) -> float:
    """Return the variance that is typical of a family.

    Args:
        variances: One per metric, >= 0.
        default: Variance to assume where nothing is known; enters as ``STAND_INS`` metrics.
        quantile: Which quantile is typical; above one half it errs on the side of noise.
    """
    return float(np.quantile([*variances, *[default] * STAND_INS], quantile))


def shrunk(variance: float, n_baseline: int, family: float, prior_df: float = PRIOR_DF) -> float:
    """Return the variance of a metric shrunk towards its family's."""
    own = n_baseline - 1.0
    return (prior_df * family + own * variance) / (prior_df + own)


def standard_error(variance: float, n_baseline: int, n_candidate: int, shared: float = SHARED) -> float:
    """Return the standard error of the difference of the locations, where candidate runs share some variance."""
    return float(np.sqrt(variance * (1.0 / n_baseline + shared + (1.0 - shared) / n_candidate)))


def better_difference(baseline: FloatArray, candidate: FloatArray) -> float:
    """Return the mean of the candidate's better values minus what the baseline leads one to expect of it.

    Args:
        baseline: 1-D float64, sorted, n >= 1.
        candidate: 1-D float64, sorted, n >= 1.
    """
    kept = max(1, candidate.size - int(DROPPED * candidate.size + 1e-9))
    expected = float(np.dot(expectation_weights(baseline.size, candidate.size, kept), clipped(baseline)))
    return float(candidate[:kept].mean()) - expected


@lru_cache(maxsize=256)
def expectation_weights(values: int, drawn: int, kept: int) -> FloatArray:
    """Return the weights of sorted values in the expected mean of the ``kept`` smallest of ``drawn``.

    Drawn without replacement, so that the i-th value is the j-th smallest with probability
    C(i-1, j-1) C(values-i, drawn-j) / C(values, drawn); where more are drawn than there are, all are.
    """
    if max(values, drawn) > LARGEST_EXACT:
        # As many draws as that see the quantiles of the values themselves.
        best = max(1, round(values * kept / drawn))
        return np.repeat((1.0 / best, 0.0), (best, values - best))
    drawn = min(drawn, values)
    kept = min(kept, drawn)
    total = comb(values, drawn)
    weights = [
        sum(comb(place, rank) * comb(values - 1 - place, drawn - 1 - rank) for rank in range(min(kept, place + 1)))
        for place in range(values)
    ]
    return np.array([weight / total / kept for weight in weights])


def moderated_t(baseline: FloatArray, candidate: FloatArray, family: float | None = None) -> float:
    """Return the one-sided p of "the candidate is not larger than the baseline".

    Args:
        baseline: 1-D float64, n >= 1, no NaN; left untouched.
        candidate: 1-D float64, n >= 1, no NaN; left untouched.
        family: Variance typical of the family of metrics; ``None`` where there is no family.

    Returns:
        p in (0, 1]; 1.0 where no noise can be estimated.
    """
    ordered = np.sort(baseline)
    own = variance_of(ordered)
    variance = own if family is None else shrunk(own, baseline.size, family)
    degrees = baseline.size - 1.0 + (0.0 if family is None else PRIOR_DF)
    if variance <= 0.0 or degrees <= 0.0:
        return 1.0
    difference = better_difference(ordered, np.sort(candidate))
    return upper_tail(difference / standard_error(variance, baseline.size, candidate.size), degrees)


def upper_tail(statistic: float, degrees: float) -> float:
    """Return the upper tail of Student's t, kept above 0."""
    from scipy.special import stdtr  # noqa: PLC0415 - whoever judges nothing does not pay for scipy

    return max(float(stdtr(degrees, -statistic)), float(np.finfo(np.float64).tiny))


@lru_cache(maxsize=256)
def quantile(probability: float, degrees: float) -> float:
    """Return the quantile of Student's t."""
    from scipy.special import stdtrit  # noqa: PLC0415 - whoever judges nothing does not pay for scipy

    return float(stdtrit(degrees, probability))
