"""What a run comes to at a moment: the time left as it passes, silence, loss, and when a run is over."""

import dataclasses
from datetime import timedelta

import pytest

from ledger.errors import ConfigurationError
from ledger.events import (
    AssetHeartbeat,
    AssetStarted,
    ChunksAdapted,
    ChunksResumed,
    ConfigurationResolved,
    ProgressReported,
    RunFinished,
    StreamId,
    asset_stream,
    run_stream,
)
from ledger.events.batch import freeze
from ledger.measure import current_process
from ledger.service.reading.watching import Watch
from ledger.service.recording.recorder import StreamRecorder
from ledger.store.memory import MemoryStore
from ledger.units import MIB
from tests.recorded import at, attempt, closed, opened, said

PLACE = {"asset": "a", "run_id": "r", "partition": None}


def alive(**changes):
    """Return the start of an attempt of this very process."""
    here = current_process()
    return dataclasses.replace(
        AssetStarted(
            **PLACE, output_assets=("a",), host=here.host, boot_id=here.boot_id, pid=here.pid,
            pid_namespace=here.pid_namespace, pid_started_ticks=here.pid_started_ticks,
        ),
        **changes,
    )  # fmt: skip


def begun(store, *events, start=None, every_s=10.0):
    """Record an attempt that began with the story and told something every ten seconds."""
    told = [start or alive(), *events]
    times = [at(0) + timedelta(seconds=every_s * place) for place in range(len(told))]
    store.append(freeze(str(asset_stream("a", "r", None, 0)), list(zip(times, told, strict=True))))


def progress(value, eta_s=None, total=1_000.0):
    return ProgressReported(**PLACE, value=value, total=total, eta_s=eta_s)


class Clock:
    """A clock that a test sets: seconds after the story began, for ``now`` and for steady time alike."""

    def __init__(self):
        self.after_s = 0.0

    def __call__(self):
        return at(0) + timedelta(seconds=self.after_s)

    def steady(self):
        return self.after_s


@pytest.fixture
def clock():
    return Clock()


def seen(watch, clock, after_s):
    clock.after_s = after_s
    return watch.now(clock)


def test_the_time_left_passes_but_a_chunk_that_takes_long_does_not_count_down_the_rest(clock):
    store = MemoryStore()
    opened(store, "r", ("a",))
    chunks = ChunksResumed(**PLACE, plan_digest="p", total_rows=1_000, kept_rows=0, damaged_parts=0)
    size = ChunksAdapted(**PLACE, change="grown", rows_before=50, rows_after=100, reason="r")
    begun(store, chunks, size, progress(200.0, eta_s=80.0))
    watch = Watch(store)
    for after_s, left_s in ((30.0, 80.0), (36.0, 74.0), (40.0, 70.0), (45.0, 70.0), (120.0, 70.0)):
        (asset,) = seen(watch, clock, after_s).assets
        assert asset.eta_s == pytest.approx(left_s)
        assert asset.records_per_s == pytest.approx(10.0)
        assert asset.elapsed_s == after_s


def test_after_a_resume_the_rate_is_of_what_is_made_now(clock):
    store = MemoryStore()
    opened(store, "r", ("a",))
    kept = ChunksResumed(**PLACE, plan_digest="p", total_rows=1_000, kept_rows=900, damaged_parts=0)
    begun(store, kept, progress(910.0))
    (asset,) = seen(Watch(store), clock, 20.0).assets
    assert (asset.done_rows, asset.kept_rows) == (910.0, 900.0)
    assert asset.records_per_s == pytest.approx(0.5)  # Ten rows in twenty seconds, not 910.
    assert asset.eta_s == pytest.approx(180.0)


def test_nothing_is_told_of_the_time_left_before_anything_is_known(clock):
    store = MemoryStore()
    begun(store)
    (asset,) = seen(Watch(store, "r"), clock, 5.0).assets
    assert (asset.eta_s, asset.records_per_s, asset.done_rows) == (None, None, None)
    begun_later = MemoryStore()
    begun(begun_later, ProgressReported(**PLACE, value=50.0))
    (asset,) = seen(Watch(begun_later, "r"), clock, 10.0).assets
    assert (asset.eta_s, asset.total_rows, asset.records_per_s) == (None, None, 5.0)


def test_a_clock_that_is_behind_that_of_the_run_takes_nothing_away(clock):
    store = MemoryStore()
    begun(store, progress(100.0, eta_s=90.0))
    (asset,) = seen(Watch(store, "r"), clock, -300.0).assets
    assert (asset.elapsed_s, asset.eta_s, asset.state) == (0.0, 90.0, "running")


def test_who_has_not_been_heard_of_is_silent_and_who_is_heard_of_again_is_not(clock):
    store = MemoryStore()
    opened(store, "r", ("a",))
    begun(store, progress(100.0, eta_s=90.0))
    watch = Watch(store)
    assert seen(watch, clock, 150.0).assets[0].state == "running"
    run = seen(watch, clock, 161.0)
    (asset,) = run.assets
    assert (asset.state, asset.eta_s, run.is_over) == ("silent", None, False)
    assert asset.reason.startswith("no sign of life since ")
    stream = StreamId.parse(str(asset_stream("a", "r", None, 0)))
    recorder = StreamRecorder(store, stream, clock=clock, head=store.head(str(stream)))
    recorder.record(AssetHeartbeat(**PLACE, elapsed_s=161.0))
    assert watch.refresh()
    assert seen(watch, clock, 170.0).assets[0].state == "running"


GONE = {"pid_started_ticks": 1}
ELSEWHERE = {"host": "elsewhere", "boot_id": "b"}


@pytest.mark.parametrize(
    ("who", "after_s", "state"), [(GONE, 20.0, "lost"), (ELSEWHERE, 500.0, "silent"), (ELSEWHERE, 700.0, "lost")]
)
def test_a_process_that_is_gone_is_lost_and_one_out_of_reach_only_after_long_silence(clock, who, after_s, state):
    store = MemoryStore()
    opened(store, "r", ("a",))
    begun(store, start=alive(**who))
    watch = Watch(store, steady=clock.steady)
    run = seen(watch, clock, after_s)
    assert (run.assets[0].state, run.is_over) == (state, False)
    run = seen(watch, clock, after_s + 4.0)
    assert (run.status, run.is_over) == (("lost", True) if state == "lost" else ("running", False))


@pytest.mark.parametrize("status", ["success", "failed", "canceled"])
def test_a_run_is_over_when_it_says_so(clock, status):
    store = MemoryStore()
    first = opened(store, "r", ("a",))
    begun(store)
    watch = Watch(store, steady=clock.steady)
    assert not seen(watch, clock, 1.0).is_over
    said(store, run_stream("r"), RunFinished(run_id="r", status=status), after=first, minute=2)
    watch.refresh()
    run = seen(watch, clock, 1_000.0)
    assert (run.status, run.is_over, run.elapsed_s) == (status, True, 120.0)


@pytest.mark.parametrize(
    ("end", "planned", "over_s", "status"),
    [
        ("success", ("a",), 15.0, "success"),
        ("failed", ("a", "b"), 70.0, "failed"),
        ("success", ("a", "b"), 610.0, "incomplete"),
    ],
)
def test_a_run_that_never_says_so_is_over_when_nothing_is_heard_of_it(clock, end, planned, over_s, status):
    store = MemoryStore()
    opened(store, "r", planned)
    attempt(store, "r", "a", end)
    watch = Watch(store, "r", steady=clock.steady)
    assert seen(watch, clock, 5.0).status == "running"
    assert not seen(watch, clock, over_s - 10.0).is_over
    run = seen(watch, clock, over_s)
    assert (run.status, run.is_over) == (status, True)


def test_memory_is_held_against_what_the_run_was_configured_to(clock):
    store = MemoryStore()
    first = opened(store, "r", ("a",))
    values = {"memory_threshold_mb": 512, "chunk_workers": 2, "heartbeat_s": 60.0, "chunk_size": 5}
    resolved = ConfigurationResolved(run_id="r", digest="d", values=values, sources={})
    said(store, run_stream("r"), resolved, after=first)
    begun(store)
    assert seen(Watch(store), clock, 1.0).assets[0].limit_bytes == 512 * MIB
    chunked = MemoryStore()
    first = opened(chunked, "r", ("a",))
    said(chunked, run_stream("r"), resolved, after=first)
    begun(chunked, ChunksResumed(**PLACE, plan_digest="p", total_rows=9, kept_rows=0, damaged_parts=0))
    assert seen(Watch(chunked), clock, 11.0).assets[0].limit_bytes == 256 * MIB


def test_the_newest_run_under_way_is_watched_and_of_others_nothing_is_seen(clock):
    store = MemoryStore()
    first = opened(store, "old", ("a",))
    attempt(store, "old", "a", "success")
    closed(store, "old", "success", first)
    opened(store, "r", ("a",), minute=10)
    begun(store)
    watch = Watch(store, steady=clock.steady)
    assert watch.run_id == "r"
    attempt(store, "other", "b", "running", minute=20)
    assert not watch.refresh()
    assert [asset.asset for asset in seen(watch, clock, 1.0).assets] == ["a"]
    with pytest.raises(ConfigurationError, match="there is no run 'x'"):
        Watch(store, "x")
