"""Sealing: loose appends become leaves of the tree, and a checkpoint says so.

Rules:
- Any process may seal at any time, off the append path. The leaf file is durable before the checkpoint that needs it;
  the checkpoint is put if absent, and who comes second reads again.
- An append is sealed only with the digest its rows give, and only after the one before it in its stream.
- A sealer that slept between its two writes gives up, since what it knows may have been swept.
"""

import contextlib
import time
from dataclasses import dataclass
from typing import Final

import pyarrow as pa

from ledger.errors import IntegrityError, LedgerError, StoreError
from ledger.events.checkpoint import Checkpoint
from ledger.events.digest_bulk import batch_digests
from ledger.store import checkpoints, leaves, loose, records
from ledger.store.index import LeafIndex, sealed_map
from ledger.store.medium import Medium
from ledger.store.protocol import Problem, Sealed
from ledger.store.scan import scan

_TRIES: Final = 50
AWAKE_S: Final = 3600.0
"""Nothing is swept that is younger; whoever took longer between two writes starts again."""


@dataclass(frozen=True, slots=True)
class _New:
    """Loose appends that are not sealed yet."""

    leaves: pa.Table
    redundant: tuple[str, ...]
    problems: tuple[Problem, ...]


def seal(medium: Medium, origin: str) -> Sealed:
    """Seal every loose append that is not sealed yet.

    Args:
        medium: The ledger.
        origin: Its name in checkpoints.

    Raises:
        IntegrityError: The index or a checkpoint is damaged.
        StoreError: The medium refused, or others sealed all the time.
    """
    for _ in range(_TRIES):
        try:
            done = _seal_once(medium, origin)
        except FileNotFoundError:
            continue  # Another sealer or compactor replaced what was being read.
        if done is not None:
            return done
    message = f"others sealed the ledger at {medium.uri} {_TRIES} times meanwhile; seal it again"
    raise StoreError(message)


def _seal_once(medium: Medium, origin: str) -> Sealed | None:
    """Try to seal; return ``None`` where another sealer was first."""
    began = time.monotonic()
    record = records.newest(medium)
    newest = checkpoints.newest(medium, origin)
    index = LeafIndex(medium, record, newest)
    before, frontier = index.open_leaves()
    known = index.covered_names() | frozenset(leaves.loose_names(before))
    fresh = [name for name in loose.listed(medium) if name not in known]
    new = _examined(medium, fresh, index)
    with contextlib.suppress(StoreError):  # A role that may not delete may still seal.
        medium.remove(new.redundant)
    if new.leaves.num_rows == 0:
        return Sealed(newest.number, newest.checkpoint, 0, new.problems)
    table = pa.concat_tables([before, new.leaves])
    grown = frontier.extended(leaves.digests(new.leaves))
    own = leaves.write(medium, "sealed", table, record.size, grown)
    checkpoint = Checkpoint(origin, grown.size, grown.root.hex())
    late = time.monotonic() - began > AWAKE_S
    if late or not checkpoints.put(medium, checkpoints.Numbered(newest.number + 1, checkpoint)):
        medium.remove([own.name])
        return None
    with contextlib.suppress(StoreError):  # The checkpoint is out; what is left over is swept another time.
        _remove_superseded(medium, newest.checkpoint)
    return Sealed(newest.number + 1, checkpoint, new.leaves.num_rows, new.problems)


def _remove_superseded(medium: Medium, before: Checkpoint) -> None:
    """Remove the files that sealers wrote for the checkpoint before; those of compactors have names of their own."""
    found = leaves.listed(medium)
    old = [
        file for file in found if file.kind == "sealed" and (file.size, file.root) == (before.size, before.root[:16])
    ]
    medium.remove(file.name for file in old)


def _examined(medium: Medium, names: list[str], index: LeafIndex) -> _New:
    """Return which loose files can be sealed: whole, unaltered, and the next of their stream."""
    footers, problems = _footers(medium, names)
    known = index.find({footer.stream for footer in footers.values()}) if footers else leaves.SCHEMA.empty_table()
    sealed = sealed_map(known) if footers else {}
    digests = _digests(medium, list(footers), problems)
    chain: dict[tuple[str, int], str] = {place: digest for place, (_, digest) in sealed.items()}
    rows: list[dict[str, object]] = []
    redundant: list[str] = []
    for name, footer in sorted(footers.items(), key=lambda entry: (entry[1].stream, entry[1].number)):
        if name not in digests:
            continue
        stated = _stated(name, footer, digests[name], chain, sealed)
        if stated is not None:
            problems.append(Problem(medium.where(name), stated))
        elif (footer.stream, footer.number) in sealed:
            redundant.append(name)
        else:
            chain[footer.stream, footer.number] = footer.digest
            count = digests[name][1]
            rows.append(
                {
                    "stream": footer.stream,
                    "batch": footer.number,
                    "first_seq": footer.next_seq - count,
                    "rows": count,
                    "digest": bytes.fromhex(footer.digest),
                }
            )
    return _New(pa.Table.from_pylist(rows, schema=leaves.SCHEMA), tuple(redundant), tuple(problems))


def _stated(
    name: str,
    footer: loose.Footer,
    digest: tuple[str, int],
    chain: dict[tuple[str, int], str],
    sealed: dict[tuple[str, int], tuple[int, str]],
) -> str | None:
    """Return why an append cannot be sealed, ``None`` when it can."""
    append = f"append {footer.number} of stream {footer.stream!r}"
    if name != loose.file_name(footer.stream, footer.number):
        return f"its footer says {append}"
    if digest[0] != footer.digest:
        return f"the rows of {append} do not have its digest"
    there = sealed.get((footer.stream, footer.number))
    if there is not None:
        return None if there[1] == footer.digest else f"{append} was sealed with other content"
    before = chain.get((footer.stream, footer.number - 1))
    if footer.number and before is None:
        return f"append {footer.number - 1} of stream {footer.stream!r}, which comes before it, is missing"
    return None if before == footer.previous_digest else f"{append} does not follow the append before it"


def _footers(medium: Medium, names: list[str]) -> tuple[dict[str, loose.Footer], list[Problem]]:
    """Return what each loose file says about itself, and what is wrong with those that cannot say it."""
    found: dict[str, loose.Footer] = {}
    problems: list[Problem] = []
    with contextlib.suppress(FileNotFoundError):  # One of them was compacted meanwhile: it is met below.
        medium.paths(names)  # All at once, where they have to be brought here.
    for name in names:
        try:
            found[name] = loose.read_footer(medium, name)
        except IntegrityError as error:
            problems.append(Problem(medium.where(name), str(error)))
    return found, problems


def _digests(medium: Medium, names: list[str], problems: list[Problem]) -> dict[str, tuple[str, int]]:
    """Return digest (hex) and number of rows by name, computed from the rows; unreadable files become problems."""
    footers = {name: loose.read_footer(medium, name) for name in names}
    known = {
        (footer.stream, footer.number - 1): footer.previous_digest
        for footer in footers.values()
        if footer.previous_digest is not None
    }
    try:
        tables = [scan(medium, names)] if names else []
    except LedgerError:
        tables = []
        for name in list(names):
            try:
                tables.append(loose.read_whole(medium, name)[1])
            except IntegrityError as error:
                problems.append(Problem(medium.where(name), str(error)))
                del footers[name]
    found: dict[tuple[str, int], str] = {}
    counts: dict[tuple[str, int], int] = {}
    for table in tables:
        found |= batch_digests(table, known)
        grouped = table.group_by(["stream", "batch"], use_threads=False).aggregate([([], "count_all")]).to_pylist()
        counts |= {(row["stream"], row["batch"]): row["count_all"] for row in grouped}
    places = {name: (footer.stream, footer.number) for name, footer in footers.items()}
    return {name: (found.get(place, ""), counts.get(place, 0)) for name, place in places.items()}
