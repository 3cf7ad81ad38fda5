"""The check no_regression: it passes only what is certified, and blocks only what regressed."""

import dagster as dg
import pytest

from ledger.dagster import current_span, tracked
from ledger.dagster.regression import no_regression
from ledger.events import CheckEvaluated
from ledger.metrics import BUILT_IN
from ledger.service.accepted import from_directory
from ledger.service.choosing import Choice
from ledger.service.proposing import Proposal, propose, save
from ledger.settings import RegressionSettings
from ledger.store import open_store

TOOK = {"value": 0.9}


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
def checked(materialize, ledger, project, monkeypatch):
    """Run the assets with the check so many times, each as if it were a process of its own; return the last result."""

    def run(times=1, *, blocking=True, value=0.9, tags=None):
        monkeypatch.setitem(TOOK, "value", value)
        for _ in range(times):
            result = materialize(judged, after, *no_regression("judged", blocking=blocking), tags=tags)
        return result

    return run


@pytest.fixture
def accepted(checked, ledger, project):
    """Accept the match rate of six runs."""
    checked(6)
    proposal = Proposal(choice=Choice(last=6), assets=("judged",), metrics=("match_rate",), reason="first")
    view = open_store(str(ledger.place)).view()
    directory = project / "baselines"
    found = propose(view, proposal, from_directory(directory), RegressionSettings(), BUILT_IN)
    save(found, directory)


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


def test_what_cannot_be_judged_can_be_made_an_error(checked):
    tags = {"dagster_ledger/overrides": '{"regression.check_inconclusive": "error"}'}
    result = checked(tags=tags)
    assert not result.success
    assert evaluation(result).severity is dg.AssetCheckSeverity.ERROR
