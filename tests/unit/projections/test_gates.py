"""Gates: the last evaluation holds, an override holds while it may and for what it names."""

import pytest

from ledger.events import AssetBlocked, CheckEvaluated, GateOverridden, StreamId, asset_stream
from ledger.events.schema import SCHEMA
from ledger.projections.blocked import blocked
from ledger.projections.gates import gates
from ledger.store.memory import MemoryStore
from tests.recorded import at, said


def evaluated(store, status, minute, *, check="c", blocking=True, partition=None, run="r"):
    event = CheckEvaluated(
        asset="a", run_id=f"{run}{minute}", partition=partition, check=check, status=status, severity="error",
        metric="match_rate", value=0.5, threshold=0.7, blocking=blocking, description="too low", details={},
    )  # fmt: skip
    said(store, asset_stream("a", f"{run}{minute}{check}", partition, 0), event, minute=minute)


def overridden(store, minute, *, until=60, check=None, partition=None, asset="a", owner="me"):
    event = GateOverridden(
        asset=asset, partition=partition, check=check, reason="r", owner=owner, expires=at(until).isoformat()
    )
    said(store, StreamId("gate", f"{minute}{owner}"), event, minute=minute)


def states(store, now=30):
    return {(gate.check, gate.partition): gate.closed for gate in gates(store.read(), at(now))}


def test_no_evaluation_is_no_gate():
    assert gates(SCHEMA.empty_table(), at(0)) == []


def test_the_last_evaluation_is_the_state_of_a_gate_and_says_what_it_saw():
    store = MemoryStore()
    evaluated(store, "passed", 0)
    evaluated(store, "failed", 1)
    (gate,) = gates(store.read(), at(2))
    assert gate.closed
    assert (gate.asset, gate.check, gate.run_id, gate.evaluated) == ("a", "c", "r1", at(1))
    assert (gate.metric, gate.value, gate.threshold, gate.description) == ("match_rate", 0.5, 0.7, "too low")
    evaluated(store, "passed", 2)
    assert states(store) == {("c", None): False}


@pytest.mark.parametrize("blocking", [False, None])
def test_a_check_that_does_not_block_is_no_gate(blocking):
    store = MemoryStore()
    evaluated(store, "failed", 0, blocking=blocking)
    assert states(store) == {}


def test_gates_of_other_checks_and_partitions_are_gates_of_their_own():
    store = MemoryStore()
    evaluated(store, "failed", 0)
    evaluated(store, "passed", 1, check="d")
    evaluated(store, "passed", 2, partition="p")
    assert states(store) == {("c", None): True, ("c", "p"): False, ("d", None): False}


@pytest.mark.parametrize(
    ("override", "closed"),
    [
        ({"minute": 5}, False),
        ({"minute": 5, "check": "c"}, False),
        ({"minute": 5, "check": "other"}, True),
        ({"minute": 5, "asset": "other"}, True),
        ({"minute": 5, "partition": "other"}, True),
        ({"minute": 5, "until": 31}, False),
        ({"minute": 5, "until": 30}, True),
        ({"minute": 0}, True),
    ],
    ids=[
        "asset",
        "check",
        "other check",
        "other asset",
        "other partition",
        "not yet over",
        "over",
        "before evaluation",
    ],
)
def test_an_override_opens_what_it_names_for_what_was_evaluated_before_it_until_it_ends(override, closed):
    store = MemoryStore()
    evaluated(store, "failed", 1)
    overridden(store, **override)
    assert states(store) == {("c", None): closed}


def test_an_evaluation_after_the_override_closes_the_gate_anew():
    store = MemoryStore()
    evaluated(store, "failed", 1)
    overridden(store, 5)
    evaluated(store, "failed", 6)
    assert states(store) == {("c", None): True}


def test_an_override_of_an_asset_holds_for_each_of_its_partitions_and_one_of_a_partition_only_for_that():
    store = MemoryStore()
    evaluated(store, "failed", 1, partition="p")
    evaluated(store, "failed", 2, partition="q")
    overridden(store, 5, partition="p")
    assert states(store) == {("c", "p"): False, ("c", "q"): True}
    overridden(store, 6)
    assert states(store) == {("c", "p"): False, ("c", "q"): False}


def test_of_two_overrides_that_hold_the_later_one_is_named():
    store = MemoryStore()
    evaluated(store, "failed", 1)
    overridden(store, 5, owner="first")
    overridden(store, 6, owner="second")
    overridden(store, 7, owner="ended", until=8)
    (gate,) = gates(store.read(), at(30))
    assert gate.override.owner == "second"


def test_what_a_gate_kept_from_being_made_is_told_with_the_gate():
    store = MemoryStore()
    event = AssetBlocked(
        asset="b", run_id="r", blocked_by="a", gate_run_id="q", check="c", value=0.5, threshold=0.7, reason="too low"
    )
    said(store, asset_stream("b", "r", None, 0), event, minute=3)
    assert blocked(store.read()).to_pylist() == [
        {
            "ts": at(3), "run_id": "r", "asset": "b", "partition": None, "check": "c", "metric": None, "value": 0.5,
            "blocked_by": "a", "gate_run_id": "q", "threshold": 0.7, "reason": "too low",
        }
    ]  # fmt: skip
