"""Events that carry a judgement: an evaluated check, a raised alert."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from ledger.events.base import Event, Json


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckEvaluated(Event):
    """A Dagster asset check was evaluated.

    Attributes:
        check: Check name.
        status: ``passed`` or ``failed``.
        severity: Severity a failure has in Dagster: ``warning`` or ``error``.
        metric: Metric the check looks at, ``None`` where it looks at something else.
        value: What was observed, ``None`` where it is no number.
        threshold: The limit it was held against, ``None`` where there is none.
        blocking: Whether a failure stops downstream assets, ``None`` where the check did not say.
        description: What the check said.
        details: The check's metadata as JSON.
    """

    KIND: ClassVar[str] = "check_evaluated"

    check: str
    status: str
    severity: str
    metric: str | None = None
    value: float | None = None
    threshold: float | None = None
    blocking: bool | None = None
    description: str | None = None
    details: Mapping[str, Json]


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRaised(Event):
    """Something needs a person's attention.

    Attributes:
        alert_id: Stable id, equal for the same cause in the same run, so that telling twice is recognised.
        severity: ``warning``, ``error`` or ``critical``.
        metric: Metric that breached, ``None`` where the cause is no metric.
        value: What was observed.
        threshold: The limit.
        unit: Unit of both.
        delta: Value minus threshold, in that unit.
        change_ratio: The same relative to the threshold: 0.25 is a quarter above it, -0.25 a quarter below.
        blocks: Assets that are not made because of it.
        message: One sentence for people.
    """

    KIND: ClassVar[str] = "alert_raised"

    alert_id: str
    severity: str
    metric: str | None = None
    value: float | None = None
    threshold: float | None = None
    unit: str | None = None
    delta: float | None = None
    change_ratio: float | None = None
    blocks: tuple[str, ...] | None = None
    message: str
