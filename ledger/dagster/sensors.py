"""Sensors for runs that no command line watches: they write how a run ended, and tell people of its alerts.

Rules:
- Dagster's daemon must run, and the sensors be switched on; a run launched by `dagster-ledger run` needs neither.
- A tick that is repeated changes nothing: a run is closed once, an alert is told once per channel.
"""

from datetime import UTC, datetime
from typing import Final

import dagster as dg

from ledger.dagster.closing import close_run
from ledger.dagster.run_settings import settings_of
from ledger.dagster.session import open_run, open_session, run_started
from ledger.service.alerts.channels import channels_of
from ledger.service.alerts.notify import Delivery, deliver
from ledger.service.project.clock import utc_now

_ENDS: Final = {
    dg.DagsterRunStatus.SUCCESS: "success",
    dg.DagsterRunStatus.FAILURE: "failed",
    dg.DagsterRunStatus.CANCELED: "canceled",
}


def ledger_sensors(
    *, default_status: dg.DefaultSensorStatus = dg.DefaultSensorStatus.RUNNING
) -> list[dg.SensorDefinition]:
    """Return the sensors, one per way a run ends, to be put into ``Definitions(sensors=...)``.

    Args:
        default_status: Whether they are on unless somebody switches them off.
    """
    return [_sensor(status, default_status) for status in _ENDS]


def finish_run(instance: dg.DagsterInstance, run: dg.DagsterRun, job: dg.JobDefinition) -> list[Delivery]:
    """Write how a run ended unless that is known, tell its alerts that were not told, and return the deliveries.

    Args:
        instance: The instance the run is in.
        run: The run, which has ended.
        job: The job that was run.
    """
    resolved = settings_of(run.tags)
    session = open_session(resolved=resolved)
    planned = run.asset_selection or job.asset_layer.selected_asset_keys
    open_run(session, run_started(run, tuple(sorted(key.to_user_string() for key in planned))), run.run_config)
    failures = [
        entry.message
        for entry in instance.all_logs(run.run_id, of_type=dg.DagsterEventType.STEP_FAILURE)
        if entry.message
    ]
    message = "; ".join(failures)[:2000] or None
    close_run(session, job, run.run_id, _ENDS[run.status], message, clock=lambda: _ended_at(instance, run.run_id))
    settings = resolved.settings
    return deliver(
        session.store, channels_of(settings), run_ids=(run.run_id,), min_severity=settings.notify_min_severity
    )


def _ended_at(instance: dg.DagsterInstance, run_id: str) -> datetime:
    """Return when Dagster says that a run ended: a sensor looks only every half a minute."""
    record = instance.get_run_record_by_id(run_id)
    return datetime.fromtimestamp(record.end_time, UTC) if record is not None and record.end_time else utc_now()


def _sensor(status: dg.DagsterRunStatus, default_status: dg.DefaultSensorStatus) -> dg.SensorDefinition:
    def evaluate(context: dg.RunStatusSensorContext) -> dg.SkipReason:
        run = context.dagster_run
        if context.repository_def is None:
            return dg.SkipReason("the code location is not loaded")
        told = finish_run(context.instance, run, context.repository_def.get_job(run.job_name))
        failed = [delivery for delivery in told if delivery.error is not None]
        for delivery in failed:
            context.log.error("alert %s was not delivered: %s", delivery.alert_id, delivery.error)
        return dg.SkipReason(
            f"run {run.run_id[:8]}: {len(told) - len(failed)} alerts told, {len(failed)} undeliverable"
        )

    name = f"ledger_on_{_ENDS[status]}"
    return dg.run_status_sensor(run_status=status, name=name, default_status=default_status)(evaluate)
