"""A span and its recorder: what is appended when, that repeats are harmless, and what is refused."""

import errno
import os
from datetime import UTC, datetime, timedelta

import pytest

from ledger.errors import ConfigurationError, ConflictError, LedgerError, StoreError
from ledger.events import (
    AssetFailed,
    AssetFinished,
    AssetStarted,
    BreakdownMeasured,
    MetricMeasured,
    ProgressReported,
    asset_stream,
)
from ledger.events.codec import from_table
from ledger.metrics import Metric, with_declared
from ledger.service.recording.recorder import StreamRecorder
from ledger.service.recording.span import AssetSpan, SpanHeader, SpanOptions
from ledger.store import open_store
from ledger.store.memory import MemoryStore

STREAM = asset_stream("a", "r", None, 0)
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def metric(value=1.0, name="duration_s", unit="s"):
    return MetricMeasured(asset="a", run_id="r", metric=name, value=value, unit=unit)


def told(store):
    return [entry.event for entry in from_table(store.read())]


def new_span(store, **options):
    header = SpanHeader(subject="a", output_assets=("a",), run_id="r", job="j", step_key="a")
    return AssetSpan(StreamRecorder(store, STREAM), header, SpanOptions(**options))


def test_a_span_starts_measures_and_finishes_in_two_appends():
    store = MemoryStore()
    span = new_span(store)
    span.start(probe_s=0.02)
    assert [type(event) for event in told(store)][:1] == [AssetStarted]
    span.measure("match_rate", 0.5)
    span.measure("match_rate", 0.75)
    span.rows(rows_in=100, rows_out=90)
    span.breakdown("method_rows", {"exact": 3})
    span.finish(span.stop(probe_s=0.01))
    span.finish(span.stop())
    events = told(store)
    values = {event.metric: event.value for event in events if isinstance(event, MetricMeasured)}
    assert values["match_rate"] == 0.75
    assert values["records_per_s"] == pytest.approx(100 / values["duration_s"])
    assert values["probe_s"] == 0.02
    assert {"cpu_s", "peak_rss_bytes", "peak_increase_bytes", "append_s", "metering_cpu_s"} <= values.keys()
    assert [event.counts for event in events if isinstance(event, BreakdownMeasured)] == [{"exact": 3.0}]
    assert isinstance(events[-1], AssetFinished)
    assert store.stats().batches == 2


def test_a_failure_keeps_the_exception_the_context_and_what_was_measured():
    store = MemoryStore()
    span = new_span(store)
    span.start()
    span.measure("match_rate", 0.1)
    span.context(row_range="5-9")
    with pytest.raises(ValueError, match="xxx") as raised:
        int("x" * 10_000)
    span.fail(span.stop(), raised.value)
    failed = told(store)[-1]
    assert isinstance(failed, AssetFailed)
    assert (failed.error_type, len(failed.error_message), failed.context) == (
        "builtins.ValueError",
        len(str(raised.value)[:4_000]),
        {"row_range": "5-9"},
    )
    assert "test_a_failure_keeps" in failed.traceback
    assert 0.1 in [event.value for event in told(store) if isinstance(event, MetricMeasured)]


def test_progress_is_appended_at_once_but_not_more_often_than_asked():
    store = MemoryStore()
    span = new_span(store, progress_every_s=3600.0)
    span.start()
    for done in range(1, 6):
        span.progress(done, 5, eta_s=5.0 - done)
    reported = [event for event in told(store) if isinstance(event, ProgressReported)]
    assert [(event.value, event.total, event.eta_s) for event in reported] == [(1.0, 5, 4.0)]
    span.finish(span.stop())
    reported = [event for event in told(store) if isinstance(event, ProgressReported)]
    assert [event.value for event in reported] == [1.0, 5.0]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_a_value_that_is_no_finite_number_is_refused(value):
    span = new_span(MemoryStore())
    with pytest.raises(ConfigurationError, match="measure finite numbers"):
        span.measure("match_rate", value)


def test_an_undeclared_metric_is_refused_with_the_way_to_declare_it():
    span = new_span(MemoryStore())
    with pytest.raises(ConfigurationError, match=r"did you mean 'match_rate'\?.*declare it with Metric\('matchrate'"):
        span.measure("matchrate", 0.5)
    with pytest.raises(ConfigurationError, match="is declared in s, but was recorded in ms"):
        StreamRecorder(MemoryStore(), STREAM).record(metric(unit="ms"))
    registry = with_declared([Metric("matchrate", "ratio", "higher_is_better", "quality", "x")])
    store = MemoryStore()
    StreamRecorder(store, STREAM, registry=registry).record(metric(name="matchrate", unit="ratio"))
    assert told(store)[0].metric == "matchrate"


def test_a_span_that_was_not_started_cannot_be_stopped():
    with pytest.raises(LedgerError, match="call start"):
        new_span(MemoryStore()).stop()


def test_a_batch_that_failed_is_sent_again_as_it_was_before_new_events(tmp_path, monkeypatch):
    times = iter(NOW + timedelta(seconds=second) for second in range(10))
    store = open_store(str(tmp_path / "ledger"), create=True)
    recorder = StreamRecorder(store, STREAM, clock=lambda: next(times))
    real = os.link

    def refuse(*_args, **_kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "link", refuse)
    with pytest.raises(StoreError):
        recorder.record(metric(1.0))
    monkeypatch.setattr(os, "link", real)
    recorder.record(metric(2.0))
    entries = list(from_table(store.read()))
    assert [(entry.event.value, entry.seq, entry.batch, entry.ts.second) for entry in entries] == [
        (1.0, 0, 0, 0),
        (2.0, 1, 1, 1),
    ]
    assert store.problems() == []
    assert recorder.append_s > 0.0


def test_time_never_runs_backwards_inside_a_stream():
    times = iter([NOW, NOW - timedelta(hours=1), NOW + timedelta(seconds=1)])
    store = MemoryStore()
    recorder = StreamRecorder(store, STREAM, clock=lambda: next(times))
    for value in (1.0, 2.0, 3.0):
        recorder.record(metric(value))
    stamps = [entry.ts for entry in from_table(store.read())]
    assert stamps == [NOW, NOW, NOW + timedelta(seconds=1)]


def test_of_two_writers_of_one_stream_the_second_is_told():
    store = MemoryStore()
    one, two = StreamRecorder(store, STREAM), StreamRecorder(store, STREAM)
    one.record(metric(1.0))
    with pytest.raises(ConflictError):
        two.record(metric(2.0))
    assert [event.value for event in told(store)] == [1.0]
