"""What every ledger store does; one contract suite runs over all of them.

Rules:
- ``append`` is atomic, durable when it returns, and idempotent: the same batch again is a success.
- A batch is accepted only as the continuation of its stream: number n after n-1 with n-1's digest.
- Readers see whole batches only, each exactly once.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol, TypeAlias

import pyarrow as pa

from ledger.events.batch import EventBatch
from ledger.events.checkpoint import Checkpoint

Part: TypeAlias = Literal["all", "compacted", "recent"]
"""Which events of a view: all of them, those in segments, or those that are not in segments yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventQuery:
    """Which events to read; a field left empty does not narrow anything.

    Attributes:
        kinds: Stored event names.
        assets: Asset keys.
        run_ids: Run ids, whole.
        metrics: Metric names.
        streams: Stored spellings of streams.
        since: Earliest time, UTC, inclusive.
        until: Latest time, UTC, exclusive.
        columns: Columns to read, all of them by default.
    """

    kinds: tuple[str, ...] = ()
    assets: tuple[str, ...] = ()
    run_ids: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    streams: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    columns: tuple[str, ...] = ()


EVERYTHING = EventQuery()


@dataclass(frozen=True, slots=True)
class StreamHead:
    """Where a stream ends: number, digest and next position of its last batch."""

    number: int
    digest: str
    next_seq: int


@dataclass(frozen=True, slots=True)
class LedgerStats:
    """How large a ledger is.

    Attributes:
        uri: Where it is.
        events: Number of events.
        batches: Number of appends.
        streams: Number of streams.
        stored_bytes: Bytes on the medium.
        events_by_kind: Stored event name to count.
        first_ts: Time of the oldest event, ``None`` when empty.
        last_ts: Time of the newest event, ``None`` when empty.
    """

    uri: str
    events: int
    batches: int
    streams: int
    stored_bytes: int
    events_by_kind: Mapping[str, int] = field(default_factory=dict)
    first_ts: datetime | None = None
    last_ts: datetime | None = None


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with stored data: where, and in what way."""

    where: str
    what: str


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far somebody has followed a ledger.

    Attributes:
        compacted: Number of leaves that were in segments.
        recent: Opaque keys of the other appends that were seen.
    """

    compacted: int = 0
    recent: frozenset[str] = frozenset()


class LedgerView(Protocol):
    """The events that were visible at one moment, whatever is appended or compacted since."""

    @property
    def compacted(self) -> Checkpoint | None:
        """What the compacted part covers, ``None`` where nothing is compacted."""

    @property
    def cursor(self) -> Cursor:
        """Where to follow the ledger from, once this view was read."""

    def read(self, query: EventQuery = EVERYTHING, part: Part = "all") -> pa.Table:
        """Return the events of a query, ordered by time, stream and position.

        Raises:
            IntegrityError: Stored data is damaged; the message names the file.
            StoreError: The medium could not be read, or a compaction overtook the view.
        """

    def names_in(self, column: str, part: Part = "all") -> frozenset[str]:
        """Return the values a text column has, without null."""

    def runs_since(self, checkpoint: Checkpoint | None) -> Iterator[frozenset[str]]:
        """Yield, in parts that fit into memory, the runs with compacted events that a checkpoint does not cover."""

    def snapshot(self, table: str, code: str) -> tuple[Checkpoint, pa.Table] | None:
        """Return the newest snapshot of a table that this view can go on from, and what it covers."""

    def keep_snapshot(self, table: str, code: str, rows: pa.Table) -> None:
        """Keep a table that was made of the compacted part; where that cannot be, nothing happens."""


class LedgerStore(Protocol):
    """An append-only store of event batches."""

    @property
    def uri(self) -> str:
        """Where the ledger is, as a person would name it."""

    def append(self, batch: EventBatch) -> None:
        """Store a batch durably; the same batch again changes nothing.

        Raises:
            ConflictError: Another batch has that stream and number, or it does not continue its stream.
            StoreError: The medium refused; nothing of the batch is visible.
        """

    def head(self, stream: str) -> StreamHead | None:
        """Return where a stream ends, ``None`` when it has no batch."""

    def read(self, query: EventQuery = EVERYTHING) -> pa.Table:
        """Return the events of a query as a fresh view has them; see ``LedgerView.read``."""

    def view(self) -> LedgerView:
        """Return what is visible now, to be read more than once."""

    def changes(self, cursor: Cursor) -> tuple[pa.Table, Cursor]:
        """Return the events that became visible since, ordered as ``read`` orders them, and where to go on."""

    def stats(self) -> LedgerStats:
        """Return how large the ledger is."""

    def problems(self) -> list[Problem]:
        """Return everything that is wrong with stored batches: damaged, altered, or missing in their stream."""
