"""Ways to replay a history into the median and the last 30 values of every series: the ledger's, and its peers'.

Rules:
- A series is the values of one metric of one asset; values of whole runs are none.
- Every reader is given files that lie there already and returns the same answer, which is checked before anything is
  believed. Only the raw scan returns nothing: it is the least that any reader of the files could take.
"""

import sqlite3
import statistics
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from tests.benchmarks.store import dagster_log
from tests.benchmarks.store.history import ASSETS
from tests.benchmarks.store.ledgers import store_at

LAST: Final = 30
NEEDED: Final = ("kind", "asset", "partition", "metric", "ts", "value")
KIND: Final = "metric_measured"
SQL: Final = "dagster-ledger, SQL over its view"
READ: Final = "dagster-ledger, `read` and Arrow"
RAW: Final = "pyarrow scan of 6 columns"
OBJECTS: Final = "one Python object an event"
FETCH: Final = "Dagster's `fetch_materializations`"

Answer = dict[tuple[str, str], tuple[float, tuple[float, ...]]]
"""Asset and metric to median and last values, oldest first."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Where a history lies.

    Attributes:
        ledger: The compacted ledger.
        database: The same events as one SQLite table.
        dagster: The same history as Dagster's event log.
    """

    ledger: Path
    database: Path
    dagster: Path


def _files(sources: Sources) -> list[str]:
    """Return the segments that are visible, as the ledger tells them."""
    store = store_at(sources.ledger)
    return [store.medium.where(segment.name) for segment in store.record().segments]


def _sql(sources: Sources) -> Answer:
    """Ask DuckDB, as a person would, over the segments that a view names."""
    import duckdb  # noqa: PLC0415 - every reader has a process of its own

    view = store_at(sources.ledger).view()
    paths = [store_at(sources.ledger).medium.where(segment.name) for segment in view.record.segments]
    query = (
        f"SELECT asset, metric, median(value), list_reverse(max_by(value, ts, {LAST})) FROM read_parquet(?)"  # noqa: S608
        f" WHERE kind = '{KIND}' AND asset IS NOT NULL GROUP BY asset, metric"
    )
    with duckdb.connect(config={"autoinstall_known_extensions": False}) as connection:
        rows = connection.execute(query, [paths]).fetchall()
    return {(asset, metric): (middle, tuple(last)) for asset, metric, middle, last in rows}


def _read(sources: Sources) -> Answer:
    """Ask the store for every value, in its reading order, and fold them in Arrow."""
    from ledger.store.protocol import EventQuery  # noqa: PLC0415

    columns = ("asset", "metric", "ts", "value")
    events = store_at(sources.ledger).read(EventQuery(kinds=(KIND,), columns=columns))
    return _folded(events.filter(pc.is_valid(events.column("asset"))))


def _folded(ordered: pa.Table) -> Answer:
    """Return the answer of values that are in the order of time."""
    grouped = ordered.group_by(["asset", "metric"], use_threads=False).aggregate([("value", "list")])
    found: Answer = {}
    for asset, metric, values in zip(
        *(grouped.column(name) for name in ("asset", "metric", "value_list")), strict=True
    ):
        column = values.values
        middle = pc.quantile(column, 0.5)[0].as_py()
        found[asset.as_py(), metric.as_py()] = (middle, tuple(column.slice(max(len(column) - LAST, 0)).to_pylist()))
    return found


def _raw(sources: Sources) -> Answer:
    """Only read the six columns; there is no answer."""
    import pyarrow.dataset as ds  # noqa: PLC0415

    ds.dataset(_files(sources), format="parquet").to_table(columns=list(NEEDED))
    return {}


def _polars(sources: Sources) -> Answer:
    import polars as pl  # noqa: PLC0415

    values = (
        pl.scan_parquet(_files(sources))
        .select("kind", "asset", "metric", "ts", "value")
        .filter((pl.col("kind") == KIND) & pl.col("asset").is_not_null())
        .group_by("asset", "metric")
        .agg(pl.col("value").median().alias("middle"), pl.col("value").top_k_by("ts", LAST).alias("last"))
        .collect()
    )
    return {
        (row["asset"], row["metric"]): (row["middle"], tuple(reversed(row["last"])))
        for row in values.iter_rows(named=True)
    }


def _pandas(sources: Sources) -> Answer:
    import pandas as pd  # noqa: PLC0415

    frame = pd.read_parquet(_files(sources), engine="pyarrow", columns=["kind", "asset", "metric", "ts", "value"])
    frame = frame[(frame["kind"] == KIND) & frame["asset"].notna()].sort_values("ts")
    grouped = frame.groupby(["asset", "metric"], sort=False)["value"]
    middles = grouped.median()
    last = grouped.tail(LAST)
    keys = frame.loc[last.index, ["asset", "metric"]]
    found: dict[tuple[str, str], list[float]] = {}
    for asset, metric, value in zip(keys["asset"], keys["metric"], last, strict=True):
        found.setdefault((asset, metric), []).append(value)
    return {key: (middles[key], tuple(values)) for key, values in found.items()}


def _sqlite(sources: Sources) -> Answer:
    """Go along an index that covers the question; the median is Python's, since SQLite has none."""
    query = (
        "SELECT asset, metric, value FROM events WHERE kind = 'metric_measured' AND asset IS NOT NULL"
        " ORDER BY asset, metric, ts"
    )
    with sqlite3.connect(sources.database) as connection:
        return _gathered(((asset, metric), value) for asset, metric, value in connection.execute(query))


def _objects(sources: Sources) -> Answer:
    """Make an object of every event, as event-sourcing libraries do, and fold these."""
    from ledger.events import MetricMeasured  # noqa: PLC0415
    from ledger.events.codec import from_table  # noqa: PLC0415

    events = (recorded.event for recorded in from_table(store_at(sources.ledger).read()))
    return _gathered(
        ((event.asset, event.metric), event.value)
        for event in events
        if isinstance(event, MetricMeasured) and event.asset is not None
    )


def _fetched(sources: Sources) -> Answer:
    return _of_pairs(dagster_log.fetched(sources.dagster, ASSETS))


def _selected(sources: Sources) -> Answer:
    return _of_pairs(dagster_log.selected(sources.dagster))


def _gathered(values: Iterable[tuple[tuple[str, str], float]]) -> Answer:
    series: dict[tuple[str, str], list[float]] = {}
    for key, value in values:
        series.setdefault(key, []).append(value)
    return {key: (statistics.median(told), tuple(told[-LAST:])) for key, told in series.items()}


def _of_pairs(series: Mapping[tuple[str, str], list[tuple[float, float]]]) -> Answer:
    return _gathered((key, value) for key, pairs in series.items() for _, value in pairs)


def table_of(path: Path, tables: Iterable[pa.Table]) -> None:
    """Write events as one SQLite table with the index the question needs; nothing is durable before the end."""
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA synchronous=OFF")
        connection.execute("PRAGMA journal_mode=OFF")
        for table in tables:
            names = table.column_names
            columns = ", ".join(f'"{name}"' for name in names)
            connection.execute(f"CREATE TABLE IF NOT EXISTS events ({columns})")
            plain: list[list[Any]] = [
                (column.cast(pa.int64()) if pa.types.is_timestamp(column.type) else column).to_pylist()
                for column in table.columns
            ]
            connection.executemany(
                f"INSERT INTO events VALUES ({', '.join('?' * len(names))})",  # noqa: S608 - question marks only
                zip(*plain, strict=True),
            )
        connection.execute("CREATE INDEX question ON events (kind, asset, metric, ts, value)")


READERS: Final[Mapping[str, Callable[[Sources], Answer]]] = {
    SQL: _sql,
    READ: _read,
    RAW: _raw,
    "Polars": _polars,
    "pandas": _pandas,
    "SQLite table, covering index": _sqlite,
    OBJECTS: _objects,
    FETCH: _fetched,
    "Dagster's file, sqlite3 and json": _selected,
}
