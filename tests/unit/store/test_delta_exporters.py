"""Exporters of a Delta log that work at the same time, are killed, or slept: one line of history."""

import json
import multiprocessing
import os
import signal
import threading
from collections import Counter
from pathlib import Path

import pytest
from deltalake import DeltaTable

from ledger.errors import StoreError
from ledger.store import delta, open_store
from ledger.store.delta import DeltaExport
from tests.unit.store.delta_tables import (
    actions,
    assert_every_engine_reads_the_ledger,
    batch,
    by_deltalake,
    compacted,
    in_order,
    log_names,
)


@pytest.fixture
def store(tmp_path):
    return open_store(str(tmp_path / "ledger"), create=True)


@pytest.fixture
def table(store):
    return str(Path(store.uri) / "segments")


def history(store):
    """Return the segments of the table by version, as the commits leave them; every commit must be whole."""
    versions, present = [], set()
    for version in range(len(log_names(store))):
        told = actions(store, version)
        added = {entry["path"] for kind, entry in told if kind == "add"}
        removed = {entry["path"] for kind, entry in told if kind == "remove"}
        assert removed <= present
        assert not added & present
        present = (present - removed) | added
        versions.append(frozenset(present))
    return versions


def records_of(store):
    """Return the segments of each record that is still there."""
    paths = (Path(store.uri) / "records").iterdir()
    records = [json.loads(path.read_text())["record"] for path in sorted(paths)]
    return [frozenset(entry["name"].removeprefix("segments/") for entry in record["segments"]) for record in records]


def test_of_exporters_at_once_one_writes(store):
    compacted(store)
    barrier, done = threading.Barrier(8), []

    def race():
        medium = open_store(store.uri).medium
        barrier.wait()
        done.append(delta.export(medium))

    threads = [threading.Thread(target=race) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Counter(entry.unchanged for entry in done) == {False: 1, True: 7}
    assert log_names(store) == ["0" * 20 + ".json"]


def test_a_commit_whose_answer_was_lost_is_ones_own(store):
    compacted(store)

    class Forgetful:
        def __getattr__(self, name):
            return getattr(store.medium, name)

        def put_if_absent(self, name, data):
            store.medium.put_if_absent(name, data)
            return False

    assert delta.export(Forgetful()) == DeltaExport(0, 1, 0, 1, 1, unchanged=False)


def test_an_exporter_that_others_always_beat_says_so(store):
    compacted(store)

    class Beaten:
        def __getattr__(self, name):
            return getattr(store.medium, name)

        def put_if_absent(self, name, data):
            return False

        def read(self, name):
            return b"" if name.startswith(delta.DIRECTORY) else store.medium.read(name)

    with pytest.raises(StoreError, match=r"others exported .* 50 times meanwhile"):
        delta.export(Beaten())


def test_an_exporter_that_slept_does_not_bring_back_what_was_merged(store, table):
    """It has read log and record, sleeps, and others compact, merge and export meanwhile."""
    last = None
    for day in range(3):
        last = batch(after=last, value=day, days=day)
        store.append(last)
        store.compact(grace_s=3600.0)

    class Sleepy:
        slept = False

        def __getattr__(self, name):
            return getattr(store.medium, name)

        def put_if_absent(self, name, data):
            if not self.slept:
                self.slept = True
                store.append(batch(stream="run/later", days=45))
                store.compact(grace_s=3600.0)
                delta.export(store.medium)
            return store.medium.put_if_absent(name, data)

    assert delta.export(Sleepy()).unchanged
    assert history(store) == [records_of(store)[-1]]
    assert_every_engine_reads_the_ledger(store, table)


def _append_compact_export(place, number, rounds):
    store = open_store(place)
    last = None
    for value in range(rounds):
        last = batch(stream=f"run/w{number}", after=last, value=value, days=value * 9)
        store.append(last)
        store.compact(grace_s=3600.0)
        delta.export(store.medium)
        delta.export(store.medium)


def test_processes_that_append_compact_and_export_at_once_make_one_line_of_history(store, table):
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_append_compact_export, args=(store.uri, number, 4)) for number in range(3)]
    for worker in workers:
        worker.start()
    while any(worker.is_alive() for worker in workers):
        if not (Path(store.uri) / delta.commit_name(0)).exists():
            continue  # there is no table before its first commit: a hidden file on its way there is none
        found = by_deltalake(table).select(["stream", "seq"]).to_pydict()
        pairs = list(zip(*found.values(), strict=True))
        assert len(pairs) == len(set(pairs))
        per_stream = Counter(stream for stream, _ in pairs)
        assert all(count % 4 == 0 for count in per_stream.values()), "an append is visible in part"
    assert [worker.exitcode for worker in workers] == [0] * 3
    delta.export(store.medium)
    versions = history(store)
    assert versions[-1] == records_of(store)[-1]
    assert set(versions[-10:]) <= set(records_of(store)), "a version is not what a record listed"
    appends = [int(entry["operationParameters"]["appends"]) for entry in DeltaTable(table).history()]
    assert appends == sorted(appends, reverse=True)
    assert_every_engine_reads_the_ledger(store, table)
    assert store.verify().problems == ()


def _export_and_die(place, call, *, after):
    real = getattr(os, call)

    def killed(*arguments, **options):
        if after:
            real(*arguments, **options)
        os.kill(os.getpid(), signal.SIGKILL)

    setattr(os, call, killed)
    delta.export(open_store(place).medium)


@pytest.mark.parametrize(("call", "after"), [("write", False), ("link", False), ("link", True)])
def test_an_exporter_that_is_killed_leaves_a_whole_commit_or_none(store, table, call, after):
    compacted(store)
    delta.export(store.medium)
    before = in_order(by_deltalake(table))
    compacted(store, stream="run/later", days=45)
    worker = multiprocessing.get_context("fork").Process(
        target=_export_and_die, args=(store.uri, call), kwargs={"after": after}
    )
    worker.start()
    worker.join()
    assert worker.exitcode == -signal.SIGKILL
    if after:
        assert_every_engine_reads_the_ledger(store, table)
    else:
        assert in_order(by_deltalake(table)).equals(before)
    assert delta.export(store.medium).unchanged is after
    assert_every_engine_reads_the_ledger(store, table)
    assert store.problems() == []


# What the log says of a file.
