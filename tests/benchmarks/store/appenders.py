"""Places to append twenty events to: the ledger, its floor, and its peers, each as a user of it would.

Rules:
- An appender is made once and then asked for one append after the other; what can be prepared is prepared before.
- Where a peer leaves a choice, the one that is good for the peer is taken, and its note says so.
"""

import json
import os
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pyarrow as pa

from ledger.events import AssetFinished, CheckEvaluated, Event, MetricMeasured, ProgressReported, asset_stream
from ledger.events.batch import EventBatch, freeze
from ledger.store import loose
from tests.benchmarks.store import dagster_log
from tests.benchmarks.store.history import METRICS, made
from tests.benchmarks.store.ledgers import store_at

Append = Callable[[int], object]
_EVENTS: Final = 20
LEDGER: Final = "dagster-ledger"
FLOOR: Final = "two fsyncs alone"
DELTA: Final = "Delta (delta-rs)"


@dataclass(frozen=True, slots=True)
class Appender:
    """A place to append to.

    Attributes:
        make: Returns what appends number i of these batches, below a directory.
        note: What a reader has to know.
    """

    make: Callable[[Path, Sequence[EventBatch]], Append]
    note: str


def frozen(count: int, mark: str) -> list[EventBatch]:
    """Return so many appends of twenty events, as an attempt that ended now writes them, each of its own stream.

    Args:
        count: How many.
        mark: Part of the stream names, so that several callers do not meet.
    """
    now = datetime.now(UTC)
    values = made(0, count // 12 + 1)
    measured = values.filter(pa.compute.is_in(values.column("metric"), pa.array(list(METRICS))))
    numbers = measured.filter(pa.compute.equal(measured.column("kind"), "metric_measured")).column("value").to_pylist()
    found = []
    for number in range(count):
        place = {"asset": "company_matches", "run_id": f"{mark}-{number:08d}-4b8f-9d1e-0123456789ab"[:36]}
        chosen = list(METRICS.items())[: _EVENTS - 3]
        offset = number * len(METRICS)
        events: list[Event] = [
            MetricMeasured(**place, metric=metric, value=numbers[offset + position], unit=unit)
            for position, (metric, unit) in enumerate(chosen)
        ]
        details = {"ledger/metric": "match_rate", "threshold": 0.7, "value": numbers[offset + 7]}
        events += [
            CheckEvaluated(
                **place,
                check="match_rate_gate",
                status="passed",
                severity="error",
                metric="match_rate",
                value=numbers[offset + 7],
                threshold=0.7,
                blocking=True,
                description=f"match_rate is {numbers[offset + 7]:.4g}, at least 0.7",
                details=details,
            ),
            ProgressReported(**place, value=1_877.0, total=1_877.0, eta_s=0.0),
            AssetFinished(**place, peak_method="vmhwm", sample_hz=10.0),
        ]
        stream = str(asset_stream(place["asset"], place["run_id"], None, 0))
        found.append(freeze(stream, [(now, event) for event in events]))
    return found


def _ledger(path: Path, batches: Sequence[EventBatch]) -> Append:
    store = store_at(path)
    return lambda number: store.append(batches[number])


def _floor(path: Path, batches: Sequence[EventBatch]) -> Append:
    """Do what no durable append of a file can do without: write it, fsync it, name it, fsync its directory."""
    data = [loose.encode(batch) for batch in batches]
    directory = str(path)

    def append(number: int) -> None:
        temporary = f"{directory}/.tmp-{os.getpid()}-{number}"
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        os.write(descriptor, data[number])
        os.fsync(descriptor)
        os.close(descriptor)
        os.rename(temporary, f"{directory}/{os.getpid()}-{number:08d}")  # noqa: PTH104 - a Path would cost more
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        os.fsync(descriptor)
        os.close(descriptor)

    return append


def _delta(path: Path, batches: Sequence[EventBatch]) -> Append:
    from deltalake import DeltaTable, write_deltalake  # noqa: PLC0415 - every writer process would pay for it
    from deltalake.exceptions import DeltaError  # noqa: PLC0415

    target = str(path)
    if not DeltaTable.is_deltatable(target):
        DeltaTable.create(target, pa.schema(batches[0].rows.schema), mode="ignore")

    def append(number: int) -> int:
        tries = 1
        while True:
            try:
                write_deltalake(target, batches[number].rows, mode="append")
            except DeltaError:
                tries += 1
                continue
            return tries

    return append


def _sqlite(path: Path, batches: Sequence[EventBatch]) -> Append:
    """Insert into one table, all rows of an append in one transaction that is durable when it returns."""
    connection = sqlite3.connect(path / "events.db", isolation_level=None, timeout=60.0)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    names = batches[0].rows.column_names
    columns = ", ".join(f'"{name}"' for name in names)
    connection.execute(f"CREATE TABLE IF NOT EXISTS events ({columns}, PRIMARY KEY (stream, seq)) WITHOUT ROWID")
    insert = f"INSERT INTO events VALUES ({', '.join('?' * len(names))})"  # noqa: S608 - question marks only
    rows = [list(zip(*_plain(batch.rows), strict=True)) for batch in batches]

    def append(number: int) -> None:
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(insert, rows[number])
        connection.execute("COMMIT")

    return append


def _json_files(path: Path, batches: Sequence[EventBatch]) -> Append:
    """Write a file for each event, fsync each, and the directory once."""
    texts = [
        [json.dumps({k: v for k, v in row.items() if v is not None}, default=str).encode() for row in rows]
        for rows in (batch.rows.to_pylist() for batch in batches)
    ]
    directory = str(path)

    def append(number: int) -> None:
        for seq, text in enumerate(texts[number]):
            descriptor = os.open(f"{directory}/{number:08d}-{seq:04d}.json", os.O_WRONLY | os.O_CREAT | os.O_EXCL)
            os.write(descriptor, text)
            os.fsync(descriptor)
            os.close(descriptor)
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        os.fsync(descriptor)
        os.close(descriptor)

    return append


def _dagster(path: Path, batches: Sequence[EventBatch]) -> Append:
    instance = dagster_log.instance_at(path)
    entries = [dagster_log.entry_of(batch.rows, "643dc5f2-dd79-4c0e-914f-3e42aed39a5c") for batch in batches]
    instance.store_event(entries[0])  # A run's first event makes a database, which takes ten times as long.
    return lambda number: instance.store_event(entries[number])


def _plain(rows: pa.Table) -> list[list[object]]:
    """Return the columns as SQLite takes them: times as microseconds."""
    return [
        (column.cast(pa.int64()) if pa.types.is_timestamp(column.type) else column).to_pylist()
        for column in rows.columns
    ]


APPENDERS: Final = {
    FLOOR: Appender(_floor, "write, fsync, rename, fsync the directory; the same bytes, nothing else"),
    LEDGER: Appender(_ledger, "`ParquetStore.append`"),
    "SQLite, WAL, FULL": Appender(_sqlite, "one transaction an append"),
    DELTA: Appender(_delta, "`write_deltalake(mode='append')`; not durable: no fsync"),
    "Dagster's event log": Appender(
        _dagster, "one `AssetMaterialization` with all values as metadata, in a run that is there already; SQLite"
    ),
    "a JSON file an event": Appender(_json_files, "an fsync a file, one of the directory"),
}
"""Name to appender; the first two are what the first goal is about."""
