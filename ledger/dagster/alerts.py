"""Raises the alerts of a span, and tells them in Dagster's log and as observations of the asset.

Rules:
- A failed check alerts, and so does a metric beyond its limit; both about the same metric are one alert, the check's.
- Alerts are recorded with the end of the span, and told after that: what is told is in the ledger.
"""

import logging
from collections.abc import Iterable
from typing import Final

import dagster as dg

from ledger.dagster.step import Step
from ledger.events import AlertRaised, CheckEvaluated
from ledger.metrics import MetricRegistry
from ledger.service.alerts.alerting import alert_id, breach_alert, limit_alerts
from ledger.service.recording.span import AssetSpan, Place
from ledger.settings import SEVERITIES, MetricLimit, Settings, Severity

_LEVELS: Final = {"warning": logging.WARNING, "error": logging.ERROR, "critical": logging.CRITICAL}
_WHEN_FAILED: Final = frozenset({"duration_s", "peak_rss_bytes", "peak_increase_bytes"})
"""Metrics that mean something although the asset did not get to its end."""


def raise_alerts(
    span: AssetSpan, settings: Settings, registry: MetricRegistry, *, failed: bool = False
) -> list[AlertRaised]:
    """Note the alerts that follow from what a span noted, and return them.

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
    return [alert for alert in found if span.alert(alert)]


def timeout_alert(span: AssetSpan, settings: Settings) -> AlertRaised | None:
    """Note and return the alert of an asset that was stopped by the time limit; ``None`` where it is known already."""
    place, asset = span.place(span.header.subject), span.header.subject
    alert = AlertRaised(
        **place,
        alert_id=alert_id(place["run_id"], asset, place["partition"], "timeout_seconds"),
        severity="critical",
        metric="duration_s",
        value=span.noted(asset).get("duration_s", settings.timeout_seconds),
        threshold=settings.timeout_seconds,
        unit="s",
        message=f"{asset} was stopped: it ran for longer than timeout_seconds ({settings.timeout_seconds:g} s)",
    )
    return alert if span.alert(alert) else None


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
