"""From numbers to a finding: the state, its severity and the sentences.

Rules:
- Regressed: the evidence holds after the correction for all tests, and the estimate is at or beyond the limit.
- Improved: the whole interval is on the better side, and the estimate is beyond the mirrored limit.
- Ok: the one-sided upper bound of the worsening is below the limit. It is a certificate, not the lack of an alarm.
- Everything else is inconclusive, with the runs that are still needed.
- One candidate run is inconclusive, except where counts of rows stand behind a drop.
"""

import math
import statistics
from dataclasses import dataclass, replace
from typing import Final

from ledger.stats.hodges_lehmann import Shift
from ledger.stats.pairs import Pair, limit_of
from ledger.stats.records import Against, Comparison, Finding, Observations, Policy, State
from ledger.stats.severity import severity_of
from ledger.units import format_value

MIN_BASELINE: Final = 3
"""Fewer runs do not show how much a metric varies."""
MIN_CANDIDATE: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """What was computed for one pair.

    Attributes:
        shift: Estimate and bounds on the scale of the pair, after the environment's shift was taken out.
        raw: Estimate before that.
        p: Evidence against "no worsening", in (0, 1].
        adjusted_p: After the correction for all tests.
        needed_runs: Candidate runs still needed; ``None`` where that is not known.
        one_run_is_enough: Whether one candidate run may be called a regression.
    """

    shift: Shift
    raw: float
    p: float
    adjusted_p: float
    needed_runs: int | None
    one_run_is_enough: bool = False


def blank(comparison: Comparison, against: Against, observed: Observations, policy: Policy) -> Finding:
    """Return an inconclusive finding that holds what is known without any statistics."""
    base, candidate = _median(observed), _median(comparison.candidate)
    return Finding(
        asset=comparison.asset,
        partition=comparison.partition,
        metric=comparison.metric,
        kind=comparison.kind,
        direction=comparison.direction,
        unit=comparison.unit,
        required=comparison.required,
        state="inconclusive",
        against=against,
        limit=limit_of(comparison, policy),
        n_baseline=len(observed.values),
        n_candidate=len(comparison.candidate.values),
        baseline_value=base,
        candidate_value=candidate,
        delta=None if base is None or candidate is None else candidate - base,
    )


def refused(comparison: Comparison, against: Against, observed: Observations, why: str, policy: Policy) -> Finding:
    """Return the finding of a comparison that may not be judged."""
    return replace(blank(comparison, against, observed, policy), state="not_comparable", reasons=(why,))


def measured(pair: Pair, numbers: Numbers, policy: Policy) -> Finding:
    """Return the finding of a pair with noise."""
    shift = numbers.shift
    lower, upper = _worsening(pair, shift.lower), _worsening(pair, shift.upper)
    state, why = _state(pair, numbers, policy)
    return replace(
        blank(pair.comparison, pair.against, pair.observed, policy),
        state=state,
        severity=severity_of(lower, pair.limit, policy) if state == "regressed" else None,
        estimate=pair.worsening(shift.estimate),
        interval=None if lower is None or upper is None else (lower, upper),
        upper_bound=_worsening(pair, shift.upper_one_sided),
        raw_estimate=pair.worsening(numbers.raw),
        p=numbers.p,
        adjusted_p=numbers.adjusted_p,
        needed_runs=numbers.needed_runs if state == "inconclusive" else None,
        n_baseline=pair.baseline.size,
        n_candidate=pair.candidate.size,
        reasons=(*pair.notes, _what(pair, numbers), why),
    )


def _state(pair: Pair, numbers: Numbers, policy: Policy) -> tuple[State, str]:
    limit = percent(pair, pair.tolerated)
    shift = numbers.shift
    if pair.baseline.size < MIN_BASELINE:
        return (
            "inconclusive",
            f"a baseline of {pair.baseline.size} runs does not show its noise; {MIN_BASELINE} are needed",
        )
    single = pair.candidate.size < MIN_CANDIDATE
    if single and not numbers.one_run_is_enough:
        return "inconclusive", "one candidate run cannot tell a change from chance"
    if shift.estimate >= pair.shift(pair.tolerated) and numbers.adjusted_p <= policy.alpha:
        return "regressed", f"worse by at least the limit of {limit}; adjusted p is {numbers.adjusted_p:.2g}"
    if single:
        return "inconclusive", "one candidate run cannot show that nothing changed"
    return _without_regression(pair, numbers, policy)


def _without_regression(pair: Pair, numbers: Numbers, policy: Policy) -> tuple[State, str]:
    shift, limit = numbers.shift, percent(pair, pair.tolerated)
    upper = shift.upper_one_sided
    if upper is None:
        return "inconclusive", "too few runs for an interval"
    if shift.upper is not None and shift.upper < 0.0 and shift.estimate <= -pair.shift(pair.tolerated):
        return "improved", f"better by more than {limit}"
    if upper < pair.shift(pair.tolerated):
        bound = percent(pair, pair.worsening(upper))
        return "ok", f"no worsening of {limit}: with {policy.confidence:.0%} confidence it is below {bound}"
    if shift.estimate >= pair.shift(pair.tolerated):
        return "inconclusive", f"worse by the limit of {limit} or more, but chance is not excluded"
    return "inconclusive", f"neither a worsening of {limit} nor its absence is shown"


def percent(pair: Pair, worsening: float) -> str:
    """Return a worsening as people read it: percent, or points of a ratio."""
    return f"{100.0 * worsening:.1f} points" if pair.scale == "absolute" else f"{worsening:.1%}"


def _what(pair: Pair, numbers: Numbers) -> str:
    unit = pair.comparison.unit
    before = format_value(statistics.median(pair.observed.values), unit)
    after = format_value(statistics.median(pair.comparison.candidate.values), unit)
    estimate = pair.worsening(numbers.shift.estimate)
    kept = "" if numbers.raw == numbers.shift.estimate else " after the common shift is taken out"
    return (
        f"{before} in {pair.baseline.size} baseline runs, {after} in {pair.candidate.size} candidate runs:"
        f" {percent(pair, abs(estimate))} {'worse' if estimate > 0.0 else 'better'}{kept}"
    )


def _worsening(pair: Pair, shift: float | None) -> float | None:
    return None if shift is None else pair.worsening(shift)


def _median(side: Observations) -> float | None:
    """Return the median, ``None`` where a value is no finite number or there is none."""
    known = side.values and all(math.isfinite(value) for value in side.values)
    return statistics.median(side.values) if known else None
