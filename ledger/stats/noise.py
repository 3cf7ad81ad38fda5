"""How much a history wobbles when nothing changes: robust scales, spikes, and memory from one run to the next.

Rules:
- Scales are those of a normal distribution of equal median absolute deviation (factor 1.4826, Hampel 1974).
- Nothing here may be fooled by a step: differences see a step once, a running median follows it.
- A resolution that is coarse against the noise (whole seconds, whole pages) is part of the noise.
"""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np

from ledger.stats.series import NOISE_FLOOR, FloatArray

NORMAL_MAD: Final = 1.4826
RUNNING_WINDOW: Final = 7
SPIKE_SIGMAS: Final = 3.0
MOST_MEMORY: Final = 0.97
# Differences of these lags decide on the memory of the noise; more lags see slow drift as memory.
_LAGS: Final = np.arange(1, 7)
_PHIS: Final = np.linspace(0.0, MOST_MEMORY, 98)
_CURVES: Final = 1.0 - _PHIS[:, None] ** _LAGS
_FEWEST_FOR_MEMORY: Final = 20


def median(values: FloatArray) -> float:
    """Return the median of finite values of shape (n,), n >= 1: ``np.median`` at a tenth of its time for short ones."""
    ordered = np.sort(values)
    n = ordered.size
    return 0.5 * (float(ordered[(n - 1) // 2]) + float(ordered[n // 2]))


def mad(values: FloatArray, middle: float) -> float:
    """Return the median absolute deviation of values (n >= 1) from ``middle``; 0.0 where most are equal to it."""
    return median(np.abs(values - middle))


def running_median(levels: FloatArray) -> FloatArray:
    """Return the median of seven neighbours of each value, shape (n,), n >= 7; the ends are mirrored."""
    half = RUNNING_WINDOW // 2
    padded = np.pad(levels, half, mode="symmetric")
    windows = np.lib.stride_tricks.sliding_window_view(padded, RUNNING_WINDOW)
    middle: FloatArray = np.partition(windows, half, axis=1)[:, half]
    return middle


def without_spikes(levels: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return ``levels`` (n >= 7) moved to within three robust sigmas of their running median, and what is left of it.

    The second array holds the clipped residuals. Where more than half of the residuals are zero, the mean absolute
    residual stands in for the median one.
    """
    middle = running_median(levels)
    residuals = levels - middle
    sigma = NORMAL_MAD * mad(residuals, 0.0)
    if sigma == 0.0:
        sigma = float(np.abs(residuals).mean()) * np.sqrt(np.pi / 2)
    clipped = np.clip(residuals, -SPIKE_SIGMAS * sigma, SPIKE_SIGMAS * sigma)
    return middle + clipped, clipped


def resolution(levels: FloatArray) -> float:
    """Return the smallest distance between two different levels where they repeat, as quantised ones do; else 0.0."""
    different = np.unique(levels)
    if different.size < 2 or different.size > levels.size // 2:  # noqa: PLR2004  # two make a distance
        return 0.0
    return float(np.diff(different).min())


def noise_sigma(levels: FloatArray, clipped: FloatArray) -> float:
    """Return the standard deviation of the noise, > 0, of levels (n >= 7) and their clipped residuals.

    From the median absolute first difference over the square root of 2 (von Neumann 1941, made robust), but at least
    half the standard deviation of the residuals, the rounding error of the resolution, and the noise floor.
    """
    by_differences = NORMAL_MAD * mad(np.diff(levels), 0.0) / math.sqrt(2.0)
    rounding = resolution(levels) / math.sqrt(12.0)
    return max(by_differences, 0.5 * float(clipped.std()), rounding, NOISE_FLOOR)


def autocorrelation(levels: FloatArray, sigma: float, cuts: Sequence[int] = ()) -> float:
    """Return the lag-1 autocorrelation of the noise, in [0, 0.97], of a series cut at its steps.

    For AR(1) noise the mean square of differences at lag k is 2 s^2 (1 - phi^k), without a mean that a step could move.
    Phi is the one whose curve is nearest to the first six of them, in least squares. Differences are limited to three
    of their own robust sigmas, and none is taken across a cut. The downward bias of estimates from short
    series, (1 + 3 phi) / n (Marriott and Pope 1954), is added back.

    Args:
        levels: Shape (n,), without spikes; fewer than 20 have no memory that could be told, 0.0.
        sigma: The noise's standard deviation; where most runs are equal to the one before there is none, 0.0.
        cuts: First indices of the pieces but the first.
    """
    n = levels.size
    if n < _FEWEST_FOR_MEMORY:
        return 0.0
    powers = np.array([_difference_power(levels, int(lag), cuts) for lag in _LAGS])
    if powers[0] <= (0.1 * sigma) ** 2:
        return 0.0
    # The best factor of each curve leaves the squares of the powers less what the curve explains of them.
    explained = (_CURVES @ powers) ** 2 / (_CURVES * _CURVES).sum(axis=1)
    phi = float(_PHIS[int(explained.argmax())])
    return min(phi + (1.0 + 3.0 * phi) / n, MOST_MEMORY) if phi > 0.0 else 0.0


def _difference_power(levels: FloatArray, lag: int, cuts: Sequence[int]) -> float:
    """Return the mean square of differences at a lag within pieces, each limited to three robust sigmas of them."""
    within = np.ones(levels.size - lag, dtype=np.bool_)
    for cut in cuts:
        within[max(cut - lag, 0) : cut] = False
    differences = (levels[lag:] - levels[:-lag])[within]
    if differences.size == 0:
        return 0.0
    sigma = NORMAL_MAD * mad(differences, 0.0)
    limit = SPIKE_SIGMAS * sigma if sigma > 0.0 else np.inf
    return float(np.mean(np.clip(differences, -limit, limit) ** 2))
