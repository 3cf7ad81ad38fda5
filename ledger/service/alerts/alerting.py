"""Turns breaches of limits into alerts.

Rules:
- One scheme of severity, by the size of the breach relative to the limit; see ``ledger.settings.limits``.
- The id of an alert follows from run, asset, partition and cause, so that the same alert told twice is recognised.
"""

import hashlib
from collections.abc import Mapping

from ledger.events import AlertRaised
from ledger.metrics import MetricRegistry
from ledger.service.recording.span import Place
from ledger.settings import MetricLimit, Settings, Severity, severity_of
from ledger.units import RATIO, format_value


def alert_id(run_id: str | None, asset: str | None, partition: str | None, cause: str) -> str:
    """Return the stable id of an alert, 16 hexadecimal digits.

    Args:
        run_id: Run it is about.
        asset: Asset it is about.
        partition: Partition it is about.
        cause: Metric, check or other word for what went wrong.
    """
    text = "\0".join((run_id or "", asset or "", partition or "", cause))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def change_ratio(value: float, threshold: float) -> float | None:
    """Return the signed distance of a value from its limit, relative to the limit; ``None`` for a limit of zero."""
    return (value - threshold) / abs(threshold) if threshold else None


def severity_in(settings: Settings, limit: MetricLimit, value: float) -> Severity | None:
    """Return how grave a value is under a limit, ``None`` within it."""
    breach = limit.breach_ratio(value)
    if breach is None:
        return None
    return severity_of(breach, settings.alert_error_breach, settings.alert_critical_breach)


def breach_alert(
    place: Place,
    metric: str,
    value: float,
    limit: MetricLimit,
    severity: Severity,
    *,
    unit: str,
    blocks: tuple[str, ...] = (),
) -> AlertRaised:
    """Return the alert of one value beyond its limit.

    Args:
        place: ``asset``, ``partition`` and ``run_id``.
        metric: The metric.
        value: In the metric's unit.
        limit: What it was held against.
        severity: How grave it is.
        unit: The metric's unit.
        blocks: Assets that are not made because of it.
    """
    ratio = change_ratio(value, limit.bound)
    side = "above" if limit.max is not None else "below"
    shown, bound = (_shown(number, unit) for number in (value, limit.bound))
    percent = f" ({ratio:+.1%})" if ratio is not None else ""
    message = f"{metric} of {place['asset']} is {shown}, {side} its limit of {bound}{percent}"
    if blocks:
        message += f"; not made: {', '.join(blocks)}"
    return AlertRaised(
        **place,
        alert_id=alert_id(place["run_id"], place["asset"], place["partition"], metric),
        severity=severity,
        metric=metric,
        value=value,
        threshold=limit.bound,
        unit=unit,
        delta=value - limit.bound,
        change_ratio=ratio,
        blocks=blocks or None,
        message=message,
    )


def limit_alerts(
    place: Place, values: Mapping[str, float], settings: Settings, registry: MetricRegistry
) -> list[AlertRaised]:
    """Return an alert for each value of an asset that is beyond its limit.

    Args:
        place: ``asset``, ``partition`` and ``run_id``.
        values: Metric to value, in its unit.
        settings: The limits, and how grave a breach is.
        registry: The declared metrics.
    """
    found = []
    for metric, limit in sorted(settings.limits_of(place["asset"] or "").items()):
        severity = severity_in(settings, limit, values[metric]) if metric in values else None
        if severity is not None:
            found.append(breach_alert(place, metric, values[metric], limit, severity, unit=registry[metric].unit))
    return found


def _shown(value: float, unit: str) -> str:
    return f"{value:.4f}" if unit == RATIO else format_value(value, unit)
