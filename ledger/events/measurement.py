"""Events that carry what was measured: single values, breakdowns and progress."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from ledger.events.base import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricMeasured(Event):
    """One value of one declared metric; the unit is stored with it so that a reader needs no registry."""

    KIND: ClassVar[str] = "metric_measured"

    metric: str
    value: float
    unit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakdownMeasured(Event):
    """Counts by class: identifier types, methods, refusal reasons, confidence bins.

    Attributes:
        metric: Name of the breakdown, for instance ``identifier_type_rows``.
        unit: Unit of each count.
        counts: Class to count, in the order the classes are to be shown.
    """

    KIND: ClassVar[str] = "breakdown_measured"

    metric: str
    unit: str
    counts: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgressReported(Event):
    """How far an attempt has come.

    Attributes:
        value: Rows done so far.
        unit: Unit of ``value`` and ``total``.
        total: Rows to do, ``None`` where unknown.
        eta_s: Estimated seconds to the end, ``None`` where unknown.
    """

    KIND: ClassVar[str] = "progress_reported"

    value: float
    unit: str = "rows"
    total: float | None = None
    eta_s: float | None = None
