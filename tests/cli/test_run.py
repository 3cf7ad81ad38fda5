"""``run`` as a shell sees it: real Dagster runs in processes of their own."""

import os
import pty
import select
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
from pathlib import Path

import dagster as dg

from ledger.dagster import current_span, track_definitions


@dg.asset
def first():
    with Path("made").open("a") as made:
        made.write("first ")
    span = current_span()
    span.rows(rows_in=10, rows_out=10)
    span.measure("match_rate", 0.8)
    return 1


@dg.asset
def fragile(first):
    current_span().context(row_range="100-200")
    if not Path("repaired").exists():
        raise ValueError("row 117 has no name")
    current_span().measure("match_rate", 0.9)
    current_span().progress(5, 10, eta_s=1.0)
    return first


@dg.asset(deps=[fragile])
def last():
    return dg.MaterializeResult(metadata={"dagster/row_count": 7})


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
    current_span().measure("match_rate", 0.8)


defs = track_definitions(
    dg.Definitions(
        assets=[first, fragile, last, killed, waits, fills, by_region],
        jobs=[
            dg.define_asset_job("line", selection=["first", "fragile", "last"]),
            dg.define_asset_job("regions", selection=["by_region"]),
        ],
    )
)
'''


def written(place: Path) -> Path:
    """Make a directory a project whose pyproject.toml names its code location."""
    (place / "place.py").write_text(LOCATION)
    (place / "pyproject.toml").write_text('[tool.dagster]\nmodule_name = "place"\n')
    return place


@pytest.fixture
def project(tmp_path, monkeypatch) -> Path:
    """A project as the working directory."""
    monkeypatch.chdir(tmp_path)
    return written(tmp_path)


def recorded(project: Path, *kinds: type) -> list:
    entries = [entry.event for entry in from_table(open_store(str(project / ".ledger")).read())]
    return [event for event in entries if isinstance(event, kinds)]


@pytest.fixture(scope="module")
def recovered(tmp_path_factory):
    """A project whose job failed, was repaired and executed again from there, and what both commands said."""
    place = written(tmp_path_factory.mktemp("recovered"))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        failed = program("run", "--job", "line", "--executor", "in_process", "--tag", "team=data")
        (place / "repaired").touch()
        again = program("run", "--from-failure", "latest", "--executor", "in_process")
    return place, failed, again


@pytest.mark.xdist_group("recovered")
def test_a_failing_run_says_why_keeps_the_context_and_leaves_with_1(recovered):
    project, done, _ = recovered
    assert done.returncode == 1
    assert "dagster-ledger: fragile: ValueError: row 117 has no name" in done.stderr
    (log,) = [line.removeprefix("Dagster's log: ") for line in done.stderr.splitlines() if "Dagster's log" in line]
    assert "row 117 has no name" in Path(log).read_text()
    assert "row_range: 100-200" in done.stdout
    (failed,) = recorded(project, AssetFailed)
    assert failed.context["row_range"] == "100-200"
    assert failed.context["log"] == log
    assert [event.asset for event in recorded(project, AssetFinished) if event.run_id == failed.run_id] == ["first"]


@pytest.mark.xdist_group("recovered")
def test_a_job_is_run_recorded_and_shown(recovered):
    project, _, done = recovered
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert "of line: success" in lines[0]
    fragile, last = (next(line for line in lines if line.startswith(name)) for name in ("fragile ", "last "))
    assert "0.9000" in fragile
    assert "7" in last.split()
    assert "started   fragile" in done.stderr
    assert "finished  last" in done.stderr
    first, second = recorded(project, RunStarted)
    assert (first.launcher, second.launcher) == ("cli", "cli")
    assert first.tags["team"] == "data"
    assert [event.status for event in recorded(project, RunFinished)] == ["failed", "success"]
    assert (project / ".dagster_home").is_dir()


@pytest.mark.xdist_group("recovered")
def test_a_failed_run_is_executed_again_from_where_it_failed(recovered, command, monkeypatch):
    project, _, again = recovered
    assert again.returncode == 0, again.stderr
    run_id = recorded(project, RunStarted)[-1].run_id
    made = [event.asset for event in recorded(project, AssetFinished) if event.run_id == run_id]
    assert made == ["fragile", "last"]
    assert (project / "made").read_text() == "first "
    monkeypatch.chdir(project)
    nothing = command("run", "--from-failure", "latest", "-q", ledger=project / ".ledger")
    assert nothing.code == 2
    assert "succeeded, so there is nothing to execute again" in nothing.err


def test_several_runs_of_a_partition_are_processes_of_their_own_and_are_summed_up(project, command):
    wanted = ("--job", "regions", "--partition", "eu", "--runs", "2", "--executor", "in_process")
    done = command("run", *wanted, "--format", "json", "-q", ledger=None)
    assert done.code == 0, done.err
    assert done.err == ""
    rows = {(row["asset"], row["metric"]): row for row in done.json}
    assert rows["by_region", "match_rate"]["runs"] == 2
    duration = rows["by_region", "duration_s"]
    assert duration["minimum"] <= duration["median"] <= duration["maximum"]
    assert len({event.pid for event in recorded(project, AssetStarted)} | {os.getpid()}) == 3
    story = command("show", "latest", "--format", "json", ledger=None).json
    assert [row["partition"] for row in story["assets"]] == ["eu"]


def test_a_wrong_name_is_refused_with_code_2_and_nothing_is_recorded(project, command):
    done = command("run", "--job", "regions", "--partition", "uk", ledger=None)
    assert done.code == 2
    assert "there is no partition 'uk'" in done.err
    assert len(done.err.splitlines()) == 1
    assert done.out == ""
    assert open_store(str(project / ".ledger")).stats().events == 0


@pytest.mark.slow
def test_of_steps_in_processes_of_their_own_one_killed_by_the_kernel_is_lost_and_the_run_failed(project, command):
    wanted = ("--asset", "first", "--asset", "killed", "--executor", "multiprocess")
    done = command("run", *wanted, "--format", "json", ledger=None)
    assert done.code == 1
    assert "lost: killed of run" in done.err
    assert done.json["run"]["status"] == "failed"
    assert {row["asset"]: row["status"] for row in done.json["assets"]} == {"first": "success", "killed": "lost"}
    assert done.json["endings"][0]["context"]["step_key"] == "killed"
    assert len({event.pid for event in recorded(project, AssetStarted)}) == 2


@pytest.mark.slow
def test_a_run_killed_as_a_whole_is_closed_by_whoever_is_left_or_at_the_next_run(project, command):
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
    (pid,) = [event.pid for event in recorded(project, AssetStarted)]
    process = os.pidfd_open(pid)
    os.kill(pid, signal.SIGKILL)
    select.select([process], [], [])  # Readable once the process is dead.
    os.close(process)
    # Nobody was left to close that one; of this one only the process of the run is killed.
    done = command("run", "--asset", "killed", "--executor", "in_process", ledger=None)
    assert done.code == 1
    assert "lost: waits of run" in done.err
    assert "lost: killed of run" in done.err
    assert "the process of the run was killed by SIGKILL before it could say why" in done.err
    lost = recorded(project, AssetLost)
    assert [event.asset for event in lost] == ["waits", "killed"]
    assert all("is gone and did not say how it ended" in event.reason for event in lost)


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
