"""One golden file per event kind and version: what was once written must be read for ever."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from ledger.events import (
    KINDS,
    AlertAcknowledged,
    AlertRaised,
    AssetBlocked,
    AssetFailed,
    AssetFinished,
    AssetHeartbeat,
    AssetLost,
    AssetStarted,
    BreakdownMeasured,
    ChangePointFound,
    ChangePointWithdrawn,
    CheckEvaluated,
    ChunkCompleted,
    ChunkFailed,
    ChunksAdapted,
    ChunksResumed,
    ConfigurationResolved,
    EnvironmentRecorded,
    GateOverridden,
    ManifestSigned,
    MaterializationImported,
    MetricMeasured,
    NoticeFailed,
    NoticeSent,
    ProgressReported,
    RunFinished,
    RunImported,
    RunStarted,
    SmokeTested,
    VerdictReached,
)
from ledger.events.batch import freeze
from ledger.events.codec import from_table
from ledger.events.digest import batch_digest
from ledger.events.schema import SCHEMA

GOLDEN = Path(__file__).parents[2] / "golden" / "events"
NOW = datetime(2026, 11, 23, 12, 0, 0, 250000, tzinfo=UTC)
STREAM = "asset/companies/run-1//0"
PLACE = {"asset": "companies", "run_id": "run-1"}
EXAMPLES = [
    RunStarted(
        run_id="run-1", job="enrich", launcher="cli", planned_assets=("a", "b"), launch_id="l", tags={"team": "data"}
    ),
    RunFinished(run_id="run-1", status="failed", message="1 of 2 assets failed"),
    RunImported(
        run_id="run-1", source="dagster_event_log", source_status="FAILURE", attempts=2, not_recorded=("cpu_s", "host")
    ),
    MaterializationImported(**PLACE, partition="2026-11", numbers={"dagster/row_count": 3.0}),
    ConfigurationResolved(
        run_id="run-1", digest="0f", values={"chunk_size": 25000}, sources={"chunk_size": "config/base.yaml:8:1"}
    ),
    AssetStarted(
        **PLACE,
        partition="2026-11",
        output_assets=("companies",),
        job="enrich",
        step_key="companies",
        host="worker",
        boot_id="b",
        pid=7,
        pid_namespace=4026531836,
        pid_started_ticks=99,
        code_version="abc",
        code_dirty=False,
        asset_code_version="2",
        config_digest="0f",
        environment_digest="1e",
    ),
    EnvironmentRecorded(
        **PLACE, digest="1e", machine_class={"cores": 2}, software={"python": "3.11.7"}, host={"hostname": "worker"}
    ),
    AssetHeartbeat(**PLACE, elapsed_s=60.5, rss_bytes=1048576),
    AssetFinished(**PLACE, peak_method="vmhwm", sample_hz=10.0),
    AssetFailed(
        **PLACE,
        error_type="builtins.ValueError",
        error_message='bad "row"\nin line 2',
        traceback="Traceback …",
        context={"rows": [0, 10]},
        peak_method="sampled",
    ),
    AssetLost(**PLACE, reason="process 7 on worker is gone", last_seen_s=12.25, context={"pid": 7}),
    MetricMeasured(**PLACE, metric="match_rate", value=0.7125, unit="ratio"),
    BreakdownMeasured(**PLACE, metric="method_rows", unit="rows", counts={"cusip": 3.0, "name_exact": 2.0}),
    ProgressReported(**PLACE, value=500.0, total=1000.0, eta_s=1.5),
    ChunksResumed(
        **PLACE,
        plan_digest="9f",
        total_rows=1000,
        kept_rows=250,
        damaged_parts=1,
        deaths=({"start_row": 250, "stop_row": 500, "pid": 7},),
    ),
    ChunkCompleted(
        **PLACE,
        start_row=250,
        stop_row=500,
        rows_out=250,
        sha256="3c",
        wall_s=1.25,
        base_bytes=1048576,
        peak_bytes=4194304,
        peak_method="vmhwm",
    ),
    ChunkFailed(
        **PLACE,
        start_row=500,
        stop_row=750,
        attempt=2,
        is_final=False,
        reason="timeout",
        error_type="AssetTimeoutError",
        error_message="too long",
        traceback="Traceback …",
    ),
    ChunksAdapted(
        **PLACE,
        change="shrunk",
        rows_before=250,
        rows_after=125,
        peak_bytes=4194304,
        limit_bytes=4400000,
        reason="the peak was 95% of the limit",
    ),
    ChangePointFound(
        asset="companies",
        partition="2026-11",
        change_id="c1",
        metric="duration_s",
        unit="s",
        status="confirmed",
        machine="1e",
        config_digest="0f",
        first_run_id="run-7",
        earliest_run_id="run-6",
        latest_run_id="run-8",
        newest_run_id="run-20",
        commit_before="abc",
        commits=("abd", "abe"),
        before=2.0,
        after=2.5,
        change_ratio=0.25,
        low=0.2,
        high=0.3,
        p_value=0.002,
        separation=0.98,
        runs=20,
    ),
    ChangePointWithdrawn(
        asset="companies", change_id="c1", metric="duration_s", newest_run_id="run-21", reason="it went away"
    ),
    CheckEvaluated(
        **PLACE,
        check="match_rate_gate",
        status="failed",
        severity="error",
        metric="match_rate",
        value=0.65,
        threshold=0.7,
        blocking=True,
        description="0.65 < 0.70",
        details={"rows": 100},
    ),
    AlertRaised(
        **PLACE,
        alert_id="a1",
        severity="critical",
        metric="duration_s",
        value=9.0,
        threshold=3.0,
        unit="s",
        message="three times the limit",
    ),
    AssetBlocked(
        asset="profile",
        run_id="run-1",
        blocked_by="companies",
        gate_run_id="run-1",
        check="match_rate",
        metric="match_rate",
        value=0.65,
        threshold=0.7,
        reason="match_rate of companies is 0.65, below 0.70",
    ),
    GateOverridden(
        asset="companies", check="match_rate", reason="agreed", owner="data", expires="2026-11-24T12:00:00Z"
    ),
    AlertAcknowledged(alert_id="a1", reason="known", owner="data", expires="2026-11-24T12:00:00Z"),
    NoticeSent(run_id="run-1", alert_id="a1", channel="webhook:0f", attempts=1),
    NoticeFailed(run_id="run-1", alert_id="a1", channel="webhook:0f", attempts=3, error="503"),
    SmokeTested(
        run_id="run-1",
        case="known_good",
        status="passed",
        job="enrich",
        code_version="abc",
        code_dirty=False,
        details={},
    ),
    ManifestSigned(
        environment="prod",
        code_version="a1" * 20,
        payload_sha256="ab" * 32,
        ledger_size=152,
        ledger_root="cd" * 32,
        expires="2026-11-27T11:16:11+00:00",
        signers=("alice@example.org", "bob@example.org"),
        accepted=True,
    ),
    VerdictReached(
        outcome="FAIL",
        sentence="judged 1 of 1; 1 regressed",
        job="enrich",
        candidate_run_ids=("run-1", "run-2"),
        baseline="files",
        baseline_digest="0f",
        code_version="abc",
        judged=1,
        causes=("companies duration_s regressed (error)",),
        findings=({"asset": "companies", "metric": "duration_s", "state": "regressed", "estimate": 0.25},),
    ),
]


def _batch(event):
    return freeze(STREAM, [(NOW, event)])


def _row(table):
    return table.set_column(3, "ts", table.column("ts").cast(pa.int64())).to_pylist()[0]


def _table(row):
    rows = pa.Table.from_pylist([row], schema=SCHEMA.set(3, pa.field("ts", pa.int64())))
    return rows.set_column(3, SCHEMA.field("ts"), rows.column("ts").cast(SCHEMA.field("ts").type)).cast(SCHEMA)


def test_every_kind_has_an_example():
    assert sorted(event.KIND for event in EXAMPLES) == sorted(KINDS)


@pytest.mark.parametrize("event", EXAMPLES, ids=lambda event: event.KIND)
def test_today_writes_what_the_golden_file_of_this_version_says(event, request):
    path = GOLDEN / f"{event.KIND}.v{event.VERSION}.json"
    batch = _batch(event)
    written = {"digest": batch.digest, "row": _row(batch.rows)}
    if request.config.getoption("--update-golden"):
        path.write_text(json.dumps(written, indent=2, sort_keys=True, ensure_ascii=False) + "\n")
    assert json.loads(path.read_text()) == written


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.json")), ids=lambda path: path.stem)
def test_every_golden_file_is_still_read(path):
    golden = json.loads(path.read_text())
    table = _table(golden["row"])
    assert batch_digest(table, stream=STREAM, batch=0, previous=None) == golden["digest"]
    (entry,) = from_table(table)
    assert type(entry.event) is KINDS[golden["row"]["kind"]]
