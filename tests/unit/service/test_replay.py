"""Replay: names of runs, the story of one run, samples, and that a replay gives the same bytes from any store."""

import io
import statistics

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.errors import ConfigurationError
from ledger.events import (
    AlertRaised,
    AssetBlocked,
    AssetFailed,
    BreakdownMeasured,
    CheckEvaluated,
    ConfigurationResolved,
    EnvironmentRecorded,
    MetricMeasured,
    run_stream,
)
from ledger.service.reading.replay import (
    check_names,
    events_after,
    find_run,
    replay_run,
    replay_runs,
    replay_samples,
    replay_summary,
)
from ledger.store import open_store
from ledger.store.memory import MemoryStore
from ledger.store.protocol import EventQuery
from tests.recorded import at, attempt, closed, opened, said

RUN = "0123-4567"


def story(store):
    """Record a run with everything a run may have."""
    here = {"asset": "a", "run_id": RUN}
    begun = opened(store, RUN, ("a", "b"))
    resolved = ConfigurationResolved(run_id=RUN, digest="d", values={"chunk_size": 5}, sources={"chunk_size": "--set"})
    begun = said(store, run_stream(RUN), resolved, after=begun)
    more = (
        EnvironmentRecorded(**here, digest="e", machine_class={"cores": 2}, software={}, host={}),
        BreakdownMeasured(**here, metric="method_rows", unit="rows", counts={"exact": 3.0}),
        CheckEvaluated(**here, check="c", status="failed", severity="error", details={}),
        AlertRaised(**here, alert_id="x", severity="error", message="low"),
        AssetBlocked(asset="b", run_id=RUN, blocked_by="a", gate_run_id=RUN, check="c", reason="low"),
    )
    attempt(store, RUN, "a", "failed", value=2.0, more=more)
    closed(store, RUN, "failed", begun)


@pytest.fixture(params=["memory", "parquet"])
def store(request, tmp_path):
    return MemoryStore() if request.param == "memory" else open_store(str(tmp_path / "ledger"), create=True)


def test_the_story_of_a_run_has_all_that_was_recorded_of_it_and_nothing_of_other_runs(store):
    story(store)
    attempt(store, "other", "a", "success", minute=9)
    told = replay_run(store, RUN)
    assert told.run.to_pylist()[0]["status"] == "failed"
    assert told.assets.column("run_id").to_pylist() == [RUN]
    assert told.checks.column("check").to_pylist() == ["c"]
    assert told.alerts.column("alert_id").to_pylist() == ["x"]
    assert told.blocked.column("asset").to_pylist() == ["b"]
    assert [breakdown.counts for breakdown in told.breakdowns] == [{"exact": 3.0}]
    assert [type(end) for end in told.endings] == [AssetFailed]
    assert told.configuration.values == {"chunk_size": 5}
    assert told.environment.machine_class == {"cores": 2}
    assert told.started.asset == "a"


def test_a_run_of_which_only_the_start_is_known_has_a_story_too(store):
    opened(store, RUN, ("a",))
    told = replay_run(store, "latest")
    assert told.run.to_pylist()[0]["status"] == "incomplete"
    assert (told.configuration, told.environment, told.started) == (None, None, None)
    assert told.assets.num_rows == told.checks.num_rows == told.alerts.num_rows == 0


def test_a_run_is_found_by_its_id_by_its_unique_beginning_and_as_the_latest(store):
    for minute, run in enumerate(("aab-1", "aac-2", "b-3")):
        attempt(store, run, "a", "success", minute=10 - minute)
    assert find_run(store, "aac-2") == find_run(store, "aac") == "aac-2"
    assert find_run(store, "latest") == "aab-1"
    with pytest.raises(ConfigurationError, match=r"'aa' is the beginning of 2 runs \(.*\); give more of the id"):
        find_run(store, "aa")
    with pytest.raises(ConfigurationError, match=r"there is no run 'aac-3' in the ledger; did you mean 'aac-2'\?"):
        find_run(store, "aac-3")


def test_a_run_whose_id_begins_another_one_can_be_named(store):
    for minute, run in enumerate(("nightly", "nightly-2")):
        attempt(store, run, "a", "success", minute=minute, value=float(minute))
    assert find_run(store, "nightly") == "nightly"
    assert find_run(store, "nightly-") == "nightly-2"
    assert replay_run(store, "nightly").assets.column("duration_s").to_pylist() == [0.0]
    assert replay_run(store, "nightly").run.num_rows == 1


def test_the_latest_run_is_the_one_that_began_last_however_long_another_one_went_on(store):
    attempt(store, "long", "a", "retrying", minute=0)
    attempt(store, "short", "a", "success", minute=1)
    attempt(store, "long", "a", "success", number=1, minute=2)
    assert find_run(store, "latest") == "short"


def test_an_empty_ledger_says_how_to_get_a_run(store):
    with pytest.raises(ConfigurationError, match=r"has no runs yet; make one with `dagster-ledger run`"):
        replay_run(store, "latest")
    assert replay_runs(store).num_rows == 0
    assert replay_samples(store, EventQuery()).num_rows == 0
    assert replay_summary(store, ["r"]).num_rows == 0


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        (EventQuery(assets=("companis",)), r"no asset 'companis' in the ledger; did you mean 'companies'\?"),
        (EventQuery(metrics=("duration",)), r"no metric 'duration' in the ledger; did you mean 'duration_s'\?"),
        (EventQuery(run_ids=("zzz",)), "there is no run 'zzz'"),
    ],
)
def test_a_name_that_is_not_in_the_ledger_is_refused_and_not_answered_with_nothing(store, query, sentence):
    attempt(store, "r", "companies", "success")
    for ask in (check_names, replay_samples):
        with pytest.raises(ConfigurationError, match=sentence):
            ask(store, query)
    check_names(store, EventQuery(assets=("companies",), metrics=("rows_out",), run_ids=("r",)))


def test_samples_are_narrowed_by_each_part_of_the_query(store):
    for minute, (run, asset) in enumerate((("r1", "a"), ("r1", "b"), ("r2", "a"))):
        attempt(store, run, asset, "success", minute=minute)

    def found(**query):
        rows = replay_samples(store, EventQuery(**query)).to_pylist()
        return {(row["run_id"], row["asset"], row["metric"]) for row in rows}

    assert len(found()) == 6
    assert found(assets=("b",)) == {("r1", "b", "duration_s"), ("r1", "b", "rows_out")}
    assert found(run_ids=("r2",), metrics=("rows_out",)) == {("r2", "a", "rows_out")}
    assert {run for run, _, _ in found(since=at(2))} == {"r2"}
    assert {run for run, _, _ in found(until=at(2))} == {"r1"}


def test_an_end_outside_the_time_that_was_asked_for_still_makes_a_sample(store):
    attempt(store, "r", "a", "success")
    inside = replay_samples(store, EventQuery(metrics=("duration_s",), until=at(0.04)))
    assert inside.column("status").to_pylist() == ["success"]


@settings(max_examples=25, deadline=None)
@given(values=st.lists(st.floats(0.0, 1e9), min_size=1, max_size=7))
def test_a_summary_gives_order_statistics_of_the_runs(values):
    store = MemoryStore()
    for number, value in enumerate(values):
        attempt(store, f"r{number}", "a", "success", value=value, minute=number)
    attempt(store, "failed", "a", "failed", value=1e12)
    (row,) = replay_summary(store, [*(f"r{number}" for number in range(len(values))), "failed"]).to_pylist()
    assert row == {
        "asset": "a", "metric": "duration_s", "unit": "s", "runs": len(values),
        "minimum": min(values), "median": statistics.median(values), "maximum": max(values),
    }  # fmt: skip


def test_new_events_are_given_once_and_in_order(store):
    known = store.view().cursor
    attempt(store, "r", "a", "success", minute=1)
    first, known = events_after(store, known)
    assert [entry.seq for entry in first] == [0, 1, 2, 3]
    assert events_after(store, known) == ([], known)
    attempt(store, "r", "c", "success", minute=3)
    attempt(store, "r", "b", "success", minute=2)
    second, known = events_after(store, known)
    assert [entry.event.asset for entry in second] == ["b"] * 4 + ["c"] * 4
    assert events_after(store, known) == ([], known)


def test_a_replay_has_the_same_bytes_from_any_store_in_whatever_order_it_was_appended(tmp_path):
    def replayed(store, order):
        for number in order:
            extra = MetricMeasured(asset="x", run_id=f"r{number % 3}", metric="cpu_s", value=number / 7, unit="s")
            attempt(store, f"r{number % 3}", f"a{number}", "success", minute=number % 2, value=1 / 3, more=(extra,))
        sink = io.BytesIO()
        for table in (replay_runs(store), replay_samples(store, EventQuery()), replay_run(store, "r0").assets):
            with pa.ipc.new_stream(sink, table.schema) as writer:
                writer.write_table(table.combine_chunks())
        return sink.getvalue()

    stores = [MemoryStore(), MemoryStore(), open_store(str(tmp_path / "ledger"), create=True)]
    orders = [range(9), range(8, -1, -1), [4, 0, 8, 2, 6, 1, 3, 7, 5]]
    assert len({replayed(store, order) for store, order in zip(stores, orders, strict=True)}) == 1
