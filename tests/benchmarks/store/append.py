"""Appending: against the fsyncs that no durable append can do without, against peers, and in a crowded ledger.

Rules:
- Before each timed append everything dirty is written back, since one contender's fsync would otherwise pay for what
  another left behind.
"""

import os
import time
from collections.abc import Mapping, Sequence
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ledger.store import loose
from tests.benchmarks.store.appenders import APPENDERS, DELTA, FLOOR, LEDGER, Append, frozen
from tests.benchmarks.store.history import made
from tests.benchmarks.store.ledgers import Shelf, batches, crowd, store_at
from tests.benchmarks.store.measure import Effort, Results, medians, ratios

if TYPE_CHECKING:
    from multiprocessing.synchronize import Barrier

    from ledger.events.batch import EventBatch

_COMPARED: Final = (LEDGER, DELTA, "SQLite, WAL, FULL", FLOOR)
_MS: Final = 1e3


def one_writer(shelf: Shelf, results: Results, effort: Effort) -> None:
    """Measure appends of one writer, and the bytes each leaves."""
    count = effort.rounds * effort.appends
    ready = frozen(count + 1, "one")
    paths = {name: shelf.fresh("append") for name in APPENDERS}
    found = _timed({name: APPENDERS[name].make(paths[name], ready) for name in APPENDERS}, effort)
    results.add("append", "20 events, 1 writer", "ms", found)
    os.sync()
    sizes = {name: (_stored_bytes(path) / (count + 1),) for name, path in paths.items() if name != FLOOR}
    results.add("append", "bytes an append of 20 events", "B", sizes, "of all files, over all appends")
    results.judge("loose bytes", [float(len(loose.encode(batch))) for batch in ready[: effort.rounds]])
    first = next(batch for batch in batches(made(0, 1)) if batch.rows.num_rows == 2)
    results.add(
        "append", "bytes of the append that starts an attempt", "B", {LEDGER: (float(len(loose.encode(first))),)}
    )


def over_the_floor(shelf: Shelf, results: Results, effort: Effort) -> None:
    """Measure appends against the two fsyncs, nothing else between them: a peer's turn leaves the caches cold."""
    ready = frozen(effort.rounds * effort.appends + 1, "floor")
    found = _timed({name: APPENDERS[name].make(shelf.fresh("floor"), ready) for name in (LEDGER, FLOOR)}, effort)
    results.add("append", "20 events, 1 writer, only these two in turn", "ms", found)
    results.judge("floor", ratios(found[LEDGER], found[FLOOR]))


def crowded(shelf: Shelf, results: Results, effort: Effort) -> None:
    """Measure appends into a ledger of many loose files against those into an empty one."""
    full = f"{effort.crowd:,} loose files"
    paths = {"empty ledger": shelf.fresh("empty"), full: shelf.fresh("crowd")}
    crowd(store_at(paths[full]), effort.crowd)
    ready = frozen(effort.rounds * effort.appends + 1, "crowd")
    make = APPENDERS[LEDGER].make
    found = _timed({name: make(path, ready) for name, path in paths.items()}, effort)
    results.add("append", "into a crowded ledger", "ms", found)
    results.judge("crowd", ratios(found[full], found["empty ledger"]))


def many_writers(shelf: Shelf, results: Results, effort: Effort) -> None:
    """Measure appends a second of several processes at once."""
    rounds: dict[str, list[float]] = {name: [] for name in _COMPARED}
    delays: dict[str, list[float]] = {name: [] for name in _COMPARED}
    for number in range(effort.rounds):
        turned = _COMPARED[number % len(_COMPARED) :] + _COMPARED[: number % len(_COMPARED)]
        for name in turned:
            rate, delay = _together(name, shelf.fresh("writers"), effort)
            rounds[name].append(rate)
            delays[name].append(delay * _MS)
    results.add("append", f"{effort.writers} writers, appends a second", "1/s", rounds)
    results.add("append", f"{effort.writers} writers, median append", "ms", delays)
    results.judge("writers", ratios(rounds[LEDGER], rounds[DELTA]))


def _timed(appends: Mapping[str, Append], effort: Effort) -> dict[str, list[float]]:
    """Return the median milliseconds of an append in each round, the contenders taking turns append by append."""
    names = list(appends)
    found: dict[str, list[float]] = {name: [] for name in names}
    for name in names:
        appends[name](effort.rounds * effort.appends)  # The first append of a place makes directories.
    for number in range(effort.rounds):
        taken: dict[str, list[float]] = {name: [] for name in names}
        for step in range(effort.appends):
            for name in names[step % len(names) :] + names[: step % len(names)]:
                os.sync()
                began = time.perf_counter()
                appends[name](number * effort.appends + step)
                taken[name].append((time.perf_counter() - began) * _MS)
        for name, value in medians(taken).items():
            found[name].append(value)
    return found


def _together(name: str, path: Path, effort: Effort) -> tuple[float, float]:
    """Return the appends a second of several processes, and the median seconds of an append."""
    context = get_context("spawn")
    barrier, answers = context.Barrier(effort.writers), context.Queue()
    APPENDERS[name].make(path, frozen(1, "first"))(0)
    args = [(name, path, rank, effort.writer_appends, barrier, answers) for rank in range(effort.writers)]
    workers = [context.Process(target=_write, args=words) for words in args]
    for worker in workers:
        worker.start()
    told = [answers.get(timeout=120) for _ in workers]
    for worker in workers:
        worker.join()
    began, ended = min(entry[0] for entry in told), max(entry[1] for entry in told)
    taken = sorted(delay for entry in told for delay in entry[2])
    return effort.writers * effort.writer_appends / (ended - began), taken[len(taken) // 2]


def _write(name: str, path: Path, rank: int, count: int, barrier: "Barrier", answers: Any) -> None:
    """Append as one of several processes; what is appended was frozen before the start."""
    ready: Sequence[EventBatch] = frozen(count, f"{rank:02d}")
    append = APPENDERS[name].make(path, ready)
    os.sync()
    barrier.wait(timeout=120)
    taken = []
    began = time.monotonic()
    for number in range(count):
        start = time.monotonic()
        append(number)
        taken.append(time.monotonic() - start)
    answers.put((began, time.monotonic(), taken))


def _stored_bytes(path: Path) -> int:
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
