"""The script behind the weekly proposal: what improved is tightened, what did not is left as it is."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ledger.store import open_store
from tests.ci.conftest import ROOT
from tests.judged import batches, story, write

SCRIPT = ROOT / ".github" / "scripts" / "tighten.sh"
PROGRAM = Path(sys.executable).parent / "dagster-ledger"


@pytest.fixture
def project(tmp_path):
    """A project whose baselines are of ten runs."""
    if shutil.which("jq") is None:
        pytest.skip("needs jq, which runners have")
    store = open_store(str(tmp_path / ".ledger"), create=True)
    for number, values in story(20):
        write(store, batches(number, values))
    ask(tmp_path, PROGRAM, "baseline", "propose", "--last", "10", "--reason", "first", "--write")
    return tmp_path


def ask(directory, *words):
    environment = os.environ | {
        "DAGSTER_LEDGER_URI": str(directory / ".ledger"),
        "PYTHONPATH": f"{ROOT}:{ROOT / 'cli'}",
    }
    done = subprocess.run(words, cwd=directory, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def medians(directory):
    rows = json.loads(ask(directory, PROGRAM, "baseline", "show", "--format", "json"))
    return {(row["asset"], row["metric"]): row["median"] for row in rows}


def tightened(project, factor):
    store = open_store(str(project / ".ledger"), create=True)
    for number, values in story(10, first=20, slower=factor, since=20, seed=11):
        write(store, batches(number, values))
    before = medians(project)
    ask(project, SCRIPT, PROGRAM, "job", "10", "improved")
    after = medians(project)
    assert before.keys() == after.keys()
    return {key: after[key] / before[key] for key in before if after[key] != before[key]}


def test_what_improved_is_tightened_and_nothing_else(project):
    changed = tightened(project, 0.6)
    assert changed.keys() == {("loaded", "cpu_s"), ("loaded", "duration_s")}
    assert all(ratio == pytest.approx(0.6, rel=0.05) for ratio in changed.values())


@pytest.mark.parametrize("factor", [1.0, 1.4])
def test_luck_and_regressions_tighten_and_loosen_nothing(project, factor):
    assert tightened(project, factor) == {}
