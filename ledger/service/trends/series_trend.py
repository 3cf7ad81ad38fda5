"""What is said of one series: its heading, its changes with their size and their commits, and why.

Rules:
- A metric without a better and a worse is rising or falling, never improving or degrading.
- What a step comes to is told from the level before the first confirmed change of the window to that after the last.
- A provisional change for the worse puts a series among those to look at; for the better it does not.
- The interval of a change inverts the exact Mann-Whitney test over up to 30 runs on either side (``hodges_lehmann``).
- A recorded change keeps the place and the figures it was recorded with.
"""

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, cast

import numpy as np
import numpy.typing as npt

from ledger.events import ChangePointFound
from ledger.metrics import Direction
from ledger.projections.histories import Series
from ledger.report.trends import Change, Heading, SeriesTrend, Standing
from ledger.service.trends.change_log import Matched
from ledger.stats import ChangePoint, Trend, trend
from ledger.stats.hodges_lehmann import shift_of

CONFIDENCE: Final = 0.95
SIDE_RUNS: Final = 30
"""Runs on either side of a change that its size is told from: what lies further back is another time."""

_WITHOUT_BETTER: Final[dict[str, Heading]] = {"degrading": "rising", "improving": "falling"}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Look:
    """A series with what was found in it.

    Attributes:
        series: The series.
        in_window: Shape (n,), whether each run is in the window.
        changes: Its changes, found now or recorded.
        direction: Which way is better.
        machine: Machine class for people.
        notes: What a reader should know of the series.
    """

    series: Series
    in_window: npt.NDArray[np.bool_]
    changes: tuple[Matched, ...]
    direction: Direction
    machine: str
    notes: tuple[str, ...]


def told(look: Look) -> SeriesTrend:
    """Return what is said of a series; at least one of its runs is in the window."""
    series = look.series
    values, times_s = series.values[look.in_window], series.times_s[look.in_window]
    found = _trend(look, values, times_s)
    changes = tuple(change for change in (_change(look, each) for each in look.changes) if change is not None)
    kind: Heading = found.kind
    if look.direction == "neutral":
        kind = _WITHOUT_BETTER.get(kind, kind)
    ratio = _stepped(changes, found) if kind == "step" else found.change_ratio
    finite = bool(np.isfinite(values).all())
    return SeriesTrend(
        asset=series.asset,
        partition=series.partition,
        metric=series.metric,
        unit=series.unit,
        direction=look.direction,
        machine=look.machine,
        machine_digest=series.machine,
        config_digest=series.config_digest,
        heading=kind,
        standing=_standing(kind, ratio, changes, look.direction),
        change_ratio=ratio,
        interval=_interval_of_step(changes) if kind == "step" else found.interval,
        slope_per_day=found.slope_per_day,
        interval_per_day=None
        if found.low_per_day is None or found.high_per_day is None
        else (found.low_per_day, found.high_per_day),
        p_value=found.p_value,
        autocorrelation=found.autocorrelation,
        runs=int(values.size),
        history_runs=int(series.values.size),
        first_ts=_moment(times_s[0]),
        last_ts=_moment(times_s[-1]),
        median=float(np.median(values)) if finite else None,
        latest=float(values[-1]),
        values=tuple(values.tolist()),
        changes=changes,
        reasons=found.reasons,
        notes=look.notes,
    )


def event_of(look: Look, change: Matched) -> ChangePointFound:
    """Return the event that records a change that is found now."""
    point = cast("ChangePoint", change.point)
    series, interval = look.series, _interval(look, point)
    before, commits = _commits(series, point.earliest, point.latest)
    return ChangePointFound(
        asset=series.asset,
        partition=series.partition,
        change_id=change.change_id,
        metric=series.metric,
        unit=series.unit,
        status="provisional" if point.provisional else "confirmed",
        machine=series.machine,
        config_digest=series.config_digest,
        first_run_id=series.run_ids[point.index],
        earliest_run_id=series.run_ids[point.earliest],
        latest_run_id=series.run_ids[point.latest],
        newest_run_id=series.run_ids[-1],
        commit_before=before,
        commits=commits,
        before=point.before,
        after=point.after,
        change_ratio=point.change_ratio,
        low=interval[0] if interval else None,
        high=interval[1] if interval else None,
        p_value=point.p_value,
        separation=point.separation,
        runs=len(series.run_ids),
    )


def _trend(look: Look, values: npt.NDArray[np.float64], times_s: npt.NDArray[np.float64]) -> Trend:
    """Return the trend of a window, or why there is none."""
    finite = np.isfinite(values)
    if bool(finite.all()):
        higher = look.direction == "higher_is_better"
        # Of the whole series the changes are known: finding them again would take longer than the trend.
        points = [each.point for each in look.changes if each.point is not None]
        steps = sorted(points, key=lambda point: point.index) if bool(look.in_window.all()) else None
        return trend(values, times_s, "higher_is_better" if higher else "lower_is_better", steps)
    runs = [run_id for run_id, used in zip(look.series.run_ids, look.in_window, strict=True) if used]
    first = int(np.argmin(finite))
    reason = f"the value of run {runs[first]} is {values[first]}, which is no number; see who measured it"
    return Trend("inconclusive", None, None, None, None, 1.0, int(values.size), 0.0, False, (reason,))  # noqa: FBT003


def _change(look: Look, change: Matched) -> Change | None:
    """Return what is said of a change, ``None`` where it lies outside the window."""
    place = {run_id: index for index, run_id in enumerate(look.series.run_ids)}
    keeps = change.recorded is not None and (change.recorded.status == "confirmed" or not change.news)
    event = change.recorded if keeps or change.point is None else event_of(look, change)
    if event is None:
        return None
    index = place[event.first_run_id]
    if not look.in_window[index]:
        return None
    now = change.point.index if change.point is not None else index
    earliest, latest = (place.get(run_id, index) for run_id in (event.earliest_run_id, event.latest_run_id))
    return Change(
        change_id=event.change_id,
        run_id=event.first_run_id,
        ts=_moment(look.series.times_s[index]),
        earliest_run_id=event.earliest_run_id,
        latest_run_id=event.latest_run_id,
        commit_before=event.commit_before,
        commits=tuple(event.commits),
        packages_changed=_packages_changed(look.series, earliest, latest),
        provisional=event.status == "provisional",
        before=event.before,
        after=event.after,
        change_ratio=event.change_ratio,
        interval=None if event.low is None or event.high is None else (event.low, event.high),
        p_value=event.p_value,
        separation=event.separation,
        worse=_is_worse(event.after - event.before, look.direction),
        recorded=keeps,
        moved_to_run_id=look.series.run_ids[now] if now != index else None,
        moved_by=now - index,
        found=change.point is not None,
    )


def _stepped(changes: tuple[Change, ...], found: Trend) -> float | None:
    """Return the relative change from the first to the last level of the confirmed steps of a window."""
    steps = [change for change in changes if not change.provisional]
    if not steps or any(change.change_ratio is None for change in steps):
        return found.change_ratio
    return steps[-1].after / steps[0].before - 1.0


def _interval_of_step(changes: tuple[Change, ...]) -> tuple[float, float] | None:
    """Return the interval of the only confirmed step of a window; several have one each and none together."""
    steps = [change for change in changes if not change.provisional]
    return steps[0].interval if len(steps) == 1 else None


def _standing(kind: Heading, ratio: float | None, changes: tuple[Change, ...], direction: Direction) -> Standing:
    """Return what a heading means."""
    if kind in {"degrading", "improving"}:
        return "worse" if kind == "degrading" else "better"
    if any(change.provisional and change.worse for change in changes):
        return "worse"
    if kind == "step":
        size = ratio if ratio is not None else sum(change.after - change.before for change in changes)
        worse = _is_worse(size, direction)
        return "unknown" if worse is None else ("worse" if worse else "better")
    return "steady" if kind == "flat" else "unknown"


def _is_worse(rise: float, direction: Direction) -> bool | None:
    """Return whether a rise (or fall, where negative) is for the worse, ``None`` where there is no worse."""
    if direction == "neutral" or rise == 0.0:
        return None
    return (rise > 0.0) == (direction == "lower_is_better")


def _interval(look: Look, point: ChangePoint) -> tuple[float, float] | None:
    """Return the interval of a change: of the ratio where there is one, else in the unit; ``None`` for too few runs."""
    cuts = [change.point.index for change in look.changes if change.point is not None]
    start = max([0, point.index - SIDE_RUNS, *(cut for cut in cuts if cut < point.index)])
    stop = min([look.series.values.size, point.index + SIDE_RUNS, *(cut for cut in cuts if cut > point.index)])
    before, after = look.series.values[start : point.index], look.series.values[point.index : stop]
    if point.change_ratio is None:
        shift = shift_of(before, after, CONFIDENCE)
        return None if shift.lower is None or shift.upper is None else (shift.lower, shift.upper)
    shift = shift_of(np.log(before), np.log(after), CONFIDENCE)
    if shift.lower is None or shift.upper is None:
        return None
    return math.expm1(shift.lower), math.expm1(shift.upper)


def _commits(series: Series, earliest: int, latest: int) -> tuple[str | None, tuple[str, ...]]:
    """Return the commit before an interval of runs, and the others of the interval in run order."""
    before = series.commits[earliest - 1] if earliest > 0 else None
    inside = dict.fromkeys(commit for commit in series.commits[earliest : latest + 1] if commit)
    return before, tuple(commit for commit in inside if commit != before)


def _packages_changed(series: Series, earliest: int, latest: int) -> bool | None:
    """Return whether installed packages changed in an interval of runs; ``None`` where a run did not say."""
    told_of = series.packages[max(earliest - 1, 0) : latest + 1]
    return None if None in told_of else len(set(told_of)) > 1


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(float(seconds), UTC)
