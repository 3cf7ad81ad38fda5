"""Scenarios: quality that is enforced."""

import json

import pytest
from dagster import AssetKey

from ledger.events import AssetBlocked, CheckEvaluated

pytestmark = [pytest.mark.exhaustive, pytest.mark.xdist_group("scenarios")]


def test_checks_hold_quality_against_thresholds(good, degraded, evidence):
    passed = {(one.asset, one.check): one for one in good.events(CheckEvaluated)}
    failed = {(one.asset, one.check): one for one in degraded.events(CheckEvaluated)}
    gate = ("enriched_companies", "match_rate_gate")
    assert (passed[gate].status, passed[gate].threshold) == ("passed", 0.7)
    assert (failed[gate].status, failed[gate].threshold) == ("failed", 0.99)
    assert 0.7 <= passed[gate].value == failed[gate].value < 0.99
    assert passed["enriched_companies", "precision_gate"].status == "passed"
    evidence(f"match rate {passed[gate].value:.4f}: passed at 0.70, failed at 0.99")


def test_a_failed_check_blocks_what_depends_on_it(degraded, evidence):
    blocked = degraded.events(AssetBlocked)
    assert {one.asset for one in blocked} == {"company_profile", "published_companies"}
    assert {(one.blocked_by, one.check) for one in blocked} == {("enriched_companies", "match_rate_gate")}
    assert not (degraded.path / "output" / "published").exists()
    with degraded.dagster() as instance:
        (run,) = instance.get_runs()
        assert instance.get_latest_materialization_event(AssetKey("published_companies")) is None
        told = {line for line in degraded.log(run.run_id) if "match_rate" in line}
    assert [line for line in told if "company_profile, published_companies" in line]
    done = degraded.program("notify")
    assert done.returncode == 0, done.stderr
    notices = [json.loads(line) for line in (degraded.path / "told.jsonl").read_text().splitlines()]
    assert [one for one in notices if "published_companies" in json.dumps(one)]
    evidence(
        "company_profile and published_companies not made because of match_rate_gate; told in log and to a command"
    )


def test_quality_is_reported(good, evidence):
    with good.dagster() as instance:
        event = instance.get_latest_materialization_event(AssetKey("enriched_companies"))
    metadata = event.asset_materialization.metadata
    report = json.loads((good.path / "output" / "quality" / "enriched_companies.json").read_text())
    assert metadata["ledger/match_rate"].value == pytest.approx(report["match_rate"])
    assert sum(report["confidence_rows"].values()) == report["matched_rows"]
    assert sum(report["identifier_type_rows"].values()) == report["rows"]
    told = good.ask("show", "latest")
    counted = {one["metric"]: one["counts"] for one in told["breakdowns"] if one["asset"] == "enriched_companies"}
    assert counted["confidence_rows"] == report["confidence_rows"]
    assert counted["identifier_type_rows"] == report["identifier_type_rows"]
    trend = good.ask("trend", "--metric", "match_rate")
    assert {one["asset"] for one in trend["series"]} >= {"enriched_companies", "name_matching"}
    kinds = ", ".join(f"{name} {count}" for name, count in sorted(report["identifier_type_rows"].items()))
    evidence(f"match rate {report['match_rate']:.4f}; links by {kinds}; the same in report, metadata and ledger")
