"""What an attempt says between its start and its end: order, outputs, alerts, signs of life, refusals."""

import threading
from datetime import UTC, datetime, timedelta

import pytest

from ledger.errors import ConfigurationError, ConflictError, StoreError
from ledger.events import (
    AlertRaised,
    AssetBlocked,
    AssetFailed,
    AssetFinished,
    AssetHeartbeat,
    AssetStarted,
    BreakdownMeasured,
    CheckEvaluated,
    EnvironmentRecorded,
    MetricMeasured,
    ProgressReported,
    asset_stream,
)
from ledger.events.codec import from_table
from ledger.measure import current_process
from ledger.projections.attempts import attempts
from ledger.projections.samples import samples
from ledger.service.recording.reconcile import find_lost, reconcile
from ledger.service.recording.recorder import StreamRecorder
from ledger.service.recording.span import AssetSpan, SpanHeader, SpanOptions
from ledger.store.memory import MemoryStore

HEADER = SpanHeader(
    subject="op:both",
    output_assets=("a", "b"),
    run_id="r",
    partition="p",
    job="j",
    step_key="both",
    code_version="c0ffee",
    code_dirty=True,
    asset_code_version="2",
    config_digest="d",
)
STREAM = asset_stream("op:both", "r", "p", 0)


class Deaf(MemoryStore):
    """A store that refuses while it is told to, and says when something was appended."""

    def __init__(self):
        super().__init__()
        self.refuses = False
        self.appended = threading.Event()

    def append(self, batch):
        if self.refuses:
            raise StoreError("the disk is full")  # noqa: EM101, TRY003 - as a store would
        super().append(batch)
        if "asset_heartbeat" in batch.rows.column("kind").to_pylist():
            self.appended.set()


def open_span(store, **options):
    span = AssetSpan(StreamRecorder(store, STREAM), HEADER, SpanOptions(**options))
    span.start()
    return span


def told(store, kind=object):
    return [entry.event for entry in from_table(store.read()) if isinstance(entry.event, kind)]


def alert(alert_id="x"):
    return AlertRaised(asset="a", run_id="r", alert_id=alert_id, severity="error", message="m")


def check(name="c"):
    return CheckEvaluated(asset="a", run_id="r", check=name, status="passed", severity="error", details={})


def test_the_start_names_process_code_and_environment_before_any_work():
    store = MemoryStore()
    span = open_span(store)
    started, environment = told(store)
    here = current_process()
    assert isinstance(started, AssetStarted)
    assert (started.pid, started.host, started.pid_started_ticks) == (here.pid, here.host, here.pid_started_ticks)
    assert (started.asset, started.partition, started.output_assets) == ("op:both", "p", ("a", "b"))
    assert (started.code_version, started.code_dirty, started.asset_code_version) == ("c0ffee", True, "2")
    assert isinstance(environment, EnvironmentRecorded)
    assert environment.digest == started.environment_digest
    span.finish(span.stop())


def test_the_end_is_one_append_measurements_first_and_the_end_last():
    store = MemoryStore()
    span = open_span(store)
    span.check(check())
    span.alert(alert())
    span.blocked(AssetBlocked(asset="z", run_id="r", blocked_by="a", gate_run_id="r", check="c", reason="m"))
    span.breakdown("method_rows", {"exact": 1})
    span.breakdown("method_rows", {})
    span.measure("match_rate", 1)
    assert len(told(store)) == 2  # Nothing is visible before the end.
    span.finish(span.stop())
    last = [entry.event for entry in from_table(store.read()) if entry.batch == 1]
    kinds = [type(event) for event in last if not isinstance(event, MetricMeasured)]
    assert kinds == [BreakdownMeasured, CheckEvaluated, AlertRaised, AssetBlocked, AssetFinished]
    assert [event.metric for event in last if isinstance(event, MetricMeasured)] == sorted(
        event.metric for event in last if isinstance(event, MetricMeasured)
    )


def test_values_of_each_output_are_recorded_under_its_own_name_and_those_of_the_step_under_its_subject():
    store = MemoryStore()
    span = open_span(store)
    span.rows(rows_in=7)
    span.rows(rows_out=3, asset="a")
    span.rows(rows_out=4, asset="b")
    span.breakdown("method_rows", {"exact": 4}, asset="b")
    assert span.subjects() == ("a", "b", "op:both")
    assert span.noted("a") == {"rows_out": 3.0}
    span.finish(span.stop())
    rows = {row["asset"]: row for row in attempts(store.read(), with_outputs=True).to_pylist()}
    assert {asset: row["rows_out"] for asset, row in rows.items()} == {"op:both": None, "a": 3.0, "b": 4.0}
    assert rows["op:both"]["records_per_s"] == pytest.approx(7 / rows["op:both"]["duration_s"])
    assert {row["partition"] for row in samples(store.read()).to_pylist()} == {"p"}
    assert [event.asset for event in told(store, BreakdownMeasured)] == ["b"]


def test_an_alert_is_noted_once():
    store = MemoryStore()
    span = open_span(store)
    for one in (alert(), alert(), alert("y")):
        span.alert(one)
    assert span.alerts() == [alert(), alert("y")]
    span.check(check())
    assert span.checks() == [check()]
    span.finish(span.stop())
    assert [event.alert_id for event in told(store, AlertRaised)] == ["x", "y"]


@pytest.mark.parametrize("ends", ["finish", "fail"])
def test_what_comes_after_the_end_is_not_recorded(ends):
    store = MemoryStore()
    span = open_span(store, progress_every_s=0.0)
    measured = span.stop()
    if ends == "finish":
        span.finish(measured)
    else:
        span.fail(measured, ValueError("x"), status="canceled")
    before = told(store)
    span.progress(5, 10)
    span.finish(measured)
    span.fail(measured, ValueError("y"))
    assert told(store) == before
    assert len([event for event in before if isinstance(event, AssetFinished | AssetFailed)]) == 1


def test_progress_as_often_as_wanted_is_appended_every_time_and_its_last_state_with_the_end():
    store = MemoryStore()
    span = open_span(store, progress_every_s=0.0)
    for done in (1, 2):
        span.progress(done, 4, eta_s=4.0 - done)
    span.finish(span.stop())
    assert [(event.value, event.total, event.eta_s) for event in told(store, ProgressReported)] == [
        (1.0, 4.0, 3.0), (2.0, 4.0, 2.0), (2.0, 4.0, 2.0),
    ]  # fmt: skip


def test_progress_that_the_ledger_refuses_does_not_stop_the_work_and_is_sent_when_it_can_be():
    store = Deaf()
    span = open_span(store, progress_every_s=0.0)
    store.refuses = True
    span.progress(1, 4)
    span.progress(2, 4)
    store.refuses = False
    span.finish(span.stop())
    assert [event.value for event in told(store, ProgressReported)] == [1.0, 2.0]
    assert isinstance(told(store)[-1], AssetFinished)
    assert store.problems() == []


def test_a_ledger_that_refuses_the_start_or_the_end_is_told():
    store = Deaf()
    store.refuses = True
    with pytest.raises(StoreError, match="disk is full"):
        open_span(store)
    store.refuses = False
    span = open_span(Deaf())
    span._recorder._store.refuses = True
    with pytest.raises(StoreError, match="disk is full"):
        span.finish(span.stop())


@pytest.mark.parametrize("waiting", [False, True], ids=["the end", "progress, then the end"])
def test_an_end_that_was_refused_can_be_repeated_and_is_recorded_once(waiting):
    store = Deaf()
    span = open_span(store, progress_every_s=0.0)
    measured = span.stop()
    store.refuses = True
    if waiting:
        span.progress(1, 4)
    for _ in range(2):
        with pytest.raises(StoreError):
            span.finish(measured)
    store.refuses = False
    span.finish(measured)
    span.fail(measured, ValueError("too late"))
    assert len(told(store, AssetFinished)) == 1
    assert told(store, AssetFailed) == []
    assert len(told(store, ProgressReported)) == 2 * waiting
    assert len(attempts(store.read())) == 1


def test_a_sign_of_life_is_appended_while_the_work_goes_on():
    store = Deaf()
    span = open_span(store, heartbeat_s=0.0, sample_hz=100.0)
    assert store.appended.wait(30)
    span.finish(span.stop())
    beats = told(store, AssetHeartbeat)
    assert beats[0].elapsed_s > 0.0
    assert beats[0].rss_bytes > 2**20
    assert isinstance(told(store)[-1], AssetFinished)


def test_an_attempt_that_was_closed_as_lost_is_told_when_it_speaks_again():
    store = MemoryStore()
    process = {"host": "h", "boot_id": "b", "pid": 1, "pid_namespace": 1, "pid_started_ticks": 1}
    recorder = StreamRecorder(store, STREAM)
    recorder.record(AssetStarted(asset="op:both", run_id="r", output_assets=("a",), **process))
    assert find_lost(store) == []
    (closed,) = reconcile(store, clock=lambda: datetime.now(UTC) + timedelta(hours=1))
    assert "silent" in closed.reason
    with pytest.raises(ConflictError):
        recorder.record(ProgressReported(asset="op:both", run_id="r", value=1.0))
    assert attempts(store.read()).column("status").to_pylist() == ["lost"]


def test_a_measurement_of_an_output_must_be_declared_too():
    span = open_span(MemoryStore())
    with pytest.raises(ConfigurationError, match="'nonsense' is not declared"):
        span.measure("nonsense", 1.0, asset="a")
    with pytest.raises(ConfigurationError, match="of 'a' is nan"):
        span.measure("match_rate", float("nan"), asset="a")
    span.stop()


def test_work_of_others_is_left_out_of_the_time_and_said_while_it_lasts():
    span = open_span(MemoryStore())
    with span.paused():
        assert span.is_paused
        before = span.lap()["duration_s"]
        sum(range(200_000))
        assert span.lap()["duration_s"] == before
    assert not span.is_paused
    sum(range(200_000))
    assert span.lap()["duration_s"] > before
    span.stop()
