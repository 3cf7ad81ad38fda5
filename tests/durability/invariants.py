"""What must be so at every moment, whatever went wrong just before."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from ledger.errors import MissingLedgerError
from ledger.events.digest_bulk import batch_digests
from ledger.service.reading.standing import standing
from ledger.store import open_store
from ledger.store.parquet import ParquetStore
from tests.durability.scenes import Scene, checkpoint_of, in_memory, story

Told = tuple[str, str, int]


def violations(place: Path, scene: Scene, told: Sequence[Told], *, is_over: bool) -> list[str]:
    """Return what is wrong with a ledger after something was interrupted.

    Args:
        place: The ledger.
        scene: What was interrupted.
        told: What was acknowledged before.
        is_over: The scene was played to its end, so everything it appends has to be there.
    """
    try:
        store = open_store(str(place))
    except MissingLedgerError:
        return ["lost: the ledger"] if told or scene.before or is_over else []
    assert isinstance(store, ParquetStore)
    return [
        *_appends(store, scene, told, is_over=is_over),
        *(f"false alarm: {problem.where}: {problem.what}" for problem in store.verify().problems),
        *_checkpoints(store, place, told),
        *_replays(store),
    ]


def _appends(store: ParquetStore, scene: Scene, told: Sequence[Told], *, is_over: bool) -> list[str]:
    """Hold what is read against what was appended: nothing lost, in part, twice, or invented."""
    events = store.read()
    expected = {(batch.stream, batch.number): batch for batch in story()[: scene.appends]}
    counts = events.group_by(["stream", "batch"]).aggregate([([], "count_all")]).to_pylist()
    rows = {(row["stream"], row["batch"]): row["count_all"] for row in counts}
    digests = batch_digests(events)
    needed = {(batch.stream, batch.number) for batch in story()[: scene.appends if is_over else scene.before]}
    needed |= {(stream, number) for kind, stream, number in told if kind == "append"}
    found = [f"lost: append {number} of {stream}" for stream, number in sorted(needed - rows.keys())]
    for place, count in rows.items():
        batch = expected.get(place)
        if batch is None:
            found.append(f"invented: append {place[1]} of {place[0]}")
        elif count < batch.rows.num_rows:
            found.append(f"partial: append {place[1]} of {place[0]}")
        elif count > batch.rows.num_rows:
            found.append(f"doubled: append {place[1]} of {place[0]}")
        elif digests[place] != batch.digest:
            found.append(f"altered: append {place[1]} of {place[0]}")
    return found


def _checkpoints(store: ParquetStore, place: Path, told: Sequence[Told]) -> list[str]:
    """An acknowledged checkpoint is contained in the newest one."""
    sealed = [(root, size) for kind, root, size in told if kind == "checkpoint"]
    return [
        f"checkpoint of {size}: {problem.what}"
        for root, size in sealed
        for problem in store.verify(expected=checkpoint_of(place, root, size)).problems
    ]


def _replays(store: ParquetStore) -> list[str]:
    """A replay from whatever snapshot there is equals one of the same appends from zero, byte for byte."""
    events = store.read()
    seen = {(row["stream"], row["batch"]) for row in events.group_by(["stream", "batch"]).aggregate([]).to_pylist()}
    zero = standing(in_memory([batch for batch in story() if (batch.stream, batch.number) in seen]).view())
    warm = standing(store.view())
    same = _bytes(warm.runs) == _bytes(zero.runs) and _bytes(warm.extents) == _bytes(zero.extents)
    return [] if same else ["a replay from the snapshot is not a replay from zero"]


def _bytes(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table.combine_chunks())
    return bytes(sink.getvalue())
