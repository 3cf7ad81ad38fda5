"""The story that ``make run`` tells is told in a directory of its own, and nothing outside of it is touched."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


PLACES = (".story", ".ledger", ".dagster_home", "output", "baselines", "config", "assets")
pytestmark = pytest.mark.skipif(not (ROOT / ".git").exists(), reason="the story is told in a clone of the repository")


def traces() -> tuple:
    """Return what the story could leave in the work tree and in its repository; other tests leave other things."""
    words = (["status", "--porcelain", "--untracked-files=no"], ["show-ref"], ["rev-parse", "HEAD"])
    git = [subprocess.run(["git", *one], cwd=ROOT, capture_output=True, text=True, check=True).stdout for one in words]
    return (*git, [sorted((ROOT / place).iterdir()) if (ROOT / place).exists() else None for place in PLACES])


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_from_first_runs_to_a_signed_manifest_without_a_trace_elsewhere(tmp_path):
    place, home, temporary = (tmp_path / name for name in ("story", "home", "temporary"))
    home.mkdir()
    temporary.mkdir()
    before = traces()
    done = subprocess.run(
        [sys.executable, "-m", "tests.demonstrations.story", str(place)],
        cwd=ROOT, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
        env=os.environ | {"HOME": str(home), "TMPDIR": str(temporary), "DAGSTER_LEDGER_CHUNK_SIZE": "7"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    chapters = done.stdout.split("\n\n\n")
    starts = [chapter.strip()[:1] for chapter in chapters]
    assert [start for start in starts if start.isdigit()] == list("1234567")
    worse, incomplete, refused, ready = chapters[-5:-1]
    assert re.search(r"FAIL: judged \d+ of 15; \d+ regressed", worse)
    assert re.search(r"^regressed \(error\) +enriched_companies +match_rate ", worse, re.MULTILINE)
    assert "worse by 2.41 points" in worse
    assert "match_rate is 0.6268, below 0.7" in incomplete
    for item in ("smoke_tests", "quality_gates", "no_regression", "no_blocking_alerts"):
        assert f"BLOCKS  {item}" in refused
    assert "refused (threshold)" in ready
    assert ready.rstrip().endswith("deployed")
    assert json.loads((place / "manifest.json").read_text())["signatures"]
    assert (place / "report.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    assert not any(home.iterdir())
    assert not any(temporary.iterdir())
    assert traces() == before


def test_a_directory_that_is_somebody_elses_is_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    done = subprocess.run(
        [sys.executable, "-m", "tests.demonstrations.story", str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 1
    assert "was not made by this" in done.stderr
    assert (tmp_path / "mine.txt").read_text() == "mine"
