"""From numbers to a finding: the state, its severity and the sentences.

Rules:
- Regressed: the evidence holds after the correction for all tests, and the estimate is at or beyond the limit.
- Improved: the whole interval is on the better side, beyond the mirrored limit.
- Ok: the one-sided upper bound of the worsening is below the limit. It is a certificate, not the lack of an alarm.
- Everything else is inconclusive, with the runs that are still needed.
"""

from dataclasses import dataclass, replace

import numpy as np

from ledger.stats.hodges_lehmann import Shift
from ledger.stats.pairs import Pair, limit_of
from ledger.stats.records import Against, Comparison, Finding, Observations, Policy, State
from ledger.stats.severity import severity_of
from ledger.units import format_value


MIN_RUNS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """What was computed for one pair.

    Attributes:
        shift: Estimate and bounds on the scale of the pair, after the environment's shift was taken out.
        raw: Estimate before that.
        p: Evidence against "no worsening", in (0, 1].
        adjusted_p: After the correction for all tests.
        needed_runs: Candidate runs still needed; ``None`` where that is not known.
    """

    shift: Shift
    raw: float
    p: float
    adjusted_p: float
    needed_runs: int | None


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


def _median(side: Observations) -> float | None:
    """Return the median, ``None`` where a value is no finite number or there is none."""
    values = np.asarray(side.values, dtype=np.float64)
    return float(np.median(values)) if values.size and bool(np.isfinite(values).all()) else None


def refused(comparison: Comparison, against: Against, observed: Observations, why: str, policy: Policy) -> Finding:
    """Return the finding of a comparison that may not be judged."""
    return replace(blank(comparison, against, observed, policy), state="not_comparable", reasons=(why,))


def measured(pair: Pair, numbers: Numbers, policy: Policy) -> Finding:
    """Return the finding of a pair with noise."""
    shift = numbers.shift
    estimate = pair.worsening(shift.estimate)
    lower = None if shift.lower is None else pair.worsening(shift.lower)
    upper = None if shift.upper is None else pair.worsening(shift.upper)
    bound = None if shift.upper_one_sided is None else pair.worsening(shift.upper_one_sided)
    state, why = _state(pair, numbers, estimate, policy)
    return replace(
        blank(pair.comparison, pair.against, pair.observed, policy),
        state=state,
        severity=severity_of(lower, pair.limit, policy) if state == "regressed" else None,
        estimate=estimate,
        interval=None if lower is None or upper is None else (lower, upper),
        upper_bound=bound,
        raw_estimate=pair.worsening(numbers.raw),
        p=numbers.p,
        adjusted_p=numbers.adjusted_p,
        needed_runs=numbers.needed_runs if state == "inconclusive" else None,
        reasons=(*pair.notes, _what(pair, estimate), why),
    )


def _state(pair: Pair, numbers: Numbers, estimate: float, policy: Policy) -> tuple[State, str]:
    shift = numbers.shift
    limit = f"{pair.tolerated:.1%}"
    if pair.candidate.size == 1:
        return "inconclusive", "one candidate run cannot tell a change from chance"
    if pair.baseline.size < MIN_RUNS:
        return "inconclusive", f"a baseline of {pair.baseline.size} runs does not show its noise; {MIN_RUNS} are needed"
    if estimate >= pair.tolerated and numbers.adjusted_p <= policy.alpha:
        return "regressed", f"worse than the limit of {limit}, adjusted p {numbers.adjusted_p:.2g}"
    upper = shift.upper_one_sided
    if upper is None:
        return "inconclusive", "too few runs for an interval"
    better = pair.shift(-pair.tolerated / (1.0 + pair.tolerated) if pair.scale == "log" else -pair.tolerated)
    if shift.upper is not None and shift.upper < 0.0 and shift.estimate <= better:
        return "improved", f"better by more than {limit}"
    if pair.worsening(upper) < pair.tolerated:
        return (
            "ok",
            f"no worsening above {limit}: with {policy.confidence:.0%} confidence it is below {pair.worsening(upper):.1%}",
        )
    return "inconclusive", f"neither a worsening of {limit} nor its absence is shown"


def _what(pair: Pair, estimate: float) -> str:
    unit = pair.comparison.unit
    before = format_value(float(np.median(pair.observed.values)), unit)
    after = format_value(float(np.median(pair.comparison.candidate.values)), unit)
    return (
        f"{before} in {pair.baseline.size} baseline runs, {after} in {pair.candidate.size} candidate runs:"
        f" {estimate:+.1%} (larger is worse)"
    )
