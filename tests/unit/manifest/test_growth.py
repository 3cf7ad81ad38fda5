"""Which events after a checkpoint take back what a manifest says."""

from datetime import timedelta

import pyarrow as pa
import pytest

from ledger.events import (
    AlertAcknowledged,
    AlertRaised,
    AssetBlocked,
    AssetLost,
    AssetStarted,
    CheckEvaluated,
    GateOverridden,
    ManifestSigned,
    MetricMeasured,
    RunFinished,
    SmokeTested,
    VerdictReached,
)
from ledger.events.codec import from_table, to_table
from ledger.events.schema import SCHEMA
from ledger.manifest.growth import QUERY_KINDS, START_KINDS, failures_since
from ledger.projections.fold import of_kind
from tests.recorded import at

COMMIT, OTHER = "a" * 40, "b" * 40
RUN = {"asset": "companies", "run_id": "later"}


def check(**more):
    told = {"check": "fresh", "status": "failed", "severity": "error", "blocking": False, "details": {}} | more
    return CheckEvaluated(**RUN, **told)


def alert(severity="error", alert_id="a1"):
    return AlertRaised(**RUN, alert_id=alert_id, severity=severity, message="too slow")


def verdict(outcome="FAIL", commit=None):
    return VerdictReached(
        outcome=outcome, sentence="1 regressed", candidate_run_ids=(), baseline="files", baseline_digest="0f",
        code_version=commit, judged=1, findings=(),
    )  # fmt: skip


def smoke(status="failed", commit=COMMIT):
    return SmokeTested(case="known_good", status=status, code_version=commit, details={})


def acknowledged(hours):
    expires = (at(0) + timedelta(hours=hours)).isoformat()
    return AlertAcknowledged(alert_id="a1", reason="known", owner="data", expires=expires)


def told(*events, run_of=COMMIT, now_min=60):
    """Return what is told of events that came later, in a run of a commit."""
    started = AssetStarted(**RUN, output_assets=("companies",), host="h", pid=1, code_version=run_of)
    rows = to_table("asset/x", 0, 0, [(at(minute), event) for minute, event in enumerate((started, *events))])
    later, starts = of_kind(rows, *QUERY_KINDS), of_kind(rows, *START_KINDS)
    return failures_since(later, starts, COMMIT, at(now_min))


FAILURES = {
    "a check that fails as an error": check(),
    "a gate that closed, whatever its severity": check(severity="warning", blocking=True),
    "an alert of an error": alert(),
    "a critical alert": alert("critical"),
    "a verdict": verdict(),
    "a smoke case": smoke(),
    "a smoke case of nobody knows which commit": smoke(commit=None),
    "a run": RunFinished(run_id="later", status="failed"),
    "an attempt whose process is gone": AssetLost(**RUN, reason="gone", last_seen_s=1.0, context={}),
}
HARMLESS = {
    "a check that passed": check(status="passed"),
    "a check that warned": check(severity="warning"),
    "an alert that warned": alert("warning"),
    "a verdict of too little evidence": verdict("INCONCLUSIVE"),
    "a smoke case that passed": smoke("passed"),
    "a smoke case of another commit": smoke(commit=OTHER),
    "a verdict about another commit": verdict(commit=OTHER),
    "a run that went well": RunFinished(run_id="later", status="success"),
    "a canceled run": RunFinished(run_id="later", status="canceled"),
    "a measurement": MetricMeasured(**RUN, metric="duration_s", value=9.0, unit="s"),
    "a signature": ManifestSigned(manifest_sha256="0", environment="prod", code_version="a", keyids=(), signatures=1),
    "a blocked asset, whose gate is told by itself": AssetBlocked(
        **RUN, blocked_by="x", gate_run_id="y", check="c", reason="r"
    ),
    "an override": GateOverridden(asset="companies", reason="r", owner="o", expires="2026-01-01T01:00:00+00:00"),
}


@pytest.mark.parametrize("event", FAILURES.values(), ids=FAILURES)
def test_a_failure_in_scope_is_told_with_its_place(event):
    (sentence,) = told(event)
    assert sentence.endswith("(asset/x, position 1)")


@pytest.mark.parametrize("event", HARMLESS.values(), ids=HARMLESS)
def test_growth_without_a_failure_is_allowed(event):
    assert told(event) == []


@pytest.mark.parametrize("event", [check(), alert(), RunFinished(run_id="later", status="failed")], ids=type)
def test_a_failed_run_of_another_commit_stops_nobody(event):
    assert told(event, run_of=OTHER) == []
    assert len(told(event, run_of=None)) == 1


def test_a_run_of_no_known_commit_is_in_scope():
    rows = to_table("asset/x", 0, 0, [(at(0), check())])
    assert len(failures_since(rows, SCHEMA.empty_table(), COMMIT, at(1))) == 1


def test_an_acknowledged_alert_is_allowed_until_the_acknowledgement_ends():
    assert told(alert(), acknowledged(hours=2)) == []
    assert len(told(alert(), acknowledged(hours=2), now_min=121)) == 1
    assert len(told(alert(), alert(alert_id="a2"), acknowledged(hours=2))) == 1


def test_an_event_that_this_release_cannot_judge_is_a_failure():
    rows = to_table("asset/x", 0, 0, [(at(0), check(status="passed"))])
    newer = rows.set_column(rows.column_names.index("kind_version"), SCHEMA.field("kind_version"), pa.array([9], SCHEMA.field("kind_version").type))
    assert [type(entry.event).__name__ for entry in from_table(newer)] == ["UnknownEvent"]
    (sentence,) = failures_since(newer, SCHEMA.empty_table(), COMMIT, at(1))
    assert "cannot judge" in sentence
