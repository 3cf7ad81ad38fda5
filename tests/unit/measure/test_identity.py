"""Whether a process lives is said only where it can be known."""

import json
import os
import subprocess
import sys
from dataclasses import replace

import pytest

from ledger.measure import current_process, liveness


@pytest.fixture
def child():
    """A process that waits, and its identity as it would name itself."""
    program = (
        "import dataclasses, json; from ledger.measure import current_process;"
        " print(json.dumps(dataclasses.asdict(current_process())), flush=True); input()"
    )
    process = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    yield process
    process.kill()
    process.wait()
    process.stdin.close()
    process.stdout.close()


def identity_of(process):
    return replace(current_process(), **json.loads(process.stdout.readline()))


def test_this_process_lives():
    assert liveness(current_process()) == "alive"


def test_a_killed_process_is_gone_as_a_zombie_and_after(child):
    identity = identity_of(child)
    assert liveness(identity) == "alive"
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # It has ended, and nobody has asked how yet.
    assert liveness(identity) == "gone"
    child.wait()
    assert liveness(identity) == "gone"


def test_a_pid_that_was_given_anew_is_gone():
    here = current_process()
    assert liveness(replace(here, pid_started_ticks=here.pid_started_ticks - 1)) == "gone"


def test_another_boot_of_this_host_is_gone():
    assert liveness(replace(current_process(), boot_id="00000000-0000-0000-0000-000000000000")) == "gone"


@pytest.mark.parametrize(
    "change",
    [
        {"host": "elsewhere"},
        {"boot_id": None},
        {"pid_namespace": 1},
        {"pid_namespace": None},
        {"pid_started_ticks": None},
        {"host": "elsewhere", "boot_id": "00000000-0000-0000-0000-000000000000"},
    ],
)
def test_what_cannot_be_known_is_unknown(change):
    assert liveness(replace(current_process(), **change)) == "unknown"


def test_a_process_that_proc_hides_is_not_declared_gone(tmp_path):
    (tmp_path / "sys/kernel/random").mkdir(parents=True)
    (tmp_path / "sys/kernel/random/boot_id").write_text("b\n")
    (tmp_path / "self/ns").mkdir(parents=True)
    (tmp_path / "self/ns/pid").touch()
    here = current_process(tmp_path)
    assert here.pid_started_ticks is None
    assert liveness(here, tmp_path) == "unknown"


def test_a_command_with_spaces_and_parentheses_is_read_right(tmp_path):
    here = current_process()
    (tmp_path / str(here.pid)).mkdir()
    fields = " ".join(["S", *"0" * 18, "4711"])
    (tmp_path / str(here.pid) / "stat").write_text(f"{here.pid} (a) (b c) {fields} 0 0\n")
    assert current_process(tmp_path).pid_started_ticks == 4711
