"""Slopes and ranks over time: Theil-Sen and Kendall, with a variance that knows that noise remembers.

Rules:
- The slope is the median of the slopes of all pairs of different times (Theil 1950; Sen 1968).
- Kendall's S counts ordered pairs; its variance is corrected for ties (Kendall 1975) and multiplied by the inflation
  that AR(1) noise of the residuals' memory gives (after Hamed and Rao 1998 and Yue and Wang 2004).
- The interval of the slope holds the pair slopes between two order statistics, set by that same variance (Sen 1968).
"""

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

import numpy as np

from ledger.stats.noise import median
from ledger.stats.series import FloatArray

_NORMAL: Final = NormalDist()
# One standard error of the lag-1 correlation of white noise is 1 / sqrt(n); less than that is chance.
MOST_MEMORY: Final = 0.95


@dataclass(frozen=True, slots=True)
class Slope:
    """A slope over time and how sure it is.

    Attributes:
        per_time: Median pair slope, levels per unit of time.
        low: Lower end of the interval.
        high: Upper end of the interval.
        intercept: Median of levels minus slope times time.
        p_value: Two-sided, of no monotone trend, in (0, 1].
        autocorrelation: Lag-1 memory of the residuals, in [0, 0.95].
    """

    per_time: float
    low: float
    high: float
    intercept: float
    p_value: float
    autocorrelation: float


def slope(times: FloatArray, levels: FloatArray, confidence: float) -> Slope | None:
    """Return the slope of ``levels`` over ``times``, or ``None`` where all times are equal.

    Args:
        times: Shape (n,), n >= 3, ascending, equal ones allowed.
        levels: Shape (n,), finite.
        confidence: Of the interval, in (0, 1).
    """
    earlier, later = np.triu_indices(times.size, k=1)
    apart = times[later] - times[earlier]
    rise = levels[later] - levels[earlier]
    different = apart > 0.0
    if not different.any():
        return None
    slopes = np.sort(rise[different] / apart[different])
    count = slopes.size
    middle = 0.5 * (float(slopes[(count - 1) // 2]) + float(slopes[count // 2]))
    phi = residual_autocorrelation(levels - middle * times)
    variance = _variance(times, levels) * inflation(phi, times.size)
    half = _NORMAL.inv_cdf(0.5 + confidence / 2.0) * math.sqrt(variance)
    low = max(math.floor((count - half) / 2.0), 0)
    high = min(math.ceil((count + half) / 2.0), count - 1)
    score = float(np.sign(rise[different]).sum())
    return Slope(
        per_time=middle,
        low=float(slopes[low]),
        high=float(slopes[high]),
        intercept=median(levels - middle * times),
        p_value=_two_sided(score, variance),
        autocorrelation=phi,
    )


def residual_autocorrelation(residuals: FloatArray) -> float:
    """Return the lag-1 rank autocorrelation of residuals (n >= 3), bias added back, in [0, 0.95].

    Ranks keep one spike from hiding or feigning memory. Fitting a line takes about (2 + 4 phi) / n off the estimate
    (Marriott and Pope 1954, for a fitted trend), which is added back.
    """
    n = residuals.size
    order = np.argsort(np.argsort(residuals, kind="stable"), kind="stable").astype(np.float64)
    order -= order.mean()
    phi = float((order[1:] * order[:-1]).sum()) / float((order * order).sum())
    phi += (2.0 + 4.0 * max(phi, 0.0)) / n
    return min(max(phi, 0.0), MOST_MEMORY)


def inflation(phi: float, n: int) -> float:
    """Return by what AR(1) noise multiplies the variance of S, >= 1: 1 + 2 sum (1 - k/n) phi^k (Yue and Wang 2004)."""
    lags = np.arange(1, n)
    return 1.0 + 2.0 * float(((1.0 - lags / n) * phi**lags).sum())


def _variance(times: FloatArray, levels: FloatArray) -> float:
    """Return the variance of Kendall's S under no trend, ties in either corrected (Kendall 1975, eq. 4.4)."""
    n = float(times.size)
    full = n * (n - 1.0) * (2.0 * n + 5.0)
    tied_times, tied_levels = _ties(times), _ties(levels)
    plain = full - sum(float((t * (t - 1) * (2 * t + 5)).sum()) for t in (tied_times, tied_levels))
    thirds = [float((t * (t - 1) * (t - 2)).sum()) for t in (tied_times, tied_levels)]
    pairs = [float((t * (t - 1)).sum()) for t in (tied_times, tied_levels)]
    variance = plain / 18.0 + thirds[0] * thirds[1] / (9.0 * n * (n - 1.0) * (n - 2.0))
    return max(variance + pairs[0] * pairs[1] / (2.0 * n * (n - 1.0)), 0.0)


def _ties(values: FloatArray) -> FloatArray:
    """Return how often each different value occurs, as floats."""
    counts: FloatArray = np.unique(values, return_counts=True)[1].astype(np.float64)
    return counts


def _two_sided(score: float, variance: float) -> float:
    """Return the two-sided normal p-value of Kendall's S with continuity correction, in (0, 1]."""
    if variance <= 0.0 or score == 0.0:
        return 1.0
    z = (abs(score) - 1.0) / math.sqrt(variance)
    return max(min(math.erfc(z / math.sqrt(2.0)), 1.0), 1e-300)
