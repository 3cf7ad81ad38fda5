"""How attempts and runs end: stopped by the time limit, closed and told by sensors, recovered by executing again."""

import json
import signal
import threading

import dagster as dg
import pytest

from ledger.dagster import current_span, tracked
from ledger.dagster.gates import QualityChecks, at_least
from ledger.dagster.sensors import finish_run, ledger_sensors
from ledger.events import AlertRaised, AssetBlocked, AssetFailed, NoticeFailed, NoticeSent, RunFinished
from ledger.measure.deadline import AssetTimeoutError, time_limit, time_limit_lifted

CHECKS = QualityChecks("gated", at_least("match_rate", "match_rate_threshold"))


class Rate(dg.Config):
    """What the asset measures."""

    match_rate: float = 0.9


@dg.asset(check_specs=CHECKS.specs)
@tracked
def gated(config: Rate):
    current_span().measure("match_rate", config.match_rate)
    yield from CHECKS.results(1)


@dg.asset
@tracked
def after(gated):
    return gated


DEFS = dg.Definitions(
    assets=[gated, after], jobs=[dg.define_asset_job("both", selection="*")], sensors=ledger_sensors()
)


@pytest.fixture
def ended(instance, ledger):
    """Run the job as Dagster does, without a command line, and return job and record of the run."""
    job = DEFS.resolve_job_def("both")

    def run(match_rate):
        config = {"ops": {"gated": {"config": {"match_rate": match_rate}}}}
        result = job.execute_in_process(instance=instance, run_config=config, raise_on_error=False)
        return job, instance.get_run_by_id(result.run_id)

    return run


@pytest.mark.parametrize("kind", ["plain", "generator"])
def test_an_asset_that_takes_too_long_is_stopped_and_alerts(materialize, ledger, monkeypatch, kind):
    monkeypatch.setenv("DAGSTER_LEDGER_TIMEOUT_SECONDS", "0.3")

    def work():
        for _ in range(10_000_000):
            sum(range(1000))

    if kind == "plain":

        @dg.asset
        @tracked
        def endless():
            work()
    else:

        @dg.asset
        @tracked
        def endless():
            work()
            yield dg.Output(1)

    assert not materialize(endless).success
    (failed,) = ledger.events(AssetFailed)
    assert failed.error_type.endswith("AssetTimeoutError")
    assert "timeout_seconds (0.3 s)" in failed.error_message
    (alert,) = [event for event in ledger.events(AlertRaised) if event.threshold == 0.3]
    assert (alert.severity, alert.metric) == ("critical", "duration_s")
    assert ledger.values("endless")["duration_s"] >= 0.3


def _work_at_most(limit_s, paused):
    with time_limit(limit_s, paused):
        for _ in range(10_000_000):
            sum(range(1000))


def test_the_limit_waits_while_somebody_else_works_and_leaves_no_timer_behind():
    paused = iter([True, True, False])
    with pytest.raises(AssetTimeoutError):
        _work_at_most(0.05, lambda: next(paused))
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    assert next(paused, None) is None


def test_a_limit_within_a_limit_takes_its_place_and_gives_it_back_whole():
    with pytest.raises(AssetTimeoutError, match=r"\(0\.01 s\)"), time_limit(60.0):
        _work_at_most(0.01, lambda: False)
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    with time_limit(60.0):
        with time_limit(5.0):
            assert signal.getitimer(signal.ITIMER_REAL)[0] <= 5.0
        assert signal.getitimer(signal.ITIMER_REAL)[0] > 5.0
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_a_limit_that_is_lifted_waits_and_is_given_back_whole():
    with time_limit(60.0):
        with time_limit_lifted():
            assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
        assert signal.getitimer(signal.ITIMER_REAL)[0] > 50.0
    with time_limit_lifted():
        assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def _call_back():
    """Do as libraries do that call Python back: wrap what was raised there."""
    try:
        while True:
            sum(range(1000))
    except Exception as error:
        message = f"callback failed: {error}"
        raise OSError(message) from error


def test_a_limit_that_falls_into_a_callback_of_a_library_is_told_as_what_it_is():
    with pytest.raises(AssetTimeoutError) as caught, time_limit(0.05):
        _call_back()
    assert isinstance(caught.value.__cause__, OSError)


def test_a_sensor_closes_a_run_and_says_what_was_blocked_once(ended, ledger, instance, tmp_path, monkeypatch):
    target = tmp_path / "told"
    monkeypatch.setenv("DAGSTER_LEDGER_NOTIFY_COMMANDS", json.dumps([f"sh -c 'cat >> {target}; echo >> {target}'"]))
    job, run = ended(0.5)
    assert ledger.events(RunFinished) == []
    for _ in range(3):
        finish_run(instance, run, job)
    assert [event.status for event in ledger.events(RunFinished)] == ["failed"]
    assert [(event.asset, event.check) for event in ledger.events(AssetBlocked)] == [("after", "match_rate_gate")]
    told = [json.loads(line) for line in target.read_text().splitlines()]
    assert [entry["metric"] for entry in told] == ["match_rate"]
    assert "not made: after" in told[0]["text"]
    assert len(ledger.events(NoticeSent)) == 1


def test_a_tick_whose_channel_is_down_leaves_a_dead_letter_and_the_next_one_delivers(
    ended, ledger, instance, monkeypatch, tmp_path
):
    script = tmp_path / "up"
    monkeypatch.setenv("DAGSTER_LEDGER_NOTIFY_COMMANDS", json.dumps([f"test -e {script}"]))
    job, run = ended(0.5)
    (failed,) = finish_run(instance, run, job)
    assert failed.error.startswith("it ended with 1")
    script.touch()
    (sent,) = finish_run(instance, run, job)
    assert sent.error is None
    assert [type(event) for event in ledger.events(NoticeFailed, NoticeSent)] == [NoticeFailed, NoticeSent]


def test_of_several_that_close_a_run_at_once_exactly_one_does(ended, ledger, instance):
    job, run = ended(0.5)
    ready, problems = threading.Barrier(6), []

    def close():
        ready.wait()
        try:
            finish_run(instance, run, job)
        except Exception as problem:  # noqa: BLE001 - whatever it is, it must not be
            problems.append(problem)

    threads = [threading.Thread(target=close) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert [event.status for event in ledger.events(RunFinished)] == ["failed"]
    assert len(ledger.events(AssetBlocked)) == 1


def test_a_good_run_is_closed_without_a_word(ended, ledger, instance):
    job, run = ended(0.9)
    assert finish_run(instance, run, job) == []
    assert [event.status for event in ledger.events(RunFinished)] == ["success"]
    (finished,) = [entry for entry in ledger.recorded() if isinstance(entry.event, RunFinished)]
    assert finished.ts.timestamp() == pytest.approx(instance.get_run_record_by_id(run.run_id).end_time, abs=0.001)


def test_the_sensor_itself_ticks(ended, instance, ledger):
    _, run = ended(0.5)
    (sensor,) = [sensor for sensor in DEFS.sensors if sensor.name == "ledger_on_failed"]
    (event,) = instance.all_logs(run.run_id, of_type=dg.DagsterEventType.RUN_FAILURE)
    with dg.build_run_status_sensor_context(
        sensor_name=sensor.name,
        dagster_event=event.dagster_event,
        dagster_instance=instance,
        dagster_run=run,
        repository_def=DEFS.get_repository_def(),
    ) as context:
        answer = sensor(context)
    assert "0 alerts told, 0 undeliverable" in answer.skip_message
    assert [event.status for event in ledger.events(RunFinished)] == ["failed"]


def test_executing_again_from_the_failure_recovers(instance, ledger, home):
    job = DEFS.resolve_job_def("both")
    config = {"ops": {"gated": {"config": {"match_rate": 0.5}}}}
    first = job.execute_in_process(instance=instance, run_config=config, raise_on_error=False)
    assert not first.success
    tags = {"dagster_ledger/overrides": '{"match_rate_threshold": 0.4}', "dagster/parent_run_id": first.run_id}
    again = job.execute_in_process(instance=instance, run_config=config, tags=tags)
    assert again.success
    assert [event.status for event in ledger.checks()] == ["failed", "passed"]
