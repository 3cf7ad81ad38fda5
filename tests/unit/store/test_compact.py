"""Seal and compaction on a real directory: what is where afterwards, and what concurrent calls do to each other."""

import multiprocessing
import os
import shutil
import time
from datetime import UTC, datetime, timedelta

import pytest

from ledger.errors import ConfigurationError, ConflictError, IntegrityError
from ledger.events import MetricMeasured
from ledger.events.batch import freeze
from ledger.events.checkpoint import Checkpoint
from ledger.store import compact, files, open_store, segments
from ledger.store.protocol import Cursor, EventQuery

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def batch(stream="run/r", value=1.0, after=None, days=0.0, count=2):
    ts = NOW + timedelta(days=days)
    events = [(ts, MetricMeasured(asset="a", metric="m", value=value, unit="s"))] * count
    return freeze(stream, events, after=after)


@pytest.fixture
def store(tmp_path):
    return open_store(str(tmp_path), create=True)


def names(tmp_path, directory):
    return sorted(path.name for path in (tmp_path / directory).rglob("*.parquet"))


def test_sealing_twice_changes_nothing(store, tmp_path):
    store.append(batch())
    first = store.seal()
    again = store.seal()
    assert (first.number, first.added, again.number, again.added) == (1, 1, 1, 0)
    assert again.checkpoint == first.checkpoint == store.checkpoint()
    assert len(names(tmp_path, "leaves")) == 1


def test_a_checkpoint_says_name_size_and_root_in_three_lines(store, tmp_path):
    store.append(batch())
    store.seal()
    text = (tmp_path / "checkpoints" / "00000001").read_text()
    assert Checkpoint.parse(text, "here") == store.checkpoint()
    assert text.splitlines()[0] == (tmp_path / "FORMAT").read_text().splitlines()[1] == store.origin


def test_the_root_does_not_change_when_files_do(store):
    store.append(batch())
    before = store.seal().checkpoint
    store.compact(grace_s=0.0)
    assert store.checkpoint() == before
    assert store.verify(expected=before).problems == ()


def test_each_checkpoint_contains_those_before(store):
    last, told = None, []
    for number in range(6):
        last = batch(value=number, after=last)
        store.append(last)
        told.append(store.seal().checkpoint)
        if number % 2:
            store.compact(grace_s=0.0)
    for old in told:
        assert store.prove_consistency(old).holds()
    for number in range(6):
        assert store.prove_inclusion("run/r", number).holds()


def test_what_is_not_sealed_or_not_contained_is_said(store):
    store.append(batch())
    with pytest.raises(ConfigurationError, match="append 0 of stream 'run/r' is not in the newest checkpoint"):
        store.prove_inclusion("run/r", 0)
    store.seal()
    with pytest.raises(ConfigurationError, match="does not contain the checkpoint of 7 appends"):
        store.prove_consistency(Checkpoint(store.origin, 7))
    with pytest.raises(ConfigurationError, match="the checkpoint is of 'another'"):
        store.prove_consistency(Checkpoint("another", 0))


def test_loose_files_stay_for_the_grace_period(store, tmp_path):
    store.append(batch())
    assert store.compact(grace_s=3600.0).removed == 0
    assert len(names(tmp_path, "loose")) == 1
    assert store.read().num_rows == 2
    record = tmp_path / "records" / "00000001.json"
    os.utime(record, (time.time() - 4000, time.time() - 4000))
    assert store.compact(grace_s=3600.0).removed == 1
    assert names(tmp_path, "loose") == []
    assert store.read().num_rows == 2


def test_months_are_partitions_and_an_append_is_never_cut(store, tmp_path):
    over_the_edge = [
        (datetime(2026, 3, 31, 23, 59, tzinfo=UTC), MetricMeasured(metric="m", value=1.0, unit="s")),
        (datetime(2026, 4, 1, 0, 1, tzinfo=UTC), MetricMeasured(metric="m", value=2.0, unit="s")),
    ]
    store.append(freeze("run/edge", over_the_edge))
    store.append(batch(stream="run/april", days=40))
    store.compact(grace_s=0.0)
    found = {segment.month: segment.rows for segment in store.record().segments}
    assert found == {"2026-03": 2, "2026-04": 2}
    assert store.problems() == []


def test_small_segments_of_a_month_that_is_over_become_one(store, tmp_path):
    last = None
    for day in range(5):
        last = batch(after=last, days=day, value=day)
        store.append(last)
        store.compact(grace_s=0.0)
    assert len(store.record().segments) == 5
    store.append(batch(stream="run/later", days=45))
    store.compact(grace_s=0.0)
    assert [(segment.month, segment.rows) for segment in store.record().segments] == [("2026-03", 10), ("2026-04", 2)]
    assert len(names(tmp_path, "segments")) == 2
    assert store.read(EventQuery(streams=("run/r",))).column("value").to_pylist() == [
        float(day) for day in range(5) for _ in range(2)
    ]
    assert store.problems() == []


def test_the_leaf_index_stays_a_handful_of_files(store, tmp_path):
    last = None
    for number in range(40):
        last = batch(after=last, value=number)
        store.append(last)
        store.compact(grace_s=0.0)
    assert len(names(tmp_path, "leaves")) <= 8
    assert len(list((tmp_path / "records").iterdir())) <= 17
    assert store.problems() == []


def test_queries_of_a_time_do_not_open_segments_of_another(store, tmp_path):
    store.append(batch(stream="run/march"))
    store.append(batch(stream="run/may", days=65))
    store.compact(grace_s=0.0)
    march, _ = store.record().segments
    (tmp_path / march.name).write_bytes(b"nobody may look at this")
    assert store.read(EventQuery(since=NOW + timedelta(days=60))).num_rows == 2


def test_a_damaged_segment_is_named_by_whoever_reads_it(store, tmp_path):
    store.append(batch())
    store.compact(grace_s=0.0)
    (segment,) = store.record().segments
    path = tmp_path / segment.name
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(IntegrityError, match=path.name):
        store.read()


def test_an_altered_loose_file_is_not_compacted(store, tmp_path):
    first = batch()
    store.append(first)
    store.seal()
    (path,) = (tmp_path / "loose").iterdir()
    other = open_store(str(tmp_path / "other"), create=True)
    other.append(batch(value=9.0))
    (forged,) = (tmp_path / "other" / "loose").iterdir()
    path.write_bytes(forged.read_bytes())
    with pytest.raises(IntegrityError, match="append 0 of stream 'run/r' in it is not what was sealed"):
        store.compact(grace_s=0.0)
    assert names(tmp_path, "segments") == []
    assert path.exists()


def test_a_damaged_append_holds_up_only_its_own_stream(store, tmp_path):
    store.append(batch(stream="run/good"))
    store.append(batch(stream="run/bad"))
    bad = next(path for path in (tmp_path / "loose").iterdir() if b"run/bad" in path.read_bytes())
    bad.write_bytes(bad.read_bytes()[:50])
    done = store.seal()
    assert done.added == 1
    assert [problem.where for problem in done.problems] == [str(bad)]


def test_an_append_repeated_after_its_file_is_gone_is_not_doubled(store, monkeypatch):
    old = batch()
    store.append(old)
    store.compact(grace_s=0.0)
    again = open_store(store.uri)
    again.append(old)
    assert again.read().num_rows == 2
    with pytest.raises(ConflictError, match="already in the ledger with other content"):
        again.append(batch(value=5.0))
    assert again.read().num_rows == 2


def test_a_writer_that_slept_through_a_compaction_meets_what_others_wrote(store, monkeypatch):
    first = batch()
    store.append(first)
    awake = open_store(store.uri)
    awake.append(batch(after=first, value=2.0))
    awake.compact(grace_s=0.0)
    now = time.clock_gettime(time.CLOCK_BOOTTIME)
    monkeypatch.setattr(time, "clock_gettime", lambda _clock: now + compact.GRACE_S)
    with pytest.raises(ConflictError, match="append 1 of stream 'run/r'"):
        store.append(batch(after=first, value=3.0))


def test_a_duplicate_that_slipped_in_is_removed_by_the_next_seal(store, tmp_path):
    store.append(batch())
    (path,) = (tmp_path / "loose").iterdir()
    copy = path.read_bytes()
    store.compact(grace_s=0.0)
    store.append(batch(stream="run/other"))
    store.compact(grace_s=0.0)
    assert not path.exists()
    path.write_bytes(copy)
    assert any("it is there twice" in problem.what for problem in store.problems())
    store.compact(grace_s=0.0)
    assert not path.exists()
    assert store.read().num_rows == 4
    assert store.problems() == []


def test_a_cursor_gives_what_was_appended_and_compacted_in_between(store):
    last = batch()
    store.append(last)
    cursor = store.view().cursor
    for number in range(3):
        last = batch(after=last, value=10.0 + number)
        store.append(last)
        store.compact(grace_s=0.0)
    new, cursor = store.changes(cursor)
    assert new.column("value").to_pylist() == [10.0, 10.0, 11.0, 11.0, 12.0, 12.0]
    assert store.changes(cursor)[0].num_rows == 0
    assert store.changes(Cursor())[0].num_rows == 8


def test_segments_that_a_killed_compactor_left_are_no_problem_and_swept_later(store, tmp_path):
    store.append(batch())
    store.compact(grace_s=3600.0)
    (segment,) = store.record().segments
    spare = tmp_path / segment.name.replace(segment.name[-16:-8], "0badcafe")
    shutil.copy(tmp_path / segment.name, spare)
    assert store.problems() == []
    assert store.read().num_rows == 2
    os.utime(spare, (time.time() - 90_000, time.time() - 90_000))
    store.compact(grace_s=3600.0)
    assert not spare.exists()
    assert (tmp_path / segment.name).exists()


def _append_and_compact(place, number, rounds):
    store = open_store(place)
    last = None
    for value in range(rounds):
        last = batch(stream=f"run/w{number}", after=last, value=value, days=value * 9)
        store.append(last)
        if value % 3 == number % 3:
            store.compact(grace_s=0.0)
        elif value % 3 == 1:
            store.seal()


def test_processes_that_append_seal_and_compact_at_once_lose_and_double_nothing(store):
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_append_and_compact, args=(store.uri, number, 8)) for number in range(4)]
    for worker in workers:
        worker.start()
    while any(worker.is_alive() for worker in workers):
        found = store.read(EventQuery(columns=("stream", "seq")))
        pairs = list(zip(*found.to_pydict().values(), strict=True))
        assert len(pairs) == len(set(pairs))
    assert [worker.exitcode for worker in workers] == [0] * 4
    store.compact(grace_s=0.0)
    assert store.read().num_rows == 4 * 8 * 2
    assert store.stats().batches == 32
    assert store.verify().problems == ()


def test_a_compactor_that_took_too_long_starts_again(store, monkeypatch, tmp_path):
    store.append(batch())
    clock = iter([0.0, 0.0, 0.0, 10_000.0, *[10_000.0] * 100])
    monkeypatch.setattr(compact.time, "monotonic", lambda: next(clock))
    store.compact(grace_s=0.0)
    assert len(names(tmp_path, "segments")) == 1
    assert store.problems() == []


def test_a_temporary_file_is_seen_by_nobody(store, tmp_path):
    store.append(batch())
    store.compact(grace_s=3600.0)
    for directory in ("leaves", "records", "checkpoints", "segments/month=2026-03"):
        (tmp_path / directory / f"{files.TEMPORARY_PREFIX}1").write_bytes(b"half")
    assert store.problems() == []
    assert store.read().num_rows == 2


def test_segments_take_a_dozen_bytes_an_event(store):
    for number in range(40):
        events = [
            (
                NOW + timedelta(seconds=number, microseconds=place * 713),
                MetricMeasured(asset=f"a{place % 7}", metric=f"m{place % 20}", value=number * 1.37 + place, unit="s"),
            )
            for place in range(500)
        ]
        store.append(freeze(f"run/{number}", events))
    store.compact(grace_s=0.0)
    (segment,) = store.record().segments
    assert segment.rows == 20_000
    assert segment.stored_bytes / segment.rows < 12
    assert segment.rows <= segments.ROWS
