"""What every ledger store does; one contract suite runs over all of them.

Rules:
- ``append`` is atomic, durable when it returns, and idempotent: the same batch again is a success.
- A batch is accepted only as the continuation of its stream: number n after n-1 with n-1's digest.
- Readers see whole batches only, each exactly once.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol, TypeAlias, TypeVar, runtime_checkable

import pyarrow as pa

from ledger.events.batch import EventBatch
from ledger.events.checkpoint import Checkpoint
from ledger.events.proof import ConsistencyProof, InclusionProof

Answer = TypeVar("Answer")

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
    def uri(self) -> str:
        """Where the ledger is, as a person would name it."""

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


@runtime_checkable
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

    def consult(self, use: Callable[[LedgerView], Answer]) -> Answer:
        """Return what a function makes of a view; where a compaction overtakes the view, it is given a newer one.

        Raises:
            VanishedError: That happened again and again.
        """

    def changes(self, cursor: Cursor) -> tuple[pa.Table, Cursor]:
        """Return the events that became visible since, ordered as ``read`` orders them, and where to go on."""

    def stats(self) -> LedgerStats:
        """Return how large the ledger is."""

    def problems(self) -> list[Problem]:
        """Return everything that is wrong with stored batches: damaged, altered, or missing in their stream."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """What sealing came to.

    Attributes:
        number: Number of the newest checkpoint, 0 where nothing was ever sealed.
        checkpoint: The newest checkpoint.
        added: Appends that this call sealed.
        problems: Appends that could not be sealed, and why.
    """

    number: int
    checkpoint: Checkpoint
    added: int
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class Compaction:
    """What compacting came to.

    Attributes:
        number: Number of the record that holds now, 0 where nothing was ever compacted.
        batches: Appends that this call compacted.
        written: Segments that this call wrote for them.
        removed: Files that this call removed because nothing needs them any more.
    """

    number: int
    batches: int
    written: int
    removed: int


@dataclass(frozen=True, slots=True)
class Verification:
    """What verifying a ledger came to.

    Attributes:
        checkpoint: The newest checkpoint.
        batches: Appends whose content was read and held against their digest.
        events: Events in them.
        unsealed: Appends among them that no checkpoint covers yet.
        problems: What is wrong, empty where all is well.
    """

    checkpoint: Checkpoint
    batches: int
    events: int
    unsealed: int
    problems: tuple[Problem, ...]


@runtime_checkable
class SealingStore(LedgerStore, Protocol):
    """A store that can be sealed, so that any change to it shows, and compacted, so that it stays fast."""

    @property
    def appended(self) -> int:
        """How often this process appended since it last sealed."""

    def loose_files(self) -> int:
        """Return the number of files in which there is one append each."""

    def checkpoint(self) -> Checkpoint:
        """Return the newest checkpoint; the empty one where nothing was sealed.

        Raises:
            IntegrityError: It is damaged.
        """

    def as_of(self, view: LedgerView, checkpoint: Checkpoint) -> LedgerView:
        """Return a view of the appends that a checkpoint covers, as if nothing had come after.

        Raises:
            IntegrityError: The ledger has fewer appends.
        """

    def seal(self) -> Sealed:
        """Seal what is not sealed yet.

        Raises:
            IntegrityError: The leaf index or a checkpoint is damaged.
            StoreError: The medium refused.
        """

    def compact(self, *, grace_s: float = 86_400.0, progress: Callable[[str], None] | None = None) -> Compaction:
        """Seal, move what is sealed into segments, and remove what was replaced long enough ago.

        Args:
            grace_s: Seconds that replaced files stay.
            progress: Gets a line for each segment.

        Raises:
            IntegrityError: An append is not what was sealed; nothing was replaced.
            StoreError: The medium refused.
        """

    def verify(self, *, expected: Checkpoint | None = None, since: int = 0) -> Verification:
        """Hold the whole ledger against its tree.

        Args:
            expected: A checkpoint from elsewhere that the ledger must still contain.
            since: Only read the content of appends from this leaf on.

        Raises:
            StoreError: The ledger could not be read.
        """

    def prove_inclusion(self, stream: str, batch: int) -> InclusionProof:
        """Prove that an append is in the newest checkpoint.

        Raises:
            ConfigurationError: It is not sealed.
        """

    def prove_consistency(self, old: Checkpoint) -> ConsistencyProof:
        """Prove that the newest checkpoint contains an earlier one.

        Raises:
            ConfigurationError: It does not, or the earlier one is of another ledger.
        """
