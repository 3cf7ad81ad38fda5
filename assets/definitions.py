"""The code location: assets, jobs and the schedule."""

import dagster as dg

from assets.defs import awards, benchmark, companies, configured
from assets.io import ParquetIOManager
from ledger.dagster.health import pipeline_health
from ledger.dagster.sensors import ledger_sensors

enrich_companies = dg.define_asset_job(
    "enrich_companies",
    selection=dg.AssetSelection.groups(companies.GROUP),
    description="Link the companies of 20 stock indices to SEC registrants, profile and publish them.",
)
enrich_awards = dg.define_asset_job(
    "enrich_awards",
    selection=dg.AssetSelection.groups(awards.GROUP),
    description="Generate federal awards and link them to a registry.",
)
enrich_source = dg.define_asset_job(
    "enrich_source",
    selection=dg.AssetSelection.groups("configured"),
    description="Link a source of your own to a registry of your own.",
)
benchmark_suite = dg.define_asset_job(
    "benchmark_suite",
    selection=dg.AssetSelection.groups(benchmark.GROUP),
    description="Do every kind of work of an enrichment pipeline on generated awards, to see what each takes.",
    executor_def=benchmark.one_fresh_process_a_step,
)
check_health = dg.define_asset_job(
    "check_health",
    selection=dg.AssetSelection.groups("operations"),
    description="Say how every job has been doing, as the ledger tells it.",
)

defs = dg.Definitions(
    assets=[
        *dg.load_assets_from_modules([companies, awards, configured, benchmark]),
        pipeline_health(group_name="operations"),
    ],
    jobs=[enrich_companies, enrich_awards, enrich_source, benchmark_suite, check_health],
    schedules=[dg.ScheduleDefinition(job=enrich_companies, cron_schedule="0 6 * * *")],
    sensors=ledger_sensors(),
    resources={"io_manager": ParquetIOManager(), "benchmark_size": benchmark.BenchmarkSize()},
)
