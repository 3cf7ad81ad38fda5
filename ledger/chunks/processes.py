"""A pool of processes on this machine, each at one chunk at a time.

Rules:
- Processes are spawned, never forked: threads of engines do not survive a fork.
- Each process is a pool of its own (pebble), so that one that is killed, wherever it is, takes nothing of the others
  along: a queue that several read stops for all of them once its reader is gone with the lock.
- One that takes too long is killed, and one that the kernel killed is told as died; both are replaced.
- The time of a chunk begins when its process takes it. Preparing has the same time again, and then is given up too.
- The cores are shared: each process is told how many threads its engine may use.
"""

import multiprocessing
import pickle
import signal
import sys
import time
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from concurrent.futures import TimeoutError as FutureTimeoutError
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

from ledger.chunks.executors import Outcome, died, too_late
from ledger.chunks.parts import Parts
from ledger.chunks.plan import WatchedFile
from ledger.chunks.tiling import Range
from ledger.chunks.work import ChunkFunction, Maker, Resources, WorkedChunk, failure_of, work_at
from ledger.errors import ConfigurationError, LedgerError
from ledger.measure.deadline import time_limit_lifted

Pool: TypeAlias = Any
"""A pool of pebble, whose own annotations are partial."""

_START_S: Final = 60.0
"""A process may take so long to begin, besides what it prepares."""


@dataclass(slots=True)
class _Slot:
    """A process, and what it is at."""

    pool: Pool
    rows: Range = (0, 0)
    at_work: Future[WorkedChunk] | None = None
    since_s: float = 0.0


class Processes:
    """Works at one chunk per process."""

    def __init__(
        self,
        parts: Parts,
        make: Maker,
        resources: Resources,
        inputs: Sequence[WatchedFile],
        timeout_s: float,
        workers: int,
    ) -> None:
        """Prepare the pool; a process starts, and makes what the function needs, at its first chunk.

        Raises:
            ConfigurationError: What makes the function cannot be sent to another process.
        """
        _check_picklable(make)
        self.workers: Final = workers
        self.resources: Resources = resources
        self._parts: Final = parts
        self._make: Final = make
        self._inputs: Final = tuple(inputs)
        self._timeout_s: Final = timeout_s
        self._slots: list[_Slot] = [_Slot(self._pool()) for _ in range(workers)]

    def submit(self, rows: Range) -> None:
        """Give some rows to a process that has none."""
        slot = next(slot for slot in self._slots if slot.at_work is None)
        try:
            slot.at_work = self._scheduled(slot, rows)
        except RuntimeError:  # It was killed while it had nothing to do.
            self._replace(slot)
            slot.at_work = self._scheduled(slot, rows)
        slot.rows, slot.since_s = rows, time.monotonic()

    def outcomes(self) -> list[Outcome]:
        """Wait for a process, and return what became of its rows."""
        busy = {slot.at_work: slot for slot in self._slots if slot.at_work is not None}
        longest_s = 2.0 * self._timeout_s + _START_S
        left_s = min((slot.since_s for slot in busy.values()), default=0.0) + longest_s - time.monotonic()
        with time_limit_lifted():
            ended, _ = wait(busy, timeout=max(left_s, 0.0), return_when=FIRST_COMPLETED)
        found = [self._outcome(busy[future], future) for future in ended]
        for slot in busy.values():
            if slot.at_work is not None and time.monotonic() - slot.since_s >= longest_s:
                # It never came to its rows: what it prepares takes too long.
                self._replace(slot)
                found.append(too_late(*slot.rows, self._timeout_s))
        return found

    def renew(self, resources: Resources) -> None:
        """Start other processes."""
        self.close()
        self.resources = resources
        self._slots = [_Slot(self._pool()) for _ in range(self.workers)]

    def close(self) -> None:
        """Kill the processes: what they were at is no part, and is made again."""
        for slot in self._slots:
            slot.pool.stop()
        with ThreadPoolExecutor(max_workers=len(self._slots)) as threads:
            list(threads.map(lambda slot: slot.pool.join(), self._slots))

    def _outcome(self, slot: _Slot, future: Future[WorkedChunk]) -> Outcome:
        """Return what became of a process' rows; it is free, or replaced, afterwards."""
        from pebble import ProcessExpired  # noqa: PLC0415 - only pools need it

        slot.at_work = None
        start, stop = slot.rows
        try:
            return future.result()
        except FutureTimeoutError as error:
            # One that the function raised comes with the traceback of its process.
            is_own = error.__cause__ is not None
            return failure_of(start, stop, error) if is_own else too_late(start, stop, self._timeout_s)
        except ProcessExpired as error:
            self._replace(slot)
            return died(start, stop, _ended_how(error.exitcode), error)
        except BrokenProcessPool as error:
            self._replace(slot)
            message = (
                "its process ended before it came to its rows: it was killed, or could not load what makes the function"
                " (its standard error says it)"
            )
            return died(start, stop, message, error)
        except LedgerError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever one chunk raises is told with its rows
            return failure_of(start, stop, error)

    def _scheduled(self, slot: _Slot, rows: Range) -> "Future[WorkedChunk]":
        future: Future[WorkedChunk] = slot.pool.schedule(_work_there, args=list(rows), timeout=self._timeout_s)
        return future

    def _replace(self, slot: _Slot) -> None:
        """End a process for good, and have another one begin at the next chunk."""
        slot.at_work = None
        slot.pool.stop()
        slot.pool.join()
        slot.pool = self._pool()

    def _pool(self) -> Pool:
        from pebble import ProcessPool  # noqa: PLC0415 - only pools need it

        told = (str(self._parts.directory), self._make, self.resources, self._inputs, list(sys.path))
        context = multiprocessing.get_context("spawn")
        return ProcessPool(max_workers=1, context=context, initializer=_begin_there, initargs=list(told))


class _There:
    """What a process of a pool has."""

    parts: Parts
    function: ChunkFunction
    inputs: Sequence[WatchedFile] = ()
    memory_limit_bytes: int | None = None
    error: Exception | None = None
    stack = ExitStack()


def _begin_there(
    directory: str, make: Maker, resources: Resources, inputs: Sequence[WatchedFile], path: list[str]
) -> None:
    """Make what the function needs, in a process of a pool, before the time of its first rows begins to count."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends the coordinator, which ends the pool.
    sys.path[:] = path
    _There.parts, _There.inputs = Parts(Path(directory)), inputs
    _There.memory_limit_bytes = resources.memory_limit_bytes
    try:
        _There.function = _There.stack.enter_context(make(resources))
    except Exception as error:  # noqa: BLE001 - the pool would hide it; told with the first rows, it has a reader
        _There.error = error


def _work_there(start: int, stop: int) -> WorkedChunk:
    """Work at some rows, in a process of a pool."""
    if _There.error is not None:
        raise _There.error
    return work_at(_There.parts, _There.function, start, stop, _There.inputs, _There.memory_limit_bytes)


def _check_picklable(make: Maker) -> None:
    """Refuse what cannot be sent, in one sentence and before a process is started."""
    try:
        pickle.dumps(make)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        message = (
            f"what makes the function of a worker cannot be sent to another process ({error}); define it at the top"
            " of a module, or set chunk_executor to in_process"
        )
        raise ConfigurationError(message) from error


def _ended_how(code: int | None) -> str:
    """Return how a process ended, in words."""
    if code is not None and code < 0:
        name = signal.Signals(-code).name
        hint = ", perhaps for its memory" if name == "SIGKILL" else ""
        return f"its process was killed by {name}{hint}"
    return f"its process ended with exit code {code}"
