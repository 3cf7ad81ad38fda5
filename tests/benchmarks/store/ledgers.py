"""Ledgers of any size, made in the time it takes to write them: what ten thousand runs would have left behind.

Rules:
- What is made is what the store itself would have made: real digests, a real tree, segments of its own encoder, so
  that `verify` finds nothing. Only the loose files are left out, and what is compacted was never loose.
- Loose files that only have to be there are written without fsync.
"""

import json
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa

from ledger.events.batch import EventBatch
from ledger.events.checkpoint import Checkpoint
from ledger.events.digest_bulk import batch_digests
from ledger.events.merkle import Frontier
from ledger.store import checkpoints, leaves, loose, segments
from ledger.store.directory import DirectoryMedium
from ledger.store.leaves import LeafFile
from ledger.store.medium import Medium
from ledger.store.parquet import ParquetStore
from ledger.store.records import Record, Segment
from tests.benchmarks.store import history

_MADE: Final = "made.json"


class Shelf:
    """A directory of ledgers that are made when they are first asked for, and found again after that."""

    def __init__(self, directory: Path, say: Callable[[str], None]) -> None:
        """Name the directory."""
        self.directory: Final = directory
        self._say: Final = say

    def fresh(self, name: str) -> Path:
        """Return an empty directory of this name."""
        number = 0
        while (path := self.directory / f"{name}-{number}").exists():
            number += 1
        path.mkdir(parents=True)
        return path

    def compacted(self, events: int, *, twenty: bool = False) -> ParquetStore:
        """Return a compacted ledger with so many events.

        Args:
            events: About how many.
            twenty: With appends of twenty events each, instead of those of real runs.
        """
        path = self.directory / f"compacted-{events}{'-twenty' if twenty else ''}"
        if not (path.parent / f"{path.name}.{_MADE}").exists():
            self._say(f"making a compacted ledger of {events:,} events ...")
            tables = iter([history.twenty(events)]) if twenty else history.history(events)
            rows = build(path, tables)
            (path.parent / f"{path.name}.{_MADE}").write_text(json.dumps({"events": rows}), encoding="utf-8")
        return store_at(path)

    def events_in(self, events: int) -> int:
        """Return how many events the compacted ledger really has."""
        text = (self.directory / f"compacted-{events}.{_MADE}").read_text(encoding="utf-8")
        return int(json.loads(text)["events"])


def store_at(path: Path) -> ParquetStore:
    """Return the ledger in a directory, made where there is none."""
    return ParquetStore.create(DirectoryMedium(path))


def build(path: Path, tables: Iterator[pa.Table], *, digests: bool = True) -> int:
    """Write a compacted ledger; return how many events it has.

    Args:
        path: Where to.
        tables: Its events, whole streams at a time.
        digests: Compute real digests; without them the ledger can be read, but not be verified.
    """
    store = store_at(path)
    medium, frontier, rows = store.medium, Frontier(), 0
    written: list[Segment] = []
    files: list[LeafFile] = []
    pending: list[pa.Table] = []
    for table in tables:
        rows += table.num_rows
        indexed = _leaves(table, digests=digests)
        first_leaf = frontier.size
        frontier = frontier.extended(leaves.digests(indexed))
        written += _segments(medium, table, indexed, first_leaf)
        pending.append(indexed)
        if sum(part.num_rows for part in pending) >= segments.ROWS // 2:
            files.append(_leaf_file(medium, pending, frontier))
            pending = []
    if pending:
        files.append(_leaf_file(medium, pending, frontier))
    checkpoint = Checkpoint(store.origin, frontier.size, frontier.root.hex())
    checkpoints.put(medium, checkpoints.Numbered(1, checkpoint))
    record = Record(
        number=1,
        checkpoint=1,
        size=frontier.size,
        root=checkpoint.root,
        removed=frontier.size,
        leaves=tuple(files),
        segments=tuple(sorted(written, key=lambda segment: (segment.month, segment.first_ts))),
        written=datetime.now(UTC),
    )
    medium.put_if_absent(record.name, record.encode())
    return rows


def batches(table: pa.Table) -> Iterator[EventBatch]:
    """Yield the appends of a table that holds whole streams, in the order of each stream."""
    digests = batch_digests(table)
    ordered = table.sort_by([("stream", "ascending"), ("seq", "ascending")])
    streams, numbers = ordered.column("stream").to_pylist(), ordered.column("batch").to_pylist()
    firsts = ordered.column("seq").to_pylist()
    start = 0
    for stop in range(1, ordered.num_rows + 1):
        if stop < ordered.num_rows and (streams[stop], numbers[stop]) == (streams[start], numbers[start]):
            continue
        stream, number = streams[start], numbers[start]
        rows = ordered.slice(start, stop - start).combine_chunks()
        before = digests.get((stream, number - 1))
        yield EventBatch(stream, number, firsts[start], before, digests[stream, number], rows)
        start = stop


def scatter(store: ParquetStore, table: pa.Table, limit: int) -> list[Path]:
    """Write loose files without fsync, as runs left them; return them.

    Args:
        store: The ledger.
        table: The events, whole streams.
        limit: How many files at most; streams may be cut off there.
    """
    paths = []
    for _, batch in zip(range(limit), batches(table), strict=False):
        path = Path(store.medium.where(loose.file_name(batch.stream, batch.number)))
        path.write_bytes(loose.encode(batch))
        paths.append(path)
    return paths


def crowd(store: ParquetStore, files: int) -> None:
    """Put so many names beside the loose files, all links to a few files: only the number of names is to count."""
    directory = Path(store.medium.where(loose.DIRECTORY))
    sources: list[Path] = []
    for number in range(files):
        if number % 50_000 == 0:  # ext4 allows 65,000 links a file.
            table = history.made(1_000_000 + number, 1)
            sources.append(scatter(store, table, 1)[0])
            continue
        os.link(sources[-1], directory / Path(loose.file_name(f"crowd/{number}", 0)).name)
    os.sync()


def _leaves(table: pa.Table, *, digests: bool) -> pa.Table:
    """Return the appends of a table as leaves, in the order they were made in."""
    known = batch_digests(table) if digests else None
    grouped = table.group_by(["stream", "batch"], use_threads=False).aggregate(
        [("seq", "min"), ([], "count_all"), ("ts", "min")]
    )
    grouped = grouped.sort_by([("ts_min", "ascending"), ("stream", "ascending"), ("batch", "ascending")])
    streams, numbers = grouped.column("stream"), grouped.column("batch")
    if known is None:
        noise = np.random.default_rng(grouped.num_rows).bytes(32 * grouped.num_rows)
        digest = [noise[32 * row : 32 * row + 32] for row in range(grouped.num_rows)]
    else:
        pairs = zip(streams.to_pylist(), numbers.to_pylist(), strict=True)
        digest = [bytes.fromhex(known[pair]) for pair in pairs]
    counts = grouped.column("count_all").cast(pa.int32())
    hashes = pa.array(digest, leaves.SCHEMA.field("digest").type)
    return pa.table([streams, numbers, grouped.column("seq_min"), counts, hashes], schema=leaves.SCHEMA)


def _segments(medium: Medium, table: pa.Table, indexed: pa.Table, first_leaf: int) -> Iterator[Segment]:
    """Write the segments of a table, one a month."""
    pairs = zip(indexed.column("stream").to_pylist(), indexed.column("batch").to_pylist(), strict=True)
    sealed = {pair: (first_leaf + row, "") for row, pair in enumerate(pairs)}
    for month, part in segments.by_month(table).items():
        data = segments.encode(part)
        name = segments.new_name(month, data)
        medium.put_if_absent(name, data)
        yield segments.facts(name, part, sealed, len(data))


def _leaf_file(medium: Medium, parts: list[pa.Table], frontier: Frontier) -> LeafFile:
    """Write a file of the leaf index that ends where the tree ends."""
    table = pa.concat_tables(parts)
    return leaves.write(medium, "compacted", table, frontier.size - table.num_rows, frontier)
