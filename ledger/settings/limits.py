"""Limits on metrics, and how grave a breach of one is.

Rules:
- A limit is the largest or the smallest value that is still well.
- How grave a breach is follows from its size relative to the limit: from 0 on it is a warning, from
  ``alert_error_breach`` on an error, from ``alert_critical_breach`` on critical.
"""

from typing import Annotated, Literal, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, model_validator

Severity: TypeAlias = Literal["warning", "error", "critical"]

SEVERITIES: tuple[Severity, ...] = ("warning", "error", "critical")
"""From the mildest to the gravest."""

ANY_ASSET = "*"
"""Stands for every asset in ``limits``."""


class MetricLimit(BaseModel):
    """The largest or the smallest value of a metric that is still well, in the metric's unit; ``max`` or ``min``."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    max: Annotated[float | None, Field(description="Largest value that does not alert, in the metric's unit.")] = None
    min: Annotated[float | None, Field(description="Least value that does not alert, in the metric's unit.")] = None

    @model_validator(mode="after")
    def _one_bound(self) -> Self:
        if (self.max is None) == (self.min is None):
            message = "Give max or min, one of the two"
            raise ValueError(message)
        return self

    @property
    def bound(self) -> float:
        """The limit itself."""
        return self.max if self.max is not None else self.min or 0.0

    def breach_ratio(self, value: float) -> float | None:
        """Return by how much a value breaches the limit, relative to it (0.25 is a quarter); ``None`` within it."""
        beyond = value - self.bound if self.max is not None else self.bound - value
        if beyond <= 0.0:
            return None
        return beyond / abs(self.bound) if self.bound else float("inf")


def severity_of(breach_ratio: float, error_from: float, critical_from: float) -> Severity:
    """Return how grave a breach is.

    Args:
        breach_ratio: Size of the breach relative to the limit, above 0.
        error_from: Size from which it is an error.
        critical_from: Size from which it is critical.
    """
    if breach_ratio >= critical_from:
        return "critical"
    return "error" if breach_ratio >= error_from else "warning"
