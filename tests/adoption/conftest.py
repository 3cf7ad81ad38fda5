"""Projects that are not ours, each in a directory and an environment of its own, with the built wheel.

Rules:
- The environment sees the libraries of this one through links, and not this project: what runs is what the wheel holds.
- ``pip`` finds the wheel in a directory and asks no index; ``create-dagster`` comes from the index, or the test skips.
"""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OURS = re.compile(r"(dagster_ledger|_dagster_ledger|_?editable)", re.IGNORECASE)

DAGSTER_PROGRAM = """\
import sys
from dagster._cli import main
if __name__ == "__main__":
    sys.exit(main())
"""


@pytest.fixture(scope="session")
def dist(tmp_path_factory):
    """A directory with the wheel of this tree."""
    place = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", str(place), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return place


@dataclass(frozen=True)
class Shell:
    """A shell in a project, with the programs of an environment."""

    place: Path
    environment: dict[str, str]

    def run(self, script: str, *, code: int | None = 0) -> subprocess.CompletedProcess[str]:
        """Run a script that ends at its first failure, and hold its exit code against the expected one."""
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=self.place, env=self.environment, capture_output=True, text=True, timeout=600, check=False,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert code is None or done.returncode == code, f"{script}\n{done.stdout}\n{done.stderr}"
        assert "Traceback (most recent call last)" not in done.stderr, f"{script}\n{done.stderr}"
        return done

    def git(self, *words: str) -> str:
        return subprocess.run(
            ["git", *words], cwd=self.place, env=self.environment, capture_output=True, text=True, check=True
        ).stdout


@pytest.fixture(scope="session")
def libraries(tmp_path_factory):
    """A directory with a link to everything that is installed here, but this project."""
    place = tmp_path_factory.mktemp("libraries")
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        if not OURS.match(entry.name) and entry.suffix != ".pth":
            (place / entry.name).symlink_to(entry)
    return place


@pytest.fixture
def fresh(tmp_path, libraries, dist):
    """Make a shell in a project, with an environment that has Dagster and not this project."""

    def make(place: Path) -> Shell:
        home = tmp_path / "environment"
        venv.create(home, with_pip=True, symlinks=True)
        site = next((home / "lib").glob("python*")) / "site-packages"
        (site / "libraries.pth").write_text(f"{libraries}\n")
        scripts = home / "bin"
        (scripts / "dagster").write_text(f"#!{scripts}/python\n{DAGSTER_PROGRAM}")
        (scripts / "dagster").chmod(0o755)
        instance = tmp_path / "dagster_home"
        instance.mkdir()
        (instance / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
        return Shell(
            place,
            kept
            | {
                "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}",
                "HOME": str(tmp_path),
                "DAGSTER_HOME": str(instance),
                "PIP_NO_INDEX": "1",
                "PIP_FIND_LINKS": str(dist),
                "PIP_DISABLE_PIP_VERSION_CHECK": "1",
                "GIT_AUTHOR_NAME": "n",
                "GIT_AUTHOR_EMAIL": "n@example.org",
                "GIT_COMMITTER_NAME": "n",
                "GIT_COMMITTER_EMAIL": "n@example.org",
                "PYTHONDONTWRITEBYTECODE": "1",
            },
        )

    return make


@pytest.fixture(scope="session")
def create_dagster(tmp_path_factory):
    """The program ``create-dagster``, from the index."""
    place = tmp_path_factory.mktemp("create-dagster")
    uv = shutil.which("uv") or str(Path(sys.executable).parent / "uv")
    for words in (("venv", "-q", "--python", sys.executable, place / "venv"), (
        "pip", "install", "-q", "--python", place / "venv" / "bin" / "python", "create-dagster>=1.13,<1.14",
    )):  # fmt: skip
        done = subprocess.run([uv, *map(str, words)], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            pytest.skip(f"create-dagster cannot be installed: {done.stderr.strip()[-200:]}")
    return place / "venv" / "bin" / "create-dagster"
