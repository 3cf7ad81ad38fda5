"""Processes that do whatever a ledger is for, at the same time.

Rules:
- They come from a server that was started before anything had a thread: a fork of a process that has used Arrow or
  DuckDB may wait for ever.
"""

import multiprocessing
import random
from datetime import timedelta
from pathlib import Path
from typing import Final

from ledger.service.reading.standing import standing
from ledger.store.directory import DirectoryMedium
from ledger.store.parquet import ParquetStore
from tests.recorded import attempt, closed, opened

RUNS: Final = 4
_CONTEXT: Final = multiprocessing.get_context("forkserver")


def at_once(place: Path, count: int, seed: int) -> list[int | None]:
    """Let processes work on one ledger at the same time; return their exit codes."""
    _CONTEXT.set_forkserver_preload([__name__])
    workers = [_CONTEXT.Process(target=work, args=(str(place), worker, seed)) for worker in range(count)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return [worker.exitcode for worker in workers]


def work(place: str, worker: int, seed: int) -> None:
    """Append, seal, compact and replay at random, as a process among others."""
    seeded = random.Random(seed * 100 + worker)
    store = ParquetStore.open(DirectoryMedium(Path(place)))
    for number in range(RUNS):
        run_id, minute = f"run-{worker}-{number}", seeded.randrange(60) * timedelta(days=1) / timedelta(minutes=1)
        began = opened(store, run_id, ("a",), minute=minute)
        attempt(store, run_id, "a", "success", minute=minute + 1)
        closed(store, run_id, "success", began, minute=minute + 2)
        what = seeded.choice(("seal", "compact", "compact", "replay", "nothing"))
        if what == "seal":
            store.seal()
        elif what == "compact":
            store.compact(grace_s=seeded.choice((0.0, 3600.0)))
        elif what == "replay":
            store.consult(standing)
