"""What others do with a history, in a few lines each, at their default settings: what the figures are held against.

- ``divisive``: Apache Otava 0.8 (Hunter; Fleming et al. 2023): energy-distance splits (Matteson and James 2014) in
  windows of 50 with p < .01, then merged bottom-up by a t-test at p < .001.
- ``perfherder``: Mozilla's Perfherder: twelve runs before against twelve from here on, weights that fall with the
  distance, and a change where the weighted t is above 7 and highest among its neighbours.
- ``boundary``: Bencher's t-test threshold: a value above the .99 Student boundary of up to 64 before it.
- ``fixed``: a value more than 10 % above the mean of all before it.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np
from scipy import stats

# Student's .99 quantiles by degrees of freedom; the one at 0 is never asked for.
QUANTILES = stats.t.ppf(0.99, np.arange(1, 65)).tolist()
QUANTILES.insert(0, math.inf)

Detector = Callable[[np.ndarray], Sequence[int]]


def divisive(values: np.ndarray) -> list[int]:
    """Return change points of energy-distance splits, merged by t-tests."""
    weak: set[int] = set()
    start, window = 0, 50
    while start < len(values):
        cuts = sorted(_splits(values, start, min(start + window, len(values))))
        weak |= set(cuts)
        start = max(cuts[-1] if cuts else 0, start + window // 2)
    cuts = sorted(weak)
    while cuts:
        edges = [0, *cuts, len(values)]
        ps = [
            _t_test(values[edges[i - 1] : edges[i]], values[edges[i] : edges[i + 1]]) for i in range(1, len(edges) - 1)
        ]
        worst = int(np.argmax(ps))
        if ps[worst] < 0.001:
            break
        del cuts[worst]
    return cuts


def _splits(values: np.ndarray, start: int, end: int) -> list[int]:
    """Return where a window is split, and its parts again, as long as a t-test at .01 agrees."""
    n = end - start
    if n < 4:
        return []
    distances = np.abs(values[start:end, None] - values[None, start:end])
    best, at = -math.inf, 0
    for cut in range(2, n - 1):
        between = distances[:cut, cut:].mean()
        left = distances[:cut, :cut].sum() / (cut * (cut - 1))
        right = distances[cut:, cut:].sum() / ((n - cut) * (n - cut - 1))
        quality = cut * (n - cut) / n * (2 * between - left - right)
        if quality > best:
            best, at = quality, start + cut
    if _t_test(values[start:at], values[at:end]) >= 0.01:
        return []
    return [*_splits(values, start, at), at, *_splits(values, at, end)]


def _t_test(left: np.ndarray, right: np.ndarray) -> float:
    """Return Student's two-sided p of equal variances; 0.0 where nothing varies and the means differ."""
    freedom = len(left) + len(right) - 2
    if freedom < 1:
        return 1.0
    pooled = (((left - left.mean()) ** 2).sum() + ((right - right.mean()) ** 2).sum()) / freedom
    difference = abs(float(left.mean() - right.mean()))
    if pooled == 0.0:
        return 1.0 if difference == 0.0 else 0.0
    return float(2 * stats.t.sf(difference / math.sqrt(pooled * (1 / len(left) + 1 / len(right))), freedom))


def perfherder(values: np.ndarray) -> list[int]:
    """Return where the weighted t of twelve runs before and twelve from here on is above 7 and at its highest."""
    n, window = len(values), 12
    if n < 2 * window:
        return []
    weights = (window - np.arange(window)) / window
    sides = np.lib.stride_tricks.sliding_window_view(values, window)
    after, before = sides[window:], sides[:-window, ::-1]
    means = [np.average(side, axis=1, weights=weights) for side in (before, after)]
    errors = [
        np.average((side - mean[:, None]) ** 2, axis=1, weights=weights) / window
        for side, mean in zip((before, after), means, strict=True)
    ]
    scores = np.zeros(n)
    scores[window : n - window + 1] = np.abs(means[1] - means[0]) / np.sqrt(np.maximum(errors[0] + errors[1], 1e-300))
    return [
        at for at in range(n) if scores[at] > 7 and scores[at] == scores[max(0, at - window) : at + window + 1].max()
    ]


def boundary(values: np.ndarray) -> list[int]:
    """Return the values above the one-sided .99 boundary of up to 64 values before them."""
    found = []
    for at in range(2, len(values)):
        past = values[max(0, at - 64) : at]
        limit = past.mean() + QUANTILES[len(past) - 1] * past.std(ddof=1)
        if values[at] > limit:
            found.append(at)
    return found


def fixed(values: np.ndarray) -> list[int]:
    """Return the values more than 10 % above the mean of all before them."""
    means = np.cumsum(values)[:-1] / np.arange(1, len(values))
    return (np.flatnonzero(values[1:] > 1.1 * means) + 1).tolist()


PEERS: dict[str, Detector] = {
    "divisive": divisive,
    "perfherder": perfherder,
    "boundary": boundary,
    "fixed": fixed,
}
