"""How easily noise alone would have looked like a change point, and where else the change may have been.

Rules:
- The null is a series without a change whose noise remembers: an AR(1) sieve (Buhlmann 1997) of the residuals of both
  sides of the cut, drawn with replacement from a generator seeded by the values.
- The statistic is the largest two-sample contrast over all cuts of the window, in noise and in the data alike, so the
  search within the window is paid for. The search along the history is paid for by the number of windows in it.
- Beyond the simulated noise the tail is continued as an exponential in the likelihood ratio, which is heavier than the
  tail of normal noise (Siegmund 1988). A p-value is never 0.
- The interval of a change holds all cuts whose likelihood ratio, in units of the long-run variance, is within 7.35 of
  the best: the 95 % limit of Hansen (2000, table 1) for cuts of small changes, which is wide for large ones.
"""

from typing import Final

import numpy as np

from ledger.stats.series import FloatArray

SIMULATED: Final = 199
WARMED_UP: Final = 30
SMALLEST_P: Final = 1e-12
HANSEN_95: Final = 7.35
_TAIL: Final = 30


def p_value(window: FloatArray, cut: int, phi: float, series_length: int, rng: np.random.Generator) -> float:
    """Return the probability that noise of the same memory shows a contrast as large as that at ``cut``, in (0, 1].

    Args:
        window: Shape (m,), m >= 4, levels without spikes on both sides of the cut.
        cut: First index of the later side, in [1, m).
        phi: Lag-1 autocorrelation of the noise, in [0, 1).
        series_length: Length of the history that was searched, >= m.
        rng: Where the noise comes from.
    """
    m = window.size
    residuals = np.concatenate((window[:cut] - window[:cut].mean(), window[cut:] - window[cut:].mean()))
    if float(np.ptp(residuals)) <= 1e-12 * max(1.0, float(np.abs(window).max())):
        return SMALLEST_P if float(np.ptp(window)) > 0.0 else 1.0
    innovations = residuals[1:] - phi * residuals[:-1]
    noise = _remembering(innovations - innovations.mean(), phi, m, rng)
    null = np.sort(largest_contrast(noise))
    observed = float(largest_contrast(window[None, :])[0])
    within_window = _upper_tail(null, observed)
    windows = max(1.0, series_length / m)
    return float(min(1.0, max(SMALLEST_P, -np.expm1(windows * np.log1p(-min(within_window, 1 - 1e-16))))))


def largest_contrast(rows: FloatArray) -> FloatArray:
    """Return, shape (b,), the largest log likelihood ratio of one cut in each row of shape (b, m), m >= 4.

    A cut leaves at least two values on each side; the ratio is m / 2 times the logarithm of the sum of squares without
    a cut over that with it.
    """
    m = rows.shape[1]
    centred = rows - rows.mean(axis=1, keepdims=True)
    total = (centred * centred).sum(axis=1)
    sums = np.cumsum(centred, axis=1)[:, 1 : m - 2]
    left = np.arange(2, m - 1, dtype=np.float64)
    explained = (sums * sums * (m / (left * (m - left)))).max(axis=1)
    share = np.clip(explained / np.where(total > 0.0, total, 1.0), 0.0, 1.0 - 1e-15)
    ratio: FloatArray = -0.5 * m * np.log1p(-share)
    return ratio


def interval(window: FloatArray, cut: int, phi: float) -> tuple[int, int, int]:
    """Return (first, best, last): the cuts that explain the window nearly as well as the best one, ascending.

    Args:
        window: Shape (m,), m >= 4, levels without spikes.
        cut: Where the change was found, in [1, m).
        phi: Lag-1 autocorrelation of the noise; the long-run variance is (1 + phi) / (1 - phi) times the variance.
    """
    m = window.size
    sums = np.cumsum(window - window.mean())[:-1]
    left = np.arange(1, m, dtype=np.float64)
    explained = sums * sums * (m / (left * (m - left)))
    best = int(explained.argmax()) + 1
    residuals = np.concatenate((window[:cut] - window[:cut].mean(), window[cut:] - window[cut:].mean()))
    variance = float((residuals * residuals).sum()) / max(m - 2, 1) * (1.0 + phi) / (1.0 - phi)
    near = np.flatnonzero(explained >= explained[best - 1] - HANSEN_95 * variance) + 1
    return int(near[0]), best, int(near[-1])


def _remembering(innovations: FloatArray, phi: float, m: int, rng: np.random.Generator) -> FloatArray:
    """Return AR(1) noise of shape (SIMULATED, m) whose innovations are drawn from those given."""
    drawn = innovations[rng.integers(innovations.size, size=(WARMED_UP + m, SIMULATED))]
    if phi > 0.0:
        for step in range(1, drawn.shape[0]):
            drawn[step] += phi * drawn[step - 1]
    noise: FloatArray = drawn[WARMED_UP:].T
    return noise


def _upper_tail(null: FloatArray, observed: float) -> float:
    """Return how much of the null is at or above ``observed``: counted where it was seen, else continued.

    The continuation is an exponential through the 30 largest, its mean excess the maximum likelihood one.
    """
    above = null.size - int(np.searchsorted(null, observed, side="left"))
    if above >= _TAIL // 4:
        return (above + 1.0) / (null.size + 1.0)
    threshold = float(null[-_TAIL])
    excess = float(np.mean(null[-_TAIL:] - threshold))
    share = _TAIL / (null.size + 1.0)
    if excess <= 0.0:
        return 1.0 / (null.size + 1.0)
    return share * float(np.exp(-(observed - threshold) / excess))
