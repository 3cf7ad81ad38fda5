"""Where process ids and clocks say nothing: two containers on one directory, and a clock that goes backwards."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest

from ledger.service.reading.standing import standing
from ledger.service.recording.reconcile import reconcile
from ledger.store import open_store, snapshots
from ledger.store.directory import DirectoryMedium
from tests.durability.crowd import RUNS

ROOT = Path(__file__).parents[2]
MEMBER = (sys.executable, "-m", "tests.durability.member")
EVENTS_A_RUN, APPENDS_A_RUN = 6, 3


def _run_all(commands: list[list[str]]) -> list[str]:
    """Start programs at the same time; return what each said."""
    environment = os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'cli'}"}
    started = [
        subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT, env=environment)
        for words in commands
    ]
    ended = [(process.communicate(timeout=250), process.returncode) for process in started]
    assert [code for _, code in ended] == [0] * len(commands), [err for (_, err), _ in ended]
    return [out.strip() for (out, _), _ in ended]


def _is_sound(place: Path, members: int) -> None:
    """Everything is there once, nothing is suspected, and snapshots say what a replay from zero says."""
    store = open_store(str(place))
    assert store.stats().batches == members * RUNS * APPENDS_A_RUN
    assert store.read().num_rows == members * RUNS * EVENTS_A_RUN
    assert store.verify().problems == ()
    warm = _bytes(standing(store.view()).runs)
    medium = DirectoryMedium(place)
    medium.remove(medium.names(snapshots.DIRECTORY))
    assert _bytes(standing(open_store(str(place)).view()).runs) == warm


def _bytes(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table.combine_chunks())
    return bytes(sink.getvalue())


@pytest.fixture
def in_pid_namespace() -> list[str]:
    """The command that gives a program process ids of its own."""
    words = ["unshare", "--pid", "--fork", "--mount-proc"]
    if shutil.which("unshare") is None or subprocess.run([*words, "true"], check=False).returncode != 0:
        pytest.skip("needs unshare(1) and the right to make a PID namespace (root, as in a container build)")
    return words


def test_two_pid_namespaces_on_one_directory_lose_and_double_nothing(tmp_path, in_pid_namespace):
    place = tmp_path / "ledger"
    open_store(str(place), create=True)
    members = [[*in_pid_namespace, *MEMBER, str(place), str(number), "7"] for number in range(2)]
    assert _run_all(members) == ["1", "1"], "both are process 1"
    _is_sound(place, 2)


ALIVE = """
import sys
from datetime import UTC, datetime
from ledger.events import AssetStarted, asset_stream
from ledger.events.batch import freeze
from ledger.measure.identity import current_process
from ledger.store import open_store
here = current_process()
event = AssetStarted(asset="a", run_id="r", partition=None, output_assets=("a",), host=here.host, boot_id=here.boot_id,
                     pid=here.pid, pid_namespace=here.pid_namespace, pid_started_ticks=here.pid_started_ticks)
open_store(sys.argv[1]).append(freeze(str(asset_stream("a", "r", None, 0)), [(datetime.now(UTC), event)]))
print(here.pid, flush=True)
sys.stdin.read()
"""


def test_a_process_of_another_pid_namespace_is_not_taken_for_dead(tmp_path, in_pid_namespace):
    place = tmp_path / "ledger"
    store = open_store(str(place), create=True)
    words = [*in_pid_namespace, sys.executable, "-c", ALIVE, str(place)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout.readline() == "1\n", "here, process 1 is another one"
        assert reconcile(store) == []
        process.stdin.close()
    assert store.read().num_rows == 1


@pytest.mark.slow
def test_a_clock_that_goes_backwards_loses_and_doubles_nothing(tmp_path):
    if shutil.which("faketime") is None:
        pytest.skip("needs faketime (Debian: apt-get install faketime) to let a clock go backwards")
    place = tmp_path / "ledger"
    open_store(str(place), create=True)
    # The first lives in the future, those after it ever earlier: seals, compactions and files come before older ones.
    shifts = ("+3d", "-1d", "-40d", "+2h")
    for number, shift in enumerate(shifts):
        _run_all([["faketime", "-f", shift, *MEMBER, str(place), str(number), "11"]])
        assert open_store(str(place)).verify().problems == (), shift
    _is_sound(place, len(shifts))
