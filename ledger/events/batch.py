"""One append: rows frozen with their times and numbers, so that a retry has the same bytes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa

from ledger.errors import ConfigurationError
from ledger.events.base import Event
from ledger.events.codec import to_table
from ledger.events.digest import batch_digest


@dataclass(frozen=True, slots=True)
class EventBatch:
    """The unit of appending; immutable, and named by stream and number.

    Attributes:
        stream: Stored spelling of the stream.
        number: Number of the append in the stream, from 0 without gaps.
        first_seq: Position of its first event in the stream.
        previous_digest: Digest (hex) of the append before it, ``None`` for the first one.
        digest: Digest (hex) of this append.
        rows: Its events as a table in ``SCHEMA``, at least one.
    """

    stream: str
    number: int
    first_seq: int
    previous_digest: str | None
    digest: str
    rows: pa.Table

    @property
    def next_seq(self) -> int:
        """Position the event after this append will have."""
        return self.first_seq + int(self.rows.num_rows)


def freeze(
    stream: str,
    events: Sequence[tuple[datetime, Event]],
    *,
    after: EventBatch | None = None,
    number: int = 0,
    first_seq: int = 0,
    previous_digest: str | None = None,
) -> EventBatch:
    """Return the batch that continues a stream.

    Args:
        stream: Stored spelling of the stream.
        events: Pairs of UTC time and event, at least one; left untouched.
        after: The batch before; where given, the next three are taken from it.
        number: Number of the append.
        first_seq: Position of the first event.
        previous_digest: Digest of the append before.

    Raises:
        ConfigurationError: There are no events, or one of them cannot be stored.
    """
    if not events:
        message = f"an append to stream {stream!r} has no events; append at least one"
        raise ConfigurationError(message)
    if after is not None:
        number, first_seq, previous_digest = after.number + 1, after.next_seq, after.digest
    rows = to_table(stream, number, first_seq, events)
    digest = batch_digest(rows, stream=stream, batch=number, previous=previous_digest)
    return EventBatch(stream, number, first_seq, previous_digest, digest, rows)
