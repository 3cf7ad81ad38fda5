"""Compaction: sealed loose files become sorted segments, in one step for every reader.

Rules:
- Only sealed appends are compacted, and each is checked against its seal before and after it is written.
- Segments and leaf index are durable before the record that names them; the record is put if absent, and who comes
  second removes what it wrote. Every file has one writer, so nobody removes what another relies on.
- Loose files that were replaced are removed only when a grace period has passed since, so that readers and writers that
  began before find what they know. A reader that comes too late all the same reads again.
- What nothing refers to any more is swept after the record is out: whoever still works on such files loses the number.
"""

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby, pairwise
from operator import attrgetter
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from ledger.errors import IntegrityError, StoreError, VanishedError
from ledger.events.merkle import Frontier
from ledger.store import checkpoints, leaves, loose, records, segments
from ledger.store.index import LeafIndex, sealed_map
from ledger.store.leaves import LeafFile
from ledger.store.medium import Medium
from ledger.store.protocol import Compaction
from ledger.store.records import Record, Segment
from ledger.store.scan import scan
from ledger.store.seal import AWAKE_S, seal

GRACE_S: Final = 24 * 3600.0
"""How long replaced files stay by default."""

_TRIES: Final = 20
_FILES_AT_A_TIME: Final = 20_000
_SMALL_MONTH: Final = 32
"""Segments a month may have before the small ones among them are merged, although the month is not over."""


def compact(
    medium: Medium, origin: str, *, grace_s: float = GRACE_S, progress: Callable[[str], None] | None = None
) -> Compaction:
    """Seal, then move what is sealed into segments, then remove what was replaced long enough ago.

    Args:
        medium: The ledger.
        origin: Its name in checkpoints.
        grace_s: Seconds that replaced files stay.
        progress: Gets a line for each segment.

    Raises:
        IntegrityError: An append is not what was sealed; nothing was replaced.
        StoreError: The medium refused, or others compacted all the time.
    """
    for _ in range(_TRIES):
        seal(medium, origin)
        try:
            done = _compact_once(medium, origin, grace_s, progress or _silent)
        except FileNotFoundError:
            continue  # Another sealer or compactor replaced what was being read.
        if done is not None:
            return done
    message = f"others compacted the ledger at {medium.uri} {_TRIES} times meanwhile; compact it again"
    raise StoreError(message)


@dataclass(slots=True)
class _Work:
    """A compaction that is under way.

    Attributes:
        medium: The ledger.
        index: What is compacted and sealed.
        progress: Gets a line for each segment.
        own: Files this call wrote, which nobody else can know before the record is out.
    """

    medium: Medium
    index: LeafIndex
    progress: Callable[[str], None]
    own: list[str] = field(default_factory=list)


def _compact_once(medium: Medium, origin: str, grace_s: float, progress: Callable[[str], None]) -> Compaction | None:
    """Try to compact; return ``None`` where another compactor was first."""
    began = time.monotonic()
    record = records.newest(medium)
    index = LeafIndex(medium, record, checkpoints.newest(medium, origin))
    work = _Work(medium, index, progress)
    todo, frontier = index.open_leaves()
    try:
        written = [segment for part in _parts(todo) for segment in _segments_of(work, part)]
        segmented = _merged(work, [*record.segments, *written])
        if todo.num_rows or segmented != record.segments:
            files = _with_leaves(work, todo, frontier) if todo.num_rows else record.leaves
            proposed = Record(
                number=record.number + 1,
                checkpoint=index.sealed.number,
                size=index.sealed.checkpoint.size,
                root=index.sealed.checkpoint.root,
                removed=_removed_below(work, grace_s),
                leaves=files,
                segments=segmented,
                written=datetime.now(UTC),
            )
        else:
            proposed = record
    except BaseException:
        with contextlib.suppress(StoreError):
            medium.remove(work.own)
        raise
    if proposed is not record and not _published(work, proposed, began):
        return None
    removed = _sweep(medium, LeafIndex(medium, proposed, index.sealed), grace_s)
    return Compaction(proposed.number, todo.num_rows, len(written), removed)


def _published(work: _Work, record: Record, began: float) -> bool:
    """Publish a record and return whether it holds now; otherwise remove what only it would have named.

    An error leaves everything as it is, since the record may be out all the same.
    """
    data = record.encode()
    late = time.monotonic() - began > AWAKE_S
    # The content tells whose record has the number: a put that is repeated after a lost answer meets its own.
    won = not late and (work.medium.put_if_absent(record.name, data) or work.medium.read(record.name) == data)
    kept = record.files if won else frozenset()
    work.medium.remove(name for name in work.own if name not in kept)
    return won


def _silent(line: str) -> None:
    del line


def _parts(todo: pa.Table) -> Iterator[pa.Table]:
    """Yield the leaves in parts whose events fit into memory."""
    start = rows = 0
    for position, count in enumerate(todo.column("rows").to_pylist()):
        if position > start and (rows + count > segments.ROWS or position - start >= _FILES_AT_A_TIME):
            yield todo.slice(start, position - start)
            start, rows = position, 0
        rows += count
    if todo.num_rows > start:
        yield todo.slice(start)


def _segments_of(work: _Work, part: pa.Table) -> Iterator[Segment]:
    """Write the segments of some leaves, one a month."""
    events = _scanned(work, leaves.loose_names(part))
    if events.num_rows != pc.sum(part.column("rows")).as_py():
        message = f"loose files of {work.medium.uri} do not hold what was sealed; see `dagster-ledger ledger verify`"
        raise IntegrityError(message)
    yield from (_written(work, month, table) for month, table in segments.by_month(events).items())


def _scanned(work: _Work, names: list[str]) -> pa.Table:
    """Return the events of files that must be there.

    Raises:
        FileNotFoundError: Another compactor replaced them meanwhile.
        IntegrityError: One of them is missing, and nobody replaced it.
    """
    try:
        return scan(work.medium, names)
    except VanishedError as error:
        if records.newest(work.medium).number != work.index.record.number:
            raise FileNotFoundError(names[0]) from error
        message = f"{error}; it was sealed, so it must be there: restore it from a backup"
        raise IntegrityError(message) from error


def _written(work: _Work, month: str, events: pa.Table) -> Segment:
    """Write one segment."""
    sealed = sealed_map(work.index.find(pc.unique(events.column("stream")).to_pylist()))
    data = segments.encode(events)
    name = segments.new_name(month, data)
    work.own.append(name)
    segment = segments.write(work.medium, name, data, sealed)
    work.progress(f"{segment.rows:,} events of {month} in {segment.stored_bytes:,} bytes")
    return segment


def _merged(work: _Work, present: Sequence[Segment]) -> tuple[Segment, ...]:
    """Return the segments with the small ones of past months merged, by month and time."""
    found: list[Segment] = []
    ordered = sorted(present, key=_place)
    newest = ordered[-1].month if ordered else ""
    for month, group in groupby(ordered, key=attrgetter("month")):
        members = list(group)
        if month == newest and len(members) <= _SMALL_MONTH:
            found.extend(members)
            continue
        for pack in _packs(members):
            if len(pack) == 1:
                found.extend(pack)
            else:
                found.append(_written(work, month, _scanned(work, [segment.name for segment in pack])))
    return tuple(sorted(found, key=_place))


def _packs(members: Sequence[Segment]) -> Iterator[list[Segment]]:
    """Yield segments that are to become one; a pack of one stays as it is."""
    pack: list[Segment] = []
    for segment in members:
        if segment.rows > segments.ROWS // 2:
            yield [segment]
        elif sum(member.rows for member in pack) + segment.rows > segments.ROWS:
            yield pack
            pack = [segment]
        else:
            pack.append(segment)
    if pack:
        yield pack


def _place(segment: Segment) -> tuple[str, int, int, str]:
    return segment.month, segment.first_ts, segment.first_leaf, segment.name


def _with_leaves(work: _Work, todo: pa.Table, frontier: Frontier) -> tuple[LeafFile, ...]:
    """Write the leaf index of a record; files are merged, so that there are about as many as the size has digits."""
    files, first_leaf, table = list(work.index.record.leaves), work.index.record.size, todo
    while files and files[-1].rows <= len(table) and files[-1].rows + len(table) <= segments.ROWS:
        last = work.index.leaves_of(files.pop())
        first_leaf, table = last.file.first_leaf, pa.concat_tables([last.table, table])
    new = leaves.write(work.medium, "compacted", table, first_leaf, frontier)
    work.own.append(new.name)
    return (*files, new)


def _aged_size(medium: Medium, grace_s: float) -> int:
    """Return how many leaves the newest record covers that is older than the grace period."""
    for number in reversed(records.numbers(medium)):
        if _age_s(medium, number) >= grace_s:
            return records.read(medium, number).size
    return 0


def _age_s(medium: Medium, number: int) -> float:
    """Return the age of a record, never negative: clocks that disagree by a little must not stop a sweep for good."""
    return max(medium.age_s(records.name(number)), 0.0)


def _replaced(medium: Medium, index: LeafIndex, size: int) -> list[str]:
    """Return the loose files of compacted leaves below ``size`` that are still there."""
    first = index.record.removed
    if size <= first:
        return []
    names = {name for found in index.compacted(first) for name in leaves.loose_names(found.part(first, size))}
    return [name for name in loose.listed(medium) if name in names]


def _removed_below(work: _Work, grace_s: float) -> int:
    """Return below which leaf no loose file is left."""
    size = min(_aged_size(work.medium, grace_s), work.index.record.size)
    removed = work.index.record.removed
    return size if size > removed and not _replaced(work.medium, work.index, size) else removed


def _sweep(medium: Medium, index: LeafIndex, grace_s: float) -> int:
    """Remove what was replaced longer ago than the grace period; return how many files."""
    record = index.record
    replaced = _replaced(medium, index, min(_aged_size(medium, grace_s), record.size))
    if replaced:
        missing = [segment.name for segment in record.segments if not medium.exists(segment.name)]
        if missing:
            message = f"{medium.where(missing[0])} is missing; nothing was removed, restore it from a backup"
            raise IntegrityError(message)
    unneeded = [*replaced, *_unreferenced(medium, index, grace_s)]
    medium.remove(unneeded)
    medium.sweep()
    return len(unneeded)


def _unreferenced(medium: Medium, index: LeafIndex, grace_s: float) -> list[str]:
    """Return segments, leaf files and records that nothing needs any more."""
    numbers = records.numbers(medium)
    known = {number: records.read(medium, number) for number in numbers}
    ages = {number: _age_s(medium, number) for number in numbers}
    superseded = {number: ages[later] >= grace_s for number, later in pairwise(numbers)}
    alive = {name for number, found in known.items() if not superseded.get(number, False) for name in found.files}
    once = {name for found in known.values() for name in found.files}
    newest = index.sealed.checkpoint
    candidates = [name for name in medium.names(segments.DIRECTORY, recursive=True) if segments.is_name(name)]
    candidates += [
        file.name
        for file in leaves.listed(medium)
        if file.size <= newest.size and (file.size, file.root) != (newest.size, newest.root[:16])
    ]
    candidates = [name for name in candidates if name not in alive]
    gone = [name for name in candidates if name in once or medium.age_s(name) >= max(grace_s, AWAKE_S)]
    spare = [
        number
        for number in numbers[: -records.KEPT]
        if any(ages[later] >= grace_s for later in numbers if later > number)
    ]
    return gone + [records.name(number) for number in spare]
