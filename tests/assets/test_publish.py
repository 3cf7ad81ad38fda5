"""Publication: readers see one whole version, whatever happens to the publisher, and old versions go."""

import hashlib
import json
import os
import resource
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from assets.publish import publish
from ledger.errors import StoreError

ROOT = Path(__file__).parents[2]
OLD, NEW = pa.table({"a": [1]}), pa.table({"a": [2, 3]})


def whole(version) -> bool:
    """Whether a version holds exactly the files its manifest names, and is named by the manifest."""
    manifest = (version / "manifest.json").read_bytes()
    files = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in version.iterdir()}
    del files["manifest.json"]
    named = hashlib.sha256(manifest).hexdigest().startswith(version.name)
    return named and files == json.loads(manifest)["files"]


def read(target):
    """Return what a reader gets, who sees whole versions only."""
    assert sorted(path.name for path in target.iterdir() if path.name[0] != ".") == ["current", "versions"]
    for version in (target / "versions").iterdir():
        assert version.name.startswith(".") or whole(version), version
    return pq.read_table(target / "current" / "t.parquet").column("a").to_pylist()


def litter(target) -> list[Path]:
    return list(target.rglob(".*"))


def test_a_version_replaces_the_one_before_and_old_ones_go(tmp_path):
    first = publish({"t": OLD}, tmp_path)
    assert read(tmp_path) == [1]
    second = publish({"t": NEW}, tmp_path)
    assert read(tmp_path) == [2, 3]
    assert first.digest != second.digest
    for number in range(5):
        publish({"t": pa.table({"a": [number + 10]})}, tmp_path)
    assert len(list((tmp_path / "versions").iterdir())) == 3
    assert read(tmp_path) == [14]
    assert litter(tmp_path) == []


@pytest.mark.parametrize("keep", [0, 1])
def test_the_current_version_stays_however_few_are_kept(tmp_path, keep):
    for table in (OLD, NEW):
        publish({"t": table}, tmp_path, keep=keep)
    assert [path.name for path in (tmp_path / "versions").iterdir()] == [(tmp_path / "current").resolve().name]
    assert read(tmp_path) == [2, 3]


def test_publishing_the_same_again_writes_nothing_anew(tmp_path):
    first = publish({"t": OLD, "u": NEW}, tmp_path)
    inodes = {path: path.stat().st_ino for path in first.directory.iterdir()}
    labelled = OLD.replace_schema_metadata({"made": "later"})
    assert publish({"u": NEW, "t": labelled}, tmp_path) == first
    assert {path: path.stat().st_ino for path in first.directory.iterdir()} == inodes
    assert first.size_bytes == sum(path.stat().st_size for path in first.directory.glob("*.parquet"))


def test_a_version_published_again_is_as_young_as_its_last_publication(tmp_path):
    versions = [publish({"t": pa.table({"a": [number]})}, tmp_path).directory for number in range(3)]
    for age, version in enumerate(versions):
        os.utime(version, (age + 1, age + 1))
    publish({"t": pa.table({"a": [0]})}, tmp_path)
    publish({"t": NEW}, tmp_path, keep=2)
    assert versions[0].is_dir(), "readers had it a moment ago"
    assert not versions[1].exists()
    assert not versions[2].exists()


@pytest.mark.parametrize("name", ["mkdir", "fsync", "rename", "symlink", "replace"])
def test_a_medium_that_refuses_leaves_the_old_version_and_no_litter(tmp_path, monkeypatch, name):
    publish({"t": OLD}, tmp_path)

    def refuse(*_args, **_kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, name, refuse)
    with pytest.raises(StoreError, match="disk is full"):
        publish({"t": NEW}, tmp_path)
    monkeypatch.undo()
    assert read(tmp_path) == [1]
    assert litter(tmp_path) == []
    publish({"t": NEW}, tmp_path)
    assert read(tmp_path) == [2, 3]


@pytest.mark.parametrize("nth", range(1, 6))
def test_a_sync_that_fails_at_any_place_leaves_one_whole_version(tmp_path, monkeypatch, nth):
    publish({"t": OLD}, tmp_path)
    sync, calls = os.fsync, []

    def refuse(descriptor):
        calls.append(descriptor)
        if len(calls) == nth:
            raise OSError(5, "Input/output error")
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(StoreError, match="input/output error"):
        publish({"t": NEW}, tmp_path)
    monkeypatch.undo()
    assert read(tmp_path) == ([1] if nth < 5 else [2, 3])  # The last one comes after the switch.
    assert litter(tmp_path) == []
    publish({"t": NEW}, tmp_path)
    assert read(tmp_path) == [2, 3]


def test_a_file_cut_short_by_the_medium_is_never_seen(tmp_path):
    publish({"t": OLD}, tmp_path)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4_096, limits[1]))
    try:
        with pytest.raises(StoreError, match="File too large"):
            publish({"t": pa.table({"a": list(range(100_000))})}, tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert read(tmp_path) == [1]
    assert litter(tmp_path) == []


def test_another_publisher_of_the_same_content_may_be_faster(tmp_path, monkeypatch):
    publish({"t": OLD}, tmp_path)
    rename = os.rename

    def overtaken(*args):
        monkeypatch.undo()
        publish({"t": NEW}, tmp_path)
        rename(*args)

    monkeypatch.setattr(os, "rename", overtaken)
    publish({"t": NEW}, tmp_path)
    assert read(tmp_path) == [2, 3]
    assert litter(tmp_path) == []


def test_a_reader_who_looks_up_the_version_once_never_sees_a_mixture(tmp_path):
    publish({"t": OLD, "u": OLD}, tmp_path)
    begun, done, seen = threading.Event(), threading.Event(), set()

    def look() -> None:
        last = False
        while not last:
            last = done.is_set()
            version = (tmp_path / "current").resolve(strict=True)
            one, other = (pq.read_table(version / f"{name}.parquet").column("a").to_pylist() for name in "tu")
            assert one == other
            assert whole(version)
            seen.add(tuple(one))
            begun.set()

    with ThreadPoolExecutor(1) as pool:
        reader = pool.submit(look)
        begun.wait(60)
        for number in range(60):
            table = pa.table({"a": [number] * (number + 2)})
            publish({"t": table, "u": table}, tmp_path, keep=100)
        done.set()
        reader.result()
    assert {(1,), (59,) * 61} <= seen


KILLED = """
import os, signal, sys
import pyarrow as pa
from pathlib import Path
from assets.publish import publish
OLD, NEW = pa.table({"a": [1]}), pa.table({"a": [2, 3]})
def run(step, target):
    publish({"t": OLD}, target)
    calls = 0
    def watched(real):
        def call(*args, **kwargs):
            nonlocal calls
            calls += 1
            if calls == step:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*args, **kwargs)
        return call
    for name in ("mkdir", "fsync", "rename", "symlink", "replace", "unlink", "rmdir"):
        setattr(os, name, watched(getattr(os, name)))
    publish({"t": NEW}, target, keep=1)
    os._exit(0)
step, status = 0, signal.SIGKILL
while status == signal.SIGKILL:
    step += 1
    child = os.fork()
    if child == 0:
        run(step, Path(sys.argv[1]) / str(step))
    status = os.waitpid(child, 0)[1]
print(step, status)
"""


def test_a_publisher_killed_before_any_of_its_steps_leaves_one_whole_version(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path)], cwd=ROOT, check=True, capture_output=True, text=True
    )
    steps, status = map(int, done.stdout.split())
    assert status == 0
    found = [read(tmp_path / str(step)) for step in range(1, steps + 1)]
    assert found == sorted(found), "once the new version is seen, it stays"
    assert found.count([1]) > 5
    assert found.count([2, 3]) > 3
    for step in range(1, steps + 1):
        publish({"t": OLD}, tmp_path / str(step))
        assert read(tmp_path / str(step)) == [1]
        publish({"t": NEW}, tmp_path / str(step))
        assert read(tmp_path / str(step)) == [2, 3]


STOPPED = """
import os, sys
import pyarrow as pa
from pathlib import Path
from assets.publish import publish
real, target = os.fsync, Path(sys.argv[1])
def stop(descriptor):
    os.fsync = real
    print("in the middle", flush=True)
    sys.stdin.read()
os.fsync = stop
publish({"t": pa.table({"a": [2, 3]})}, target)
"""


@pytest.mark.parametrize("fate", ["killed", "let go on"])
def test_while_a_publisher_writes_readers_have_the_old_version_and_keep_it_if_it_is_killed(tmp_path, fate):
    publish({"t": OLD}, tmp_path)
    command = [sys.executable, "-c", STOPPED, str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "in the middle\n"
        assert litter(tmp_path), "it has begun to write"
        assert read(tmp_path) == [1]
        if fate == "killed":
            process.kill()
        process.stdin.close()
        code = process.wait()
    assert (code, read(tmp_path)) == ((-signal.SIGKILL, [1]) if fate == "killed" else (0, [2, 3]))
    publish({"t": NEW}, tmp_path)
    assert read(tmp_path) == [2, 3]
