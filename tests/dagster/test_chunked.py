"""Work in chunks inside assets: partitions kept apart, limits that alert with their rows, pools that outlast them."""

import contextlib
import os
import signal
import subprocess
import sys
import time

import dagster as dg
import pyarrow.parquet as pq
import pytest

from assets.io import ParquetIOManager
from ledger.dagster import tracked
from ledger.dagster.chunked import run_chunked
from ledger.events import (
    AlertRaised,
    AssetFailed,
    AssetFinished,
    ChunkCompleted,
    ChunksResumed,
    MetricMeasured,
    ProgressReported,
)
from ledger.names import file_name
from tests.unit.chunks.making import SCHEMA, Maker

HOSTILE = "../<b>&\u202e|" + "x" * 300
KINDS = dg.StaticPartitionsDefinition(["north", "south", HOSTILE])
ROWS = 40


@pytest.fixture
def notes(project, monkeypatch):
    place = project / "notes"
    place.mkdir()
    monkeypatch.setenv("DAGSTER_LEDGER_CHUNK_SIZE", "10")
    monkeypatch.setenv("DAGSTER_LEDGER_CHUNK_RETRIES", "0")
    monkeypatch.setenv("DAGSTER_LEDGER_CHUNK_BACKOFF_S", "0.0")
    return place


def made(name, maker):
    """Yield what an asset in chunks yields."""
    found = run_chunked(name, rows=ROWS, inputs={}, parameters={"version": 1}, make=maker)
    yield dg.Output(found.parquet(SCHEMA))
    found.remove()


def published(project, partition):
    path = project / "output" / "stages" / "grouped" / f"{file_name(partition)}.parquet"
    return pq.read_table(path).column("row").to_pylist() if path.exists() else None


def test_partitions_are_work_of_their_own_although_they_read_the_same(materialize, ledger, notes, project):
    poison = {"south": frozenset({25})}

    @dg.asset(partitions_def=KINDS, io_manager_key="io")
    @tracked
    def grouped(context: dg.AssetExecutionContext):
        yield from made("grouped", Maker(notes, poison=poison.get(context.partition_key, frozenset())))

    def attempt(partition):
        return materialize(grouped, partition_key=partition, resources={"io": ParquetIOManager()}).success

    assert attempt("north")
    assert not attempt("south")
    assert attempt(HOSTILE)
    assert [published(project, key) for key in ("north", "south", HOSTILE)] == [[*range(ROWS)], None, [*range(ROWS)]]
    assert sorted(path.name for path in (project / "output").iterdir()) == [".work", "stages"]
    poison.clear()
    assert attempt("south")
    assert published(project, "south") == [*range(ROWS)]
    resumed = [(event.partition, event.kept_rows) for event in ledger.events(ChunksResumed)]
    assert resumed == [("north", 0), ("south", 0), (HOSTILE, 0), ("south", ROWS - 1)]
    rows = {}
    for event in ledger.events(ChunkCompleted):
        rows[event.partition] = rows.get(event.partition, 0) + event.stop_row - event.start_row
    assert rows == {"north": ROWS, "south": ROWS, HOSTILE: ROWS}
    attempts = [
        (event.partition, event.value) for event in ledger.events(MetricMeasured) if event.metric == "chunk_attempts"
    ]
    assert attempts == [("north", 4.0), (HOSTILE, 4.0), ("south", 1.0)]
    assert not list((project / "output" / ".work" / "grouped").iterdir())


def test_a_chunk_whose_worker_could_not_tell_of_it_is_in_the_ledger_with_its_rows(materialize, ledger, notes, project):
    @contextlib.contextmanager
    def stopped_too_late(resources):
        (begun,) = (project / "output" / ".work" / "grouped").iterdir()
        with Maker(notes, late=frozenset({12}), directory=begun)(resources) as work:
            yield work

    @dg.asset(io_manager_key="io")
    @tracked
    def grouped():
        yield from made("grouped", stopped_too_late)

    assert materialize(grouped, resources={"io": ParquetIOManager()}).success
    chunks = {(one.start_row, one.stop_row): one for one in ledger.events(ChunkCompleted)}
    assert sum(stop - start for start, stop in chunks) == ROWS
    (found,) = [one for (start, stop), one in chunks.items() if start <= 12 < stop]
    assert found.rows_out == found.stop_row - found.start_row
    assert (found.wall_s, found.base_bytes, found.peak_bytes, found.peak_method) == (None, None, None, None)
    assert all(one.wall_s > 0 and one.peak_bytes > 0 for one in chunks.values() if one is not found)
    assert [one.value for one in ledger.events(ProgressReported)][-1] == ROWS


LOCATION = """
    import dagster as dg

    from assets.io import ParquetIOManager
    from ledger.dagster import tracked
    from ledger.dagster.chunked import run_chunked
    from tests.unit.chunks.making import SCHEMA, Maker
    from pathlib import Path

    KINDS = dg.StaticPartitionsDefinition(["east", "north", "south"])

    @dg.asset(partitions_def=KINDS)
    @tracked
    def grouped(context: dg.AssetExecutionContext):
        poison = frozenset({25}) if context.partition_key == "south" and not Path("repaired").exists() else frozenset()
        made = run_chunked(
            "grouped", rows=40, inputs={}, parameters={"version": 1}, make=Maker(Path("notes"), poison=poison)
        )
        yield dg.Output(made.parquet(SCHEMA))
        made.remove()

    defs = dg.Definitions(
        assets=[grouped],
        jobs=[dg.define_asset_job("groups", selection=[grouped])],
        resources={"io_manager": ParquetIOManager()},
    )
"""


@pytest.mark.slow
def test_a_backfill_makes_each_partition_in_a_run_of_its_own_and_the_next_one_resumes_what_failed(
    home, ledger, notes, project, code_location
):
    module = code_location(LOCATION)
    dg.DagsterInstance.get().dispose()  # Its databases are there before two processes would make them at once.
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(project), *sys.path])}
    command = [sys.executable, "-m", "dagster", "job", "backfill", "-m", module, "-j", "groups", "--noprompt"]
    daemon = subprocess.Popen(
        [sys.executable, "-m", "dagster._daemon", "run", "-m", module],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        for words, ended in ((["--partitions", "east,north,south"], 3), (["--partitions", "south"], 4)):
            asked = subprocess.run([*command, *words], env=environment, capture_output=True, text=True, check=False)
            assert asked.returncode == 0, asked
            until = time.monotonic() + 150.0
            while len(ledger.events(AssetFailed, AssetFinished)) < ended:
                assert time.monotonic() < until, ledger.statuses()
                time.sleep(0.5)
            (project / "repaired").touch()
    finally:
        os.killpg(daemon.pid, signal.SIGTERM)
        daemon.wait()
    assert [published(project, key) for key in ("east", "north", "south")] == [[*range(ROWS)]] * 3
    assert len({event.run_id for event in ledger.events(ChunkCompleted)}) == 4
    assert sorted((event.partition, event.kept_rows) for event in ledger.events(ChunksResumed)) == [
        ("east", 0),
        ("north", 0),
        ("south", 0),
        ("south", ROWS - 1),
    ]


@pytest.mark.parametrize("on_failure", ["fail", "quarantine"])
def test_a_chunk_that_takes_too_long_alerts_with_its_rows(
    materialize, ledger, instance, notes, monkeypatch, on_failure
):
    monkeypatch.setenv("DAGSTER_LEDGER_TIMEOUT_SECONDS", "0.3")
    monkeypatch.setenv("DAGSTER_LEDGER_CHUNK_SIZE", "4")
    monkeypatch.setenv("DAGSTER_LEDGER_ON_CHUNK_FAILURE", on_failure)

    @dg.asset(io_manager_key="io")
    @tracked
    def slowly():
        yield from made("slowly", Maker(notes, stalls=frozenset({6})))

    result = materialize(slowly, resources={"io": ParquetIOManager()})
    assert result.success == (on_failure == "quarantine")
    (alert,) = [event for event in ledger.events(AlertRaised) if event.threshold == 0.3 and "rows" in event.message]
    assert (alert.severity, alert.metric, alert.unit) == ("critical", "duration_s", "s")
    assert alert.message == "rows 6 to 6 of slowly were stopped: they ran for longer than timeout_seconds (0.3 s)"
    told = instance.fetch_observations(dg.AssetKey("slowly"), limit=10).records
    assert alert.message in [record.asset_observation.description for record in told if record.run_id == result.run_id]


def test_a_late_chunk_alerts_whatever_the_asset_makes_of_the_error(materialize, ledger, notes, monkeypatch):
    monkeypatch.setenv("DAGSTER_LEDGER_TIMEOUT_SECONDS", "0.3")
    monkeypatch.setenv("DAGSTER_LEDGER_CHUNK_SIZE", "1")

    @dg.asset
    @tracked
    def wrapped():
        try:
            run_chunked("wrapped", rows=2, inputs={}, parameters={}, make=Maker(notes, stalls=frozenset({1})))
        except Exception as error:
            message = "it did not work"
            raise RuntimeError(message) from error

    assert not materialize(wrapped).success
    assert ["rows 1 to 1 of wrapped" in event.message for event in ledger.events(AlertRaised)] == [True]
