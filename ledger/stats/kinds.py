"""Which rules of the gate apply to a declared metric.

Rules:
- Ratios of quality are judged by absolute change; quality that is a number of rows or things is a count.
- Overhead is a time. What is only recorded (no better direction, sizes, the environment) is not judged.
"""

from ledger.metrics import Metric
from ledger.stats.records import Kind
from ledger.units import RATIO


def kind_of(metric: Metric) -> Kind | None:
    """Return the kind a metric is judged as, ``None`` where it is recorded and not judged."""
    if metric.direction == "neutral" or metric.kind in ("size", "environment"):
        return None
    if metric.kind == "quality":
        return "quality" if metric.unit == RATIO else "count"
    if metric.kind == "overhead":
        return "time"
    return metric.kind  # type: ignore[return-value]  # what is left are the kinds both know
