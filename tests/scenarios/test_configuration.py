"""Scenarios: configuration."""

import re

import pytest

from ledger.events import AlertRaised, AssetFailed, CheckEvaluated, ChunkCompleted, ConfigurationResolved
from tests.scenarios.conftest import ROOT
from tests.scenarios.test_large_inputs import inputs, link  # noqa: F401 - a fixture of both

pytestmark = [pytest.mark.exhaustive, pytest.mark.xdist_group("scenarios")]

PARAMETERS = ("chunk_size", "memory_threshold_mb", "match_rate_threshold", "timeout_seconds")


def test_parameters_come_from_the_file_and_are_applied(good, place, inputs, evidence):  # noqa: F811
    resolved = good.events(ConfigurationResolved)[-1]
    assert {resolved.sources[name].partition(":")[0] for name in PARAMETERS} == {"config/base.yaml"}
    link(place, inputs, "--set", "chunk_size=1000", "--set", "memory_threshold_mb=128")
    assert max(one.stop_row - one.start_row for one in place.events(ChunkCompleted)) <= 1_000
    assert "peak_rss_bytes" in {one.metric for one in place.events(AlertRaised)}
    place.run("--set", "match_rate_threshold=0.99", code=1)
    assert "failed" in {one.status for one in place.events(CheckEvaluated)}
    place.run("--set", "timeout_seconds=0.001", code=1)
    assert "AssetTimeoutError" in {one.error_type.rpartition(".")[2] for one in place.events(AssetFailed)}
    evidence(
        "all four come from config/base.yaml; other values cut chunks, raise an alert, close the gate, stop the asset"
    )


def test_the_stronger_level_wins_and_is_logged(place, evidence):
    seen = {}
    for words, environment in (
        ((), {}),
        ((), {"DAGSTER_LEDGER_CHUNK_SIZE": "501"}),
        (("--set", "chunk_size=502"), {"DAGSTER_LEDGER_CHUNK_SIZE": "501"}),
    ):
        told = place.run(*words, **environment)
        configuration = told["configuration"]
        seen[configuration["values"]["chunk_size"]] = configuration["sources"]["chunk_size"].partition(":")[0]
        log = place.log(told["run"]["run_id"])
    assert seen == {25_000: "config/base.yaml", 501: "$DAGSTER_LEDGER_CHUNK_SIZE", 502: "--set"}
    assert [line for line in log if "configuration override: chunk_size = 502" in line]
    shown = place.program("config", "show", "--set", "chunk_size=7")
    assert re.search(r"chunk_size\s+7\s", shown.stdout)
    evidence(
        "chunk_size 25000 of the file, 501 of the environment, 502 of the command line; the override is in the log"
    )


def test_the_guide_covers_every_parameter_with_examples(evidence):
    guide = (ROOT / "docs" / "tuning.md").read_text(encoding="utf-8")
    told = set(re.findall(r"^\| `(\w+)` \| `", guide, re.MULTILINE))
    assert told >= set(PARAMETERS)
    assert re.search(r"^Memory-constrained:.*\n\n```yaml\n", guide, re.MULTILINE)
    assert re.search(r"^Performance-optimised:.*\n\n```yaml\n", guide, re.MULTILINE)
    assert "| rows of the input | memory of the machine" in guide
    measured = guide.partition("<!-- tuning: begin -->")[2].partition("<!-- tuning: end -->")[0]
    assert all(f"| `{name}`" in measured for name in ("chunk_size", "memory_threshold_mb", "chunk_workers", "profile"))
    evidence(f"docs/tuning.md: {len(told)} parameters, advice by size and machine, two measured profiles")
