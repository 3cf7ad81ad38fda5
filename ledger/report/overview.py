"""What is shown together of a ledger: charts per asset and metric, what the gate says, and whether a commit is ready.

Records only: ``ledger.service.overview`` fills them; page, Markdown, CSV and document are all written from them.

Rules:
- A part that could not be had is told with why; nothing stands in for it.
- The report knows no time of its own: it is as of the newest run that it shows.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from ledger.checklist import Assessment, Facts
from ledger.report.gate import GateAnswer
from ledger.report.trends import STANDINGS, SeriesTrend, Standing
from ledger.stats.records import Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """What was accepted as normal for a series, as its baseline file says, in the unit of the series.

    Attributes:
        median: Median of the accepted runs.
        low: Smallest accepted value.
        high: Largest accepted value.
        limit: Value from which on the gate calls it worse.
        runs: Number of accepted runs.
        change: Kind of the last change of the baseline, and why.
        anchor: Median of the anchor, ``None`` without one.
        anchor_label: What the anchor is called, for instance a release.
    """

    median: float
    low: float
    high: float
    limit: float
    runs: int
    change: str
    anchor: float | None = None
    anchor_label: str | None = None


@dataclass(frozen=True, slots=True)
class Mark:
    """An alert or regression that was raised in a run: place of the run in the chart, severity, one sentence."""

    place: int
    severity: str
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A series with what is drawn beside it.

    Attributes:
        series_id: Stable id, 32 hex digits.
        trend: The series, with its values in run order and its changes of level.
        run_ids: Run of each value.
        times: Time of each value.
        commits: Commit of each value, ``None`` where nobody knew.
        accepted: What was accepted, ``None`` without a baseline.
        least: Configured limit from below, ``None`` without one.
        most: Configured limit from above, ``None`` without one.
        marks: Alerts and regressions, in run order.
        finding: What the gate found, ``None`` where it judged something else.
    """

    series_id: str
    trend: SeriesTrend
    run_ids: tuple[str, ...]
    times: tuple[datetime, ...]
    commits: tuple[str | None, ...]
    accepted: Accepted | None = None
    least: float | None = None
    most: float | None = None
    marks: tuple[Mark, ...] = ()
    finding: Finding | None = None


@dataclass(frozen=True, slots=True)
class GateSection:
    """What the gate says of a job; ``answer`` is ``None`` where it could not be asked, and ``why`` says why."""

    job: str
    answer: GateAnswer | None
    why: str = ""


@dataclass(frozen=True, slots=True)
class ReadinessSection:
    """Whether a commit is ready; both are ``None`` where nobody could judge it, and ``why`` says why."""

    assessment: Assessment | None = None
    facts: Facts | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run: id, job, how it ended, when it began, and how long it took in seconds."""

    run_id: str
    job: str | None
    status: str
    started: datetime | None
    duration_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """Everything that is shown together.

    Attributes:
        title: What the report is about.
        ledger: What the ledger is called.
        window: Which runs the headings are told from, in words.
        as_of: When the newest run began, ``None`` without runs.
        charts: A chart per series, worst first.
        gates: What the gate says, a job each.
        readiness: Whether a commit is ready.
        runs: The runs of the charts and the newest ones beside them, oldest first.
        problems: What could not be read, a sentence each.
    """

    title: str
    ledger: str
    window: str
    as_of: datetime | None
    charts: tuple[Chart, ...]
    gates: tuple[GateSection, ...] = ()
    readiness: ReadinessSection = ReadinessSection()
    runs: tuple[RunRow, ...] = ()
    problems: tuple[str, ...] = ()

    def standings(self) -> Mapping[Standing, int]:
        """Return how many series stand how, from worse to better."""
        return {one: sum(chart.trend.standing == one for chart in self.charts) for one in STANDINGS}
