"""The latest of each asset: what it is, and that it does not matter when which append becomes visible."""

import random
from collections import defaultdict
from datetime import timedelta

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.events import (
    AssetBlocked,
    AssetFinished,
    AssetStarted,
    CheckEvaluated,
    ManifestSigned,
    MetricMeasured,
    RunStarted,
    StreamId,
    asset_stream,
    run_stream,
)
from ledger.projections.latest import Latest, folded, standings
from ledger.store.memory import MemoryStore
from tests.judged import SMALL, batches, write
from tests.recorded import at, attempt, opened, said


@pytest.fixture
def store():
    return MemoryStore()


def told(store):
    return standings(folded(Latest(), store.read()))


def blocked(asset, run_id):
    return AssetBlocked(asset=asset, run_id=run_id, blocked_by="a", gate_run_id=run_id, check="c", reason="closed")


def check(asset, run_id, status, *, name="gate", partition=None, threshold=0.7):
    return CheckEvaluated(
        asset=asset, run_id=run_id, partition=partition, check=name, status=status, severity="error",
        metric="match_rate", value=0.5, threshold=threshold, blocking=True, details={},
    )  # fmt: skip


def test_the_figures_are_those_of_the_newest_success_and_the_state_that_of_the_newest_end(store):
    for run_id in ("r1", "r2", "r3", "r4"):
        opened(store, run_id, ("a",))
    attempt(store, "r1", "a", "success", minute=1, value=1.0)
    attempt(store, "r3", "a", "failed", minute=3, value=3.0)
    attempt(store, "r2", "a", "success", minute=2, value=2.0)
    attempt(store, "r4", "a", "running", minute=4, value=4.0)
    (asset,) = told(store).assets
    assert (asset.pipeline, asset.asset, asset.ok) == ("job", "a", False)
    assert asset.values["duration_s"] == (2.0, "s")
    assert asset.succeeded == at(2) + timedelta(seconds=3)


def test_an_attempt_that_is_tried_again_counts_for_nothing(store):
    opened(store, "r1", ("a",))
    attempt(store, "r1", "a", "retrying", minute=1)
    assert told(store).assets == ()
    attempt(store, "r1", "a", "success", number=1, minute=2)
    assert [asset.ok for asset in told(store).assets] == [True]


def test_two_jobs_that_make_one_asset_are_told_apart(store):
    for run_id, job in (("r1", "nightly"), ("r2", "hourly")):
        said(store, run_stream(run_id), RunStarted(run_id=run_id, job=job, launcher="cli", planned_assets=(), tags={}))
    attempt(store, "r1", "a", "success", minute=1, value=1.0)
    attempt(store, "r2", "a", "success", minute=2, value=2.0)
    found = {asset.pipeline: asset.values["duration_s"][0] for asset in told(store).assets}
    assert found == {"nightly": 1.0, "hourly": 2.0}


def test_each_output_of_an_attempt_has_its_own_figures(store):
    events = [
        AssetStarted(asset="op", run_id="r1", output_assets=("x", "y"), job="job", host="h", pid=1),
        MetricMeasured(asset="x", run_id="r1", metric="rows_out", value=5.0, unit="rows"),
        MetricMeasured(asset="y", run_id="r1", metric="rows_out", value=6.0, unit="rows"),
        AssetFinished(asset="op", run_id="r1", peak_method="vmhwm", sample_hz=10.0),
    ]
    said(store, asset_stream("op", "r1", None, 0), *events)
    found = {asset.asset: asset.values for asset in told(store).assets}
    assert found == {"op": {}, "x": {"rows_out": (5.0, "rows")}, "y": {"rows_out": (6.0, "rows")}}


def test_an_asset_is_blocked_until_it_is_made(store):
    opened(store, "r1", ("b",))
    said(store, StreamId("told", "1"), blocked("b", "r1"), minute=2)
    (asset,) = told(store).assets
    assert (asset.asset, asset.blocked, asset.ok, asset.succeeded) == ("b", True, None, None)
    attempt(store, "r1", "b", "success", minute=3)
    assert [asset.blocked for asset in told(store).assets] == [False]


def test_a_check_that_failed_for_one_partition_is_failed_until_that_passes(store):
    opened(store, "r1", ("a",))
    said(store, StreamId("told", "1"), check("a", "r1", "failed", partition="mon", threshold=0.9), minute=1)
    said(store, StreamId("told", "2"), check("a", "r1", "passed", partition="tue"), minute=2)
    (found,) = told(store).checks
    assert (found.pipeline, found.check, found.passed, found.threshold) == ("job", "gate", False, 0.9)
    said(store, StreamId("told", "3"), check("a", "r1", "passed", partition="mon"), minute=3)
    assert [one.passed for one in told(store).checks] == [True]


def test_the_newest_accepted_manifest_counts(store):
    for number, (accepted, day) in enumerate([(True, 10), (True, 20), (False, 30)]):
        event = ManifestSigned(
            environment="prod", code_version="a" * 40, payload_sha256="b" * 64, ledger_size=1, ledger_root="c" * 64,
            expires=f"2026-01-{day}T00:00:00+00:00", signers=("a",), accepted=accepted,
        )  # fmt: skip
        said(store, StreamId("manifest", str(number)), event, minute=number)
    assert [(one.environment, one.expires.day) for one in told(store).approved] == [("prod", 20)]


def test_the_machine_of_the_newest_success_is_told(store):
    write(store, batches(0, {"a": {"duration_s": 1.0}}, machine=SMALL))
    (asset,) = told(store).assets
    assert asset.machine == "AMD EPYC, 2 cores, 8 GiB class, Linux, Python 3.11"
    assert len(asset.config_digest) == 64


ENDINGS = st.sampled_from(["success", "failed", "running", "retrying", "lost", "blocked"])
STORIES = st.lists(
    st.tuples(st.sampled_from("ab"), st.integers(0, 3), ENDINGS, st.integers(0, 9), st.booleans()), max_size=9
)


@settings(max_examples=60, deadline=None)
@given(stories=STORIES, seed=st.integers(0, 10**6))
def test_however_appends_become_visible_the_end_is_that_of_a_fold_of_all_at_once(stories, seed):
    store = MemoryStore()
    for number, (asset, run, end, minute, is_opened) in enumerate(stories):
        run_id = f"r{run}"
        if is_opened and store.head(str(run_stream(run_id))) is None:
            opened(store, run_id, (asset,))
        attempt(store, run_id, asset, end, number=number, minute=minute, value=float(number))
        judgement = check(asset, run_id, "passed" if minute % 2 else "failed", partition=str(run))
        said(store, StreamId("told", f"{number}"), judgement, blocked(asset, run_id), minute=minute)
    events = store.read()
    whole = standings(folded(Latest(), events))
    rng, latest = random.Random(seed), Latest()
    for part in shuffled(events, rng):
        latest = folded(latest, part)
    assert standings(latest) == whole


def shuffled(events, rng):
    """Yield the appends in some order that keeps each stream in its own, a few at a time."""
    streams = defaultdict(list)
    keys = zip(events.column("stream").to_pylist(), events.column("batch").to_pylist(), strict=True)
    rows = defaultdict(list)
    for place, key in enumerate(keys):
        rows[key].append(place)
    for key in sorted(rows):
        streams[key[0]].append(events.take(pa.array(rows[key])))
    waiting = list(streams.values())
    while waiting:
        several = []
        for _ in range(min(rng.randint(1, 3), len(waiting))):
            stream = rng.choice(waiting)
            several.append(stream.pop(0))
            waiting = [one for one in waiting if one]
            if not waiting:
                break
        yield pa.concat_tables(several)


def test_of_a_long_history_only_what_matters_is_kept():
    store = MemoryStore()
    for number in range(50):
        write(store, batches(number, {"a": {"duration_s": 1.0}, "b": {"duration_s": 2.0}}))
    latest = folded(Latest(), store.read())
    assert set(latest.rows.column("run_id").to_pylist()) == {"run-049"}
    assert len(latest.jobs) == 50
