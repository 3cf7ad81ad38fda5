"""The gate's judgement: one finding per comparison, for a whole family at once.

Rules:
- What may not be compared is refused first; what does not vary is judged by the exact rule; the rest with noise.
- All tests of a gate are corrected together. A rate beside a time of the same asset says the same thing twice and does
  not count as a test of its own.
- Against the current baseline and, where there is one, the anchor; the anchor speaks where it alone says regressed.
- One finding per comparison, in the same order, whatever the order of the runs.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ledger.stats import exact_rule
from ledger.stats.admission import refusal
from ledger.stats.findings import Numbers, blank, measured, refused
from ledger.stats.hodges_lehmann import shift_of
from ledger.stats.moderated_t import baseline_variance, moderated_t
from ledger.stats.multiplicity import adjusted
from ledger.stats.pairs import Pair, pair_of
from ledger.stats.records import Against, Assessment, Comparison, Finding, Observations, Policy


def judge(comparisons: Sequence[Comparison], policy: Policy | None = None) -> tuple[Finding, ...]:
    """Return one finding per comparison, in the same order.

    Args:
        comparisons: One family: everything one gate looks at; may be empty.
        policy: What is tolerated; the shipped defaults where it is ``None``.
    """
    return assess(comparisons, policy).findings


def assess(comparisons: Sequence[Comparison], policy: Policy | None = None) -> Assessment:
    """Return the findings of ``judge`` with what the family as a whole showed.

    Args:
        comparisons: One family: everything one gate looks at; may be empty.
        policy: What is tolerated; the shipped defaults where it is ``None``.
    """
    rules = policy or Policy()
    settled: dict[tuple[int, Against], Finding] = {}
    pairs: dict[tuple[int, Against], Pair] = {}
    for index, comparison in enumerate(comparisons):
        for against, observed in _baselines(comparison):
            result = _settle(comparison, against, observed, rules)
            if isinstance(result, Pair):
                pairs[index, against] = result
            else:
                settled[index, against] = result
    settled.update(_with_noise(pairs, rules))
    return Assessment(
        findings=tuple(
            _worst(settled[index, "current"], settled.get((index, "anchor"))) for index in range(len(comparisons))
        )
    )


def _baselines(comparison: Comparison) -> list[tuple[Against, Observations]]:
    sides: list[tuple[Against, Observations]] = [("current", comparison.baseline)]
    if comparison.anchor is not None:
        sides.append(("anchor", comparison.anchor))
    return sides


def _settle(comparison: Comparison, against: Against, observed: Observations, policy: Policy) -> Finding | Pair:
    """Return the finding where no noise is involved, otherwise the pair to be judged with the others."""
    why = refusal(comparison, observed)
    if why is not None:
        return refused(comparison, against, observed, why, policy)
    if exact_rule.is_deterministic(comparison, observed):
        return exact_rule.judge_exactly(comparison, against, observed, policy)
    pair = pair_of(comparison, against, observed, policy)
    if pair is None:
        return exact_rule.judge_exactly(comparison, against, observed, policy)
    return pair


def _with_noise(pairs: dict[tuple[int, Against], Pair], policy: Policy) -> dict[tuple[int, Against], Finding]:
    families = _families(list(pairs.values()))
    p_values = [moderated_t(pair.baseline, pair.candidate, families.get(_family(pair))) for pair in pairs.values()]
    corrected = adjusted(p_values)
    found: dict[tuple[int, Against], Finding] = {}
    for (key, pair), p, adjusted_p in zip(pairs.items(), p_values, corrected, strict=True):
        shift = shift_of(pair.baseline, pair.candidate, policy.confidence)
        numbers = Numbers(shift=shift, raw=shift.estimate, p=p, adjusted_p=adjusted_p, needed_runs=None)
        found[key] = measured(pair, numbers, policy)
    return found


def _family(pair: Pair) -> str:
    kind = "time" if pair.comparison.kind == "rate" else pair.comparison.kind
    return f"{kind}/{pair.scale}"


def _families(pairs: Sequence[Pair]) -> dict[str, float]:
    variances: dict[str, list[float]] = defaultdict(list)
    for pair in pairs:
        variances[_family(pair)].append(baseline_variance(pair.baseline))
    return {family: float(np.quantile(values, 0.75)) for family, values in variances.items()}


def _worst(current: Finding, anchor: Finding | None) -> Finding:
    if anchor is None or current.state == "regressed":
        return current
    if anchor.state == "regressed":
        return anchor
    return replace(current, reasons=(*current.reasons, f"against the anchor: {anchor.state}"))


__all__ = ["assess", "blank", "judge"]
