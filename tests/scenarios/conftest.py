"""Runs that several scenarios look at, and the evidence that each of them leaves."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from dagster import DagsterInstance

from ledger.events.codec import from_table
from ledger.store import open_store

ROOT = Path(__file__).parents[2]
Saying = Callable[[str], None]


@pytest.fixture
def evidence(request) -> Saying:
    """Take down what was seen; ``make scenarios`` prints it beside the promise."""
    return lambda text: request.node.user_properties.append(("evidence", text))


@dataclass(frozen=True)
class Place:
    """A directory with a ledger, output and an instance of Dagster of its own.

    Attributes:
        path: The directory.
    """

    path: Path

    def program(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run the program in this project as a shell would."""
        here = {
            "DAGSTER_HOME": str(self.path / "home"),
            "DAGSTER_LEDGER_URI": str(self.path / "ledger"),
            "DAGSTER_LEDGER_OUTPUT_DIR": str(self.path / "output"),
        }
        return subprocess.run(
            [sys.executable, "-m", "ledger_cli.main", *words], cwd=ROOT, capture_output=True, text=True, check=False,
            env=os.environ | here | environment, stdin=subprocess.DEVNULL,
        )  # fmt: skip

    def run(self, *words: str, job: str = "enrich_companies", code: int = 0, **environment: str) -> dict:
        """Run a job; return what the ledger knows of it."""
        done = self.program("run", "--job", job, "--executor", "in_process", "--quiet", *words, **environment)
        assert done.returncode == code, done.stdout[-2000:] + done.stderr[-2000:]
        return self.ask("show", "latest")

    def ask(self, *words: str, code: int = 0) -> dict:
        """Return what a command answers as JSON."""
        done = self.program(*words, "--format", "json")
        assert done.returncode == code, done.stdout[-2000:] + done.stderr[-2000:]
        return json.loads(done.stdout)

    def events(self, *kinds: type) -> list:
        """Return the events of some kinds."""
        found = [entry.event for entry in from_table(open_store(str(self.path / "ledger")).read())]
        return [event for event in found if isinstance(event, kinds)]

    def dagster(self) -> DagsterInstance:
        """Return the instance of Dagster that the runs were made in."""
        return DagsterInstance.from_config(str(self.path / "home"))

    def log(self, run_id: str) -> list[str]:
        """Return the lines of a run in Dagster's log."""
        with self.dagster() as instance:
            return [entry.user_message for entry in instance.all_logs(run_id)]


def made(path: Path) -> Place:
    (path / "home").mkdir(parents=True)
    (path / "home" / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    return Place(path)


@pytest.fixture
def place(tmp_path) -> Place:
    """A place of this scenario."""
    return made(tmp_path / "place")


@pytest.fixture(scope="session")
def good(tmp_path_factory) -> Place:
    """Two runs of the real companies with the shipped settings."""
    found = made(tmp_path_factory.mktemp("good") / "place")
    found.run("--runs", "2")
    return found


@pytest.fixture(scope="session")
def degraded(tmp_path_factory) -> Place:
    """A run under a stricter gate, and a limit for each size of a breach; alerts go to a file."""
    found = made(tmp_path_factory.mktemp("degraded") / "place")
    told = found.path / "told.jsonl"
    command = f"{sys.executable} -c \"import sys; open({str(told)!r}, 'a').write(sys.stdin.read() + chr(10))\""
    limits = {
        "companies": {"rows_out": {"max": 1_800}},
        "registrants": {"rows_out": {"max": 9_000}},
        "name_matching": {"rows_out": {"max": 1_000}},
    }
    words = ("--set", "match_rate_threshold=0.99", "--set", f"limits={json.dumps(limits)}")
    found.run(*words, code=1, DAGSTER_LEDGER_NOTIFY_COMMANDS=json.dumps([command]))
    return found
