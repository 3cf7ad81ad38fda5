"""Damaged, read-only and full ledgers: one clear sentence, the right exit code, and the ledger as it was."""

import hashlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from tests.cli.conftest import GOOD, leave_lost, opened, program
from tests.mounted import in_mount_namespace

READERS = (("show",), ("show", GOOD), ("samples",), ("events",), ("ledger", "stats"), ("ledger", "reconcile"))


def fingerprint(place: Path) -> dict[str, str]:
    """Return the digest of every file of a ledger."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in place.rglob("*") if path.is_file()}


@pytest.mark.parametrize("words", READERS, ids=" ".join)
@pytest.mark.parametrize("damage", ["cut", "garbage", "empty"])
def test_a_corrupt_file_is_named_with_code_4_and_nothing_is_touched(recorded, command, place, words, damage):
    target = max((place / "loose").iterdir(), key=lambda path: path.stat().st_size)
    whole = target.read_bytes()
    target.write_bytes({"cut": whole[: len(whole) // 2], "garbage": b"x" * len(whole), "empty": b""}[damage])
    before = fingerprint(place)
    said = command(*words)
    assert said.code == 4
    assert target.name in said.err
    assert len(said.err.splitlines()) == 1
    assert "Traceback" not in said.err
    assert fingerprint(place) == before


def test_doctor_names_the_corrupt_file_and_leaves_with_4(recorded, command, place):
    target = min((place / "loose").iterdir())
    target.write_bytes(target.read_bytes()[:-20])
    said = command("doctor")
    assert said.code == 4
    assert target.name in said.out
    assert command("doctor", "--format", "json").code == 4


def test_doctor_finds_a_value_altered_in_a_sound_file(recorded, command, place):

    for target in sorted((place / "loose").iterdir()):
        table = pq.read_table(target)
        if "match_rate" in table.column("metric").to_pylist():
            break
    index = table.column_names.index("value")
    pq.write_table(table.set_column(index, "value", pc.multiply(table.column("value"), 2.0)), target)
    said = command("doctor")
    assert said.code == 4
    assert target.name in said.out


def test_a_wrong_configuration_is_told_with_place_and_code_2(recorded, command, place, tmp_path):
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "base.yaml").write_text("chunk_sise: 5\nheartbeat_s: soon\n")
    said = command("show")
    assert said.code == 2
    assert "config/base.yaml:1:1: there is no setting 'chunk_sise'; did you mean 'chunk_size'?" in said.err
    assert "config/base.yaml:2:1: heartbeat_s is 'soon'" in said.err
    assert command("doctor").code == 2


def test_a_directory_that_is_no_ledger_is_refused_and_left_alone(command, place):
    place.mkdir()
    (place / "precious.txt").write_text("mine")
    assert command("show").code == 2
    said = command("run", "-m", "anything")
    assert said.code == 2
    assert "is neither empty nor a ledger" in said.err
    assert [path.name for path in place.iterdir()] == ["precious.txt"]


READ_ONLY = 'mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" && shift && exec "$@"'


def test_a_read_only_ledger_can_be_read_and_a_run_into_it_is_refused(recorded, place):
    def program_read_only(*words):
        words = (sys.executable, "-m", "ledger_cli.main", *words, "--ledger", str(place))
        return in_mount_namespace("sh", "-c", READ_ONLY, "sh", str(place), *words)

    before = fingerprint(place)
    assert program_read_only("show", "latest").returncode == 0
    looked = program_read_only("doctor")
    assert looked.returncode == 0
    assert "runs will not be recorded: " in looked.stdout
    refused = program_read_only("run", "-m", "anything")
    assert refused.returncode == 5
    assert "the file system is read-only" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1
    assert fingerprint(place) == before


FULL = """
set -eu
mount -t tmpfs -o size=2m tmpfs "$1"
cp -r "$2/." "$1"
cat /dev/zero > "$1/.filler" 2> /dev/null || true
status=0
"$3" -m ledger_cli.main ledger reconcile --ledger "$1" 2>&1 || status=$?
echo "status $status"
"$3" -m ledger_cli.main doctor --ledger "$1" | grep -c "every digest is right"
rm "$1/.filler"
"$3" -m ledger_cli.main ledger reconcile --ledger "$1"
"""


def test_on_a_full_disk_an_append_is_refused_with_code_5_and_can_be_repeated(recorded, place, tmp_path):
    leave_lost(recorded, "55555555-gone", "companies")
    mounted = tmp_path / "mounted"
    mounted.mkdir()
    done = in_mount_namespace("sh", "-c", FULL, "sh", str(mounted), str(place), sys.executable)
    assert done.returncode == 0, done.stderr
    sentence, status, sound, lost, closed = done.stdout.splitlines()
    assert "the disk is full: free some space and run it again" in sentence
    assert (status, sound, closed) == ("status 5", "1", "1 closed")
    assert lost.startswith("lost: companies of run 55555555")


def test_a_reader_that_leaves_early_is_no_error(recorded, place):
    shown = subprocess.Popen(
        [sys.executable, "-m", "ledger_cli.main", "events", "--ledger", str(place)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert shown.stdout is not None
    shown.stdout.close()
    assert shown.wait(timeout=60) == 0
    assert shown.stderr is not None
    assert shown.stderr.read() == b""


def test_following_gives_old_and_new_events_until_it_is_interrupted(recorded, place):
    follower = subprocess.Popen(
        [sys.executable, "-m", "ledger_cli.main", "events", "--follow", "--format", "json", "--ledger", str(place)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert follower.stdout is not None
    for _ in range(recorded.stats().events):
        follower.stdout.readline()
    opened(recorded, "99999999-new")
    assert "99999999-new" in follower.stdout.readline()
    follower.send_signal(signal.SIGINT)
    _, errors = follower.communicate(timeout=60)
    assert (follower.returncode, errors.strip()) == (130, "dagster-ledger: interrupted")


def test_an_unknown_error_is_one_sentence_and_a_traceback_only_with_debug(recorded, place, monkeypatch):
    # A file where the interpreter's own module should be stands for any defect nobody foresaw.
    shadow = place.parent / "shadow"
    shadow.mkdir()
    (shadow / "duckdb.py").write_text("raise RuntimeError('unforeseen')")
    path = os.pathsep.join([str(shadow), os.environ.get("PYTHONPATH", "")])
    short = program("show", "--ledger", str(place), PYTHONPATH=path)
    assert short.returncode == 70
    assert short.stderr == "dagster-ledger: internal error: RuntimeError: unforeseen; see it whole with --debug\n"
    assert "Traceback" in program("--debug", "show", "--ledger", str(place), PYTHONPATH=path).stderr


INTERRUPTED_QUERY = """
import os, signal, sys, threading
import duckdb
from ledger_cli.main import _explain
threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
try:
    duckdb.connect().execute("SELECT count(*) FROM range(300000000) WHERE hash(range) % 7 = 3").fetchall()
except BaseException as error:
    sys.exit(_explain(error, debug=False))
"""


def test_an_interruption_that_a_query_turned_into_an_error_is_one():
    done = subprocess.run([sys.executable, "-c", INTERRUPTED_QUERY], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (130, "dagster-ledger: interrupted\n")
