"""The data of the page: the report, with what repeats told once.

Rules:
- Runs are told once and referred to by place; series that have the same runs share one list of places.
- Values are rounded to six significant digits, more than a chart or a cell of a table shows.
- Names and sentences are data as they are; the page shows them as text and never as markup.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from ledger.checklist import ITEMS
from ledger.report import gate, readiness
from ledger.report.ci.model import Report, coverage
from ledger.report.json import plain
from ledger.report.overview import Accepted, Chart, GateSection, Overview
from ledger.report.readiness_sections import sections
from ledger.stats.records import Finding
from ledger.units import format_value

VERSION: Final = 1
"""Version of the data; page and data of one file are always of one version."""

_SERIES_ID: Final = 12
_COMMIT: Final = 12


def payload(overview: Overview) -> dict[str, Any]:
    """Return the data of a report, in JSON's own types."""
    place = {run.run_id: number for number, run in enumerate(overview.runs)}
    sets = _Sets()
    commits = _commits(overview)
    told: dict[str, Any] = plain(
        {
            "version": VERSION,
            "title": overview.title,
            "ledger": overview.ledger,
            "window": overview.window,
            "as_of": _seconds(overview.as_of),
            "problems": overview.problems,
            "standings": overview.standings(),
            "gates": [_gate(section, place) for section in overview.gates],
            "readiness": _readiness(overview),
            "runs": {
                "id": [run.run_id for run in overview.runs],
                "job": [run.job for run in overview.runs],
                "status": [run.status for run in overview.runs],
                "started": [_seconds(run.started) for run in overview.runs],
                "duration_s": [rounded(run.duration_s) for run in overview.runs],
                "commit": [commits.get(run.run_id) for run in overview.runs],
            },
            "charts": [_chart(chart, place, sets, commits) for chart in overview.charts],
        }
    )
    return told | {"run_sets": sets.told}


def rounded(value: float | None) -> float | None:
    """Return a number with six significant digits."""
    return None if value is None else float(f"{value:.6g}")


class _Sets:
    """Lists of places, each told once."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, ...], int] = {}

    @property
    def told(self) -> list[list[int]]:
        """The lists, in the order they are referred to by."""
        return [list(places) for places in self._known]

    def number(self, places: Sequence[int]) -> int:
        """Return the number of a list."""
        return self._known.setdefault(tuple(places), len(self._known))


def _commits(overview: Overview) -> dict[str, str]:
    """Return the commit of each run; a series that has another one says so itself."""
    found: dict[str, str] = {}
    for chart in overview.charts:
        for run_id, commit in zip(chart.run_ids, chart.commits, strict=True):
            if commit is not None:
                found.setdefault(run_id, commit[:_COMMIT])
    return found


def _chart(chart: Chart, place: Mapping[str, int], sets: _Sets, commits: Mapping[str, str]) -> dict[str, Any]:
    trend = chart.trend
    own = [None if commit is None else commit[:_COMMIT] for commit in chart.commits]
    inside = {run_id: number for number, run_id in enumerate(chart.run_ids)}
    return {
        "id": chart.series_id[:_SERIES_ID],
        "asset": trend.asset,
        "partition": trend.partition,
        "metric": trend.metric,
        "unit": trend.unit,
        "direction": trend.direction,
        "machine": trend.machine,
        "config": trend.config_digest[:_COMMIT],
        "heading": trend.heading,
        "standing": trend.standing,
        "change_ratio": rounded(trend.change_ratio),
        "interval": trend.interval and [rounded(end) for end in trend.interval],
        "median": rounded(trend.median),
        "latest": rounded(trend.latest),
        "runs": sets.number([place[run_id] for run_id in chart.run_ids]),
        "values": [rounded(value) for value in trend.values],
        "commits": {
            number: commit
            for number, (run_id, commit) in enumerate(zip(chart.run_ids, own, strict=True))
            if commit != commits.get(run_id)
        },
        "changes": [
            {
                "place": inside[change.run_id],
                "before": rounded(change.before),
                "after": rounded(change.after),
                "change_ratio": rounded(change.change_ratio),
                "worse": change.worse,
                "provisional": change.provisional,
                "commits": [commit[:_COMMIT] for commit in change.commits],
            }
            for change in trend.changes
        ],
        "accepted": chart.accepted and _accepted(chart.accepted),
        "least": rounded(chart.least),
        "most": rounded(chart.most),
        "marks": [[mark.place, mark.severity, mark.sentence] for mark in chart.marks],
        "finding": chart.finding and _finding(chart.finding),
        "reasons": trend.reasons,
        "notes": trend.notes,
    }


def _accepted(accepted: Accepted) -> dict[str, Any]:
    return {
        "median": rounded(accepted.median),
        "low": rounded(accepted.low),
        "high": rounded(accepted.high),
        "limit": rounded(accepted.limit),
        "runs": accepted.runs,
        "change": accepted.change,
        "anchor": rounded(accepted.anchor),
        "anchor_label": accepted.anchor_label,
    }


def _gate(section: GateSection, place: Mapping[str, int]) -> dict[str, Any]:
    answer = section.answer
    if answer is None:
        return {"job": section.job, "why": section.why, "outcome": None}
    verdict, shift = answer.verdict, answer.assessment.environment_shift
    return {
        "job": section.job,
        "why": "",
        "outcome": verdict.outcome,
        "sentence": verdict.sentence,
        "coverage": coverage(Report(answer=answer)),
        "causes": verdict.causes,
        "missing": verdict.missing,
        "undeclared": answer.undeclared,
        "shift": None if shift is None else shift.sentence,
        "where": answer.baseline_where,
        "commits": [commit[:_COMMIT] for commit in answer.code_versions],
        "runs": [place[run_id] for run_id in answer.candidate_run_ids if run_id in place],
        "findings": [_finding(finding) for finding in answer.worst_first()],
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "asset": finding.asset,
        "partition": finding.partition,
        "metric": finding.metric,
        "state": finding.state,
        "severity": finding.severity,
        "required": finding.required,
        "change": gate.change_text(finding),
        "interval": gate.interval_text(finding),
        "was": format_value(finding.baseline_value, finding.unit),
        "now": format_value(finding.candidate_value, finding.unit),
        "against": finding.against,
        "sentence": gate.sentence(finding),
        "reasons": finding.reasons,
    }


def _readiness(overview: Overview) -> dict[str, Any]:
    found, facts = overview.readiness.assessment, overview.readiness.facts
    if found is None or facts is None:
        return {"why": overview.readiness.why, "ready": None}
    document = readiness.document(found)
    return {
        "why": "",
        **{name: document[name] for name in ("ready", "sentence", "commit", "environment", "at")},
        "items": [
            item | {"asks": ITEMS[item["name"]].asks if item["name"] in ITEMS else ""} for item in document["items"]
        ],
        "sections": [
            {
                "title": section.title,
                "columns": [column.title for column in section.columns],
                "rows": [[column.shown(row) for column in section.columns] for row in section.rows],
            }
            for section in sections(facts)
        ],
    }


def _seconds(moment: datetime | None) -> float | None:
    return None if moment is None else round(moment.timestamp(), 3)
