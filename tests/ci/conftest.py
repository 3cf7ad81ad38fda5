"""Validators that come from npm; ``.ci/tools`` installs them, and without them a test says so."""

import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULES = ROOT / ".venv" / "npm" / "node_modules"


@pytest.fixture(scope="session")
def node():
    """The path of node, with the validators beside this tree's environment."""
    found = shutil.which("node")
    if found is None or not (MODULES / "@actions" / "core").is_dir():
        pytest.skip("needs node and the validators from npm; `.ci/tools` installs them, and .ci/run calls it")
    return found
