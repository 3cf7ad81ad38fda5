"""The reconciler beside attempts that still speak, others that reconcile, and what it hands on to readers."""

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest

from ledger.events import AssetFinished, AssetLost, AssetStarted, ProgressReported, asset_stream
from ledger.events.codec import from_table
from ledger.measure import current_process
from ledger.projections.attempts import attempts
from ledger.projections.samples import samples
from ledger.service.recording.reconcile import Evidence, find_lost, open_streams, reconcile
from ledger.service.recording.recorder import StreamRecorder
from ledger.store.memory import MemoryStore
from tests.recorded import attempt

ELSEWHERE = {"host": "elsewhere"}


def begin(store, asset="a", partition=None, **identity):
    process = dataclasses.asdict(current_process()) | identity
    recorder = StreamRecorder(store, asset_stream(asset, "r", partition, 0))
    recorder.record(
        AssetStarted(asset=asset, partition=partition, run_id="r", output_assets=(asset,), step_key="s", **process)
    )
    return recorder


def later(hours=1):
    return datetime.now(UTC) + timedelta(hours=hours)


def lost(store):
    return [entry.event for entry in from_table(store.read()) if isinstance(entry.event, AssetLost)]


@pytest.mark.parametrize("end", ["success", "failed", "retrying", "canceled", "lost"])
def test_what_has_ended_is_left_alone_whatever_the_evidence(end):
    store = MemoryStore()
    attempt(store, "r", "a", end)
    assert open_streams(store) == []
    assert reconcile(store, Evidence(run_ended=lambda _: "FAILURE"), clock=later) == []


def test_an_attempt_that_speaks_while_it_is_judged_is_not_closed():
    store = MemoryStore()
    recorder = begin(store, **ELSEWHERE)

    def clock():
        recorder.record(ProgressReported(asset="a", run_id="r", value=1.0))
        return later()

    assert reconcile(store, clock=clock) == []
    assert lost(store) == []
    recorder.record(AssetFinished(asset="a", run_id="r", peak_method="vmhwm", sample_hz=10.0))
    assert attempts(store.read()).column("status").to_pylist() == ["success"]


def test_an_attempt_that_ends_while_it_is_judged_keeps_its_own_end():
    store = MemoryStore()
    recorder = begin(store, **ELSEWHERE)

    def run_ended(_):
        if store.stats().batches == 1:
            recorder.record(AssetFinished(asset="a", run_id="r", peak_method="vmhwm", sample_hz=10.0))
        return "SUCCESS"

    assert reconcile(store, Evidence(run_ended=run_ended)) == []
    assert attempts(store.read()).column("status").to_pylist() == ["success"]


def test_a_reconciler_that_comes_second_while_the_first_one_judges_closes_and_only_it_says_so():
    store = MemoryStore()
    begin(store, **ELSEWHERE)
    inner = []

    def run_ended(_):
        if not inner:
            inner.append(None)
            inner[:] = reconcile(store, Evidence(run_ended=lambda _: "CANCELED"))
        return "FAILURE"

    assert reconcile(store, Evidence(run_ended=run_ended)) == []
    assert len(inner) == 1
    assert [event.reason for event in lost(store)] == [inner[0].reason]


def test_silence_is_counted_from_the_last_sign_of_life_and_a_living_process_may_be_silent():
    store = MemoryStore()
    begin(store)
    begin(store, asset="far", **ELSEWHERE)
    assert [found.asset for found in find_lost(store, Evidence(stale_after_s=4000.0), clock=later)] == []
    (found,) = find_lost(store, Evidence(stale_after_s=3000.0), clock=later)
    assert found.asset == "far"
    assert lost(store) == []


def test_several_lost_attempts_are_closed_in_one_go_each_in_its_own_stream():
    store = MemoryStore()
    for asset, partition in (("a", None), ("b/c", "p%1"), ("b/c", "p/2")):
        begin(store, asset=asset, partition=partition, pid_started_ticks=1)
    begin(store, asset="alive")
    assert len(reconcile(store)) == 3
    rows = attempts(store.read()).to_pylist()
    assert {(row["asset"], row["partition"]): row["status"] for row in rows} == {
        ("a", None): "lost", ("b/c", "p%1"): "lost", ("b/c", "p/2"): "lost", ("alive", None): "running",
    }  # fmt: skip
    assert reconcile(store) == []
    assert samples(store.read()).num_rows == 0


def test_dagster_is_asked_for_the_run_and_the_step_of_the_attempt_and_not_for_the_dead():
    store = MemoryStore()
    begin(store, pid_started_ticks=1)
    begin(store, asset="far", **ELSEWHERE)
    asked = []
    evidence = Evidence(run_ended=asked.append, step_ended=lambda run_id, key: asked.append((run_id, key)))
    (found,) = find_lost(store, evidence)
    assert found.asset == "a"
    assert asked == ["r", ("r", "s")]


def test_the_end_of_a_lost_attempt_tells_how_long_it_was_seen():
    store = MemoryStore()
    moments = iter([datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, 0, 2, tzinfo=UTC)])
    process = dataclasses.asdict(current_process()) | {"pid_started_ticks": 1}
    recorder = StreamRecorder(store, asset_stream("a", "r", None, 0), clock=lambda: next(moments))
    recorder.record(AssetStarted(asset="a", run_id="r", output_assets=("a",), **process))
    recorder.record(ProgressReported(asset="a", run_id="r", value=5.0))
    reconcile(store)
    (event,) = lost(store)
    assert event.last_seen_s == 120.0
    assert (event.context["progress_rows"], event.context["total_rows"]) == (5.0, None)
    assert (event.context["pid"], event.context["host"]) == (process["pid"], process["host"])
