"""The workers of a Dask cluster, each at one chunk at a time: the same plan, on more machines than one.

Rules:
- Parts and inputs lie where every worker sees them under the same path; through Dask go only ranges and figures.
- Each chunk is bound to one worker, so that a death or an overrun is that chunk's. Dask's own retries and its placing
  of tasks are not used: a chunk that kills its process would be carried from worker to worker.
- Workers that come are given chunks; one that goes is told as died with its rows.
- A chunk that takes too long has its worker restarted by the nanny, which kills native code too. A worker without a
  nanny is given nothing any more: its process goes on until the function returns.
- The cluster's security (TLS) is that of Dask's own configuration.
"""

import contextlib
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias

from ledger.chunks.dask_task import NotPreparedError, Setup, leave, prepare, work
from ledger.chunks.executors import Outcome, died, too_late
from ledger.chunks.parts import Parts
from ledger.chunks.plan import WatchedFile
from ledger.chunks.tiling import Range
from ledger.chunks.work import Maker, Resources, WorkedChunk, failure_of
from ledger.errors import ConfigurationError, LedgerError, StoreError
from ledger.measure.deadline import time_limit_lifted

DaskClient: TypeAlias = Any
DaskFuture: TypeAlias = Any
"""Dask's own annotations are partial."""

_CONNECT_S: Final = 20.0
_POLL_S: Final = 0.5
_RESTART_S: Final = 60.0
_PATIENCE_S: Final = 60.0
_OF_WORKER: Final = 0.7
"""A worker pauses at 80 % of its own limit: a chunk that comes there would never end."""


class SchedulerUnreachableError(StoreError):
    """The Dask scheduler, or any worker of it, does not answer (exit code 5)."""


@dataclass(slots=True)
class _AtWork:
    """A worker's chunk."""

    rows: Range
    chunk: DaskFuture
    prepared: DaskFuture
    since_s: float
    is_prepared: bool = False


class DaskWorkers:
    """Works at one chunk per worker of a Dask cluster."""

    def __init__(
        self,
        parts: Parts,
        make: Maker,
        resources: Resources,
        inputs: Sequence[WatchedFile],
        timeout_s: float,
        scheduler: str,
        patience_s: float = _PATIENCE_S,
    ) -> None:
        """Connect to the scheduler, and wait until it has a worker.

        Args:
            parts: Where parts are kept.
            make: Makes the function of a worker.
            resources: What each worker may take; less where the cluster allows less.
            inputs: Files that must not change.
            timeout_s: Seconds a chunk may take.
            scheduler: Address, such as ``tcp://scheduler:8786``.
            patience_s: Seconds to wait for a worker where there is none.

        Raises:
            ConfigurationError: Dask is not installed.
            SchedulerUnreachableError: Nobody answers there.
        """
        self._scheduler: Final = scheduler
        self._timeout_s: Final = timeout_s
        self._patience_s: Final = patience_s
        self._directory: Final = str(parts.directory.absolute())
        self._make: Final = make
        self._inputs: Final = tuple(replace(file, path=file.path.absolute()) for file in inputs)
        self._client: Final[DaskClient] = _client(scheduler)
        self._at_work: Final[dict[str, _AtWork]] = {}
        self._prepared: Final[dict[str, DaskFuture]] = {}
        self._given_up: Final[set[str]] = set()
        self._news: Final = threading.Event()
        self._addresses: tuple[str, ...] = ()
        self._alone_since_s = time.monotonic()
        try:
            with self._answering():
                self._await_workers()
                self.resources: Resources = replace(resources, memory_limit_bytes=self._allowed(resources))
        except BaseException:
            self._client.close()
            raise
        self._setup: Setup = self._told()

    @property
    def workers(self) -> int:
        """How many workers the cluster has just now."""
        return len(self._addresses)

    def submit(self, rows: Range) -> None:
        """Give some rows to a worker that has none."""
        address = next(one for one in self._addresses if one not in self._at_work)
        with self._answering():
            if address not in self._prepared:
                self._prepared[address] = self._bound(prepare, address, self._setup)
            prepared = self._prepared[address]
            chunk = self._bound(work, address, self._setup.token, rows, prepared)
        chunk.add_done_callback(lambda _: self._news.set())
        self._at_work[address] = _AtWork(rows, chunk, prepared, time.monotonic())

    def outcomes(self) -> list[Outcome]:
        """Wait a while for a chunk, and return what became of those that ended; of none where none did."""
        with time_limit_lifted(), self._answering():
            self._wait()
            self._look()
            found = [self._outcome(address) for address, one in list(self._at_work.items()) if one.chunk.done()]
            found += [self._lost(address) for address in list(self._at_work) if address not in self._addresses]
            found += [self._stopped(address) for address, one in list(self._at_work.items()) if self._is_late(one)]
        return found

    def renew(self, resources: Resources) -> None:
        """Have each worker prepared anew at its next chunk."""
        self._leave()
        self.resources = resources
        self._setup = self._told()

    def close(self) -> None:
        """Give up what is at work; what it comes to is a part that fits, or none."""
        with contextlib.suppress(Exception):
            self._client.cancel([one.chunk for one in self._at_work.values()], force=True)
        self._leave()
        with contextlib.suppress(Exception):
            self._client.close(timeout=_CONNECT_S)

    def _await_workers(self) -> None:
        """Wait until there is a worker."""
        self._look()
        while not self._addresses:
            time.sleep(_POLL_S)
            self._look()

    def _wait(self) -> None:
        """Wait for one of the chunks, or for a while."""
        self._news.wait(_POLL_S)
        self._news.clear()

    def _look(self) -> None:
        """See which workers there are."""
        self._addresses = tuple(sorted({*self._client.nthreads()} - self._given_up))
        for address in [one for one in self._prepared if one not in self._addresses]:
            del self._prepared[address]
        now = time.monotonic()
        if self._addresses:
            self._alone_since_s = now
        elif now - self._alone_since_s > self._patience_s:
            message = (
                f"the Dask scheduler {self._scheduler} has had no worker for {self._patience_s:g} s;"
                " start workers, what was made is kept"
            )
            raise SchedulerUnreachableError(message)

    def _outcome(self, address: str) -> Outcome:
        """Return what became of a chunk that ended; its worker is free afterwards."""
        from distributed.scheduler import KilledWorker  # noqa: PLC0415 - an extra

        one = self._at_work.pop(address)
        start, stop = one.rows
        if one.chunk.status in {"cancelled", "lost"}:
            return died(start, stop, f"its Dask worker {address} was lost")
        answer = self._answer(address, one.chunk)
        if answer is None:
            return died(start, stop, f"its Dask worker {address} was lost before it could tell what it made")
        if isinstance(answer, WorkedChunk):
            return answer
        error = answer
        if one.prepared.status == "error":
            self._prepared.pop(address, None)
        if isinstance(error, LedgerError):
            raise error
        if isinstance(error, KilledWorker | NotPreparedError):
            self._prepared.pop(address, None)
            return died(start, stop, f"its Dask worker {address} was killed, perhaps for its memory", error)
        return failure_of(start, stop, error.with_traceback(one.chunk.traceback()))

    def _answer(self, address: str, chunk: DaskFuture) -> WorkedChunk | BaseException | None:
        """Return what a chunk that ended raised, or else what it made; ``None`` where its worker is gone by now.

        What it made lies with the worker until it is asked for. Dask would make it again where the worker is gone, on
        that worker alone, and so wait without end.
        """
        until_s = time.monotonic() + self._timeout_s
        while time.monotonic() < until_s:
            try:
                error: BaseException | None = chunk.exception(timeout=_POLL_S)
                made: WorkedChunk | None = None if error is not None else chunk.result(timeout=_POLL_S)
            except TimeoutError:
                self._look()
                if address not in self._addresses:
                    break
            except CancelledError:
                break
            else:
                return made if error is None else error
        chunk.cancel(force=True)
        return None

    def _lost(self, address: str) -> Outcome:
        """Return what is told of the rows of a worker that is gone."""
        one = self._at_work.pop(address)
        one.chunk.cancel(force=True)
        message = f"its Dask worker {address} is gone: killed, perhaps for its memory, or not reachable any more"
        return died(*one.rows, message)

    def _is_late(self, one: _AtWork) -> bool:
        """Return whether a worker has taken too long; its time begins again when it is prepared."""
        now = time.monotonic()
        if not one.is_prepared and one.prepared.done():
            one.is_prepared, one.since_s = True, now
        return now - one.since_s > self._timeout_s

    def _stopped(self, address: str) -> Outcome:
        """Have a worker restarted that takes too long, and return what is told of its rows."""
        one = self._at_work.pop(address)
        one.chunk.cancel(force=True)
        self._prepared.pop(address, None)
        try:
            self._client.restart_workers([address], timeout=_RESTART_S, raise_for_error=False)
        except TimeoutError:  # It is gone all the same, and another one comes later.
            pass
        except ValueError:  # Nobody watches it.
            self._given_up.add(address)
        self._look()
        return too_late(*one.rows, self._timeout_s)

    def _bound(self, function: Any, address: str, *arguments: Any) -> DaskFuture:  # noqa: ANN401 - as Dask has it
        """Have a function run on one worker and on no other."""
        key = f"dagster-ledger-{function.__name__}-{uuid.uuid4().hex}"
        return self._client.submit(
            function, *arguments, key=key, workers=[address], allow_other_workers=False, retries=0, pure=False
        )

    def _told(self) -> Setup:
        return Setup(uuid.uuid4().hex, self._directory, self._make, self.resources, self._inputs)

    def _leave(self) -> None:
        """Have the workers take down what they prepared; one that is at work, or hangs, is not waited for."""
        idle = [address for address in self._prepared if address not in self._at_work]
        self._prepared.clear()
        with contextlib.suppress(Exception):
            if idle:
                self._client.run(leave, self._setup.token, workers=idle, on_error="ignore")

    def _allowed(self, resources: Resources) -> int | None:
        """Return the memory each worker may take: what was asked for, or a share of what its cluster allows."""
        info = self._client.scheduler_info(n_workers=-1)["workers"].values()
        limits = [int(_OF_WORKER * one["memory_limit"]) for one in info if one.get("memory_limit")]
        if resources.memory_limit_bytes is not None:
            limits.append(resources.memory_limit_bytes)
        return min(limits, default=None)

    @contextlib.contextmanager
    def _answering(self) -> Iterator[None]:
        """Tell in one sentence where the scheduler does not answer any more."""
        try:
            yield
        except LedgerError:
            raise
        except Exception as error:
            if not isinstance(error, _not_answering()):
                raise
            message = (
                f"the Dask scheduler {self._scheduler} does not answer any more ({_first_line(error)});"
                " what was made is kept, run again to resume"
            )
            raise SchedulerUnreachableError(message) from error


def _client(scheduler: str) -> DaskClient:
    """Return a connection to a scheduler."""
    try:
        from distributed import Client  # noqa: PLC0415 - an extra
    except ImportError as error:
        message = (
            "chunk_executor is dask, but Dask is not installed; run pip install 'dagster-ledger[dask]',"
            " or set chunk_executor to processes"
        )
        raise ConfigurationError(message) from error
    try:
        return Client(scheduler, timeout=_CONNECT_S, set_as_default=False, name="dagster-ledger")
    except (OSError, TimeoutError, ValueError) as error:
        message = (
            f"the Dask scheduler {scheduler} cannot be reached ({_first_line(error)}); start it, or correct"
            " dask_scheduler"
        )
        raise SchedulerUnreachableError(message) from error


def _not_answering() -> tuple[type[Exception], ...]:
    """Return what Dask raises where the other side is gone."""
    from distributed.client import ClosedClientError  # noqa: PLC0415 - an extra

    return OSError, TimeoutError, RuntimeError, CancelledError, ClosedClientError


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [""])[0][:200] or type(error).__name__
