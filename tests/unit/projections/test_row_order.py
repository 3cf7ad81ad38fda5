"""Folds are functions of the set of events: neither the order of rows nor that of appends changes a byte of them."""

import io
import random

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.events import (
    AlertRaised,
    AssetBlocked,
    CheckEvaluated,
    GateOverridden,
    MetricMeasured,
    ProgressReported,
    RunFinished,
    StreamId,
    run_stream,
)
from ledger.projections import alerts, attempts, blocked, checks, gates, live, progress, runs, samples
from ledger.store.memory import MemoryStore
from tests.recorded import ENDS, at, attempt, opened, said

FOLDS = {
    "runs": runs.runs,
    "attempts": attempts.attempts,
    "attempts with outputs": lambda events: attempts.attempts(events, with_outputs=True),
    "samples": samples.samples,
    "samples of all attempts": lambda events: samples.samples(events, all_attempts=True),
    "checks": checks.checks,
    "alerts": alerts.alerts,
    "blocked": blocked.blocked,
    "progress": progress.progress,
    "live": live.live,
}
WORDS = st.sampled_from(["a", "b", "c"])
NUMBERS = st.floats(-1e6, 1e6)


def place(asset):
    return st.fixed_dictionaries({"asset": asset, "run_id": st.just("r0"), "partition": st.sampled_from([None, "p"])})


EVENTS = st.one_of(
    st.builds(
        lambda where, metric, value: MetricMeasured(**where, metric=metric, value=value, unit="s"),
        place(WORDS),
        st.sampled_from(["duration_s", "cpu_s", "own"]),
        NUMBERS,
    ),
    st.builds(
        lambda where, check, status, value: CheckEvaluated(
            **where, check=check, status=status, severity="error", value=value, blocking=True, details={}
        ),
        place(WORDS),
        WORDS,
        st.sampled_from(["passed", "failed"]),
        NUMBERS,
    ),
    st.builds(
        lambda where, alert, message: AlertRaised(**where, alert_id=alert, severity="error", message=message),
        place(WORDS),
        WORDS,
        WORDS,
    ),
    st.builds(
        lambda where, check: AssetBlocked(**where, blocked_by="x", gate_run_id="r", check=check, reason="y"),
        place(WORDS),
        WORDS,
    ),
    st.builds(lambda where, value: ProgressReported(**where, value=value, total=9.0), place(WORDS), NUMBERS),
)
ATTEMPTS = st.lists(
    st.tuples(
        st.integers(0, 1),  # run
        st.integers(0, 1),  # minute
        st.sampled_from([*ENDS, "running"]),
        st.sampled_from([0.0, 1.0]),  # seconds between events: an append has one time
        st.lists(EVENTS, max_size=4),
    ),
    min_size=1,
    max_size=5,
)


def history(drawn):
    """Return the events of some attempts, and of two runs that both said twice how they ended."""
    store = MemoryStore()
    for number, (run, minute, end, step_s, more) in enumerate(drawn):
        attempt(store, f"r{run}", f"op:{number}", end, minute=minute, value=number / 3, more=tuple(more), step_s=step_s)
    for run in ("r0", "r1"):
        begun = opened(store, run, ("a",))
        once = said(store, run_stream(run), RunFinished(run_id=run, status="failed"), after=begun, minute=3)
        said(store, run_stream(run), RunFinished(run_id=run, status="success"), after=once, minute=4)
    until = at(600).isoformat()
    for number, check in enumerate(("a", None)):
        stream = StreamId("gate", str(number))
        said(store, stream, GateOverridden(asset="a", check=check, reason="r", owner=str(number), expires=until))
    return store.read()


def stored(table):
    """Return the bytes a table has as a file."""
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table.combine_chunks())
    return sink.getvalue()


@pytest.mark.parametrize("name", FOLDS)
@settings(max_examples=25, deadline=None)
@given(drawn=ATTEMPTS, randomness=st.randoms(use_true_random=False))
def test_a_fold_of_shuffled_rows_is_the_same_to_the_byte(name, drawn, randomness):
    events = history(drawn)
    order = list(range(events.num_rows))
    randomness.shuffle(order)
    assert stored(FOLDS[name](events)) == stored(FOLDS[name](events.take(pa.array(order))))


@settings(max_examples=25, deadline=None)
@given(drawn=ATTEMPTS, randomness=st.randoms(use_true_random=False))
def test_gates_of_shuffled_rows_are_the_same(drawn, randomness):
    events = history(drawn)
    order = list(range(events.num_rows))
    randomness.shuffle(order)
    assert gates.gates(events, at(9)) == gates.gates(events.take(pa.array(order)), at(9))


@pytest.mark.parametrize("name", FOLDS)
def test_a_fold_leaves_its_events_untouched_and_does_not_mind_chunks(name):
    store = MemoryStore()
    for number in range(6):
        attempt(store, "r", f"a{number}", "success", minute=number)
    events = store.read()
    before = stored(events)
    pieces = pa.concat_tables([events.slice(row, 1) for row in random.Random(1).sample(range(events.num_rows), 24)])
    assert stored(FOLDS[name](events)) == stored(FOLDS[name](pieces))
    assert stored(events) == before


def test_of_two_ends_of_a_run_the_later_one_holds():
    (row, _) = runs.runs(history([])).to_pylist()
    assert (row["status"], row["ended"]) == ("success", at(4))
