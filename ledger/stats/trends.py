"""Where a metric is heading: improving, degrading, flat, a step, or nothing that can be told yet.

Rules:
- At least ten values. The slope is Theil-Sen's on logarithms (on the metric's own scale where a value is zero or
  negative), its evidence Kendall's, both corrected for noise that remembers.
- *flat*: the whole interval of the change over the window lies inside 5 %: that nothing happens is shown.
- *step*: confirmed change points describe the series better than a line does; the level moved, it is not moving.
- *improving*, *degrading*: the trend is beyond noise, and its estimate over the window at least 1 %.
- *inconclusive*: everything else, and fewer than ten values or no time between them.
- Times need not be ordered or different. Values of equal times are not compared with each other.
- Which way is better is the caller's to say; lower is better by default, as it is for durations.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike

from ledger.stats.changes import TREACHEROUS_AUTOCORRELATION, ChangePoint, change_points
from ledger.stats.kendall import Slope, slope
from ledger.stats.noise import median
from ledger.stats.series import NOISE_FLOOR, FloatArray, Scaled, UnusableSeriesError, Values, as_series, scaled

TrendClass = Literal["improving", "degrading", "flat", "step", "inconclusive"]
Better = Literal["lower_is_better", "higher_is_better"]

FEWEST_VALUES: Final = 10
FLAT_RATIO: Final = 0.05
SMALLEST_CHANGE: Final = 0.01
CONFIDENCE: Final = 0.95
# Two-sided; below the 3 % of false alarms that is aimed at, since memory is estimated and not known.
SIGNIFICANCE: Final = 0.015
DAY_S: Final = 86_400.0
# Neighbours are joined beyond this: pairs grow as the square, and means of neighbours lose nothing of a slope.
MOST_VALUES: Final = 250


@dataclass(frozen=True, slots=True)
class Trend:
    """Where a series is heading.

    Attributes:
        kind: improving, degrading, flat, step or inconclusive.
        slope_per_day: Relative change per day where ``is_log`` (0.01 is 1 %), else in the metric's unit per day;
            ``None`` where no slope can be told.
        low_per_day: Lower end of its 95 % interval.
        high_per_day: Upper end of its 95 % interval.
        change_ratio: Relative change from the first to the last time along the slope; ``None`` where not ``is_log``.
        p_value: Two-sided, of no monotone trend, in (0, 1].
        n: Number of values looked at.
        autocorrelation: Lag-1 memory of the values beside the line, in [0, 0.95].
        is_log: Whether slopes are relative.
        reasons: Why this class, one sentence each.
        interval: 95 % interval of the change from the first to the last time: relative where ``is_log``, else in the
            metric's unit. Per day it may be beyond any number: a tenth less in minutes is nothing left after a day.
    """

    kind: TrendClass
    slope_per_day: float | None
    low_per_day: float | None
    high_per_day: float | None
    change_ratio: float | None
    p_value: float
    n: int
    autocorrelation: float
    is_log: bool
    reasons: tuple[str, ...]
    interval: tuple[float, float] | None = None


def trend(
    values: Values,
    times: Sequence[float] | Sequence[datetime] | ArrayLike,
    better: Better = "lower_is_better",
    steps: Sequence[ChangePoint] | None = None,
) -> Trend:
    """Return where ``values`` are heading.

    Args:
        values: Shape (n,), finite, one per run. Left untouched.
        times: Shape (n,), seconds since any fixed moment, or datetimes; in any order, equal ones allowed.
        better: Which way is better.
        steps: The change points of these values where they are known, in the order of time; found here otherwise.

    Raises:
        UnusableSeriesError: A value or time is NaN or infinite, or there are not as many times as values.
    """
    series, at = as_series(values), _in_days(times)
    if series.size != at.size:
        message = f"{series.size} values but {at.size} times; give one time per value"
        raise UnusableSeriesError(message)
    order = np.argsort(at, kind="stable")
    series, at = series[order], at[order]
    if series.size < FEWEST_VALUES:
        return _untold(series, f"{series.size} values are too few for a trend; {FEWEST_VALUES} are needed")
    scale = scaled(series)
    joined_at, joined = _joined(at - at[0]), _joined(scale.levels)
    found = slope(joined_at, joined, CONFIDENCE)
    if found is None:
        return _untold(series, "all values are of the same time")
    points = change_points(series) if steps is None else steps
    confirmed = tuple(point for point in points if not point.provisional)
    span = float(at[-1] - at[0])
    kind, reason = _kind(found, span, scale, better, _step_reason(confirmed, scale.levels, at - at[0], found))
    return _told(kind, found, span, scale, series.size, (reason, *_cautions(found, scale)))


def _in_days(times: Sequence[float] | Sequence[datetime] | ArrayLike) -> FloatArray:
    """Return times as days, shape (n,), from seconds or datetimes."""
    listed = list(times) if isinstance(times, Sequence) else times
    if isinstance(listed, list) and listed and isinstance(listed[0], datetime):
        listed = [each.timestamp() for each in listed if isinstance(each, datetime)]
    return as_series(listed, name="times") / DAY_S


def _joined(values: FloatArray) -> FloatArray:
    """Return ``values``, or where there are more than 250 the medians of equally many neighbours each."""
    if values.size <= MOST_VALUES:
        return values
    size = math.ceil(values.size / MOST_VALUES)
    whole = values.size - values.size % size
    joined = np.median(values[:whole].reshape(-1, size), axis=1)
    rest = values[whole:]
    return np.append(joined, median(rest)) if rest.size else joined


def _step_reason(steps: tuple[ChangePoint, ...], levels: FloatArray, at: FloatArray, line: Slope) -> str | None:
    """Return why steps describe the series better than the line, or ``None`` where they do not.

    Both are held against each other by the Bayesian information criterion under Laplace errors (Schwarz 1978): a line
    has two parameters, steps have one level per piece and one place per step.
    """
    if not steps:
        return None
    pieces = np.split(levels, [step.index for step in steps])
    middles = [median(piece) for piece in pieces]
    if max(middles) - min(middles) < math.log1p(FLAT_RATIO):
        return None
    beside_steps = np.concatenate([piece - middle for piece, middle in zip(pieces, middles, strict=True)])
    beside_line = levels - line.intercept - line.per_time * at
    by_steps = _criterion(beside_steps, 2 * len(steps) + 1)
    if by_steps >= _criterion(beside_line, 2):
        return None
    at_values = ", ".join(str(step.index) for step in steps)
    return f"the level changed at value {at_values} and a line describes the series less well"


def _criterion(residuals: FloatArray, parameters: int) -> float:
    """Return the Bayesian information criterion of residuals (n >= 1) with Laplace errors; smaller is better."""
    n = residuals.size
    size = max(float(np.abs(residuals).mean()), NOISE_FLOOR)
    return 2.0 * n * math.log(size) + parameters * math.log(n)


def _kind(found: Slope, span: float, scale: Scaled, better: Better, stepped: str | None) -> tuple[TrendClass, str]:
    """Return the class of a trend and why."""
    if stepped is not None:
        return "step", stepped
    low, high = (_ratio(scale, each * span) for each in (found.low, found.high))
    told = f"the change over the window is between {low:+.1%} and {high:+.1%}"
    if not scale.is_log:
        told += " of the median size"
    if low > -FLAT_RATIO and high < FLAT_RATIO:
        return "flat", f"{told}, all of it inside {FLAT_RATIO:.0%}"
    if found.p_value > SIGNIFICANCE or abs(_ratio(scale, found.per_time * span)) < SMALLEST_CHANGE:
        return "inconclusive", f"{told}, and noise alone shows as much (p = {found.p_value:.2g})"
    up_is_worse = better == "lower_is_better"
    return ("degrading" if (found.per_time > 0) == up_is_worse else "improving"), told


def _cautions(found: Slope, scale: Scaled) -> tuple[str, ...]:
    """Return what a reader should know beside the class."""
    cautions = []
    if not scale.is_log:
        cautions.append("a value is zero or negative, so the slope is in the metric's own unit")
    if found.autocorrelation >= TREACHEROUS_AUTOCORRELATION:
        cautions.append(f"runs resemble the ones before them (autocorrelation {found.autocorrelation:.2f})")
    return tuple(cautions)


def _ratio(scale: Scaled, difference: float) -> float:
    """Return a difference of levels as a relative change."""
    return math.expm1(min(difference, 700.0)) if scale.is_log else difference


def _told(kind: TrendClass, found: Slope, span: float, scale: Scaled, n: int, reasons: tuple[str, ...]) -> Trend:
    """Return a trend with its slope in the metric's own terms."""

    def told(levels: float) -> float:
        return levels * scale.unit if scale.unit is not None else _ratio(scale, levels)

    return Trend(
        kind=kind,
        slope_per_day=told(found.per_time),
        low_per_day=told(found.low),
        high_per_day=told(found.high),
        change_ratio=_ratio(scale, found.per_time * span) if scale.is_log else None,
        p_value=found.p_value,
        n=n,
        autocorrelation=found.autocorrelation,
        is_log=scale.is_log,
        reasons=reasons,
        interval=(told(found.low * span), told(found.high * span)),
    )


def _untold(series: FloatArray, reason: str) -> Trend:
    """Return what is said where no slope can be."""
    return Trend(
        kind="inconclusive",
        slope_per_day=None,
        low_per_day=None,
        high_per_day=None,
        change_ratio=None,
        p_value=1.0,
        n=series.size,
        autocorrelation=0.0,
        is_log=bool((series > 0).all()),
        reasons=(reason,),
    )
