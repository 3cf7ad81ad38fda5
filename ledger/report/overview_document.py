"""The report for programs: everything that is shown, every value as the ledger holds it.

Rules:
- Fields may be added; none is renamed or taken away within a version.
- What the gate and readiness say stands in their own documents, as ``gate`` and ``readiness report`` give them.
"""

import dataclasses
from typing import Any, Final

from ledger.report import gate, readiness
from ledger.report.json import plain
from ledger.report.overview import Chart, Overview

SCHEMA_VERSION: Final = 1
"""Version of the document. 1: the first."""


def document(overview: Overview) -> dict[str, Any]:
    """Return the report for programs."""
    found, facts = overview.readiness.assessment, overview.readiness.facts
    told: dict[str, Any] = plain(
        {
            "schema": SCHEMA_VERSION,
            "title": overview.title,
            "ledger": overview.ledger,
            "window": overview.window,
            "as_of": overview.as_of,
            "problems": overview.problems,
            "standings": overview.standings(),
            "gates": [
                {
                    "job": section.job,
                    "why": section.why,
                    "answer": None if section.answer is None else gate.document(section.answer),
                }
                for section in overview.gates
            ],
            "readiness": {
                "why": overview.readiness.why,
                "answer": None if found is None or facts is None else readiness.report(found, facts),
            },
            "runs": [dataclasses.asdict(run) for run in overview.runs],
            "charts": [_chart(chart) for chart in overview.charts],
        }
    )
    return told


def _chart(chart: Chart) -> dict[str, Any]:
    fields = dataclasses.asdict(chart.trend)
    values = fields.pop("values")
    points = zip(chart.run_ids, chart.times, chart.commits, values, strict=True)
    return {
        "series_id": chart.series_id,
        **fields,
        "points": [
            {"run_id": run_id, "ts": ts, "commit": commit, "value": value} for run_id, ts, commit, value in points
        ],
        "accepted": None if chart.accepted is None else dataclasses.asdict(chart.accepted),
        "least": chart.least,
        "most": chart.most,
        "marks": [
            {"run_id": chart.run_ids[mark.place], "severity": mark.severity, "sentence": mark.sentence}
            for mark in chart.marks
        ],
        "finding": None if chart.finding is None else gate.finding_fields(chart.finding),
    }
