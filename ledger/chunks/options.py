"""How a plan is run; nothing of it decides the result."""

from dataclasses import dataclass
from typing import Literal

ExecutorName = Literal["auto", "in_process", "processes", "dask"]
OnFailure = Literal["fail", "quarantine"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkOptions:
    """How a plan is run; nothing of it decides the result.

    Attributes:
        chunk_size: Most rows of a chunk.
        executor: What works at chunks; ``auto`` is this process, or a pool where there are several workers.
        workers: Processes of the pool.
        dask_scheduler: Address of the scheduler that ``dask`` works with, with all of its workers.
        memory_limit_bytes: Anonymous memory of all workers of this machine together, and of each worker of a Dask
            cluster; ``None`` without a limit.
        timeout_s: Seconds a chunk may take.
        retries: How often a chunk that failed is tried again.
        backoff_s: Seconds before it is tried again, doubled each time.
        on_failure: ``fail``, or ``quarantine``: leave out the rows that cannot be made.
        smallest_rows: Fewest rows of a chunk under memory pressure.
    """

    chunk_size: int
    executor: ExecutorName = "auto"
    workers: int = 1
    dask_scheduler: str | None = None
    memory_limit_bytes: int | None = None
    timeout_s: float = 300.0
    retries: int = 2
    backoff_s: float = 0.5
    on_failure: OnFailure = "fail"
    smallest_rows: int = 100
