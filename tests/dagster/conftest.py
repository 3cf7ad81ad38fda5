"""A ledger, a Dagster instance and code locations of a test's own; nothing is mocked."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

import dagster as dg
import pytest

from ledger.events import (
    AssetFailed,
    AssetFinished,
    AssetLost,
    AssetStarted,
    CheckEvaluated,
    MetricMeasured,
    RecordedEvent,
    StreamId,
)
from ledger.events.codec import from_table
from ledger.store import open_store

ENDS = (AssetFinished, AssetFailed, AssetLost)


@dataclass(frozen=True)
class Ledger:
    """The ledger of a test, read anew at each look."""

    place: Path

    def events(self, *kinds: type) -> list:
        """Return the events, of these classes where any are given."""
        return [entry.event for entry in self.recorded() if not kinds or isinstance(entry.event, kinds)]

    def recorded(self) -> list[RecordedEvent]:
        return list(from_table(open_store(str(self.place)).read())) if self.place.exists() else []

    def values(self, asset: str) -> dict[str, float]:
        """Return the last value of each metric of an asset."""
        return {event.metric: event.value for event in self.events(MetricMeasured) if event.asset == asset}

    def statuses(self) -> dict[tuple[str, str | None, int], str]:
        """Return how each attempt ended: subject, partition and attempt to status; ``running`` without an end."""
        found = {}
        for entry in self.recorded():
            stream = StreamId.parse(entry.stream)
            key = (stream.asset, stream.partition, stream.attempt)
            if isinstance(entry.event, AssetStarted):
                found[key] = "running"
            elif isinstance(entry.event, ENDS):
                found[key] = entry.event.status
        return found

    def checks(self) -> list[CheckEvaluated]:
        return self.events(CheckEvaluated)


@pytest.fixture
def project(tmp_path, monkeypatch):
    """An empty project directory that the test works in."""
    place = tmp_path / "project"
    place.mkdir()
    monkeypatch.chdir(place)
    return place


@pytest.fixture
def ledger(project, monkeypatch):
    place = project / ".ledger"
    monkeypatch.setenv("DAGSTER_LEDGER_URI", str(place))
    return Ledger(place)


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Dagster's home."""
    place = tmp_path / "home"
    place.mkdir()
    (place / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    monkeypatch.setenv("DAGSTER_HOME", str(place))
    return place


@pytest.fixture(scope="session")
def instance(tmp_path_factory):
    """A Dagster instance on disk; making one takes a second, so the tests of a process share it."""
    with dg.DagsterInstance.local_temp(str(tmp_path_factory.mktemp("dagster"))) as found:
        yield found


@pytest.fixture
def materialize(instance, ledger) -> Callable[..., dg.ExecuteInProcessResult]:
    """Make assets in this process."""

    def run(*assets, **options):
        return dg.materialize(list(assets), instance=instance, raise_on_error=False, **options)

    return run


@pytest.fixture
def metadata():
    """Return the metadata of an asset's last materialisation in a result."""

    def of(result, asset):
        key = dg.AssetKey.from_user_string(asset)
        (event,) = [entry for entry in result.get_asset_materialization_events() if entry.asset_key == key][-1:]
        return {name: value.value for name, value in event.materialization.metadata.items()}

    return of


@pytest.fixture
def code_location(project, monkeypatch):
    """Write a module into the project; it can be imported by its name."""
    monkeypatch.syspath_prepend(str(project))

    def write(text, name="location"):
        (project / f"{name}.py").write_text(dedent(text))
        monkeypatch.delitem(sys.modules, name, raising=False)
        return name

    return write


@pytest.fixture
def launch_apart(home, ledger, project):
    """Start a launch in a process of its own, as the command line does; a forkserver keeps its first environment."""

    def start(**specification):
        program = (
            "import json, sys; from ledger.dagster.launch import Launch, execute;"
            " said = json.loads(sys.argv[1]); said['assets'] = tuple(said.get('assets', ()));"
            " result = execute(Launch(**said)); print(json.dumps([result.run_id, result.success, result.failures]))"
        )
        command = [sys.executable, "-c", program, json.dumps(specification)]
        return subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
        )

    return start
