"""What is interrupted: a scene has a beginning, something that is done, and what must be seen at any moment of it.

Rules:
- A scene is repeatable: the same appends with the same content, however often it is begun again.
- What was acknowledged is told at once, through a pipe, so that it is known whatever happens next.
"""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Final

from ledger.events.batch import EventBatch
from ledger.events.checkpoint import Checkpoint
from ledger.service.reading.standing import standing
from ledger.store import delta, open_store
from ledger.store.directory import DirectoryMedium
from ledger.store.memory import MemoryStore
from ledger.store.parquet import ParquetStore
from tests.recorded import attempt, closed, opened

Acknowledge = Callable[[str, str, int], None]
"""Gets ``append`` with stream and number, or ``checkpoint`` with root and size, once the store has said so."""


class _Taking(MemoryStore):
    """Takes down what others append, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.taken: list[EventBatch] = []

    def append(self, batch: EventBatch) -> None:
        super().append(batch)
        self.taken.append(batch)


@cache
def story() -> tuple[EventBatch, ...]:
    """Return the appends of nine runs over three months, each a run with two assets."""
    store = _Taking()
    for number in range(9):
        run_id, minute = f"run-{number}", number * timedelta(days=9) / timedelta(minutes=1)
        began = opened(store, run_id, ("a", "b"), minute=minute)
        attempt(store, run_id, "a", "success", minute=minute + 1, value=number + 0.5)
        attempt(store, run_id, "b", "failed" if number % 3 == 0 else "success", minute=minute + 2)
        closed(store, run_id, "failed" if number % 3 == 0 else "success", began, minute=minute + 3)
    return tuple(store.taken)


@dataclass(frozen=True, slots=True)
class Scene:
    """Something that is interrupted.

    Attributes:
        name: What it is called in the table.
        before: How many of the story's appends are there at the beginning.
        prepare: Makes the beginning.
        act: What is interrupted.
        appends: How many appends of the story there are at the end.
    """

    name: str
    before: int
    prepare: Callable[[Path], None]
    act: Callable[[Path, Acknowledge], None]
    appends: int


def _store(place: Path) -> ParquetStore:
    return ParquetStore.create(DirectoryMedium(place))


def _append(store: ParquetStore, start: int, end: int, acknowledge: Acknowledge) -> None:
    for batch in story()[start:end]:
        store.append(batch)
        acknowledge("append", batch.stream, batch.number)


def _sealed(store: ParquetStore, acknowledge: Acknowledge) -> None:
    checkpoint = store.seal().checkpoint
    acknowledge("checkpoint", checkpoint.root, checkpoint.size)


def _silently(kind: str, name: str, number: int) -> None:
    """Tell nobody."""


def _nothing(place: Path) -> None:
    """Begin with nothing at all."""


def _loose(place: Path, count: int) -> None:
    _append(_store(place), 0, count, _silently)


def _act_append(place: Path, acknowledge: Acknowledge) -> None:
    _append(_store(place), 0, 6, acknowledge)


def _prepare_sealed(place: Path) -> None:
    _loose(place, 10)
    _store(place).seal()


def _act_append_after_compaction(place: Path, acknowledge: Acknowledge) -> None:
    store = _store(place)
    # A repeated one that is in a segment by now, the one that closes a compacted run, and new ones.
    _append(store, 3, 5, acknowledge)
    _append(store, 11, 14, acknowledge)


def _prepare_compacted(place: Path) -> None:
    _loose(place, 11)
    _store(place).compact(grace_s=0.0)


def _act_seal(place: Path, acknowledge: Acknowledge) -> None:
    store = _store(place)
    _append(store, 10, 13, acknowledge)
    _sealed(store, acknowledge)
    _append(store, 13, 15, acknowledge)
    _sealed(store, acknowledge)


def _act_compact(place: Path, acknowledge: Acknowledge) -> None:
    store = _store(place)
    _sealed(store, acknowledge)
    store.compact(grace_s=0.0)


def _prepare_months(place: Path) -> None:
    store = _store(place)
    for end in (6, 12, 20):
        _append(store, max(end - 8, 0), end, _silently)
        store.compact(grace_s=3600.0)
    _append(store, 20, 36, _silently)


def _prepare_replay(place: Path) -> None:
    for end in (8, 16):
        store = _store(place)
        _append(store, end - 8, end, _silently)
        store.compact(grace_s=0.0)
        standing(store.view())
    store = _store(place)
    _append(store, 16, 24, _silently)
    store.compact(grace_s=0.0)


def _act_replay(place: Path, acknowledge: Acknowledge) -> None:
    standing(open_store(str(place)).view())


def _act_export(place: Path, acknowledge: Acknowledge) -> None:
    delta.export(DirectoryMedium(place))


SCENES: Final = {
    scene.name: scene
    for scene in (
        Scene("create a ledger and append", 0, _nothing, _act_append, 6),
        Scene("append after a compaction", 11, _prepare_compacted, _act_append_after_compaction, 14),
        Scene("append and seal twice", 10, _prepare_sealed, _act_seal, 15),
        Scene("seal and compact", 12, lambda place: _loose(place, 12), _act_compact, 12),
        Scene("compact, merge months, remove what was replaced", 36, _prepare_months, _act_compact, 36),
        Scene("replay and keep the snapshot", 24, _prepare_replay, _act_replay, 24),
        Scene("export the Delta log", 24, _prepare_replay, _act_export, 24),
    )
}


def in_memory(batches: list[EventBatch]) -> MemoryStore:
    """Return a store that holds just these appends, each once."""
    store = MemoryStore()
    for batch in batches:
        store.append(batch)
    return store


def checkpoint_of(place: Path, root: str, size: int) -> Checkpoint:
    """Return a checkpoint that was acknowledged."""
    return dataclasses.replace(open_store(str(place)).checkpoint(), root=root, size=size)
