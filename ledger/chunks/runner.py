"""Runs a plan: works at what has no part yet until nothing is left, and survives whatever happens to single chunks.

Rules:
- What is left is read from the parts, so a run that was killed goes on where it was, at any chunk size.
- A chunk that fails is tried again, later each time. One that goes on failing is cut in halves, until the rows that
  cannot be made are few; the rest is made. Then the run fails and names them, or leaves them out, as asked.
- Where the first chunks all fail and none succeeds, it is not a matter of rows: the run stops at once.
- How much is tried at a time is the sizer's business; that nothing is lost or doubled does not depend on it.
- The time left is told from the rows that this run makes: what an earlier one left took no time of it.
"""

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from ledger.chunks.estimate import RateEstimator
from ledger.chunks.executors import Executor
from ledger.chunks.options import ChunkOptions
from ledger.chunks.parts import Death, Part, Parts
from ledger.chunks.plan import Plan, WatchedFile
from ledger.chunks.sizing import Adaptation, Sizer
from ledger.chunks.tiling import Range, halves, is_tiling
from ledger.chunks.work import FailedChunk, FoundChunk, Maker, WorkedChunk
from ledger.chunks.workers import open_executor
from ledger.errors import LedgerError
from ledger.measure.deadline import time_limit_lifted

_HOPELESS_AFTER: Final = 3
_PINNED_SHARE: Final = 64
_NAMED: Final = 5
_NOTHING: Final = "nothing could be made"
_SOME: Final = "{} of {} rows could not be made"


class ChunksFailedError(LedgerError):
    """Some rows could not be made; everything else is kept, and a resume tries only them (exit code 1)."""

    def __init__(self, message: str, failed: Sequence[FailedChunk]) -> None:
        """Say which rows, and keep what was raised at each."""
        super().__init__(message)
        self.failed: Final = tuple(failed)


class ChunkListener(Protocol):
    """Is told what happens, in the process and thread that runs the plan."""

    def resumed(self, kept: Sequence[Part], damaged: Sequence[Part], deaths: Sequence[Death]) -> None:
        """Work begins, with what an earlier run left."""

    def completed(self, chunk: WorkedChunk | FoundChunk, done_rows: int, total_rows: int, eta_s: float | None) -> None:
        """A chunk was made; what it took is known where its worker lived to say so."""

    def failed(self, chunk: FailedChunk, attempt: int, *, is_final: bool) -> None:
        """A chunk failed; unless that is final, it is tried again, whole or in halves."""

    def adapted(self, adaptation: Adaptation) -> None:
        """How the work is done changes."""


@dataclass(frozen=True, slots=True)
class Finished:
    """What a run made.

    Attributes:
        chain: The parts in order.
        quarantined: Rows that are left out, with what was raised at them.
        resumed_rows: Rows whose parts were there before.
        attempts: Chunks that were worked at, failed ones included.
        parts: Where they are; no other run removes them while this is kept.
    """

    chain: tuple[Part, ...]
    quarantined: tuple[FailedChunk, ...]
    resumed_rows: int
    attempts: int
    parts: Parts

    @property
    def quarantined_rows(self) -> int:
        """How many rows are left out."""
        return sum(one.stop - one.start for one in self.quarantined)


@dataclass(slots=True)
class _Task:
    """Rows that are to be made."""

    rows: Range
    attempt: int = 1
    not_before: float = 0.0
    is_whole: bool = False
    """A task that is tried again is not cut by the sizer but for memory."""


def run(
    plan: Plan,
    directory: Path,
    make: Maker,
    options: ChunkOptions,
    listener: ChunkListener,
    *,
    inputs: Sequence[WatchedFile] = (),
) -> Finished:
    """Make everything the plan asks for that is not there yet.

    Args:
        plan: What is to be made.
        directory: Where parts are kept until the result is published; it belongs to this plan.
        make: Makes the function of a worker.
        options: How.
        listener: Who is told.
        inputs: Files that must not change meanwhile.

    Raises:
        PlanChangedError: The directory holds the work of another plan.
        InputChangedError: An input changed; no part of the changed input is kept.
        ChunksFailedError: Some rows could not be made, and none may be left out.
        StoreError: The medium refused; what was made is kept.
    """
    parts = Parts(directory)
    parts.begin(plan)
    try:
        return _made(plan, parts, make, options, listener, inputs)
    except BaseException:
        parts.release()  # Whoever keeps the exception keeps what it passed through.
        raise


def _made(
    plan: Plan,
    parts: Parts,
    make: Maker,
    options: ChunkOptions,
    listener: ChunkListener,
    inputs: Sequence[WatchedFile],
) -> Finished:
    """Make what is not there yet."""
    damaged, deaths = parts.drop_damaged(), parts.deaths()
    chain = parts.chain(plan.rows)
    listener.resumed(chain, damaged, deaths)
    if not parts.gaps(plan.rows):
        return Finished(chain, (), plan.rows, 0, parts)
    workers = open_executor(parts, make, inputs, options)
    try:
        sizer = Sizer(options.chunk_size, workers.resources.memory_limit_bytes, smallest_rows=options.smallest_rows)
        for death in deaths:
            _tell(listener, sizer.died_at(death.stop - death.start))
        return _Run(plan, parts, options, listener, sizer, workers, _rows(chain)).go()
    finally:
        workers.close()


@dataclass(slots=True)
class _Run:
    """A plan that is being run."""

    plan: Plan
    parts: Parts
    options: ChunkOptions
    listener: ChunkListener
    sizer: Sizer
    workers: Executor
    resumed_rows: int
    done_rows: int = 0
    attempts: int = 0
    succeeded: int = 0
    are_tight: bool = False
    fresh: deque[_Task] = field(default_factory=deque)
    again: list[_Task] = field(default_factory=list)
    troubled: set[Range] = field(default_factory=set)
    at_work: dict[Range, _Task] = field(default_factory=dict)
    lost: list[FailedChunk] = field(default_factory=list)
    given_up: set[Range] = field(default_factory=set)
    rate: RateEstimator = field(default_factory=RateEstimator)
    timed_s: float | None = None
    untimed: list[WorkedChunk] = field(default_factory=list)

    def go(self) -> Finished:
        """Work until nothing is left."""
        self.done_rows = self.resumed_rows
        self.fresh.extend(_Task(rows) for rows in self.parts.gaps(self.plan.rows))
        while self.fresh or self.again or self.at_work:
            self._hand_out()
            outcomes = self.workers.outcomes()
            self._time([outcome for outcome in outcomes if isinstance(outcome, WorkedChunk)])
            for outcome in outcomes:
                self._take(outcome)
            if self._tightens and not self.at_work:
                self._tighten()
        return self._finished()

    @property
    def _tightens(self) -> bool:
        """Whether the strategy is to be switched as soon as no worker is at a chunk."""
        return self.sizer.is_tight and not self.are_tight

    def _hand_out(self) -> None:
        """Give the workers something to do; wait where all that is left is to be tried again later."""
        while (self.fresh or self.again) and len(self.at_work) < self.workers.workers:
            if self._tightens and self.at_work:
                return
            task = self._next()
            if task is None:
                if self.at_work:
                    return
                with time_limit_lifted():
                    time.sleep(max(min(one.not_before for one in self.again) - time.monotonic(), 0.0))
                continue
            self.attempts += 1
            self.at_work[task.rows] = task
            self.workers.submit(task.rows)

    def _next(self) -> _Task | None:
        """Take what is to be tried again, else new rows; ``None`` where all have to wait."""
        now = time.monotonic()
        ready = [task for task in self.again if task.not_before <= now]
        if ready:
            task = min(ready, key=lambda one: (one.not_before, one.rows))
            self.again.remove(task)
            return self._cut(task, self.again.append)
        if not self.fresh or (self.again and self._is_hopeless(len(self.troubled))):
            return None
        return self._cut(self.fresh.popleft(), self.fresh.appendleft)

    def _cut(self, task: _Task, put_back: Callable[[_Task], None]) -> _Task:
        """Return the first rows of a task, and put the others back."""
        start, stop = task.rows
        if task.is_whole or stop - start <= self.sizer.rows:
            return task
        cut = start + self.sizer.rows
        put_back(_Task((cut, stop), task.attempt))
        return _Task((start, cut), task.attempt)

    def _is_hopeless(self, failures: int) -> bool:
        """Return whether as many failures, and never a success, say that it is not a matter of rows."""
        return not self.succeeded and not self.resumed_rows and failures >= _HOPELESS_AFTER

    def _time(self, made: Sequence[WorkedChunk]) -> None:
        """Take note of how long chunks took: of as many as there are workers, since those end in bursts.

        The first ones are told by their own time, for the workers had to be started before.
        """
        self.untimed += made
        workers = self.workers.workers
        if not self.untimed or len(self.untimed) < workers:
            return
        now_s = time.monotonic()
        rows = sum(chunk.part.stop - chunk.part.start for chunk in self.untimed)
        own_s = sum(chunk.wall_s for chunk in self.untimed) / max(workers, 1)  # A cluster may just have lost all.
        self.rate.observe(rows, own_s if self.timed_s is None else now_s - self.timed_s)
        self.timed_s = now_s
        self.untimed.clear()

    def _take(self, outcome: WorkedChunk | FailedChunk) -> None:
        """Take note of what became of a chunk."""
        if isinstance(outcome, FailedChunk):
            self._retry(self.at_work.pop((outcome.start, outcome.stop)), outcome)
            return
        start, stop = outcome.part.rows
        del self.at_work[start, stop]
        self._complete(outcome)
        _tell(self.listener, self.sizer.observe(stop - start, outcome.base_bytes, outcome.peak_bytes))

    def _complete(self, chunk: WorkedChunk | FoundChunk) -> None:
        """Count the rows of a chunk, and tell of it."""
        self.succeeded += 1
        self.done_rows += chunk.part.stop - chunk.part.start
        eta_s = self.rate.eta_s(self.plan.rows - self.done_rows)
        self.listener.completed(chunk, self.done_rows, self.plan.rows, eta_s)

    def _retry(self, task: _Task, failure: FailedChunk) -> None:
        """Try a chunk again, cut it, or give its rows up."""
        size = failure.stop - failure.start
        found = next((part for part in self.parts.found() if part.rows == task.rows), None)
        if found is not None:
            # It was stopped, or killed, when its part had its name already.
            self._complete(FoundChunk(found, self.parts.read(found).num_rows))
            return
        if failure.kind == "died":
            _tell(self.listener, self.sizer.died_at(size))
        self.troubled.add(task.rows)
        again = task.attempt <= self.options.retries
        smallest = max(1, min(self.options.smallest_rows, self.options.chunk_size // _PINNED_SHARE))
        cuts = not again and size > smallest
        self.listener.failed(failure, task.attempt, is_final=not again and not cuts)
        if again:
            later = time.monotonic() + self.options.backoff_s * 2.0 ** (task.attempt - 1)
            self.again.append(_Task(task.rows, task.attempt + 1, later, is_whole=failure.kind != "died"))
            return
        self.given_up.add(task.rows)
        if self._is_hopeless(len(self.given_up)):
            raise _error(_NOTHING, [*self.lost, failure])
        if cuts:
            self.again += [_Task(half, self.options.retries + 1, is_whole=True) for half in halves(task.rows)]
        else:
            self.lost.append(failure)

    def _tighten(self) -> None:
        """Switch the strategy: the engine of each worker limits itself from the next chunk on."""
        self.are_tight = True
        self.workers.renew(self.workers.resources.tightened())

    def _finished(self) -> Finished:
        chain, gaps = self.parts.chain(self.plan.rows), self.parts.gaps(self.plan.rows)
        # Another run of the same plan may have made what this one could not.
        lost = sorted((one for one in self.lost if _overlaps(one, gaps)), key=lambda one: one.start)
        missing = [(one.start, one.stop) for one in lost]
        if lost and self.options.on_failure == "fail":
            raise _error(_SOME.format(sum(stop - start for start, stop in missing), self.plan.rows), lost)
        if not is_tiling([part.rows for part in chain], self.plan.rows, missing):
            message = f"the parts in {self.parts.directory} are not all rows; remove the directory and run again"
            raise LedgerError(message)
        return Finished(chain, tuple(lost), self.resumed_rows, self.attempts, self.parts)


def _error(what: str, failed: Sequence[FailedChunk]) -> ChunksFailedError:
    """Return the error that names the rows, with what was raised at the first of them as its cause."""
    lost = sorted(failed, key=lambda one: one.start)
    named = ", ".join(f"{one.start} to {one.stop - 1}" for one in lost[:_NAMED])
    more = f" and {len(lost) - _NAMED} more ranges" if len(lost) > _NAMED else ""
    first = lost[0]
    message = f"{what} (rows {named}{more}): {first.error_type}: {first.message}; the rest is kept, run again to resume"
    error = ChunksFailedError(message, lost)
    error.__cause__ = first.error
    return error


def _overlaps(failure: FailedChunk, ranges: Sequence[Range]) -> bool:
    return any(start < failure.stop and stop > failure.start for start, stop in ranges)


def _rows(chain: Sequence[Part]) -> int:
    return sum(part.stop - part.start for part in chain)


def _tell(listener: ChunkListener, adaptation: Adaptation | None) -> None:
    if adaptation is not None:
        listener.adapted(adaptation)
