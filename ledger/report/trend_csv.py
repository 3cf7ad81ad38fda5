"""A report on histories for spreadsheets: one row per series, with its newest change."""

from typing import Any, TextIO

import pyarrow as pa

from ledger.report import csv
from ledger.report.trends import SeriesTrend, TrendReport


def write(report: TrendReport, out: TextIO) -> None:
    """Write the rows, worst first."""
    csv.write(pa.Table.from_pylist([row(series) for series in report.series], schema=SCHEMA), out)


SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("asset", "partition", "metric", "unit", "direction", "machine")),
        *((name, pa.string()) for name in ("machine_digest", "config_digest", "heading", "standing")),
        *(
            (name, pa.float64())
            for name in ("change_ratio", "low", "high", "slope_per_day", "low_per_day", "high_per_day")
        ),
        *((name, pa.float64()) for name in ("p_value", "autocorrelation")),
        *((name, pa.int64()) for name in ("runs", "history_runs")),
        *((name, pa.timestamp("us", tz="UTC")) for name in ("first_ts", "last_ts")),
        *((name, pa.float64()) for name in ("median", "latest")),
        ("changes", pa.int64()),
        ("last_change_run_id", pa.string()),
        ("last_change_ratio", pa.float64()),
        ("last_change_provisional", pa.bool_()),
        ("reasons", pa.string()),
    ]
)
"""Columns of the CSV."""


def row(series: SeriesTrend) -> dict[str, Any]:
    """Return the row of a series, by column of ``SCHEMA``."""
    low, high = series.interval or (None, None)
    low_per_day, high_per_day = series.interval_per_day or (None, None)
    newest = series.changes[-1] if series.changes else None
    own = {name: getattr(series, name) for name in SCHEMA.names if hasattr(series, name)}
    return own | {
        "low": low,
        "high": high,
        "low_per_day": low_per_day,
        "high_per_day": high_per_day,
        "changes": len(series.changes),
        "last_change_run_id": newest.run_id if newest else None,
        "last_change_ratio": newest.change_ratio if newest else None,
        "last_change_provisional": newest.provisional if newest else None,
        "reasons": "; ".join(series.reasons),
    }
