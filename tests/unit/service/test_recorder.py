"""The writer of one stream: what is frozen, what a repeat does, who may write, what is refused."""

import threading
from datetime import timedelta
from itertools import count

import pytest

from ledger.errors import ConfigurationError, ConflictError, StoreError
from ledger.events import BreakdownMeasured, MetricMeasured, ProgressReported, asset_stream
from ledger.events.codec import from_table
from ledger.service.recording.recorder import StreamRecorder
from ledger.store.memory import MemoryStore
from tests.recorded import BEGAN

STREAM = asset_stream("a", "r", None, 0)


def metric(value=1.0, name="duration_s", unit="s"):
    return MetricMeasured(asset="a", run_id="r", metric=name, value=value, unit=unit)


def values(store):
    return [entry.event.value for entry in from_table(store.read())]


class Moody:
    """A medium that refuses the given appends, before or after they became durable, and notes what it was asked."""

    def __init__(self, refused, *, stores):
        self.store = MemoryStore()
        self.asked = []
        self._refused = refused
        self._stores = stores

    def append(self, batch):
        self.asked.append(batch)
        refuse = len(self.asked) - 1 in self._refused
        if self._stores or not refuse:
            self.store.append(batch)
        if refuse:
            raise StoreError("the medium refused")  # noqa: EM101, TRY003 - as a store would


@pytest.mark.parametrize("stores", [False, True], ids=["nothing was written", "all was written and the answer lost"])
def test_an_append_that_is_repeated_has_the_same_times_numbers_and_digest(stores):
    seconds = count()
    medium = Moody({0, 1}, stores=stores)
    recorder = StreamRecorder(medium, STREAM, clock=lambda: BEGAN + timedelta(seconds=next(seconds)))
    for value in (1.0, 2.0):
        with pytest.raises(StoreError):
            recorder.record(metric(value))
    recorder.record(metric(3.0))
    first, again, once_more, last = medium.asked
    assert first is again is once_more
    assert last.previous_digest == first.digest
    # The second value was never taken over: its call was refused while the first one was still waiting.
    assert values(medium.store) == [1.0, 3.0]
    assert medium.store.problems() == []


def test_a_batch_is_visible_as_a_whole_with_one_time():
    store = MemoryStore()
    StreamRecorder(store, STREAM).record(metric(1.0), metric(2.0), metric(3.0))
    entries = list(from_table(store.read()))
    assert [(entry.seq, entry.batch) for entry in entries] == [(0, 0), (1, 0), (2, 0)]
    assert len({entry.ts for entry in entries}) == 1
    assert entries[0].ts.tzinfo is not None


def test_a_stream_is_continued_where_it_ends():
    store = MemoryStore()
    StreamRecorder(store, STREAM).record(metric(1.0), metric(2.0))
    StreamRecorder(store, STREAM, head=store.head(str(STREAM))).record(metric(3.0))
    assert [(entry.seq, entry.batch) for entry in from_table(store.read())] == [(0, 0), (1, 0), (2, 1)]
    assert store.problems() == []


def test_a_writer_that_was_overtaken_stays_out_and_the_other_one_goes_on():
    store = MemoryStore()
    overtaken = StreamRecorder(store, STREAM)
    overtaken.record(metric(1.0))
    other = StreamRecorder(store, STREAM, head=store.head(str(STREAM)))
    other.record(metric(2.0))
    for value in (3.0, 4.0):
        with pytest.raises(ConflictError, match="another process wrote to the same stream"):
            overtaken.record(metric(value))
    other.record(metric(5.0))
    assert values(store) == [1.0, 2.0, 5.0]


def test_many_threads_of_a_process_share_a_writer_and_nothing_is_lost_or_doubled():
    store = MemoryStore()
    recorder = StreamRecorder(store, STREAM)
    ready = threading.Barrier(8)

    def work(thread):
        ready.wait()
        for number in range(20):
            recorder.record(metric(float(thread * 100 + number)))

    threads = [threading.Thread(target=work, args=(thread,)) for thread in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(values(store)) == sorted(float(thread * 100 + number) for thread in range(8) for number in range(20))
    assert sorted(entry.seq for entry in from_table(store.read())) == list(range(160))
    stamps = [entry.ts for entry in sorted(from_table(store.read()), key=lambda entry: entry.seq)]
    assert stamps == sorted(stamps)
    assert store.problems() == []


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (metric(name="durations"), r"did you mean 'duration_s'\?.*declare it with Metric\('durations'"),
        (metric(unit="bytes"), "is declared in s, but was recorded in bytes"),
        (metric(value=float("nan")), "record finite numbers only"),
        (BreakdownMeasured(asset="a", metric="method_rows", unit="rows", counts={}), "has no classes"),
        (BreakdownMeasured(asset="a", metric="m", unit="rows", counts={"x": float("inf")}), "use finite numbers"),
    ],
)
def test_what_is_refused_leaves_nothing_behind_and_the_stream_usable(event, words):
    store = MemoryStore()
    recorder = StreamRecorder(store, STREAM)
    with pytest.raises(ConfigurationError, match=words):
        recorder.record(metric(1.0), event)
    assert values(store) == []
    recorder.record(metric(2.0))
    assert values(store) == [2.0]
    assert store.head(str(STREAM)).number == 0


def test_an_append_of_nothing_is_refused():
    with pytest.raises(ConfigurationError, match="has no events; append at least one"):
        StreamRecorder(MemoryStore(), STREAM).record()


def test_time_spent_in_appends_is_counted_also_when_they_are_refused():
    medium = Moody({0}, stores=False)
    recorder = StreamRecorder(medium, STREAM)
    assert recorder.append_s == 0.0
    with pytest.raises(StoreError):
        recorder.record(ProgressReported(value=1.0))
    refused_s = recorder.append_s
    assert refused_s > 0.0
    recorder.record(ProgressReported(value=2.0))
    assert recorder.append_s > refused_s
