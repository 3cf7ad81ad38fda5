"""Where chunks are worked at: in this process, or in a pool of processes on this machine.

Rules:
- An executor takes ranges and gives back what became of each; it decides nothing.
- Processes are spawned, never forked: threads of engines do not survive a fork. One that takes too long is killed, and
  one that the kernel killed is told as died; both are replaced (pebble does that).
- A full disk, a changed input, a wrong setting and an interruption are no matter of one chunk: they are raised.
"""

import multiprocessing
import signal
import sys
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextlib import ExitStack
from pathlib import Path
from typing import Final, Protocol, TypeAlias

import pyarrow as pa

from ledger.chunks.parts import Parts
from ledger.chunks.plan import WatchedFile
from ledger.chunks.tiling import Range
from ledger.chunks.work import ChunkFunction, FailedChunk, Maker, Resources, WorkedChunk, failure_of, work_at
from ledger.errors import LedgerError
from ledger.measure.deadline import AssetTimeoutError, time_limit

Outcome: TypeAlias = WorkedChunk | FailedChunk


class Executor(Protocol):
    """Works at chunks."""

    @property
    def workers(self) -> int:
        """How many chunks are worked at, at a time."""

    def submit(self, rows: Range) -> None:
        """Begin to work at some rows."""

    def outcomes(self) -> list[Outcome]:
        """Wait for at least one of the chunks that were begun, and return what became of those that ended."""

    def renew(self, resources: Resources) -> None:
        """Make what the workers need anew, under other limits; called while no chunk is worked at."""

    def close(self) -> None:
        """End the workers; whatever they are at is given up."""


class InProcess:
    """Works at one chunk at a time, in this process."""

    workers = 1

    def __init__(
        self, parts: Parts, make: Maker, resources: Resources, inputs: Sequence[WatchedFile], timeout_s: float
    ) -> None:
        """Make what the function needs."""
        self._parts: Final = parts
        self._make: Final = make
        self._inputs: Final = inputs
        self._timeout_s: Final = timeout_s
        self._done: Final[list[Outcome]] = []
        self._stack = ExitStack()
        self._function: ChunkFunction = self._stack.enter_context(make(resources))

    def submit(self, rows: Range) -> None:
        """Work at some rows, now."""
        start, stop = rows
        try:
            self._done.append(work_at(self._parts, self._limited, start, stop, self._inputs))
        except AssetTimeoutError as error:
            self._done.append(failure_of(start, stop, error, "timeout"))
        except LedgerError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever one chunk raises is told with its rows
            self._done.append(failure_of(start, stop, error))

    def _limited(self, start: int, stop: int) -> pa.Table:
        """Call the function within its time; what is kept of its result is kept whole."""
        with time_limit(self._timeout_s):
            return self._function(start, stop)

    def outcomes(self) -> list[Outcome]:
        """Return what became of the chunks."""
        found = list(self._done)
        self._done.clear()
        return found

    def renew(self, resources: Resources) -> None:
        """Make what the function needs anew."""
        self._stack.close()
        self._stack = ExitStack()
        self._function = self._stack.enter_context(self._make(resources))

    def close(self) -> None:
        """Take down what the function needed."""
        self._stack.close()


class Processes:
    """Works at one chunk per process of a pool."""

    def __init__(
        self,
        parts: Parts,
        make: Maker,
        resources: Resources,
        inputs: Sequence[WatchedFile],
        timeout_s: float,
        workers: int,
    ) -> None:
        """Start the pool; what the function needs is made in each process, at its first chunk."""
        self.workers: Final = workers
        self._parts: Final = parts
        self._make: Final = make
        self._inputs: Final = tuple(inputs)
        self._timeout_s: Final = timeout_s
        self._running: Final[dict[Future[WorkedChunk], Range]] = {}
        self._pool = self._started(resources)

    def submit(self, rows: Range) -> None:
        """Give some rows to a process."""
        self._running[self._pool.schedule(_work_there, args=list(rows), timeout=self._timeout_s)] = rows

    def outcomes(self) -> list[Outcome]:
        """Wait for a process, and return what became of its rows."""
        from pebble import ProcessExpired  # noqa: PLC0415 - only pools need it

        ended, _ = wait(self._running, return_when=FIRST_COMPLETED)
        found: list[Outcome] = []
        for future in ended:
            start, stop = self._running.pop(future)
            try:
                found.append(future.result())
            except FutureTimeoutError:
                message = f"it ran for longer than timeout_seconds ({self._timeout_s:g} s) and was stopped"
                found.append(failure_of(start, stop, AssetTimeoutError(message), "timeout"))
            except ProcessExpired as error:
                found.append(
                    FailedChunk(start, stop, "died", "ProcessExpired", _ended_how(error.exitcode), error=error)
                )
            except LedgerError:
                raise
            except Exception as error:  # noqa: BLE001 - whatever one chunk raises is told with its rows
                found.append(failure_of(start, stop, error))
        return found

    def renew(self, resources: Resources) -> None:
        """Start other processes."""
        self.close()
        self._pool = self._started(resources)

    def close(self) -> None:
        """Kill the processes: what they were at is no part, and is made again."""
        self._pool.stop()
        self._pool.join()

    def _started(self, resources: Resources):  # type: ignore[no-untyped-def] # noqa: ANN202 - pebble is untyped
        from pebble import ProcessPool  # noqa: PLC0415 - only pools need it

        told = (str(self._parts.directory), self._make, resources, self._inputs, list(sys.path))
        context = multiprocessing.get_context("spawn")
        return ProcessPool(max_workers=self.workers, context=context, initializer=_begin_there, initargs=list(told))


class _There:
    """What a process of a pool has."""

    parts: Parts
    function: ChunkFunction
    inputs: Sequence[WatchedFile] = ()
    error: Exception | None = None
    stack = ExitStack()


def _begin_there(
    directory: str, make: Maker, resources: Resources, inputs: Sequence[WatchedFile], path: list[str]
) -> None:
    """Make what the function needs, in a process of a pool, before the time of its first rows begins to count."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends the coordinator, which ends the pool.
    sys.path[:] = path
    _There.parts, _There.inputs = Parts(Path(directory)), inputs
    try:
        _There.function = _There.stack.enter_context(make(resources))
    except Exception as error:  # noqa: BLE001 - the pool would hide it; told with the first rows, it has a reader
        _There.error = error


def _work_there(start: int, stop: int) -> WorkedChunk:
    """Work at some rows, in a process of a pool."""
    if _There.error is not None:
        raise _There.error
    return work_at(_There.parts, _There.function, start, stop, _There.inputs)


def _ended_how(code: int | None) -> str:
    """Return how a process ended, in words."""
    if code is not None and code < 0:
        name = signal.Signals(-code).name
        hint = ", perhaps for its memory" if name == "SIGKILL" else ""
        return f"its process was killed by {name}{hint}"
    return f"its process ended with exit code {code}"
