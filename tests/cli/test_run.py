"""``run`` as a shell sees it: real Dagster runs in processes of their own."""

import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ledger.events import AssetFailed, AssetFinished, AssetLost, AssetStarted, RunFinished, RunStarted
from ledger.events.codec import from_table
from ledger.store import open_store
from tests.cli.conftest import program
from tests.mounted import in_mount_namespace

LOCATION = '''
"""Assets that do what the test needs."""

import os
import signal

import dagster as dg

from ledger.dagster import current_span, track_definitions


@dg.asset
def first():
    span = current_span()
    span.rows(rows_in=10, rows_out=10)
    span.measure("match_rate", 0.8)
    span.progress(5, 10, eta_s=1.0)


@dg.asset(deps=[first])
def second():
    return dg.MaterializeResult(metadata={"dagster/row_count": 7})


@dg.asset
def broken():
    current_span().context(row_range="100-200")
    raise ValueError("row 117 has no name")


@dg.asset
def killed():
    os.kill(os.getpid(), signal.SIGKILL)


@dg.asset
def waits():
    with open(os.environ["TEST_FIFO"], "w"):
        signal.pause()


@dg.asset
def fills():
    with open(os.environ["TEST_FILLER"], "wb", buffering=0) as filler:
        while filler.write(bytes(4096)) == 4096:
            pass


@dg.asset(partitions_def=dg.StaticPartitionsDefinition(["us", "eu"]))
def by_region():
    current_span().rows(rows_out=3)


defs = track_definitions(
    dg.Definitions(
        assets=[first, second, broken, killed, waits, fills, by_region],
        jobs=[
            dg.define_asset_job("good", selection=["first", "second"]),
            dg.define_asset_job("regions", selection=["by_region"]),
            dg.define_asset_job("bad", selection=["broken", "first"]),
        ],
    )
)
'''


@pytest.fixture
def project(tmp_path, monkeypatch) -> Path:
    """A project whose pyproject.toml names its code location, as the working directory."""
    (tmp_path / "place.py").write_text(LOCATION)
    (tmp_path / "pyproject.toml").write_text('[tool.dagster]\nmodule_name = "place"\n')
    monkeypatch.chdir(tmp_path)
    return tmp_path


def recorded(project: Path, *kinds: type) -> list:
    entries = [entry.event for entry in from_table(open_store(str(project / ".ledger")).read())]
    return [event for event in entries if isinstance(event, kinds)]


def test_a_job_is_run_recorded_and_shown(project):
    done = program("run", "--job", "good", "--executor", "in_process", "--tag", "team=data")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert "of good: success" in lines[0]
    first, second = (next(line for line in lines if line.startswith(name)) for name in ("first ", "second "))
    assert "0.8000" in first
    assert "7" in second.split()
    assert "started   first" in done.stderr
    assert "finished  second" in done.stderr
    (started,) = recorded(project, RunStarted)
    assert started.launcher == "cli"
    assert started.tags["team"] == "data"
    assert [event.status for event in recorded(project, RunFinished)] == ["success"]
    assert (project / ".dagster_home").is_dir()


def test_several_runs_are_processes_of_their_own_and_are_summed_up(project):
    done = program("run", "--asset", "first", "--runs", "2", "--executor", "in_process", "--format", "json", "-q")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    rows = {(row["asset"], row["metric"]): row for row in json.loads(done.stdout)}
    assert rows["first", "match_rate"]["runs"] == 2
    duration = rows["first", "duration_s"]
    assert duration["minimum"] <= duration["median"] <= duration["maximum"]
    assert len({event.pid for event in recorded(project, AssetStarted)}) == 2


def test_a_failing_run_says_why_keeps_the_context_and_leaves_with_1(project):
    done = program("run", "--job", "bad", "--executor", "in_process")
    assert done.returncode == 1
    assert "dagster-ledger: broken: ValueError: row 117 has no name" in done.stderr
    (log,) = [line.removeprefix("Dagster's log: ") for line in done.stderr.splitlines() if "Dagster's log" in line]
    assert "row 117 has no name" in Path(log).read_text()
    assert "row_range: 100-200" in done.stdout
    (failed,) = recorded(project, AssetFailed)
    assert failed.context["row_range"] == "100-200"
    assert failed.context["log"] == log
    assert [event.asset for event in recorded(project, AssetFinished)] == ["first"]


def test_one_partition_is_run_and_a_wrong_one_is_refused(project):
    done = program("run", "--job", "regions", "--partition", "eu", "--executor", "in_process", "--format", "json")
    assert done.returncode == 0, done.stderr
    assert [row["partition"] for row in json.loads(done.stdout)["assets"]] == ["eu"]
    refused = program("run", "--job", "regions", "--partition", "uk", "-q")
    assert refused.returncode == 2
    assert "'uk'" in refused.stderr
    assert len(recorded(project, RunStarted)) == 1


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--job", "goood"), "there is no job 'goood'; did you mean 'good'?"),
        (("--asset", "frist"), "there is no asset 'frist'; did you mean 'first'?"),
        (("-m", "nowhere"), "code location 'nowhere' cannot be imported"),
    ],
)
def test_a_wrong_name_is_refused_with_code_2_and_nothing_is_recorded(project, words, sentence):
    done = program("run", *words)
    assert done.returncode == 2
    assert sentence in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert done.stdout == ""
    assert open_store(str(project / ".ledger")).stats().events == 0


def test_a_step_killed_by_the_kernel_is_lost_and_the_run_failed(project):
    done = program("run", "--asset", "killed", "--executor", "multiprocess", "--format", "json")
    assert done.returncode == 1
    assert "lost: killed of run" in done.stderr
    story = json.loads(done.stdout)
    assert story["run"]["status"] == "failed"
    assert [row["status"] for row in story["assets"]] == ["lost"]
    assert story["endings"][0]["context"]["step_key"] == "killed"


def test_a_run_killed_as_a_whole_is_closed_at_the_next_run(project):
    done = program("run", "--asset", "killed", "--executor", "in_process")
    assert done.returncode == 1
    assert "the process of the run was killed by SIGKILL before it could say why" in done.stderr
    (lost,) = recorded(project, AssetLost)
    assert "is gone and did not say how it ended" in lost.reason
    # The same, but nobody is left to close it: what the next run finds.
    fifo = project / "fifo"
    os.mkfifo(fifo)
    running = subprocess.Popen(
        [sys.executable, "-m", "ledger_cli.main", "run", "--asset", "waits", "--executor", "in_process"],
        env=os.environ | {"TEST_FIFO": str(fifo)},
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with fifo.open():
        pass
    running.kill()
    running.communicate()
    (pid,) = [event.pid for event in recorded(project, AssetStarted) if event.asset == "waits"]
    os.kill(pid, signal.SIGKILL)
    again = program("run", "--asset", "first", "--executor", "in_process")
    assert again.returncode == 0, again.stderr
    assert "lost: waits of run" in again.stderr
    assert [event.asset for event in recorded(project, AssetLost)] == ["killed", "waits"]


def test_an_interrupted_run_is_canceled_with_code_130_and_bars_are_drawn_on_a_terminal(project):
    fifo = project / "fifo"
    os.mkfifo(fifo)
    ours, theirs = pty.openpty()
    running = subprocess.Popen(
        [sys.executable, "-m", "ledger_cli.main", "run", "--asset", "waits", "--executor", "in_process"],
        env=os.environ | {"TEST_FIFO": str(fifo), "TERM": "xterm"},
        stderr=theirs,
        stdout=subprocess.PIPE,
        text=True,
    )
    os.close(theirs)
    with fifo.open():  # Opens when the asset does: it is at work now.
        pass
    running.send_signal(signal.SIGINT)
    out, _ = running.communicate(timeout=120)
    assert running.returncode == 130
    assert "waits" in out
    assert "canceled" in out
    assert b"waits" in _drain(ours)
    assert [event.status for event in recorded(project, AssetFailed, RunFinished)] == ["canceled", "canceled"]


FULL = """
set -eu
mkdir .ledger
mount -t tmpfs -o size=1m tmpfs .ledger
status=0
"$1" -m ledger_cli.main run --asset fills --executor in_process -q 2> errors || status=$?
rm .ledger/loose/filler
cp -r .ledger kept
exit $status
"""


def test_a_disk_that_fills_up_during_a_run_is_told_with_code_5_and_the_ledger_is_sound(project):
    environment = os.environ | {"TEST_FILLER": str(project / ".ledger" / "loose" / "filler")}
    done = in_mount_namespace("sh", "-c", FULL, "sh", sys.executable, env=environment)
    errors = (project / "errors").read_text()
    assert done.returncode == 5, errors
    assert "the disk is full: free some space and run it again" in errors
    assert "Traceback" not in errors
    kept = open_store(str(project / "kept"))
    assert kept.problems() == []
    assert [type(entry.event) for entry in from_table(kept.read()) if entry.event.asset][:1] == [AssetStarted]


def _drain(descriptor: int) -> bytes:
    """Return what was written to a terminal that is closed on the other side."""
    found = b""
    while True:
        try:
            part = os.read(descriptor, 65_536)
        except OSError:  # Linux says EIO at the end of a terminal.
            return found
        if not part:
            return found
        found += part


RECOVERING = """
from pathlib import Path

import dagster as dg

from ledger.dagster import track_definitions


@dg.asset
def slow():
    with Path("made").open("a") as made:
        made.write("slow ")
    return 1


@dg.asset
def fragile(slow):
    if not Path("repaired").exists():
        raise ValueError("the disk is upside down")
    return slow


@dg.asset
def last(fragile):
    return fragile


defs = track_definitions(
    dg.Definitions(assets=[slow, fragile, last], jobs=[dg.define_asset_job("line", selection="*")])
)
"""


def test_a_failed_run_is_executed_again_from_where_it_failed(project):
    (project / "place.py").write_text(RECOVERING)
    failed = program("run", "--job", "line", "--executor", "in_process", "-q")
    assert failed.returncode == 1
    (project / "repaired").touch()
    again = program("run", "--from-failure", "latest", "--executor", "in_process", "-q", "--format", "json")
    assert again.returncode == 0, again.stderr
    assert {row["asset"]: row["status"] for row in json.loads(again.stdout)["assets"]} == {
        "fragile": "success",
        "last": "success",
    }
    assert (project / "made").read_text() == "slow "
    nothing = program("run", "--from-failure", "latest", "-q")
    assert nothing.returncode == 2
    assert "succeeded, so there is nothing to execute again" in nothing.stderr
