"""One row per run: its state and what its assets add up to.

Rules:
- A run's status is what its *finished* event says; without one it follows from its attempts: running while any runs,
  else lost, failed or canceled when any ended so, else success once every planned asset has ended, else incomplete.
- An attempt that Dagster retried counts towards time, not towards failure.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import pyarrow as pa

from ledger.projections.attempts import QUERY_KINDS as ATTEMPT_KINDS
from ledger.projections.attempts import attempts
from ledger.projections.fold import in_order, of_kind, payload_fields

QUERY_KINDS: Final = ("run_started", "run_finished", *ATTEMPT_KINDS)
"""The event kinds this projection needs."""

SCHEMA: Final = pa.schema(
    [
        ("run_id", pa.string()),
        ("job", pa.string()),
        ("launcher", pa.string()),
        ("status", pa.string()),
        ("started", pa.timestamp("us", tz="UTC")),
        ("ended", pa.timestamp("us", tz="UTC")),
        ("duration_s", pa.float64()),
        ("cpu_s", pa.float64()),
        ("peak_rss_bytes", pa.float64()),
        ("rows_out", pa.float64()),
        ("assets", pa.int64()),
        ("unsuccessful", pa.int64()),
    ]
)

_OPENING: Final = pa.schema(
    [("job", pa.string()), ("launcher", pa.string()), ("planned_assets", pa.list_(pa.string()))]
)
_UNSUCCESSFUL: Final = ("failed", "canceled", "lost", "blocked")


@dataclass(frozen=True, slots=True)
class _Opening:
    """What a run said when it started."""

    job: str | None = None
    launcher: str | None = None
    ts: datetime | None = None
    planned: int = 0


@dataclass(frozen=True, slots=True)
class _Total:
    """What the attempts of a run add up to."""

    started: datetime | None = None
    ended: datetime | None = None
    cpu_s: float | None = None
    peak_rss_bytes: float | None = None
    rows_out: float | None = None
    statuses: dict[str, int] = field(default_factory=dict)


def runs(events: pa.Table) -> pa.Table:
    """Return the runs of a ledger, ordered by start, in ``SCHEMA``.

    Args:
        events: Events of ``QUERY_KINDS`` at least; left untouched.
    """
    opened, totals, closed = _opened(events), _totals(attempts(events)), _closed(events)
    rows = [
        _row(run_id, opened.get(run_id, _Opening()), totals.get(run_id, _Total()), closed.get(run_id))
        for run_id in sorted({*opened, *totals})
    ]
    table = pa.Table.from_pylist(rows, schema=SCHEMA)
    return table.sort_by([("started", "ascending"), ("run_id", "ascending")])


def _row(run_id: str, opening: _Opening, total: _Total, closed: tuple[str, datetime] | None) -> dict[str, object]:
    """Return the row of one run."""
    status = closed[0] if closed else _status(total.statuses, opening.planned)
    begin = min((moment for moment in (opening.ts, total.started) if moment is not None), default=None)
    end = closed[1] if closed else (None if total.statuses.get("running") else total.ended)
    return {
        "run_id": run_id,
        "job": opening.job,
        "launcher": opening.launcher,
        "status": status,
        "started": begin,
        "ended": end,
        "duration_s": (end - begin).total_seconds() if end and begin else None,
        "cpu_s": total.cpu_s,
        "peak_rss_bytes": total.peak_rss_bytes,
        "rows_out": total.rows_out,
        "assets": sum(total.statuses.values()),
        "unsuccessful": sum(total.statuses.get(word, 0) for word in _UNSUCCESSFUL),
    }


def _opened(events: pa.Table) -> dict[str, _Opening]:
    """Return what each run said when it started, by run id."""
    started = in_order(of_kind(events, "run_started"))
    run_ids, times = started.column("run_id").to_pylist(), started.column("ts").to_pylist()
    fields = payload_fields(started, _OPENING).to_pylist()
    return {
        run_id: _Opening(said["job"], said["launcher"], ts, len(said["planned_assets"] or ()))
        for run_id, ts, said in zip(run_ids, times, fields, strict=True)
    }


def _closed(events: pa.Table) -> dict[str, tuple[str, datetime]]:
    """Return status and time of the end of each run that said it, by run id; the last end told holds."""
    finished = in_order(of_kind(events, "run_finished")).select(["run_id", "status", "ts"]).to_pylist()
    return {row["run_id"]: (row["status"], row["ts"]) for row in finished}


def _totals(folded: pa.Table) -> dict[str, _Total]:
    """Return what the attempts of each run add up to, by run id."""
    counted = folded.group_by(["run_id", "status"], use_threads=False).aggregate([([], "count_all")])
    statuses: dict[str, dict[str, int]] = {}
    for row in counted.to_pylist():
        statuses.setdefault(row["run_id"], {})[row["status"]] = row["count_all"]
    summed = folded.group_by("run_id", use_threads=False).aggregate(
        [("started", "min"), ("ended", "max"), ("cpu_s", "sum"), ("peak_rss_bytes", "max"), ("rows_out", "sum")]
    )
    return {
        row["run_id"]: _Total(
            row["started_min"],
            row["ended_max"],
            row["cpu_s_sum"],
            row["peak_rss_bytes_max"],
            row["rows_out_sum"],
            statuses[row["run_id"]],
        )
        for row in summed.to_pylist()
    }


def _status(counts: dict[str, int], planned: int) -> str:
    """Return the state of a run that never said how it ended."""
    for word in ("running", "lost", "failed", "blocked", "canceled"):
        if counts.get(word):
            return "failed" if word == "blocked" else word
    return "success" if counts.get("success", 0) >= max(planned, 1) else "incomplete"
