"""What every event shares: its header, and the stream it belongs to.

Rules:
- An event is a frozen record of something that happened; its class name is in the past tense.
- ``KIND`` is the stored name and never changes; ``VERSION`` grows when the fields change, with an upcaster.
- Fields named like a ledger column are stored in that column, all others in the JSON payload.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Self, TypeAlias
from urllib.parse import quote, unquote

from ledger.errors import IntegrityError

Json: TypeAlias = "str | int | float | bool | Sequence[Json] | Mapping[str, Json] | None"

_ASSET_SEGMENTS = 5
_TOPIC_SEGMENTS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Base of all events.

    Attributes:
        asset: Asset key joined by ``/``, or ``op:<step key>`` for a span that makes several assets or none.
        partition: Dagster partition key, ``None`` without partitions.
        run_id: Dagster run id.
    """

    KIND: ClassVar[str]
    VERSION: ClassVar[int] = 1

    asset: str | None = None
    partition: str | None = None
    run_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownEvent(Event):
    """An event of a kind, or a version, that this release does not know: kept and shown, never dropped."""

    KIND: ClassVar[str] = "unknown"

    kind: str
    kind_version: int
    fields: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class StreamId:
    """Names one append-only stream: an attempt of an asset run, or a topic with an id of its own.

    Attributes:
        topic: ``asset`` for asset runs, otherwise a fixed word such as ``run``.
        key: Run id for ``asset`` and ``run`` streams, another unique id elsewhere.
        asset: Only for asset runs.
        partition: Only for asset runs of a partitioned asset.
        attempt: Retry number of the asset run, from 0.
    """

    topic: str
    key: str
    asset: str | None = None
    partition: str | None = None
    attempt: int = 0

    def __str__(self) -> str:
        """Return the stored spelling: segments joined by ``/``, each percent-encoded, so that it is unambiguous."""
        if self.asset is None:
            return f"{quote(self.topic, safe='')}/{quote(self.key, safe='')}"
        parts = (self.topic, self.asset, self.key, self.partition or "", str(self.attempt))
        return "/".join(quote(part, safe="") for part in parts)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the stream that ``str`` wrote as ``text``.

        Raises:
            IntegrityError: The text has not the number of segments a stream has.
        """
        parts = [unquote(part) for part in text.split("/")]
        if len(parts) == _TOPIC_SEGMENTS:
            return cls(parts[0], parts[1])
        if len(parts) == _ASSET_SEGMENTS and parts[4].isdigit():
            return cls(parts[0], parts[2], parts[1], parts[3] or None, int(parts[4]))
        message = (
            f"stream name {text!r} is not one this ledger writes; the file it is in was not made by dagster-ledger"
        )
        raise IntegrityError(message)


def asset_stream(asset: str, run_id: str, partition: str | None, attempt: int) -> StreamId:
    """Return the stream of one attempt of one asset in one run."""
    return StreamId("asset", run_id, asset, partition, attempt)


def run_stream(run_id: str) -> StreamId:
    """Return the stream of the run itself."""
    return StreamId("run", run_id)


@dataclass(frozen=True, slots=True)
class RecordedEvent:
    """An event with its place in the ledger.

    Attributes:
        stream: Stored spelling of the stream.
        seq: Position in the stream, from 0.
        batch: Number of the append in the stream, from 0.
        ts: When it happened, UTC, microseconds.
        event: What happened.
    """

    stream: str
    seq: int
    batch: int
    ts: datetime
    event: Event
