"""Chunks on a real Dask cluster of processes: the same bytes, and deaths, overruns and errors as in a pool."""

import contextlib
import os
import signal
import sys

import pytest

from ledger.chunks import ChunkOptions, ChunksFailedError, ParquetWriting, Parts, publish, regrouped, run
from ledger.chunks.dask_workers import DaskWorkers, SchedulerUnreachableError
from ledger.chunks.work import Resources
from ledger.errors import ConfigurationError
from tests.unit.chunks.making import SCHEMA, Heard, Maker, plan, squares

distributed = pytest.importorskip("distributed", reason="needs the extra dask")
pytestmark = pytest.mark.xdist_group("dask")


@pytest.fixture(scope="module")
def cluster():
    import dask  # noqa: PLC0415 - an extra

    quick = {"distributed.comm.timeouts.connect": "10s", "distributed.worker.daemon": True}
    with (
        dask.config.set(quick),
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0", memory_limit=None
        ) as found,
    ):
        yield found


@pytest.fixture
def notes(tmp_path):
    place = tmp_path / "notes"
    place.mkdir()
    return place


@pytest.fixture
def options(cluster):
    def told(**more) -> ChunkOptions:
        usual = {"chunk_size": 6, "backoff_s": 0.0, "timeout_s": 60.0, "smallest_rows": 1}
        return ChunkOptions(executor="dask", dask_scheduler=cluster.scheduler_address, **usual | more)

    return told


def published(finished, target) -> str:
    tables = regrouped(finished.parts.tables(finished.chain))
    return publish({"squares.parquet": ParquetWriting(SCHEMA, tables)}, target).digest


def test_workers_make_the_same_bytes_at_every_chunk_size_and_go_on_with_what_another_executor_began(
    tmp_path, notes, options
):
    here = run(plan(40), tmp_path / "here", Maker(notes), ChunkOptions(chunk_size=7), Heard())
    expected = published(here, tmp_path / "a")
    for size in (5, 40):
        there = run(plan(40), tmp_path / f"there-{size}", Maker(notes), options(chunk_size=size), Heard())
        assert published(there, tmp_path / f"b-{size}") == expected
    begun = tmp_path / "begun"
    poison = Maker(notes, poison=frozenset({12}))
    with pytest.raises(ChunksFailedError, match=r"rows 12 to 12\): ValueError: row 12 is poison"):
        run(plan(40), begun, poison, options(retries=0), Heard())
    resumed = run(plan(40), begun, Maker(notes), ChunkOptions(chunk_size=40), Heard())
    assert resumed.resumed_rows == 39
    assert published(resumed, tmp_path / "c") == expected


def test_a_worker_that_is_killed_is_told_with_its_rows_and_replaced(tmp_path, notes, options):
    heard = Heard()
    finished = run(plan(40), tmp_path / "work", Maker(notes, deadly=frozenset({13})), options(), heard)
    assert next(regrouped(finished.parts.tables(finished.chain), 40)).equals(squares(0, 40))
    assert [(one.kind, one.start <= 13 < one.stop) for one, _, _ in heard.failures] == [("died", True)]
    assert "killed, perhaps for its memory" in heard.failures[0][0].message
    assert [one.change for one in heard.adaptations] == ["halved_after_death"]


@pytest.mark.timeout(120)
def test_a_worker_that_is_killed_between_its_chunk_and_the_question_for_it_is_not_waited_for(tmp_path, notes, cluster):
    parts = Parts(tmp_path / "work")
    parts.begin(plan(6))
    workers = DaskWorkers(parts, Maker(notes), Resources(), (), 60.0, cluster.scheduler_address)
    try:
        workers.submit((0, 6))
        (address,) = workers._at_work
        assert workers._news.wait(60)
        (pid,) = [worker.process.pid for worker in cluster.workers.values() if worker.worker_address == address]
        os.kill(pid, signal.SIGKILL)
        while not (outcomes := workers.outcomes()):
            pass
    finally:
        workers.close()
    assert [(one.kind, one.start, one.stop) for one in outcomes] == [("died", 0, 6)]
    assert [part.rows for part in parts.found()] == [(0, 6)]


@pytest.mark.slow
def test_a_chunk_that_kills_every_worker_is_cut_until_its_row_is_known(tmp_path, notes, options):
    told = options(retries=0, on_failure="quarantine")
    finished = run(plan(12), tmp_path / "work", Maker(notes, deadly=frozenset({3}), once=False), told, Heard())
    assert [(one.start, one.stop, one.kind) for one in finished.quarantined] == [(3, 4, "died")]


@pytest.mark.slow
def test_a_chunk_that_takes_too_long_costs_its_worker_and_nobody_else(tmp_path, notes, options):
    told = options(chunk_size=1, timeout_s=5.0, retries=0, on_failure="quarantine")
    finished = run(plan(6), tmp_path / "work", Maker(notes, stalls=frozenset({2})), told, Heard())
    assert [(one.start, one.stop, one.kind) for one in finished.quarantined] == [(2, 3, "timeout")]
    assert "timeout_seconds (5 s)" in finished.quarantined[0].message
    assert [part.rows for part in finished.chain] == [(row, row + 1) for row in range(6) if row != 2]


def test_what_a_worker_raises_is_told_with_its_traceback(tmp_path, notes, options):
    heard = Heard()
    with pytest.raises(ChunksFailedError, match="row 12 is poison"):
        run(plan(40), tmp_path / "work", Maker(notes, poison=frozenset({12})), options(retries=0), heard)
    assert "in _work" in heard.failures[0][0].traceback


def test_where_the_function_cannot_be_made_it_stops_at_once(tmp_path, options):
    with pytest.raises(ChunksFailedError, match=r"nothing could be made .*there is no registry"):
        run(plan(40), tmp_path / "work", no_registry, options(retries=0), Heard())


def no_registry(resources):
    message = f"there is no registry for {resources}"
    raise ValueError(message)


def test_where_fewer_rows_do_not_help_workers_are_prepared_anew(tmp_path, notes, options):
    heard = Heard()
    finished = run(plan(60), tmp_path / "work", Maker(notes), options(memory_limit_bytes=2), heard)
    assert [one.change for one in heard.adaptations].count("strategy_switched") == 1
    assert {"loose", "tight"} <= {path.name.split("-")[0] for path in notes.iterdir()}
    assert [part.rows[1] for part in finished.chain][-1] == 60


def test_a_worker_is_told_how_many_threads_it_has_and_what_it_prepared_is_taken_down(tmp_path, options, cluster):
    run(plan(4), tmp_path / "work", Recorded(str(tmp_path)), options(), Heard())
    assert {path.read_text() for path in tmp_path.glob("opened-*")} == {"1"}
    assert sorted(path.name[7:] for path in tmp_path.glob("opened-*")) == sorted(
        path.name[7:] for path in tmp_path.glob("closed-*")
    )


class Recorded:
    """Notes in files that it was made, and taken down."""

    def __init__(self, place):
        self.place = place

    @contextlib.contextmanager
    def __call__(self, resources):
        path = f"{self.place}/{{}}-{os.getpid()}"
        with open(path.format("opened"), "w") as file:  # noqa: PTH123 - the worker needs no more
            file.write(str(resources.threads))
        yield squares
        with open(path.format("closed"), "w"):  # noqa: PTH123
            pass


def test_a_scheduler_that_nobody_listens_at_is_told_in_one_sentence(tmp_path, notes, monkeypatch):
    monkeypatch.setattr("ledger.chunks.dask_workers._CONNECT_S", 1.0)
    told = ChunkOptions(chunk_size=6, executor="dask", dask_scheduler="tcp://127.0.0.1:9")
    with pytest.raises(
        SchedulerUnreachableError, match=r"tcp://127\.0\.0\.1:9 cannot be reached .*; start it, or correct"
    ):
        run(plan(40), tmp_path / "work", Maker(notes), told, Heard())
    nameless = ChunkOptions(chunk_size=6, executor="dask")
    with pytest.raises(ConfigurationError, match="dask_scheduler names no scheduler"):
        run(plan(40), tmp_path / "work", Maker(notes), nameless, Heard())


def test_a_scheduler_without_workers_is_told(tmp_path, notes):
    parts = Parts(tmp_path / "work")
    parts.begin(plan(40))
    with (
        distributed.LocalCluster(n_workers=0, processes=True, dashboard_address=":0") as empty,
        pytest.raises(SchedulerUnreachableError, match=r"has had no worker for 0\.5 s"),
    ):
        DaskWorkers(parts, Maker(notes), Resources(), [], 5.0, empty.scheduler_address, patience_s=0.5)


def test_without_the_extra_one_sentence_says_how_to_get_it(tmp_path, notes, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    told = ChunkOptions(chunk_size=6, executor="dask", dask_scheduler="tcp://127.0.0.1:9")
    with pytest.raises(ConfigurationError, match=r"pip install 'dagster-ledger\[dask\]'"):
        run(plan(40), tmp_path / "work", Maker(notes), told, Heard())
