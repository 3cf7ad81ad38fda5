"""Folds of events: they do not depend on the order of rows, follow attempts, and stay whole where events are odd."""

import random

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.events import AlertRaised, CheckEvaluated, MetricMeasured, ProgressReported
from ledger.events.schema import SCHEMA
from ledger.projections import alerts, attempts, blocked, checks, live, progress, runs, samples
from ledger.projections.fold import last_values, of_kind
from ledger.store.memory import MemoryStore
from tests.recorded import ENDS, attempt, closed, opened

FOLDS = [
    runs.runs,
    attempts.attempts,
    lambda events: attempts.attempts(events, with_outputs=True),
    samples.samples,
    lambda events: samples.samples(events, all_attempts=True),
    checks.checks,
    alerts.alerts,
    blocked.blocked,
    progress.progress,
    live.live,
]


def test_an_empty_ledger_folds_to_empty_tables_of_the_same_columns():
    store = MemoryStore()
    attempt(store, "r", "a", "success")
    for fold in FOLDS:
        empty = fold(SCHEMA.empty_table())
        assert empty.num_rows == 0
        assert empty.column_names == fold(store.read()).column_names


@pytest.mark.parametrize(
    ("ends", "status"),
    [
        (["success", "success"], "success"),
        (["success"], "incomplete"),
        (["success", "running"], "running"),
        (["success", "failed"], "failed"),
        (["lost", "failed"], "lost"),
        ([], "incomplete"),
    ],
)
def test_a_run_that_never_said_how_it_ended_is_what_its_attempts_say(ends, status):
    store = MemoryStore()
    opened(store, "r", ("a0", "a1"))
    for number, end in enumerate(ends):
        attempt(store, "r", f"a{number}", end, minute=number)
    (row,) = runs.runs(store.read()).to_pylist()
    assert (row["status"], row["assets"]) == (status, len(ends))


def test_a_run_that_ended_is_what_it_said_and_sums_its_attempts_up():
    store = MemoryStore()
    batch = opened(store, "r", ("a", "b"))
    attempt(store, "r", "a", "success", value=2.0)
    attempt(store, "r", "b", "failed", value=3.0)
    closed(store, "r", "canceled", batch)
    (row,) = runs.runs(store.read()).to_pylist()
    assert (row["status"], row["unsuccessful"], row["duration_s"], row["rows_out"]) == ("canceled", 1, 300.0, 20.0)


def test_an_attempt_that_was_retried_counts_towards_time_and_not_towards_failure():
    store = MemoryStore()
    opened(store, "r", ("a",))
    attempt(store, "r", "a", "retrying", number=0)
    attempt(store, "r", "a", "success", number=1, minute=1, value=7.0)
    (row,) = runs.runs(store.read()).to_pylist()
    assert (row["status"], row["assets"], row["unsuccessful"]) == ("success", 2, 0)
    assert [row["status"] for row in attempts.attempts(store.read()).to_pylist()] == ["retrying", "success"]
    durations = [row for row in samples.samples(store.read()).to_pylist() if row["metric"] == "duration_s"]
    assert [(row["value"], row["attempt"]) for row in durations] == [(7.0, 1)]


def test_the_value_measured_last_wins_in_every_fold():
    store = MemoryStore()
    again = MetricMeasured(asset="a", run_id="r", metric="duration_s", value=0.5, unit="s")
    attempt(store, "r", "a", "success", value=9.0, more=(again,))
    assert attempts.attempts(store.read()).column("duration_s").to_pylist() == [0.5]
    assert [row["value"] for row in samples.samples(store.read()).to_pylist() if row["metric"] == "duration_s"] == [0.5]
    measured = of_kind(store.read(), "metric_measured")
    assert sorted(last_values(measured).column("value").to_pylist()) == [0.5, 10.0]


def test_outputs_of_a_multi_asset_get_rows_of_their_own():
    store = MemoryStore()
    own = MetricMeasured(asset="b", run_id="r", metric="rows_out", value=3.0, unit="rows")
    attempt(store, "r", "op:both", "success", more=(own,))
    assert attempts.attempts(store.read()).column("asset").to_pylist() == ["op:both"]
    rows = {row["asset"]: row for row in attempts.attempts(store.read(), with_outputs=True).to_pylist()}
    assert (rows["b"]["rows_out"], rows["b"]["duration_s"], rows["b"]["status"]) == (3.0, None, "success")


def test_checks_alerts_and_progress_are_folded_with_their_details():
    store = MemoryStore()
    place = {"asset": "a", "run_id": "r"}
    check = CheckEvaluated(
        **place, check="c", status="failed", severity="error", value=0.5, threshold=0.7, blocking=True, details={}
    )
    alert = AlertRaised(**place, alert_id="x", severity="critical", metric="match_rate", value=0.5, message="low")
    more = (check, alert, alert, *(ProgressReported(**place, value=float(done), total=9.0) for done in (1, 2, 3)))
    attempt(store, "r", "a", "success", more=more)
    (row,) = checks.checks(store.read()).to_pylist()
    assert (row["check"], row["value"], row["threshold"], row["blocking"]) == ("c", 0.5, 0.7, True)
    (row,) = alerts.alerts(store.read()).to_pylist()
    assert (row["alert_id"], row["severity"], row["message"]) == ("x", "critical", "low")
    (row,) = progress.progress(store.read()).to_pylist()
    assert row["value"] == 3.0


@settings(max_examples=40, deadline=None)
@given(
    ends=st.lists(st.tuples(st.integers(0, 3), st.sampled_from([*ENDS, "running"])), min_size=1, max_size=12),
    seed=st.integers(0, 2**16),
)
def test_no_fold_depends_on_the_order_of_the_rows(ends, seed):
    store = MemoryStore()
    for number, (run, end) in enumerate(ends):
        attempt(store, f"run{run}", f"a{number}", end, minute=number, value=number + 0.25)
    events = store.read()
    order = list(range(events.num_rows))
    random.Random(seed).shuffle(order)
    shuffled = events.take(pa.array(order))
    for fold in FOLDS:
        assert fold(events).equals(fold(shuffled))
        assert fold(events).equals(fold(events))
