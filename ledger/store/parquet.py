"""The Parquet ledger: immutable files on a medium, one for each append, merged later into sorted segments.

Rules:
- Layout: ``FORMAT`` (two lines: format, name of the ledger), ``loose/`` (an append each), ``leaves/`` and
  ``checkpoints/`` (the seal), ``segments/`` and ``records/`` (what was compacted), ``snapshots/`` (a cache).
- No shared file, lock or counter: writers meet only on the same stream and number, where exactly one wins.
- What was appended longer ago than half a grace period may be compacted and its loose file gone, so an append that
  relies on such knowledge looks into the leaf index; every other append touches nothing but its own file.
"""

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Self

import pyarrow as pa
import pyarrow.compute as pc

from ledger.errors import ConfigurationError, ConflictError, IntegrityError, MissingLedgerError, VanishedError
from ledger.events.batch import EventBatch
from ledger.events.checkpoint import Checkpoint
from ledger.events.proof import ConsistencyProof, InclusionProof
from ledger.events.schema import FORMAT_VERSION, SCHEMA
from ledger.store import checkpoints, compact, loose, proof, records, scan, seal, verify
from ledger.store.asof import as_of
from ledger.store.filter import select
from ledger.store.index import LeafIndex
from ledger.store.medium import Medium
from ledger.store.memory import broken_chain_message, conflict_message
from ledger.store.protocol import (
    EVERYTHING,
    Answer,
    Compaction,
    Cursor,
    EventQuery,
    LedgerStats,
    LedgerView,
    Problem,
    Sealed,
    StreamHead,
    Verification,
)
from ledger.store.records import Record
from ledger.store.view import ParquetView, open_view, with_fresh_view

_FORMAT_WORD: Final = "dagster-ledger"
_HEADS_KEPT: Final = 1024
_TRUSTED_S: Final = compact.GRACE_S / 2


@dataclass(frozen=True, slots=True)
class _Known:
    """A head this process wrote or read, and when."""

    head: StreamHead
    at_s: float


class ParquetStore:
    """A ledger on a medium; safe for any number of processes and threads."""

    def __init__(self, medium: Medium, origin: str) -> None:
        """Name medium and ledger; nothing is read or made."""
        self._medium: Final = medium
        self._heads: Final[dict[str, _Known]] = {}
        self.origin: Final = origin
        self.appended = 0

    @classmethod
    def open(cls, medium: Medium) -> Self:
        """Return the ledger on a medium.

        Raises:
            MissingLedgerError: There is no ledger.
            IntegrityError: It has a newer format.
        """
        try:
            text = medium.read(verify.FORMAT_FILE).decode(errors="replace")
        except FileNotFoundError as error:
            message = (
                f"there is no ledger at {medium.uri}; make one with `dagster-ledger run`, or name another place with"
                " --ledger or DAGSTER_LEDGER_URI"
            )
            raise MissingLedgerError(message) from error
        return cls(medium, _origin(medium, text))

    @classmethod
    def create(cls, medium: Medium) -> Self:
        """Return the ledger on a medium, made first where there is none.

        Raises:
            ConfigurationError: There are other things.
            StoreError: It cannot be made, or not be written.
        """
        if not medium.exists(verify.FORMAT_FILE):
            if medium.holds_other_things():
                message = f"{medium.uri} is neither empty nor a ledger; choose another place with --ledger"
                raise ConfigurationError(message)
            medium.check_writable()  # Before anything is left there that would make it a ledger.
            text = f"{_FORMAT_WORD} {FORMAT_VERSION}\n{_FORMAT_WORD}/{uuid.uuid4()}\n"
            medium.put_if_absent(verify.FORMAT_FILE, text.encode())
        else:
            medium.check_writable()
        return cls.open(medium)

    @property
    def uri(self) -> str:
        """Where the ledger is."""
        return self._medium.uri

    def append(self, batch: EventBatch) -> None:
        """Store a batch; see ``LedgerStore``."""
        if self._is_stored(batch):
            return
        name = loose.file_name(batch.stream, batch.number)
        made = self._medium.put_if_absent(name, loose.encode(batch))
        if not made and not self._holds(name, batch):
            self._heads.pop(batch.stream, None)
            raise ConflictError(conflict_message(batch))
        if len(self._heads) >= _HEADS_KEPT:
            self._heads.clear()
        self.appended += 1
        self._heads[batch.stream] = _Known(StreamHead(batch.number, batch.digest, batch.next_seq), _now_s())

    def head(self, stream: str) -> StreamHead | None:
        """Return where a stream ends, found by galloping over its numbers from the sealed ones on."""
        while True:
            record = records.newest(self._medium)
            sealed = self._sealed_head(stream)
            start = sealed.number + 1 if sealed else 0
            last = self._last_loose(stream, start)
            if last is not None:
                return last
            if records.newest(self._medium).number == record.number:
                return sealed

    def read(self, query: EventQuery = EVERYTHING) -> pa.Table:
        """Return the events of a query."""
        return with_fresh_view(self._medium, self.origin, lambda view: view.read(query))

    def view(self) -> ParquetView:
        """Return what is visible now."""
        return open_view(self._medium, self.origin)

    def consult(self, use: Callable[[LedgerView], Answer]) -> Answer:
        """Return what a function makes of a view; see ``LedgerStore``."""
        return with_fresh_view(self._medium, self.origin, use)

    def changes(self, cursor: Cursor) -> tuple[pa.Table, Cursor]:
        """Return what became visible since; see ``LedgerStore``."""
        return with_fresh_view(self._medium, self.origin, lambda view: self._changes(view, cursor))

    def stats(self) -> LedgerStats:
        """Return how large the ledger is."""
        return with_fresh_view(self._medium, self.origin, self._stats)

    def problems(self) -> list[Problem]:
        """Return everything that is wrong; see ``ledger.store.verify``."""
        return list(self.verify().problems)

    def verify(self, *, expected: Checkpoint | None = None, since: int = 0) -> Verification:
        """Hold the whole ledger against its tree; see ``ledger.store.verify.verify``."""
        return verify.verify(self._medium, self.origin, expected=expected, since=since)

    def checkpoint(self) -> Checkpoint:
        """Return the newest checkpoint; the empty one where nothing was sealed.

        Raises:
            IntegrityError: It is damaged.
        """
        return checkpoints.newest(self._medium, self.origin).checkpoint

    def as_of(self, view: LedgerView, checkpoint: Checkpoint) -> LedgerView:
        """Return a view of what was sealed at a checkpoint; see ``SealingStore``."""
        return as_of(self._medium, view, checkpoint)

    def seal(self) -> Sealed:
        """Seal what is not sealed yet; see ``ledger.store.seal.seal``."""
        self.appended = 0
        return seal.seal(self._medium, self.origin)

    def compact(self, *, grace_s: float = compact.GRACE_S, progress: Callable[[str], None] | None = None) -> Compaction:
        """Seal and compact; see ``ledger.store.compact.compact``."""
        return compact.compact(self._medium, self.origin, grace_s=grace_s, progress=progress)

    def loose_files(self) -> int:
        """Return the number of files in which there is one append each."""
        return len(loose.listed(self._medium))

    def prove_inclusion(self, stream: str, batch: int) -> InclusionProof:
        """Prove that an append is in the newest checkpoint; see ``ledger.store.proof``."""
        return proof.prove_inclusion(self._medium, self.origin, stream, batch)

    def prove_consistency(self, old: Checkpoint) -> ConsistencyProof:
        """Prove that the newest checkpoint contains an earlier one; see ``ledger.store.proof``."""
        return proof.prove_consistency(self._medium, self.origin, old)

    def record(self) -> Record:
        """Return which segments stand for which appends."""
        return records.newest(self._medium)

    @property
    def medium(self) -> Medium:
        """What the ledger is kept on."""
        return self._medium

    def _holds(self, name: str, batch: EventBatch) -> bool:
        """Return whether a name that was taken already holds this very batch."""
        try:
            return loose.read_footer(self._medium, name, fresh=True).digest == batch.digest
        except FileNotFoundError:  # It was compacted and removed a moment ago.
            return self._is_sealed(batch)

    def _is_stored(self, batch: EventBatch) -> bool:
        """Return whether the batch is sealed already; raise where it does not continue its stream."""
        known = self._heads.get(batch.stream)
        if known and known.head.number == batch.number - 1 and abs(_now_s() - known.at_s) < _TRUSTED_S:
            if known.head.digest != batch.previous_digest:
                raise ConflictError(broken_chain_message(batch))
            return False
        if _is_recent(batch) and (batch.number == 0 or self._follows_loose(batch)):
            return False
        return self._is_sealed(batch)

    def _is_sealed(self, batch: EventBatch) -> bool:
        """Return whether the leaf index has the batch; raise where it does not continue its stream."""
        sealed = self._sealed(batch.stream)
        stored, before = sealed.get(batch.number), sealed.get(batch.number - 1)
        if stored is not None and stored.digest != batch.digest:
            raise ConflictError(conflict_message(batch))
        if stored is None and batch.number and before is None and not self._follows_loose(batch):
            raise ConflictError(broken_chain_message(batch))
        if before is not None and (before.digest != batch.previous_digest or before.next_seq != batch.first_seq):
            raise ConflictError(broken_chain_message(batch))
        return stored is not None

    def _follows_loose(self, batch: EventBatch) -> bool:
        """Return whether the batch before it lies loose and has the digest this one names."""
        try:
            before = loose.read_footer(self._medium, loose.file_name(batch.stream, batch.number - 1))
        except FileNotFoundError:
            return False
        if before.digest != batch.previous_digest or before.next_seq != batch.first_seq:
            raise ConflictError(broken_chain_message(batch))
        return True

    def _sealed(self, stream: str) -> dict[int, StreamHead]:
        """Return the sealed appends of a stream by number."""
        while True:
            record = records.newest(self._medium)
            index = LeafIndex(self._medium, record, checkpoints.newest(self._medium, self.origin))
            if not index.sealed.checkpoint.size:
                return {}
            try:
                rows = index.find([stream]).to_pylist()
            except FileNotFoundError:
                continue  # Sealed or compacted anew meanwhile.
            return {
                row["batch"]: StreamHead(row["batch"], row["digest"].hex(), row["first_seq"] + row["rows"])
                for row in rows
            }

    def _sealed_head(self, stream: str) -> StreamHead | None:
        """Return the last sealed append of a stream."""
        sealed = self._sealed(stream)
        return sealed[max(sealed)] if sealed else None

    def _last_loose(self, stream: str, start: int) -> StreamHead | None:
        """Return the last of the loose appends of a stream from a number on, in O(log n) look-ups."""
        if not self._has(stream, start):
            return None
        step = 1
        while self._has(stream, start + step):
            step *= 2
        low, high = start + step // 2, start + step
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self._has(stream, middle) else (low, middle)
        footer = loose.read_footer(self._medium, loose.file_name(stream, low))
        return StreamHead(footer.number, footer.digest, footer.next_seq)

    def _has(self, stream: str, number: int) -> bool:
        return self._medium.exists(loose.file_name(stream, number))

    def _changes(self, view: ParquetView, cursor: Cursor) -> tuple[pa.Table, Cursor]:
        """Return what a view has and a cursor has not."""
        new = [name for name in view.recent if name not in cursor.recent]
        tables = [SCHEMA.empty_table(), scan.scan(self._medium, new)]
        if view.record.size > cursor.compacted:
            tables.append(self._compacted_since(view, cursor))
        events = select(pa.concat_tables(tables), EVERYTHING)
        return events, view.cursor

    def _compacted_since(self, view: ParquetView, cursor: Cursor) -> pa.Table:
        """Return the events that were appended and compacted since a cursor last looked."""
        index = LeafIndex(self._medium, view.record, checkpoints.newest(self._medium, self.origin))
        try:
            parts = [found.part(cursor.compacted, view.record.size) for found in index.compacted(cursor.compacted)]
        except FileNotFoundError as error:
            raise VanishedError(str(error)) from error
        missed = {
            (row["stream"], row["batch"])
            for part in parts
            for row in part.select(["stream", "batch"]).to_pylist()
            if loose.file_name(row["stream"], row["batch"]) not in cursor.recent
        }
        if not missed:
            return SCHEMA.empty_table()
        events = view.read(EventQuery(streams=tuple(sorted({stream for stream, _ in missed}))), "compacted")
        pairs = zip(events.column("stream").to_pylist(), events.column("batch").to_pylist(), strict=True)
        return events.filter(pa.array([pair in missed for pair in pairs], pa.bool_()))

    def _stats(self, view: ParquetView) -> LedgerStats:
        """Return how large what a view sees is."""
        record = view.record
        names = [*(segment.name for segment in record.segments), *view.recent]
        stored_bytes = sum(segment.stored_bytes for segment in record.segments)
        others = [*(file.name for file in record.leaves), *view.recent]
        try:
            stored_bytes += sum(self._medium.size_bytes(name) for name in others)
        except FileNotFoundError as error:
            raise VanishedError(str(error)) from error
        if not names:
            return LedgerStats(self.uri, 0, 0, 0, stored_bytes)
        kinds = scan.counted(self._medium, names)
        return LedgerStats(
            uri=self.uri,
            events=pc.sum(kinds.column("events")).as_py() or 0,
            batches=record.size + len(view.recent),
            streams=kinds.column("streams")[0].as_py() if kinds.num_rows else 0,
            stored_bytes=stored_bytes,
            events_by_kind={row["kind"]: row["events"] for row in kinds.select(["kind", "events"]).to_pylist()},
            first_ts=pc.min(kinds.column("first_ts")).as_py(),
            last_ts=pc.max(kinds.column("last_ts")).as_py(),
        )


def _now_s() -> float:
    """Return a clock that goes on while the machine sleeps, so that what is remembered ages in its sleep too."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.time()


def _is_recent(batch: EventBatch) -> bool:
    """Return whether a batch was frozen so shortly ago that nothing it relies on can have been removed."""
    frozen: datetime = batch.rows.column("ts")[0].as_py()
    return abs((datetime.now(UTC) - frozen).total_seconds()) < _TRUSTED_S


def _origin(medium: Medium, text: str) -> str:
    """Return the name of the ledger from the text of its first file.

    Raises:
        IntegrityError: The ledger is of a format this release does not read, or this is no ledger.
    """
    where = medium.where(verify.FORMAT_FILE)
    first, _, rest = text.partition("\n")
    words = first.split()
    if len(words) != 2 or words[0] != _FORMAT_WORD or not words[1].isdigit():  # noqa: PLR2004 - word and version
        message = f"{where} does not say `{_FORMAT_WORD} {FORMAT_VERSION}`; this directory is no ledger"
        raise IntegrityError(message)
    if int(words[1]) > FORMAT_VERSION:
        message = f"{medium.uri} has ledger format {words[1]}, this release reads up to {FORMAT_VERSION}; upgrade"
        raise IntegrityError(message)
    origin = rest.partition("\n")[0]
    if (int(words[1]) == FORMAT_VERSION and text != f"{_FORMAT_WORD} {FORMAT_VERSION}\n{origin}\n") or not origin:
        message = f"{where} is damaged (it is not what this ledger writes); restore it from a backup"
        raise IntegrityError(message)
    return origin
