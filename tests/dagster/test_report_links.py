"""From Dagster to the report: a link at each tracked asset, and an asset that holds the health of the pipelines."""

from urllib.parse import parse_qs, urlsplit

import dagster as dg
import pytest

from ledger.dagster import tracked
from ledger.dagster.health import pipeline_health
from ledger.dagster.report_link import report_link

URL = "https://reports.example.org/ledger.html"


@dg.asset
@tracked
def companies() -> int:
    return 1


@dg.asset(key=["raw", "orders"])
@tracked
def odd() -> dg.MaterializeResult:
    return dg.MaterializeResult(metadata={"own": 1.0})


@dg.asset
@tracked
def broken() -> None:
    message = "no"
    raise ValueError(message)


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DAGSTER_LEDGER_URI", str(tmp_path / "ledger"))
    return tmp_path


def links(result):
    found = {}
    for event in result.get_asset_materialization_events():
        entry = event.materialization.metadata.get("ledger/report")
        found[event.asset_key.to_user_string()] = entry and entry.value
    return found


def test_each_tracked_asset_links_to_its_part_of_the_report(place, monkeypatch):
    monkeypatch.setenv("DAGSTER_LEDGER_REPORT_URL", URL)
    with dg.instance_for_test() as instance:
        result = dg.materialize([companies, odd], instance=instance)
        assert links(result) == {"companies": f"{URL}#asset=companies", "raw/orders": f"{URL}#asset=raw%2Forders"}
        failed = dg.materialize([broken], instance=instance, raise_on_error=False)
        assert not failed.success
        record = instance.fetch_observations(dg.AssetKey("broken"), limit=1).records[0]
        assert record.asset_observation.metadata["ledger/report"].value == f"{URL}#asset=broken"


@pytest.mark.parametrize("name", ["a b&c", "a#view=table", "%2F", "é\u202e", "half \ud800"])
def test_a_name_stays_in_its_place_of_the_address(name):
    (found,) = report_link(f"{URL}#old", name).values()
    told = parse_qs(urlsplit(found.value).fragment)
    assert told == {"asset": [name.replace("\ud800", "?")]}


def test_without_an_address_there_is_no_link(place):
    with dg.instance_for_test() as instance:
        assert links(dg.materialize([companies], instance=instance)) == {"companies": None}


def test_the_health_of_the_pipelines_is_an_asset(place, monkeypatch):
    monkeypatch.setenv("DAGSTER_LEDGER_REPORT_URL", URL)
    work = dg.define_asset_job("work", [companies])
    defs = dg.Definitions(assets=[companies, pipeline_health()], jobs=[work])
    with dg.instance_for_test() as instance:
        empty = dg.materialize([pipeline_health()], instance=instance)
        assert empty.success
        assert defs.resolve_job_def("work").execute_in_process(instance=instance).success
        (event,) = dg.materialize([pipeline_health()], instance=instance).get_asset_materialization_events()
    told = event.materialization.metadata
    assert told["ledger/report"].value == URL
    table = told["ledger/health"].value
    assert "<code>work</code>" in table
    assert told["ledger/jobs"].value == 1.0


def test_a_job_that_failed_makes_the_check_warn(place):
    work = dg.define_asset_job("work", [broken])
    defs = dg.Definitions(assets=[broken], jobs=[work])
    with dg.instance_for_test() as instance:
        assert not defs.resolve_job_def("work").execute_in_process(instance=instance, raise_on_error=False).success
        result = dg.materialize([pipeline_health("health", jobs=["work"])], instance=instance)
        (check,) = result.get_asset_check_evaluations()
    assert (check.check_name, check.passed, check.severity) == ("healthy", False, dg.AssetCheckSeverity.WARN)
    assert "work is failing" in (check.description or "")
