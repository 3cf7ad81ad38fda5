"""What each command loads: a tool that is called a hundred times a day must not wait for what it does not use."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from ledger.events import AssetFinished, AssetStarted, MetricMeasured, asset_stream
from ledger.events.batch import freeze
from ledger.store import open_store

HEAVY = {"dagster", "duckdb", "numpy", "pandas", "pyarrow", "pydantic", "rich", "scipy", "yaml"}
LOADED = """
import json, sys
from ledger_cli.main import entry
try:
    entry()
except SystemExit as left:
    names = {name.partition(".")[0] for name, module in sys.modules.items() if module is not None}
    json.dump([left.code, sorted(names)], sys.stderr)
"""
EVERY_HELP = """
import json, sys
import click
from ledger_cli.main import cli, main

def asked(command, words):
    yield words
    if isinstance(command, click.Group):
        for name in command.list_commands(click.Context(command)):
            yield from asked(command.get_command(click.Context(command), name), [*words, name])

codes = {" ".join(words): main([*words, "--help"]) for words in asked(cli, [])}
names = {name.partition(".")[0] for name, module in sys.modules.items() if module is not None}
json.dump([codes, sorted(names)], sys.stderr)
"""
ATTEMPTS, METRICS = 400, 248


def loaded(*words: str) -> set[str]:
    """Return the top-level packages a command has loaded when it is done."""
    done = subprocess.run([sys.executable, "-c", LOADED, *words], capture_output=True, text=True, check=True)
    code, names = json.loads(done.stderr)
    assert code == 0, done.stdout
    return set(names)


@pytest.fixture(scope="module")
def large_ledger(tmp_path_factory):
    """A ledger of 100,000 events."""
    place = tmp_path_factory.mktemp("large") / "ledger"
    store = open_store(str(place), create=True)
    began = datetime(2026, 1, 1, tzinfo=UTC)
    for number in range(ATTEMPTS):
        run_id, asset, ts = f"run-{number // 4:05}", f"asset_{number % 4}", began + timedelta(minutes=number)
        started = AssetStarted(asset=asset, run_id=run_id, output_assets=(asset,), host="h", pid=1)
        measured = [
            MetricMeasured(asset=asset, run_id=run_id, metric="duration_s", value=float(i), unit="s")
            for i in range(METRICS)
        ]
        finished = AssetFinished(asset=asset, run_id=run_id, peak_method="vmhwm", sample_hz=10.0)
        events = [(ts, event) for event in (started, *measured, finished)]
        store.append(freeze(str(asset_stream(asset, run_id, None, 0)), events))
    assert store.stats().events == 100_000
    return str(place)


@pytest.mark.parametrize(
    "words",
    [
        ("--help",),
        ("--version",),
        ("completion", "bash"),
        ("gate", "--help"),
        ("confirm", "--help"),
        ("serve", "--help"),
    ],
    ids=" ".join,
)
def test_help_loads_nothing_heavy(words):
    assert not loaded(*words) & HEAVY


def test_no_help_of_any_command_loads_anything_heavy():
    done = subprocess.run([sys.executable, "-c", EVERY_HELP], capture_output=True, text=True, check=True)
    codes, names = json.loads(done.stderr)
    assert len(codes) > 40
    assert set(codes.values()) == {0}
    assert not set(names) & HEAVY


@pytest.mark.parametrize(
    "words", [("show",), ("show", "latest"), ("samples",), ("trend",), ("ledger", "stats")], ids=" ".join
)
def test_reading_100_000_events_loads_neither_dagster_nor_scipy(large_ledger, words):
    assert not loaded(*words, "--ledger", large_ledger) & {"dagster", "pandas", "scipy"}


def test_reconciling_loads_dagster_only_where_there_is_an_instance_to_ask(large_ledger):
    assert "dagster" not in loaded("ledger", "reconcile", "--dry-run", "--ledger", large_ledger)
