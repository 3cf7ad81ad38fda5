"""A replay from a snapshot is the replay from zero, byte for byte, whatever was compacted, sealed or late."""

import random

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.events import RunFinished, RunStarted, run_stream
from ledger.events.batch import freeze
from ledger.projections import extents, runs
from ledger.projections.version import code_version
from ledger.service.reading.replay import find_run, replay_run, replay_runs, replay_samples
from ledger.service.reading.standing import compacted_standing, standing
from ledger.store import open_store
from ledger.store.memory import MemoryStore
from ledger.store.protocol import EventQuery
from tests.recorded import ENDS, at, attempt

ENDINGS = [*sorted(ENDS), "running"]


def ipc_bytes(table):
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table.combine_chunks())
    return sink.getvalue().to_pybytes()


def from_zero(store):
    events = store.read()
    return runs.runs(events), extents.extents(events)


def assert_equal_to_zero(store):
    found = standing(store.view())
    expected_runs, expected_extents = from_zero(store)
    assert ipc_bytes(found.runs) == ipc_bytes(expected_runs)
    assert ipc_bytes(found.extents) == ipc_bytes(expected_extents)
    events = store.read()
    for column in ("asset", "metric"):
        assert found.names[column] == frozenset(events.column(column).drop_null().to_pylist())


def snapshots(path):
    return sorted(name.name for name in (path / "snapshots").glob("*.arrow"))


STEPS = st.lists(
    st.one_of(
        st.tuples(
            st.just("attempt"),
            st.sampled_from(["r1", "r2", "r3", "r4"]),
            st.sampled_from(["a", "b"]),
            st.sampled_from(ENDINGS),
            st.integers(0, 90_000),
        ),
        st.tuples(st.just("compact")),
        st.tuples(st.just("read")),
        st.tuples(st.just("forget")),
    ),
    max_size=12,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps=STEPS)
def test_any_history_gives_what_a_replay_from_zero_gives(tmp_path_factory, steps):
    place = tmp_path_factory.mktemp("ledger")
    store = open_store(str(place), create=True)
    numbers = {}
    for step in steps:
        if step[0] == "attempt":
            _, run_id, asset, end, minute = step
            number = numbers[run_id, asset] = numbers.get((run_id, asset), -1) + 1
            attempt(store, run_id, asset, end, number=number, minute=minute, value=number + 0.1)
        elif step[0] == "compact":
            store.compact(grace_s=0.0)
        elif step[0] == "read":
            assert_equal_to_zero(store)
        else:
            for path in (place / "snapshots").glob("*"):
                path.unlink()
    assert_equal_to_zero(store)


def test_a_run_that_goes_on_after_compaction_is_folded_from_all_of_its_events(tmp_path):
    store = open_store(str(tmp_path), create=True)
    started = freeze(
        str(run_stream("r1")), [(at(0), RunStarted(run_id="r1", job="j", launcher="cli", planned_assets=(), tags={}))]
    )
    store.append(started)
    attempt(store, "r1", "a", "success", minute=1)
    store.compact(grace_s=0.0)
    assert replay_runs(store).column("status").to_pylist() == ["success"]
    attempt(store, "r1", "b", "failed", minute=2)
    store.append(freeze(str(run_stream("r1")), [(at(9), RunFinished(run_id="r1", status="failed"))], after=started))
    assert replay_runs(store).column("status").to_pylist() == ["failed"]
    assert_equal_to_zero(store)
    assert find_run(store, "r") == "r1"
    assert replay_run(store, "latest").assets.column("asset").to_pylist() == ["a", "b"]


def test_a_snapshot_is_used_and_a_damaged_one_is_not(tmp_path, monkeypatch):
    store = open_store(str(tmp_path), create=True)
    attempt(store, "r1", "a", "success")
    store.compact(grace_s=0.0)
    standing(store.view())
    assert len(snapshots(tmp_path)) == 2
    read = []
    view = store.view()
    monkeypatch.setattr(view, "runs_since", lambda checkpoint: read.append(checkpoint) or iter(()))
    assert compacted_standing(view).runs.num_rows == 1
    assert read == []
    for path in (tmp_path / "snapshots").glob("runs-*"):
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
    assert_equal_to_zero(store)


def test_a_snapshot_of_other_code_is_left_alone(tmp_path):
    store = open_store(str(tmp_path), create=True)
    attempt(store, "r1", "a", "success")
    store.compact(grace_s=0.0)
    view = store.view()
    lies = runs.SCHEMA.empty_table()
    view.keep_snapshot("runs", "0" * 16, lies)
    view.keep_snapshot("extents", "0" * 16, extents.SCHEMA.empty_table())
    assert_equal_to_zero(store)
    assert any(f"runs-{'0' * 16}" in name for name in snapshots(tmp_path))
    assert any(f"runs-{code_version()}" in name for name in snapshots(tmp_path))


def test_only_the_newest_snapshots_are_kept(tmp_path):
    store = open_store(str(tmp_path), create=True)
    for number in range(4):
        attempt(store, f"r{number}", "a", "success", minute=number)
        store.compact(grace_s=0.0)
        assert_equal_to_zero(store)
    assert len(snapshots(tmp_path)) == 4


def test_a_ledger_that_cannot_be_written_is_replayed_all_the_same(tmp_path):
    store = open_store(str(tmp_path), create=True)
    attempt(store, "r1", "a", "success")
    store.compact(grace_s=0.0)
    (tmp_path / "snapshots").write_text("a file where the directory should be")
    assert_equal_to_zero(store)


@pytest.mark.parametrize("seed", range(3))
def test_samples_are_the_same_before_and_after_compaction(tmp_path, seed):
    randomness = random.Random(seed)
    store, memory = open_store(str(tmp_path), create=True), MemoryStore()
    for number in range(12):
        told = {
            "run_id": f"r{number}",
            "asset": randomness.choice("ab"),
            "end": randomness.choice(ENDINGS),
            "minute": randomness.randrange(100_000),
            "value": randomness.random(),
        }
        attempt(store, **told)
        attempt(memory, **told)
        if randomness.random() < 0.3:
            store.compact(grace_s=0.0)
    for query in (EventQuery(), EventQuery(assets=("a",), metrics=("duration_s",))):
        assert replay_samples(store, query).equals(replay_samples(memory, query))
