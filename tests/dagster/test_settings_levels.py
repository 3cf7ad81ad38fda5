"""Each setting that people tune, given at each of the four levels, changes what a run does, and the ledger says why."""

import json

import dagster as dg
import pyarrow as pa
import pytest

from assets.enrich import enrich
from assets.matching.spec import MatchSpec
from ledger.dagster import current_settings, current_span, tracked
from ledger.dagster.gates import QualityChecks, at_least
from ledger.events import AlertRaised, AssetFailed, ConfigurationResolved, MetricMeasured

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


@pytest.mark.parametrize(("name", "value", "changed"), SETTINGS, ids=[name for name, _, _ in SETTINGS])
@pytest.mark.parametrize("level", ["default", "file", "environment", "command line"])
def test_a_setting_changes_what_the_run_does(materialize, ledger, project, monkeypatch, level, name, value, changed):
    tags, source = {}, "default"
    if level == "file":
        (project / "config").mkdir()
        (project / "config" / "base.yaml").write_text(f"{name}: {value}\n")
        source = "config/base.yaml:1:1"
    elif level == "environment":
        source = f"$DAGSTER_LEDGER_{name.upper()}"
        monkeypatch.setenv(source[1:], str(value))
    elif level == "command line":
        source = "--set"
        tags["dagster_ledger/overrides"] = json.dumps({name: {"value": value, "source": source}})
    materialize(worked, tags=tags)
    assert changed(ledger) == (level != "default")
    (told,) = ledger.events(ConfigurationResolved)
    assert told.sources[name] == source
    assert (told.values[name] == value) == (level != "default")
