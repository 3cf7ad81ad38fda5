"""Every promise has a test that notices when it is broken: each listed change is tried on a copy of the project."""

import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
MUTATIONS = yaml.safe_load((Path(__file__).parent / "mutations.yaml").read_text(encoding="utf-8"))

pytestmark = [pytest.mark.exhaustive, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def copy(tmp_path_factory) -> Path:
    """A copy of the project's files, without what is built or recorded."""
    place = tmp_path_factory.mktemp("copy") / "project"
    place.mkdir()
    for name in ("assets", "cli", "config", "ledger", "tests", "docs", "pyproject.toml"):
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, place / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, place / name)
    return place


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation["promise"])
def test_a_broken_promise_is_noticed(copy, mutation):
    target = copy / mutation["file"]
    sound = target.read_text(encoding="utf-8")
    assert sound.count(mutation["old"]) == 1, "the change does not fit the code any more; write it anew"
    target.write_text(sound.replace(mutation["old"], mutation["new"]), encoding="utf-8")
    try:
        command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "--timeout", "120"]
        done = subprocess.run(
            [*command, *shlex.split(mutation["test"])], cwd=copy, capture_output=True, text=True, check=False
        )
    finally:
        target.write_text(sound, encoding="utf-8")
    assert done.returncode == 1, done.stdout[-2000:] + done.stderr[-2000:]
