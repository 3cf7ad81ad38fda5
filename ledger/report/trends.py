"""What a report on histories holds: where each series is heading, and when it took another level.

Records only: ``ledger.service.trends.trending`` fills them, ``ledger.report.trend_text`` writes them for people.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, TypeAlias

Heading: TypeAlias = Literal["degrading", "improving", "rising", "falling", "flat", "step", "inconclusive"]
Standing: TypeAlias = Literal["worse", "unknown", "steady", "better"]

STANDINGS: Final[tuple[Standing, ...]] = ("worse", "unknown", "steady", "better")
"""From what needs a person's eye first to what does not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A change of level.

    Attributes:
        change_id: Stable id.
        run_id: First run of the new level.
        ts: Its time.
        earliest_run_id: First run at which the change may have happened.
        latest_run_id: Last run at which it may have happened.
        commit_before: Commit of the run before those.
        commits: Other commits of those runs, in run order.
        packages_changed: Whether installed packages changed at those runs; ``None`` where that is not known.
        provisional: Seen by the last few runs only.
        before: Level before, in the unit of the series.
        after: Level after.
        change_ratio: after / before - 1; ``None`` where values are not all positive.
        interval: 95 % interval of the change: a ratio where ``change_ratio`` is one, else in the unit.
        p_value: How likely noise shows as much, in (0, 1].
        separation: Share of pairs of runs that are ordered as the levels are.
        worse: Whether it is for the worse; ``None`` where the metric has no better.
        recorded: Whether the ledger has it as an event.
        moved_to_run_id: Where it would be placed today, if elsewhere than recorded.
        moved_by: How many runs later that is; negative for earlier.
        found: Whether it is still found; what was recorded stays shown.
    """

    change_id: str
    run_id: str
    ts: datetime | None
    earliest_run_id: str
    latest_run_id: str
    commit_before: str | None
    commits: tuple[str, ...]
    packages_changed: bool | None
    provisional: bool
    before: float
    after: float
    change_ratio: float | None
    interval: tuple[float, float] | None
    p_value: float
    separation: float
    worse: bool | None
    recorded: bool = False
    moved_to_run_id: str | None = None
    moved_by: int = 0
    found: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesTrend:
    """Where one series is heading.

    Attributes:
        asset: Asset key.
        partition: Partition, ``*`` for several that share the series, ``None`` without partitions.
        metric: Metric name.
        unit: Base unit.
        direction: Which way is better, ``neutral`` where none is.
        machine: Machine class for people.
        machine_digest: Its digest.
        config_digest: Digest of the configuration.
        heading: The class.
        standing: What that means: worse, better, steady, or unknown.
        change_ratio: Relative change over the window: along the slope, or from first to last level of steps.
        interval: Its 95 % interval, in the unit where ``change_ratio`` is ``None``; of several steps there is none.
        slope_per_day: Relative change per day, in the unit per day where values are not all positive.
        interval_per_day: Its 95 % interval.
        p_value: Of no trend, in (0, 1].
        autocorrelation: Memory of the noise, in [0, 0.95].
        runs: Runs in the window.
        history_runs: Runs that changes were looked for in.
        first_ts: Time of the first run of the window.
        last_ts: Time of the last one.
        median: Median of the window, ``None`` where a value is no number.
        latest: Newest value.
        values: The window, in run order.
        changes: Changes of level in the window.
        reasons: Why, one sentence each.
        notes: What a reader should know of the series itself: where it was split, from what.
    """

    asset: str
    partition: str | None
    metric: str
    unit: str
    direction: str
    machine: str
    machine_digest: str
    config_digest: str
    heading: Heading
    standing: Standing
    change_ratio: float | None
    interval: tuple[float, float] | None
    slope_per_day: float | None
    interval_per_day: tuple[float, float] | None
    p_value: float
    autocorrelation: float
    runs: int
    history_runs: int
    first_ts: datetime
    last_ts: datetime
    median: float | None
    latest: float
    values: tuple[float, ...]
    changes: tuple[Change, ...]
    reasons: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrendReport:
    """All series that were asked for, worst first.

    Attributes:
        window: What was looked at, for instance ``last 100 runs of each job``.
        series: The series.
        recorded: Events that this look recorded.
        unrecorded: Changes that the ledger does not have yet.
    """

    window: str
    series: tuple[SeriesTrend, ...]
    recorded: int = 0
    unrecorded: int = 0
