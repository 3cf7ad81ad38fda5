"""The reference store: a dictionary, for tests and for dry runs."""

import threading
from collections.abc import Callable, Iterator
from typing import Final

import pyarrow as pa

from ledger.errors import ConflictError
from ledger.events.batch import EventBatch
from ledger.events.checkpoint import Checkpoint
from ledger.events.digest import batch_digest
from ledger.events.schema import SCHEMA
from ledger.store.filter import select
from ledger.store.protocol import (
    EVERYTHING,
    Answer,
    Cursor,
    EventQuery,
    LedgerStats,
    LedgerView,
    Part,
    Problem,
    StreamHead,
)
from ledger.store.summary import summarise


class MemoryStore:
    """Keeps batches in memory; what it does is what every store must do."""

    def __init__(self) -> None:
        """Start empty."""
        self._batches: Final[dict[tuple[str, int], EventBatch]] = {}
        self._lock: Final = threading.Lock()

    @property
    def uri(self) -> str:
        """Always ``memory:``."""
        return "memory:"

    def append(self, batch: EventBatch) -> None:
        """Store a batch; see ``LedgerStore``."""
        with self._lock:
            known = self._batches.get((batch.stream, batch.number))
            if known is not None and known.digest == batch.digest:
                return
            if known is not None:
                raise ConflictError(conflict_message(batch))
            before = self._batches.get((batch.stream, batch.number - 1))
            if (before.digest if before else None) != batch.previous_digest or (batch.number > 0) != (
                before is not None
            ):
                raise ConflictError(broken_chain_message(batch))
            self._batches[batch.stream, batch.number] = batch

    def head(self, stream: str) -> StreamHead | None:
        """Return where a stream ends."""
        last = max((batch for batch in self._batches.values() if batch.stream == stream), key=_number, default=None)
        return StreamHead(last.number, last.digest, last.next_seq) if last else None

    def read(self, query: EventQuery = EVERYTHING) -> pa.Table:
        """Return the events of a query."""
        return select(self._all(tuple(self._batches.values())), query)

    def view(self) -> "MemoryView":
        """Return what is there now."""
        batches = tuple(self._batches.values())
        return MemoryView(self._all(batches), Cursor(0, frozenset(_key(batch) for batch in batches)))

    def consult(self, use: Callable[[LedgerView], Answer]) -> Answer:
        """Return what a function makes of a view."""
        return use(self.view())

    def changes(self, cursor: Cursor) -> tuple[pa.Table, Cursor]:
        """Return the events of batches that came since."""
        batches = tuple(self._batches.values())
        new = tuple(batch for batch in batches if _key(batch) not in cursor.recent)
        return select(self._all(new), EVERYTHING), Cursor(0, frozenset(_key(batch) for batch in batches))

    def stats(self) -> LedgerStats:
        """Return how large the ledger is."""
        batches = tuple(self._batches.values())
        return summarise(self.uri, self._all(batches), len(batches), sum(batch.rows.nbytes for batch in batches))

    def problems(self) -> list[Problem]:
        """Return batches whose rows no longer have their digest."""
        return [
            Problem(_key(batch), "its rows do not have the digest they were appended with")
            for batch in self._batches.values()
            if batch_digest(batch.rows, stream=batch.stream, batch=batch.number, previous=batch.previous_digest)
            != batch.digest
        ]

    @staticmethod
    def _all(batches: tuple[EventBatch, ...]) -> pa.Table:
        return pa.concat_tables([SCHEMA.empty_table(), *(batch.rows for batch in batches)])


class MemoryView:
    """A table of events; nothing of it is ever compacted."""

    uri: Final = "memory:"

    def __init__(self, events: pa.Table, cursor: Cursor) -> None:
        """Take the events, which nobody changes, and where they end."""
        self._events: Final = events
        self.cursor: Final = cursor

    @property
    def compacted(self) -> Checkpoint | None:
        """Always ``None``."""
        return None

    def read(self, query: EventQuery = EVERYTHING, part: Part = "all") -> pa.Table:
        """Return the events of a query; all of them are recent."""
        return select(self._events.slice(0, 0) if part == "compacted" else self._events, query)

    def names_in(self, column: str, part: Part = "all") -> frozenset[str]:
        """Return the values a text column has, without null."""
        return frozenset(self.read(EventQuery(columns=(column,)), part).column(column).drop_null().to_pylist())

    def runs_since(self, checkpoint: Checkpoint | None) -> Iterator[frozenset[str]]:
        """Yield nothing."""
        del checkpoint
        return iter(())

    def snapshot(self, table: str, code: str) -> tuple[Checkpoint, pa.Table] | None:
        """Return nothing."""
        del table, code
        return None

    def keep_snapshot(self, table: str, code: str, rows: pa.Table) -> None:
        """Keep nothing."""


def conflict_message(batch: EventBatch) -> str:
    """Return the sentence for a number that is taken by other content."""
    return (
        f"append {batch.number} of stream {batch.stream!r} is already in the ledger with other content;"
        " another process wrote to the same stream: read its head again and append after it"
    )


def broken_chain_message(batch: EventBatch) -> str:
    """Return the sentence for a batch that does not follow the one before it."""
    return (
        f"append {batch.number} of stream {batch.stream!r} does not follow what is in the ledger;"
        " read the head of the stream again and append after it"
    )


def _number(batch: EventBatch) -> int:
    return batch.number


def _key(batch: EventBatch) -> str:
    return f"{batch.stream}#{batch.number}"
