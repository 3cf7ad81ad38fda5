"""The verdict on a gate: what its findings come to, as one word and one sentence.

Rules, in this order:
- Nothing was asked, or nothing could be judged: INCONCLUSIVE, unless something regressed. A gate that judged nothing
  never passes.
- FAIL: a finding regressed at error or above, or a required metric is missing.
- INCONCLUSIVE: a required metric is undecided or not comparable; or fewer than ``min_judged_ratio`` of the comparisons
  could be judged; or everything moved together beyond the limit and nothing says why.
- WARN: a finding regressed at warning, or is undecided without being required.
- PASS: everything else.
- Judged are the findings that are regressed, improved or ok. The sentence always gives the counts.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from ledger.stats.records import Assessment, Finding, Policy

Outcome: TypeAlias = Literal["PASS", "WARN", "FAIL", "INCONCLUSIVE"]

OUTCOMES: Final[tuple[Outcome, ...]] = ("PASS", "WARN", "FAIL", "INCONCLUSIVE")
JUDGED: Final = frozenset({"regressed", "improved", "ok"})
_BLOCKING: Final = frozenset({"error", "critical"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a gate comes to.

    Attributes:
        outcome: The word.
        sentence: Counts and causes, for people.
        judged: Findings that are regressed, improved or ok.
        total: All findings.
        counts: How many findings there are in each state that occurs.
        causes: Why it is not a PASS, gravest first; empty for a PASS.
        missing: Required metrics that were not measured, as the caller named them.
    """

    outcome: Outcome
    sentence: str
    judged: int
    total: int
    counts: dict[str, int]
    causes: tuple[str, ...]
    missing: tuple[str, ...] = ()


def verdict_of(assessment: Assessment, policy: Policy | None = None, missing: Sequence[str] = ()) -> Verdict:
    """Return the verdict on a gate.

    Args:
        assessment: What ``ledger.stats.assess`` returned.
        policy: The policy it was made with; the shipped defaults where it is ``None``.
        missing: Required metrics without any measurement, each named for people.
    """
    rules = policy or Policy()
    findings = assessment.findings
    judged = sum(finding.state in JUDGED for finding in findings)
    outcome, causes = _outcome(assessment, judged, rules, missing)
    return Verdict(
        outcome=outcome,
        sentence=_sentence(findings, judged, missing),
        judged=judged,
        total=len(findings),
        counts=dict(Counter(finding.state for finding in findings)),
        causes=causes,
        missing=tuple(missing),
    )


def _outcome(
    assessment: Assessment, judged: int, policy: Policy, missing: Sequence[str]
) -> tuple[Outcome, tuple[str, ...]]:
    findings = assessment.findings
    failing = [*(f"{name} is required and missing" for name in missing), *_regressions(findings, blocking=True)]
    if failing:
        return "FAIL", tuple(failing)
    open_questions = _undecided(assessment, judged, policy)
    if open_questions:
        return "INCONCLUSIVE", open_questions
    warnings = _regressions(findings, blocking=False)
    undecided = sum(finding.state not in JUDGED for finding in findings)
    if undecided:
        warnings.append(
            f"{_number(undecided, 'metric')} that {'is' if undecided == 1 else 'are'} not required undecided"
        )
    return ("WARN" if warnings else "PASS"), tuple(warnings)


def _regressions(findings: Sequence[Finding], *, blocking: bool) -> list[str]:
    order = {"critical": 0, "error": 1, "warning": 2}
    chosen = [
        finding
        for finding in findings
        if finding.state == "regressed" and ((finding.severity in _BLOCKING) is blocking)
    ]
    chosen.sort(
        key=lambda finding: (order.get(finding.severity or "warning", 2), -(finding.estimate or 0.0), finding.key)
    )
    return [f"{name_of(finding)} regressed ({finding.severity})" for finding in chosen]


def _undecided(assessment: Assessment, judged: int, policy: Policy) -> tuple[str, ...]:
    findings = assessment.findings
    causes = [
        f"{name_of(finding)} is required and {finding.state.replace('_', ' ')}"
        for finding in findings
        if finding.required and finding.state not in JUDGED
    ]
    shift = assessment.environment_shift
    if shift is not None and shift.exceeds_limit:
        causes.append(shift.sentence)
    if judged == 0:
        causes.append("nothing could be judged")
    elif judged < policy.min_judged_ratio * len(findings):
        causes.append(f"only {judged} of {len(findings)} could be judged, at least {policy.min_judged_ratio:.0%} must")
    return tuple(causes)


def name_of(finding: Finding) -> str:
    """Return asset, partition and metric of a finding as people read them."""
    partition = f"[{finding.partition}]" if finding.partition else ""
    return f"{finding.asset}{partition} {finding.metric}"


def _sentence(findings: Sequence[Finding], judged: int, missing: Sequence[str]) -> str:
    counts = Counter(finding.state for finding in findings)
    parts = [f"judged {judged} of {len(findings)}"]
    parts += [f"{counts[state]} {state}" for state in ("regressed", "improved") if counts[state]]
    parts += [f"{counts['inconclusive']} undecided"] if counts["inconclusive"] else []
    parts += [f"{count} not comparable: {why}" for why, count in _refusals(findings)]
    parts += [f"{len(missing)} missing"] if missing else []
    return "; ".join(parts)


def _refusals(findings: Sequence[Finding]) -> list[tuple[str, int]]:
    """Return why findings were not comparable and how many each, the most frequent first."""
    whys = Counter(
        finding.reasons[0] if finding.reasons else "no reason given"
        for finding in findings
        if finding.state == "not_comparable"
    )
    return sorted(whys.items(), key=lambda item: (-item[1], item[0]))


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
