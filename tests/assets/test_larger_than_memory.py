"""A source from a file, matched in chunks: the same bytes whatever the chunks, resumed where it was killed."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from assets.definitions import defs
from assets.generate import generate
from ledger.events import AssetFailed, ChunkCompleted, ChunksAdapted, ChunksResumed, MetricMeasured
from ledger.events.codec import from_table
from ledger.store import open_store

AWARDS, REGISTRY = 4_000, 3_000
IDENTIFIERS = [{"column": kind, "kind": kind} for kind in ("uei", "duns", "cage")]


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> dict[str, str]:
    place = tmp_path_factory.mktemp("files")
    made = generate(AWARDS, REGISTRY, 3)
    paths = {
        "source": place / "awards.parquet",
        "registry": place / "registry.parquet",
        "truth": place / "truth.parquet",
    }
    pq.write_table(made.awards, paths["source"], row_group_size=1_500)
    pq.write_table(made.registry, paths["registry"])
    pq.write_table(made.truth, paths["truth"])
    return {name: str(path) for name, path in paths.items()}


def link(place: Path, files: dict[str, str], **settings: object) -> Path:
    """Run ``enrich_source`` with settings from the environment; return the file it made."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAGSTER_LEDGER_URI", str(place / "ledger"))
        patch.setenv("DAGSTER_LEDGER_OUTPUT_DIR", str(place / "output"))
        for name, value in settings.items():
            patch.setenv(f"DAGSTER_LEDGER_{name.upper()}", str(value))
        config = {"ops": {"enriched_source": {"config": {**files, "identifiers": IDENTIFIERS}}}}
        assert defs.resolve_job_def("enrich_source").execute_in_process(run_config=config).success
    return place / "output" / "stages" / "enriched_source.parquet"


def events(place: Path, *kinds: type) -> list:
    found = [entry.event for entry in from_table(open_store(str(place / "ledger")).read())]
    return [event for event in found if isinstance(event, kinds)]


@pytest.fixture(scope="module")
def whole(files, tmp_path_factory) -> bytes:
    """The bytes of one chunk that is everything."""
    return link(tmp_path_factory.mktemp("whole"), files, chunk_size=1_000_000).read_bytes()


@pytest.mark.parametrize("size", [pytest.param(37, marks=pytest.mark.slow), 400, 1_499, 1_500, 3_999])
def test_the_file_is_the_same_bytes_at_every_chunk_size(files, whole, tmp_path, size):
    assert link(tmp_path, files, chunk_size=size).read_bytes() == whole
    chunks = events(tmp_path, ChunkCompleted)
    assert sum(one.stop_row - one.start_row for one in chunks) == AWARDS
    assert max(one.stop_row - one.start_row for one in chunks) <= size


def test_a_pool_of_processes_makes_the_same_bytes(files, whole, tmp_path):
    assert link(tmp_path, files, chunk_size=1_000, chunk_workers=2).read_bytes() == whole


@pytest.fixture(scope="module")
def cluster():
    distributed = pytest.importorskip("distributed", reason="needs the extra dask")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=":0", memory_limit=None
    ) as found:
        yield found


@pytest.mark.slow
@pytest.mark.xdist_group("dask")
def test_a_dask_cluster_makes_the_same_bytes_although_its_workers_are_killed(files, whole, tmp_path, cluster):
    there = {"chunk_executor": "dask", "dask_scheduler": cluster.scheduler_address}
    assert link(tmp_path / "untroubled", files, chunk_size=900, **there).read_bytes() == whole

    pids = [worker.process.pid for worker in cluster.workers.values()]
    place = tmp_path / "killed"

    def kill():
        while len(list(place.glob("output/.work/enriched_source/*/parts/*.arrow"))) < 3:
            time.sleep(0.001)
        os.kill(pids[0], signal.SIGKILL)

    killing = threading.Thread(target=kill)
    killing.start()
    assert link(place, files, chunk_size=40, **there).read_bytes() == whole
    killing.join()
    assert events(place, AssetFailed) == []
    assert pids[0] not in {worker.process.pid for worker in cluster.workers.values() if worker.process}
    assert sum(one.stop_row - one.start_row for one in events(place, ChunkCompleted)) == AWARDS


@pytest.mark.slow
@pytest.mark.xdist_group("dask")
def test_a_cluster_goes_on_with_what_a_pool_began_at_another_chunk_size(files, whole, tmp_path, cluster):
    broken = tmp_path / "broken.parquet"
    shutil.copy(files["source"], broken)
    told = {**files, "source": str(broken)}

    def touch():
        while not list(tmp_path.glob("output/.work/enriched_source/*/parts/*.arrow")):
            time.sleep(0.001)
        broken.touch()

    touching = threading.Thread(target=touch)
    touching.start()
    with pytest.raises(Exception, match="changed while it was read"):
        link(tmp_path, told, chunk_size=50, chunk_workers=2)
    touching.join()
    there = {"chunk_executor": "dask", "dask_scheduler": cluster.scheduler_address}
    assert link(tmp_path, told, chunk_size=333, **there).read_bytes() == whole
    assert [event.kept_rows > 0 for event in events(tmp_path, ChunksResumed)] == [False, True]


def test_the_figures_are_recorded_and_begun_work_is_gone(files, tmp_path):
    link(tmp_path, files, chunk_size=1_000)
    values = {event.metric: event.value for event in events(tmp_path, MetricMeasured)}
    assert (values["rows_in"], values["rows_out"], values["chunk_attempts"]) == (AWARDS, AWARDS, 7)
    assert values["peak_anonymous_bytes"] > 0
    assert 0.5 < values["match_rate"] <= 1.0
    assert {one.change for one in events(tmp_path, ChunksAdapted)} == {"grown"}
    report = json.loads((tmp_path / "output" / "quality" / "enriched_source.json").read_text())
    assert report["rows"] == AWARDS
    assert not list((tmp_path / "output" / ".work" / "enriched_source").iterdir())


KILLED = """
import os, signal, sys
from assets import matcher
kept = matcher.match_range
calls = []
def killing(*arguments):
    calls.append(1)
    if len(calls) == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)
    return kept(*arguments)
matcher.match_range = killing
from assets.definitions import defs
import json
defs.resolve_job_def("enrich_source").execute_in_process(run_config=json.loads(sys.argv[1]))
"""


def test_a_killed_run_is_resumed_by_the_next_and_the_bytes_are_the_same(files, whole, tmp_path):
    config = {"ops": {"enriched_source": {"config": {**files, "identifiers": IDENTIFIERS}}}}
    environment = os.environ | {
        "DAGSTER_LEDGER_URI": str(tmp_path / "ledger"),
        "DAGSTER_LEDGER_OUTPUT_DIR": str(tmp_path / "output"),
        "DAGSTER_LEDGER_CHUNK_SIZE": "400",
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    command = [sys.executable, "-c", KILLED, json.dumps(config), "5"]
    assert subprocess.run(command, env=environment, check=False, capture_output=True).returncode == -signal.SIGKILL
    assert not (tmp_path / "output" / "stages" / "enriched_source.parquet").exists()
    before = len(events(tmp_path, ChunkCompleted))
    assert before == 4
    assert link(tmp_path, files, chunk_size=900).read_bytes() == whole
    resumed = events(tmp_path, ChunksResumed)[-1]
    assert resumed.kept_rows > 0
    assert [one["stop_row"] - one["start_row"] for one in resumed.deaths] == [400]
    made = events(tmp_path, ChunkCompleted)
    assert sum(one.stop_row - one.start_row for one in made) == AWARDS
    assert "halved_after_death" in {one.change for one in events(tmp_path, ChunksAdapted)}


@pytest.mark.slow
def test_a_damaged_row_group_is_told_with_its_rows_and_the_rest_is_kept(files, tmp_path):
    broken = tmp_path / "broken.parquet"
    data = bytearray(Path(files["source"]).read_bytes())
    group = pq.read_metadata(files["source"]).row_group(1).column(1)
    data[group.data_page_offset : group.data_page_offset + 400] = bytes(400)
    broken.write_bytes(data)
    told = {**files, "source": str(broken)}
    with pytest.raises(Exception, match="rows could not be made"):
        link(tmp_path, told, chunk_size=500, chunk_retries=0)
    (failed,) = events(tmp_path, AssetFailed)
    assert "the rest is kept, run again to resume" in failed.error_message
    assert failed.context["failed_rows"]
    made = {one.start_row for one in events(tmp_path, ChunkCompleted)}
    assert any(start >= 3_000 for start in made)
    link(tmp_path, told, chunk_size=500, chunk_retries=0, on_chunk_failure="quarantine")
    values = {event.metric: event.value for event in events(tmp_path, MetricMeasured)}
    assert values["quarantined_rows"] == 1_500
    assert pq.read_table(tmp_path / "output" / "stages" / "enriched_source.parquet").num_rows == AWARDS - 1_500
