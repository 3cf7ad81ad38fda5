"""What a ledger may grow by between a manifest and a deployment: by anything but a failure of what is deployed.

Rules:
- In scope is what happened to runs of the commit, to smoke tests of it, and verdicts about it.
- What another commit does meanwhile says nothing about this one.
- An attempt that is tried again is no failure; how the last one ends is.
"""

from collections.abc import Collection, Iterable
from typing import Final

from ledger.events import (
    AlertRaised,
    AssetFailed,
    AssetLost,
    CheckEvaluated,
    Event,
    RecordedEvent,
    RunFinished,
    SmokeTested,
    VerdictReached,
)

KINDS: Final = (
    "alert_raised",
    "asset_failed",
    "asset_lost",
    "check_evaluated",
    "run_finished",
    "smoke_tested",
    "verdict_reached",
)
"""The event kinds that can be a failure."""

_GRAVE: Final = frozenset({"error", "critical"})


def failures(entries: Iterable[RecordedEvent], commit: str, run_ids: Collection[str]) -> tuple[str, ...]:
    """Return what failed, one sentence each, in the order of the events.

    Args:
        entries: What was appended since.
        commit: The commit (hex).
        run_ids: Runs of the jobs in scope on the commit.
    """
    return tuple(filter(None, (_failure(entry, commit, run_ids) for entry in entries)))


def _failure(entry: RecordedEvent, commit: str, run_ids: Collection[str]) -> str | None:
    event = entry.event
    if isinstance(event, SmokeTested | VerdictReached):
        said = _of_commit(event) if event.code_version == commit else None
    else:
        said = _of_run(event) if event.run_id in run_ids else None
    return f"{said} ({entry.stream}#{entry.seq})" if said else None


def _of_commit(event: SmokeTested | VerdictReached) -> str | None:
    if isinstance(event, SmokeTested):
        return f"smoke case {event.case} failed" if event.status != "passed" else None
    return "the gate said FAIL" if event.outcome == "FAIL" else None


def _of_run(event: Event) -> str | None:
    """Return what failed in a run, ``None`` where nothing did."""
    said = None
    if isinstance(event, CheckEvaluated) and event.blocking and event.status != "passed":
        said = f"{event.check} of {event.asset} failed"
    elif isinstance(event, AlertRaised) and event.severity in _GRAVE:
        said = event.message
    elif isinstance(event, AssetLost) or (isinstance(event, AssetFailed) and event.status != "retrying"):
        said = f"{event.asset} did not end well"
    elif isinstance(event, RunFinished) and event.status != "success":
        said = f"run {event.run_id} ended with {event.status}"
    return said
