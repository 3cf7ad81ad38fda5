"""The reference store: a dictionary, for tests and for dry runs."""

import threading
from typing import Final

import pyarrow as pa

from ledger.errors import ConflictError
from ledger.events.batch import EventBatch
from ledger.events.digest import batch_digest
from ledger.events.schema import SCHEMA
from ledger.store.filter import select
from ledger.store.protocol import EVERYTHING, EventQuery, LedgerStats, Problem, StreamHead
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

    def batch_keys(self) -> frozenset[str]:
        """Return one key for each batch."""
        return frozenset(_key(batch) for batch in tuple(self._batches.values()))

    def read_batches(self, keys: frozenset[str]) -> pa.Table:
        """Return the events of some batches."""
        wanted = tuple(batch for batch in tuple(self._batches.values()) if _key(batch) in keys)
        return select(self._all(wanted), EVERYTHING)

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
