"""The check no_regression: it passes only what is certified, and blocks only what regressed."""

import json
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from ledger.dagster import current_span, tracked
from ledger.dagster.regression import no_regression
from ledger.events import AlertRaised, AssetBlocked, AssetStarted, CheckEvaluated, EnvironmentRecorded, VerdictReached
from ledger.metrics import BUILT_IN
from ledger.service.alerts.gatekeeping import list_gates
from ledger.service.baselines.accepted import from_directory
from ledger.service.baselines.proposing import Proposal, propose, save
from ledger.service.reading.choosing import Choice
from ledger.settings import RegressionSettings
from ledger.store import open_store
from tests.judged import batches, write

TOOK = {"value": 0.9}
BASELINE = [0.900, 0.901, 0.899, 0.902, 0.898, 0.900, 0.901, 0.899, 0.900, 0.901]


@dg.asset
@tracked
def judged() -> int:
    current_span().measure("match_rate", TOOK["value"])
    return 1


@dg.asset
@tracked
def after(judged: int) -> int:
    return judged


@pytest.fixture
def checked(materialize, monkeypatch):
    """Run the assets with the check."""

    def run(*, value=0.9, blocking=True, **overrides):
        monkeypatch.setitem(TOOK, "value", value)
        tags = {"dagster_ledger/overrides": json.dumps({"regression": overrides})} if overrides else {}
        return materialize(judged, after, *no_regression("judged", blocking=blocking), tags=tags)

    return run


@pytest.fixture
def earlier(checked, ledger):
    """Write runs of other processes, under the circumstances that a run of this process has."""
    checked()
    (started,) = [event for event in ledger.events(AssetStarted) if event.asset == "judged"]
    machine, *_ = ledger.events(EnvironmentRecorded)

    def add(values, first=0, **more):
        store = open_store(str(ledger.place))
        for number, value in enumerate(values, first):
            write(store, batches(
                number, {"judged": {"match_rate": value}}, job=started.job, commit=None, began=began, ticks=number + 1,
                machine=machine.machine_class, software=machine.software,
                digests=(started.config_digest, machine.digest), **more,
            ))  # fmt: skip

    began = datetime.now(UTC) - timedelta(days=30)
    return add


@pytest.fixture
def accepted(earlier, ledger, project):
    """Accept the match rate of ten runs."""
    earlier(BASELINE)
    names = tuple(f"run-{number:03}" for number in range(10))
    proposal = Proposal(choice=Choice(names=names), metrics=("match_rate",), reason="first")
    directory = project / "baselines"
    view = open_store(str(ledger.place)).view()
    save(propose(view, proposal, from_directory(directory), RegressionSettings(), BUILT_IN), directory)


def evaluation(result):
    (found,) = result.get_asset_check_evaluations()
    return found


def test_without_a_baseline_it_does_not_pass_and_does_not_block(checked, ledger):
    result = checked()
    found = evaluation(result)
    assert result.success
    assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert found.metadata["ledger/outcome"].value == "INCONCLUSIVE"
    assert "no baseline" in found.description
    (event,) = ledger.events(CheckEvaluated)
    assert (event.check, event.status, event.severity, event.blocking) == ("no_regression", "failed", "warning", False)
    assert list_gates(open_store(str(ledger.place))) == []


def test_what_cannot_be_judged_can_be_made_to_block(checked):
    result = checked(check_inconclusive="error")
    assert not result.success
    assert evaluation(result).severity is dg.AssetCheckSeverity.ERROR


def test_one_run_after_a_deployment_is_not_enough(checked, accepted):
    found = evaluation(checked())
    assert not found.passed
    assert found.metadata["ledger/outcome"].value == "INCONCLUSIVE"


def test_runs_that_are_as_good_as_the_baseline_pass(checked, earlier, accepted, ledger):
    earlier([0.901, 0.900, 0.899, 0.902], first=20)
    result = checked(value=0.9)
    found = evaluation(result)
    assert result.success
    assert found.passed, found.description
    assert found.metadata["ledger/candidate_runs"].value == 5
    assert ledger.events(AlertRaised) == []


def test_a_regression_blocks_what_comes_after_and_is_a_verdict_an_alert_and_a_closed_gate(
    checked, earlier, accepted, ledger
):
    earlier([0.60, 0.61, 0.59, 0.60], first=20)
    result = checked(value=0.6)
    found = evaluation(result)
    assert not result.success
    assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert "judged match_rate regressed" in found.description
    verdict = ledger.events(VerdictReached)[-1]
    assert verdict.outcome == "FAIL"
    raised = ledger.events(AlertRaised)[-1]
    assert (raised.asset, raised.metric, raised.run_id) == ("judged", "match_rate", result.run_id)
    assert raised.delta == pytest.approx(-0.3, abs=0.01)
    (gate,) = list_gates(open_store(str(ledger.place)))
    assert (gate.check, gate.closed) == ("no_regression", True)
    assert [event for event in ledger.events(AssetStarted) if event.run_id == result.run_id][-1].asset == "judged"
    assert ledger.events(AssetBlocked) == []


def test_a_regression_only_warns_where_somebody_says_so(checked, earlier, accepted):
    earlier([0.60, 0.61, 0.59, 0.60], first=20)
    result = checked(value=0.6, check_severity="warning")
    assert result.success
    assert evaluation(result).severity is dg.AssetCheckSeverity.WARN
