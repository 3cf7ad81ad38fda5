"""The items that advise unless a policy requires them: what a person who approves should know.

Rules are those of ``ledger.checklist.items``.
"""

from ledger.checklist.facts import Facts
from ledger.checklist.outcome import Evidence, Outcome, failure, listed, not_shown, shown


def nothing_lost(facts: Facts) -> Outcome:
    """Judge the item ``nothing_lost``."""
    lost = [f"{asset} of {run.job}" for run in facts.runs for asset in run.lost]
    if lost:
        return not_shown(f"killed in the newest run: {listed(lost)}", {"lost": [*lost]}, "run the job again")
    return shown("no asset was killed in the newest runs", {"lost": []})


def no_gate_overrides(facts: Facts) -> Outcome:
    """Judge the item ``no_gate_overrides``."""
    told: list[Evidence] = [
        {
            "asset": one.asset,
            "check": one.check,
            "event": one.event,
            "expires": one.expires,
            "owner": one.owner,
            "reason": one.reason,
        }
        for one in facts.gate_overrides
    ]
    if told:
        named = listed([f"{one.asset} until {one.expires} by {one.owner}" for one in facts.gate_overrides])
        return not_shown(f"quality gates are overridden: {named}", {"overrides": told}, "let them end")
    return shown("no quality gate is overridden", {"overrides": told})


def trends_hold(facts: Facts) -> Outcome:
    """Judge the item ``trends_hold``."""
    told: list[Evidence] = [{"asset": one.asset, "metric": one.metric} for one in facts.trends]
    if told:
        worse = listed([f"{one.asset} {one.metric} {one.sentence}" for one in facts.trends])
        return not_shown(f"getting worse: {worse}", {"degrading": told}, "look at `dagster-ledger trend`")
    return shown("nothing is getting worse over runs", {"degrading": told})


def anchors_compared(facts: Facts) -> Outcome:
    """Judge the item ``anchors_compared``."""
    evidence: dict[str, Evidence] = {
        gate.job: {"anchors": gate.anchors, "anchored": gate.anchored} for gate in facts.gates
    }
    anchors, anchored = sum(gate.anchors for gate in facts.gates), sum(gate.anchored for gate in facts.gates)
    if anchors == 0:
        said = "no baseline has an anchor, so that many small steps could pass one by one"
        return not_shown(said, evidence, "give the baselines one, for instance of the last release")
    if anchored < anchors:
        said = f"{anchored} of {anchors} anchors could be compared; the others are of other circumstances"
        return not_shown(said, evidence, "make the anchor anew under those of today")
    return shown(f"{anchors} metrics were held against their anchor as well", evidence)


def verdict_recorded(facts: Facts) -> Outcome:
    """Judge the item ``verdict_recorded``."""
    evidence: dict[str, Evidence] = {
        gate.job: {"event": gate.verdict, "outcome": gate.recorded} for gate in facts.gates
    }
    silent = [gate.job for gate in facts.gates if gate.verdict is None]
    other = [
        f"{gate.job}: recorded {gate.recorded}, now {gate.outcome}"
        for gate in facts.gates
        if gate.verdict is not None and gate.recorded != gate.outcome
    ]
    remedy = f"run `dagster-ledger gate --commit {facts.commit[:12]} --baseline ref:{facts.commit[:12]}`"
    if silent or not facts.gates:
        return not_shown(f"no verdict is recorded on {listed(silent) or 'any job'}", evidence, remedy)
    if other:
        return not_shown(f"the recorded verdict was reached with other settings: {listed(other)}", evidence, remedy)
    return shown("the verdict of the gate on these runs is recorded", evidence)


def no_warnings(facts: Facts) -> Outcome:
    """Judge the item ``no_warnings``."""
    warned = [check for run in facts.runs for check in run.checks if not check.passed and not check.stops]
    told: list[Evidence] = [{"asset": one.asset, "check": one.check, "event": one.event} for one in warned]
    if warned:
        named = listed([failure(one) for one in warned])
        return not_shown(f"checks that warn: {named}", {"checks": told}, "look at `dagster-ledger show`")
    return shown("no check of the newest runs warns", {"checks": told})


def clean_tree(facts: Facts) -> Outcome:
    """Judge the item ``clean_tree``."""
    evidence: dict[str, Evidence] = {"dirty": facts.dirty}
    if facts.dirty is None:
        return not_shown("nobody looked at the work tree", evidence, "run this in the repository")
    if facts.dirty:
        return not_shown("files differ from the commit", evidence, "commit or undo the changes")
    return shown("the work tree is the commit", evidence)
