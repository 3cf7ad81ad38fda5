"""Whoever is killed, wherever: the result is the same bytes, little is done twice, and readers see whole versions."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.unit.chunks.killed import CHUNK, ROWS, digests, published

WORKERS = 2
PATIENCE_S = 300.0
"""Until something is taken for hung; nothing is measured by it."""


def program(*words: object) -> subprocess.Popen:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-m", "tests.unit.chunks.killed", *map(str, words)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def workers_of(pid: int) -> list[int]:
    """Return the workers of a maker: its children but for Python's tracker of semaphores."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [int(child) for child in children if b"resource_tracker" not in command_of(int(child))]
    except (FileNotFoundError, ProcessLookupError):
        return []


def command_of(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def kill(pid: int) -> bool:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


class Story:
    """Versions that are made while somebody kills."""

    def __init__(self, place: Path, seed: int) -> None:
        self.place = place
        self.chance = random.Random(seed)
        self.kills: Counter[str] = Counter()
        self.pids: set[int] = set()

    def calls(self) -> list[list[int]]:
        path = self.place / "calls"
        return [[int(word) for word in line.split()] for line in path.read_text().splitlines()] if path.exists() else []

    def make(self, version: int, wanted: list[str]) -> None:
        """Have a version made, and kill meanwhile as long as there is something to kill."""
        left = list(wanted)
        while True:
            maker = program("make", self.place, version, WORKERS)
            self.pids.add(maker.pid)
            while maker.poll() is None and left:
                if self._kill(maker, left[0]):
                    self.kills[left.pop(0)] += 1
            if maker.wait(PATIENCE_S) == 0 or self._is_published(version):
                return
            assert maker.returncode == -signal.SIGKILL, maker.communicate()

    def _is_published(self, version: int) -> bool:
        """Return whether a maker was killed when it had done everything: another one would begin anew."""
        told = self.place / "out" / "current" / "version"
        begun = [path for path in (self.place / "work").iterdir() if not path.name.startswith(".gone-")]
        return not begun and told.exists() and told.read_text() == str(version)

    def _kill(self, maker: subprocess.Popen, what: str) -> bool:
        """Wait until there is what is to be killed, and a moment longer; kill it."""
        wait = self._publishing if what == "publishing" else self._working
        if not wait(maker):
            return False
        if what == "worker":
            self.pids |= set(workers_of(maker.pid))
            found = workers_of(maker.pid)
            return bool(found) and kill(self.chance.choice(found))
        self.pids |= set(workers_of(maker.pid))
        killed = maker.poll() is None and kill(maker.pid)
        return maker.wait(PATIENCE_S) == -signal.SIGKILL and killed

    def _working(self, maker: subprocess.Popen) -> bool:
        wanted = len(self.calls()) + self.chance.randint(1, 3)
        return self._until(maker, lambda: len(self.calls()) >= wanted, 0.02)

    def _publishing(self, maker: subprocess.Popen) -> bool:
        return self._until(maker, (self.place / f"publishing-{maker.pid}").exists, 0.03)

    def _until(self, maker: subprocess.Popen, is_there, longest_s: float) -> bool:
        until = time.monotonic() + PATIENCE_S
        while not is_there():
            if maker.poll() is not None:
                return False
            assert time.monotonic() < until, "nothing happens any more"
            time.sleep(0.001)
        time.sleep(self.chance.uniform(0.0, longest_s))
        return True


def survived(place: Path, story: Story, plan: list[list[str]]) -> dict:
    """Make a version for each list of kills, and return what a reader saw meanwhile."""
    reader = program("read", place)
    for version, wanted in enumerate(plan):
        story.make(version, wanted)
        parts = iter([digests(version, 0, ROWS)])
        expected = published(parts, version, place / "expected" / str(version)).digest
        manifest = (place / "out" / "current").resolve()
        assert manifest.name == expected[:16]
    (place / "stop").touch()
    told, errors = reader.communicate(timeout=PATIENCE_S)
    assert reader.returncode == 0, errors
    return json.loads(told)


def assert_little_was_done_twice(story: Story, versions: int) -> None:
    made = sum(stop - start for _, start, stop, _ in story.calls())
    lost_chunks = story.kills["worker"] + WORKERS * story.kills["maker"]
    assert made - versions * ROWS <= lost_chunks * CHUNK, story.kills


def assert_nobody_is_left(story: Story) -> None:
    until = time.monotonic() + PATIENCE_S
    while any(b"multiprocessing" in command_of(pid) for pid in story.pids):
        assert time.monotonic() < until, "a worker outlives its maker"
        time.sleep(0.05)


def test_a_few_kills_leave_the_same_bytes_and_whole_versions(tmp_path):
    story = Story(tmp_path, seed=1)
    seen = survived(tmp_path, story, [["worker", "maker", "publishing"]])
    assert story.kills.total() >= 2
    assert seen["versions"] in ([0], [])
    assert_little_was_done_twice(story, versions=1)
    assert_nobody_is_left(story)
    assert list((tmp_path / "work").iterdir()) == []


@pytest.mark.exhaustive
@pytest.mark.timeout(1800)
def test_a_hundred_random_kills_leave_the_same_bytes_and_whole_versions(tmp_path):
    story = Story(tmp_path, seed=20261126)
    plan = []
    for _ in range(6):
        kills = ["worker"] * 9 + ["maker"] * 6
        story.chance.shuffle(kills)
        plan.append([*kills, *["publishing"] * 4])
    seen = survived(tmp_path, story, plan)
    assert story.kills.total() >= 100, story.kills
    assert seen["versions"] == sorted(seen["versions"])
    assert seen["reads"] > 100
    assert_little_was_done_twice(story, versions=len(plan))
    assert_nobody_is_left(story)


def test_two_runs_of_one_plan_at_once_both_come_to_the_same_end(tmp_path):
    makers = [program("make", tmp_path, 0, WORKERS) for _ in range(2)]
    for maker in makers:
        told = maker.communicate(timeout=PATIENCE_S)
        assert maker.returncode == 0, told
    expected = published(iter([digests(0, 0, ROWS)]), 0, tmp_path / "expected").digest
    assert (tmp_path / "out" / "current").resolve().name == expected[:16]
    assert list((tmp_path / "work").iterdir()) == []
