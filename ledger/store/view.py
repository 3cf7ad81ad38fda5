"""What one reader sees: the segments of the newest record, and the loose files they do not stand for.

Rules:
- Loose files are listed before the record is read. Whatever is compacted in between is then told from the record, so an
  event is seen through one of the two, never through both and never not at all.
- A view stays what it is however much is appended; it breaks off with ``VanishedError`` when it outlives the grace
  period of a compaction.
"""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from typing import Final, TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from ledger.errors import VanishedError
from ledger.events.checkpoint import Checkpoint
from ledger.events.schema import COLUMNS, SCHEMA
from ledger.store import checkpoints, loose, records, snapshots
from ledger.store.filter import ORDER, select
from ledger.store.index import LeafIndex
from ledger.store.medium import Medium
from ledger.store.protocol import EVERYTHING, Cursor, EventQuery, Part
from ledger.store.recent import read_recent
from ledger.store.records import Record, Segment
from ledger.store.scan import distinct, scan

_TRIES: Final = 5
_REMEMBERED_FILES: Final = 5_000
"""With more files than that, what a query does not ask for is better not read at all."""
Result = TypeVar("Result")


class ParquetView:
    """The events that were visible at one moment."""

    def __init__(self, medium: Medium, origin: str, record: Record, recent: tuple[str, ...]) -> None:
        """Name what is seen; ``open_view`` makes one."""
        self._medium: Final = medium
        self._origin: Final = origin
        self.record: Final = record
        self.recent: Final = recent
        self._events: pa.Table | None = None
        self._history: list[Checkpoint] | None = None

    @property
    def uri(self) -> str:
        """Where the ledger is."""
        return self._medium.uri

    @property
    def compacted(self) -> Checkpoint | None:
        """What the compacted part covers, ``None`` where nothing is compacted."""
        record = self.record
        return Checkpoint(self._origin, record.size, record.root) if record.number else None

    @property
    def cursor(self) -> Cursor:
        """Where to follow the ledger from."""
        return Cursor(self.record.size, frozenset(self.recent))

    def read(self, query: EventQuery = EVERYTHING, part: Part = "all") -> pa.Table:
        """Return the events of a query; see ``LedgerView``."""
        found = []
        if part != "recent":
            kept = [segment.name for segment in self.record.segments if _may_hold(segment, query)]
            found.append(scan(self._medium, kept, _with_order(query)))
        if part != "compacted":
            found.append(self._read_recent(_with_order(query)))
        wanted = list(query.columns or COLUMNS)
        return _in_order([table for table in found if table.num_rows] or found[:1]).select(wanted)

    def _read_recent(self, query: EventQuery) -> pa.Table:
        """Return recent events of a query; small files cost as many look-ups as they are, so all are read once."""
        if len(self.recent) > _REMEMBERED_FILES:
            return scan(self._medium, list(self.recent), query)
        if self._events is None:
            self._events = read_recent(self._medium, self.recent, self._checkpoints())
        return select(self._events, query)

    def names_in(self, column: str, part: Part = "all") -> frozenset[str]:
        """Return the values of a text column; see ``LedgerView``."""
        names: frozenset[str] = frozenset()
        if part != "recent":
            names |= distinct(self._medium, [segment.name for segment in self.record.segments], column)
        if part != "compacted":
            recent = self._read_recent(EventQuery(columns=(column,))).column(column)
            names |= frozenset(pc.unique(recent).drop_null().to_pylist())
        return names

    def runs_since(self, checkpoint: Checkpoint | None) -> Iterator[frozenset[str]]:
        """Yield the runs of each segment that has something the checkpoint does not cover; see ``LedgerView``."""
        covered = checkpoint.size if checkpoint else 0
        for segment in self.record.segments:
            if segment.last_leaf >= covered:
                yield distinct(self._medium, [segment.name], "run_id")

    def snapshot(self, table: str, code: str) -> tuple[Checkpoint, pa.Table] | None:
        """Return the newest snapshot of a table; see ``LedgerView``."""
        if not self.record.number:
            return None
        return snapshots.newest(self._medium, table, code, self._checkpoints())

    def keep_snapshot(self, table: str, code: str, rows: pa.Table) -> None:
        """Keep a table; see ``LedgerView``."""
        if self.compacted is not None:
            snapshots.keep(self._medium, table, code, self.compacted, rows)

    def _checkpoints(self) -> list[Checkpoint]:
        """Return what was compacted when the records that are still there were written, this view's own last."""
        if self._history is None:
            found = {}
            for number in records.numbers(self._medium):
                with contextlib.suppress(FileNotFoundError):
                    record = records.read(self._medium, number)
                    found[record.size] = Checkpoint(self._origin, record.size, record.root)
            older = [found[size] for size in sorted(found) if size < self.record.size]
            self._history = [*older, self.compacted or Checkpoint(self._origin)]
        return self._history


def open_view(medium: Medium, origin: str) -> ParquetView:
    """Return what is visible now.

    Raises:
        IntegrityError: The record or the leaf index is damaged.
        StoreError: The medium could not be read.
    """
    for _ in range(_TRIES):
        listing = loose.listed(medium)
        record = records.newest(medium)
        try:
            # The record is its own witness here: which appends came later does not matter to what it covers.
            index = LeafIndex(medium, record, checkpoints.Numbered(record.checkpoint, Checkpoint(origin, record.size)))
            covered = index.covered_names() if listing else frozenset()
        except FileNotFoundError:
            continue
        return ParquetView(medium, origin, record, tuple(name for name in listing if name not in covered))
    raise VanishedError(_overtaken(medium))


def with_fresh_view(medium: Medium, origin: str, use: Callable[[ParquetView], Result]) -> Result:
    """Return what a function makes of a view; where a compaction overtakes it, it gets a newer one.

    Raises:
        VanishedError: That happened again and again.
    """
    for _ in range(_TRIES - 1):
        try:
            return use(open_view(medium, origin))
        except VanishedError:
            continue
    return use(open_view(medium, origin))


def _in_order(parts: list[pa.Table]) -> pa.Table:
    """Return parts that are in order each as one table in order; sorted only where they overlap in time."""
    together = pa.concat_tables(parts)
    ends = [(part.column("ts")[0].as_py(), part.column("ts")[-1].as_py()) for part in parts if part.num_rows]
    apart = all(before[1] < after[0] for before, after in pairwise(ends))
    return together if apart else together.sort_by(list(ORDER))


def _with_order(query: EventQuery) -> EventQuery:
    """Return the query with the columns that are needed to bring two parts into one order."""
    if not query.columns:
        return query
    return replace(query, columns=tuple(dict.fromkeys([*query.columns, *(name for name, _ in ORDER)])))


def _may_hold(segment: Segment, query: EventQuery) -> bool:
    """Return whether a segment has events in the time of a query."""
    late = query.since is not None and segment.last_ts < _micros(query.since)
    early = query.until is not None and segment.first_ts >= _micros(query.until)
    return not late and not early


def _micros(moment: datetime) -> int:
    scalar = pa.scalar(moment.astimezone(UTC), SCHEMA.field("ts").type)
    return int(pc.cast(scalar, pa.int64()).as_py())


def _overtaken(medium: Medium) -> str:
    return f"the ledger at {medium.uri} was compacted again and again while it was read; read it again"
