"""What was appended to a ledger after a manifest's checkpoint, and whether the manifest may still be acted upon.

Rules:
- A live ledger grows; growth is allowed as long as it holds no failure in scope.
- In scope is everything but what is known to be about another commit: a failed run of somebody's branch stops nobody, a
  failure that nobody can tell the commit of stops everybody.
- Failures are: a check that failed as an error or closed a gate, a verdict that is FAIL, an alert of at least error that
  is not acknowledged, a smoke case that failed, a run that failed, an attempt whose process was lost.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Final

import pyarrow as pa

from ledger.events import (
    AlertAcknowledged,
    AlertRaised,
    AssetLost,
    AssetStarted,
    CheckEvaluated,
    Event,
    RecordedEvent,
    RunFinished,
    SmokeTested,
    UnknownEvent,
    VerdictReached,
)
from ledger.events.codec import from_table
from ledger.projections.fold import in_order

QUERY_KINDS: Final = (
    "alert_acknowledged",
    "alert_raised",
    "asset_lost",
    "check_evaluated",
    "run_finished",
    "smoke_tested",
    "verdict_reached",
)
"""The event kinds that can be a failure, or take one back."""

START_KINDS: Final = ("asset_started",)
"""The event kinds that tell which commit a run is of."""

_GRAVE: Final = frozenset({"error", "critical"})


def failures_since(later: pa.Table, starts: pa.Table, commit: str, now: datetime) -> list[str]:
    """Return a sentence for each failure in scope that was appended later, in the order they happened.

    Args:
        later: Events of ``QUERY_KINDS`` that the checkpoint does not cover; left untouched.
        starts: Events of ``START_KINDS`` of the whole ledger, or at least of the runs in ``later``; left untouched.
        commit: The manifest's commit (hex).
        now: Moment at which acknowledgements must still hold.
    """
    recorded = list(from_table(in_order(later)))
    commits = _commits(starts)
    acknowledged = {
        entry.event.alert_id
        for entry in recorded
        if isinstance(entry.event, AlertAcknowledged) and entry.event.holds_at(now)
    }
    return [
        f"{said} ({entry.stream}, position {entry.seq})"
        for entry in recorded
        for said in _failure(entry, acknowledged)
        if _in_scope(entry.event, commits, commit)
    ]


def _failure(entry: RecordedEvent, acknowledged: set[str]) -> Iterator[str]:
    """Yield what failed, if anything did."""
    match entry.event:
        case CheckEvaluated(status="failed") as event if event.severity == "error" or event.blocking:
            yield f"check {event.check} of {event.asset} failed"
        case VerdictReached(outcome="FAIL") as event:
            yield f"the gate said FAIL: {event.sentence}"
        case AlertRaised() as event if event.severity in _GRAVE and event.alert_id not in acknowledged:
            yield f"alert {event.alert_id} ({event.severity}): {event.message}"
        case SmokeTested(status="failed") as event:
            yield f"smoke case {event.case} failed"
        case RunFinished() as event if event.status == "failed":
            yield f"run {event.run_id} failed"
        case AssetLost() as event:
            yield f"{event.asset} of run {event.run_id} was lost"
        case UnknownEvent() as event:
            yield f"there is an event {event.kind} of version {event.kind_version} that this release cannot judge"


def _in_scope(event: Event, commits: Mapping[str, set[str | None]], commit: str) -> bool:
    """Return whether an event may be about a commit."""
    if isinstance(event, SmokeTested | VerdictReached) and event.code_version is not None:
        return event.code_version == commit
    known = commits.get(event.run_id or "", {None})
    return commit in known or None in known


def _commits(starts: pa.Table) -> dict[str, set[str | None]]:
    """Return the commits each run is of; ``None`` among them where an attempt did not know."""
    found: dict[str, set[str | None]] = {}
    for entry in from_table(starts):
        if isinstance(entry.event, AssetStarted) and entry.event.run_id is not None:
            found.setdefault(entry.event.run_id, set()).add(entry.event.code_version)
    return found
