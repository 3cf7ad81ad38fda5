"""One call tracks a whole project just as decorating each asset by hand does, and leaves all else as it was."""

import dagster as dg
import pyarrow as pa
import pytest
from dagster._core.definitions.decorators.op_decorator import DecoratedOpFunction

from ledger.dagster import LedgerResource, current_span, track_definitions, tracked
from ledger.dagster.rewrap import _asset_ops
from ledger.dagster.tracked import MARK
from ledger.errors import ConfigurationError
from ledger.events import AssetStarted, CheckEvaluated, MetricMeasured
from ledger.metrics import Metric

DAYS = dg.StaticPartitionsDefinition(["mon", "tue"])


def project(by_hand):  # noqa: C901 - one function per shape
    """Return definitions of every shape; each function is tracked by hand, or left to one call."""
    mark = tracked if by_hand else (lambda function: function)

    @dg.asset
    @mark
    def plain():
        return pa.table({"x": [1]})

    @dg.asset
    @tracked  # In both: what is tracked already is not tracked twice.
    def already(plain: pa.Table):
        return plain

    @dg.asset
    @mark
    async def coroutine():
        return 1

    @dg.asset
    @mark
    def generator():
        yield dg.Output(2)

    @dg.asset
    @mark
    async def async_generator():
        yield dg.Output(3)

    @dg.multi_asset(outs={"left": dg.AssetOut(), "right": dg.AssetOut()})
    @mark
    def several():
        return pa.table({"x": [1]}), pa.table({"x": [1, 2]})

    @dg.op
    @mark
    def inner():
        return 4

    @dg.op
    @mark
    def outer(number):
        return number

    @dg.graph_asset
    def graph():
        return outer(inner())

    @dg.asset(partitions_def=DAYS)
    @mark
    def partitioned(context: dg.AssetExecutionContext):
        assert context.partition_key
        return dg.MaterializeResult(metadata={"dagster/row_count": 9})

    @dg.asset(retry_policy=dg.RetryPolicy(max_retries=1))
    @mark
    def retried(context: dg.AssetExecutionContext):
        if context.retry_number == 0:
            raise ValueError

    @dg.asset
    @mark
    def failing():
        raise ValueError

    @dg.asset(check_specs=[dg.AssetCheckSpec("enough", asset="checked")])
    @mark
    def checked(store: dg.ResourceParam[str]):
        assert store == "shelf"
        return dg.MaterializeResult(check_results=[dg.AssetCheckResult(passed=True)])

    @dg.asset_check(asset=plain)
    def apart():
        return dg.AssetCheckResult(passed=True)

    @dg.schedule(cron_schedule="0 0 * * *", job_name="all")
    def nightly():
        return dg.RunRequest()

    @dg.sensor(job_name="all")
    def watching():
        return dg.SkipReason("nothing")

    @dg.op
    def lonely():
        return 1

    @dg.job
    def op_job():
        lonely()

    unpartitioned = dg.AssetSelection.all() - dg.AssetSelection.assets("partitioned", "elsewhere")
    return dg.Definitions(
        assets=[
            plain,
            already,
            coroutine,
            generator,
            async_generator,
            several,
            graph,
            partitioned,
            retried,
            failing,
            checked,
            dg.AssetSpec("elsewhere"),
        ],
        asset_checks=[apart],
        jobs=[
            dg.define_asset_job("all", selection=unpartitioned),
            dg.define_asset_job("daily", selection=["partitioned"]),
            op_job,
        ],
        schedules=[nightly],
        sensors=[watching],
        resources={"store": "shelf"},
        executor=dg.in_process_executor,
        loggers={"console": dg.colored_console_logger},
    )


def story(definitions, instance, ledger):
    """Run everything and return what the ledger holds, without what differs from run to run."""
    before = len(ledger.recorded())
    definitions.resolve_job_def("all").execute_in_process(instance=instance, raise_on_error=False)
    for day in DAYS.get_partition_keys():
        definitions.resolve_job_def("daily").execute_in_process(instance=instance, partition_key=day)
    found = set()
    for event in (entry.event for entry in ledger.recorded()[before:]):
        about = [type(event).__name__, event.asset, event.partition]
        if isinstance(event, MetricMeasured):
            if event.metric == "probe_s":
                continue
            about += [event.metric, event.value if event.metric.startswith("rows") else None]
        if isinstance(event, AssetStarted):
            about += [event.output_assets, event.step_key, event.job]
        if isinstance(event, CheckEvaluated):
            about += [event.check, event.status]
        about.append(getattr(event, "status", None))
        found.add(tuple(about))
    return found


def test_one_call_gives_the_same_events_as_decorating_by_hand(instance, ledger):
    by_hand = story(project(by_hand=True), instance, ledger)
    in_one = story(track_definitions(project(by_hand=False)), instance, ledger)
    assert in_one == by_hand
    started = {about[1] for about in by_hand if about[0] == "AssetStarted"}
    assert started == {
        "plain",
        "already",
        "coroutine",
        "generator",
        "async_generator",
        "op:several",
        "op:graph.inner",
        "op:graph.outer",
        "partitioned",
        "retried",
        "failing",
        "checked",
    }
    assert {about[-1] for about in by_hand if about[0] == "AssetFailed"} == {"retrying", "failed"}


def test_everything_else_is_kept():
    before = project(by_hand=False)
    known = before.get_repository_def()
    after = track_definitions(before).get_repository_def()
    assert set(after.job_names) == set(known.job_names)
    assert {entry.name for entry in after.schedule_defs} == {"nightly"}
    assert {entry.name for entry in after.sensor_defs} == {"watching"}
    graph = after.asset_graph
    assert graph.get_all_asset_keys() == known.asset_graph.get_all_asset_keys()
    assert graph.get(dg.AssetKey("elsewhere")).is_external
    assert {key.name for key in graph.asset_check_keys} == {"apart", "enough"}
    assert after.get_top_level_resources().keys() == {"store"}


def test_tracking_twice_changes_nothing_more():
    definitions = track_definitions(project(by_hand=False))
    functions = [op.compute_fn for op in _asset_ops(definitions)]
    track_definitions(definitions)
    again = [op.compute_fn for op in _asset_ops(definitions)]
    for one, two in zip(functions, again, strict=True):
        assert one.decorated_fn is two.decorated_fn


def test_assets_of_merged_definitions_and_of_modules_are_tracked(instance, ledger):
    @dg.asset
    def one():
        return 1

    @dg.asset
    def two():
        return 2

    merged = dg.Definitions.merge(dg.Definitions([one]), dg.Definitions([two]))
    job = track_definitions(merged).resolve_implicit_global_asset_job_def()
    assert job.execute_in_process(instance=instance).success
    assert set(ledger.statuses()) == {("one", None, 0), ("two", None, 0)}


def test_metrics_and_place_may_be_named_for_all(instance, project_ledger):
    @dg.asset
    def links():
        current_span().measure("links", 3)

    place, ledger = project_ledger
    metric = Metric("links", "count", "higher_is_better", "quality", "Links made.")
    definitions = track_definitions(dg.Definitions([links]), metrics=[metric], ledger_uri=str(place))
    assert definitions.resolve_implicit_global_asset_job_def().execute_in_process(instance=instance).success
    assert ledger.values("links")["links"] == 3.0


@pytest.fixture
def project_ledger(ledger, tmp_path):
    place = tmp_path / "other"
    return place, type(ledger)(place)


def test_a_resource_says_where_the_ledger_is(materialize, ledger, project_ledger):
    place, other = project_ledger

    @dg.asset
    @tracked
    def stored(records: LedgerResource):
        assert records.uri

    assert materialize(stored, resources={"records": LedgerResource(uri=str(place))}).success
    assert other.statuses() == {("stored", None, 0): "success"}
    assert ledger.statuses() == {}


def test_an_argument_is_stronger_than_a_resource(materialize, tmp_path, project_ledger):
    place, other = project_ledger

    @dg.asset(required_resource_keys={"records"})
    @tracked(ledger_uri=str(place))
    def stored():
        return 1

    assert materialize(stored, resources={"records": LedgerResource(uri=str(tmp_path / "weaker"))}).success
    assert other.statuses() == {("stored", None, 0): "success"}
    assert not (tmp_path / "weaker").exists()


class TestWhatWeRelyOnInDagster:
    """Fails loudly where a release of Dagster moves what ``rewrap`` has to touch."""

    def test_an_op_keeps_its_function_where_we_replace_it(self):
        @dg.asset
        def one():
            return 1

        kept = one.op._compute_fn
        assert isinstance(kept, DecoratedOpFunction)
        assert kept._fields == ("decorated_fn",)
        assert one.op.compute_fn is kept

    def test_a_replaced_function_is_the_one_that_runs(self):
        @dg.asset
        def one():
            return 1

        track_definitions(dg.Definitions([one]))
        assert getattr(one.op.compute_fn.decorated_fn, MARK)

    def test_an_op_built_without_the_decorator_is_tracked_too(self, instance, ledger):
        def compute(_context, _inputs):
            yield dg.Output(1)

        op = dg.OpDefinition(compute_fn=compute, name="built", ins={}, outs={"result": dg.Out()})
        asset = dg.AssetsDefinition.from_op(op)
        definitions = track_definitions(dg.Definitions([asset]))
        assert definitions.resolve_implicit_global_asset_job_def().execute_in_process(instance=instance).success
        assert ledger.statuses() == {("built", None, 0): "success"}

    def test_a_function_kept_elsewhere_is_refused_and_not_silently_untracked(self):
        @dg.asset
        def one():
            return 1

        del one.op._compute_fn
        with pytest.raises(ConfigurationError, match="use @tracked on each asset"):
            track_definitions(dg.Definitions([one]))
