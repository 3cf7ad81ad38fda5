"""Judging: what was not shown does not hold, whatever breaks, and the answer has one spelling."""

import dataclasses
from datetime import UTC, datetime

import pytest

from ledger.checklist import CRITICAL, ITEMS, Facts, judge
from ledger.checklist.facts import AlertFact, BaselineFact, CheckFact, GateFact, LedgerFact, RunFact, SmokeFact
from ledger.trust.canonical import encode

AT = datetime(2026, 11, 26, 12, tzinfo=UTC)
NOTHING = Facts(commit="c" * 40, environment="prod", at=AT)
CHECK = CheckFact("matched", "match_rate_gate", True, True, "match_rate", 0.91, 0.7, 0.8, "asset/matched//0#3")  # noqa: FBT003 - as it is seen
WELL = dataclasses.replace(
    NOTHING,
    dirty=False,
    smoke_cases=("good",),
    smoke_files={"config/smoke/cases.yaml": "a" * 64},
    smoke=(SmokeFact("good", passed=True, dirty=False, event="smoke/1#0"),),
    runs=(RunFact("job", "run-1", "success", ("matched",), ("matched",), (CHECK,), "d" * 64),),
    baselines=(BaselineFact("profile/matched.json", "matched", "b" * 64),),
    gates=(GateFact("job", "PASS", "judged 1 of 1", 1, 1, ("run-1",), "e" * 64, anchors=1, anchored=1),),
    ledger=LedgerFact("origin", 7, "f" * 64),
)


def held(facts: Facts) -> set[str]:
    return {item.name for item in judge(facts, CRITICAL).items if item.holds}


def test_everything_that_is_shown_holds():
    found = judge(WELL, CRITICAL)
    assert found.ready
    assert held(WELL) == set(ITEMS)


def test_of_nothing_no_critical_item_holds():
    assert held(NOTHING) & set(CRITICAL) == set()
    assert not judge(NOTHING, CRITICAL).ready


def test_without_a_critical_item_nothing_is_ready():
    assert not judge(WELL, ()).ready


@pytest.mark.parametrize("name", ITEMS)
def test_an_item_whose_facts_could_not_be_had_does_not_hold_and_says_why(name):
    facts = dataclasses.replace(WELL, lacking={name: "the file is no YAML"})
    (found,) = (item for item in judge(facts, CRITICAL).items if item.name == name)
    assert not found.holds
    assert "the file is no YAML" in found.sentence
    assert held(facts) == set(ITEMS) - {name}


@pytest.mark.parametrize("name", ITEMS)
def test_an_item_that_is_switched_off_blocks_where_it_is_required(name):
    facts = dataclasses.replace(WELL, off=(name,))
    assert [item.name for item in judge(facts, (name,)).blockers] == [name]
    assert judge(facts, tuple(other for other in CRITICAL if other != name)).ready


def test_an_item_that_breaks_does_not_hold_and_leaves_the_others():
    found = judge(dataclasses.replace(WELL, trends=(None,)), (*CRITICAL, "trends_hold"))
    assert [item.name for item in found.blockers] == ["trends_hold"]
    assert "internal error, AttributeError" in found.blockers[0].sentence


@pytest.mark.parametrize("facts", [NOTHING, WELL], ids=["nothing", "well"])
def test_evidence_has_one_spelling(facts):
    items = judge(facts, CRITICAL).items
    spelled = [encode({"sentence": item.sentence, "evidence": item.evidence}) for item in items]
    assert spelled == [
        encode({"evidence": item.evidence, "sentence": item.sentence}) for item in judge(facts, ()).items
    ]


@pytest.mark.parametrize(
    ("change", "holds"),
    [
        ({"passed": False}, False),
        ({"value": 0.75}, False),
        ({"value": None}, False),
        ({"value": 0.8}, True),
        ({"blocking": False, "value": 0.75}, True),
        ({"blocking": False, "passed": False, "grave": False}, True),
        ({"blocking": False, "passed": False, "grave": True}, False),
    ],
)
def test_a_gate_is_held_against_the_limit_of_the_commit_too(change, holds):
    checks = (CHECK, dataclasses.replace(CHECK, check="another", **change))
    facts = dataclasses.replace(WELL, runs=(dataclasses.replace(WELL.runs[0], checks=checks),))
    assert ("quality_gates" in held(facts)) is holds


@pytest.mark.parametrize(("anchors", "anchored", "holds"), [(0, 0, False), (3, 2, False), (3, 3, True)])
def test_an_anchor_that_could_not_be_compared_is_told(anchors, anchored, holds):
    gate = dataclasses.replace(WELL.gates[0], anchors=anchors, anchored=anchored)
    assert ("anchors_compared" in held(dataclasses.replace(WELL, gates=(gate,)))) is holds


@pytest.mark.parametrize(
    ("severity", "until", "holds"),
    [
        ("warning", None, True),
        ("error", None, False),
        ("critical", AT, False),
        ("critical", AT.replace(hour=13), True),
        ("error", AT.replace(hour=11), False),
    ],
)
def test_an_alert_is_answered_for_until_its_acknowledgement_ends(severity, until, holds):
    alert = AlertFact("a", severity, "matched", "run-1", "it is bad", until, owner="Bob", reason="known")
    assert ("no_blocking_alerts" in held(dataclasses.replace(WELL, alerts=(alert,)))) is holds
