"""Scenarios: inputs larger than memory."""

import json

import pyarrow.parquet as pq
import pytest

from assets.generate import generate
from ledger.events import AssetFinished, ChunkCompleted, ChunksAdapted, ConfigurationResolved, ProgressReported
from tests.scenarios.conftest import Place, made

pytestmark = [pytest.mark.exhaustive, pytest.mark.xdist_group("scenarios")]

AWARDS, REGISTRY = 3_000, 2_000


@pytest.fixture(scope="session")
def inputs(tmp_path_factory) -> dict:
    """Files of awards and of a registry, and the run configuration that names them."""
    place = tmp_path_factory.mktemp("inputs")
    tables = generate(AWARDS, REGISTRY, 5)
    for name, table in (("source", tables.awards), ("registry", tables.registry), ("truth", tables.truth)):
        pq.write_table(table, place / f"{name}.parquet")
    told = {name: str(place / f"{name}.parquet") for name in ("source", "registry", "truth")}
    identifiers = [{"column": kind, "kind": kind} for kind in ("uei", "duns", "cage")]
    return {"ops": {"enriched_source": {"config": told | {"identifiers": identifiers}}}}


def link(place: Place, inputs: dict, *words: str) -> bytes:
    """Link the awards; return the file that is made."""
    config = place.path / "run.yaml"
    config.write_text(json.dumps(inputs))
    place.run("--run-config", str(config), *words, job="enrich_source")
    return (place.path / "output" / "stages" / "enriched_source.parquet").read_bytes()


def test_chunks_of_the_configured_size_combine_to_the_same_result(inputs, tmp_path, evidence):
    whole, cut = made(tmp_path / "whole"), made(tmp_path / "cut")
    assert link(whole, inputs) == link(cut, inputs, "--set", "chunk_size=700")
    (resolved,) = whole.events(ConfigurationResolved)
    assert (resolved.values["chunk_size"], resolved.sources["chunk_size"].partition(":")[0]) == (
        25_000,
        "config/base.yaml",
    )
    sizes = [one.stop_row - one.start_row for one in cut.events(ChunkCompleted)]
    assert max(sizes) <= 700
    assert sum(sizes) == AWARDS
    evidence(
        f"chunk_size 25000 from config/base.yaml; {AWARDS} rows in {len(sizes)} chunks of 700 and less: same bytes"
    )


def test_progress_and_the_time_left_are_told(inputs, place, evidence):
    link(place, inputs, "--set", "chunk_size=200", "--set", "progress_every_s=0")
    told = place.events(ProgressReported)
    assert [one.value for one in told] == sorted(one.value for one in told)
    assert told[-1].value == told[-1].total == AWARDS
    assert [one for one in told if one.eta_s is not None and one.eta_s > 0]
    (run,) = {one.run_id for one in told}
    lines = [line for line in place.log(run) if "of 3,000 rows" in line]
    assert lines
    evidence(f"progress up to {AWARDS} of {AWARDS} rows with the time left in the ledger; rows in Dagster's log")


def test_memory_pressure_changes_the_work_and_fails_nothing(inputs, tmp_path, evidence):
    tight, roomy = made(tmp_path / "tight"), made(tmp_path / "roomy")
    assert link(tight, inputs, "--set", "memory_threshold_mb=64") == link(roomy, inputs)
    changes = {one.change for one in tight.events(ChunksAdapted)}
    assert changes & {"shrunk", "strategy_switched"}
    assert tight.events(AssetFinished)
    (run,) = {one.run_id for one in tight.events(ChunksAdapted)}
    assert [line for line in tight.log(run) if line.startswith("memory: ")]
    evidence("at 64 MiB chunks shrink and the strategy is switched, the file is the same bytes, each change is logged")
