"""The items of the checklist: each a function of the facts, that says whether it holds, why, and by what evidence.

Rules:
- An item holds only where it was shown. What nobody looked at does not hold.
- Evidence is plain and has one spelling: texts, whole numbers, lists and mappings; decimals are texts.
- Whether an item blocks is not its own business: the policy of the environment says which are required.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, TypeAlias

from ledger.checklist.facts import CheckFact, Facts, GateFact, RunFact

Evidence: TypeAlias = "bool | int | str | Sequence[Evidence] | Mapping[str, Evidence] | None"

_FEW: Final = 3
_BLOCKING: Final = frozenset({"error", "critical"})
_WELL: Final = frozenset({"PASS", "WARN"})


@dataclass(frozen=True, slots=True)
class Outcome:
    """Whether an item holds, one sentence that says why, what to do where it does not, and the evidence."""

    holds: bool
    sentence: str
    evidence: Mapping[str, Evidence]
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Item:
    """An item: what it asks, and how it is answered."""

    asks: str
    judge: Callable[[Facts], Outcome]


def _smoke_tests(facts: Facts) -> Outcome:
    results = {one.case: one for one in facts.smoke}
    wrong = [f"{name} was not run" for name in facts.smoke_cases if name not in results]
    wrong += [f"{one.case} failed" for one in facts.smoke if not one.passed]
    wrong += [f"{one.case} ran with uncommitted changes" for one in facts.smoke if one.passed and one.dirty]
    evidence: dict[str, Evidence] = {
        one.case: {"event": one.event, "passed": one.passed, "dirty": one.dirty} for one in facts.smoke
    }
    if not facts.smoke_cases:
        return _no("the commit has no smoke cases", evidence, "write config/smoke/cases.yaml")
    if wrong:
        return _no(f"smoke tests: {_listed(wrong)}", evidence, "run `dagster-ledger smoke` on this commit")
    return _yes(f"{len(facts.smoke_cases)} smoke cases passed on this commit", evidence)


def _quality_gates(facts: Facts) -> Outcome:
    evidence: dict[str, Evidence] = {run.job: _run_evidence(run) for run in facts.runs}
    wrong = [said for run in facts.runs for said in _wrong_of_run(run)]
    if not facts.runs:
        wrong = ["no job is in scope"]
    if wrong:
        remedy = "run the job on this commit, and mend what its checks say"
        return _no(f"quality: {_listed(wrong)}", evidence, remedy)
    count = sum(len(run.checks) for run in facts.runs)
    return _yes(f"{count} quality checks passed in the newest run of each job", evidence)


def _wrong_of_run(run: RunFact) -> list[str]:
    if run.run_id is None:
        return [f"{run.job} has no run on this commit"]
    shown = f"run {run.run_id[:8]} of {run.job}"
    wrong = [] if run.status == "success" else [f"{shown} ended with {run.status}"]
    missing = sorted(set(run.expected) - set(run.made))
    wrong += [f"{shown} did not make {', '.join(missing)}"] if missing else []
    wrong += [_failure(check) for check in run.checks if not check.holds and check.blocking]
    if not any(check.blocking for check in run.checks):
        wrong.append(f"{shown} evaluated no check that blocks")
    return wrong


def _failure(check: CheckFact) -> str:
    shown = f"{check.check} of {check.asset} {'was loosened' if check.passed else 'failed'}"
    if check.metric is None or check.value is None:
        return shown
    bound = check.required if check.passed else check.threshold
    limit = "" if bound is None else f", limit {bound:.4g}"
    return f"{shown} ({check.metric} {check.value:.4g}{limit})"


def _run_evidence(run: RunFact) -> Evidence:
    checks: list[Evidence] = [
        {
            "asset": check.asset,
            "check": check.check,
            "event": check.event,
            "metric": check.metric,
            "passed": check.passed,
            "required": _decimal(check.required),
            "threshold": _decimal(check.threshold),
            "value": _decimal(check.value),
        }
        for check in run.checks
    ]
    return {"run": run.run_id, "status": run.status, "assets": list(run.made), "checks": checks}


def _baselines(facts: Facts) -> Outcome:
    evidence: dict[str, Evidence] = {one.path: one.sha256 for one in facts.baselines}
    expected = sorted({asset for run in facts.runs for asset in run.expected})
    missing = sorted(set(expected) - {one.asset for one in facts.baselines})
    remedy = "propose them with `dagster-ledger baseline propose --write`, and have them merged"
    if not expected:
        return _no("baselines: no asset is in scope", evidence, "run the job on this commit")
    if missing:
        return _no(f"baselines: none for {_listed(missing)}", evidence, remedy)
    return _yes(f"{len(expected)} assets have a performance baseline in this commit", evidence)


def _no_regression(facts: Facts) -> Outcome:
    evidence: dict[str, Evidence] = {
        gate.job: {
            "baseline": gate.baseline_digest,
            "findings": gate.findings,
            "judged": gate.judged,
            "outcome": gate.outcome,
            "regressed": list(gate.regressed),
            "runs": list(gate.run_ids),
        }
        for gate in facts.gates
    }
    wrong = [_gate_words(gate) for gate in facts.gates if gate.outcome not in _WELL]
    if not facts.gates:
        wrong = ["no job is in scope"]
    if wrong:
        remedy = "run the job more often on this commit, `dagster-ledger gate` says why; accept or mend the change"
        return _no(f"regressions: {_listed(wrong)}", evidence, remedy)
    judged, all_of = sum(gate.judged for gate in facts.gates), sum(gate.findings for gate in facts.gates)
    return _yes(f"nothing regressed; {judged} of {all_of} metrics were judged", evidence)


def _gate_words(gate: GateFact) -> str:
    regressed = f" ({_listed(list(gate.regressed))})" if gate.regressed else ""
    return f"{gate.job}: {gate.outcome or 'not judged'}{regressed}, {gate.sentence}"


def _ledger_verifies(facts: Facts) -> Outcome:
    ledger = facts.ledger
    if ledger is None:
        return _no("the ledger was not verified", {}, "run `dagster-ledger ledger verify`")
    evidence: dict[str, Evidence] = {"origin": ledger.origin, "size": ledger.size, "root": ledger.root}
    if ledger.previous is not None:
        evidence["previous"] = {"size": ledger.previous[0], "root": ledger.previous[1]}
    if ledger.problems:
        wrong = _listed(list(ledger.problems))
        return _no(f"the ledger is not what was appended: {wrong}", evidence, "restore it from a copy")
    if not ledger.continues:
        said = "the ledger does not contain the checkpoint of the last accepted manifest"
        return _no(said, evidence, "find out who exchanged the ledger")
    if ledger.size == 0:
        return _no("the ledger holds nothing that is sealed", evidence, "run the job on this commit")
    return _yes(f"every digest of {ledger.size:,} sealed appends is right", evidence)


def _no_blocking_alerts(facts: Facts) -> Outcome:
    blocking = [one for one in facts.alerts if one.severity in _BLOCKING]
    evidence: dict[str, Evidence] = {
        one.alert_id: {
            "acknowledged_until": None if one.acknowledged_until is None else one.acknowledged_until.isoformat(),
            "asset": one.asset,
            "run": one.run_id,
            "severity": one.severity,
        }
        for one in blocking
    }
    wrong = [one.message for one in blocking if one.acknowledged_until is None or one.acknowledged_until <= facts.at]
    if all(run.run_id is None for run in facts.runs):
        return _no("alerts: no run is in scope", evidence, "run the job on this commit")
    if wrong:
        remedy = "mend it and run again, or answer for it with `dagster-ledger ack`"
        return _no(f"{len(wrong)} alerts nobody answers for: {_listed(wrong)}", evidence, remedy)
    answered = f", {len(blocking)} answered for" if blocking else ""
    return _yes(f"no alert stands in the way{answered}", evidence)


def _overrides_recorded(facts: Facts) -> Outcome:
    evidence: dict[str, Evidence] = {
        run.job: {
            "configuration": run.configuration,
            "overrides": [f"{name} = {value} ({source})" for name, value, source in run.overrides],
        }
        for run in facts.runs
    }
    unknown = [run.job for run in facts.runs if run.configuration is None]
    if unknown or not facts.runs:
        said = f"configuration: nothing is recorded of {_listed(unknown) or 'any job'}"
        return _no(said, evidence, "run the job on this commit")
    count = sum(len(run.overrides) for run in facts.runs)
    return _yes(f"the configuration is recorded, {count} overrides among it", evidence)


def _nothing_lost(facts: Facts) -> Outcome:
    lost = [f"{asset} of {run.job}" for run in facts.runs for asset in run.lost]
    if lost:
        return _no(f"killed in the newest run: {_listed(lost)}", {"lost": [*lost]}, "run the job again")
    return _yes("no asset was killed in the newest runs", {"lost": []})


def _no_gate_overrides(facts: Facts) -> Outcome:
    told: list[Evidence] = [
        {"asset": one.asset, "check": one.check, "owner": one.owner, "reason": one.reason, "expires": one.expires}
        for one in facts.gate_overrides
    ]
    if told:
        named = _listed([f"{one.asset} until {one.expires} by {one.owner}" for one in facts.gate_overrides])
        return _no(f"quality gates are overridden: {named}", {"overrides": told}, "let them end")
    return _yes("no quality gate is overridden", {"overrides": told})


def _trends_hold(facts: Facts) -> Outcome:
    told: list[Evidence] = [{"asset": one.asset, "metric": one.metric} for one in facts.trends]
    if told:
        worse = _listed([f"{one.asset} {one.metric} {one.sentence}" for one in facts.trends])
        return _no(f"getting worse: {worse}", {"degrading": told}, "look at `dagster-ledger trend`")
    return _yes("nothing is getting worse over runs", {"degrading": told})


def _clean_tree(facts: Facts) -> Outcome:
    evidence: dict[str, Evidence] = {"dirty": facts.dirty}
    if facts.dirty is None:
        return _no("nobody looked at the work tree", evidence, "run this in the repository")
    if facts.dirty:
        return _no("files differ from the commit", evidence, "commit or undo the changes")
    return _yes("the work tree is the commit", evidence)


ITEMS: Final[Mapping[str, Item]] = MappingProxyType(
    {
        "smoke_tests": Item("Did every smoke case pass on exactly this commit?", _smoke_tests),
        "quality_gates": Item("Are all quality checks of the newest run at or above their thresholds?", _quality_gates),
        "baselines": Item("Has every asset in scope a performance baseline in this commit?", _baselines),
        "no_regression": Item("Did nothing regress against the current and the anchored baseline?", _no_regression),
        "ledger_verifies": Item("Is the ledger what was appended, and does it continue?", _ledger_verifies),
        "no_blocking_alerts": Item("Is every grave alert answered for?", _no_blocking_alerts),
        "overrides_recorded": Item("Is the configuration recorded, with what was overridden?", _overrides_recorded),
        "clean_tree": Item("Is the work tree what was committed?", _clean_tree),
        "nothing_lost": Item("Was no asset killed?", _nothing_lost),
        "no_gate_overrides": Item("Is no quality gate overridden?", _no_gate_overrides),
        "trends_hold": Item("Is nothing getting worse over runs?", _trends_hold),
    }
)
"""Name to item, the graver first; an item is added by a function and a line here."""

CRITICAL: Final = (
    "smoke_tests",
    "quality_gates",
    "baselines",
    "no_regression",
    "ledger_verifies",
    "no_blocking_alerts",
    "overrides_recorded",
)
"""What a policy requires unless somebody chose otherwise."""


def _yes(sentence: str, evidence: Mapping[str, Evidence]) -> Outcome:
    return Outcome(holds=True, sentence=sentence, evidence=evidence)


def _no(sentence: str, evidence: Mapping[str, Evidence], remedy: str) -> Outcome:
    return Outcome(holds=False, sentence=sentence, evidence=evidence, remedy=remedy)


def _decimal(value: float | None) -> str | None:
    return None if value is None else repr(float(value))


def _listed(said: list[str]) -> str:
    """Return the first few, and how many more there are."""
    rest = len(said) - _FEW
    return "; ".join(said[:_FEW]) + (f"; and {rest} more" if rest > 0 else "")
