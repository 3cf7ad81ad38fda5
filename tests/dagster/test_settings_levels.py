"""Each setting that people tune, given at each of the four levels, changes what a run does, and the ledger says why."""

import contextlib
import json

import dagster as dg
import pyarrow as pa
import pytest

from assets.enrich import enrich
from assets.matching.spec import MatchSpec
from ledger.dagster import current_settings, current_span, tracked
from ledger.dagster.chunked import run_chunked
from ledger.dagster.gates import QualityChecks, at_least
from ledger.events import (
    AlertRaised,
    AssetFailed,
    ChunkCompleted,
    ChunkFailed,
    ChunksAdapted,
    ConfigurationResolved,
    MetricMeasured,
)
from ledger.units import MIB

CHECKS = QualityChecks("worked", at_least("match_rate", "match_rate_threshold"))
ROWS = 12


@dg.asset(check_specs=CHECKS.specs)
@tracked
def worked():
    span, chunks = current_span(), []
    source = pa.table({"row": range(ROWS), "name": [f"Acme {row}" for row in range(ROWS)]})
    registry = pa.table({"key": ["1"], "name": ["Acme 1"]})
    size = current_settings().chunk_size
    enrich(source, registry, None, MatchSpec(()), chunk_size=size, progress=lambda *told: chunks.append(told))
    span.measure("rows_in", float(len(chunks)))
    span.measure("match_rate", 0.75)
    if current_settings().timeout_seconds < 1.0:
        for _ in range(10_000_000):
            sum(range(1000))
    yield from CHECKS.results()


def chunks(ledger):
    return {event.value for event in ledger.events(MetricMeasured) if event.metric == "rows_in"} == {12 / 3}


def memory(ledger):
    return "peak_rss_bytes" in {event.metric for event in ledger.events(AlertRaised)}


def gate(ledger):
    return "failed" in {event.status for event in ledger.checks()}


def timeout(ledger):
    return [event.error_type.rpartition(".")[2] for event in ledger.events(AssetFailed)] == ["AssetTimeoutError"]


SETTINGS = [
    ("chunk_size", 3, chunks),
    ("memory_threshold_mb", 64, memory),
    ("match_rate_threshold", 0.9, gate),
    ("timeout_seconds", 0.3, timeout),
]


def given(level, name, value, project, monkeypatch):
    """Give a setting at a level, another value at weaker ones; return tags of the run and the source to be told."""
    tags, other = {}, {"chunk_size": 7, "memory_threshold_mb": 4096, "timeout_seconds": 250.0}.get(name, 0.5)
    at = LEVELS.index(level)
    if at >= LEVELS.index("file"):
        (project / "config").mkdir()
        (project / "config" / "base.yaml").write_text(f"{name}: {value if level == 'file' else other}\n")
    if at >= LEVELS.index("environment"):
        monkeypatch.setenv(f"DAGSTER_LEDGER_{name.upper()}", str(value if level == "environment" else other))
    if at >= LEVELS.index("command line"):
        tags["dagster_ledger/overrides"] = json.dumps({name: {"value": value, "source": "--set"}})
    sources = ("default", "config/base.yaml:1:1", f"$DAGSTER_LEDGER_{name.upper()}", "--set")
    return tags, sources[at]


LEVELS = ["default", "file", "environment", "command line"]


@pytest.mark.parametrize(("name", "value", "changed"), SETTINGS, ids=[name for name, _, _ in SETTINGS])
@pytest.mark.parametrize("level", LEVELS)
def test_a_setting_changes_what_the_run_does(materialize, ledger, project, monkeypatch, level, name, value, changed):
    tags, source = given(level, name, value, project, monkeypatch)
    materialize(worked, tags=tags)
    assert changed(ledger) == (level != "default")
    told_as(ledger, name, value, source, level)


def told_as(ledger, name, value, source, level):
    """Hold what the ledger says of a setting against where it was given."""
    (told,) = ledger.events(ConfigurationResolved)
    assert told.sources[name] == source
    assert (told.values[name] == value) == (level != "default")


@contextlib.contextmanager
def maker(resources):
    """A matcher that holds 8 MiB a row, and does not get on with row 5 unless it is given a second and more."""

    def make(start, stop):
        held = b"x" * ((stop - start) * 8 * MIB)
        if start <= 5 < stop and current_settings().timeout_seconds < 1.0:
            for _ in range(10_000_000):
                sum(range(1000))
        return pa.table({"row": range(start, stop), "held": [len(held)] * (stop - start)})

    yield make


@dg.asset
@tracked
def in_chunks(context):
    run_chunked("in_chunks", rows=ROWS, inputs={}, parameters={"run": context.run.run_id}, make=maker)


def smaller_chunks(ledger):
    return max(event.stop_row - event.start_row for event in ledger.events(ChunkCompleted)) == 3


def under_pressure(ledger):
    (limit,) = {event.limit_bytes for event in ledger.events(ChunksAdapted)} or {None}
    return limit == 64 * MIB and ledger.events(ChunksAdapted)[-1].change == "strategy_switched"


def stopped_chunk(ledger):
    stopped = [event for event in ledger.events(ChunkFailed) if event.reason == "timeout"]
    return bool(stopped) and all(event.start_row <= 5 < event.stop_row for event in stopped)


CHUNK_SETTINGS = [
    ("chunk_size", 3, smaller_chunks),
    ("memory_threshold_mb", 64, under_pressure),
    ("timeout_seconds", 0.3, stopped_chunk),
]


@pytest.mark.parametrize(("name", "value", "changed"), CHUNK_SETTINGS, ids=[name for name, _, _ in CHUNK_SETTINGS])
@pytest.mark.parametrize("level", LEVELS)
def test_a_setting_changes_how_chunks_are_worked_at(
    materialize, ledger, project, monkeypatch, level, name, value, changed
):
    monkeypatch.setenv("DAGSTER_LEDGER_CHUNK_RETRIES", "0")
    tags, source = given(level, name, value, project, monkeypatch)
    assert materialize(in_chunks, tags=tags).success == (name != "timeout_seconds" or level == "default")
    assert changed(ledger) == (level != "default")
    told_as(ledger, name, value, source, level)
