"""Charts: each series of the trends with its runs, and with what baselines, limits, alerts and the gate say of it.

Rules:
- Headings and changes of level are those of ``ledger.service.trends``; nothing is judged here.
- A series is held against the baseline file of its own machine class, and belongs to a finding of the gate only where
  it holds one of the runs that were judged.
- A baseline file that cannot be read is told as a problem and leaves its charts without a band.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final, TypeAlias

from ledger.baselines import Baseline, MetricBaseline
from ledger.errors import ConfigurationError, IntegrityError
from ledger.events import AlertRaised
from ledger.events.codec import from_table
from ledger.metrics import MetricRegistry
from ledger.projections.histories import MANY_PARTITIONS
from ledger.report.overview import Accepted, Chart, GateSection, Mark
from ledger.report.trends import SeriesTrend, TrendReport
from ledger.service.baselines.accepted import AcceptedBaselines
from ledger.service.gate.comparing import Judging, judging
from ledger.service.gate.policy import policy_of
from ledger.service.trends.history import Asked
from ledger.service.trends.series_trend import Look
from ledger.service.trends.trending import looked, report_of
from ledger.settings import Settings
from ledger.stats.records import DEFAULT_LIMITS, Finding, Policy
from ledger.store.protocol import EventQuery, LedgerView

Key: TypeAlias = tuple[str, str, str]
"""Asset, partition (empty without one) and metric."""

_QUALITY: Final = "quality"


def trends_and_looks(
    view: LedgerView, asked: Asked, registry: MetricRegistry
) -> tuple[TrendReport, Mapping[tuple[str, ...], Look]]:
    """Return the trends that were asked for, and each series with its runs by its key.

    Raises:
        ConfigurationError: An asset, a metric or a job is not in the ledger.
    """
    looks = looked(view, asked, registry)
    return report_of(looks, asked), {look.series.key: look for look in looks}


def charts_of(
    view: LedgerView,
    found: tuple[TrendReport, Mapping[tuple[str, ...], Look]],
    gates: Sequence[GateSection],
    files: AcceptedBaselines | None,
    settings: Settings,
    registry: MetricRegistry,
) -> tuple[tuple[Chart, ...], tuple[str, ...]]:
    """Return the charts in the order of the trends, and what could not be read.

    Args:
        view: The ledger.
        found: What ``trends_and_looks`` returned.
        gates: What the gate says.
        files: Baseline files, ``None`` where there are none to be read.
        settings: Limits, and what the gate tolerates.
        registry: The declared metrics.
    """
    report, looks = found
    shown = [(trend, looks[_key(trend)]) for trend in report.series]
    marks = _marks(view, min((look.series.times_s[0] for _, look in shown), default=None))
    findings = _findings(gates)
    reader = _Reader(files, policy_of(settings.regression), registry)
    charts = []
    for trend, look in shown:
        places = [place for place, used in enumerate(look.in_window) if used]
        run_ids = tuple(look.series.run_ids[place] for place in places)
        limit = settings.limits_of(trend.asset).get(trend.metric)
        charts.append(
            Chart(
                series_id=look.series.series_id,
                trend=trend,
                run_ids=run_ids,
                times=tuple(datetime.fromtimestamp(float(look.series.times_s[place]), UTC) for place in places),
                commits=tuple(look.series.commits[place] for place in places),
                accepted=reader.accepted(trend),
                least=None if limit is None else limit.min,
                most=None if limit is None else limit.max,
                marks=_placed(marks.get(_finding_key(trend), ()), run_ids),
                finding=_of_runs(findings.get(_finding_key(trend), ()), frozenset(run_ids)),
            )
        )
    return tuple(charts), tuple(reader.problems)


def limit_value(median: float, limit: float, floor: float, judged: Judging) -> float:
    """Return the value from which on a metric is worse than a median by more than is tolerated.

    Args:
        median: In the metric's unit.
        limit: Tolerated worsening: absolute for quality, else relative; that of a rate is of the time per row.
        floor: Smallest change worth a word, in the unit.
        judged: What the metric is judged as.
    """
    if judged.kind == _QUALITY:
        tolerated = max(limit, floor)
    elif judged.direction == "higher_is_better":
        tolerated = max(abs(median) * limit / (1.0 + limit), floor)
    else:
        tolerated = max(abs(median) * limit, floor)
    return median - tolerated if judged.direction == "higher_is_better" else median + tolerated


class _Reader:
    """Finds what was accepted for series, and remembers what could not be read."""

    def __init__(self, files: AcceptedBaselines | None, policy: Policy, registry: MetricRegistry) -> None:
        self._files, self._policy, self._registry = files, policy, registry
        self.problems: dict[str, None] = {}

    def accepted(self, trend: SeriesTrend) -> Accepted | None:
        """Return what was accepted for a series, ``None`` without a baseline."""
        baseline = self._baseline(trend)
        entry = baseline.metric(trend.metric) if baseline is not None else None
        if entry is None or entry.is_retired:
            return None
        judged = judging(trend.metric, trend.unit, self._registry, entry)
        return None if judged is None else _accepted(entry, judged, self._policy)

    def _baseline(self, trend: SeriesTrend) -> Baseline | None:
        if self._files is None or trend.partition == MANY_PARTITIONS:
            return None
        try:
            return self._files.of((trend.asset, trend.partition), trend.machine)
        except (ConfigurationError, IntegrityError) as error:
            self.problems[" ".join(str(error).split())] = None
            return None


def _accepted(entry: MetricBaseline, judged: Judging, policy: Policy) -> Accepted:
    limit = policy.limits.get(judged.kind, DEFAULT_LIMITS[judged.kind]) if entry.limit is None else entry.limit
    floor = policy.floors.get(judged.kind, 0.0) if entry.floor is None else entry.floor
    values = entry.current.values
    return Accepted(
        median=entry.current.median,
        low=min(values),
        high=max(values),
        limit=limit_value(entry.current.median, limit, floor, judged),
        runs=len(values),
        change=f"{entry.change.kind}: {entry.change.reason}",
        anchor=None if entry.anchor is None else entry.anchor.median,
        anchor_label=None if entry.anchor is None else entry.anchor.label,
    )


def _marks(view: LedgerView, since_s: float | None) -> dict[Key, list[tuple[str, Mark]]]:
    """Return the alerts of metrics with their runs; a regression alerts in the newest run that was judged."""
    found: dict[Key, list[tuple[str, Mark]]] = {}
    if since_s is None:
        return found
    since = datetime.fromtimestamp(float(since_s), UTC)
    told = set()
    for entry in from_table(view.read(EventQuery(kinds=("alert_raised",), since=since))):
        event = entry.event
        if not isinstance(event, AlertRaised) or event.metric is None or event.alert_id in told:
            continue
        told.add(event.alert_id)
        key = (event.asset or "", event.partition or "", event.metric)
        found.setdefault(key, []).append((event.run_id or "", Mark(0, event.severity, event.message)))
    return found


def _placed(marks: Iterable[tuple[str, Mark]], run_ids: Sequence[str]) -> tuple[Mark, ...]:
    """Return the marks of the runs of a chart, in run order."""
    place = {run_id: number for number, run_id in enumerate(run_ids)}
    placed = [Mark(place[run_id], mark.severity, mark.sentence) for run_id, mark in marks if run_id in place]
    return tuple(sorted(placed, key=lambda mark: (mark.place, mark.severity, mark.sentence)))


def _findings(gates: Sequence[GateSection]) -> dict[Key, list[tuple[frozenset[str], Finding]]]:
    """Return what the gate found with the runs that were judged, by asset, partition and metric."""
    found: dict[Key, list[tuple[frozenset[str], Finding]]] = {}
    for gate in gates:
        if gate.answer is not None:
            judged = frozenset(gate.answer.candidate_run_ids)
            for finding in gate.answer.worst_first():
                found.setdefault(finding.key, []).append((judged, finding))
    return found


def _of_runs(findings: Iterable[tuple[frozenset[str], Finding]], run_ids: frozenset[str]) -> Finding | None:
    return next((finding for judged, finding in findings if judged & run_ids), None)


def _key(trend: SeriesTrend) -> tuple[str, ...]:
    return (trend.asset, trend.partition or "", trend.metric, trend.machine_digest, trend.config_digest)


def _finding_key(trend: SeriesTrend) -> Key:
    return (trend.asset, trend.partition or "", trend.metric)
