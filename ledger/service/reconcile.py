"""Closes attempts whose process is gone without having said how they ended.

Rules:
- An attempt is closed as *lost* only on evidence: its process does not exist any more, its machine was restarted,
  Dagster says its run is over, or it comes from another machine and has been silent for ``stale_after_s``.
- The close is appended to the attempt's own stream, so that of several reconcilers, and of the attempt itself should
  it still be alive, exactly one gets the last word.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from ledger.errors import ConflictError
from ledger.events import END_KINDS, AssetLost, AssetStarted, Json, ProgressReported, RecordedEvent, StreamId
from ledger.events.codec import from_table
from ledger.measure import ProcessIdentity, liveness
from ledger.service.clock import Clock, utc_now
from ledger.service.recorder import StreamRecorder
from ledger.store.protocol import EventQuery, LedgerStore

STALE_AFTER_S: Final = 600.0
"""Ten missed heartbeats."""


@dataclass(frozen=True, slots=True)
class LostAttempt:
    """An attempt that was closed: its asset, run, when it started, and how it is known to be gone."""

    asset: str
    run_id: str
    started: datetime
    reason: str


def reconcile(
    store: LedgerStore,
    *,
    run_ended: Callable[[str], str | None] | None = None,
    clock: Clock = utc_now,
    stale_after_s: float = STALE_AFTER_S,
) -> list[LostAttempt]:
    """Close every lost attempt of a ledger and return them; doing it again changes nothing.

    Args:
        store: The ledger.
        run_ended: Returns the final status Dagster knows for a run id, ``None`` while it runs or is unknown.
        clock: Gives the time.
        stale_after_s: Silence after which an attempt of an unreachable machine counts as lost.

    Raises:
        StoreError: The ledger cannot be read or written.
    """
    lost = []
    for stream in open_streams(store):
        history = list(from_table(store.read(EventQuery(streams=(stream,)))))
        reason = _why_lost(history, run_ended, clock, stale_after_s)
        if reason is not None and _close(store, history, reason, clock):
            started = history[0]
            lost.append(LostAttempt(started.event.asset or "", started.event.run_id or "", started.ts, reason))
    return lost


def open_streams(store: LedgerStore) -> list[str]:
    """Return the streams of attempts that started and have not ended, sorted."""
    query = EventQuery(kinds=("asset_started", *END_KINDS), columns=("stream", "kind"))
    events = store.read(query)
    started = pc.equal(events.column("kind"), "asset_started")
    ended = pc.unique(events.filter(pc.invert(started)).column("stream"))
    streams = pc.unique(events.filter(started).column("stream"))
    still_open = streams.filter(pc.invert(pc.is_in(streams, pa.array(ended, pa.string()))))
    return sorted(still_open.to_pylist())


def _why_lost(
    history: list[RecordedEvent], run_ended: Callable[[str], str | None] | None, clock: Clock, stale_after_s: float
) -> str | None:
    """Return how it is known that an attempt is gone, ``None`` while it may be alive."""
    started = history[0].event
    if not isinstance(started, AssetStarted):
        return None
    identity = ProcessIdentity(
        host=started.host,
        boot_id=started.boot_id,
        pid=started.pid,
        pid_namespace=started.pid_namespace,
        pid_started_ticks=started.pid_started_ticks,
    )
    life = liveness(identity)
    if life == "gone":
        return f"process {started.pid} on {started.host} is gone and did not say how it ended"
    final = run_ended(started.run_id) if run_ended and started.run_id else None
    if final is not None:
        return f"Dagster says the run is over ({final}), and process {started.pid} did not say how it ended"
    silent_s = (clock() - history[-1].ts).total_seconds()
    if life == "unknown" and silent_s > stale_after_s:
        return f"process {started.pid} on {started.host} has been silent for {silent_s:.0f} s"
    return None


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
