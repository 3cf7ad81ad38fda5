"""Closes attempts whose process is gone without having said how they ended.

Rules:
- An attempt is closed as *lost* only on evidence: its process does not exist any more, its machine was restarted,
  Dagster says its step or its run is over, or it comes from another machine and has been silent for ``stale_after_s``.
- The close is appended to the attempt's own stream, so that of several reconcilers, and of the attempt itself should
  it still be alive, exactly one gets the last word.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from ledger.errors import ConflictError
from ledger.events import END_KINDS, AssetLost, AssetStarted, Event, Json, ProgressReported, RecordedEvent, StreamId
from ledger.events.codec import from_table
from ledger.measure import ProcessIdentity, liveness
from ledger.service.project.clock import Clock, utc_now
from ledger.service.recording.recorder import StreamRecorder
from ledger.store.protocol import EventQuery, LedgerStore

STALE_AFTER_S: Final = 600.0
"""Ten missed heartbeats."""


@dataclass(frozen=True, slots=True)
class LostAttempt:
    """An attempt that is gone: its asset, run, when it started, and how it is known."""

    asset: str
    run_id: str
    started: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """What else may tell that an attempt is over.

    Attributes:
        run_ended: Returns the final status Dagster knows for a run id, ``None`` while it runs or is unknown.
        step_ended: The same for a step: run id and step key.
        stale_after_s: Silence after which an attempt of an unreachable machine counts as lost.
    """

    run_ended: Callable[[str], str | None] = lambda _: None
    step_ended: Callable[[str, str], str | None] = lambda _, __: None
    stale_after_s: float = STALE_AFTER_S


_NO_MORE: Final = Evidence()


def reconcile(store: LedgerStore, evidence: Evidence = _NO_MORE, *, clock: Clock = utc_now) -> list[LostAttempt]:
    """Close every lost attempt of a ledger and return them; doing it again changes nothing.

    Raises:
        StoreError: The ledger cannot be read or written.
    """
    return [lost for lost, history in _lost(store, evidence, clock) if _close(store, history, lost.reason, clock)]


def find_lost(
    store: LedgerStore, evidence: Evidence = _NO_MORE, *, clock: Clock = utc_now, run_ids: tuple[str, ...] = ()
) -> list[LostAttempt]:
    """Return the attempts that ``reconcile`` would close, and change nothing.

    Args:
        store: The ledger.
        evidence: Where else to look.
        clock: Gives the time now.
        run_ids: Only look at these runs; at all of them where there are none.

    Raises:
        StoreError: The ledger cannot be read.
    """
    return [lost for lost, _ in _lost(store, evidence, clock, run_ids)]


def _lost(
    store: LedgerStore, evidence: Evidence, clock: Clock, run_ids: tuple[str, ...] = ()
) -> Iterator[tuple[LostAttempt, list[RecordedEvent]]]:
    """Yield each lost attempt with all that it said."""
    for stream in open_streams(store, run_ids):
        history = list(from_table(store.read(EventQuery(streams=(stream,)))))
        if any(entry.event.KIND in END_KINDS for entry in history):
            continue  # It ended, or somebody closed it, since the streams were listed.
        first = history[0]
        reason = why_lost(first.event, history[-1].ts, evidence, clock=clock)
        if reason is not None:
            yield LostAttempt(first.event.asset or "", first.event.run_id or "", first.ts, reason), history


def open_streams(store: LedgerStore, run_ids: tuple[str, ...] = ()) -> list[str]:
    """Return the streams of attempts that started and have not ended, sorted; of some runs, or of all."""
    query = EventQuery(kinds=("asset_started", *END_KINDS), run_ids=run_ids, columns=("stream", "kind"))
    events = store.read(query)
    started = pc.equal(events.column("kind"), "asset_started")
    ended = pc.unique(events.filter(pc.invert(started)).column("stream"))
    streams = pc.unique(events.filter(started).column("stream"))
    still_open = streams.filter(pc.invert(pc.is_in(streams, pa.array(ended, pa.string()))))
    return sorted(still_open.to_pylist())


def why_lost(
    started: Event, last_seen: datetime, evidence: Evidence = _NO_MORE, *, clock: Clock = utc_now
) -> str | None:
    """Return how it is known that an attempt is gone, ``None`` while it may be alive.

    Args:
        started: Its first event.
        last_seen: Time of its last event.
        evidence: Where else to look.
        clock: Gives the time now.
    """
    if not isinstance(started, AssetStarted):
        return None
    life = _life(started)
    if life == "gone":
        return f"process {started.pid} on {started.host} is gone and did not say how it ended"
    over = _over(started, evidence)
    if over is not None:
        return f"Dagster says the {over}, and process {started.pid} did not say how it ended"
    silent_s = (clock() - last_seen).total_seconds()
    if life == "unknown" and silent_s > evidence.stale_after_s:
        return f"process {started.pid} on {started.host} has been silent for {silent_s:.0f} s"
    return None


def _life(started: AssetStarted) -> str:
    """Return whether the process of an attempt lives: ``alive``, ``gone`` or ``unknown``."""
    if started.host is None or started.pid is None:
        return "unknown"
    identity = ProcessIdentity(
        host=started.host,
        boot_id=started.boot_id,
        pid=started.pid,
        pid_namespace=started.pid_namespace,
        pid_started_ticks=started.pid_started_ticks,
    )
    return liveness(identity)


def _over(started: AssetStarted, evidence: Evidence) -> str | None:
    """Return what Dagster says has ended, ``None`` where it knows of no end."""
    run_id = started.run_id or ""
    run_status = evidence.run_ended(run_id)
    if run_status is not None:
        return f"run is over ({run_status})"
    step_status = evidence.step_ended(run_id, started.step_key or "")
    return f"step is over ({step_status})" if step_status is not None else None


def _close(store: LedgerStore, history: list[RecordedEvent], reason: str, clock: Clock) -> bool:
    """Append *lost*; return whether this call did it."""
    first, last = history[0], history[-1]
    started = first.event
    head = store.head(first.stream)
    if not isinstance(started, AssetStarted) or head is None or head.number != last.batch:
        return False
    context: dict[str, Json] = {"host": started.host, "pid": started.pid, "step_key": started.step_key}
    progress = [entry.event for entry in history if isinstance(entry.event, ProgressReported)]
    if progress:
        context["progress_rows"], context["total_rows"] = progress[-1].value, progress[-1].total
    event = AssetLost(
        asset=started.asset,
        partition=started.partition,
        run_id=started.run_id,
        reason=reason,
        last_seen_s=(last.ts - first.ts).total_seconds(),
        context=context,
    )
    recorder = StreamRecorder(store, StreamId.parse(first.stream), clock=clock, head=head)
    try:
        recorder.record(event)
    except ConflictError:
        return False
    return True
