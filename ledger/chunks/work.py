"""One chunk, worked at wherever a worker is: in this process, in one of a pool, on another machine.

Rules:
- What a worker needs (a connection, an index) is made once per worker, by a maker that can be pickled.
- A chunk is kept by the worker that made it, so that no result travels between processes.
- Peak memory is exact (the kernel's high-water mark) and without what files back.
- What allocators kept of earlier chunks is given back before a chunk once it could matter: it would look taken, and
  chunks would be made smaller for it.
"""

import traceback
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Final, Literal, TypeAlias

import pyarrow as pa

from ledger.chunks.parts import Part, Parts
from ledger.chunks.plan import WatchedFile
from ledger.measure import Meter, give_back_unused
from ledger.measure.anonymous import anonymous_bytes, file_backed_bytes

ChunkFunction: TypeAlias = Callable[[int, int], pa.Table]
"""Makes the result of rows ``[start, stop)``; the same rows give the same result, whatever was made before."""

FailureKind = Literal["error", "timeout", "died"]

_TIGHT_SHARE: Final = 0.5
_KEPT_SHARE: Final = 0.5
_TRACEBACK_CHARACTERS: Final = 4_000


@dataclass(frozen=True, slots=True)
class Resources:
    """What a worker may take.

    Attributes:
        memory_limit_bytes: Anonymous memory of the worker, ``None`` without a limit.
        threads: Threads of the worker's engine, ``None`` where it may use all cores.
        is_tight: Whether the function should make its engine limit itself and spill: fewer rows did not help.
    """

    memory_limit_bytes: int | None = None
    threads: int | None = None
    is_tight: bool = False

    def tightened(self) -> "Resources":
        """Return what a worker may take where its engine is to limit itself: half of the memory."""
        limit = None if self.memory_limit_bytes is None else int(self.memory_limit_bytes * _TIGHT_SHARE)
        return replace(self, memory_limit_bytes=limit, is_tight=True)


Maker: TypeAlias = Callable[[Resources], AbstractContextManager[ChunkFunction]]
"""Makes the function of a worker, and takes down what it needed."""


@dataclass(frozen=True, slots=True)
class FoundChunk:
    """A chunk that was made by a worker that was stopped, or killed, before it could say so.

    Attributes:
        part: Where its result is.
        rows_out: Rows of the result.
    """

    part: Part
    rows_out: int


@dataclass(frozen=True, slots=True)
class WorkedChunk:
    """A chunk that was made.

    Attributes:
        part: Where its result is.
        rows_out: Rows of the result.
        wall_s: Seconds it took, writing included.
        base_bytes: Anonymous memory of the worker before.
        peak_bytes: Highest anonymous memory of the worker meanwhile.
        peak_method: ``vmhwm`` (exact) or ``sampled``.
    """

    part: Part
    rows_out: int
    wall_s: float
    base_bytes: int
    peak_bytes: int
    peak_method: str


@dataclass(frozen=True, slots=True)
class FailedChunk:
    """A chunk that could not be made this time: its rows, and what was raised."""

    start: int
    stop: int
    kind: FailureKind
    error_type: str
    message: str
    traceback: str = ""
    error: BaseException | None = None


def work_at(
    parts: Parts,
    function: ChunkFunction,
    start: int,
    stop: int,
    inputs: Sequence[WatchedFile] = (),
    memory_limit_bytes: int | None = None,
) -> WorkedChunk:
    """Make the result of rows ``[start, stop)``, below a limit of anonymous memory if it can be, and keep it.

    Raises:
        InputChangedError: An input is no longer what the plan says.
        StoreError: The result could not be kept.
        Exception: Whatever the function raises.
    """
    for file in inputs:
        file.check()
    base = anonymous_bytes()
    if memory_limit_bytes is not None and base > _KEPT_SHARE * memory_limit_bytes:
        give_back_unused()
        base = anonymous_bytes()
    meter = Meter.start()
    try:
        with parts.intent(start, stop):
            table = function(start, stop)
            # Before it is kept: a part of another input would be believed once the file is as it was.
            for file in inputs:
                file.check()
            part = parts.write(start, stop, table)
        file_backed = file_backed_bytes()
    finally:
        measured = meter.stop()
    peak = max(measured.peak_rss_bytes - file_backed, base)
    return WorkedChunk(part, table.num_rows, measured.duration_s, base, peak, measured.peak_method)


def failure_of(start: int, stop: int, error: BaseException, kind: FailureKind = "error") -> FailedChunk:
    """Return what is told of an exception."""
    name = f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins.")
    told = "".join(traceback.format_exception(error))[-_TRACEBACK_CHARACTERS:]
    return FailedChunk(start, stop, kind, name, str(error), told, error)
