"""Which columns each table of the command line has; rank 0 always stays, higher ranks go first on a narrow terminal."""

from typing import Final

from ledger.report.columns import Column
from ledger.units import BYTES, COUNT, RATIO, ROWS, ROWS_PER_SECOND, SECONDS

RUNS: Final = (
    Column("run_id", "run"),
    Column("job", "job", rank=3),
    Column("started", "started", rank=2),
    Column("status", "status"),
    Column("duration_s", "time", SECONDS),
    Column("cpu_s", "CPU", SECONDS, rank=5),
    Column("peak_rss_bytes", "peak", BYTES, rank=1),
    Column("rows_out", "rows", ROWS, rank=4),
    Column("assets", "assets", COUNT, rank=6),
    Column("unsuccessful", "failed", COUNT, rank=6),
)

ASSETS: Final = (
    Column("asset", "asset"),
    Column("partition", "partition", rank=4),
    Column("status", "status", rank=1),
    Column("duration_s", "time", SECONDS),
    Column("cpu_s", "CPU", SECONDS, rank=7),
    Column("peak_rss_bytes", "peak", BYTES, rank=2),
    Column("peak_increase_bytes", "increase", BYTES, rank=6),
    Column("rows_out", "rows", ROWS, rank=5),
    Column("records_per_s", "rows/s", ROWS_PER_SECOND, rank=2),
    Column("match_rate", "match rate", RATIO, rank=1),
    Column("precision", "precision", RATIO, rank=3),
    Column("recall", "recall", RATIO, rank=3),
)

CHECKS: Final = (
    Column("asset", "asset"),
    Column("check", "check"),
    Column("status", "result"),
    Column("severity", "severity", rank=2),
    Column("value", "value", "", rank=1),
    Column("threshold", "threshold", "", rank=1),
    Column("description", "what it said", rank=3, cell_characters=240),
)

ALERTS: Final = (
    Column("alert_id", "alert"),
    Column("severity", "severity"),
    Column("asset", "asset"),
    Column("message", "message", cell_characters=400),
)

SAMPLES: Final = (
    Column("ts", "time", rank=1),
    Column("run_id", "run"),
    Column("asset", "asset"),
    Column("partition", "partition", rank=2),
    Column("metric", "metric"),
    Column("value", "value", unit_column="unit"),
    Column("status", "status", rank=3),
)

SUMMARY: Final = (
    Column("asset", "asset"),
    Column("metric", "metric"),
    Column("runs", "runs", COUNT),
    Column("minimum", "min", unit_column="unit"),
    Column("median", "median", unit_column="unit"),
    Column("maximum", "max", unit_column="unit"),
)

BLOCKED: Final = (
    Column("asset", "asset"),
    Column("partition", "partition", rank=3),
    Column("blocked_by", "blocked by"),
    Column("check", "gate", rank=1),
    Column("reason", "reason", rank=2, cell_characters=240),
)

PROPOSED: Final = (
    Column("asset", "asset"),
    Column("partition", "partition", rank=5),
    Column("metric", "metric"),
    Column("change", "change"),
    Column("before", "accepted", unit_column="unit"),
    Column("median", "proposed", unit_column="unit"),
    Column("mad", "deviation", unit_column="unit", rank=3),
    Column("runs", "runs", COUNT, rank=2),
)

HISTORY: Final = (
    Column("profile", "profile", rank=4, cell_characters=40),
    Column("metric", "metric"),
    Column("day", "day"),
    Column("commit", "commit", rank=2, cell_characters=12),
    Column("kind", "change"),
    Column("median", "median", unit_column="unit"),
    Column("runs", "runs", COUNT, rank=3),
    Column("author", "by", rank=5),
    Column("reason", "reason", rank=6, cell_characters=120),
)

BASELINES: Final = (
    Column("profile", "profile", rank=4, cell_characters=40),
    Column("asset", "asset"),
    Column("partition", "partition", rank=6),
    Column("metric", "metric"),
    Column("median", "median", unit_column="unit"),
    Column("mad", "deviation", unit_column="unit", rank=3),
    Column("runs", "runs", COUNT, rank=2),
    Column("change", "change", rank=5),
    Column("reason", "reason", rank=7, cell_characters=120),
)
