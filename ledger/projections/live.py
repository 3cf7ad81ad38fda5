"""How a run is getting on: one row per asset and partition, from the events that are there so far.

Rules:
- An asset is told by its latest attempt. One that was planned and has none is *waiting*, or *blocked* where a gate said
  so, or *not made* once the run has ended.
- Rows that an earlier run had left count as done, and not as made now.
- Time does not enter: how long something takes is for whoever knows what time it is.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from ledger.events import END_KINDS
from ledger.projections.attempts import attempts
from ledger.projections.blocked import blocked
from ledger.projections.fold import asset_streams, of_kind, payload_fields

QUERY_KINDS: Final = (
    "run_started",
    "run_finished",
    "configuration_resolved",
    "asset_started",
    *END_KINDS,
    "asset_heartbeat",
    "asset_blocked",
    "metric_measured",
    "progress_reported",
    "chunks_resumed",
    "chunk_completed",
    "chunk_failed",
    "chunks_adapted",
)
"""The event kinds this projection, and whoever watches a run, needs."""

SCHEMA: Final = pa.schema(
    [
        ("run_id", pa.string()),
        ("asset", pa.string()),
        ("partition", pa.string()),
        ("attempt", pa.int64()),
        ("stream", pa.string()),
        ("status", pa.string()),
        ("reason", pa.string()),
        ("started", pa.timestamp("us", tz="UTC")),
        ("ended", pa.timestamp("us", tz="UTC")),
        ("last_seen", pa.timestamp("us", tz="UTC")),
        ("done_rows", pa.float64()),
        ("total_rows", pa.float64()),
        ("kept_rows", pa.float64()),
        ("progress_rows", pa.float64()),
        ("progress_ts", pa.timestamp("us", tz="UTC")),
        ("eta_s", pa.float64()),
        ("chunk_rows", pa.int64()),
        ("chunks", pa.int64()),
        ("adaptations", pa.int64()),
        ("retries", pa.int64()),
        ("given_up_rows", pa.int64()),
        ("peak_bytes", pa.float64()),
        ("limit_bytes", pa.float64()),
        ("duration_s", pa.float64()),
        ("records_per_s", pa.float64()),
    ]
)
"""``done_rows`` includes ``kept_rows``; ``eta_s`` was told at ``progress_ts``, with ``progress_rows`` done.

``peak_bytes`` is the highest anonymous memory of a worker at a chunk and ``limit_bytes`` what it had to stay below;
without chunks it is resident memory, and the limit is null. What is unknown is null.
"""

_PROGRESS: Final = pa.schema([("total", pa.float64()), ("eta_s", pa.float64())])
_RESUMED: Final = pa.schema([("total_rows", pa.float64()), ("kept_rows", pa.float64())])
_COMPLETED: Final = pa.schema([("start_row", pa.int64()), ("stop_row", pa.int64()), ("peak_bytes", pa.float64())])
_FAILED: Final = pa.schema([("start_row", pa.int64()), ("stop_row", pa.int64()), ("is_final", pa.bool_())])
_ADAPTED: Final = pa.schema([("rows_after", pa.int64()), ("limit_bytes", pa.float64())])
_HEARTBEAT: Final = pa.schema([("rss_bytes", pa.float64())])
_ENDED: Final = pa.schema([("error_type", pa.string()), ("error_message", pa.string()), ("reason", pa.string())])


@dataclass(slots=True)
class _Told:
    """What the events of one attempt add up to; the names are those of ``SCHEMA``."""

    values: dict[str, Any] = field(default_factory=dict)
    made_rows: int = 0
    rss_bytes: float | None = None


def live(events: pa.Table) -> pa.Table:
    """Return how far everything in some runs has come, in ``SCHEMA``, ordered by run, start and asset.

    Args:
        events: Events of ``QUERY_KINDS`` at least; left untouched.
    """
    told = _told(asset_streams(events))
    latest: dict[tuple[str, str, str | None], dict[str, Any]] = {}
    for row in attempts(events).to_pylist():  # Ordered by start.
        known = latest.get(key := (row["run_id"], row["asset"], row["partition"]))
        if known is None or row["attempt"] >= known["attempt"]:
            latest[key] = row
    rows = [_row(row, told[row["stream"]]) for row in latest.values()]
    rows += _not_begun(events, {(run_id, asset) for run_id, asset, _ in latest})
    order = [(name, "ascending") for name in ("run_id", "started", "asset", "partition")]
    return pa.Table.from_pylist(rows, schema=SCHEMA).sort_by(order)


def _row(attempt: Mapping[str, Any], told: _Told) -> dict[str, Any]:
    """Return the row of an asset that was begun."""
    values = told.values
    kept, reported = values.get("kept_rows"), values.get("progress_rows")
    made = None if kept is None else kept + told.made_rows
    done = max((rows for rows in (made, reported) if rows is not None), default=None)
    peak = values.get("peak_bytes") or attempt["peak_rss_bytes"] or told.rss_bytes
    shared = {name: attempt[name] for name in SCHEMA.names if name in attempt}
    return shared | values | {"peak_bytes": peak, "done_rows": done}


def _told(rows: pa.Table) -> dict[str, _Told]:
    """Return what the events of each attempt add up to, by stream."""
    found = {stream: _Told() for stream in pc.unique(rows.column("stream")).to_pylist()}
    seen = rows.group_by("stream", use_threads=False).aggregate([("ts", "max")])
    for stream, ts in zip(seen.column("stream").to_pylist(), seen.column("ts_max").to_pylist(), strict=True):
        found[stream].values["last_seen"] = ts
    _add_progress(found, rows)
    _add_chunks(found, rows)
    for stream, said in _each(rows, "asset_heartbeat", _HEARTBEAT):
        if said["rss_bytes"] is not None:
            found[stream].rss_bytes = max(found[stream].rss_bytes or 0.0, said["rss_bytes"])
    for kind in END_KINDS:
        for stream, said in _each(rows, kind, _ENDED):
            found[stream].values["reason"] = said["reason"] or _raised(said["error_type"], said["error_message"])
    return found


def _add_progress(found: dict[str, _Told], rows: pa.Table) -> None:
    """Add what each attempt said of its progress; what it said last holds."""
    reported = of_kind(rows, "progress_reported").sort_by([("stream", "ascending"), ("seq", "ascending")])
    last = reported.group_by("stream", use_threads=False).aggregate(
        [("ts", "last"), ("value", "last"), ("payload", "last")]
    )
    last = last.rename_columns({f"{name}_last": name for name in ("ts", "value", "payload")})
    said = payload_fields(last, _PROGRESS).to_pylist()
    for row, more in zip(last.select(["stream", "ts", "value"]).to_pylist(), said, strict=True):
        found[row["stream"]].values |= {
            "progress_rows": row["value"],
            "progress_ts": row["ts"],
            "total_rows": more["total"],
            "eta_s": more["eta_s"],
        }


def _add_chunks(found: dict[str, _Told], rows: pa.Table) -> None:
    """Add what each attempt did in chunks."""
    for stream, said in _each(rows, "chunks_resumed", _RESUMED):
        counted = dict.fromkeys(("chunks", "adaptations", "retries", "given_up_rows"), 0)
        found[stream].values |= said | counted
    for stream, said in _each(rows, "chunk_completed", _COMPLETED):
        told = found[stream]
        made = said["stop_row"] - said["start_row"]
        told.made_rows += made
        told.values["chunk_rows"] = max(told.values.get("chunk_rows", 0), made)  # The last of a range may be small.
        _count(told, "chunks")
        told.values["peak_bytes"] = max(told.values.get("peak_bytes") or 0.0, said["peak_bytes"] or 0.0)
    for stream, said in _each(rows, "chunk_failed", _FAILED):
        if said["is_final"]:
            _count(found[stream], "given_up_rows", said["stop_row"] - said["start_row"])
        else:
            _count(found[stream], "retries")
    for stream, said in _each(rows, "chunks_adapted", _ADAPTED):
        found[stream].values |= {"chunk_rows": said["rows_after"], "limit_bytes": said["limit_bytes"]}
        _count(found[stream], "adaptations")


def _count(told: _Told, name: str, more: int = 1) -> None:
    told.values[name] = told.values.get(name, 0) + more


def _each(rows: pa.Table, kind: str, wanted: pa.Schema) -> list[tuple[str, dict[str, Any]]]:
    """Return stream and wanted fields of every event of a kind, in the order of each stream."""
    chosen = of_kind(rows, kind).sort_by([("stream", "ascending"), ("seq", "ascending")])
    said = payload_fields(chosen, wanted).to_pylist()
    return list(zip(chosen.column("stream").to_pylist(), said, strict=True))


def _raised(error_type: str | None, message: str | None) -> str | None:
    """Return what was raised, in words."""
    return None if error_type is None else f"{error_type.removeprefix('builtins.')}: {message or ''}"


def _not_begun(events: pa.Table, begun: set[tuple[str, str]]) -> list[dict[str, Any]]:
    """Return a row for everything that was planned, or blocked, and never begun."""
    made = begun | set(_named(of_kind(events, "asset_started"), "output_assets"))
    rows = _blocked(events, made)
    known = made | {key[:2] for key in rows}
    over: set[str] = set(of_kind(events, "run_finished").column("run_id").to_pylist())
    for run_id, asset in _named(of_kind(events, "run_started"), "planned_assets"):
        if (run_id, asset) not in known:
            rows[run_id, asset, None] = {"status": "not made" if run_id in over else "waiting"}
    return [
        {"run_id": run_id, "asset": asset, "partition": partition} | row
        for (run_id, asset, partition), row in rows.items()
    ]


def _blocked(events: pa.Table, made: set[tuple[str, str]]) -> dict[tuple[str, str, str | None], dict[str, Any]]:
    """Return status and reason of everything that gates kept from being begun."""
    rows: dict[tuple[str, str, str | None], dict[str, Any]] = {}
    for gate in blocked(events).to_pylist():
        if (gate["run_id"], gate["asset"]) in made:
            continue
        row = rows.setdefault(
            (gate["run_id"], gate["asset"], gate["partition"]), {"status": "blocked", "reason": gate["reason"]}
        )
        if gate["reason"] not in row["reason"]:
            row["reason"] += f"; {gate['reason']}"
    return rows


def _named(rows: pa.Table, name: str) -> list[tuple[str, str]]:
    """Return run and asset of every asset that events name in a field of theirs."""
    said = payload_fields(rows, pa.schema([(name, pa.list_(pa.string()))])).to_pylist()
    run_ids = rows.column("run_id").to_pylist()
    return [(run_id, asset) for run_id, fields in zip(run_ids, said, strict=True) for asset in fields[name] or ()]
