"""Scenarios: tests from end to end."""

import json

import pyarrow.parquet as pq
import pytest

from assets.sources import DATA
from ledger.events import AssetFailed, AssetStarted, SmokeTested
from tests.scenarios.test_tracking import ASSETS

pytestmark = [pytest.mark.exhaustive, pytest.mark.xdist_group("scenarios")]


def test_the_smoke_test_makes_every_asset_in_order(good, place, evidence):
    started = [one.asset for one in good.events(AssetStarted)][: len(ASSETS)]
    assert set(started) == ASSETS
    for before, after in (
        ("companies", "enriched_companies"),
        ("registrants", "registrant_identifiers"),
        ("registrant_identifiers", "enriched_companies"),
        ("enriched_companies", "company_profile"),
        ("company_profile", "published_companies"),
    ):
        assert started.index(before) < started.index(after)
    (answer,) = place.ask("smoke", "known_good")
    assert answer["passed"]
    (event,) = place.events(SmokeTested)
    assert (event.case, event.status) == ("known_good", "passed")
    evidence(f"{len(ASSETS)} assets in dependency order; known_good holds with {len(answer['findings'])} expectations")


def test_good_and_edge_case_inputs_come_out_as_expected(place, evidence):
    answers = {one["case"]: one for one in place.ask("smoke", "edge_cases", "bad_match_rate")}
    assert all(one["passed"] for one in answers.values())
    said = json.dumps(answers)
    assert "equals edge_cases/expected.csv" in said
    assert "published_companies" in json.dumps(answers["bad_match_rate"])
    evidence("edge cases equal their expected table; under a strict gate they are blocked, as expected")


def test_a_failure_keeps_its_context_and_what_was_published(place, tmp_path, evidence):
    inputs = tmp_path / "inputs"
    inputs.mkdir()
    for file in DATA.glob("*.parquet"):
        (inputs / file.name).write_bytes(file.read_bytes())
    words = ("--set", f"input_dir={inputs}")
    place.run(*words)
    published = place.path / "output" / "published" / "companies" / "current" / "companies.parquet"
    before = published.read_bytes()
    sound = (inputs / "companies.parquet").read_bytes()
    (inputs / "companies.parquet").write_bytes(sound[: len(sound) // 2])
    place.run(*words, code=1)
    (failed,) = place.events(AssetFailed)
    assert "companies.parquet cannot be read" in failed.error_message
    assert "Traceback" in failed.traceback
    assert published.read_bytes() == before
    (inputs / "companies.parquet").write_bytes(sound)
    place.run(*words, "--from-failure", "latest")
    assert (
        pq.read_table(published).num_rows
        == pq.read_table(DATA / "companies.parquet", columns=["company_id"]).to_pandas()["company_id"].nunique()
    )
    evidence("a torn input fails companies with file and traceback, what was published stays, --from-failure mends it")
