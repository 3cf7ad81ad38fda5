"""What runs in a process of a Dask cluster: it prepares once per run, and then works at one chunk at a time.

Rules:
- A Dask worker outlives the run that asks it. What was prepared is taken down when the run says so; what a killed run
  left goes when the next one prepares and it has been idle for a while.
- Nothing here imports Dask but to ask how many threads a worker has: it is loaded where the worker runs anyway.
"""

import contextlib
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from ledger.chunks.parts import Parts
from ledger.chunks.plan import WatchedFile
from ledger.chunks.tiling import Range
from ledger.chunks.work import ChunkFunction, Maker, Resources, WorkedChunk, work_at

_IDLE_S: Final = 600.0


class NotPreparedError(RuntimeError):
    """The process is another one than the one that was prepared: it was restarted."""


@dataclass(frozen=True, slots=True)
class Setup:
    """What a worker is told of a run, once.

    Attributes:
        token: Tells this run, and these resources, from every other.
        directory: Where parts go; every worker sees it under this path.
        make: Makes the function.
        resources: What the worker may take.
        inputs: Files that must not change.
    """

    token: str
    directory: str
    make: Maker
    resources: Resources
    inputs: Sequence[WatchedFile]


@dataclass(slots=True)
class _Prepared:
    """What a worker has for one run."""

    parts: Parts
    function: ChunkFunction
    inputs: Sequence[WatchedFile]
    memory_limit_bytes: int | None
    stack: ExitStack
    is_at_work: threading.Lock = field(default_factory=threading.Lock)
    used_at_s: float = field(default_factory=time.monotonic)


_PREPARED: Final[dict[str, _Prepared]] = {}


def prepare(setup: Setup) -> None:
    """Make what the function needs."""
    for token, known in list(_PREPARED.items()):
        if time.monotonic() - known.used_at_s > _IDLE_S:
            leave(token)
    stack = ExitStack()
    function = stack.enter_context(setup.make(replace(setup.resources, threads=_threads())))
    _PREPARED[setup.token] = _Prepared(
        Parts(Path(setup.directory)), function, setup.inputs, setup.resources.memory_limit_bytes, stack
    )


def work(token: str, rows: Range, _prepared: None) -> WorkedChunk:
    """Work at some rows.

    Raises:
        NotPreparedError: This process was not prepared for the run.
        Exception: As ``work_at`` does.
    """
    known = _PREPARED.get(token)
    if known is None:
        message = "the Dask worker was restarted after it was prepared"
        raise NotPreparedError(message)
    with known.is_at_work:
        try:
            return work_at(known.parts, known.function, *rows, known.inputs, known.memory_limit_bytes)
        finally:
            known.used_at_s = time.monotonic()


def leave(token: str) -> None:
    """Take down what was prepared for a run, unless it is at work: then it goes when it has been idle."""
    known = _PREPARED.get(token)
    if known is None or not known.is_at_work.acquire(blocking=False):
        return
    try:
        del _PREPARED[token]
        # Whoever asked is gone, or going; what cannot be taken down ends with the process.
        with contextlib.suppress(Exception):
            known.stack.close()
    finally:
        known.is_at_work.release()


def _threads() -> int:
    """Return how many threads the worker has."""
    from distributed import get_worker  # noqa: PLC0415 - it is there where this runs

    return int(get_worker().state.nthreads)
