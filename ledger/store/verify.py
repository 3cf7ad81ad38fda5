"""Verification: every byte that matters is read again and held against the tree.

Rules:
- Nothing here trusts a cached copy, a footer or a name: digests are computed from the rows, roots from the digests.
- Files that a killed sealer or compactor left are no problem as long as they hold nothing but what is sealed.
- A problem names the file, and the stream and append where there is one. Every problem is found, not just the first.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import pyarrow as pa

from ledger.errors import IntegrityError
from ledger.events.checkpoint import Checkpoint
from ledger.events.digest_bulk import batch_digests
from ledger.events.merkle import EMPTY_ROOT, Frontier
from ledger.events.schema import SCHEMA
from ledger.store import checkpoints, leaves, loose, records, segments, snapshots
from ledger.store.index import Sealed, sealed_map
from ledger.store.leaves import LeafFile, Leaves
from ledger.store.medium import Medium
from ledger.store.protocol import Problem, Verification
from ledger.store.records import Record

FORMAT_FILE: Final = "FORMAT"
_LOOSE: Final = re.compile(r"loose/([0-9a-f]{32})-(\d{8})\.parquet")
_KNOWN: Final = (
    _LOOSE,
    re.compile(r"checkpoints/\d{8}"),
    re.compile(r"records/\d{8}\.json"),
    re.compile(r"segments/_delta_log/.*"),
)
_LOOSE_AT_A_TIME: Final = 5_000


@dataclass(slots=True)
class _Audit:
    """A verification that is under way.

    Attributes:
        medium: The ledger.
        origin: Its name in checkpoints.
        since: Leaf from which on content is read.
        table: All leaves, in order.
        seen: Which leaves were met in a segment or a loose file.
        hashed: Sealed streams by the hash that names their loose files, made when one is damaged.
    """

    medium: Medium
    origin: str
    since: int
    problems: list[Problem] = field(default_factory=list)
    table: pa.Table = field(default_factory=leaves.SCHEMA.empty_table)
    seen: np.ndarray[tuple[int], np.dtype[np.bool_]] = field(default_factory=lambda: np.zeros(0, dtype=bool))
    batches: int = 0
    events: int = 0
    unsealed: int = 0
    hashed: dict[str, str] | None = None

    def found(self, name: str, what: str) -> None:
        """Take down a problem."""
        self.problems.append(Problem(self.medium.where(name), what))

    def held_by(self, name: str) -> str:
        """Return what a damaged loose file held, as far as the tree knows; its footer is not believed."""
        match = _LOOSE.fullmatch(name)
        if self.hashed is None:
            streams = pa.compute.unique(self.table.column("stream")).to_pylist()
            self.hashed = {loose.stream_hash(stream): stream for stream in streams}
        stream = self.hashed.get(match[1]) if match else None
        return f"; it held append {int(match[2])} of stream {stream!r}" if match and stream else ""

    def sealed_in(self, streams: Iterable[str]) -> dict[tuple[str, int], tuple[int, str]]:
        """Return the leaves of some streams."""
        wanted = pa.array(sorted(set(streams)), pa.string())
        codes = pa.compute.index_in(self.table.column("stream"), wanted).is_valid()
        places = np.flatnonzero(codes.to_numpy())
        part = self.table.take(pa.array(places))
        return sealed_map(part.append_column("leaf", pa.array(places, pa.int64())))


def verify(medium: Medium, origin: str, *, expected: Checkpoint | None = None, since: int = 0) -> Verification:
    """Hold a whole ledger against its tree.

    Args:
        medium: The ledger.
        origin: Its name in checkpoints.
        expected: A checkpoint from elsewhere that the ledger must still contain.
        since: Only read the content of appends from this leaf on; the tree is recomputed whole in any case.
    """
    audit = _Audit(medium, origin, since)
    names = _all_names(medium)
    record = _record(audit)
    newest = _checkpoints_and_leaves(audit, record, names, expected)
    audit.seen = np.zeros(audit.table.num_rows, dtype=bool)
    audit.seen[: min(since, len(audit.seen))] = True
    _segments(audit, record)
    _loose(audit, record, [name for name in names if _LOOSE.fullmatch(name)])
    _missing(audit, record)
    _others(audit, record, names)
    return Verification(newest, audit.batches, audit.events, audit.unsealed, tuple(_once(audit.problems)))


def _all_names(medium: Medium) -> list[str]:
    """Return every file of the ledger but the one that says what it is."""
    directories = (loose.DIRECTORY, leaves.DIRECTORY, checkpoints.DIRECTORY, records.DIRECTORY, segments.DIRECTORY)
    below = [
        name for directory in (*directories, snapshots.DIRECTORY) for name in medium.names(directory, recursive=True)
    ]
    return below + [name for name in medium.names("") if name != FORMAT_FILE]


def _record(audit: _Audit) -> Record:
    """Return the newest record, and look at the others."""
    numbers = records.numbers(audit.medium)
    newest = Record()
    for position, number in enumerate(numbers):
        if position and number != numbers[position - 1] + 1:
            audit.found(records.name(number - 1), "is missing, although records before and after it are there")
        try:
            newest = records.read(audit.medium, number)
        except (IntegrityError, FileNotFoundError) as error:
            audit.found(records.name(number), str(error))
    return newest


def _checkpoints_and_leaves(audit: _Audit, record: Record, names: list[str], expected: Checkpoint | None) -> Checkpoint:
    """Recompute the tree from its leaves, and hold every checkpoint against it; return the newest one."""
    parts, frontier = _compacted_leaves(audit, record)
    told = _checkpoints(audit)
    newest = told[-1].checkpoint if told else Checkpoint(audit.origin)
    if newest.size > frontier.size:
        open_part = _open_leaves(audit, names, newest, frontier)
        parts.append(open_part)
    audit.table = pa.concat_tables([leaves.SCHEMA.empty_table(), *parts]).combine_chunks()
    roots = _roots(
        audit.table,
        {entry.checkpoint.size for entry in told} | {record.size} | ({expected.size} if expected else set()),
    )
    size = audit.table.num_rows
    for entry in told:
        if roots.get(entry.checkpoint.size) != entry.checkpoint.root and entry.checkpoint.size <= size:
            audit.found(checkpoints.name(entry.number), f"the root at {entry.checkpoint.size} appends is another")
    if record.number and roots.get(record.size) != record.root:
        audit.found(record.name, f"the root at {record.size} appends is another")
    if record.number and record.size > newest.size:
        audit.found(record.name, f"it stands for {record.size} appends, the newest checkpoint for {newest.size}")
    if expected is not None:
        _expected(audit, expected, newest, roots)
    return newest


def _expected(audit: _Audit, expected: Checkpoint, newest: Checkpoint, roots: dict[int, str]) -> None:
    """Hold a checkpoint from elsewhere against the tree."""
    if expected.origin != audit.origin:
        audit.found("checkpoints", f"the checkpoint given is of {expected.origin!r}, this ledger is {audit.origin!r}")
    elif expected.size > newest.size:
        what = (
            f"the newest one has {newest.size} appends, the one given {expected.size}: what came after was taken away"
        )
        audit.found("checkpoints", what)
    elif roots.get(expected.size) != expected.root:
        audit.found(
            "checkpoints", f"the ledger does not contain the checkpoint given: its root at {expected.size} is another"
        )


def _roots(table: pa.Table, sizes: set[int]) -> dict[int, str]:
    """Return the root (hex) of the tree of the first leaves, for each of these sizes that there is."""
    hashes = leaves.digests(table)
    frontier, found = Frontier(), {0: EMPTY_ROOT.hex()}
    for size in sorted(sizes):
        if frontier.size < size <= len(hashes):
            frontier = frontier.extended(hashes[frontier.size : size])
            found[size] = frontier.root.hex()
    return found


def _compacted_leaves(audit: _Audit, record: Record) -> tuple[list[pa.Table], Frontier]:
    """Return the leaves the record names, and their tree, computed here."""
    parts: list[pa.Table] = []
    frontier = Frontier()
    for file in record.leaves:
        found = _leaves(audit, file)
        if found is None:
            continue
        if file.first_leaf != frontier.size:
            audit.found(file.name, f"it begins at append {file.first_leaf}, but those before it end at {frontier.size}")
            continue
        parts.append(found.table)
        frontier = frontier.extended(leaves.digests(found.table))
        if frontier.hashes != found.frontier.hashes:
            audit.found(file.name, "the tree at its end is not the one of its leaves")
    return parts, frontier


def _leaves(audit: _Audit, file: LeafFile) -> Leaves | None:
    try:
        return leaves.read(audit.medium, file, fresh=True)
    except IntegrityError as error:
        audit.found(file.name, str(error))
    except FileNotFoundError:
        audit.found(file.name, "this file of the leaf index is missing")
    return None


def _checkpoints(audit: _Audit) -> list[checkpoints.Numbered]:
    """Return the checkpoints that can be read, ascending."""
    told: list[checkpoints.Numbered] = []
    expected = 1
    for number in checkpoints.numbers(audit.medium):
        if number > expected:  # One problem for a gap of any size: a stray number must not make millions.
            last = f", and all up to {checkpoints.name(number - 1)}" if number - 1 > expected else ""
            audit.found(checkpoints.name(expected), f"this checkpoint is missing{last}; the next is {number:08d}")
        expected = number + 1
        try:
            entry = checkpoints.read(audit.medium, number, audit.origin)
        except IntegrityError as error:
            audit.found(checkpoints.name(number), str(error))
            continue
        if told and entry.checkpoint.size <= told[-1].checkpoint.size:
            audit.found(checkpoints.name(number), "it has no more appends than the checkpoint before it")
            continue
        told.append(entry)
    return told


def _open_leaves(audit: _Audit, names: list[str], newest: Checkpoint, frontier: Frontier) -> pa.Table:
    """Return the leaves between the compacted ones and the newest checkpoint."""
    files = [LeafFile.parse(name) for name in names if name.startswith(f"{leaves.DIRECTORY}/sealed-")]
    for file in files:
        if file is None or (file.size, file.root) != (newest.size, newest.root[:16]) or file.first_leaf > frontier.size:
            continue
        found = _leaves(audit, file)
        if found is not None:
            return found.part(frontier.size, newest.size)
    audit.found(
        leaves.DIRECTORY, f"the leaves up to append {newest.size}, which the newest checkpoint needs, are missing"
    )
    return leaves.SCHEMA.empty_table()


def _segments(audit: _Audit, record: Record) -> None:
    """Read every segment and hold it against the leaves and the record."""
    for segment in record.segments:
        if segment.last_leaf < audit.since:
            continue
        try:
            events = _segment_events(audit, segment.name)
        except IntegrityError as error:
            audit.found(segment.name, str(error))
            continue
        except FileNotFoundError:
            audit.found(segment.name, "this segment is missing")
            continue
        sealed = audit.sealed_in(pa.compute.unique(events.column("stream")).to_pylist())
        for place in _held(audit, segment.name, events, sealed):
            leaf = sealed[place][0]
            if audit.seen[leaf] and leaf >= audit.since:
                audit.found(segment.name, f"append {place[1]} of stream {place[0]!r} is in another segment as well")
            audit.seen[leaf] = True
        actual = segments.facts(segment.name, events, sealed, segment.stored_bytes)
        if actual != segment:
            audit.found(record.name, f"what it says of {audit.medium.where(segment.name)} is not what is in it")


def _segment_events(audit: _Audit, name: str) -> pa.Table:
    """Return the events of a segment whose bytes have the digest its name says."""
    return segments.read(audit.medium, name)[0]


def _held(audit: _Audit, name: str, events: pa.Table, sealed: Sealed) -> list[tuple[str, int]]:
    """Return the appends in a file that are what was sealed; the others become problems."""
    digests = batch_digests(events, {place: digest for place, (_, digest) in sealed.items()})
    audit.batches += len(digests)
    audit.events += events.num_rows
    right = []
    for (stream, number), digest in digests.items():
        entry = sealed.get((stream, number))
        if entry is None:
            audit.found(name, f"append {number} of stream {stream!r} was never sealed")
        elif entry[1] != digest:
            audit.found(name, f"append {number} of stream {stream!r} is not what was sealed")
            audit.seen[entry[0]] = True  # It is there, altered; that it is missing need not be said as well.
        else:
            right.append((stream, number))
    return right


def _loose(audit: _Audit, record: Record, names: list[str]) -> None:
    """Read every loose file: what is sealed must be so, what is not must continue its stream."""
    for start in range(0, len(names), _LOOSE_AT_A_TIME):
        _loose_part(audit, record, names[start : start + _LOOSE_AT_A_TIME], frozenset(names))


def _loose_part(audit: _Audit, record: Record, names: list[str], present: frozenset[str]) -> None:
    footers: dict[str, loose.Footer] = {}
    tables: list[pa.Table] = []
    fresh = not _brought(audit.medium, names)
    for name in names:
        try:
            footer, rows = loose.read_whole(audit.medium, name, fresh=fresh)
        except IntegrityError as error:
            audit.found(name, f"{error}{audit.held_by(name)}")
            continue
        except FileNotFoundError:
            continue  # Compacted and removed meanwhile.
        own = loose.file_name(footer.stream, footer.number)
        if name != own:
            audit.found(name, f"its footer says append {footer.number} of stream {footer.stream!r}")
            continue
        streams = set(rows.column("stream").to_pylist()) | set(map(str, rows.column("batch").to_pylist()))
        if streams != {footer.stream, str(footer.number)}:
            audit.found(name, f"it holds rows of other appends than {footer.number} of stream {footer.stream!r}")
            continue
        footers[name] = footer
        tables.append(rows)
    events = pa.concat_tables([SCHEMA.empty_table(), *tables])
    sealed = audit.sealed_in({footer.stream for footer in footers.values()})
    known = {(footer.stream, footer.number): footer.digest for footer in footers.values()}
    known |= {
        (footer.stream, footer.number - 1): footer.previous_digest
        for footer in footers.values()
        if footer.previous_digest
    }
    known |= {place: digest for place, (_, digest) in sealed.items()}
    digests = batch_digests(events, known)
    audit.events += events.num_rows
    for name, footer in footers.items():
        _judge_loose(audit, record, name, footer, digests, sealed, present)


def _brought(medium: Medium, names: list[str]) -> bool:
    """Bring files here all at once; return whether that could be done: one of them may just have been replaced."""
    try:
        medium.paths(names, fresh=True)
    except FileNotFoundError:
        return False
    return True


def _judge_loose(
    audit: _Audit,
    record: Record,
    name: str,
    footer: loose.Footer,
    digests: dict[tuple[str, int], str],
    sealed: Sealed,
    present: frozenset[str],
) -> None:
    """Say what is wrong with one loose file."""
    place = (footer.stream, footer.number)
    append = f"append {footer.number} of stream {footer.stream!r}"
    audit.batches += 1
    entry = sealed.get(place)
    if entry is None:
        audit.unsealed += 1
        before = sealed.get((footer.stream, footer.number - 1))
        if digests.get(place) != footer.digest:
            audit.found(name, f"the rows of {append} do not have its digest")
        elif footer.number and before is None and loose.file_name(footer.stream, footer.number - 1) not in present:
            audit.found(
                name, f"append {footer.number - 1} of stream {footer.stream!r}, which comes before it, is missing"
            )
        elif before is not None and before[1] != footer.previous_digest:
            audit.found(name, f"{append} does not follow the append before it")
        return
    if digests.get(place) != entry[1] or footer.digest != entry[1]:
        audit.found(name, f"{append} is not what was sealed")
    elif entry[0] < record.removed:
        audit.found(name, f"{append} is in a segment, and its loose file was removed before: it is there twice")
    if entry[0] >= record.size:
        audit.seen[entry[0]] = True


def _missing(audit: _Audit, record: Record) -> None:
    """Name every leaf whose content was found nowhere."""
    for leaf in np.flatnonzero(~audit.seen).tolist():
        row = audit.table.slice(leaf, 1).to_pylist()[0]
        own = loose.file_name(row["stream"], row["batch"])
        name = own if leaf >= record.size else segments.DIRECTORY
        if any(problem.where == audit.medium.where(name) for problem in audit.problems if name == own):
            continue  # It is there, damaged.
        audit.found(name, f"append {row['batch']} of stream {row['stream']!r} was sealed and is missing")


def _others(audit: _Audit, record: Record, names: list[str]) -> None:
    """Look at files that nothing refers to: they must be what a killed process may leave."""
    newest = {problem.where for problem in audit.problems}
    for name in names:
        if name in record.files or any(pattern.fullmatch(name) for pattern in _KNOWN):
            continue
        if audit.medium.where(name) in newest:
            continue
        if segments.is_name(name):
            _spare_segment(audit, name)
        elif (file := LeafFile.parse(name)) is not None:
            _spare_leaves(audit, file)
        elif not snapshots.is_whole(audit.medium, name):
            audit.found(name, "it is no file of this ledger, or it is damaged")


def _spare_segment(audit: _Audit, name: str) -> None:
    try:
        events = _segment_events(audit, name)
    except IntegrityError as error:
        audit.found(name, str(error))
        return
    except FileNotFoundError:
        return
    counted = audit.batches, audit.events
    _held(audit, name, events, audit.sealed_in(pa.compute.unique(events.column("stream")).to_pylist()))
    audit.batches, audit.events = counted


def _spare_leaves(audit: _Audit, file: LeafFile) -> None:
    """Look at a leaf file that is not part of the index: a killed sealer's, or one that was replaced."""
    found = _leaves(audit, file)
    if found is None or file.first_leaf > audit.table.num_rows:
        return
    before = leaves.digests(audit.table.slice(0, file.first_leaf))
    if Frontier().extended(before).extended(leaves.digests(found.table)).hashes != found.frontier.hashes:
        audit.found(file.name, "its leaves do not follow those before it")


def _once(problems: list[Problem]) -> list[Problem]:
    return list(dict.fromkeys(problems))
