"""What keeping costs: bytes an event, the tail of loose files, and verification."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from ledger.events.schema import SCHEMA
from ledger.store import snapshots
from ledger.store.parquet import ParquetStore
from tests.benchmarks.store import history
from tests.benchmarks.store.ledgers import Shelf, build, scatter, store_at
from tests.benchmarks.store.measure import Effort, Figure, Results, in_turns, wall_s

_US: Final = 1e6
_ENOUGH: Final = 1_000_000


def size(shelf: Shelf, results: Results, events: int) -> None:
    """Take down the bytes an event of a compacted ledger, and of the same events in other files."""
    store = shelf.compacted(events)
    rows, record = shelf.events_in(events), store.record()
    in_segments = sum(segment.stored_bytes for segment in record.segments) / rows
    in_index = sum(store.medium.size_bytes(file.name) for file in record.leaves) / rows
    case = f"bytes an event, {events:,} events"
    results.figures += [
        Figure("keeping", case, "dagster-ledger, segments", "B", (in_segments,)),
        Figure("keeping", case, "dagster-ledger, leaf index", "B", (in_index,), "one digest of 32 bytes an append"),
        Figure("keeping", case, "Parquet, pyarrow's defaults", "B", (_default_parquet(shelf, events) / rows,)),
    ]
    for name, path in (
        ("SQLite table, covering index", shelf.directory / f"table-{events}.db"),
        ("Dagster's event log", shelf.directory / f"dagster-{events}"),
    ):
        if path.exists():
            files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
            stored = sum(file.stat().st_size for file in files)
            results.figures.append(Figure("keeping", case, name, "B", (stored / rows,)))
    if events >= _ENOUGH:
        results.judge("event bytes", (in_segments + in_index,), f"at {events:,} events")


def tail(shelf: Shelf, results: Results, effort: Effort) -> None:
    """Measure reading many loose files against reading them one by one with pyarrow."""
    store = store_at(shelf.fresh("tail"))
    paths = scatter(store, history.made(0, effort.tail // 20), effort.tail)

    def cold() -> float:
        _forget(store)
        return wall_s(store.read)

    def one_by_one() -> float:
        return wall_s(lambda: pa.concat_tables([_one(path) for path in paths]).sort_by("ts"))

    store.read()
    found = in_turns(
        {
            "dagster-ledger, no cache": cold,
            "dagster-ledger, read before": lambda: wall_s(store_at(Path(store.uri)).read),
            "pyarrow, file by file": one_by_one,
        },
        effort.rounds,
    )
    results.add("keeping", f"reading {len(paths):,} loose files", "s", found)
    results.judge("tail", found["dagster-ledger, no cache"])


def verification(shelf: Shelf, results: Results, effort: Effort) -> None:
    """Measure the CPU of `verify` an event, with appends of 20 events and with those of real runs."""
    twenty, real = shelf.fresh("verified-twenty"), shelf.fresh("verified-real")
    rows = {}
    events = effort.verified
    for path, tables in ((twenty, lambda: [history.twenty(events)]), (real, lambda: history.history(events))):
        build(path, iter(tables()))
        rows[path] = store_at(path).verify().events
    found = in_turns(
        {
            "appends of 20 events": lambda: _verified_us(twenty, rows[twenty]),
            "appends of 2 and 23 events": lambda: _verified_us(real, rows[real]),
        },
        effort.rounds,
    )
    results.add("keeping", f"`verify`, CPU an event, {effort.verified:,} events", "µs", found)
    results.judge("verify", found["appends of 20 events"])


def _verified_us(path: Path, rows: int) -> float:
    """Return the CPU microseconds an event of one verification, which must find nothing."""
    store = store_at(path)
    spent = _cpu_s(lambda: _sound(store))
    return spent / rows * _US


def _sound(store: ParquetStore) -> None:
    problems = store.verify().problems
    if problems:
        raise AssertionError(problems[:3])


def _cpu_s(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def _forget(store: ParquetStore) -> None:
    """Remove what earlier readers kept, so that every file is read again."""
    medium = store_at(Path(store.uri)).medium
    medium.remove(medium.names(snapshots.DIRECTORY))


def _one(path: Path) -> pa.Table:
    """Return the rows of a loose file in ``SCHEMA``; columns that hold nothing are not in it."""
    table = pq.ParquetFile(path).read()
    missing = [field for field in SCHEMA if field.name not in table.column_names]
    for field in missing:
        table = table.append_column(field, pa.nulls(table.num_rows, field.type))
    return table.select(SCHEMA.names).cast(SCHEMA)


def _default_parquet(shelf: Shelf, events: int) -> int:
    """Return the bytes of the same events written with nothing but pyarrow's defaults, in the order they came."""
    path = shelf.directory / f"default-{events}.parquet"
    if not path.exists():
        with pq.ParquetWriter(path, SCHEMA) as writer:
            for table in history.history(events):
                writer.write_table(table)
    return path.stat().st_size
