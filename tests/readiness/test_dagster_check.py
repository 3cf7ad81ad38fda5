"""The check ``ready``: nothing after it is made unless a manifest holds."""

import dagster as dg
import pytest

from ledger.dagster import tracked
from ledger.dagster.readiness import ready
from ledger.events import CheckEvaluated
from ledger.events.codec import from_table
from tests.readiness.forging import only

DEPLOYED: list[str] = []


@dg.asset
@tracked
def release() -> int:
    return 1


@dg.asset
@tracked
def deployed(release: int) -> int:
    DEPLOYED.append("yes")
    return release


@pytest.fixture
def deploy(own, monkeypatch):
    monkeypatch.chdir(own.project)
    monkeypatch.setenv("DAGSTER_LEDGER_URI", str(own.ledger))
    DEPLOYED.clear()

    def run(manifest) -> dg.ExecuteInProcessResult:
        checks = [ready("release", manifest=str(manifest))]
        return (
            dg.Definitions(assets=[release, deployed], asset_checks=checks)
            .get_implicit_global_asset_job_def()
            .execute_in_process(raise_on_error=False)
        )

    return run


def test_a_manifest_that_holds_lets_it_through(own, deploy):
    assert deploy(own.place / "manifest.json").success
    assert DEPLOYED == ["yes"]


@pytest.mark.parametrize(
    ("keep", "reason"), [(("nobody",), "unsigned"), (("SHA256:",), "bad_signature"), (None, "manifest_missing")]
)
def test_a_manifest_that_does_not_hold_blocks_with_its_reason(own, deploy, keep, reason):
    result = deploy(only(own, *keep) if keep else "nowhere.json")
    assert not result.success
    assert DEPLOYED == []
    (told,) = result.get_asset_check_evaluations()
    assert not told.passed
    assert told.metadata["ledger/reason"].value == reason
    recorded = [entry.event for entry in from_table(own.store().read()) if isinstance(entry.event, CheckEvaluated)]
    (event,) = [one for one in recorded if one.check == "ready"]
    assert (event.status, event.blocking, event.details["reason"]) == ("failed", True, reason)
