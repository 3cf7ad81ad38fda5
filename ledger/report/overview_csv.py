"""The report for spreadsheets: a row per series with its trend, what is accepted, and what the gate says of it."""

from typing import Any, Final, TextIO

import pyarrow as pa

from ledger.report import csv, trend_csv
from ledger.report.gate import change_percent, sentence
from ledger.report.overview import Chart, Overview

SCHEMA: Final = pa.schema(
    [
        ("series_id", pa.string()),
        *trend_csv.SCHEMA,
        *((name, pa.float64()) for name in ("accepted_median", "accepted_low", "accepted_high", "accepted_limit")),
        ("accepted_runs", pa.int64()),
        ("anchor_median", pa.float64()),
        ("least", pa.float64()),
        ("most", pa.float64()),
        ("state", pa.string()),
        ("severity", pa.string()),
        ("change_percent", pa.float64()),
        ("sentence", pa.string()),
        ("marks", pa.int64()),
    ]
)
"""Columns of the CSV."""


def write(overview: Overview, out: TextIO) -> None:
    """Write the rows, worst first."""
    csv.write(pa.Table.from_pylist([_row(chart) for chart in overview.charts], schema=SCHEMA), out)


def _row(chart: Chart) -> dict[str, Any]:
    accepted, finding = chart.accepted, chart.finding
    return {
        "series_id": chart.series_id,
        **trend_csv.row(chart.trend),
        "accepted_median": accepted and accepted.median,
        "accepted_low": accepted and accepted.low,
        "accepted_high": accepted and accepted.high,
        "accepted_limit": accepted and accepted.limit,
        "accepted_runs": accepted and accepted.runs,
        "anchor_median": accepted and accepted.anchor,
        "least": chart.least,
        "most": chart.most,
        "state": finding and finding.state,
        "severity": finding and finding.severity,
        "change_percent": finding and change_percent(finding),
        "sentence": finding and sentence(finding),
        "marks": len(chart.marks),
    }
