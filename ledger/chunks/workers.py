"""Chooses what works at chunks."""

from collections.abc import Sequence

from ledger.chunks.executors import Executor, InProcess
from ledger.chunks.options import ChunkOptions, ExecutorName
from ledger.chunks.parts import Parts
from ledger.chunks.plan import WatchedFile
from ledger.chunks.work import Maker, Resources
from ledger.errors import ConfigurationError
from ledger.measure import available_cores


def open_executor(parts: Parts, make: Maker, inputs: Sequence[WatchedFile], options: ChunkOptions) -> Executor:
    """Return what works at chunks, ready to be given some.

    Raises:
        ConfigurationError: What was asked for is not there, or cannot be done with what makes the function.
        StoreError: A scheduler does not answer.
    """
    limit, timeout_s = options.memory_limit_bytes, options.timeout_s
    kind = _chosen(options)
    if kind == "in_process":
        return InProcess(parts, make, Resources(limit), inputs, timeout_s)
    if kind == "processes":
        from ledger.chunks.processes import Processes  # noqa: PLC0415 - most runs need no pool

        share = None if limit is None else limit // options.workers
        threads = max(int(available_cores()) // options.workers, 1)
        return Processes(parts, make, Resources(share, threads), inputs, timeout_s, options.workers)
    from ledger.chunks.dask_workers import DaskWorkers  # noqa: PLC0415 - an extra

    if not options.dask_scheduler:
        message = "chunk_executor is dask, but dask_scheduler names no scheduler; set it, such as tcp://scheduler:8786"
        raise ConfigurationError(message)
    return DaskWorkers(parts, make, Resources(limit), inputs, timeout_s, options.dask_scheduler)


def _chosen(options: ChunkOptions) -> ExecutorName:
    if options.executor != "auto":
        return options.executor
    return "processes" if options.workers > 1 else "in_process"
