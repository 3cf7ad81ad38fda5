"""Metrics that do not vary: counts, ratios of the same data, bytes of a deterministic program.

Rules:
- It applies where at least ``MIN_RUNS`` baseline runs agree exactly. Times never count as deterministic: equal times
  are a coarse clock.
- No noise was seen, so the candidate's own spread is the whole uncertainty: its least bad value is the lower bound, its
  worst one the upper bound. All beyond the limit: regressed; none: ok; some: inconclusive.
- A change not above the absolute floor is ok. A zero baseline has no ratio: any worsening above the floor is a
  regression (an error), with the difference in place of an estimate.
"""

import statistics
from dataclasses import replace
from typing import Final

from ledger.stats.findings import blank
from ledger.stats.pairs import floor_of, limit_of, sign_of
from ledger.stats.records import Against, Comparison, Finding, Observations, Policy
from ledger.stats.severity import severity_of

MIN_RUNS: Final = 3
"""Two equal values may be a coincidence of rounding; three of a varying metric hardly are."""


def is_deterministic(comparison: Comparison, baseline: Observations) -> bool:
    """Return whether the exact rule applies to a comparison."""
    values = baseline.values
    return comparison.kind not in ("time", "rate") and len(values) >= MIN_RUNS and min(values) == max(values)


def judge_exactly(comparison: Comparison, against: Against, observed: Observations, policy: Policy) -> Finding:
    """Return the finding of a metric without noise, or of one whose baseline is zero.

    Args:
        comparison: Admitted by ``admission.refusal``.
        against: Which baseline ``observed`` is.
        observed: That baseline.
        policy: Limits and floors.
    """
    sign = sign_of(comparison)
    limit, floor = limit_of(comparison, policy), floor_of(comparison, policy)
    worst_base = max(sign * value for value in observed.values)
    best_base = min(sign * value for value in observed.values)
    least = min(sign * value for value in comparison.candidate.values) - worst_base
    most = max(sign * value for value in comparison.candidate.values) - best_base
    middle = abs(statistics.median(observed.values))
    absolute = comparison.kind == "quality"
    tolerated = max(limit if absolute else limit * middle, floor)
    per = 1.0 if absolute else middle
    finding = blank(comparison, against, observed, policy)
    known = per > 0.0
    estimate = (least + most) / 2.0 / per if known else None
    finding = replace(
        finding,
        estimate=estimate,
        raw_estimate=estimate,
        interval=(least / per, most / per) if known else None,
        upper_bound=most / per if known else None,
    )
    if least > tolerated or (least >= tolerated > 0.0):
        severity = severity_of(least / per, limit, policy) if known else "error"
        return replace(finding, state="regressed", severity=severity, reasons=("every run is beyond the limit",))
    if most < tolerated or most <= 0.0:
        better = -most >= tolerated and most < 0.0
        return replace(finding, state="improved" if better else "ok", reasons=("no run is beyond the limit",))
    return replace(finding, reasons=("some runs are beyond the limit and some are not",))
