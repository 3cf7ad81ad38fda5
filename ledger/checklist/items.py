"""The items of the checklist: each a function of the facts, that says whether it holds, why, and by what evidence.

Rules:
- An item holds only where it was shown. What nobody looked at does not hold.
- Whether an item blocks is not its own business: the policy of the environment says which are required.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from ledger.checklist.advice import (
    anchors_compared,
    clean_tree,
    no_gate_overrides,
    no_warnings,
    nothing_lost,
    trends_hold,
)
from ledger.checklist.facts import AlertFact, Facts, GateFact, RunFact
from ledger.checklist.outcome import Evidence, Outcome, counted, decimal, failure, listed, not_shown, shown

_ID_CHARACTERS: Final = 8
"""Of an alert's id, which `ack` takes the beginning of."""

_BLOCKING: Final = frozenset({"error", "critical"})
_WELL: Final = frozenset({"PASS", "WARN"})
_UNFINISHED: Final = {"running": "has not ended", "incomplete": "made only part of what it meant to make"}


@dataclass(frozen=True, slots=True)
class Item:
    """An item: what it asks, and how it is answered."""

    asks: str
    judge: Callable[[Facts], Outcome]


def _smoke_tests(facts: Facts) -> Outcome:
    results = [one for one in facts.smoke if one.case in facts.smoke_cases]
    known = {one.case for one in results}
    wrong = [f"{name} was not run" for name in facts.smoke_cases if name not in known]
    wrong += [f"{one.case} failed" for one in results if not one.passed]
    wrong += [f"{one.case} ran with uncommitted changes" for one in results if one.passed and one.dirty]
    evidence: dict[str, Evidence] = {
        one.case: {"event": one.event, "passed": one.passed, "dirty": one.dirty} for one in results
    }
    evidence["files"] = dict(facts.smoke_files)
    if not facts.smoke_cases:
        return not_shown("the commit has no smoke cases", evidence, "write config/smoke/cases.yaml")
    if wrong:
        return not_shown(f"smoke tests: {listed(wrong)}", evidence, "run `dagster-ledger smoke` on this commit")
    return shown(f"{counted(len(facts.smoke_cases), 'smoke case')} passed on this commit", evidence)


def _quality_gates(facts: Facts) -> Outcome:
    evidence: dict[str, Evidence] = {run.job: _run_evidence(run) for run in facts.runs}
    wrong = [said for run in facts.runs for said in _wrong_of_run(run)]
    if not facts.runs:
        wrong = ["no job is in scope"]
    if wrong:
        remedy = "run the job on this commit, and mend what its checks say"
        return not_shown(f"quality: {listed(wrong)}", evidence, remedy)
    count = sum(len(run.checks) for run in facts.runs)
    return shown(f"{counted(count, 'quality check')} passed in the newest run of each job", evidence)


def _wrong_of_run(run: RunFact) -> list[str]:
    if run.run_id is None:
        return [f"{run.job} has no run on this commit"]
    named = f"run {run.run_id[:8]} of {run.job}"
    wrong = [] if run.status == "success" else [f"{named} {_UNFINISHED.get(run.status or '', f'ended {run.status}')}"]
    missing = sorted(set(run.expected) - set(run.made))
    wrong += [f"{named} did not make {', '.join(missing)}"] if missing else []
    wrong += [failure(check) for check in run.checks if not check.holds and check.stops]
    if not any(check.blocking for check in run.checks):
        wrong.append(f"{named} evaluated no check that blocks")
    return wrong


def _run_evidence(run: RunFact) -> Evidence:
    checks: list[Evidence] = [
        {
            "asset": check.asset,
            "check": check.check,
            "event": check.event,
            "metric": check.metric,
            "passed": check.passed,
            "required": decimal(check.required),
            "threshold": decimal(check.threshold),
            "value": decimal(check.value),
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
        return not_shown("baselines: no asset is in scope", evidence, "run the job on this commit")
    if missing:
        return not_shown(f"baselines: none for {listed(missing)}", evidence, remedy)
    return shown(f"{len(expected)} assets have a performance baseline in this commit", evidence)


def _no_regression(facts: Facts) -> Outcome:
    evidence: dict[str, Evidence] = {
        gate.job: {
            "baseline": gate.baseline_digest,
            "findings": gate.findings,
            "judged": gate.judged,
            "anchored": gate.anchored,
            "outcome": gate.outcome,
            "regressed": list(gate.regressed),
            "runs": list(gate.run_ids),
            "verdict": gate.verdict,
        }
        for gate in facts.gates
    }
    wrong = [_gate_words(gate) for gate in facts.gates if gate.outcome not in _WELL]
    if not facts.gates:
        wrong = ["no job is in scope"]
    if wrong:
        remedy = "run the job more often on this commit, `dagster-ledger gate` says why; accept or mend the change"
        return not_shown(f"regressions: {listed(wrong)}", evidence, remedy)
    judged, all_of = sum(gate.judged for gate in facts.gates), sum(gate.findings for gate in facts.gates)
    return shown(f"nothing regressed; {judged} of {all_of} metrics were judged", evidence)


def _gate_words(gate: GateFact) -> str:
    regressed = f" ({listed(list(gate.regressed))})" if gate.regressed else ""
    return f"{gate.job}: {gate.outcome or 'not judged'}{regressed}, {gate.sentence}"


def _ledger_verifies(facts: Facts) -> Outcome:
    ledger = facts.ledger
    if ledger is None:
        return not_shown("the ledger was not verified", {}, "run `dagster-ledger ledger verify`")
    evidence: dict[str, Evidence] = {"origin": ledger.origin, "size": ledger.size, "root": ledger.root}
    if ledger.previous is not None:
        evidence["previous"] = {"size": ledger.previous[0], "root": ledger.previous[1]}
    if ledger.problems:
        wrong = listed(list(ledger.problems))
        return not_shown(f"the ledger is not what was appended: {wrong}", evidence, "restore it from a copy")
    if not ledger.continues:
        said = "the ledger does not contain the checkpoint of the last accepted manifest"
        return not_shown(said, evidence, "find out who exchanged the ledger")
    if ledger.size == 0:
        return not_shown("the ledger holds nothing that is sealed", evidence, "run the job on this commit")
    return shown(f"every digest of {ledger.size:,} sealed appends is right", evidence)


def _no_blocking_alerts(facts: Facts) -> Outcome:
    blocking = [one for one in facts.alerts if one.severity in _BLOCKING]
    evidence: dict[str, Evidence] = {
        one.alert_id: {
            "acknowledged": None if one.acknowledged_until is None else _acknowledged(one),
            "asset": one.asset,
            "event": one.event,
            "run": one.run_id,
            "severity": one.severity,
        }
        for one in blocking
    }
    wrong = [
        (one.alert_id[:_ID_CHARACTERS], one.message)
        for one in blocking
        if one.acknowledged_until is None or one.acknowledged_until <= facts.at
    ]
    if all(run.run_id is None for run in facts.runs):
        return not_shown("alerts: no run is in scope", evidence, "run the job on this commit")
    if wrong:
        remedy = (
            f"mend it and run again, or answer for it with `dagster-ledger ack`: {', '.join(one for one, _ in wrong)}"
        )
        said = listed([message for _, message in wrong])
        return not_shown(f"{counted(len(wrong), 'alert')} nobody answers for: {said}", evidence, remedy)
    answered = f", {len(blocking)} answered for" if blocking else ""
    return shown(f"no alert stands in the way{answered}", evidence)


def _acknowledged(alert: AlertFact) -> Evidence:
    until = None if alert.acknowledged_until is None else alert.acknowledged_until.isoformat()
    return {"event": alert.acknowledged, "owner": alert.owner, "reason": alert.reason, "until": until}


def _overrides_recorded(facts: Facts) -> Outcome:
    evidence: dict[str, Evidence] = {
        run.job: {
            "configuration": run.configuration,
            "event": run.configuration_event,
            "overrides": [f"{name} = {value} ({source})" for name, value, source in run.overrides],
        }
        for run in facts.runs
    }
    unknown = [run.job for run in facts.runs if run.configuration is None]
    if unknown or not facts.runs:
        said = f"configuration: nothing is recorded of {listed(unknown) or 'any job'}"
        return not_shown(said, evidence, "run the job on this commit")
    count = sum(len(run.overrides) for run in facts.runs)
    return shown(f"the configuration is recorded, {counted(count, 'override')} among it", evidence)


ITEMS: Final[Mapping[str, Item]] = MappingProxyType(
    {
        "smoke_tests": Item("Did every smoke case pass on exactly this commit?", _smoke_tests),
        "quality_gates": Item("Are all quality checks of the newest run at or above their thresholds?", _quality_gates),
        "baselines": Item("Has every asset in scope a performance baseline in this commit?", _baselines),
        "no_regression": Item("Did nothing regress against the current and the anchored baseline?", _no_regression),
        "ledger_verifies": Item("Is the ledger what was appended, and does it continue?", _ledger_verifies),
        "no_blocking_alerts": Item("Is every grave alert answered for?", _no_blocking_alerts),
        "overrides_recorded": Item("Is the configuration recorded, with what was overridden?", _overrides_recorded),
        "anchors_compared": Item("Was everything held against its anchor as well?", anchors_compared),
        "no_warnings": Item("Does no quality check warn?", no_warnings),
        "clean_tree": Item("Is the work tree what was committed?", clean_tree),
        "nothing_lost": Item("Was no asset killed?", nothing_lost),
        "no_gate_overrides": Item("Is no quality gate overridden?", no_gate_overrides),
        "trends_hold": Item("Is nothing getting worse over runs?", trends_hold),
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
