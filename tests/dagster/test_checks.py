"""Check results become events, however they are given."""

import dagster as dg
import pytest

from ledger.dagster import tracked

SPECS = [
    dg.AssetCheckSpec("enough", asset="checked", blocking=True),
    dg.AssetCheckSpec("fresh", asset="checked"),
]
FAILED = dg.AssetCheckResult(
    check_name="enough",
    passed=False,
    metadata={"value": 0.6, "threshold": 0.7, "ledger/metric": "match_rate", "by": {"isin": 3}},
    description="0.6 is below 0.7",
)
PASSED = dg.AssetCheckResult(check_name="fresh", passed=True, severity=dg.AssetCheckSeverity.WARN)


@dg.asset(name="checked", check_specs=SPECS)
@tracked
def carried():
    return dg.MaterializeResult(check_results=[FAILED, PASSED])


@dg.asset(name="checked", check_specs=SPECS)
@tracked
def yielded():
    yield dg.MaterializeResult()
    yield FAILED
    yield PASSED


@dg.asset(name="checked", check_specs=SPECS)
@tracked
def returned():
    return dg.MaterializeResult(), FAILED, PASSED


@dg.asset(name="checked", check_specs=SPECS)
@tracked
def yielded_with_output():
    yield dg.Output(1)
    yield FAILED
    yield PASSED


@pytest.mark.parametrize(
    "asset",
    [carried, yielded, returned, yielded_with_output],
    ids=["carried", "yielded", "returned", "yielded_with_output"],
)
def test_every_way_to_give_a_result_is_recorded(asset, materialize, ledger, metadata):
    result = materialize(asset)
    assert metadata(result, "checked")["ledger/duration_s"] > 0
    failed, passed = sorted(ledger.checks(), key=lambda event: event.check)
    assert (failed.asset, failed.check, failed.status, failed.severity) == ("checked", "enough", "failed", "error")
    assert (failed.metric, failed.value, failed.threshold) == ("match_rate", 0.6, 0.7)
    assert failed.blocking is True
    assert failed.description == "0.6 is below 0.7"
    assert failed.details["by"] == {"isin": 3}
    assert failed.run_id == result.run_id
    assert (passed.check, passed.status, passed.severity, passed.blocking) == ("fresh", "passed", "warning", False)


@dg.asset(check_specs=[dg.AssetCheckSpec("only", asset="single")])
@tracked
def single():
    return dg.MaterializeResult(check_results=[dg.AssetCheckResult(passed=True, metadata={"value": float("inf")})])


def test_a_result_may_leave_out_the_name_of_the_only_check(materialize, ledger):
    materialize(single)
    (event,) = ledger.checks()
    assert (event.asset, event.check, event.value) == ("single", "only", None)


@dg.multi_asset(
    specs=[dg.AssetSpec("left"), dg.AssetSpec("right")],
    check_specs=[dg.AssetCheckSpec("ok", asset="left"), dg.AssetCheckSpec("ok", asset="right")],
)
@tracked
def both():
    yield dg.MaterializeResult(asset_key="right", check_results=[dg.AssetCheckResult(asset_key="right", passed=True)])
    yield dg.MaterializeResult(asset_key="left")
    yield dg.AssetCheckResult(asset_key="left", passed=False)


def test_checks_of_a_multi_asset_belong_to_their_own_asset(materialize, ledger):
    materialize(both)
    found = {(event.asset, event.check, event.status) for event in ledger.checks()}
    assert found == {("left", "ok", "failed"), ("right", "ok", "passed")}


@dg.asset
def unchecked():
    return 1


@dg.asset_check(asset=unchecked, blocking=True)
@tracked
def apart():
    return dg.AssetCheckResult(passed=True, metadata={"value": 1.0})


def test_a_check_of_its_own_may_be_tracked(materialize, ledger):
    result = materialize(unchecked, apart)
    assert result.success
    (event,) = ledger.checks()
    assert (event.asset, event.check, event.status, event.blocking) == ("unchecked", "apart", "passed", True)
    assert list(ledger.statuses().values()) == ["success"]
