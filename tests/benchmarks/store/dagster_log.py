"""Dagster's own event log with the same history: one materialization an attempt, its values as metadata.

One materialization for all values of an attempt is the way that is best for Dagster: one for each value would be
twenty times as many.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from dagster import DagsterInstance
    from dagster._core.events.log import EventLogEntry

_PAGE: Final = 1_000
_INDEX: Final = Path("history/runs/index.db")


def instance_at(path: Path) -> "DagsterInstance":
    """Return a Dagster instance with its default storage, SQLite files below a directory."""
    from dagster import DagsterInstance  # noqa: PLC0415 - takes a second, and few need it

    path.mkdir(parents=True, exist_ok=True)
    (path / "dagster.yaml").write_text("telemetry:\n  enabled: false\n", encoding="utf-8")
    return DagsterInstance.from_config(str(path))


def entry_of(rows: pa.Table, run_id: str) -> "EventLogEntry":
    """Return what Dagster would log of an attempt: a materialization with its values as metadata."""
    measured = rows.filter(pc.equal(rows.column("kind"), "metric_measured"))
    first = rows.slice(rows.num_rows - 1).select(["asset", "ts"]).to_pylist()[0]
    values = dict(zip(measured.column("metric").to_pylist(), measured.column("value").to_pylist(), strict=True))
    return _entry(run_id, first["asset"], first["ts"].timestamp(), values)


def fill(path: Path, tables: Iterable[pa.Table]) -> None:
    """Store a history through Dagster's storage API: a million events take a quarter of an hour.

    Args:
        path: Where the instance is kept.
        tables: Events, attempts whole.
    """
    instance = instance_at(path)
    for table in tables:
        for run_id, asset, at_s, values in _attempts(table):
            instance.store_event(_entry(run_id, asset, at_s, values))
    instance.dispose()


def fetched(path: Path, assets: tuple[str, ...]) -> dict[tuple[str, str], list[tuple[float, float]]]:
    """Return time and value of each series, asked for as a user of Dagster would: page by page, oldest first."""
    from dagster import AssetKey  # noqa: PLC0415

    instance = instance_at(path)
    found: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for asset in assets:
        cursor, more = None, True
        while more:
            page = instance.fetch_materializations(AssetKey(asset), limit=_PAGE, cursor=cursor, ascending=True)
            for record in page.records:
                told = record.asset_materialization
                for metric, value in told.metadata.items() if told else ():
                    if isinstance(value.value, float):
                        found.setdefault((asset, metric), []).append((record.timestamp, value.value))
            cursor, more = page.cursor, page.has_more
    instance.dispose()
    return found


def selected(path: Path) -> dict[tuple[str, str], list[tuple[float, float]]]:
    """Return the same as ``fetched``, from the same file, without Dagster."""
    import json  # noqa: PLC0415

    found: dict[tuple[str, str], list[tuple[float, float]]] = {}
    with sqlite3.connect(path / _INDEX) as connection:
        query = "SELECT event FROM event_logs WHERE dagster_event_type = 'ASSET_MATERIALIZATION' ORDER BY id"
        for (text,) in connection.execute(query):
            event = json.loads(text)
            told = event["dagster_event"]["event_specific_data"]["materialization"]
            asset, at_s = "/".join(told["asset_key"]["path"]), event["timestamp"]
            for entry in told["metadata_entries"]:
                found.setdefault((asset, entry["label"]), []).append((at_s, entry["entry_data"]["value"]))
    return found


def _attempts(table: pa.Table) -> Iterator[tuple[str, str, float, dict[str, float]]]:
    """Yield run, asset, time of the end and values of each attempt, oldest first."""
    is_value = pc.and_(pc.equal(table.column("kind"), "metric_measured"), pc.is_valid(table.column("asset")))
    measured = table.filter(is_value).sort_by([("ts", "ascending"), ("stream", "ascending"), ("seq", "ascending")])
    rows = measured.select(["run_id", "asset", "ts", "metric", "value"]).to_pylist()
    start = 0
    for stop in range(1, len(rows) + 1):
        whole = (rows[start]["run_id"], rows[start]["asset"])
        if stop < len(rows) and (rows[stop]["run_id"], rows[stop]["asset"]) == whole:
            continue
        values = {row["metric"]: row["value"] for row in rows[start:stop]}
        yield *whole, rows[start]["ts"].timestamp(), values
        start = stop


def _entry(run_id: str, asset: str, at_s: float, values: dict[str, Any]) -> "EventLogEntry":
    """Return the log entry of a materialization, as a step of a run writes it."""
    from dagster import AssetMaterialization  # noqa: PLC0415
    from dagster._core.events import DagsterEvent, DagsterEventType, StepMaterializationData  # noqa: PLC0415
    from dagster._core.events.log import EventLogEntry  # noqa: PLC0415

    event = DagsterEvent(
        event_type_value=DagsterEventType.ASSET_MATERIALIZATION.value,
        job_name="enrich",
        event_specific_data=StepMaterializationData(AssetMaterialization(asset, metadata=values), []),
        step_key=asset,
    )
    return EventLogEntry(  # type: ignore[no-untyped-call]
        error_info=None,
        level=20,
        user_message="",
        run_id=run_id,
        timestamp=at_s,
        step_key=asset,
        job_name="enrich",
        dagster_event=event,
    )
