"""How attempts end that do not end well: what is recorded, and that the asset's own exception is what is seen."""

import asyncio
import gc
import os
import signal

import dagster as dg
import pytest

from ledger.dagster import current_span, tracked, tracked_span
from ledger.dagster.span import close_abandoned
from ledger.errors import ConfigurationError
from ledger.events import AssetFailed, AssetFinished, MetricMeasured, RecordedEvent
from ledger.metrics import Metric
from ledger.store import files


class OwnError(Exception):
    """Something only this pipeline raises."""


@dg.asset
@tracked
def raises():
    span = current_span()
    span.measure("match_rate", 0.5)
    span.context(rows="0..99")
    message = "no such company"
    raise OwnError(message)


def observations(instance, result, asset):
    """Return the metadata of an asset's observations in a result."""
    return [
        {name: value.value for name, value in event.asset_observation_data.asset_observation.metadata.items()}
        for entry in instance.all_logs(result.run_id)
        if (event := entry.dagster_event) is not None
        and event.event_type is dg.DagsterEventType.ASSET_OBSERVATION
        and event.asset_key.to_user_string() == asset
    ]


def test_a_failure_is_recorded_with_its_context_and_seen_in_dagster(materialize, instance, ledger):
    result = materialize(raises)
    assert not result.success
    (failed,) = ledger.events(AssetFailed)
    assert failed.status == "failed"
    assert failed.error_type.endswith("OwnError")
    assert failed.error_message == "no such company"
    assert "raise OwnError(message)" in failed.traceback
    assert failed.context == {"rows": "0..99"}
    assert ledger.values("raises")["duration_s"] > 0
    (shown,) = observations(instance, result, "raises")
    assert shown["ledger/match_rate"] == 0.5
    assert shown["ledger/duration_s"] > 0
    (event,) = [event for event in result.all_events if event.is_step_failure]
    assert event.step_failure_data.error.cause.cls_name == "OwnError"


def test_the_exception_is_the_same_object(instance, ledger):
    with pytest.raises(OwnError) as caught:
        dg.materialize([raises], instance=instance)
    assert caught.value.args == ("no such company",)


@dg.asset
@tracked
async def raises_async():
    raise OwnError


@dg.asset
@tracked
def raises_late():
    yield dg.AssetObservation("raises_late", metadata={"seen": 1})
    raise OwnError


@dg.asset
@tracked
async def raises_async_late():
    yield dg.AssetObservation("raises_async_late", metadata={"seen": 1})
    raise OwnError


@pytest.mark.parametrize("asset", [raises_async, raises_late, raises_async_late], ids=lambda asset: asset.op.name)
def test_every_kind_of_function_may_fail(asset, materialize, ledger):
    assert not materialize(asset).success
    assert ledger.statuses() == {(asset.op.name, None, 0): "failed"}


@dg.asset
@tracked
def fails_on_purpose():
    raise dg.Failure(metadata={"rows": 3, "place": dg.MetadataValue.path("x.csv")}, allow_retries=False)


def test_the_metadata_of_a_failure_is_kept(materialize, ledger):
    materialize(fails_on_purpose)
    (failed,) = ledger.events(AssetFailed)
    assert failed.status == "failed"
    assert failed.context == {"rows": 3, "place": "x.csv"}


@dg.asset(retry_policy=dg.RetryPolicy(max_retries=2))
@tracked
def by_policy(context: dg.AssetExecutionContext):
    if context.retry_number < 2:
        raise OwnError
    return 1


@dg.asset
@tracked
def by_request(context: dg.AssetExecutionContext):
    if context.retry_number < 2:
        raise dg.RetryRequested(max_retries=2)
    return 1


@dg.asset(retry_policy=dg.RetryPolicy(max_retries=1))
@tracked
def gives_up():
    raise OwnError


@dg.asset
@tracked
def requests_in_vain():
    raise dg.RetryRequested(max_retries=1) from OwnError("why")


@dg.asset(retry_policy=dg.RetryPolicy(max_retries=2))
@tracked
def forbids_retries():
    raise dg.Failure(allow_retries=False)


@pytest.mark.parametrize(
    ("asset", "statuses"),
    [
        (by_policy, ["retrying", "retrying", "success"]),
        (by_request, ["retrying", "retrying", "success"]),
        (gives_up, ["retrying", "failed"]),
        (requests_in_vain, ["retrying", "failed"]),
        (forbids_retries, ["failed"]),
    ],
    ids=lambda value: value.op.name if isinstance(value, dg.AssetsDefinition) else None,
)
def test_each_attempt_is_a_stream_and_says_whether_another_follows(asset, statuses, materialize, ledger):
    materialize(asset)
    expected = {(asset.op.name, None, attempt): status for attempt, status in enumerate(statuses)}
    assert ledger.statuses() == expected


@dg.asset
@tracked
def interrupted():
    os.kill(os.getpid(), signal.SIGINT)
    raise OwnError  # Not reached: Dagster turns the signal into an exception where Python looks for signals.


@dg.asset
@tracked
def interrupted_by_hand():
    raise KeyboardInterrupt


@pytest.mark.parametrize("asset", [interrupted, interrupted_by_hand], ids=lambda asset: asset.op.name)
def test_an_interruption_is_a_cancellation(asset, materialize, ledger):
    assert not materialize(asset).success
    assert ledger.statuses() == {(asset.op.name, None, 0): "canceled"}


class FullDisk(dg.IOManager):
    """Stores nothing."""

    def handle_output(self, context, obj):
        raise OSError

    def load_input(self, context):
        raise NotImplementedError


closed = []


@dg.asset
@tracked
def is_closed_early():
    try:
        yield dg.Output(1)
    finally:
        closed.append(True)


def test_a_generator_whose_result_cannot_be_stored_is_closed_inside_its_span(materialize, ledger):
    closed.clear()
    result = materialize(is_closed_early, resources={"io_manager": FullDisk()})
    assert not result.success
    close_abandoned(result.run_id)  # As a launch does; Python closes it when it collects garbage, before or after.
    gc.collect()
    assert closed == [True]
    (failed,) = ledger.events(AssetFailed)
    assert failed.status == "canceled"
    assert "could not store" in failed.context["closed"]


@pytest.mark.slow
def test_a_forked_child_that_unwinds_does_not_end_its_parent_s_attempt(launch_apart, ledger, code_location):
    module = code_location(
        """
        import os
        import dagster as dg
        from ledger.dagster import tracked

        @dg.asset
        @tracked
        def forks():
            pid = os.fork()
            if pid == 0:
                raise SystemExit
            os.waitpid(pid, 0)

        defs = dg.Definitions([forks])
        """
    )
    child = launch_apart(module=module, executor="in_process")
    _, errors = child.communicate(timeout=120)
    assert child.returncode == 0, errors
    assert "not recorded" not in errors
    assert ledger.statuses()["forks", None, 0] == "success"


@dg.asset
@tracked
def undeclared():
    current_span().measure("made_up", 1.0)


def test_an_undeclared_metric_is_told_with_the_way_to_declare_it(materialize, ledger):
    result = materialize(undeclared)
    (event,) = [event for event in result.all_events if event.is_step_failure]
    assert "'made_up' is not declared" in event.step_failure_data.error.cause.message


@dg.asset
@tracked(metrics=[Metric("links", "count", "higher_is_better", "quality", "Links made.")])
def declared():
    current_span().measure("links", 4)


def test_a_declared_metric_is_recorded(materialize, ledger):
    assert materialize(declared).success
    assert ledger.values("declared")["links"] == 4.0


worked = []


@dg.asset
@tracked
def works():
    worked.append(current_span())
    current_span().progress(1, 2)
    return 1


def test_a_ledger_that_cannot_be_written_stops_the_step_before_its_work(materialize, project, monkeypatch):
    worked.clear()
    (project / "file").write_text("")
    monkeypatch.setenv("DAGSTER_LEDGER_URI", str(project / "file" / "ledger"))
    result = materialize(works)
    assert not result.success
    assert worked == []
    (event,) = [event for event in result.all_events if event.is_step_failure]
    message = event.step_failure_data.error.cause.message
    assert str(project / "file") in message
    assert message.strip().count("\n") == 0


def test_a_ledger_that_cannot_be_written_is_only_a_warning_where_that_is_wanted(
    materialize, project, monkeypatch, capfd, metadata
):
    worked.clear()
    (project / "file").write_text("")
    monkeypatch.setenv("DAGSTER_LEDGER_URI", str(project / "file" / "ledger"))
    monkeypatch.setenv("DAGSTER_LEDGER_ON_LEDGER_ERROR", "warn")
    result = materialize(works)
    assert result.success
    assert len(worked) == 1
    assert "dagster-ledger: not recorded" in capfd.readouterr().err
    assert metadata(result, "works")["ledger/duration_s"] > 0, "Dagster still shows what was measured"


@pytest.mark.parametrize(("policy", "success"), [("warn", True), ("fail", False)])
def test_a_disk_that_fills_while_the_asset_works(materialize, ledger, monkeypatch, policy, success):
    def full(*_arguments, **_options):
        raise OSError(28, "No space left on device")

    @dg.asset
    @tracked
    def fills():
        monkeypatch.setattr(files.os, "write", full)
        current_span().progress(1, 2)
        return 1

    monkeypatch.setenv("DAGSTER_LEDGER_ON_LEDGER_ERROR", policy)
    with monkeypatch.context():
        result = materialize(fills)
    monkeypatch.undo()
    assert result.success is success
    assert ledger


def test_outside_of_a_run_nothing_is_touched(ledger, project):
    with tracked_span() as outcome:
        assert outcome is None
    with pytest.raises(ConfigurationError, match="put @tracked under @asset"):
        current_span()
    assert not ledger.place.exists()
    assert list(project.iterdir()) == []


@dg.asset
@tracked
def callable_directly(context: dg.AssetExecutionContext, size: int) -> int:
    return size + 1


@dg.asset
@tracked
def callable_without_context():
    yield dg.Output(7)


@dg.asset
@tracked
async def awaitable():
    return 5


def test_an_asset_called_by_a_unit_test_works_and_touches_no_ledger(ledger):
    assert callable_directly(dg.build_asset_context(), size=1) == 2
    assert [output.value for output in callable_without_context()] == [7]
    assert asyncio.run(awaitable()) == 5
    assert not ledger.place.exists()


def test_end_and_figures_are_one_append(materialize, ledger):
    materialize(works)
    by_batch: dict[tuple[str, int], list[RecordedEvent]] = {}
    for entry in ledger.recorded():
        by_batch.setdefault((entry.stream, entry.batch), []).append(entry)
    (last,) = [batch for batch in by_batch.values() if any(isinstance(entry.event, AssetFinished) for entry in batch)]
    measured = {entry.event.metric for entry in last if isinstance(entry.event, MetricMeasured)}
    assert {"duration_s", "cpu_s", "peak_rss_bytes"} <= measured
