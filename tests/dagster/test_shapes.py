"""Steps that make several assets, none, or a part of one: subjects, rows and shared time."""

import dagster as dg
import pyarrow as pa
import pytest

from ledger.dagster import current_span, tracked
from ledger.events import AssetStarted


def table(rows):
    return pa.table({"x": list(range(rows))})


@dg.multi_asset(outs={"left": dg.AssetOut(), "right": dg.AssetOut()})
@tracked
def returned_values():
    current_span().measure("match_rate", 0.5, asset="right")
    return table(2), table(3)


@dg.multi_asset(outs={"left": dg.AssetOut(), "right": dg.AssetOut()})
@tracked
def returned_outputs():
    current_span().measure("match_rate", 0.5, asset="right")
    return dg.Output(table(2)), dg.Output(table(3), metadata={"mine": "yes"})


@dg.multi_asset(outs={"left": dg.AssetOut(), "right": dg.AssetOut()})
@tracked
def returned_a_mixture():
    current_span().measure("match_rate", 0.5, asset="right")
    return table(2), dg.Output(table(3), metadata={"mine": "yes"})


@dg.multi_asset(specs=[dg.AssetSpec("left"), dg.AssetSpec("right")])
@tracked
def returned_results():
    current_span().measure("match_rate", 0.5, asset="right")
    return (
        dg.MaterializeResult(asset_key="right", metadata={"dagster/row_count": 3}),
        dg.MaterializeResult(asset_key="left", metadata={"dagster/row_count": 2}),
    )


@dg.multi_asset(specs=[dg.AssetSpec("left"), dg.AssetSpec("right")])
@tracked
def yielded_results():
    yield dg.MaterializeResult(asset_key="left", metadata={"dagster/row_count": 2})
    current_span().measure("match_rate", 0.5, asset="right")
    yield dg.MaterializeResult(asset_key="right", metadata={"dagster/row_count": 3})


@dg.multi_asset(outs={"left": dg.AssetOut(), "right": dg.AssetOut()})
@tracked
def yielded_outputs():
    current_span().measure("match_rate", 0.5, asset="right")
    yield dg.Output(table(3), "right")
    yield dg.Output(table(2), "left")


SEVERAL = [
    returned_values,
    returned_outputs,
    returned_a_mixture,
    returned_results,
    yielded_results,
    yielded_outputs,
]


@pytest.mark.parametrize("assets", SEVERAL, ids=lambda assets: assets.op.name)
def test_several_assets_share_one_span(assets, materialize, ledger, metadata):
    result = materialize(assets)
    assert result.success
    subject = f"op:{assets.op.name}"
    assert ledger.statuses() == {(subject, None, 0): "success"}
    assert ledger.events(AssetStarted)[0].output_assets == ("left", "right")
    assert ledger.values("left") == {"rows_out": 2}
    assert ledger.values("right") == {"rows_out": 3, "match_rate": 0.5}
    assert "rows_out" not in ledger.values(subject)
    assert ledger.values(subject)["duration_s"] > 0
    left, right = metadata(result, "left"), metadata(result, "right")
    for shown, rows in ((left, 2.0), (right, 3.0)):
        assert shown["ledger/shared_span_duration_s"] > 0
        assert shown["ledger/rows_out"] == rows
        assert "ledger/duration_s" not in shown
    assert right["ledger/match_rate"] == 0.5
    assert "ledger/match_rate" not in left


@dg.multi_asset(specs=[dg.AssetSpec("one", skippable=True), dg.AssetSpec("two", skippable=True)], can_subset=True)
@tracked
def subsettable(context: dg.AssetExecutionContext):
    for key in sorted(context.selected_asset_keys):
        yield dg.MaterializeResult(asset_key=key, metadata={"dagster/row_count": 1})


def test_a_part_of_a_multi_asset_is_filed_under_the_same_subject(materialize, ledger, metadata):
    result = materialize(subsettable, selection=["two"])
    assert result.success
    assert ledger.statuses() == {("op:subsettable", None, 0): "success"}
    assert ledger.events(AssetStarted)[0].output_assets == ("two",)
    assert ledger.values("two") == {"rows_out": 1}
    assert metadata(result, "two")["ledger/shared_span_duration_s"] > 0


@dg.op
@tracked
def first_half():
    return table(4)


@dg.op(out={"made": dg.Out()})
@tracked
def second_half(rows):
    return rows.slice(0, 2)


@dg.graph_asset
def from_graph():
    return second_half(first_half())


def test_the_ops_of_a_graph_have_spans_of_their_own(materialize, ledger, metadata):
    result = materialize(from_graph)
    assert result.success
    assert ledger.statuses() == {
        ("op:from_graph.first_half", None, 0): "success",
        ("op:from_graph.second_half", None, 0): "success",
    }
    assert {event.output_assets for event in ledger.events(AssetStarted)} == {("from_graph",)}
    assert ledger.values("op:from_graph.first_half")["rows_out"] == 4
    assert ledger.values("from_graph") == {"rows_out": 2}
    shown = metadata(result, "from_graph")
    assert shown["ledger/shared_span_duration_s"] > 0
    assert shown["ledger/rows_out"] == 2.0


@dg.op(out=dg.DynamicOut())
@tracked
def pieces():
    for number in range(2):
        yield dg.DynamicOutput(number, mapping_key=str(number))


@dg.op(out=dg.DynamicOut())
@tracked
def returned_pieces():
    return [dg.DynamicOutput(number, mapping_key=str(number)) for number in range(2)]


@dg.op
@tracked
def piece(number):
    return number


@dg.op
@tracked
def together(numbers):
    return table(sum(numbers))


@dg.graph_asset
def dynamic():
    return together(pieces().map(piece).collect())


@dg.graph_asset
def dynamic_returned():
    return together(returned_pieces().map(piece).collect())


@pytest.mark.parametrize(("asset", "source"), [(dynamic, "pieces"), (dynamic_returned, "returned_pieces")])
def test_each_dynamic_step_is_a_span(asset, source, materialize, ledger):
    assert materialize(asset).success
    name = asset.key.to_user_string()
    assert set(ledger.statuses()) == {
        (f"op:{name}.{step}", None, 0) for step in (source, "piece[0]", "piece[1]", "together")
    }
    assert set(ledger.statuses().values()) == {"success"}


@dg.op
@tracked
def bare():
    return table(5)


@dg.job
def bare_job():
    bare()


def test_an_op_of_a_plain_job_is_tracked_too(instance, ledger):
    assert bare_job.execute_in_process(instance=instance).success
    assert ledger.statuses() == {("op:bare", None, 0): "success"}
    assert ledger.values("op:bare")["rows_out"] == 5


DAYS = dg.DailyPartitionsDefinition(start_date="2026-01-01", end_date="2026-01-10")


@dg.asset(partitions_def=DAYS, backfill_policy=dg.BackfillPolicy.single_run())
@tracked
def daily(context: dg.AssetExecutionContext):
    context.log.info("made")
    return dg.MaterializeResult(metadata={"dagster/partition_row_count": 6})


def test_each_partition_has_a_stream_of_its_own(materialize, ledger):
    for day in ("2026-01-01", "2026-01-02"):
        assert materialize(daily, partition_key=day).success
    assert ledger.statuses() == {
        ("daily", "2026-01-01", 0): "success",
        ("daily", "2026-01-02", 0): "success",
    }
    assert ledger.values("daily")["rows_out"] == 6


def test_a_range_of_partitions_is_one_span(materialize, ledger):
    tags = {
        "dagster/asset_partition_range_start": "2026-01-01",
        "dagster/asset_partition_range_end": "2026-01-03",
    }
    assert materialize(daily, tags=tags).success
    assert ledger.statuses() == {("daily", "2026-01-01...2026-01-03", 0): "success"}


KINDS = dg.MultiPartitionsDefinition({"day": DAYS, "side": dg.StaticPartitionsDefinition(["a", "b"])})


@dg.asset(partitions_def=KINDS)
@tracked
def two_ways():
    return table(1)


def test_a_partition_of_two_dimensions_is_spelled_as_dagster_does(materialize, ledger):
    assert materialize(two_ways, partition_key=dg.MultiPartitionKey({"day": "2026-01-01", "side": "b"})).success
    assert ledger.statuses() == {("two_ways", "2026-01-01|b", 0): "success"}


@dg.asset
@tracked
@tracked
def twice():
    return inner()


@tracked
def inner():
    current_span().measure("match_rate", 0.1)
    return table(1)


def test_tracking_inside_tracking_is_one_span(materialize, ledger):
    assert materialize(twice).success
    assert ledger.statuses() == {("twice", None, 0): "success"}
    assert ledger.values("twice")["match_rate"] == 0.1
