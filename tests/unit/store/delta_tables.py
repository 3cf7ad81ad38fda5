"""Ledgers with a Delta log, and the engines that read it."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import unquote

import duckdb
import polars as pl
import pyarrow as pa
from deltalake import DeltaTable, QueryBuilder

from ledger.events import AssetFinished, MetricMeasured
from ledger.events.batch import freeze
from ledger.events.schema import SCHEMA
from ledger.store import delta

NOW = datetime(2026, 3, 1, tzinfo=UTC)
HELD = {"stream", "seq", "batch", "ts", "kind", "asset", "partition", "metric", "value", "unit", "status", "payload"}
"""Columns that the events of these tests fill."""
ORDER = [("ts", "ascending"), ("stream", "ascending"), ("seq", "ascending")]


def batch(stream="run/r", value=1.0, after=None, days=0.0, count=3):
    ts = NOW + timedelta(days=days, microseconds=999)
    measured = [MetricMeasured(asset="a", metric="m", value=value + place, unit="s") for place in range(count)]
    finished = AssetFinished(asset="ä/b", partition="2026-03-01", peak_method="vmhwm", sample_hz=10.0)
    events = [(ts + timedelta(microseconds=place), event) for place, event in enumerate([*measured, finished])]
    return freeze(stream, events, after=after)


def compacted(store, **batches):
    store.append(batch(**batches))
    store.compact(grace_s=0.0)


def log_names(store):
    return sorted(path.name for path in (Path(store.uri) / delta.DIRECTORY).glob("*"))


def actions(store, version):
    text = (Path(store.uri) / delta.commit_name(version)).read_text()
    return [next(iter(json.loads(line).items())) for line in text.splitlines()]


def by_deltalake(table):
    return DeltaTable(table).to_pyarrow_table()


def by_arrow_dataset(table):
    return DeltaTable(table).to_pyarrow_dataset().to_table()


def by_datafusion(table):
    return pa.table(QueryBuilder().register("events", DeltaTable(table)).execute("SELECT * FROM events").read_all())


def by_duckdb_over_files(table):
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        files = [unquote(file) for file in DeltaTable(table).file_uris()]
        sql = "SELECT * FROM read_parquet(?, hive_partitioning := true, hive_types := {'month': VARCHAR})"
        return connection.sql(sql, params=[files]).to_arrow_table()


def by_duckdb_over_arrow(table):
    dataset = DeltaTable(table).to_pyarrow_dataset()
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        return connection.register("events", dataset).sql("SELECT * FROM events").to_arrow_table()


def by_polars(table):
    return pl.scan_delta(table).collect().to_arrow()


ENGINES = [by_deltalake, by_arrow_dataset, by_datafusion, by_duckdb_over_files, by_duckdb_over_arrow, by_polars]


def in_order(rows):
    """Return rows as the ledger has them, and the month of each."""
    wanted = pa.schema([*SCHEMA, pa.field("month", pa.string())])
    return rows.select(wanted.names).cast(wanted).sort_by(ORDER).combine_chunks()


def with_month(rows):
    """Return rows of the ledger with the month their append began in, which is where they lie."""
    first = rows.group_by(["stream", "batch"]).aggregate([("ts", "min")])
    began = {(row["stream"], row["batch"]): row["ts_min"] for row in first.to_pylist()}
    keys = zip(rows.column("stream").to_pylist(), rows.column("batch").to_pylist(), strict=True)
    return rows.append_column("month", pa.array([began[key].strftime("%Y-%m") for key in keys], pa.string()))


def assert_every_engine_reads_the_ledger(store, table):
    told = in_order(with_month(store.read()))
    for engine in ENGINES:
        assert in_order(engine(table)).equals(told), engine.__name__
