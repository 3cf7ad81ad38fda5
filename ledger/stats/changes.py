"""Change points of a history: when a metric took another level, how much by, and how sure that is.

Rules:
- Values are in run order and all of one comparable kind (asset, metric, machine class, configuration, size class).
- Spikes are clipped, the series is divided by its noise and cut (``segmentation``), cuts that are not worth telling are
  removed (``elimination``), and what noise would show as easily is left out (``evidence``).
- The last few values are looked at by themselves (``early_warning``): such points are provisional.
- Fewer than ten values have no change points. Constant series have none either. NaN is refused.
- The same values give the same points, bit for bit, on every machine: randomness is seeded by the values.
- Noise that remembers (autocorrelation) looks like change. It is measured, told with each point and paid for in its p.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from ledger.stats.cut_evidence import interval, p_value
from ledger.stats.early_warning import LOOKS, early_warning
from ledger.stats.elimination import Contrast, contrast, surviving
from ledger.stats.noise import autocorrelation, median, noise_sigma, without_spikes
from ledger.stats.segmentation import SHORTEST_PIECE, penalty, pieces
from ledger.stats.series import FloatArray, Scaled, Values, as_series, scaled, seeded

FEWEST_VALUES: Final = 2 * SHORTEST_PIECE
SIGNIFICANCE: Final = 0.01
# From here on noise that remembers is taken for change in a noticeable share of quiet series (see ADR 0011).
TREACHEROUS_AUTOCORRELATION: Final = 0.6


@dataclass(frozen=True, slots=True)
class ChangePoint:
    """One change of level.

    Attributes:
        index: First value of the new regime, 0-based.
        earliest: First index at which the change may have happened.
        latest: Last index at which the change may have happened; earliest <= index <= latest.
        provisional: Seen by the last few values only; later runs confirm or withdraw it.
        before: Median of up to 30 values before the change, in the metric's unit.
        after: Median of up to 30 values from the change on, in the metric's unit.
        change_ratio: after / before - 1; ``None`` where not all values are positive.
        p_value: How likely noise of the same memory shows as much anywhere in the history, in (0, 1].
        separation: Share of pairs, one value from each side, in the order of the medians, in [0.5, 1].
        autocorrelation: Lag-1 memory of the noise of the whole series, in [0, 0.97].
    """

    index: int
    earliest: int
    latest: int
    provisional: bool
    before: float
    after: float
    change_ratio: float | None
    p_value: float
    separation: float
    autocorrelation: float


@dataclass(frozen=True, slots=True)
class History:
    """What a series says about its own past.

    Attributes:
        points: Change points, ascending by index.
        values: Number of values looked at.
        noise: Robust standard deviation of the noise: a ratio where ``is_log``, else in units of the median size.
        autocorrelation: Lag-1 memory of the noise, in [0, 0.97].
        is_log: Whether the series was looked at as logarithms.
        reasons: What a reader should know, one sentence each.
    """

    points: tuple[ChangePoint, ...]
    values: int
    noise: float
    autocorrelation: float
    is_log: bool
    reasons: tuple[str, ...]


def change_points(values: Values) -> tuple[ChangePoint, ...]:
    """Return the change points of ``values`` in ascending order; empty for fewer than ten or for constant values.

    Args:
        values: One finite number per run, in run order. Left untouched.

    Raises:
        UnusableSeriesError: A value is NaN or infinite, or ``values`` is not one-dimensional.
    """
    return history(values).points


def history(values: Values) -> History:
    """Return the change points of ``values`` with the noise they were told from and what makes them doubtful.

    Args:
        values: One finite number per run, in run order. Left untouched.

    Raises:
        UnusableSeriesError: A value is NaN or infinite, or ``values`` is not one-dimensional.
    """
    series = as_series(values)
    n = series.size
    if n < FEWEST_VALUES:
        reason = f"{n} values are too few to tell a change from noise; {FEWEST_VALUES} are needed"
        return History((), n, 0.0, 0.0, bool((series > 0).all()), (reason,))
    scale = scaled(series)
    if float(np.ptp(series)) == 0.0:
        return History((), n, 0.0, 0.0, scale.is_log, ("all values are the same",))
    calm, residuals = without_spikes(scale.levels)
    sigma = noise_sigma(scale.levels, residuals)
    held = surviving(scale.levels, pieces(calm / sigma, penalty(n)))
    phi = autocorrelation(calm, sigma, [each.cut for each in held])
    found = _Found(series, scale, calm, phi)
    points = _confirmed(found, held)
    points += _provisional(found, points[-1].index if points else 0)
    return History(tuple(points), n, sigma, phi, scale.is_log, _reasons(scale, phi))


@dataclass(frozen=True, slots=True)
class _Found:
    """A series with what was measured of it."""

    series: FloatArray
    scale: Scaled
    calm: FloatArray
    phi: float


def _confirmed(found: _Found, held: tuple[Contrast, ...]) -> list[ChangePoint]:
    """Return the cuts that noise does not explain either; the least likely to be noise stay longest."""
    rng = seeded(found.series)
    while held:
        points = [_point(found, each, rng) for each in held]
        doubtful = max(points, key=lambda point: (point.p_value, -point.index))
        if doubtful.p_value <= SIGNIFICANCE:
            return points
        at = points.index(doubtful)
        left = tuple(each.cut for place, each in enumerate(held) if place != at)
        held = surviving(found.scale.levels, left)
    return []


def _point(found: _Found, held: Contrast, rng: np.random.Generator) -> ChangePoint:
    """Return the confirmed change point of a cut."""
    window, cut = found.calm[held.start : held.end], held.cut - held.start
    earliest, _, latest = interval(window, cut, found.phi)
    p = p_value(window, cut, found.phi, found.series.size, rng)
    return _told(found, held, (held.start + earliest, held.start + latest), p, provisional=False)


def _provisional(found: _Found, regime_start: int) -> list[ChangePoint]:
    """Return the change that the last values show, if any; what they were drawn from began at ``regime_start``."""
    warned = early_warning(found.scale.levels, regime_start)
    if warned is None:
        return []
    held = contrast(found.scale.levels, warned.start, warned.index, found.series.size)
    window = found.scale.levels[held.start : held.end]
    p = p_value(window, held.cut - held.start, found.phi, found.series.size, seeded(found.series))
    earliest, best, latest = (held.start + at for at in interval(window, held.cut - held.start, found.phi))
    newest = found.series.size - LOOKS[0].values
    if warned.index - LOOKS[-1].values <= best <= newest:
        held = contrast(found.scale.levels, warned.start, best, found.series.size)
    return [_told(found, held, (earliest, latest), p, provisional=True)]


def _told(found: _Found, held: Contrast, within: tuple[int, int], p: float, *, provisional: bool) -> ChangePoint:
    """Return a change point with its size in the metric's own unit."""
    before = median(found.series[held.start : held.cut])
    after = median(found.series[held.cut : held.end])
    return ChangePoint(
        index=held.cut,
        earliest=min(within[0], held.cut),
        latest=max(within[1], held.cut),
        provisional=provisional,
        before=before,
        after=after,
        change_ratio=after / before - 1.0 if found.scale.is_log else None,
        p_value=p,
        separation=held.separation,
        autocorrelation=found.phi,
    )


def _reasons(scale: Scaled, phi: float) -> tuple[str, ...]:
    """Return what a reader should know of a history."""
    reasons = []
    if not scale.is_log:
        reasons.append("a value is zero or negative, so changes are differences and no ratios are given")
    if phi >= TREACHEROUS_AUTOCORRELATION:
        reasons.append(
            f"runs resemble the ones before them (autocorrelation {phi:.2f}): slow waves of noise can pass for changes"
        )
    return tuple(reasons)
