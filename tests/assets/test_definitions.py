"""The code location: what is declared, and runs whose ledger, metadata, report file and output agree."""

import json

import dagster as dg
import pyarrow.parquet as pq
import pytest

from assets.definitions import defs
from assets.defs import benchmark
from ledger.events import AssetFailed, AssetStarted
from ledger.events.codec import from_table
from ledger.service.reading.replay import replay_run
from ledger.store import open_store

SELECTED = {
    "benchmark_suite": set(benchmark.ASSETS),
    "check_health": {"pipeline_health"},
    "enrich_awards": {"awards", "award_registry", "award_truth", "enriched_awards"},
    "enrich_companies": {
        *("companies", "registrants", "registrant_identifiers", "enriched_companies"),
        *("name_matching", "company_profile", "published_companies"),
    },
    "enrich_source": {"enriched_source"},
}
RATIOS = (
    "match_rate", "precision", "recall", "mean_confidence", "calibration_error", "max_method_calibration_error",
)  # fmt: skip
COUNTS = ("matched_rows", "unmatched_rows", "labelled_rows", "duplicate_rows")
BREAKDOWNS = {
    name: name
    for name in (
        "confidence_rows",
        "identifier_type_rows",
        "method_rows",
        "unmatched_reason_rows",
        "method_precision",
        "method_confidence",
        "method_calibration_error",
        "method_scored_rows",
    )
} | {"refused_identifier_count": "refused_identifiers"}


def places(patch, place):
    patch.setenv("DAGSTER_LEDGER_URI", str(place / "ledger"))
    patch.setenv("DAGSTER_LEDGER_OUTPUT_DIR", str(place / "output"))
    return place


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """One whole run of ``enrich_companies``: where its ledger and output are, and Dagster's result."""
    with pytest.MonkeyPatch.context() as patch:
        place = places(patch, tmp_path_factory.mktemp("run"))
        yield place, defs.resolve_job_def("enrich_companies").execute_in_process()


def story(place, run_id):
    return replay_run(open_store(str(place / "ledger")), run_id)


def events(place, kind) -> list[str]:
    found = [entry.event for entry in from_table(open_store(str(place / "ledger")).read())]
    return [event.asset for event in found if isinstance(event, kind)]


def test_everything_is_declared_with_group_kind_and_description():
    dg.Definitions.validate_loadable(defs)
    graph = defs.resolve_asset_graph()
    assert {key.to_user_string() for key in graph.materializable_asset_keys} == set().union(*SELECTED.values())
    for key in graph.materializable_asset_keys:
        node = graph.get(key)
        assert node.group_name in {"awards", "benchmark", "companies", "configured", "operations"}, key
        assert node.kinds <= {"csv", "duckdb", "json", "numpy", "parquet", "python"}, key
        assert node.kinds, key
        assert node.description, key


@pytest.mark.parametrize("name", SELECTED)
def test_each_job_makes_its_own_assets_and_says_what_for(name):
    job = defs.resolve_job_def(name)
    assert {key.to_user_string() for key in job.asset_layer.executable_asset_keys} == SELECTED[name]
    assert job.description


def test_companies_are_enriched_every_morning():
    (schedule,) = defs.schedules
    assert (schedule.job_name, schedule.cron_schedule) == ("enrich_companies", "0 6 * * *")


@pytest.mark.parametrize("asset", ["enriched_companies", "name_matching"])
def test_ledger_metadata_and_report_file_say_the_same(run, asset):
    place, result = run
    assert result.success
    replayed = story(place, result.run_id)
    (row,) = [row for row in replayed.assets.to_pylist() if row["asset"] == asset]
    report = json.loads((place / "output" / "quality" / f"{asset}.json").read_text())
    (event,) = result.asset_materializations_for_node(asset)
    for name in ("match_rate", "precision", "recall"):
        assert row[name] == report[name]
    for name in (*RATIOS, *COUNTS):
        assert event.metadata[f"ledger/{name}"].value == report[name], name
    breakdowns = {entry.metric: entry.counts for entry in replayed.breakdowns if entry.asset == asset}
    for name, written in BREAKDOWNS.items():
        assert breakdowns.get(name, {}) == report[written], name
    assert report["labelled_rows"] == 1_103
    assert report["precision"] >= 0.97


def test_a_run_gives_the_links_of_the_matcher_and_publishes_them(run, by_cascade, by_name):
    place, result = run
    stages, published = place / "output" / "stages", place / "output" / "published" / "companies" / "current"
    assert pq.read_table(stages / "name_matching.parquet").equals(by_name)
    enriched = pq.read_table(stages / "enriched_companies.parquet")
    linked = [name for name in by_cascade.column_names if name != "confidence"]  # That one is calibrated.
    assert enriched.select(linked).equals(by_cascade.select(linked))
    assert pq.read_table(published / "companies.parquet").equals(enriched)
    profile = pq.read_table(published / "profile.parquet").to_pydict()
    assert sum(profile["companies"]) == enriched.num_rows
    assert sum(profile["linked"]) == enriched.num_rows - enriched.column("key").null_count
    rows = {row["asset"]: row for row in story(place, result.run_id).assets.to_pylist()}
    assert set(rows) == SELECTED["enrich_companies"]
    assert rows["published_companies"]["rows_out"] == enriched.num_rows == 1_877


def test_awards_are_generated_and_linked_at_the_size_asked_for(tmp_path, monkeypatch):
    place = places(monkeypatch, tmp_path)
    config = {"ops": {"generated_awards": {"config": {"awards": 300, "registry": 900, "seed": 3}}}}
    assert defs.resolve_job_def("enrich_awards").execute_in_process(run_config=config).success
    report = json.loads((place / "output" / "quality" / "enriched_awards.json").read_text())
    assert report["rows"] == 300
    assert report["precision"] >= 0.95
    assert {"uei", "duns", "cage"} <= set(report["identifier_type_rows"])


MIDDLE = {
    "enriched_companies": ("registrants", {"enriched_companies", "company_profile", "published_companies"}),
    "company_profile": ("registrants", {"company_profile", "published_companies"}),
    "published_companies": ("company_profile", {"published_companies"}),
}


@pytest.mark.parametrize("failing", MIDDLE)
def test_a_failure_in_the_middle_leaves_the_published_version_and_the_reports_untouched(run, monkeypatch, failing):
    place, _ = run
    places(monkeypatch, place)
    damaged, selected = MIDDLE[failing]
    kept = [path for name in ("published", "quality") for path in (place / "output" / name).rglob("*.*")]
    before = {path: path.read_bytes() for path in kept}
    input_ = place / "output" / "stages" / f"{damaged}.parquet"
    sound, started, failed = input_.read_bytes(), events(place, AssetStarted), events(place, AssetFailed)
    input_.write_bytes(b"not Parquet")
    try:
        result = defs.resolve_job_def("enrich_companies").execute_in_process(
            asset_selection=[dg.AssetKey(name) for name in selected], raise_on_error=False
        )
    finally:
        input_.write_bytes(sound)
    assert not result.success
    assert {path: path.read_bytes() for path in before} == before
    assert [event.step_key for event in result.get_step_failure_events()][:1] == [failing]
    assert "published_companies" not in events(place, AssetStarted)[len(started) :]
    assert set(events(place, AssetFailed)[len(failed) :]) <= {failing}


def test_an_asset_that_fails_in_its_own_code_is_in_the_ledger_and_nothing_after_it_runs(run, monkeypatch):
    place, _ = run
    places(monkeypatch, place)
    current = place / "output" / "published" / "companies" / "current"
    before, started = {path: path.read_bytes() for path in current.iterdir()}, events(place, AssetStarted)
    quality = place / "output" / "quality"
    quality.rename(place / "aside")
    quality.write_text("a file where the reports should go")
    try:
        result = defs.resolve_job_def("enrich_companies").execute_in_process(raise_on_error=False)
    finally:
        quality.unlink()
        (place / "aside").rename(quality)
    rows = {row["asset"]: row["status"] for row in story(place, result.run_id).assets.to_pylist()}
    assert rows == {
        "companies": "success",
        "registrants": "success",
        "registrant_identifiers": "success",
        "enriched_companies": "failed",
        "name_matching": "failed",
    }
    assert len(events(place, AssetStarted)) == len(started) + len(rows)
    assert {path: path.read_bytes() for path in before} == before


@pytest.mark.parametrize("gate", ["match_rate", "precision"])
def test_links_below_a_gate_are_not_published_and_the_version_before_stays(run, monkeypatch, gate):
    place, _ = run
    places(monkeypatch, place)
    monkeypatch.setenv(f"DAGSTER_LEDGER_{gate.upper()}_THRESHOLD", "0.9999")
    current = place / "output" / "published" / "companies" / "current"
    before = {path: path.read_bytes() for path in current.iterdir()}
    result = defs.resolve_job_def("enrich_companies").execute_in_process(raise_on_error=False)
    assert {found.check_name for found in result.get_asset_check_evaluations() if not found.passed} == {f"{gate}_gate"}
    rows = {row["asset"]: row["status"] for row in story(place, result.run_id).assets.to_pylist()}
    assert rows["enriched_companies"] == "success"
    assert not {"company_profile", "published_companies"} & set(rows)
    assert {path: path.read_bytes() for path in before} == before
