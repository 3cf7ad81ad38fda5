"""Runs of a real Dagster instance are imported: what it knows and no more, once, and compared with nothing measured."""

import json
import shutil
import sqlite3
from datetime import UTC, datetime

import dagster as dg
import pytest

from ledger.dagster import tracked
from ledger.dagster.past_runs import open_log
from ledger.events import (
    AssetFailed,
    AssetFinished,
    AssetStarted,
    MaterializationImported,
    MetricMeasured,
    RunFinished,
    RunImported,
    RunStarted,
    run_stream,
)
from ledger.service.recording.importing import import_runs
from ledger.service.recording.past import PastAttempt, PastRun
from ledger.store import open_store
from ledger.store.loose import file_name
from ledger_cli.main import main

HOSTILE = '<b>|`x`\u202e\x1b[31m"\n::error::' + "y" * 10_000
DAYS = dg.StaticPartitionsDefinition(["mon", "tue"])


@dg.asset
def orders():
    metadata = {"dagster/row_count": 1_000, "match_rate": 0.75, HOSTILE: 7, "duration_s": 99.0, "when": "x"}
    return dg.MaterializeResult(metadata=metadata)


@dg.asset(deps=[orders], retry_policy=dg.RetryPolicy(max_retries=1))
def shaky(context: dg.AssetExecutionContext):
    if context.retry_number == 0:
        message = "first try"
        raise ValueError(message)


@dg.asset(deps=[orders])
def broken():
    message = f"row 17 has no name {HOSTILE}"
    raise KeyError(message)


@dg.multi_asset(outs={"left": dg.AssetOut(), "right": dg.AssetOut()})
def several():
    yield dg.Output(1, "left", metadata={"precision": 0.5})
    yield dg.Output(2, "right", metadata={"nan": float("nan"), "precision": 0.25})


@dg.op
def inner():
    return 1


@dg.graph_asset
def graph():
    return inner()


@dg.asset(partitions_def=DAYS, key_prefix="deep")
def daily():
    return dg.MaterializeResult(metadata={"dagster/partition_row_count": 5})


@dg.asset
@tracked
def measured():
    return 1


def materialize(*assets, **options):
    with dg.DagsterInstance.get() as instance:
        return dg.materialize(list(assets), instance=instance, raise_on_error=False, **options).run_id


@pytest.fixture
def command(capsys, ledger, home):
    def run(*words):
        code = main([*words])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def test_what_dagster_knows_becomes_events_and_what_it_does_not_know_is_absent(command, ledger):
    run_id = materialize(orders, shaky, broken, several, graph)
    code, out, _ = command("import", "dagster")
    assert code == 0
    assert out.startswith("1 run imported, with 6 attempts and ")
    statuses = ledger.statuses()
    assert statuses == {
        ("orders", None, 0): "success",
        ("shaky", None, 0): "retrying",
        ("shaky", None, 1): "success",
        ("broken", None, 0): "failed",
        ("op:several", None, 0): "success",
        ("op:graph.inner", None, 0): "success",
    }
    values = ledger.values("orders")
    assert (values["rows_out"], values["match_rate"]) == (1_000.0, 0.75)
    assert 0.0 < values["duration_s"] < 99.0  # The step's own time, not the number somebody called so.
    assert values["records_per_s"] == 1_000.0 / values["duration_s"]
    assert (ledger.values("left"), ledger.values("right")) == ({"precision": 0.5}, {"precision": 0.25})
    measured_names = {event.metric for event in ledger.events(MetricMeasured)}
    assert measured_names.isdisjoint({"cpu_s", "peak_rss_bytes", "peak_increase_bytes", "probe_s", HOSTILE})
    numbers = {event.asset: event.numbers for event in ledger.events(MaterializationImported)}
    assert numbers["orders"] == {"dagster/row_count": 1e3, "match_rate": 0.75, HOSTILE: 7.0, "duration_s": 99.0}
    assert numbers["right"] == {"precision": 0.25}
    (failed,) = [event for event in ledger.events(AssetFailed) if event.status == "failed"]
    assert failed.error_type == "KeyError"
    assert "row 17 has no name" in failed.error_message
    assert "raise KeyError" in failed.traceback
    assert {event.peak_method for event in ledger.events(AssetFinished)} == {"none"}
    assert {(event.host, event.code_version) for event in ledger.events(AssetStarted)} == {(None, None)}
    (started,), (imported,), (finished,) = (ledger.events(kind) for kind in (RunStarted, RunImported, RunFinished))
    assert (started.launcher, started.run_id) == ("import", run_id)
    assert started.planned_assets == ("broken", "graph", "left", "orders", "right", "shaky")
    assert (imported.source_status, imported.attempts, finished.status) == ("FAILURE", 6, "failed")


def test_times_are_those_of_the_log_and_in_order(command, ledger):
    before = datetime.now(UTC)
    run_id = materialize(orders)
    after = datetime.now(UTC)
    command("import", "dagster")
    times = [entry.ts for entry in ledger.recorded()]
    assert before <= min(times) <= max(times) <= after
    said = json.loads(command("show", run_id, "--format", "json")[1])
    assert (said["run"]["status"], said["run"]["launcher"]) == ("success", "import")
    assert said["assets"][0]["peak_rss_bytes"] is None


def test_importing_again_adds_nothing(command, ledger):
    materialize(orders)
    materialize(daily, partition_key="mon")
    assert command("import", "dagster", "--limit", "1")[1].startswith("1 run imported")
    held = len(ledger.recorded())
    code, out, _ = command("import", "dagster", "--limit", "1")
    assert (code, len(ledger.recorded())) == (0, held)
    assert out.splitlines() == ["0 runs imported, with 0 attempts and 0 values", "already in the ledger: 1 run"]
    assert command("import", "dagster")[1].splitlines()[:2] == [
        "1 run imported, with 1 attempt and 4 values",
        "already in the ledger: 1 run",
    ]
    assert command("ledger", "verify")[0] == 0


def test_an_import_that_was_cut_short_is_finished_by_the_next(command, ledger):
    run_id = materialize(orders, several)
    command("import", "dagster")
    whole = ledger.recorded()
    shutil.rmtree(ledger.place / "checkpoints")
    shutil.rmtree(ledger.place / "leaves")
    (ledger.place / file_name(str(run_stream(run_id)), 0)).unlink()
    assert command("import", "dagster")[1].startswith("1 run imported, with 2 attempts")
    assert ledger.recorded() == whole


def test_a_rehearsal_writes_nothing_and_tells_the_same(command, ledger):
    materialize(orders)
    told = command("import", "dagster", "--dry-run")[1]
    assert told.startswith("1 run would be imported, with 1 attempt and ")
    assert not ledger.place.exists()
    done = command("import", "dagster")[1]
    assert told.splitlines()[0].replace("would be imported", "imported") == done.splitlines()[0]


def test_a_measured_run_is_not_imported_over(command, ledger):
    materialize(measured)
    held = len(ledger.recorded())
    assert "already in the ledger: 1 run" in command("import", "dagster")[1]
    assert len(ledger.recorded()) == held


def test_partitions_are_those_that_tracking_gives(command, ledger):
    for day in DAYS.get_partition_keys():
        materialize(daily, partition_key=day)
    command("import", "dagster")
    assert set(ledger.statuses()) == {("deep/daily", "mon", 0), ("deep/daily", "tue", 0)}
    assert ledger.values("deep/daily")["rows_out"] == 5.0


def test_job_and_time_narrow_and_a_typo_is_told(command, ledger):
    materialize(orders)
    code, _, errors = command("import", "dagster", "--job", "__ASSET_JOBS")
    assert code == 2
    assert "__ephemeral_asset_job__" in errors or "no job" in errors
    future = command("import", "dagster", "--since", "2999-01-01")
    assert future[1].startswith("0 runs imported")
    assert command("import", "dagster", "--since", "1h")[1].startswith("1 run imported")


def test_no_gate_compares_what_was_imported_and_no_baseline_is_made_of_it(command, ledger):
    run_id = materialize(orders)
    job = json.loads(command("import", "dagster", "--format", "json")[1])
    assert job["runs"] == 1
    for words in (("gate",), ("baseline", "propose", "--reason", "r")):
        code, _, errors = command(*words)
        assert code == 2, errors
        assert "there are no successful runs" in errors
    code, _, errors = command("gate", "--candidate", run_id)
    assert code == 2
    assert "was imported, not measured" in errors
    code, _, errors = command("baseline", "propose", "--run", run_id, "--reason", "r", "--few")
    assert code == 2
    assert "was imported, not measured" in errors


def test_show_trend_and_events_say_that_it_was_imported(command, ledger):
    for _ in range(3):
        materialize(orders)
        materialize(measured)
    command("import", "dagster")
    assert "3 of 6 imported, not measured" in command("show")[1]
    code, out, _ = command("trend", "--asset", "orders")
    assert code == 0
    assert "duration_s" in out
    listed = command("events", "--kind", "run_imported")[1]
    assert listed.count("source=dagster_event_log") == 3
    shown = command("show", json.loads(command("show", "--format", "json")[1])[0]["run_id"])[1]
    assert "not measured but imported from Dagster's event log" in shown
    assert "None" not in shown
    assert "\x1b" not in shown + listed + command("events")[1]


def test_imported_and_measured_values_of_an_asset_have_series_of_their_own(command, ledger):
    @dg.asset(name="orders")
    def untracked():
        return dg.MaterializeResult(metadata={"dagster/row_count": 10})

    @dg.asset(name="orders")
    @tracked
    def tracked_now():
        return dg.MaterializeResult(metadata={"dagster/row_count": 10})

    for _ in range(3):
        materialize(untracked)
        materialize(tracked_now)
    command("import", "dagster")
    told = json.loads(command("trend", "--asset", "orders", "--metric", "duration_s", "--format", "json")[1])
    assert sorted(series["runs"] for series in told["series"]) == [3, 3]
    notes = " ".join(note for series in told["series"] for note in series["notes"])
    assert "not measured but imported from Dagster's event log" in notes


def test_numbers_that_nobody_declared_are_named_and_declaring_them_is_enough(command, ledger, project):
    materialize(orders)
    out = command("import", "dagster")[1]
    assert "numbers that are no metric, since nobody declared them" in out
    assert len(out) < 2_000
    (project / "config").mkdir()
    (project / "config" / "base.yaml").write_text(
        "metrics:\n  links: {unit: count, direction: higher_is_better, kind: quality, description: Links.}\n"
    )

    @dg.asset
    def linked():
        return dg.MaterializeResult(metadata={"links": 3})

    materialize(linked)
    command("import", "dagster")
    assert ledger.values("linked")["links"] == 3.0


def test_where_there_is_no_instance_it_is_said_and_none_is_made(command, ledger, tmp_path, monkeypatch):
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "nothing"))
    code, _, errors = command("import", "dagster")
    assert code == 2
    assert "there is no Dagster instance in" in errors
    assert not (tmp_path / "nothing").exists()
    assert not ledger.place.exists()


def test_a_damaged_event_log_is_one_sentence_and_the_other_runs_are_read(command, ledger, home):
    kept, lost = materialize(orders), materialize(orders)
    with sqlite3.connect(home / "history" / "runs" / f"{lost}.db") as shard:
        shard.execute("UPDATE event_logs SET event = '{' || event")
    code, out, _ = command("import", "dagster")
    assert code == 0
    assert out.startswith("1 run imported")
    assert f"run {lost} could not be read" in out
    assert {event.run_id for event in ledger.events(RunStarted)} == {kept}
    (home / "history" / "runs.db").write_bytes(b"no database at all, but a file of its name" * 100)
    code, _, errors = command("import", "dagster")
    assert code == 5
    assert len(errors.splitlines()) == 1
    assert "cannot read the Dagster instance" in errors


def test_a_run_that_the_ledger_has_otherwise_is_left_alone(ledger):
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    attempt = PastAttempt(
        subject="a", output_assets=("a",), step_key="a", partition=None, number=0, started=moment, ended=moment,
        ending="success", duration_s=1.0,
    )  # fmt: skip
    run = PastRun(
        run_id="r", job="j", status="success", source_status="SUCCESS", planned_assets=("a",), started=moment,
        ended=moment, attempts=(attempt,),
    )  # fmt: skip
    store = open_store(str(ledger.place), create=True)
    assert import_runs(store, [run]).runs == 1
    held = ledger.recorded()
    other = PastRun(
        run_id="r", job="k", status="success", source_status="SUCCESS", planned_assets=("a",), started=moment,
        ended=moment, attempts=(attempt,),
    )  # fmt: skip
    taken = import_runs(store, [other])
    assert (taken.runs, taken.conflicts) == (0, ["r"])
    assert ledger.recorded() == held


def test_a_run_that_is_not_over_is_counted_and_not_imported(command, ledger, home):
    materialize(orders)
    with sqlite3.connect(home / "history" / "runs.db") as runs:
        runs.execute("UPDATE runs SET status = 'STARTED'")
    with open_log(home) as log:
        assert (log.finished(), log.unfinished()) == ([], 1)
    assert command("import", "dagster")[1].splitlines()[-1] == "not over yet: 1 run"
