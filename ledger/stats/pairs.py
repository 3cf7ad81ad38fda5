"""One comparison against one baseline, put on the scale on which it is judged.

Rules:
- A larger value is worse: what is better when higher is turned round.
- Times, memory, rates and counts are judged on logs, so that the scale does not matter; a rate turned round on logs is
  the time per row. Where a value is zero there is no log: values are then taken relative to the baseline's median.
- Quality is judged as it is: a drop of two points is a drop of two points.
- The absolute floor is a limit too: what is tolerated is the larger of both.
- Values are sorted, so that no later step can depend on the order of the runs.
"""

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from ledger.errors import ConfigurationError
from ledger.stats.alignment import Aligned
from ledger.stats.mann_whitney import FloatArray, middle_of
from ledger.stats.moderated_t import variance_of
from ledger.stats.records import DEFAULT_LIMITS, Against, Comparison, Kind, Observations, Policy

Scale: TypeAlias = Literal["log", "relative", "absolute"]

_LARGEST_LOG = 700.0
"""exp of more is not a float."""

_LARGEST_RATIO = 1e100
"""A baseline that small beside another value is zero in all but name; squares of larger ratios are not floats."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A comparison on its scale.

    Attributes:
        comparison: What was asked.
        against: Which baseline this is.
        observed: That baseline.
        scale: ``log``, ``relative`` (to the baseline's median) or ``absolute``.
        baseline: 1-D float64, sorted, larger is worse.
        candidate: The same.
        limit: Tolerated worsening from the policy or the comparison.
        tolerated: The larger of it and the absolute floor, on the scale of an estimate.
        variance: Of the clipped baseline.
        notes: Sentences about what was done so far.
    """

    comparison: Comparison
    against: Against
    observed: Observations
    scale: Scale
    baseline: FloatArray
    candidate: FloatArray
    limit: float
    tolerated: float
    variance: float
    notes: tuple[str, ...] = ()

    @property
    def family(self) -> str:
        """Which pairs have noise of the same sort: a rate varies as its time does."""
        kind = "time" if self.comparison.kind == "rate" else self.comparison.kind
        return f"{kind}/{self.scale}"

    def worsening(self, shift: float) -> float:
        """Return a shift on the scale of the values as an estimate."""
        return math.expm1(min(shift, _LARGEST_LOG)) if self.scale == "log" else shift

    def shift(self, worsening: float) -> float:
        """Return an estimate as a shift on the scale of the values."""
        return math.log1p(worsening) if self.scale == "log" else worsening


def limit_of(comparison: Comparison, policy: Policy) -> float:
    """Return the tolerated worsening of a comparison."""
    return limit_of_kind(comparison.kind, policy) if comparison.limit is None else comparison.limit


def limit_of_kind(kind: Kind, policy: Policy) -> float:
    """Return the tolerated worsening of a kind, the shipped one where the policy does not name it."""
    return policy.limits.get(kind, DEFAULT_LIMITS[kind])


def floor_of(comparison: Comparison, policy: Policy) -> float:
    """Return the smallest absolute change worth a word, in the metric's unit."""
    return policy.floors.get(comparison.kind, 0.0) if comparison.floor is None else comparison.floor


def check_limits(comparison: Comparison, policy: Policy) -> None:
    """Raise where what a comparison tolerates is no size.

    Raises:
        ConfigurationError: Its limit is not above zero and finite, or its floor is below zero.
    """
    limit, floor = limit_of(comparison, policy), floor_of(comparison, policy)
    if not (0.0 < limit < math.inf and 0.0 <= floor < math.inf):
        message = (
            f"{comparison.asset} {comparison.metric} has limit {limit:g} and floor {floor:g}; a limit is above 0 (0.1"
            " is 10 %) and a floor is not below 0"
        )
        raise ConfigurationError(message)


def sign_of(comparison: Comparison) -> float:
    """Return 1.0 where a larger value is worse, -1.0 where it is better."""
    return -1.0 if comparison.direction == "higher_is_better" else 1.0


def pair_of(
    comparison: Comparison, against: Against, observed: Observations, sides: Aligned, policy: Policy
) -> Pair | None:
    """Return a comparison on its scale, ``None`` where the baseline's median is zero, or as good as, and there is none.

    Args:
        comparison: Admitted by ``admission.refusal``.
        against: Which baseline this is.
        observed: That baseline.
        sides: Its values and the candidate's after known differences were taken out.
        policy: Limits and floors.
    """
    baseline, candidate = np.sort(sides.baseline), np.sort(sides.candidate)
    middle = middle_of(baseline)
    sign = sign_of(comparison)
    limit, floor = limit_of(comparison, policy), floor_of(comparison, policy)
    scale: Scale
    if comparison.kind == "quality":
        scale, tolerated = "absolute", max(limit, floor)
    elif middle == 0.0:
        return None
    else:
        scale = "log" if min(baseline[0], candidate[0]) > 0.0 else "relative"
        tolerated = max(limit, floor / middle)
        if scale == "log":
            baseline, candidate = np.log(baseline) - math.log(middle), np.log(candidate) - math.log(middle)
        elif max(baseline[-1], candidate[-1]) > _LARGEST_RATIO * middle:
            return None
        else:
            baseline, candidate = baseline / middle, candidate / middle
    baseline, candidate = np.sort(sign * baseline), np.sort(sign * candidate)
    return Pair(
        comparison=comparison,
        against=against,
        observed=observed,
        scale=scale,
        baseline=baseline,
        candidate=candidate,
        limit=limit,
        tolerated=tolerated,
        variance=variance_of(baseline),
        notes=sides.notes,
    )
