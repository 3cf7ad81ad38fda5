"""Attempts and samples: which attempt counts, what is left out, and that odd events change nothing."""

import json

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.events import AlertRaised, CheckEvaluated, MetricMeasured, ProgressReported, run_stream
from ledger.events.schema import SCHEMA
from ledger.projections import alerts, attempts, checks, progress, runs, samples
from ledger.projections.fold import asset_streams, payload_fields
from ledger.store.memory import MemoryStore
from tests.recorded import ENDS, at, attempt, opened, said

TEXT = st.text(st.characters(codec="utf-8"), max_size=30)


def durations(store, **options):
    rows = samples.samples(store.read(), **options).to_pylist()
    return [(row["asset"], row["value"], row["status"]) for row in rows if row["metric"] == "duration_s"]


@pytest.mark.parametrize("end", [*ENDS, "running"])
def test_only_what_succeeded_is_a_sample_and_the_rest_is_given_on_request(end):
    store = MemoryStore()
    attempt(store, "r", "a", end, value=4.0)
    assert durations(store, all_attempts=True) == [("a", 4.0, end)]
    assert durations(store) == ([("a", 4.0, "success")] if end == "success" else [])


@settings(max_examples=30, deadline=None)
@given(ends=st.lists(st.sampled_from([*ENDS, "running"]), min_size=1, max_size=6))
def test_every_attempt_is_one_row_and_successes_are_the_samples(ends):
    store = MemoryStore()
    for number, end in enumerate(ends):
        attempt(store, "r", "a", end, number=number, minute=number, value=float(number))
    rows = attempts.attempts(store.read()).to_pylist()
    assert [(row["attempt"], row["status"], row["duration_s"]) for row in rows] == [
        (number, end, float(number)) for number, end in enumerate(ends)
    ]
    assert [row["ended"] is None for row in rows] == [end == "running" for end in ends]
    assert [value for _, value, _ in durations(store)] == [
        float(number) for number, end in enumerate(ends) if end == "success"
    ]
    (run,) = runs.runs(store.read()).to_pylist()
    assert run["assets"] == len(ends)
    assert run["unsuccessful"] == sum(end in {"failed", "canceled", "lost", "blocked"} for end in ends)


def test_partitions_of_an_asset_are_attempts_and_samples_of_their_own():
    store = MemoryStore()
    for minute, partition in enumerate(("2026-01-01", "2026-01-02", None)):
        attempt(store, "r", "a", "success", partition=partition, value=float(minute), minute=minute)
    assert attempts.attempts(store.read()).column("partition").to_pylist() == ["2026-01-01", "2026-01-02", None]
    found = [row for row in samples.samples(store.read()).to_pylist() if row["metric"] == "duration_s"]
    assert [(row["partition"], row["value"]) for row in found] == [
        ("2026-01-01", 0.0),
        ("2026-01-02", 1.0),
        (None, 2.0),
    ]


def test_names_with_slashes_and_percent_signs_keep_their_attempts_apart():
    store = MemoryStore()
    names = ["a/b", "a", "a%2Fb", "b/a/0"]
    for minute, name in enumerate(names):
        attempt(store, "r/1", name, "success", number=minute, minute=minute, partition="x/9")
    rows = attempts.attempts(store.read()).to_pylist()
    assert [(row["asset"], row["attempt"]) for row in rows] == [(name, number) for number, name in enumerate(names)]


def test_values_outside_of_attempts_are_no_samples():
    store = MemoryStore()
    attempt(store, "r", "a", "success")
    before = samples.samples(store.read())
    said(store, run_stream("r"), MetricMeasured(run_id="r", metric="duration_s", value=9.0, unit="s"), minute=1)
    assert samples.samples(store.read()).equals(before)
    assert asset_streams(store.read()).num_rows == store.read().num_rows - 1


@pytest.mark.parametrize(
    "fold", [runs.runs, attempts.attempts, samples.samples, checks.checks, alerts.alerts, progress.progress]
)
def test_kinds_this_release_does_not_know_change_nothing(fold):
    store = MemoryStore()
    opened(store, "r", ("a",))
    more = (
        CheckEvaluated(asset="a", run_id="r", check="c", status="passed", severity="error", details={}),
        AlertRaised(asset="a", run_id="r", alert_id="x", severity="error", message="m"),
        ProgressReported(asset="a", run_id="r", value=1.0),
    )
    attempt(store, "r", "a", "success", more=more)
    events = store.read()
    newer = [
        row | {"kind": "future_happened", "seq": row["seq"] + 100, "payload": '{"threshold": {"deep": [1]}}'}
        for row in events.to_pylist()
    ]
    with_newer = pa.concat_tables([pa.Table.from_pylist(newer, schema=SCHEMA), events])
    assert fold(with_newer).equals(fold(events))
    assert fold(events).num_rows > 0


def test_a_run_starts_with_whatever_of_it_was_seen_first_and_takes_the_peak_of_its_attempts():
    store = MemoryStore()
    peak = [MetricMeasured(asset="a", run_id="r", metric="peak_rss_bytes", value=v, unit="bytes") for v in (5.0, 7.0)]
    opened(store, "r", ("a",), minute=3)
    attempt(store, "r", "a", "retrying", minute=1, more=(peak[1],))
    attempt(store, "r", "a", "success", number=1, minute=2, more=(peak[0],))
    (row,) = runs.runs(store.read()).to_pylist()
    assert (row["started"], row["peak_rss_bytes"], row["cpu_s"]) == (at(1), 7.0, None)
    assert row["ended"] > at(2)


def test_attempts_of_runs_that_never_said_they_began_are_runs_too():
    store = MemoryStore()
    attempt(store, "r", "a", "success")
    opened(store, "empty", ("a",), minute=1)
    rows = {row["run_id"]: row for row in runs.runs(store.read()).to_pylist()}
    assert (rows["r"]["status"], rows["r"]["job"]) == ("success", None)
    assert (rows["empty"]["status"], rows["empty"]["assets"]) == ("incomplete", 0)


@settings(max_examples=60, deadline=None)
@given(
    texts=st.lists(TEXT, min_size=1, max_size=4),
    threshold=st.none() | st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**70), 2**70),
    blocking=st.none() | st.booleans(),
    details=st.dictionaries(TEXT, st.none() | st.integers() | TEXT | st.lists(st.floats(0, 1) | TEXT, max_size=2)),
)
def test_whatever_a_check_says_comes_out_of_the_fold_as_it_was(texts, threshold, blocking, details):
    store = MemoryStore()
    events = [
        CheckEvaluated(
            asset="a", run_id="r", check=text, status="failed", severity="error", threshold=threshold,
            blocking=blocking, description=text, details=details,
        )
        for text in texts
    ]  # fmt: skip
    said(store, "asset/a/r//0", *events)
    rows = checks.checks(store.read()).to_pylist()
    assert [(row["check"], row["description"], row["blocking"]) for row in rows] == [
        (text, text, blocking) for text in texts
    ]
    assert {row["threshold"] for row in rows} == {None if threshold is None else float(threshold)}


def test_a_payload_without_the_wanted_fields_gives_nulls_of_the_wanted_types():
    wanted = pa.schema([("threshold", pa.float64()), ("names", pa.list_(pa.string()))])
    rows = pa.table({"payload": [None, "{}", json.dumps({"names": ["x"]}), json.dumps({"threshold": 1})]})
    found = payload_fields(rows, wanted)
    assert found.schema == wanted
    assert found.to_pydict() == {"threshold": [None, None, None, 1.0], "names": [None, None, ["x"], None]}
    assert payload_fields(rows.slice(0, 0), wanted).schema == wanted
