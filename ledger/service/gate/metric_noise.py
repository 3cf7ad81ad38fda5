"""How noisy a metric is on a ledger's own runs, how small a limit a gate can hold on it, and how many runs that takes.

Rules:
- The limit that is held at a number of runs is the bound below which four of five replays certify an unchanged metric.
  Beyond the numbers that were replayed it is scaled by sqrt(1/baseline + 1/candidate), as the error of a difference of
  means is (on logarithms; on the metric's own scale for quality).
- A share of replays is told with Wilson's interval.
"""

import math
from collections.abc import Sequence
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from ledger.report.calibration import MetricNoise, Rate
from ledger.service.reading.observing import Series
from ledger.stats import Finding
from ledger.stats.noise import NORMAL_MAD

Size: TypeAlias = tuple[int, int]
"""Runs of baseline and candidate."""

HELD_SHARE: Final = 0.8
"""Share of replays in which an unchanged metric is certified; the usual power of a test (Cohen 1988)."""

HELD_AT: Final = ((5, 3), (5, 5), (5, 10), (5, 20))
LIMITS: Final = (0.02, 0.05, 0.10, 0.20)
_Z: Final = 1.959963984540054
"""The 0.975 quantile of the normal distribution."""
_MOST_RUNS: Final = 100_000
_FEWEST_RUNS: Final = 3
"""With fewer on each side even the clearest order of all values has p > 0.05: 1 / C(4, 2)."""


def rate(hits: int, total: int) -> Rate:
    """Return how often something happened with its 95 % interval (Wilson 1927, the score interval).

    Args:
        hits: How often, 0 <= hits <= total.
        total: Out of how many.
    """
    if total == 0:
        return Rate(hits=0, total=0, ratio=None, interval=None)
    p, z2 = hits / total, _Z * _Z
    middle = (p + z2 / (2 * total)) / (1 + z2 / total)
    half = _Z * math.sqrt(p * (1 - p) / total + z2 / (4 * total * total)) / (1 + z2 / total)
    # At the ends the score interval reaches 0 and 1 exactly; rounding must not leave it short of them.
    low, high = 0.0 if hits == 0 else middle - half, 1.0 if hits == total else middle + half
    return Rate(hits=hits, total=total, ratio=p, interval=(low, high))


def noise_of(series: Series, findings: Sequence[Finding], size: Size) -> MetricNoise:
    """Return the noise of a metric and what it allows.

    Args:
        series: Its values, one per run, n >= 1.
        findings: What the replays found of it, at least one.
        size: Runs of baseline and candidate in the replays.
    """
    values = np.array(series.values, dtype=np.float64)
    middle, mean = float(np.median(values)), float(values.mean())
    bound = _bound(findings)
    relative = findings[0].kind != "quality"
    sizes = dict.fromkeys((size, *HELD_AT))
    return MetricNoise(
        asset=series.asset,
        partition=series.partition,
        metric=series.metric,
        unit=series.unit,
        runs=len(series.values),
        median=middle,
        cv=float(values.std(ddof=1)) / abs(mean) if mean and values.size > 1 else None,
        robust_cv=NORMAL_MAD * float(np.median(np.abs(values - middle))) / abs(middle) if middle else None,
        limit=findings[0].limit,
        alarms=rate(sum(finding.state == "regressed" for finding in findings), len(findings)),
        held={f"{b}x{c}": _held(bound, size, (b, c), relative=relative) for b, c in sizes},
        needed_runs={f"{limit:g}": _needed(bound, size, limit, relative=relative) for limit in LIMITS},
    )


def _bound(findings: Sequence[Finding]) -> float | None:
    """Return the bound that four of five replays certified, ``None`` where they told none."""
    bounds = [finding.upper_bound for finding in findings if finding.upper_bound is not None]
    if len(bounds) < HELD_SHARE * len(findings):
        return None
    ordered: npt.NDArray[np.float64] = np.sort(np.array(bounds, dtype=np.float64))
    return max(float(ordered[math.ceil(HELD_SHARE * len(bounds)) - 1]), 0.0)


def _held(bound: float | None, size: Size, other: Size, *, relative: bool) -> float | None:
    """Return the limit that is held at another number of runs."""
    if bound is None or size == other:
        return bound
    scale = math.sqrt((1 / other[0] + 1 / other[1]) / (1 / size[0] + 1 / size[1]))
    return math.expm1(math.log1p(bound) * scale) if relative else bound * scale


def _needed(bound: float | None, size: Size, limit: float, *, relative: bool) -> int | None:
    """Return the runs on each side from which a limit is held, ``None`` beyond what anybody makes."""
    if bound is None:
        return None
    ratio = math.log1p(bound) / math.log1p(limit) if relative else bound / limit
    runs = math.ceil(2.0 * ratio * ratio / (1 / size[0] + 1 / size[1]))
    return max(runs, _FEWEST_RUNS) if runs <= _MOST_RUNS else None
