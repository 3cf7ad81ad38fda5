"""Which events after a checkpoint take back what a manifest says."""

import dataclasses

import pytest

from ledger.events import (
    AlertRaised,
    AssetBlocked,
    AssetFailed,
    AssetLost,
    CheckEvaluated,
    GateOverridden,
    MetricMeasured,
    RecordedEvent,
    RunFinished,
    SmokeTested,
    VerdictReached,
)
from ledger.manifest import failures
from tests.recorded import at

COMMIT, OTHER = "a" * 40, "b" * 40
RUN = {"asset": "companies", "run_id": "in-scope"}
FAILED = AssetFailed(**RUN, error_type="E", error_message="m", traceback="t", context={}, peak_method="vmhwm")


def check(**more):
    told = {"check": "fresh", "status": "failed", "severity": "error", "blocking": True, "details": {}} | more
    return CheckEvaluated(**RUN, **told)


def alert(severity):
    return AlertRaised(**RUN, alert_id="a1", severity=severity, message="too slow")


def verdict(outcome="FAIL", commit=COMMIT):
    return VerdictReached(
        outcome=outcome, sentence="1 regressed", candidate_run_ids=(), baseline="files", baseline_digest="0f",
        code_version=commit, judged=1, findings=(),
    )  # fmt: skip


def smoke(status="failed", commit=COMMIT):
    return SmokeTested(case="known_good", status=status, code_version=commit, details={})


def told(event):
    return failures([RecordedEvent("asset/x", 3, 0, at(0), event)], COMMIT, {"in-scope"})


FAILURES = {
    "a gate that closed": check(),
    "an alert of an error": alert("error"),
    "a critical alert": alert("critical"),
    "a verdict": verdict(),
    "a smoke case": smoke(),
    "an asset": FAILED,
    "an attempt whose process is gone": AssetLost(**RUN, reason="gone", last_seen_s=1.0, context={}),
    "a run": RunFinished(run_id="in-scope", status="failed"),
}
HARMLESS = {
    "a check that passed": check(status="passed"),
    "a check that blocks nothing": check(blocking=False),
    "an alert that warned": alert("warning"),
    "a verdict of too little evidence": verdict("INCONCLUSIVE"),
    "a verdict about another commit": verdict(commit=OTHER),
    "a smoke case that passed": smoke("passed"),
    "a smoke case of another commit": smoke(commit=OTHER),
    "an attempt that is tried again": dataclasses.replace(FAILED, status="retrying"),
    "a run that went well": RunFinished(run_id="in-scope", status="success"),
    "a measurement": MetricMeasured(**RUN, metric="duration_s", value=9.0, unit="s"),
    "a blocked asset, whose gate is told by itself": AssetBlocked(
        **RUN, blocked_by="x", gate_run_id="y", check="c", reason="r"
    ),
    "an override": GateOverridden(asset="companies", reason="r", owner="o", expires="2026-01-01T01:00:00+00:00"),
}


@pytest.mark.parametrize("event", FAILURES.values(), ids=FAILURES)
def test_a_failure_in_scope_is_told_with_its_place(event):
    (sentence,) = told(event)
    assert sentence.endswith("(asset/x#3)")


@pytest.mark.parametrize("event", HARMLESS.values(), ids=HARMLESS)
def test_growth_without_a_failure_is_allowed(event):
    assert told(event) == ()


@pytest.mark.parametrize("event", [check(), alert("critical"), FAILED], ids=lambda event: event.KIND)
def test_a_run_that_is_out_of_scope_stops_nobody(event):
    assert told(dataclasses.replace(event, run_id="another")) == ()
