"""Gates: they block in the run, refuse in a later run of only what comes after, and open again after a fix."""

import json
from datetime import UTC, datetime, timedelta

import dagster as dg
import pyarrow as pa
import pytest

from ledger.dagster import current_span, tracked
from ledger.dagster.closing import blocked_in
from ledger.dagster.gates import QualityChecks, at_least, at_most, required_columns, unique
from ledger.errors import ConfigurationError
from ledger.events import AlertRaised, AssetBlocked, AssetFailed, CheckEvaluated
from ledger.service.alerts.channels import CommandChannel
from ledger.service.alerts.gatekeeping import override_gate
from ledger.service.alerts.notify import deliver
from ledger.store import open_store

CHECKS = QualityChecks(
    "enriched",
    at_least("match_rate", "match_rate_threshold"),
    required_columns("id"),
    unique("id"),
    at_least("recall", 0.5, blocking=False),
)


class Made(dg.Config):
    """What the asset makes."""

    match_rate: float = 0.9
    ids: list[int | None] = [1, 2]  # noqa: RUF012 - Dagster copies defaults


@dg.asset(check_specs=CHECKS.specs)
@tracked
def enriched(config: Made):
    current_span().measure("match_rate", config.match_rate)
    current_span().measure("recall", config.match_rate)
    yield from CHECKS.results(pa.table({"id": pa.array(config.ids, pa.int64())}))


@dg.asset
@tracked
def profile(enriched):
    return enriched


@dg.asset
@tracked
def published(profile):
    return profile


@dg.asset
@tracked
def unrelated():
    return 1


DEFS = dg.Definitions(
    assets=[enriched, profile, published, unrelated], jobs=[dg.define_asset_job("all_of_it", selection="*")]
)


@pytest.fixture
def run(instance, ledger):
    """Run the job, or some of its assets."""
    job = DEFS.resolve_job_def("all_of_it")

    def start(*assets, tags=None, **made):
        return job.execute_in_process(
            instance=instance,
            run_config={"ops": {"enriched": {"config": made}}} if made else None,
            asset_selection=[dg.AssetKey(name) for name in assets] or None,
            raise_on_error=False,
            tags=tags,
        )

    return start


def made(result) -> set[str]:
    return {event.asset_key.to_user_string() for event in result.get_asset_materialization_events()}


def test_a_good_run_passes_its_gates_and_alerts_nobody(run, ledger):
    assert run().success
    assert {(event.check, event.status, event.blocking) for event in ledger.checks()} == {
        ("match_rate_gate", "passed", True),
        ("required_columns", "passed", True),
        ("unique_id", "passed", True),
        ("recall_check", "passed", False),
    }
    assert ledger.events(AlertRaised, AssetBlocked) == []


def test_a_closed_gate_blocks_what_depends_on_it_and_forecasts_it(run, ledger):
    result = run(match_rate=0.5)
    assert made(result) == {"enriched", "unrelated"}
    (failed,) = [event for event in ledger.checks() if event.status == "failed"]
    assert (failed.check, failed.value, failed.threshold, failed.blocking) == ("match_rate_gate", 0.5, 0.7, True)
    assert "not made in this run: profile, published" in failed.description
    (seen,) = [e for e in result.get_asset_check_evaluations() if not e.passed]
    assert seen.metadata["ledger/blocks"].value == ["profile", "published"]
    assert seen.metadata["delta"].value == pytest.approx(-0.2)
    (alert,) = ledger.events(AlertRaised)
    assert (alert.metric, alert.severity, alert.blocks) == ("match_rate", "critical", ("profile", "published"))
    assert alert.change_ratio == pytest.approx(-0.2 / 0.7)


def test_what_was_blocked_follows_from_plan_checks_and_graph(run, ledger):
    run(match_rate=0.5)
    blocked = blocked_in(DEFS.resolve_job_def("all_of_it"), ledger.events())
    assert [(event.asset, event.blocked_by, event.check, event.value) for event in blocked] == [
        ("profile", "enriched", "match_rate_gate", 0.5),
        ("published", "enriched", "match_rate_gate", 0.5),
    ]


def test_a_later_run_of_only_what_comes_after_is_refused_until_the_gate_opens(run, ledger):
    run(match_rate=0.9)  # Dagster loads the inputs first, so there has to be something to load.
    run(match_rate=0.5)
    refused = run("published")
    assert not refused.success
    assert made(refused) == set()
    (event,) = ledger.events(AssetBlocked)
    assert (event.asset, event.blocked_by, event.check, event.value, event.threshold) == (
        "published",
        "enriched",
        "match_rate_gate",
        0.5,
        0.7,
    )
    assert ledger.events(AssetFailed)[-1].status == "blocked"
    failure = refused.failure_data_for_node("published")
    assert "gate match_rate_gate of enriched is closed" in failure.user_failure_data.description
    assert run("unrelated").success
    assert run("enriched", match_rate=0.9).success
    run("profile")
    assert made(run("published")) == {"published"}


def test_an_override_lets_a_run_through_until_it_expires(run, ledger):
    run(match_rate=0.5)
    store = open_store(str(ledger.place))
    override_gate(
        store, "enriched", None, reason="agreed", owner="data", expires=datetime.now(UTC) - timedelta(hours=1)
    )
    assert not run("profile").success
    override_gate(
        store, "enriched", None, reason="agreed", owner="data", expires=datetime.now(UTC) + timedelta(hours=1)
    )
    assert made(run("profile")) == {"profile"}
    run("enriched", match_rate=0.4)
    assert not run("profile").success


@pytest.mark.parametrize(
    ("config", "check"),
    [
        ({"ids": [1, None]}, "required_columns"),
        ({"ids": [1, 1]}, "unique_id"),
        ({"match_rate": 0.69999}, "match_rate_gate"),
    ],
)
def test_each_gate_closes_on_what_it_is_for(run, ledger, config, check):
    result = run(**config)
    assert not result.success
    assert "published" not in made(result)
    assert [event.check for event in ledger.checks() if event.status == "failed"] == [check]


def test_a_warning_does_not_block(run, ledger):
    result = run(match_rate=0.42, tags={"dagster_ledger/overrides": '{"match_rate_threshold": 0.4}'})
    assert result.success
    assert made(result) == {"enriched", "profile", "published", "unrelated"}
    (alert,) = [event for event in ledger.events(AlertRaised) if event.metric == "recall"]
    assert alert.severity == "error"
    assert [event.severity for event in ledger.events(CheckEvaluated) if event.status == "failed"] == ["warning"]


@pytest.mark.parametrize("value", [0.69, 0.62, 0.5])
def test_three_sizes_of_breach_have_three_severities_everywhere(materialize, ledger, instance, tmp_path, value):
    @dg.asset
    @tracked
    def measured():
        current_span().measure("match_rate", value)

    result = materialize(measured)
    expected = {0.69: "warning", 0.62: "error", 0.5: "critical"}[value]
    (alert,) = ledger.events(AlertRaised)
    assert alert.severity == expected
    assert alert.delta == pytest.approx(value - 0.7)
    (observed,) = result.get_asset_observation_events()
    metadata = observed.asset_observation_data.asset_observation.metadata
    assert metadata["ledger/alert_severity"].value == expected
    assert metadata["ledger/alert_change_percent"].value == pytest.approx((value - 0.7) / 0.7 * 100)
    levels = {entry.level for entry in instance.all_logs(result.run_id) if alert.message in entry.user_message}
    assert levels == {{"warning": 30, "error": 40, "critical": 50}[expected]}
    channel = CommandChannel(f"tee {tmp_path / 'told'}")
    assert [delivery.error for delivery in deliver(open_store(str(ledger.place)), [channel])] == [None]
    assert json.loads((tmp_path / "told").read_text())["severity"] == expected


def test_a_metric_that_was_not_measured_closes_the_gate(materialize, ledger):
    checks = QualityChecks("blind", at_least("match_rate", 0.5), at_most("duration_s", 9.0))

    @dg.asset(check_specs=checks.specs)
    @tracked
    def blind():
        yield from checks.results(1)

    assert not materialize(blind).success
    assert {event.description.partition(";")[0] for event in ledger.checks()} == {
        "match_rate was not measured",
        "duration_s was not measured",
    }


def test_wrong_declarations_are_refused_where_they_are_written():
    with pytest.raises(ConfigurationError, match="did you mean 'match_rate_threshold'"):
        at_least("match_rate", "match_rate_treshold")
    with pytest.raises(ConfigurationError, match="share a name"):
        QualityChecks("a", unique("id"), unique("id"))
