"""Writes how a run ended: what was blocked and by which gate, what its assets add up to, and the end itself.

Rules:
- Dagster has no event for a step it left out. What was blocked follows from what was planned, what was made, which gate
  failed and what depends on what.
- An asset behind one that raised is not blocked by a gate, it is just behind a failure.
- A run is closed once; closing it again changes nothing, so command line and sensor may both do it.
"""

import dagster as dg

from ledger.dagster.session import Session
from ledger.dagster.step import depending
from ledger.errors import ConflictError
from ledger.events import (
    AlertRaised,
    AssetBlocked,
    AssetFailed,
    AssetFinished,
    AssetLost,
    AssetStarted,
    CheckEvaluated,
    Event,
    MetricMeasured,
    RunFinished,
    RunStarted,
    run_stream,
)
from ledger.events.codec import from_table
from ledger.measure import run_probe
from ledger.metrics import lookup
from ledger.projections.runs import runs
from ledger.service.alerts.alerting import alert_id
from ledger.service.project.clock import Clock, utc_now
from ledger.service.recording.recorder import StreamRecorder
from ledger.service.recording.upkeep import after_run
from ledger.store.protocol import EventQuery


def close_run(
    session: Session, job: dg.JobDefinition, run_id: str, status: str, message: str | None, *, clock: Clock = utc_now
) -> bool:
    """Append how a run ended; return whether this call did it.

    Args:
        session: The ledger.
        job: The job that was run.
        run_id: Dagster run id.
        status: ``success``, ``failed`` or ``canceled``.
        message: Why, where it was no success.
        clock: Gives the time at which it ended.
    """
    stream = run_stream(run_id)
    # Where the stream ends is asked first: whoever closes the run after that makes the append below a conflict.
    head = session.store.head(str(stream))
    events = session.store.read(EventQuery(run_ids=(run_id,)))
    told = [entry.event for entry in from_table(events)]
    if any(isinstance(event, RunFinished) for event in told):
        return False
    row = runs(events).to_pylist()[0]
    began = row["started"]
    totals = {
        "run_duration_s": (clock() - began).total_seconds() if began is not None else None,
        "run_cpu_s": row["cpu_s"],
        "run_peak_rss_bytes": row["peak_rss_bytes"],
        "run_rows_out": row["rows_out"],
        "run_assets": row["assets"],
        "run_failed_assets": row["unsuccessful"],
        "probe_s": run_probe(),
    }
    measured = [
        MetricMeasured(run_id=run_id, metric=name, value=float(value), unit=lookup(session.registry, name).unit)
        for name, value in totals.items()
        if value is not None
    ]
    ended: list[Event] = [*blocked_in(job, told), *_failure_alerts(told), *measured]
    recorder = StreamRecorder(session.store, stream, registry=session.registry, clock=clock, head=head)
    try:
        recorder.record(*ended, RunFinished(run_id=run_id, status=status, message=message))
    except ConflictError:
        return False  # Somebody else closed it at the same moment.
    after_run(session.store, session.resolved.settings)
    return True


def blocked_in(job: dg.JobDefinition, told: list[Event]) -> list[AssetBlocked]:
    """Return what the gates of a run kept from being made.

    Args:
        job: The job that was run.
        told: The events of the run, in order.
    """
    planned = {name for event in told if isinstance(event, RunStarted) for name in event.planned_assets}
    begun = {name for event in told if isinstance(event, AssetStarted) for name in event.output_assets}
    waiting = frozenset(planned - begun)
    behind_failure = {name for broken in _broken(told) for name in depending(job, _key(broken), waiting)}
    found: dict[tuple[str, str], AssetBlocked] = {}
    for gate in _closed_gates(told):
        for name in depending(job, _key(gate.asset or ""), waiting - behind_failure):
            found[name, gate.check] = AssetBlocked(
                asset=name,
                partition=gate.partition,
                run_id=gate.run_id,
                blocked_by=gate.asset or "",
                gate_run_id=gate.run_id or "",
                check=gate.check,
                metric=gate.metric,
                value=gate.value,
                threshold=gate.threshold,
                reason=f"gate {gate.check} of {gate.asset} failed ({_first_part(gate.description)})",
            )
    return [found[key] for key in sorted(found)]


def _closed_gates(told: list[Event]) -> list[CheckEvaluated]:
    """Return the gates whose last evaluation failed."""
    latest = {
        (event.asset, event.partition, event.check): event
        for event in told
        if isinstance(event, CheckEvaluated) and event.blocking
    }
    return [event for event in latest.values() if event.status == "failed" and event.severity == "error"]


def _broken(told: list[Event]) -> set[str]:
    """Return the assets that were begun and never finished."""
    outputs = {event.asset: event.output_assets for event in told if isinstance(event, AssetStarted)}
    finished = {event.asset for event in told if isinstance(event, AssetFinished)}
    ended = {event.asset for event in told if isinstance(event, AssetFailed | AssetLost)}
    return {name for subject in ended - finished for name in outputs.get(subject, ())}


def _failure_alerts(told: list[Event]) -> list[AlertRaised]:
    """Return an alert for each asset that was lost or raised for good."""
    finished = {event.asset for event in told if isinstance(event, AssetFinished)}
    alerts = []
    for event in told:
        if not isinstance(event, AssetFailed | AssetLost) or event.asset in finished:
            continue
        if event.status in {"retrying", "canceled", "blocked"}:
            continue
        why = event.reason if isinstance(event, AssetLost) else f"{_class_name(event)}: {event.error_message}"
        alerts.append(
            AlertRaised(
                asset=event.asset,
                partition=event.partition,
                run_id=event.run_id,
                alert_id=alert_id(event.run_id, event.asset, event.partition, "failure"),
                severity="error",
                message=f"{event.asset} {event.status}: {' '.join(why.split())[:500]}",
            )
        )
    return alerts


def _class_name(event: AssetFailed) -> str:
    return event.error_type.rpartition(".")[2]


def _first_part(description: str | None) -> str:
    """Return what a check said, without its forecast."""
    return (description or "it failed").partition("; not made")[0]


def _key(name: str) -> dg.AssetKey:
    return dg.AssetKey.from_user_string(name)
