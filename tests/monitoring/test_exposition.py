"""What is written is valid in both forms, whatever names are in it, and says what the ledger says."""

import math
import re
import subprocess
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from prometheus_client.openmetrics.parser import text_string_to_metric_families as strict
from prometheus_client.parser import text_string_to_metric_families as plain

from ledger.projections.latest import Approved, AssetState, CheckState, Standings
from ledger.report.monitoring.exposition import exposition, form_of
from ledger.report.monitoring.naming import FAMILIES, LONGEST_LABEL, label
from ledger.report.monitoring.state import AssetFigures, Compared, Exported, Integrity
from tests.monitoring.programs import needed
from tests.report.answers import HOSTILE
from tests.report.test_hostile_names import NAMES, visible

AT = datetime(2026, 11, 26, 12, tzinfo=UTC)
READERS = {"text": plain, "openmetrics": strict}


def exported(*names, value=1.5, **more):
    """Return assets, checks and manifests of these names."""
    assets, checks = [], []
    for name in names:
        values = {"duration_s": (value, "s"), "peak_rss_bytes": (2.0, "bytes"), "match_rate": (0.9, "ratio"),
                  "records_per_s": (3.0, "rows/s"), "rows_out": (4.0, "rows")}  # fmt: skip
        state = AssetState(pipeline=name, asset=name, succeeded=AT, ok=True, values=values)
        compared = (Compared("duration_s", 1.0, 0.5, 0.25), Compared(name, 2.0))
        assets.append(AssetFigures(state, name, comparable=True, compared=compared))
        checks.append(
            CheckState(pipeline=name, asset=name, check=name, severity="error", passed=False, metric="match_rate",
                       threshold=0.7)
        )  # fmt: skip
    standings = Standings(
        tuple(one.state for one in assets),
        tuple(checks),
        tuple(Approved(environment=name, expires=AT) for name in names),
    )
    whole = {"at": AT, "integrity": Integrity(ok=True, verified=AT), "quality": {"match_rate": True}} | more
    return Exported(assets=tuple(assets), standings=standings, **whole)


def read(found, form="openmetrics"):
    """Return the samples by name and labels, as a strict reader has them."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in READERS[form](exposition(found, form).decode())
        for sample in family.samples
    }


@pytest.mark.parametrize("form", READERS)
def test_every_figure_is_there_under_its_name_and_labels(form):
    found = read(exported("a"), form)
    place = (("asset", "a"), ("pipeline", "a"))
    of_profile = (*place, ("profile", "a"))
    compared = (("asset", "a"), ("metric", "duration_s"), ("pipeline", "a"), ("profile", "a"))
    assert found["dagster_ledger_asset_duration_seconds", of_profile] == 1.5
    assert found["dagster_ledger_asset_peak_memory_bytes", of_profile] == 2.0
    assert found["dagster_ledger_asset_records_per_second", of_profile] == 3.0
    quality = (("asset", "a"), ("metric", "match_rate"), ("pipeline", "a"), ("profile", "a"))
    assert found["dagster_ledger_quality_ratio", quality] == 0.9
    assert found["dagster_ledger_quality_threshold_ratio", (("asset", "a"), ("metric", "match_rate"), place[1])] == 0.7
    assert found["dagster_ledger_baseline", compared] == 1.0
    assert found["dagster_ledger_regression_ratio", compared] == 0.5
    assert found["dagster_ledger_regression_lower_ratio", compared] == 0.25
    check = (("asset", "a"), ("check", "a"), ("pipeline", "a"), ("severity", "error"))
    assert found["dagster_ledger_check_status", check] == 0.0
    assert found["dagster_ledger_last_success_timestamp_seconds", place] == AT.timestamp()
    assert found["dagster_ledger_blocked_assets", (("pipeline", "a"),)] == 0.0
    assert found["dagster_ledger_integrity_ok", ()] == 1.0
    assert found["dagster_ledger_deployment_ready", (("environment", "a"),)] == 0.0
    assert {name for name, _ in found} == set(FAMILIES)


def test_labels_never_name_a_run_a_partition_or_what_a_scrape_sets_itself():
    used = {name for family in FAMILIES.values() for name in family.labels}
    assert used == {"pipeline", "asset", "metric", "profile", "check", "severity", "environment"}


def test_a_manifest_is_ready_until_it_expires():
    key = "dagster_ledger_deployment_ready", (("environment", "a"),)
    assert read(exported("a", at=AT - timedelta(seconds=1)))[key] == 1.0
    assert read(exported("a", at=AT))[key] == 0.0


def test_what_is_not_known_is_not_there():
    nothing = read(Exported(AT))
    assert nothing == {}
    state = AssetState(pipeline="p", asset="a", ok=False)
    assert {name for name, _ in read(Exported(AT, assets=(AssetFigures(state),)))} == {
        "dagster_ledger_asset_ok",
        "dagster_ledger_blocked_assets",
    }


def test_of_two_assets_with_one_label_set_the_newest_success_is_told():
    older = AssetState(pipeline=None, asset="a", succeeded=AT - timedelta(1), values={"duration_s": (1.0, "s")})
    newer = AssetState(pipeline=None, asset="a", succeeded=AT, values={"duration_s": (2.0, "s")})
    for order in ((older, newer), (newer, older)):
        found = read(Exported(AT, assets=tuple(map(AssetFigures, order))))
        values = [value for (name, _), value in found.items() if name == "dagster_ledger_asset_duration_seconds"]
        assert values == [2.0]


@pytest.mark.parametrize("value", [0.0, -1.0, 1e300, 5e-324, math.inf, math.nan])
def test_every_number_can_be_read_back(value):
    found = read(exported("a", value=value))
    (told,) = (value for (name, _), value in found.items() if name == "dagster_ledger_asset_duration_seconds")
    assert told == value or (math.isnan(told) and math.isnan(value))


@settings(deadline=None, max_examples=60)
@given(name=NAMES, other=NAMES)
def test_no_name_breaks_a_line_hides_something_or_becomes_another(name, other):
    for form, reader in READERS.items():
        text = exposition(exported(name, other), form).decode("utf-8")
        assert visible(text)
        assert all(re.match(r"# |dagster_ledger_", line) for line in text.splitlines())
        families = list(reader(text))
        assert {family.name for family in families} <= set(FAMILIES)
        told = {
            sample.labels["asset"]
            for family in families
            for sample in family.samples
            if sample.name == "dagster_ledger_asset_ok"
        }
        assert told == {label(name), label(other)}
    assert (label(name) == label(other)) == (name == other)
    assert len(label(name)) <= LONGEST_LABEL


@pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE)
def test_hostile_names_have_labels_of_their_own(name):
    others = [label(one) for one in HOSTILE.values() if one != name]
    assert label(name) not in others


@pytest.mark.slow
def test_promtool_finds_nothing_to_say_of_hostile_names():
    needed("promtool")
    data = exposition(exported(*HOSTILE.values()))
    done = subprocess.run(["promtool", "check", "metrics"], input=data, capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


@pytest.mark.parametrize(
    ("accepted", "form"),
    [
        ("", "text"),
        ("*/*", "text"),
        ("text/plain; version=0.0.4", "text"),
        ("application/openmetrics-text; version=1.0.0; charset=utf-8,text/plain;q=0.5", "openmetrics"),
        ("nonsense,,;;,\x00", "text"),
    ],
)
def test_a_client_gets_the_form_it_understands(accepted, form):
    assert form_of(accepted) == form
