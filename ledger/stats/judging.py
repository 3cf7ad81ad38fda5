"""The gate's judgement: one finding per comparison, for a whole family at once.

Rules:
- What may not be compared is refused first; known differences (size, strata) are taken out; what does not vary is
  judged by the exact rule; the rest with noise, all of it together.
- A shift that all assets share is handled as ``environment`` says; estimates before it was taken out are kept.
- Against the current baseline and, where there is one, the anchor; the anchor speaks where it alone says regressed, so
  that ten steps of 9 % do not pass a gate of 10 %.
- One finding per comparison, in the same order, whatever the order of the runs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

from ledger.stats import exact_rule
from ledger.stats.admission import refusal
from ledger.stats.alignment import aligned
from ledger.stats.environment import Environment, environment_of, follows_machine
from ledger.stats.family import numbers_of
from ledger.stats.findings import measured, refused
from ledger.stats.pairs import Pair, check_limits, pair_of
from ledger.stats.records import Against, Assessment, Comparison, Finding, Observations, Policy

Place: TypeAlias = tuple[int, str]


def judge(comparisons: Sequence[Comparison], policy: Policy | None = None) -> tuple[Finding, ...]:
    """Return one finding per comparison, in the same order.

    Args:
        comparisons: One family: everything one gate looks at; may be empty.
        policy: What is tolerated; the shipped defaults where it is ``None``.
    """
    return assess(comparisons, policy).findings


def assess(comparisons: Sequence[Comparison], policy: Policy | None = None) -> Assessment:
    """Return the findings of ``judge`` with the shift that the family as a whole showed.

    Args:
        comparisons: One family: everything one gate looks at; may be empty.
        policy: What is tolerated; the shipped defaults where it is ``None``.

    Raises:
        ConfigurationError: A limit is not above zero, or a floor is below it.
    """
    rules = policy or Policy()
    for comparison in comparisons:
        check_limits(comparison, rules)
    found: dict[Place, Finding] = {}
    pairs: dict[Place, Pair] = {}
    for index, comparison in enumerate(comparisons):
        for against, observed in _baselines(comparison):
            result = _settle(comparison, against, observed, rules)
            if isinstance(result, Pair):
                pairs[index, against] = result
            else:
                found[index, against] = result
    environments = {
        against: environment_of([pair for pair in pairs.values() if pair.against == against], rules)
        for against in ("current", "anchor")
    }
    found.update(_with_noise(pairs, environments, rules))
    current = environments["current"]
    return Assessment(
        findings=tuple(
            _worst(found[index, "current"], found.get((index, "anchor"))) for index in range(len(comparisons))
        ),
        environment_shift=None if current is None else current.record,
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
    sides = aligned(comparison, observed, policy)
    if isinstance(sides, str):
        return refused(comparison, against, observed, sides, policy)
    pair = None
    if not exact_rule.is_deterministic(comparison, sides):
        pair = pair_of(comparison, against, observed, sides, policy)
    return exact_rule.judge_exactly(comparison, against, observed, sides, policy) if pair is None else pair


def _with_noise(
    pairs: Mapping[Place, Pair], environments: Mapping[str, Environment | None], policy: Policy
) -> dict[Place, Finding]:
    """Return the findings of all pairs, with the shift of the environment handled."""
    numbers = numbers_of(pairs, {}, policy)
    raw = {place: measured(pair, numbers[place], policy) for place, pair in pairs.items()}
    moved = {}
    for place, pair in pairs.items():
        environment = environments[pair.against]
        if environment is not None and environment.handling != "leave" and follows_machine(pair):
            moved[place] = environment
    if not moved:
        return raw
    shifted = {
        place: replace(pair, candidate=pair.candidate - moved[place].shift) if place in moved else pair
        for place, pair in pairs.items()
    }
    numbers = numbers_of(shifted, {place: one.shift.estimate for place, one in numbers.items()}, policy)
    taken = {place: measured(pair, numbers[place], policy) for place, pair in shifted.items()}
    return {
        place: _handled(raw[place], finding, moved[place]) if place in moved else finding
        for place, finding in taken.items()
    }


def _handled(raw: Finding, taken: Finding, environment: Environment) -> Finding:
    """Return the finding that stands where the environment moved."""
    told = (*taken.reasons, environment.record.sentence)
    if environment.handling == "take out" or (environment.handling == "doubt" and taken.state == "regressed"):
        return replace(taken, reasons=told)
    if environment.handling == "both must agree" and raw.state == taken.state:
        return replace(taken, reasons=told)
    return replace(
        taken,
        state="inconclusive",
        severity=None,
        reasons=(*told, f"as measured {raw.state}, without the common shift {taken.state}"),
    )


def _worst(current: Finding, anchor: Finding | None) -> Finding:
    """Return the current finding, or the anchor's where that alone says regressed."""
    if anchor is None or current.state == "regressed":
        return current
    if anchor.state == "regressed":
        return replace(anchor, reasons=(*anchor.reasons, f"against the current baseline alone: {current.state}"))
    return replace(current, reasons=(*current.reasons, f"against the anchor: {anchor.state.replace('_', ' ')}"))
