"""Publication: readers see one whole version, whatever happens to the publisher."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from assets.publish import publish

ROOT = Path(__file__).parents[2]
OLD, NEW = pa.table({"a": [1]}), pa.table({"a": [2, 3]})


def read(target):
    return pq.read_table(target / "current" / "t.parquet").column("a").to_pylist()


def test_a_version_replaces_the_one_before_and_old_ones_go(tmp_path):
    first = publish({"t": OLD}, tmp_path)
    assert read(tmp_path) == [1]
    second = publish({"t": NEW}, tmp_path)
    assert read(tmp_path) == [2, 3]
    assert first.digest != second.digest
    assert publish({"t": NEW}, tmp_path).digest == second.digest
    for number in range(5):
        publish({"t": pa.table({"a": [number + 10]})}, tmp_path)
    assert len(list((tmp_path / "versions").iterdir())) == 3
    assert read(tmp_path) == [14]


@pytest.mark.parametrize("call", ["fsync", "rename", "replace", "symlink"])
def test_a_medium_that_refuses_leaves_the_old_version_and_no_litter(tmp_path, monkeypatch, call):
    publish({"t": OLD}, tmp_path)

    def refuse(*_args, **_kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, call, refuse)
    with pytest.raises(OSError, match="No space left"):
        publish({"t": NEW}, tmp_path)
    monkeypatch.undo()
    assert read(tmp_path) == [1]
    assert not [path for path in tmp_path.rglob(".*") if path.name != ".keep"]
    publish({"t": NEW}, tmp_path)
    assert read(tmp_path) == [2, 3]


KILLED = """
import os, signal, sys
import pyarrow as pa
from pathlib import Path
from assets.publish import publish
step, target = int(sys.argv[1]), Path(sys.argv[2])
calls = 0
def watched(real):
    def call(*args, **kwargs):
        global calls
        calls += 1
        if calls == step:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*args, **kwargs)
    return call
for name in ("fsync", "rename", "replace", "symlink", "mkdir"):
    setattr(os, name, watched(getattr(os, name)))
publish({"t": pa.table({"a": [2, 3]})}, target)
"""


def test_a_publisher_killed_before_any_of_its_steps_leaves_one_whole_version(tmp_path):
    ends, step = [], 0
    while not ends or ends[-1] == -signal.SIGKILL:
        step += 1
        target = tmp_path / str(step)
        publish({"t": OLD}, target)
        done = subprocess.run(
            [sys.executable, "-c", KILLED, str(step), str(target)],
            cwd=ROOT,
            check=False,
        )
        ends.append(done.returncode)
        assert read(target) in ([1], [2, 3])
        publish({"t": NEW}, target)
        assert read(target) == [2, 3]
    assert ends[-1] == 0
    assert step > 4
