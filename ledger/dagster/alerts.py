"""Raises the alerts of a span, and tells them in Dagster's log and as observations of the asset.

Rules:
- A failed check alerts, and so does a metric beyond its limit; both about the same metric are one alert, the check's.
- Alerts are recorded with the end of the span, and told after that: what is told is in the ledger.
"""

import logging
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

import dagster as dg

from ledger.dagster.step import Step
from ledger.events import AlertRaised, CheckEvaluated
from ledger.measure.deadline import AssetTimeoutError
from ledger.metrics import MetricRegistry
from ledger.service.alerts.alerting import alert_id, breach_alert, limit_alerts
from ledger.service.recording.span import AssetSpan, Place
from ledger.settings import SEVERITIES, MetricLimit, Settings, Severity

if TYPE_CHECKING:
    from ledger.chunks import FailedChunk

_LEVELS: Final = {"warning": logging.WARNING, "error": logging.ERROR, "critical": logging.CRITICAL}
_WHEN_FAILED: Final = frozenset({"duration_s", "peak_rss_bytes", "peak_increase_bytes"})
"""Metrics that mean something although the asset did not get to its end."""

_NAMED: Final = 5


def raise_alerts(span: AssetSpan, settings: Settings, registry: MetricRegistry, *, failed: bool = False) -> None:
    """Note the alerts that follow from what a span noted.

    Args:
        span: The stopped span.
        settings: The limits.
        registry: The declared metrics.
        failed: Whether the asset raised: then only what it took is judged, not what it made.
    """
    found = [_of_check(event, registry) for event in span.checks() if event.status == "failed"]
    for asset in span.subjects():
        values = span.noted(asset)
        judged = {name: value for name, value in values.items() if not failed or name in _WHEN_FAILED}
        found += limit_alerts(span.place(asset), judged, settings, registry)
    for alert in found:
        span.alert(alert)


def timeout_alert(span: AssetSpan, settings: Settings, error: BaseException) -> None:
    """Note the alert of an asset, or of chunks of it, that the time limit ended; nothing where something else did.

    Args:
        span: The stopped span.
        settings: The limit.
        error: What the asset raised.
    """
    from ledger.chunks import ChunksFailedError

    causes = list(_causes(error))
    late_chunks_alert(
        span, settings, [one for cause in causes if isinstance(cause, ChunksFailedError) for one in cause.failed]
    )
    if any(isinstance(cause, AssetTimeoutError) for cause in causes):
        asset = span.header.subject
        took_s = span.noted(asset).get("duration_s", settings.timeout_seconds)
        _note_timeout(span, settings, took_s, f"{asset} was stopped: it")


def late_chunks_alert(span: AssetSpan, settings: Settings, failed: "Iterable[FailedChunk]") -> None:
    """Note the alert of rows that could not be made within the time limit; nothing where there are none."""
    late = sorted((one.start, one.stop) for one in failed if one.kind == "timeout")
    if late:
        rows = ", ".join(f"{start} to {stop - 1}" for start, stop in late[:_NAMED])
        more = f" and {len(late) - _NAMED} more ranges" if len(late) > _NAMED else ""
        # Of a chunk no more is known than that it took as long as it may.
        what = f"rows {rows}{more} of {span.header.subject} were stopped: they"
        _note_timeout(span, settings, settings.timeout_seconds, what)


def _note_timeout(span: AssetSpan, settings: Settings, took_s: float, what: str) -> None:
    """Note that something ran for too long; of one span this is told once."""
    place, asset = span.place(span.header.subject), span.header.subject
    span.alert(
        AlertRaised(
            **place,
            alert_id=alert_id(place["run_id"], asset, place["partition"], "timeout_seconds"),
            severity="critical",
            metric="duration_s",
            value=took_s,
            threshold=settings.timeout_seconds,
            unit="s",
            message=f"{what} ran for longer than timeout_seconds ({settings.timeout_seconds:g} s)",
        )
    )


def tell(step: Step, alerts: Iterable[AlertRaised]) -> None:
    """Say alerts in the run's log, and on the page of the asset they are about."""
    for alert in alerts:
        step.context.log.log(_LEVELS[alert.severity], "dagster-ledger: %s: %s", alert.severity, alert.message)
        if alert.asset in step.output_assets:
            key = dg.AssetKey.from_user_string(alert.asset or "")
            observation = dg.AssetObservation(
                key, description=alert.message, metadata=_metadata(alert), partition=step.partition
            )
            step.context.log_event(observation)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception, and what it was raised from."""
    found: BaseException | None = error
    seen: set[int] = set()
    while found is not None and id(found) not in seen:
        seen.add(id(found))
        yield found
        found = found.__cause__


def _metadata(alert: AlertRaised) -> dict[str, str | float]:
    known = {
        "ledger/alert_severity": alert.severity,
        "ledger/alert_id": alert.alert_id,
        "ledger/alert_metric": alert.metric,
        "ledger/alert_value": alert.value,
        "ledger/alert_threshold": alert.threshold,
        "ledger/alert_delta": alert.delta,
        "ledger/alert_change_percent": alert.change_ratio * 100.0 if alert.change_ratio is not None else None,
    }
    return {name: value for name, value in known.items() if value is not None}


def _of_check(event: CheckEvaluated, registry: MetricRegistry) -> AlertRaised:
    """Return the alert of a failed check."""
    place = Place(asset=event.asset or "", partition=event.partition, run_id=event.run_id or "")
    listed = event.details.get("ledger/blocks")
    blocks = tuple(str(name) for name in listed) if isinstance(listed, list | tuple) else ()
    severity = _severity(event)
    if (
        event.metric is not None
        and event.metric in registry
        and event.value is not None
        and event.threshold is not None
    ):
        limit = MetricLimit(max=event.threshold) if event.value > event.threshold else MetricLimit(min=event.threshold)
        unit = registry[event.metric].unit
        return breach_alert(place, event.metric, event.value, limit, severity, unit=unit, blocks=blocks)
    return AlertRaised(
        **place,
        alert_id=alert_id(event.run_id, event.asset, event.partition, event.check),
        severity=severity,
        metric=event.metric,
        value=event.value,
        threshold=event.threshold,
        blocks=blocks or None,
        message=f"check {event.check} of {event.asset} failed: {event.description or 'it did not say why'}",
    )


def _severity(event: CheckEvaluated) -> Severity:
    """Return how grave a failed check is: as it says itself, else as Dagster's two words go."""
    said = event.details.get("ledger/severity")
    for severity in SEVERITIES:
        if said == severity:
            return severity
    return "error" if event.severity == "error" else "warning"
