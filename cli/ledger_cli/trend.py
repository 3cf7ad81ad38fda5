"""``trend``: where metrics are heading, and when they took another level."""

import sys
from typing import TYPE_CHECKING, Any, Final

import click

from ledger_cli.options import format_option, ledger_option, open_ledger, terminal_width

if TYPE_CHECKING:
    from ledger.report.trends import TrendReport

DEFAULT_RUNS: Final = 100


@click.command()
@click.option("--asset", "assets", multiple=True, metavar="KEY", help="Only this asset; may be repeated.")
@click.option("--metric", "metrics", multiple=True, metavar="NAME", help="Only this metric; may be repeated.")
@click.option("--job", metavar="NAME", help="Only runs of this job.")
@click.option("--last", type=click.IntRange(min=1), help=f"Newest runs of each job. [default: {DEFAULT_RUNS}]")
@click.option("--days", type=click.FloatRange(min=0, min_open=True), help="Days up to the newest run instead.")
@click.option("--record", is_flag=True, help="Keep the changes that are found, of all metrics, as events.")
@click.option("--sql", is_flag=True, help="Print the DuckDB query that gives the values, and do nothing else.")
@ledger_option
@format_option("table", "json", "csv")
def trend(
    *, last: int | None, days: float | None, record: bool, sql: bool, ledger_uri: str | None, form: str, **narrowed: Any
) -> None:
    """Tell where metrics are heading: worst first, with every change of level, its runs and its commits.

    Only runs of one machine class and one configuration are compared with each other. Without --metric, all metrics
    that have a better and a worse are looked at.
    """
    from ledger.service.project.locate import load_settings
    from ledger.service.trends.history import Asked
    from ledger.service.trends.trending import judged_metrics, record_trends, trends

    if last is not None and days is not None:
        message = "--last and --days both tell the window; give one of them"
        raise click.UsageError(message)
    if sql and record:
        message = "--sql only prints a query and --record writes; give one of them"
        raise click.UsageError(message)
    from ledger.metrics import with_declared

    registry = with_declared(load_settings().settings.declared_metrics())
    asked = Asked(
        **narrowed,
        last=None if days is not None else last or DEFAULT_RUNS,
        days=days,
        default_metrics=judged_metrics(registry),
    )
    store = open_ledger(ledger_uri)
    if sql:
        from ledger.service.trends.history_sql import query_text

        sys.stdout.write(store.consult(lambda view: query_text(view, asked)) + "\n")
        return
    write((record_trends if record else trends)(store, asked, registry), form)


def write(report: "TrendReport", form: str) -> None:
    """Write a report in a format."""
    if form == "json":
        import dataclasses

        from ledger.report import json

        sys.stdout.write(json.dump(dataclasses.asdict(report)) + "\n")
    elif form == "csv":
        from ledger.report import trend_csv

        trend_csv.write(report, sys.stdout)
    else:
        from ledger.report import trend_text
        from ledger.report.sparkline import marks_for

        trend_text.write(report, sys.stdout, marks=marks_for(sys.stdout.encoding), columns_wide=terminal_width())
