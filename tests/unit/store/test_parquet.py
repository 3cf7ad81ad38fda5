"""What only the Parquet directory can meet: damaged files, full disks, killed writers, foreign directories."""

import errno
import os
import sys
import time
from datetime import UTC, datetime

import pytest

from ledger.errors import ConfigurationError, ConflictError, IntegrityError, MissingLedgerError, StoreError
from ledger.events import MetricMeasured
from ledger.events.batch import freeze
from ledger.store import files, loose, open_store
from ledger.store.protocol import EventQuery
from tests.mounted import in_mount_namespace

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def batch(value=1.0, after=None, stream="run/r", count=1):
    return freeze(stream, [(NOW, MetricMeasured(metric="m", value=value, unit="s"))] * count, after=after)


@pytest.fixture
def directory(tmp_path):
    return tmp_path / "deep" / "ledger"


@pytest.fixture
def store(directory):
    return open_store(str(directory), create=True)


def paths(directory):
    return sorted((directory / "loose").glob("*.parquet"))


def test_a_missing_ledger_is_said_with_what_to_do(directory):
    with pytest.raises(MissingLedgerError, match=r"no ledger at .*; make one with `dagster-ledger run`"):
        open_store(str(directory))
    assert not directory.exists()


def test_a_foreign_directory_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(ConfigurationError, match="neither empty nor a ledger"):
        open_store(str(tmp_path), create=True)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("dagster-ledger 2\n", "ledger format 2, this release reads up to 1"),
        ("hello", "is no ledger"),
        ("", "no ledger"),
    ],
)
def test_a_marker_of_another_kind_is_refused(store, directory, text, words):
    (directory / "FORMAT").write_text(text)
    with pytest.raises(IntegrityError, match=words):
        open_store(str(directory))


@pytest.mark.parametrize("uri", ["ftp://bucket/x", "http://host/x", "", "  ", "file://"])
def test_a_place_of_an_unknown_kind_is_refused(uri):
    with pytest.raises(ConfigurationError, match="neither a directory nor a file://, s3://, gs:// or az:// URI"):
        open_store(uri, create=True)


def test_a_file_uri_names_the_same_ledger(store, directory):
    store.append(batch())
    assert open_store(f"file://{directory}").read().num_rows == 1


def test_an_append_is_one_small_file(store, directory):
    store.append(batch(count=20))
    (path,) = paths(directory)
    assert path.stat().st_size <= 2500
    assert path.stat().st_nlink == 1
    assert sorted(os.listdir(directory)) == ["FORMAT", "loose"]


@pytest.mark.parametrize("damage", ["truncated", "emptied", "overwritten", "footer"])
def test_a_damaged_file_is_named_and_nothing_is_changed(store, directory, damage):
    first = batch()
    store.append(first)
    store.append(batch(after=first))
    path = directory / loose.file_name("run/r", 1)
    data = path.read_bytes()
    broken = {
        "truncated": data[: len(data) // 2],
        "emptied": b"",
        "overwritten": b"hello world",
        "footer": data[:-30] + b"\xff" * 22 + data[-8:],
    }[damage]
    path.write_bytes(broken)
    with pytest.raises(IntegrityError, match=f"{path.name} is damaged"):
        open_store(str(directory)).read()
    assert [problem.where for problem in store.problems()] == [str(path)]
    assert path.read_bytes() == broken


def test_an_altered_value_is_found_though_the_file_is_sound(store, directory):
    store.append(batch(value=1.0))
    (path,) = paths(directory)
    footer_of_the_honest_one = loose.encode(batch(value=2.0)).replace(
        batch(2.0).digest.encode(), batch().digest.encode()
    )
    assert loose.stamped(footer_of_the_honest_one) != footer_of_the_honest_one
    path.write_bytes(loose.stamped(footer_of_the_honest_one))
    assert store.read().column("value").to_pylist() == [2.0]
    (problem,) = store.problems()
    assert "do not have its digest" in problem.what


def test_a_removed_batch_leaves_a_hole_that_is_found(store, directory):
    first = batch()
    second = batch(after=first)
    for one in (first, second, batch(after=second)):
        store.append(one)
    (directory / loose.file_name("run/r", 1)).unlink()
    (problem,) = store.problems()
    assert problem.what == "append 1 of stream 'run/r', which comes before it, is missing"


def test_a_file_under_another_name_is_found(store, directory):
    store.append(batch())
    (path,) = paths(directory)
    path.rename(directory / loose.file_name("run/other", 0))
    (problem,) = store.problems()
    assert "its footer says append 0 of stream 'run/r'" in problem.what


def test_what_a_killed_writer_left_is_ignored_and_swept_after_a_day(store, directory):
    store.append(batch())
    torn, fresh = (directory / "loose" / f"{files.TEMPORARY_PREFIX}{name}" for name in ("old", "new"))
    for path in (torn, fresh):
        path.write_bytes(b"PAR1 half of it")
    os.utime(torn, (time.time() - 90_000, time.time() - 90_000))
    assert store.read().num_rows == 1
    assert store.problems() == []
    store.compact()
    assert (torn.exists(), fresh.exists()) == (False, True)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EDQUOT])
@pytest.mark.parametrize("call", ["write", "fsync", "link"])
def test_an_append_the_medium_refuses_leaves_nothing_and_can_be_repeated(store, directory, monkeypatch, code, call):
    real = getattr(os, call)

    def refuse(*_args, **_kwargs):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, call, refuse)
    with pytest.raises(StoreError, match="cannot write to the ledger at"):
        store.append(batch())
    assert os.listdir(directory / "loose") == []
    monkeypatch.setattr(os, call, real)
    store.append(batch())
    assert store.read().num_rows == 1


def test_an_unsynced_directory_is_no_success_but_the_repeat_is(store, directory, monkeypatch):
    real = files.sync_directory

    def refuse(_path):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(files, "sync_directory", refuse)
    with pytest.raises(StoreError, match="check the disk"):
        store.append(batch())
    monkeypatch.setattr(files, "sync_directory", real)
    store.append(batch())
    assert store.read().num_rows == 1
    assert store.problems() == []


def test_a_file_system_without_hard_links_is_served_by_a_rename_that_cannot_replace(store, monkeypatch):
    def refuse(*_args, **_kwargs):
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    store.append(batch(value=1.0))
    store.append(batch(value=1.0))
    with pytest.raises(ConflictError):
        store.append(batch(value=2.0))
    assert store.read().column("value").to_pylist() == [1.0]


FILL = """
import subprocess, sys
from datetime import UTC, datetime
from ledger.errors import StoreError
from ledger.events import MetricMeasured
from ledger.events.batch import freeze
from ledger.store import open_store
place = sys.argv[1]
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", place], check=True)
store, last, acknowledged = open_store(place + "/ledger", create=True), None, 0
try:
    while True:
        event = MetricMeasured(metric="m", value=float(acknowledged), unit="s")
        last = freeze("run/r", [(datetime(2026, 1, 1, tzinfo=UTC), event)], after=last)
        store.append(last)
        acknowledged += 1
except StoreError as error:
    print(error)
assert store.read().column("value").to_pylist() == [float(i) for i in range(acknowledged)], "lost or partial"
assert store.problems() == []
print(acknowledged)
"""


def test_a_full_disk_is_said_and_loses_nothing(tmp_path):
    done = in_mount_namespace(sys.executable, "-c", FILL, str(tmp_path))
    assert done.returncode == 0, done.stderr
    sentence, acknowledged = done.stdout.splitlines()
    assert "the disk is full: free some space and run it again" in sentence
    assert int(acknowledged) > 10


READ_ONLY = """
import subprocess, sys
from datetime import UTC, datetime
from ledger.errors import StoreError
from ledger.events import MetricMeasured
from ledger.events.batch import freeze
from ledger.store import open_store
place = sys.argv[1]
subprocess.run(["mount", "--bind", place, place], check=True)
subprocess.run(["mount", "-o", "remount,ro,bind", place], check=True)
store = open_store(place)
print(store.read().num_rows)
try:
    store.append(freeze("run/s", [(datetime(2026, 1, 1, tzinfo=UTC), MetricMeasured(metric="m", value=1.0, unit="s"))]))
except StoreError as error:
    print(error)
"""


def test_a_read_only_ledger_can_be_read_and_refuses_appends(store, directory):
    store.append(batch())
    done = in_mount_namespace(sys.executable, "-c", READ_ONLY, str(directory))
    assert done.returncode == 0, done.stderr
    rows, sentence = done.stdout.splitlines()
    assert rows == "1"
    assert "the file system is read-only: choose another place with --ledger" in sentence
    assert store.read(EventQuery()).num_rows == 1
