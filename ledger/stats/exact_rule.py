"""Metrics that do not vary: counts, ratios of the same data, bytes of a deterministic program.

Rules:
- It applies where at least ``MIN_RUNS`` baseline runs agree exactly. Times never count as deterministic: equal times
  are a coarse clock.
- No noise was seen, so the candidate's own spread is the whole uncertainty: its least bad value is the lower bound, its
  worst one the upper bound. All at or beyond the limit: regressed; none: ok; some: inconclusive.
- The absolute floor is a limit too; what is tolerated is the larger of both.
- A zero baseline has no ratio: any worsening above the floor is a regression (an error), with the difference in place
  of an estimate. Where that baseline varies, three runs of it and two of the candidate are needed.
"""

from dataclasses import replace
from typing import Final

import numpy as np

from ledger.stats.alignment import Aligned
from ledger.stats.findings import MIN_CANDIDATE, blank
from ledger.stats.pairs import floor_of, limit_of, sign_of
from ledger.stats.records import Against, Comparison, Finding, Observations, Policy, State
from ledger.stats.severity import severity_of

MIN_RUNS: Final = 3
"""Two equal values may be a coincidence of rounding; three of a varying metric hardly are."""


def is_deterministic(comparison: Comparison, sides: Aligned) -> bool:
    """Return whether the exact rule applies to a comparison."""
    values = sides.baseline
    return comparison.kind not in ("time", "rate") and values.size >= MIN_RUNS and values.min() == values.max()


def judge_exactly(
    comparison: Comparison, against: Against, observed: Observations, sides: Aligned, policy: Policy
) -> Finding:
    """Return the finding of a metric without noise, or of one whose baseline is zero.

    Args:
        comparison: Admitted by ``admission.refusal``.
        against: Which baseline ``observed`` is.
        observed: That baseline.
        sides: Its values and the candidate's after known differences were taken out.
        policy: Limits and floors.
    """
    baseline, candidate = sign_of(comparison) * sides.baseline, sign_of(comparison) * sides.candidate
    least, most = float(candidate.min() - baseline.max()), float(candidate.max() - baseline.min())
    middle = abs(float(np.median(sides.baseline)))
    limit, floor = limit_of(comparison, policy), floor_of(comparison, policy)
    per = 1.0 if comparison.kind == "quality" else middle
    # A change of exactly the limit reaches it, whatever the rounding of the subtraction; it is then beyond.
    tolerated = max(limit * per, floor) - 1e-12 * max(1.0, middle)
    state = _state(least, most, tolerated)
    if not is_deterministic(comparison, sides) and (
        sides.baseline.size < MIN_RUNS or sides.candidate.size < MIN_CANDIDATE
    ):
        why = "too few runs to tell a change from chance around a baseline of zero"
        return replace(blank(comparison, against, observed, policy), reasons=(*sides.notes, why))
    estimate = float(np.median(candidate) - np.median(baseline)) / per if per > 0.0 else None
    severity = severity_of(least / per, limit, policy) if per > 0.0 else "error"
    return replace(
        blank(comparison, against, observed, policy),
        state=state,
        severity=severity if state == "regressed" else None,
        estimate=estimate,
        raw_estimate=estimate,
        interval=(least / per, most / per) if per > 0.0 else None,
        upper_bound=most / per if per > 0.0 else None,
        reasons=(*sides.notes, _why(observed, least, most, comparison.unit), _SENTENCES[state]),
    )


def _state(least: float, most: float, tolerated: float) -> State:
    if least > 0.0 and least >= tolerated:
        return "regressed"
    if most < 0.0 and -most >= tolerated:
        return "improved"
    if most <= 0.0 or most < tolerated:
        return "ok"
    return "inconclusive"


_SENTENCES: Final[dict[State, str]] = {
    "regressed": "every candidate run is beyond the limit",
    "improved": "every candidate run is better by more than the limit",
    "ok": "no candidate run is beyond the limit",
    "inconclusive": "some candidate runs are beyond the limit and some are not",
}


def _why(observed: Observations, least: float, most: float, unit: str) -> str:
    steady = f"{len(observed.values)} baseline runs without any variation"
    if min(observed.values) != max(observed.values):
        steady = "a baseline around zero, which has no ratio"
    return f"{steady}; candidate runs are worse by {least:g} to {most:g} {unit}"
