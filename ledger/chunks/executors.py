"""What works at chunks, and the simplest that does: this process, one chunk after the other.

Rules:
- An executor takes ranges and gives back what became of each; it decides nothing.
- A full disk, a changed input, a wrong setting and an interruption are no matter of one chunk: they are raised.
"""

from collections.abc import Sequence
from contextlib import ExitStack
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
        """How many chunks are worked at, at a time; may change where workers come and go."""

    @property
    def resources(self) -> Resources:
        """What each worker may take."""

    def submit(self, rows: Range) -> None:
        """Begin to work at some rows."""

    def outcomes(self) -> list[Outcome]:
        """Wait for the chunks that were begun, and return what became of those that ended, if any did."""

    def renew(self, resources: Resources) -> None:
        """Make what the workers need anew, under other limits; called while no chunk is worked at."""

    def close(self) -> None:
        """End the work; whatever is still at work is given up."""


class InProcess:
    """Works at one chunk at a time, in this process."""

    workers = 1

    def __init__(
        self, parts: Parts, make: Maker, resources: Resources, inputs: Sequence[WatchedFile], timeout_s: float
    ) -> None:
        """Make what the function needs."""
        self.resources: Resources = resources
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
            self._done.append(
                work_at(self._parts, self._limited, start, stop, self._inputs, self.resources.memory_limit_bytes)
            )
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
        self.resources = resources
        self._stack = ExitStack()
        self._function = self._stack.enter_context(self._make(resources))

    def close(self) -> None:
        """Take down what the function needed."""
        self._stack.close()


def too_late(start: int, stop: int, timeout_s: float) -> FailedChunk:
    """Return what is told of rows whose time was over."""
    message = f"it ran for longer than timeout_seconds ({timeout_s:g} s) and was stopped"
    return failure_of(start, stop, AssetTimeoutError(message), "timeout")


def died(start: int, stop: int, message: str, error: BaseException | None = None) -> FailedChunk:
    """Return what is told of rows whose process ended."""
    return FailedChunk(start, stop, "died", "WorkerDied", message, error=error)
