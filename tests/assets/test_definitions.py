"""The code location: what is declared, and a whole run whose ledger, metadata and report file agree."""

import json

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from assets.definitions import defs
from ledger.events import AssetFailed, MetricMeasured
from ledger.events.codec import from_table
from ledger.service.replay import replay_run
from ledger.store import open_store

JOBS = {"enrich_awards", "enrich_companies", "enrich_source"}


@pytest.fixture
def places(tmp_path, monkeypatch):
    monkeypatch.setenv("DAGSTER_LEDGER_URI", str(tmp_path / "ledger"))
    monkeypatch.setenv("DAGSTER_LEDGER_OUTPUT_DIR", str(tmp_path / "output"))
    return tmp_path


def test_everything_is_declared_with_group_kind_and_description():
    dg.Definitions.validate_loadable(defs)
    assert {job.name for job in defs.jobs} == JOBS
    assert [schedule.job_name for schedule in defs.schedules] == ["enrich_companies"]
    graph = defs.resolve_asset_graph()
    for key in graph.materializable_asset_keys:
        node = graph.get(key)
        assert node.group_name != "default", key
        assert node.kinds, key
        assert node.description, key


def test_ledger_metadata_and_report_file_say_the_same_of_a_whole_run(places):
    result = defs.resolve_job_def("enrich_companies").execute_in_process()
    assert result.success
    story = replay_run(open_store(str(places / "ledger")), result.run_id)
    rows = {row["asset"]: row for row in story.assets.to_pylist()}
    assert len(rows) == 7
    report = json.loads((places / "output" / "quality" / "enriched_companies.json").read_text())
    (event,) = result.asset_materializations_for_node("enriched_companies")
    for name in ("match_rate", "precision", "recall"):
        assert rows["enriched_companies"][name] == report[name] == event.metadata[f"ledger/{name}"].value
    breakdowns = {entry.metric: entry.counts for entry in story.breakdowns if entry.asset == "enriched_companies"}
    for name in ("confidence_rows", "identifier_type_rows", "method_rows", "unmatched_reason_rows"):
        assert breakdowns[name] == report[name]
    published = pq.read_table(places / "output" / "published" / "companies" / "current" / "companies.parquet")
    assert published.num_rows == rows["published_companies"]["rows_out"]


def test_a_source_of_ones_own_is_linked_by_configuration(places):
    pq.write_table(pa.table({"firm": ["Acme Inc", "Nobody"], "id": ["1AB2C", None]}), places / "source.parquet")
    (places / "registry.csv").write_text("key,firm,cage\n7,Acme Holdings,1AB2C\n8,Apex,\n")
    config = {
        "source": str(places / "source.parquet"),
        "registry": str(places / "registry.csv"),
        "name_column": "firm",
        "identifiers": [{"column": "id", "kind": "cage"}],
    }
    result = defs.resolve_job_def("enrich_source").execute_in_process(
        run_config={"ops": {"enriched_source": {"config": config}}}
    )
    assert result.success
    linked = pq.read_table(places / "output" / "stages" / "enriched_source.parquet")
    assert linked.column("key").to_pylist() == ["7", None]


def test_a_failure_in_the_middle_leaves_the_published_version_untouched(places):
    job = defs.resolve_job_def("enrich_companies")
    assert job.execute_in_process().success
    current = places / "output" / "published" / "companies" / "current"
    before = {path.name: path.read_bytes() for path in current.iterdir()}
    (places / "output" / "stages" / "registrants.parquet").write_bytes(b"not Parquet")
    result = job.execute_in_process(
        asset_selection=[
            dg.AssetKey("enriched_companies"),
            dg.AssetKey("published_companies"),
            dg.AssetKey("company_profile"),
        ],
        raise_on_error=False,
    )
    assert not result.success
    assert {path.name: path.read_bytes() for path in current.iterdir()} == before
    events = [entry.event for entry in from_table(open_store(str(places / "ledger")).read())]
    assert not [event for event in events if isinstance(event, AssetFailed) and event.asset == "published_companies"]
    assert [event for event in events if isinstance(event, MetricMeasured) and event.metric == "precision"]
