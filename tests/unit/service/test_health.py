"""How jobs have been doing, in one word that follows from what the ledger holds."""

from datetime import UTC, datetime, timedelta

import pytest

from ledger.errors import ConfigurationError
from ledger.events import AlertAcknowledged, AlertRaised, CheckEvaluated, GateOverridden, StreamId
from ledger.events.batch import freeze
from ledger.service.overview.health import health
from ledger.store.memory import MemoryStore
from tests.judged import BEGAN, batches, story, write

NOW = BEGAN + timedelta(days=30)


@pytest.fixture
def store():
    made = MemoryStore()
    for number, values in story(8):
        write(made, batches(number, values))
    return made


def said(store, name, *events, hours=20.0):
    at = BEGAN + timedelta(hours=hours)
    store.append(freeze(str(StreamId("told", name)), [(at, event) for event in events]))


def of(store, **more):
    (found,) = health(store.view(), NOW, **more)
    return found


def alert(severity, run_id="run-007"):
    return AlertRaised(run_id=run_id, asset="loaded", alert_id=f"a-{severity}", severity=severity, message="it is bad")


def test_runs_that_went_well_are_healthy(store):
    found = of(store)
    assert (found.word, found.reasons, found.runs, found.failed) == ("healthy", (), 8, 0)
    assert found.newest_run_id == "run-007"
    assert found.last_success is not None


def test_the_newest_run_decides_and_earlier_ones_are_remembered(store):
    write(store, batches(8, story(9)[8][1], status="failed"))
    found = of(store)
    assert found.word == "failing"
    assert found.reasons == ("run run-008 ended failed",)
    write(store, batches(9, story(10)[9][1]))
    assert of(store).word == "degraded"
    assert "1 of the last 10 runs" in of(store).reasons[0]
    assert of(store, last=1).word == "healthy"


@pytest.mark.parametrize(("severity", "word"), [("warning", "degraded"), ("error", "failing"), ("critical", "failing")])
def test_an_alert_of_the_newest_run_counts_until_somebody_answers_for_it(store, severity, word):
    said(store, "alert", alert(severity))
    assert of(store).word == word
    until = (NOW + timedelta(hours=1)).isoformat()
    said(store, "ack", AlertAcknowledged(alert_id=f"a-{severity}", reason="r", owner="o", expires=until))
    assert of(store).word == "healthy"
    (later,) = health(store.view(), NOW + timedelta(hours=2))
    assert later.word == word


def test_an_alert_of_an_earlier_run_does_not(store):
    said(store, "alert", alert("critical", "run-003"))
    assert of(store).word == "healthy"


def test_a_closed_gate_fails_until_it_is_overridden(store):
    check = CheckEvaluated(
        run_id="run-007", asset="loaded", check="match_rate_gate", status="failed", severity="error", blocking=True,
        details={},
    )  # fmt: skip
    said(store, "check", check)
    assert of(store).reasons == ("gate match_rate_gate of loaded is closed",)
    until = (NOW + timedelta(hours=1)).isoformat()
    said(store, "override", GateOverridden(asset="loaded", reason="r", owner="o", expires=until), hours=21.0)
    assert of(store).word == "healthy"


def test_a_job_without_a_run_that_ended_is_unknown_and_one_without_any_is_an_error(store):
    assert of(store, but="run-007").newest_run_id == "run-006"
    assert health(MemoryStore().view(), datetime.now(UTC)) == ()
    with pytest.raises(ConfigurationError, match="did you mean 'job'"):
        health(store.view(), NOW, jobs=("jab",))
