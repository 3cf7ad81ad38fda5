"""``watch`` as people use it: a real run in chunks, seen from terminals and pipes; killed, compacted, interrupted."""

import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ledger.events import AssetStarted, ChunkCompleted
from ledger.events.codec import from_table
from ledger.report.text import width
from ledger.store import open_store
from tests.cli.conftest import GOOD, HOSTILE, leave_lost, opened

LOCATION = '''
"""Rows in chunks; at the row that a file names, the work waits until somebody opens the pipe."""

import contextlib
import os
from pathlib import Path

import dagster as dg
import pyarrow as pa

from ledger.dagster import track_definitions
from ledger.dagster.chunked import run_chunked


@contextlib.contextmanager
def maker(resources):
    def make(start, stop):
        if Path("waits").exists() and start >= int(Path("waits").read_text()):
            Path("waits").unlink()
            with open("fifo", "w"):
                pass
        return pa.table({"row": range(start, stop)})

    yield make


@dg.asset
def linked():
    made = run_chunked("linked", rows=1_000, inputs={}, parameters={}, make=maker)
    made.remove()


@dg.asset(deps=[linked])
def published():
    pass


defs = track_definitions(dg.Definitions(assets=[linked, published]))
'''
PROGRAM = [sys.executable, "-m", "ledger_cli.main"]
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")
PATIENCE_S = 120.0


@dataclass
class Terminal:
    """A program on a terminal of its own."""

    process: subprocess.Popen
    descriptor: int
    written: bytes = b""

    @property
    def seen(self) -> str:
        return self.written.decode(errors="replace")

    def until(self, pattern: str) -> str:
        """Read until a pattern is seen, or the program is gone."""
        end = time.monotonic() + PATIENCE_S
        while not re.search(pattern, ESCAPES.sub("", self.seen)):
            assert time.monotonic() < end, f"{pattern!r} was not seen in {self.seen[-2_000:]!r}"
            if not self._read():
                break
        assert re.search(pattern, ESCAPES.sub("", self.seen)), self.seen[-2_000:]
        return self.seen

    def ended(self) -> int:
        """Read to the end, and return the exit code."""
        while self._read():
            pass
        os.close(self.descriptor)
        return self.process.wait(PATIENCE_S)

    @property
    def lines(self) -> list[str]:
        """What was written, without colours and movements."""
        return ESCAPES.sub("", self.seen).replace("\r", "\n").split("\n")

    def _read(self) -> bool:
        ready, _, _ = select.select([self.descriptor], [], [], 1.0)
        if not ready:
            return True
        try:
            part = os.read(self.descriptor, 65_536)
        except OSError:  # Linux says EIO at the end of a terminal.
            return False
        self.written += part
        return bool(part)


def on_terminal(
    *words: str, columns: int = 100, rows: int = 30, stream: str = "stdout", **environment: str
) -> Terminal:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    streams = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "stdin": theirs, stream: theirs}
    # What runs the tests may tell the size of its own terminal.
    inherited = {name: value for name, value in os.environ.items() if name not in {"COLUMNS", "LINES", "NO_COLOR"}}
    process = subprocess.Popen([*PROGRAM, *words], env=inherited | {"TERM": "xterm"} | environment, **streams)
    os.close(theirs)
    return Terminal(process, ours)


def in_pipe(*words: str) -> subprocess.Popen:
    return subprocess.Popen([*PROGRAM, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def events(project: Path, kind: type) -> list:
    return [one.event for one in from_table(open_store(str(project / ".ledger")).read()) if isinstance(one.event, kind)]


RUN = ("run", "--executor", "in_process", "--set", "chunk_size=100", "--set", "progress_every_s=0")


@contextmanager
def waiting(project: Path, row: int = 500):
    """Start a run that waits in its middle, where its terminal says so; the test has to open the pipe."""
    (project / "waits").write_text(str(row))
    running = on_terminal(*RUN, stream="stderr")
    running.until(rf"{row // 100}\d\d/1,000 rows.*about .* left")
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.process.kill()


def written(place: Path) -> Path:
    (place / "place.py").write_text(LOCATION)
    (place / "pyproject.toml").write_text('[tool.dagster]\nmodule_name = "place"\n')
    os.mkfifo(place / "fifo")
    return place


@dataclass
class Watched:
    """What several watchers of one run saw."""

    project: Path
    bars: str = ""
    codes: dict = field(default_factory=dict)
    terminals: dict = field(default_factory=dict)
    texts: dict = field(default_factory=dict)
    once: list = field(default_factory=list)
    interrupted: int = 0


@pytest.fixture(scope="module")
def watched(tmp_path_factory):
    """One run, watched by four at once from its middle on; meanwhile its ledger is compacted."""
    found = Watched(written(tmp_path_factory.mktemp("watched")))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(found.project)
        with waiting(found.project) as running:
            found.bars = running.seen
            wide = on_terminal("watch", "--exit-status", columns=100)
            narrow = on_terminal("watch", "latest", columns=40, NO_COLOR="1")
            lines, objects = in_pipe("watch", "--interval", "0.1"), in_pipe("watch", "--format", "json")
            stopped = on_terminal("watch", columns=80)
            for terminal in (wide, narrow, stopped):
                terminal.until(r"linked +running")
            stopped.process.send_signal(signal.SIGINT)
            found.interrupted = stopped.ended()
            once = in_pipe("watch", "--once", "--format", "json")
            found.once = [json.loads(line) for line in once.communicate(timeout=PATIENCE_S)[0].splitlines()]
            first = [lines.stdout.readline(), objects.stdout.readline()]
            open_store(str(found.project / ".ledger")).compact(grace_s=0.0)
            with (found.project / "fifo").open():
                pass
            found.codes = {"wide": wide.ended(), "narrow": narrow.ended(), "run": running.ended()}
            found.terminals = {"wide": wide, "narrow": narrow}
            for (name, process), line in zip({"lines": lines, "objects": objects}.items(), first, strict=True):
                out, err = process.communicate(timeout=PATIENCE_S)
                assert err == ""
                found.texts[name] = line + out
                found.codes[name] = process.returncode
    return found


pytestmark = pytest.mark.xdist_group("watched")


def test_the_run_itself_draws_rows_and_the_time_left_on_its_terminal(watched):
    assert re.search(r"linked .*5\d\d/1,000 rows.*about .* left", ESCAPES.sub("", watched.bars))


def test_whoever_watches_sees_the_run_to_its_end_though_the_ledger_is_compacted_meanwhile(watched):
    assert watched.codes == dict.fromkeys(("wide", "narrow", "run", "lines", "objects"), 0)
    last = [line for line in watched.terminals["wide"].lines if line.strip()]
    assert re.search(r"run .* of __ASSET_JOB: success after", last[-1])
    assert any(re.search(r"linked +finished +1,000/1,000 +100%", line) for line in last)
    assert any(re.search(r"published +finished", line) for line in last)
    assert any(re.search(r"published +waiting", line) for line in last)


@pytest.mark.parametrize(("name", "columns"), [("wide", 100), ("narrow", 40)])
def test_no_line_is_wider_than_the_terminal(watched, name, columns):
    lines = watched.terminals[name].lines
    # The sentence at the end is no part of the table, and wraps as text does.
    table = lines[: next(place for place, line in enumerate(lines) if re.match(r"run [0-9a-f]{8}-", line))]
    assert [line for line in table if width(line) > columns] == []
    assert any("chunks of" in line for line in table)
    assert any("peak" in line for line in table)


def test_no_colour_is_used_where_nobody_wants_any(watched):
    coloured = re.compile(r"\x1b\[[0-9;]*3[0-9]m")
    assert coloured.search(watched.terminals["wide"].seen)
    assert not coloured.search(watched.terminals["narrow"].seen)


def test_a_pipe_gets_a_line_per_change_and_no_escape(watched):
    lines = watched.texts["lines"].splitlines()
    assert "\x1b" not in watched.texts["lines"]
    assert re.search(
        r"^\d\d:\d\d:\d\d  [0-9a-f]{8}  running   linked +\d+:\d\d, 5\d\d/1,000 rows \(5\d%\), [\d,]+/s, about .* left,"
        r" chunks of 100 rows, peak \d+ of 2,048 MiB$",
        lines[0],
    )
    assert sum("  finished  linked" in line for line in lines) == 1
    assert "success after" in lines[-1]


def test_a_program_gets_an_object_per_change(watched):
    first, *_, last = [json.loads(line) for line in watched.texts["objects"].splitlines()]
    (linked, published) = first["assets"]
    assert (linked["asset"], linked["state"], published["state"]) == ("linked", "running", "waiting")
    assert 500 <= linked["done_rows"] < linked["total_rows"] == 1_000
    assert linked["eta_s"] >= 0.0
    assert 0 < linked["chunks"] < len(events(watched.project, ChunkCompleted)) == last["assets"][0]["chunks"]
    assert (last["status"], last["is_over"]) == ("success", True)
    assert {one["state"] for one in last["assets"]} == {"success"}


def test_once_tells_how_things_are_and_an_interruption_ends_the_watch_alone(watched):
    (told,) = watched.once
    assert (told["status"], told["is_over"], told["assets"][0]["state"]) == ("running", False, "running")
    assert watched.interrupted == 130
    assert watched.codes["run"] == 0


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    """A run that is killed as a whole while two watch, and the next one, which goes on from there."""
    project = written(tmp_path_factory.mktemp("killed"))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project)
        with waiting(project) as running:
            watchers = [in_pipe("watch", "--exit-status"), on_terminal("watch")]
            watchers[1].until(r"linked +running")
            running.process.kill()
            (pid,) = [event.pid for event in events(project, AssetStarted)]
            os.kill(pid, signal.SIGKILL)
            said, _ = watchers[0].communicate(timeout=PATIENCE_S)
            codes = watchers[0].returncode, watchers[1].ended()
            before = open_store(str(project / ".ledger")).stats().events
        late = in_pipe("watch", "--exit-status").communicate(timeout=PATIENCE_S)[0]
        assert open_store(str(project / ".ledger")).stats().events == before
        with waiting(project, 700):
            resumed = in_pipe("watch", "--once", "--format", "json").communicate(timeout=PATIENCE_S)[0]
            with (project / "fifo").open():
                pass
    return said, codes, watchers[1], late, json.loads(resumed)


@pytest.mark.slow
def test_a_killed_run_is_told_as_lost_and_ends_the_watch(killed):
    said, codes, terminal, late, _ = killed
    assert codes == (1, 0)
    for text in (said, late, "\n".join(terminal.lines)):
        assert re.search(r"lost .*linked|linked +lost", text)
        assert "is gone and did not say how it ended" in text.replace("\n  ", " ")
    assert re.search(r"of __ASSET_JOB: lost after", said.splitlines()[-1])


@pytest.mark.slow
def test_a_resumed_run_counts_what_was_there_as_done_and_tells_the_rate_of_what_it_makes(killed):
    (linked, _) = killed[-1]["assets"]
    assert 500 <= linked["kept_rows"] < 600
    assert 700 <= linked["done_rows"] < 800
    assert linked["eta_s"] <= (linked["total_rows"] - linked["done_rows"]) / linked["records_per_s"] + 1e-6


def test_without_a_run_there_is_one_sentence(command, place):
    open_store(str(place), create=True)
    said = command("watch")
    assert (said.code, said.out, len(said.err.splitlines())) == (2, "", 1)
    assert "has no runs yet; make one with `dagster-ledger run`" in said.err


def test_where_nothing_is_under_way_the_latest_run_is_named(command, recorded):
    said = command("watch")
    assert (said.code, said.out, len(said.err.splitlines())) == (2, "", 1)
    assert "no run is under way" in said.err
    assert "of enrich, ended: success" in said.err


def test_an_unknown_run_is_told_with_the_one_that_was_meant(command, recorded):
    said = command("watch", "11111111-goud")
    assert said.code == 2
    assert "did you mean '11111111-good'?" in said.err


@pytest.mark.parametrize(("run", "code"), [(GOOD, 0), ("2222", 1)])
def test_the_exit_status_is_that_of_a_run_that_is_over_where_it_is_asked_for(command, recorded, run, code):
    assert command("watch", run).code == 0
    assert command("watch", run, "--exit-status").code == code


def test_hostile_names_move_nothing(command, recorded):
    said = command("watch", HOSTILE)
    assert "\x1b" not in said.out
    assert "\\x1b[31m" in said.out


def test_a_run_that_was_killed_long_ago_is_lost_for_whoever_comes_late(command, place):
    store = open_store(str(place), create=True)
    leave_lost(store, "44444444-lost", "companies")
    opened(store, "55555555-open")
    said = command("watch", "4444", "--once")
    assert said.code == 0
    assert re.search(r"lost +companies +process \d+ on .* is gone", said.out)
