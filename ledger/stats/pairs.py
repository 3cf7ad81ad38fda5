"""One comparison against one baseline, put on the scale on which it is judged.

Rules:
- A larger value is worse: what is better when higher is turned round.
- Times, memory, rates and counts are judged on logs, so that the scale does not matter; a rate turned round on logs is
  the time per row. Where a value is zero there is no log: values are then taken relative to the baseline's median.
- Quality is judged as it is: a drop of two points is a drop of two points.
- The absolute floor is a limit too: what is tolerated is the larger of both.
"""

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from ledger.stats.mann_whitney import FloatArray
from ledger.stats.records import Against, Comparison, Observations, Policy

Scale: TypeAlias = Literal["log", "relative", "absolute"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A comparison on its scale.

    Attributes:
        comparison: What was asked.
        against: Which baseline this is.
        observed: That baseline.
        scale: ``log``, ``relative`` (to the baseline's median) or ``absolute``.
        baseline: 1-D float64, larger is worse; in no particular order.
        candidate: The same.
        limit: Tolerated worsening from the policy or the comparison.
        tolerated: The larger of it and the absolute floor, on the scale of an estimate.
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
    notes: tuple[str, ...] = ()

    def worsening(self, shift: float) -> float:
        """Return a shift on the scale of the values as an estimate."""
        return math.expm1(min(shift, 700.0)) if self.scale == "log" else shift

    def shift(self, worsening: float) -> float:
        """Return an estimate as a shift on the scale of the values."""
        return math.log1p(worsening) if self.scale == "log" else worsening


def limit_of(comparison: Comparison, policy: Policy) -> float:
    """Return the tolerated worsening of a comparison."""
    return policy.limits[comparison.kind] if comparison.limit is None else comparison.limit


def floor_of(comparison: Comparison, policy: Policy) -> float:
    """Return the smallest absolute change worth a word, in the metric's unit."""
    return policy.floors.get(comparison.kind, 0.0) if comparison.floor is None else comparison.floor


def sign_of(comparison: Comparison) -> float:
    """Return 1.0 where a larger value is worse, -1.0 where it is better."""
    return -1.0 if comparison.direction == "higher_is_better" else 1.0


def pair_of(comparison: Comparison, against: Against, observed: Observations, policy: Policy) -> Pair | None:
    """Return a comparison on its scale, ``None`` where the baseline's median is zero and there is none.

    Args:
        comparison: Admitted by ``admission.refusal``.
        against: Which baseline this is.
        observed: That baseline.
        policy: Limits and floors.
    """
    baseline = np.sort(np.asarray(observed.values, dtype=np.float64))
    candidate = np.sort(np.asarray(comparison.candidate.values, dtype=np.float64))
    middle = float(np.median(baseline))
    sign = sign_of(comparison)
    limit = limit_of(comparison, policy)
    floor = floor_of(comparison, policy)
    scale: Scale
    if comparison.kind == "quality":
        scale, tolerated = "absolute", max(limit, floor)
        baseline, candidate = sign * baseline, sign * candidate
    elif middle == 0.0:
        return None
    else:
        tolerated = max(limit, floor / middle)
        scale = "log" if min(baseline[0], candidate[0]) > 0.0 else "relative"
        baseline, candidate = (
            sign * (np.log(side / middle) if scale == "log" else side / middle) for side in (baseline, candidate)
        )
    return Pair(
        comparison=comparison,
        against=against,
        observed=observed,
        scale=scale,
        baseline=np.sort(baseline),
        candidate=np.sort(candidate),
        limit=limit,
        tolerated=tolerated,
    )
