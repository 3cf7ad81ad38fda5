"""A plan is run to its end whatever happens to single chunks, and the result is that of one piece."""

import contextlib
import itertools
import json
import signal

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.chunks import (
    ChunkOptions,
    ChunksFailedError,
    FoundChunk,
    InputChangedError,
    ParquetWriting,
    Parts,
    PlanChangedError,
    Resources,
    WatchedFile,
    publish,
    regrouped,
    run,
    runner,
)
from ledger.chunks.executors import InProcess
from ledger.errors import StoreError
from ledger.measure.deadline import time_limit
from tests.unit.chunks.making import SCHEMA, Heard, Maker, plan, squares


@pytest.fixture
def notes(tmp_path):
    place = tmp_path / "notes"
    place.mkdir()
    return place


def options(**told) -> ChunkOptions:
    return ChunkOptions(**{"chunk_size": 10, "backoff_s": 0.0, "timeout_s": 60.0} | told)


def result(directory, finished) -> pa.Table:
    return pa.concat_tables(regrouped(Parts(directory).tables(finished.chain), 7))


def published(directory, finished, target) -> bytes:
    tables = regrouped(Parts(directory).tables(finished.chain))
    return (
        publish({"squares.parquet": ParquetWriting(SCHEMA, tables)}, target).directory / "squares.parquet"
    ).read_bytes()


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(rows=st.integers(0, 60), size=st.integers(1, 70))
def test_the_result_does_not_depend_on_the_size_of_chunks(rows, size, tmp_path_factory):
    place = tmp_path_factory.mktemp("sizes")
    (place / "notes").mkdir()
    finished = run(plan(rows), place / "work", Maker(place / "notes"), options(chunk_size=size), Heard())
    if rows:
        assert result(place / "work", finished).equals(squares(0, rows))
    assert published(place / "work", finished, place / "a") == published(place / "work", finished, place / "b")
    assert len(finished.chain) == -(-rows // size)


def test_progress_and_the_time_left_are_told_with_each_chunk(tmp_path, notes):
    heard = Heard()
    run(plan(35), tmp_path / "work", Maker(notes), options(), heard)
    assert [(done, total) for done, total, _ in heard.progress] == [(10, 35), (20, 35), (30, 35), (35, 35)]
    assert heard.progress[-1][2] == 0.0
    assert all(eta is not None and eta >= 0.0 for _, _, eta in heard.progress)


def test_a_cluster_that_loses_all_its_workers_for_a_while_is_waited_for(tmp_path, notes, monkeypatch):
    class Fading(InProcess):
        """Has no worker for two rounds after each chunk, as a cluster whose workers died and are started again."""

        rounds = 0

        def outcomes(self):
            found = super().outcomes()
            self.rounds = 2 if found else self.rounds - 1
            self.workers = 0 if self.rounds > 0 else 1
            return found

    monkeypatch.setattr(runner, "open_executor", lambda *told: Fading(*told[:2], Resources(None), told[2], 60.0))
    heard = Heard()
    finished = run(plan(35), tmp_path / "work", Maker(notes), options(), heard)
    assert result(tmp_path / "work", finished).equals(squares(0, 35))
    assert [(done, total) for done, total, _ in heard.progress] == [(10, 35), (20, 35), (30, 35), (35, 35)]
    assert all(eta is not None and eta >= 0.0 for _, _, eta in heard.progress)


def test_a_second_run_makes_nothing_again_and_another_chunk_size_only_what_is_left(tmp_path, notes):
    maker = Maker(notes, poison=frozenset({12}))
    with pytest.raises(ChunksFailedError):
        run(plan(40), tmp_path / "work", maker, options(retries=0), Heard())
    before = Maker(notes).calls()
    heard = Heard()
    finished = run(plan(40), tmp_path / "work", Maker(notes), options(chunk_size=3), heard)
    assert result(tmp_path / "work", finished).equals(squares(0, 40))
    assert finished.resumed_rows == 39
    assert Maker(notes).calls() == before + 1
    again = run(plan(40), tmp_path / "work", Maker(notes), options(), Heard())
    assert (again.attempts, again.chain) == (0, finished.chain)


def test_a_poison_row_is_named_and_everything_else_is_made(tmp_path, notes):
    heard = Heard()
    with pytest.raises(
        ChunksFailedError, match=r"1 of 40 rows could not be made \(rows 12 to 12\): ValueError: row 12"
    ):
        run(plan(40), tmp_path / "work", Maker(notes, poison=frozenset({12})), options(), heard)
    assert Parts(tmp_path / "work").gaps(40) == ((12, 13),)
    assert [(one.start, one.stop) for one, _, is_final in heard.failures if is_final] == [(12, 13)]
    assert [attempt for one, attempt, _ in heard.failures if (one.start, one.stop) == (10, 20)] == [1, 2, 3]


def test_poison_rows_can_be_left_out_and_are_counted(tmp_path, notes):
    told = options(on_failure="quarantine", retries=0)
    finished = run(plan(40), tmp_path / "work", Maker(notes, poison=frozenset({3, 39})), told, Heard())
    assert [(one.start, one.stop) for one in finished.quarantined] == [(3, 4), (39, 40)]
    assert finished.quarantined_rows == 2
    kept = result(tmp_path / "work", finished)
    assert kept.column("row").to_pylist() == [row for row in range(40) if row not in {3, 39}]


def test_a_chunk_that_fails_once_is_tried_again(tmp_path, notes):
    finished = run(plan(40), tmp_path / "work", Maker(notes, flaky=frozenset({5, 25})), options(), Heard())
    assert result(tmp_path / "work", finished).equals(squares(0, 40))
    assert finished.attempts == 6


def test_where_nothing_can_be_made_it_stops_at_once(tmp_path, notes):
    maker = Maker(notes, poison=frozenset(range(100_000)))
    with pytest.raises(ChunksFailedError, match="nothing could be made"):
        run(plan(100_000), tmp_path / "work", maker, options(), Heard())
    assert maker.calls() < 20


def test_a_chunk_that_takes_too_long_is_stopped(tmp_path, notes):
    heard = Heard()
    told = options(timeout_s=0.2, retries=0, on_failure="quarantine", chunk_size=4, smallest_rows=4)
    finished = run(plan(12), tmp_path / "work", Maker(notes, stalls=frozenset({5})), told, heard)
    assert [(one.start, one.stop) for one in finished.quarantined] == [(5, 6)]
    assert {one.kind for one, _, _ in heard.failures} == {"timeout"}
    assert "timeout_seconds (0.2 s)" in heard.failures[0][0].message


def test_a_chunk_that_is_stopped_when_its_part_is_kept_already_is_made(tmp_path, notes):
    maker = Maker(notes, late=frozenset({12}), directory=tmp_path / "work")
    heard = Heard()
    finished = run(plan(40), tmp_path / "work", maker, options(retries=0), heard)
    assert result(tmp_path / "work", finished).equals(squares(0, 40))
    assert finished.quarantined == ()
    assert heard.failures == []
    assert sorted(chunk.part.rows for chunk in heard.chunks) == [part.rows for part in finished.chain]
    assert [chunk.rows_out for chunk in heard.chunks if isinstance(chunk, FoundChunk)] == [10]
    assert heard.progress[-1][:2] == (40, 40)


def test_another_plan_is_refused_and_told_what_differs(tmp_path, notes):
    run(plan(40, threshold=0.7), tmp_path / "work", Maker(notes), options(), Heard())
    with pytest.raises(PlanChangedError, match=r"parameters: threshold\); remove it to begin anew"):
        run(plan(40, threshold=0.8), tmp_path / "work", Maker(notes), options(), Heard())
    with pytest.raises(PlanChangedError, match="rows: 40 then, 41 now"):
        run(plan(41, threshold=0.7), tmp_path / "work", Maker(notes), options(), Heard())


def test_a_damaged_part_is_made_again_and_told(tmp_path, notes):
    run(plan(40), tmp_path / "work", Maker(notes), options(), Heard())
    path = sorted((tmp_path / "work" / "parts").iterdir())[1]
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    heard = Heard()
    finished = run(plan(40), tmp_path / "work", Maker(notes), options(), heard)
    assert [part.rows for part in heard.resumes[0][1]] == [(10, 20)]
    assert result(tmp_path / "work", finished).equals(squares(0, 40))


def test_an_input_that_changes_stops_the_run_and_keeps_nothing_of_it(tmp_path, notes):
    file = tmp_path / "numbers"
    file.write_text("one")
    watched = WatchedFile.read(file)

    class Changing(Heard):
        def completed(self, chunk, done_rows, total_rows, eta_s):
            super().completed(chunk, done_rows, total_rows, eta_s)
            file.write_text("another")

    heard = Changing()
    with pytest.raises(InputChangedError, match="changed while it was read"):
        run(plan(40), tmp_path / "work", Maker(notes), options(), heard, inputs=[watched])
    assert len(heard.chunks) == 1
    assert WatchedFile.read(file).sha256 != watched.sha256


def test_nothing_is_kept_of_an_input_that_changes_while_a_chunk_is_made(tmp_path):
    file = tmp_path / "numbers"
    file.write_text("one")

    @contextlib.contextmanager
    def make(_):
        def work(start, stop):
            file.write_text("another")
            return squares(start, stop)

        yield work

    with pytest.raises(InputChangedError):
        run(plan(40), tmp_path / "work", make, options(), Heard(), inputs=[WatchedFile.read(file)])
    assert Parts(tmp_path / "work").found() == ()


@pytest.mark.parametrize("workers", [1, 2])
def test_where_fewer_rows_do_not_help_workers_are_made_anew_under_half_the_limit(tmp_path, notes, workers):
    heard = Heard()
    told = options(workers=workers, memory_limit_bytes=2 * workers)
    finished = run(plan(60), tmp_path / "work", Maker(notes), told, heard)
    assert result(tmp_path / "work", finished).equals(squares(0, 60))
    assert [one.change for one in heard.adaptations].count("strategy_switched") == 1
    names = sorted(path.name.split("-")[0] for path in notes.iterdir())
    assert {"loose", "tight"} <= set(names)
    assert 1 <= names.count("tight") <= workers


def test_a_full_disk_is_no_matter_of_a_chunk(tmp_path, notes, monkeypatch):
    parts = Parts(tmp_path / "work")
    parts.begin(plan(40))
    monkeypatch.setattr("os.link", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(StoreError, match="disk is full"):
        run(plan(40), tmp_path / "work", Maker(notes), options(), Heard())
    monkeypatch.undo()
    finished = run(plan(40), tmp_path / "work", Maker(notes), options(), Heard())
    assert result(tmp_path / "work", finished).equals(squares(0, 40))


def test_processes_make_the_same_and_one_that_is_killed_is_replaced(tmp_path, notes):
    heard = Heard()
    told = options(workers=2, chunk_size=6, smallest_rows=1)
    finished = run(plan(40), tmp_path / "work", Maker(notes, deadly=frozenset({13})), told, heard)
    assert result(tmp_path / "work", finished).equals(squares(0, 40))
    assert [one.kind for one, _, _ in heard.failures] == ["died"]
    assert "killed by SIGKILL, perhaps for its memory" in heard.failures[0][0].message
    assert [one.change for one in heard.adaptations] == ["halved_after_death"]
    assert not list((tmp_path / "work" / "intents").iterdir()) or Parts(tmp_path / "work").deaths()


@pytest.mark.slow
def test_a_process_that_takes_too_long_is_killed(tmp_path, notes):
    told = options(workers=2, chunk_size=1, timeout_s=8.0, retries=0, on_failure="quarantine")
    finished = run(plan(4), tmp_path / "work", Maker(notes, stalls=frozenset({0})), told, Heard())
    assert [(one.start, one.stop, one.kind) for one in finished.quarantined] == [(0, 1, "timeout")]


def test_a_pool_may_work_longer_than_the_limit_around_it(tmp_path, notes):
    with time_limit(1.0):
        finished = run(plan(4), tmp_path / "work", Maker(notes, lasts_s=0.6), options(workers=2, chunk_size=1), Heard())
        assert signal.getitimer(signal.ITIMER_REAL)[0] > 0.0
    assert len(finished.chain) == 4


def test_two_runs_of_one_plan_at_once_leave_what_fits(tmp_path, notes):
    """They share a directory, cut differently, and each result is whole."""
    first = Parts(tmp_path / "work")
    first.begin(plan(40))
    for start, stop in itertools.pairwise(range(0, 41, 8)):
        first.write(start, stop, squares(start, stop))
    for start, stop in itertools.pairwise([0, 5, 10, 15, 40]):
        first.write(start, stop, squares(start, stop))
    finished = run(plan(40), tmp_path / "work", Maker(notes), options(), Heard())
    assert result(tmp_path / "work", finished).equals(squares(0, 40))
    assert finished.attempts <= 1


def test_a_plan_is_told_as_one_canonical_document():
    assert json.loads(plan(3, b=1, a=2).document())["parameters"] == {"a": 2, "b": 1}
    assert plan(3, b=1, a=2).digest == plan(3, a=2, b=1).digest != plan(3, a=2, b=2).digest


def test_a_maker_that_fails_in_a_process_is_told(tmp_path, notes):
    with pytest.raises(ChunksFailedError, match=r"nothing could be made .*there is no registry"):
        run(plan(40), tmp_path / "work", no_registry, options(workers=2, retries=0), Heard())


def no_registry(resources):
    message = f"there is no registry for {resources}"
    raise ValueError(message)
