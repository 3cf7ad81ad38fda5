"""One suite for every store: what a ledger promises, whatever it is kept in."""

import random
import threading
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.errors import ConflictError
from ledger.events import AssetFinished, MetricMeasured, StreamId, asset_stream
from ledger.events.batch import freeze
from ledger.events.schema import SCHEMA
from ledger.store import open_store
from ledger.store.directory import DirectoryMedium
from ledger.store.filter import select
from ledger.store.memory import MemoryStore
from ledger.store.objects import ObjectMedium
from ledger.store.parquet import ParquetStore
from ledger.store.protocol import EVERYTHING, Cursor, EventQuery, StreamHead

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Restless(ParquetStore):
    """Seals or compacts after every append, and removes at once what was replaced."""

    compacts = True

    def append(self, batch):
        super().append(batch)
        if self.compacts:
            self.compact(grace_s=0.0)
        else:
            self.seal()


class Sealing(Restless):
    compacts = False


STORES = {
    "memory": lambda _: MemoryStore(),
    "parquet": lambda path: open_store(str(path / "ledger"), create=True),
    "sealed at every append": lambda path: Sealing.create(DirectoryMedium(path / "ledger")),
    "compacted at every append": lambda path: Restless.create(DirectoryMedium(path / "ledger")),
}
BUCKETS = {"bucket": ParquetStore, "bucket compacted at every append": Restless}


@pytest.fixture(params=[*sorted(STORES), *sorted(BUCKETS)])
def store(request, tmp_path):
    if request.param in BUCKETS:
        return BUCKETS[request.param].create(ObjectMedium.of(request.getfixturevalue("s3_uri")))
    return STORES[request.param](tmp_path)


def measured(asset="a", run="run-1", metric="duration_s", value=1.0):
    return MetricMeasured(asset=asset, run_id=run, metric=metric, value=value, unit="s")


def batch(*events, after=None, stream="asset/a/run-1//0", minute=0):
    return freeze(stream, [(NOW + timedelta(minutes=minute), event) for event in events], after=after)


def test_what_was_appended_is_read(store):
    first = batch(measured(value=1.0), measured(value=2.0))
    second = batch(AssetFinished(asset="a", peak_method="vmhwm", sample_hz=10.0), after=first)
    store.append(first)
    store.append(second)
    assert store.read().equals(pa.concat_tables([first.rows, second.rows]))
    assert store.head(first.stream) == StreamHead(1, second.digest, 3)


def test_an_empty_ledger_reads_as_no_events(store):
    assert store.read().schema == SCHEMA
    assert store.read().num_rows == 0
    assert store.head("run/none") is None
    assert store.stats().events == 0
    assert store.changes(Cursor())[0].num_rows == 0
    assert store.view().compacted is None
    assert store.problems() == []


def test_repeating_an_append_changes_nothing(store):
    first = batch(measured())
    for _ in range(3):
        store.append(first)
    assert store.read().num_rows == 1


def test_other_content_under_the_same_number_is_a_conflict(store):
    store.append(batch(measured(value=1.0)))
    with pytest.raises(ConflictError, match="already in the ledger with other content"):
        store.append(batch(measured(value=2.0)))
    assert store.read().column("value").to_pylist() == [1.0]


def test_a_batch_must_follow_its_stream(store):
    first = batch(measured())
    orphan = batch(measured(), after=batch(measured(value=9.0)))
    for case in (orphan, batch(measured(), after=orphan)):
        with pytest.raises(ConflictError, match="does not follow"):
            store.append(case)
    store.append(first)
    with pytest.raises(ConflictError, match="does not follow"):
        store.append(orphan)
    assert store.read().num_rows == 1


def test_streams_do_not_disturb_each_other(store):
    streams = [str(asset_stream("a/b", "r", None, attempt)) for attempt in range(3)]
    streams += [str(StreamId("run", "r")), str(asset_stream("a", "b", "r", 0))]
    for stream in streams:
        store.append(batch(measured(), stream=stream))
    assert sorted(store.read().column("stream").to_pylist()) == sorted(streams)
    assert all(store.head(stream).next_seq == 1 for stream in streams)


@pytest.mark.parametrize(
    "length", [1, 2, 3, 8, pytest.param(9, marks=pytest.mark.slow), pytest.param(17, marks=pytest.mark.slow)]
)
def test_the_head_of_a_long_stream_is_found(store, length):
    last = None
    for _ in range(length):
        last = batch(measured(), after=last)
        store.append(last)
    assert store.head(last.stream) == StreamHead(length - 1, last.digest, length)


def test_new_batches_are_told_from_known_ones(store):
    first = batch(measured(value=1.0))
    store.append(first)
    cursor = store.view().cursor
    store.append(batch(measured(value=2.0), after=first))
    new, cursor = store.changes(cursor)
    assert new.column("value").to_pylist() == [2.0]
    assert store.changes(cursor)[0].num_rows == 0


def test_stats_count_what_is_there(store):
    store.append(batch(measured(), measured(metric="cpu_s")))
    store.append(batch(measured(), stream="run/x", minute=5))
    stats = store.stats()
    assert (stats.events, stats.batches, stats.streams) == (3, 2, 2)
    assert stats.events_by_kind == {"metric_measured": 3}
    assert (stats.first_ts, stats.last_ts) == (NOW, NOW + timedelta(minutes=5))
    assert stats.stored_bytes > 0


QUERIES = st.builds(
    EventQuery,
    kinds=st.lists(st.sampled_from(["metric_measured", "asset_finished"]), max_size=2).map(tuple),
    assets=st.lists(st.sampled_from(["a", "b", "it's; DROP"]), max_size=2).map(tuple),
    run_ids=st.lists(st.sampled_from(["run-1", "run-2", "run"]), max_size=2).map(tuple),
    metrics=st.lists(st.sampled_from(["duration_s", "cpu_s"]), max_size=2).map(tuple),
    streams=st.lists(st.sampled_from(["asset/a/run-1//0", "x"]), max_size=2).map(tuple),
    since=st.none() | st.sampled_from([NOW + timedelta(minutes=m) for m in (0, 1, 2)]),
    until=st.none() | st.sampled_from([NOW + timedelta(minutes=m) for m in (0, 1, 2)]),
    columns=st.sampled_from([(), ("asset", "value"), ("check", "partition", "ts")]),
)


@pytest.fixture(scope="module", params=sorted(STORES))
def filled(request, tmp_path_factory):
    filled = STORES[request.param](tmp_path_factory.mktemp("store"))
    randomness = random.Random(7)
    appended = []
    for asset in ("a", "b", "it's; DROP"):
        for run in ("run-1", "run-2"):
            last = None
            for minute in range(3):
                metric = randomness.choice(["duration_s", "cpu_s"])
                event = measured(asset=asset, run=run, metric=metric, value=randomness.random())
                last = batch(
                    event,
                    AssetFinished(asset=asset, run_id=run, peak_method="vmhwm", sample_hz=10.0),
                    after=last,
                    stream=str(asset_stream(asset, run, None, 0)),
                    minute=minute,
                )
                appended.append(last)
    for one in appended:
        filled.append(one)
    return filled, pa.concat_tables([one.rows for one in appended])


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(query=QUERIES)
def test_a_query_gives_what_filtering_everything_gives(filled, query):
    store, everything = filled
    assert store.read(query).equals(select(everything, query))


def test_reading_is_ordered_by_time_then_stream(filled):
    store, everything = filled
    assert store.read().equals(select(everything, EVERYTHING))


def test_of_many_racers_exactly_one_wins(store):
    rounds, racers = 20 if type(store) in {MemoryStore, ParquetStore} and "://" not in store.uri else 4, 8
    for number in range(rounds):
        won, barrier = [], threading.Barrier(racers)

        def race(value, stream=f"run/{number}", won=won, barrier=barrier):
            contender = batch(measured(value=float(value)), stream=stream)
            barrier.wait()
            try:
                store.append(contender)
            except ConflictError:
                return
            won.append(float(value))

        threads = [threading.Thread(target=race, args=(value,)) for value in range(racers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(won) == 1
        assert store.read(EventQuery(streams=(f"run/{number}",))).column("value").to_pylist() == won
