"""Scenarios: performance of each asset."""

import pytest
from dagster import AssetKey

from ledger.events import AlertRaised
from ledger.units import MIB

pytestmark = [pytest.mark.exhaustive, pytest.mark.xdist_group("scenarios")]

ASSETS = {
    "companies",
    "registrants",
    "registrant_identifiers",
    "name_matching",
    "enriched_companies",
    "company_profile",
    "published_companies",
}


def test_execution_metrics_of_each_asset(good, evidence):
    told = good.ask("show", "latest")
    rows = {row["asset"]: row for row in told["assets"]}
    assert rows.keys() == ASSETS
    with good.dagster() as instance:
        for asset, row in rows.items():
            event = instance.get_latest_materialization_event(AssetKey(asset))
            metadata = event.asset_materialization.metadata
            assert metadata["ledger/duration_s"].value == pytest.approx(row["duration_s"], abs=0.02)
            assert metadata["ledger/peak_rss_mib"].value == pytest.approx(row["peak_rss_bytes"] / MIB, rel=0.02)
    run = told["run"]
    assert run["duration_s"] >= max(row["duration_s"] for row in rows.values())
    assert run["peak_rss_bytes"] == max(row["peak_rss_bytes"] for row in rows.values())
    evidence(f"{len(rows)} assets with duration_s and peak_rss_bytes, equal in metadata and ledger; totals of the run")


def test_metrics_are_seen_in_dagster_and_over_runs(good, evidence):
    with good.dagster() as instance:
        records = instance.fetch_materializations(AssetKey("enriched_companies"), limit=10).records
    plotted = [record.asset_materialization.metadata["ledger/duration_s"].value for record in records]
    assert len(plotted) == 2
    assert all(isinstance(value, float) for value in plotted)
    trend = good.ask("trend", "--asset", "enriched_companies")
    (series,) = [one for one in trend["series"] if one["metric"] == "duration_s"]
    assert series["runs"] == 2
    evidence("two runs, two points of duration_s in Dagster's event log and in `trend`")


def test_a_breach_raises_an_alert_of_its_size(degraded, evidence):
    alerts = {(one.asset, one.metric): one for one in degraded.events(AlertRaised)}
    found = {asset: alerts[asset, "rows_out"] for asset in ("companies", "registrants", "name_matching")}
    assert [one.severity for one in found.values()] == ["warning", "error", "critical"]
    assert [one.change_ratio for one in found.values()] == sorted(one.change_ratio for one in found.values())
    (run_id,) = {one.run_id for one in found.values()}
    log = degraded.log(run_id)
    for one in found.values():
        assert [line for line in log if one.message in line]
    sizes = ", ".join(
        f"{one.change_ratio:+.0%} is {'an' if one.severity == 'error' else 'a'} {one.severity}"
        for one in found.values()
    )
    evidence(f"{sizes}; each in Dagster's log")
