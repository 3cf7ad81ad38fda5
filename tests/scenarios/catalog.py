"""What the pipeline promises: each scenario is a test, and has a change of the code that the test must notice."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Scenario:
    """One promise.

    Attributes:
        name: Name of its test, without ``test_``.
        title: What it is called.
        promise: What is to be so.
    """

    name: str
    title: str
    promise: str


@dataclass(frozen=True, slots=True)
class Requirement:
    """Promises that belong together; ``module`` holds their tests."""

    module: str
    title: str
    scenarios: tuple[Scenario, ...]


REQUIREMENTS: Final = (
    Requirement(
        "test_tracking",
        "Performance of each asset",
        (
            Scenario(
                "execution_metrics_of_each_asset",
                "Execution metrics of each asset",
                "Each asset's time and memory are in Dagster's metadata and in the ledger, and added up for the run.",
            ),
            Scenario(
                "metrics_are_seen_in_dagster_and_over_runs",
                "Metrics in Dagster's UI, and over runs",
                "What Dagster's UI plots are the figures of the ledger, run after run, and their trend is told.",
            ),
            Scenario(
                "a_breach_raises_an_alert_of_its_size",
                "Performance alerts",
                "An exceeded limit raises an alert in ledger and log, as severe as the breach is large.",
            ),
        ),
    ),
    Requirement(
        "test_quality",
        "Quality that is enforced",
        (
            Scenario(
                "checks_hold_quality_against_thresholds",
                "Asset checks",
                "Checks hold match rate and precision against configured thresholds, pass above and fail below.",
            ),
            Scenario(
                "a_failed_check_blocks_what_depends_on_it",
                "Blocked assets",
                "What depends on a failed check is not made, the reason is recorded, and the operator is told.",
            ),
            Scenario(
                "quality_is_reported",
                "Quality figures",
                "Match rate, confidences and identifier types are in metadata and report, and are followed over runs.",
            ),
        ),
    ),
    Requirement(
        "test_large_inputs",
        "Inputs larger than memory",
        (
            Scenario(
                "chunks_of_the_configured_size_combine_to_the_same_result",
                "Work in chunks",
                "The chunk size of config/base.yaml holds, and chunks of any size combine to the same bytes.",
            ),
            Scenario(
                "progress_and_the_time_left_are_told",
                "Progress",
                "Rows done and the time left are in Dagster's log and in the ledger while the work goes on.",
            ),
            Scenario(
                "memory_pressure_changes_the_work_and_fails_nothing",
                "Memory pressure",
                "Near the limit chunks shrink or the strategy changes, the asset is made, and each change is recorded.",
            ),
        ),
    ),
    Requirement(
        "test_end_to_end",
        "Tests from end to end",
        (
            Scenario(
                "the_smoke_test_makes_every_asset_in_order",
                "Smoke tests",
                "All assets are made in dependency order, and what comes out is what is expected.",
            ),
            Scenario(
                "good_and_edge_case_inputs_come_out_as_expected",
                "Known-good and edge-case inputs",
                "Good names link with high confidence; unknown, doubtful and ambiguous ones are told apart.",
            ),
            Scenario(
                "a_failure_keeps_its_context_and_what_was_published",
                "Failure and recovery",
                "A failure keeps its error and its rows, published output stays, and the next run goes on from there.",
            ),
        ),
    ),
    Requirement(
        "test_benchmarks",
        "Benchmarks and regressions",
        (
            Scenario(
                "every_run_is_a_benchmark",
                "Benchmarks are collected",
                "Each run records time, memory and records a second, with time stamp and size of the data.",
            ),
            Scenario(
                "ten_per_cent_of_time_and_twenty_of_memory_are_flagged",
                "Regressions are flagged",
                "Against accepted measurements +15 % time and +30 % memory are flagged with both values, +3 % is not.",
            ),
            Scenario(
                "trends_tell_better_from_worse",
                "Trends",
                "Windows of runs are told apart into improving, degrading and flat.",
            ),
        ),
    ),
    Requirement(
        "test_configuration",
        "Configuration",
        (
            Scenario(
                "parameters_come_from_the_file_and_are_applied",
                "Parameters",
                "chunk_size, memory_threshold_mb, match_rate_threshold and timeout_seconds decide what happens.",
            ),
            Scenario(
                "the_stronger_level_wins_and_is_logged",
                "Overrides",
                "Command line beats environment beats file beats default, and each override is logged and recorded.",
            ),
            Scenario(
                "the_guide_covers_every_parameter_with_examples",
                "Guidance",
                "The guide says what each parameter does, what fits which size and machine, and shows both profiles.",
            ),
        ),
    ),
    Requirement(
        "test_readiness",
        "Ready for production",
        (
            Scenario(
                "deployment_is_blocked_until_every_critical_item_holds",
                "Checklist",
                "Smoke tests, quality gates and baselines are on the checklist; one that fails blocks the deployment.",
            ),
            Scenario(
                "the_report_documents_the_validation",
                "Validation report",
                "Tests, quality, baselines and issues are in one report that people can review before they sign.",
            ),
            Scenario(
                "metrics_and_alerts_reach_the_monitoring",
                "Monitoring",
                "Metrics of the last run can be scraped; rules that alert on regressions come from the same settings.",
            ),
        ),
    ),
)
