"""Ways to alter a ledger behind its back, each seeded.

Rules:
- What is altered is sealed, and its checkpoint is known outside: that is what the promise is about.
- A tampering tells which file must be named, and the stream where the file is of one append.
- Left out is what no one can tell from an honest ledger and what changes no answer: taking away a cache, or a file that
  was replaced and waits for its grace period to end.
"""

import dataclasses
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from ledger.events.batch import EventBatch
from ledger.events.checkpoint import Checkpoint
from ledger.events.digest_bulk import batch_digests
from ledger.events.merkle import Frontier
from ledger.events.schema import SCHEMA
from ledger.service.reading.standing import standing
from ledger.store import checkpoints, leaves, loose, records, segments
from ledger.store.directory import DirectoryMedium
from ledger.store.parquet import ParquetStore
from tests.recorded import attempt, closed, opened


@dataclass(frozen=True, slots=True)
class Base:
    """A ledger that is not altered.

    Attributes:
        place: Where it lies.
        checkpoint: What is known of it outside.
        files: All its files.
        needed: Those whose loss changes an answer.
        streams: The stream of each loose file.
    """

    place: Path
    checkpoint: Checkpoint
    files: tuple[str, ...]
    needed: tuple[str, ...]
    streams: dict[str, str]


@dataclass(frozen=True, slots=True)
class Tampering:
    """What was done.

    Attributes:
        what: In words.
        names: Files, one of which has to be named.
        stream: The stream that has to be named, ``None`` where the file is of no single one.
    """

    what: str
    names: tuple[str, ...]
    stream: str | None = None


def made(place: Path) -> Base:
    """Make a ledger with segments of three months, loose files, several records and checkpoints, and a snapshot."""
    store = ParquetStore.create(DirectoryMedium(place))
    for number in range(14):
        _run(store, number)
        if number in {4, 7}:
            store.compact(grace_s=0.0)
            standing(store.view())
    store.compact(grace_s=3600.0)  # What it replaced is still there.
    for number in range(14, 18):
        _run(store, number)
    store.seal()
    medium = DirectoryMedium(place)
    files = tuple(path.relative_to(place).as_posix() for path in sorted(place.rglob("*")) if path.is_file())
    record = records.newest(medium)
    index = leaves.listed(medium)
    open_part = [file.name for file in index if file.kind == "sealed"]
    compacted = {name for file in record.leaves for name in leaves.loose_names(leaves.read(medium, file).table)}
    alone = [name for name in files if name.startswith("loose/") and name not in compacted]
    needed = (*record.files, *open_part, *alone, "FORMAT", *(checkpoints.name(n) for n in checkpoints.numbers(medium)))
    streams = {name: loose.read_footer(medium, name).stream for name in files if name.startswith("loose/")}
    return Base(place, store.checkpoint(), files, needed, streams)


def _run(store: ParquetStore, number: int) -> None:
    minute = number * timedelta(days=5) / timedelta(minutes=1)
    began = opened(store, f"run-{number}", ("a", "b"), minute=minute)
    for asset in ("a", "b"):
        attempt(store, f"run-{number}", asset, "success", minute=minute + 1, value=number + 0.5)
    closed(store, f"run-{number}", "success", began, minute=minute + 2)


def _flip(base: Base, place: Path, seeded: random.Random) -> Tampering:
    name = seeded.choice(base.files)
    data = bytearray((place / name).read_bytes())
    position = seeded.randrange(len(data))
    data[position] ^= 1 << seeded.randrange(8)
    (place / name).write_bytes(data)
    return Tampering(f"a bit of {name} flipped, in byte {position}", (name,), base.streams.get(name))


def _truncate(base: Base, place: Path, seeded: random.Random) -> Tampering:
    name = seeded.choice(base.files)
    data = (place / name).read_bytes()
    size = seeded.randrange(len(data))
    (place / name).write_bytes(data[:size])
    return Tampering(f"{name} cut to {size} bytes", (name,), base.streams.get(name))


def _extend(base: Base, place: Path, seeded: random.Random) -> Tampering:
    name = seeded.choice(base.files)
    (place / name).write_bytes((place / name).read_bytes() + seeded.randbytes(seeded.randrange(1, 40)))
    return Tampering(f"bytes added to {name}", (name,), base.streams.get(name))


def _delete(base: Base, place: Path, seeded: random.Random) -> Tampering:
    name = seeded.choice(base.needed)
    (place / name).unlink()
    return Tampering(f"{name} deleted", (name, str(Path(name).parent)), base.streams.get(name))


def _swap(base: Base, place: Path, seeded: random.Random) -> Tampering:
    kinds = [name for name in base.files if name.startswith(seeded.choice(("loose/", "segments/", "checkpoints/")))]
    one, other = seeded.sample(kinds, 2)
    data = (place / one).read_bytes()
    (place / one).write_bytes((place / other).read_bytes())
    (place / other).write_bytes(data)
    # Where the checkpoint that sealed an append is destroyed with it, nothing is left that knows its stream.
    known = not other.startswith("checkpoints/")
    return Tampering(f"{one} and {other} swapped", (one, other), base.streams.get(one) if known else None)


def _insert(base: Base, place: Path, seeded: random.Random) -> Tampering:
    like = seeded.choice([name for name in base.files if "/" in name])
    name = f"{Path(like).parent.as_posix()}/{_other(Path(like).name, seeded)}"
    (place / name).write_bytes(seeded.randbytes(seeded.randrange(500)))
    return Tampering(f"{name} inserted", (name,))


def _duplicate(base: Base, place: Path, seeded: random.Random) -> Tampering:
    like = seeded.choice([name for name in base.files if name.startswith(("loose/", "checkpoints/", "snapshots/"))])
    name = f"{Path(like).parent.as_posix()}/{_other(Path(like).name, seeded)}"
    (place / name).write_bytes((place / like).read_bytes())
    return Tampering(f"{like} duplicated as {name}", (name,))


def _other(name: str, seeded: random.Random) -> str:
    """Return a name of the same form, or a foreign one."""
    digits = [position for position, letter in enumerate(name) if letter.isdigit()]
    if not digits or seeded.random() < 0.3:
        return f"{seeded.randrange(16**8):08x}-{name}"
    position = seeded.choice(digits)
    return f"{name[:position]}{(int(name[position]) + seeded.randrange(1, 10)) % 10}{name[position + 1 :]}"


def _drop_loose(base: Base, place: Path, seeded: random.Random) -> Tampering:
    name = seeded.choice([name for name in base.streams if not name.endswith("0001.parquet")])
    _, rows = loose.read_whole(DirectoryMedium(place), name)
    forged = _without_one(rows, base.streams[name], seeded)
    (place / name).write_bytes(loose.encode(forged))
    return Tampering(f"an event dropped from {name}, digests recomputed", (name,), base.streams[name])


def _without_one(rows: pa.Table, stream: str, seeded: random.Random) -> EventBatch:
    """Return the first append of a stream without one of its events, all its digests recomputed."""
    rows = rows.cast(SCHEMA)
    kept = rows.filter(pa.array([place != 0 for place in range(rows.num_rows)])) if rows.num_rows > 1 else rows
    if rows.num_rows > 1:
        kept = kept.set_column(
            SCHEMA.get_field_index("seq"), SCHEMA.field("seq"), pa.array(range(kept.num_rows), pa.int32())
        )
    else:  # Of a single event, another moment is told.
        later = pc.add(rows.column("ts"), pa.scalar(timedelta(seconds=seeded.randrange(1, 999))))
        kept = rows.set_column(SCHEMA.get_field_index("ts"), SCHEMA.field("ts"), later.cast(SCHEMA.field("ts").type))
    (digest,) = batch_digests(kept).values()
    return EventBatch(stream, 0, 0, None, digest, kept)


def _drop_from_segment(base: Base, place: Path, seeded: random.Random) -> Tampering:
    medium = DirectoryMedium(place)
    record = records.newest(medium)
    segment = seeded.choice(record.segments)
    events = segments.read(medium, segment.name)[0]
    dropped = seeded.randrange(events.num_rows)
    stream = events.column("stream")[dropped].as_py()
    kept = events.filter(pa.array([position != dropped for position in range(events.num_rows)]))
    data = segments.encode(kept)
    name = segments.new_name(segment.month, data)
    forged = dataclasses.replace(segment, name=name, rows=kept.num_rows, stored_bytes=len(data))
    others = tuple(forged if one == segment else one for one in record.segments)
    (place / segment.name).unlink()
    (place / name).write_bytes(data)
    (place / record.name).write_bytes(dataclasses.replace(record, segments=others).encode())
    return Tampering(f"an event dropped from {segment.name}, digests and record recomputed", (name,), stream)


def _drop_and_rewrite_all(base: Base, place: Path, seeded: random.Random) -> Tampering:
    """Drop an event of a loose append, and recompute leaf index and checkpoint too: only the outside knows."""
    medium = DirectoryMedium(place)
    record, newest = records.newest(medium), checkpoints.newest(medium, base.checkpoint.origin)
    (old,) = [file for file in leaves.listed(medium) if file.kind == "sealed" and file.size == newest.checkpoint.size]
    table = leaves.read(medium, old).table
    rows = [row for row in range(len(table)) if table.column("batch")[row].as_py() == 0]
    leaf = seeded.choice(rows)
    stream = table.column("stream")[leaf].as_py()
    name = loose.file_name(stream, 0)
    if loose.file_name(stream, 1) in base.streams:  # A later append names the digest of this one.
        return _drop_loose(base, place, seeded)
    forged = _without_one(loose.read_whole(medium, name)[1], stream, seeded)
    (place / name).write_bytes(loose.encode(forged))
    changed = table.to_pylist()
    changed[leaf] |= {"digest": bytes.fromhex(forged.digest), "rows": forged.rows.num_rows}
    index = [row for file in record.leaves for row in leaves.digests(leaves.read(medium, file).table)]
    frontier = Frontier().extended([*index[: old.first_leaf], *(row["digest"] for row in changed)])
    (place / old.name).unlink()
    leaves.write(medium, "sealed", pa.Table.from_pylist(changed, schema=leaves.SCHEMA), old.first_leaf, frontier)
    checkpoint = dataclasses.replace(newest.checkpoint, root=frontier.root.hex())
    (place / checkpoints.name(newest.number)).write_text(str(checkpoint))
    return Tampering(f"an event dropped from {name}, everything above it recomputed", ("checkpoints",))


TAMPERINGS: Final[dict[str, Callable[[Base, Path, random.Random], Tampering]]] = {
    "a bit flipped": _flip,
    "cut": _truncate,
    "bytes added": _extend,
    "deleted": _delete,
    "swapped": _swap,
    "inserted": _insert,
    "duplicated": _duplicate,
    "an event dropped, digests recomputed": _drop_loose,
    "an event dropped from a segment, record recomputed": _drop_from_segment,
    "an event dropped, everything recomputed": _drop_and_rewrite_all,
}
