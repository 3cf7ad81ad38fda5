"""All pairs of a gate together: what is typical of their noise, their p, and the correction for asking so often.

Rules:
- Noise is shared within a family: times with rates, memory, counts and quality each for themselves.
- All tests of the gate are corrected together. A rate beside a time of the same asset says the same thing twice; it is
  tested with the others but does not raise the number of tests.
- The runs that are still needed are those after which today's estimate would settle the question.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from ledger.stats import binomial, evidence, intervals, moderated_t
from ledger.stats.findings import MIN_BASELINE, MIN_CANDIDATE, Numbers
from ledger.stats.hodges_lehmann import Shift
from ledger.stats.mann_whitney import order_of_bound
from ledger.stats.multiplicity import adjusted
from ledger.stats.pairs import Pair, sign_of
from ledger.stats.records import Policy

Place: TypeAlias = tuple[int, str]

DEFAULT_SD: Final[Mapping[str, float]] = {"time": 0.05, "memory": 0.03, "count": 0.05, "quality": 0.005}
"""Noise that is assumed of a family of which nothing is known yet: relative, but absolute for quality."""
MOST_RUNS: Final = 50
"""More runs than that are no advice."""


@dataclass(frozen=True, slots=True)
class Noise:
    """Variances of one family: the one tests shrink to, and the one intervals shrink to."""

    tests: float
    bounds: float


def noise_of(pairs: Sequence[Pair]) -> dict[str, Noise]:
    """Return what is typical of each family among the pairs."""
    variances: dict[str, list[float]] = defaultdict(list)
    for pair in pairs:
        variances[pair.family].append(pair.variance)
    noise = {}
    for family, found in variances.items():
        default = DEFAULT_SD[family.split("/")[0]] ** 2
        noise[family] = Noise(moderated_t.typical(found, default), moderated_t.typical(found, default, 0.5))
    return noise


def numbers_of(pairs: Mapping[Place, Pair], raw: Mapping[Place, float], policy: Policy) -> dict[Place, Numbers]:
    """Return the numbers of every pair of a gate.

    Args:
        pairs: By a name of the caller's; the common shift is already taken out.
        raw: Their estimates before it was, where they differ.
        policy: Confidence.
    """
    noise = noise_of(list(pairs.values()))
    found: dict[Place, tuple[Shift, float]] = {
        place: _shift_and_p(pair, noise[pair.family], policy) for place, pair in pairs.items()
    }
    corrected = _corrected(pairs, {place: p for place, (_, p) in found.items()})
    result = {}
    for place, (shift, p) in found.items():
        pair = pairs[place]
        open_question = not _settled(pair, shift, corrected[place], policy)
        result[place] = Numbers(
            shift=shift,
            raw=raw.get(place, shift.estimate),
            p=p,
            adjusted_p=corrected[place],
            needed_runs=needed_runs(pair, noise[pair.family], shift.estimate, len(pairs), policy)
            if open_question
            else None,
            one_run_is_enough=binomial.has_counts(pair.comparison, pair.observed),
        )
    return result


def _settled(pair: Pair, shift: Shift, adjusted_p: float, policy: Policy) -> bool:
    """Return whether a pair needs no further runs, so that none have to be worked out."""
    limit = pair.shift(pair.tolerated)
    certified = shift.upper_one_sided is not None and shift.upper_one_sided < limit
    return pair.candidate.size >= MIN_CANDIDATE and (certified or adjusted_p <= policy.alpha)


def _shift_and_p(pair: Pair, noise: Noise, policy: Policy) -> tuple[Shift, float]:
    if binomial.has_counts(pair.comparison, pair.observed):
        ratio = binomial.ratio_of(pair.comparison, pair.observed, sign_of(pair.comparison), policy.confidence)
        return ratio.shift, ratio.p
    shift = intervals.shift_with_bounds(pair, noise.bounds, policy.confidence)
    if pair.candidate.size < MIN_CANDIDATE or pair.baseline.size < MIN_BASELINE:
        return shift, 1.0
    variance = _variance(pair, noise)
    limit = pair.shift(pair.tolerated)
    return shift, evidence.evidence(pair.baseline, pair.candidate, variance, _degrees(pair), shift.estimate, limit)


def _variance(pair: Pair, noise: Noise) -> float:
    return moderated_t.shrunk(pair.variance, pair.baseline.size, noise.tests)


def _degrees(pair: Pair) -> float:
    return moderated_t.PRIOR_DF + pair.baseline.size - 1.0


def _corrected(pairs: Mapping[Place, Pair], p_values: Mapping[Place, float]) -> dict[Place, float]:
    """Return adjusted p-values; of derived metrics as if each were the only one beside the others."""
    timed = {(pair.comparison.key[:2], pair.against) for pair in pairs.values() if pair.comparison.kind == "time"}
    derived = {
        place
        for place, pair in pairs.items()
        if pair.comparison.kind == "rate" and (pair.comparison.key[:2], pair.against) in timed
    }
    places = [place for place in pairs if place not in derived]
    values = [p_values[place] for place in places]
    result = dict(zip(places, adjusted(values), strict=True))
    for place in derived:
        result[place] = adjusted([*values, p_values[place]], None)[-1]
    return result


def needed_runs(pair: Pair, noise: Noise, shift: float, tests: int, policy: Policy) -> int | None:
    """Return how many more candidate runs settle the question if the estimate stays; ``None`` where none would."""
    limit = pair.shift(pair.tolerated)
    baseline, candidate = pair.baseline.size, pair.candidate.size
    if baseline < MIN_BASELINE:
        return None
    bounds = moderated_t.shrunk(pair.variance, baseline, noise.bounds, intervals.PRIOR_DF)
    reach = moderated_t.quantile(policy.confidence, intervals.PRIOR_DF + baseline - 1.0)
    variance = _variance(pair, noise)
    for runs in range(max(candidate + 1, MIN_CANDIDATE + 1), candidate + MOST_RUNS + 1):
        if shift < limit:
            bounded = order_of_bound(baseline, runs, 1.0 - policy.confidence) is not None
            settled = (
                bounded and shift + reach * moderated_t.standard_error(bounds, baseline, runs, intervals.SHARED) < limit
            )
        else:
            p = evidence.p_of(shift, variance, limit, (baseline, runs), _degrees(pair))
            settled = p <= policy.alpha / max(1, tests)
        if settled:
            return runs - candidate
    return None
