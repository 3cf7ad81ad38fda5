"""Launching a job of a code location: names are checked first, and the run's own stream says how it ended."""

import dagster as dg
import pytest

from ledger.dagster.launch import Launch, execute
from ledger.dagster.location import job_names
from ledger.dagster.reconcile_source import run_ended, step_ended
from ledger.errors import ConfigurationError, LedgerError
from ledger.events import ConfigurationResolved, MetricMeasured, RunFinished, RunStarted

LOCATION = """
    import dagster as dg
    import pyarrow as pa
    from ledger.dagster import tracked

    days = dg.StaticPartitionsDefinition(["mon", "tue"])

    @dg.asset
    @tracked
    def companies():
        return pa.table({"x": [1, 2]})

    @dg.asset
    @tracked
    def matches(companies):
        return companies

    @dg.asset(partitions_def=days)
    @tracked
    def by_day():
        return dg.MaterializeResult()

    @dg.asset
    @tracked
    def broken():
        raise RuntimeError("no such file")

    @dg.asset
    def untracked():
        raise RuntimeError("never seen")

    @dg.asset
    @tracked
    def interrupts():
        raise KeyboardInterrupt

    @dg.asset
    @tracked
    def sized(config: dict):
        return 1

    defs = dg.Definitions(
        assets=[companies, matches, by_day, broken, untracked, interrupts],
        jobs=[
            dg.define_asset_job("nightly", selection=["companies", "matches"]),
            dg.define_asset_job("daily", selection=["by_day"]),
            dg.define_asset_job("breaks", selection=["companies", "broken"]),
            dg.define_asset_job("unseen", selection=["untracked"]),
            dg.define_asset_job("stops", selection=["interrupts"]),
            dg.define_asset_job(
                "fixed", selection=["companies"], executor_def=dg.in_process_executor
            ),
        ],
    )
"""


@pytest.fixture
def location(code_location, home, ledger):
    return code_location(LOCATION)


def totals(ledger):
    return {event.metric: event.value for event in ledger.events(MetricMeasured) if event.asset is None}


def test_a_run_has_a_start_a_configuration_and_an_end_with_what_its_assets_add_up_to(location, ledger):
    result = execute(Launch(module=location, job="nightly", executor="in_process", tags={"team": "a"}))
    assert result.success
    assert result.failures == ()
    (started,) = ledger.events(RunStarted)
    assert started.run_id == result.run_id
    assert (started.job, started.launcher) == ("nightly", "cli")
    assert started.planned_assets == ("companies", "matches")
    assert started.launch_id
    assert started.tags["team"] == "a"
    assert len(ledger.events(ConfigurationResolved)) == 1
    (finished,) = ledger.events(RunFinished)
    assert (finished.status, finished.message) == ("success", None)
    summed = totals(ledger)
    assert summed["run_assets"] == 2
    assert summed["run_failed_assets"] == 0
    assert summed["run_rows_out"] == 4
    assert summed["probe_s"] > 0
    spans = [ledger.values(asset) for asset in ("companies", "matches")]
    assert summed["run_duration_s"] >= sum(span["duration_s"] for span in spans)
    assert summed["run_cpu_s"] == pytest.approx(sum(span["cpu_s"] for span in spans))
    assert summed["run_peak_rss_bytes"] == max(span["peak_rss_bytes"] for span in spans)


def test_a_launch_id_of_the_caller_is_kept(location, ledger):
    execute(Launch(module=location, job="fixed", tags={"dagster_ledger/launch_id": "mine"}))
    assert ledger.events(RunStarted)[0].launch_id == "mine"


def test_without_a_job_the_named_assets_run(location, ledger):
    result = execute(Launch(module=location, assets=("companies",), executor="in_process"))
    assert result.success
    assert ledger.statuses() == {("companies", None, 0): "success"}
    assert ledger.events(RunStarted)[0].job == "__ASSET_JOB"


@pytest.mark.parametrize(
    "wanted", [{"job": "daily"}, {"assets": ("by_day",)}], ids=["partitioned job", "asset of the job over all"]
)
def test_a_partition_runs(location, ledger, wanted):
    assert execute(Launch(module=location, partition="tue", executor="in_process", **wanted)).success
    assert ledger.statuses() == {("by_day", "tue", 0): "success"}


def test_a_failure_is_one_sentence_and_the_run_s_end_says_it(location, ledger):
    result = execute(Launch(module=location, job="breaks", executor="in_process"))
    assert not result.success
    assert result.failures == ("broken: RuntimeError: no such file",)
    (finished,) = ledger.events(RunFinished)
    assert (finished.status, finished.message) == ("failed", "broken: RuntimeError: no such file")
    assert totals(ledger)["run_failed_assets"] == 1


def test_a_run_in_which_no_tracked_asset_began_is_on_record(location, ledger):
    result = execute(Launch(module=location, job="unseen", executor="in_process"))
    assert not result.success
    assert ledger.events(RunStarted)[0].planned_assets == ("untracked",)
    assert ledger.events(RunFinished)[0].status == "failed"
    assert totals(ledger)["run_assets"] == 0


def test_an_interrupted_run_is_canceled(location, ledger):
    execute(Launch(module=location, job="stops", executor="in_process"))
    assert ledger.statuses() == {("interrupts", None, 0): "canceled"}
    assert ledger.events(RunFinished)[0].status == "canceled"


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        ({"job": "nightyl"}, "there is no job 'nightyl'; did you mean 'nightly'?"),
        ({"job": "zzz"}, "known: breaks, daily, fixed, nightly, stops, unseen"),
        ({"job": "nightly", "assets": ("compnies",)}, "there is no asset 'compnies'; did you mean 'companies'?"),
        ({"job": "daily", "partition": "mno"}, "there is no partition 'mno'; did you mean 'mon'?"),
        ({"job": "nightly", "partition": "mon"}, "job 'nightly' has no partitions; leave --partition away"),
        ({"job": "nightly", "run_config": {"ops": {"nothing": {}}}}, "cannot be run like this"),
        ({"job": "fixed", "executor": "multiprocess"}, "cannot be run like this"),
        (
            {"job": "nightly", "executor": "in_process", "run_config": {"execution": {"config": {"in_process": {}}}}},
            "chooses an executor already",
        ),
    ],
)
def test_what_cannot_be_run_is_told_in_one_sentence_before_anything_runs(location, ledger, wanted, sentence):
    with pytest.raises(ConfigurationError) as told:
        execute(Launch(module=location, **wanted))
    assert sentence in str(told.value)
    assert "\n" not in str(told.value)
    assert ledger.statuses() == {}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (None, "cannot be imported (No module named 'absent')"),
        ("import no_such_package", "No module named 'no_such_package'"),
        ("x = 1", "holds no Definitions"),
        ("raise ValueError('two\\nlines')", "cannot be loaded (ValueError: two lines)"),
        ("def", "cannot be loaded (SyntaxError"),
    ],
)
def test_a_module_that_cannot_be_loaded_is_told(code_location, home, ledger, text, sentence):
    module = code_location(text) if text is not None else "absent"
    with pytest.raises(ConfigurationError) as told:
        execute(Launch(module=module))
    assert sentence in str(told.value)


def test_jobs_are_listed_without_dagster_s_own(location):
    assert job_names(location) == ("breaks", "daily", "fixed", "nightly", "stops", "unseen")


def test_definitions_behind_a_function_are_found(code_location, home, ledger):
    module = code_location(
        """
        import dagster as dg
        from ledger.dagster import track_definitions

        @dg.asset
        def quiet():
            return 1

        @dg.definitions
        def defs():
            return track_definitions(dg.Definitions([quiet], jobs=[dg.define_asset_job("one")]))
        """
    )
    assert execute(Launch(module=module, job="one", executor="in_process")).success
    assert ledger.statuses() == {("quiet", None, 0): "success"}


def test_dagster_says_which_runs_and_steps_have_ended(location):
    good = execute(Launch(module=location, job="nightly", executor="in_process"))
    bad = execute(Launch(module=location, job="breaks", executor="in_process"))
    assert run_ended(good.run_id) == "SUCCESS"
    assert run_ended(bad.run_id) == "FAILURE"
    assert run_ended("no-such-run") is None
    assert step_ended(good.run_id, "companies") == "SUCCESS"
    assert step_ended(bad.run_id, "broken") == "FAILURE"
    assert step_ended(bad.run_id, "no_such_step") is None


def test_a_run_that_goes_on_has_not_ended(home):
    @dg.job
    def nothing():
        pass

    with dg.DagsterInstance.get() as here:
        run = here.create_run_for_job(nothing)
    assert run_ended(run.run_id) is None


def test_without_an_instance_to_ask_it_says_so(project):
    with pytest.raises(LedgerError, match="DAGSTER_HOME"):
        run_ended("any")
