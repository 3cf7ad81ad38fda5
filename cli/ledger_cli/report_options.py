"""What ``report`` and ``serve`` share: options that say what is shown, and how the report is made."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ledger_cli.gating import where_options
from ledger_cli.readiness import judging_options

if TYPE_CHECKING:
    from ledger.metrics import MetricRegistry
    from ledger.report.overview import Overview
    from ledger.service.overview.assembling import Wanted
    from ledger.settings import Settings
    from ledger.store.protocol import LedgerStore

F = TypeVar("F", bound=Callable[..., Any])

DEFAULT_RUNS = 100


def shown_options(command: F) -> F:
    """Add the options that say what is shown, and where everything is."""
    for option in (
        judging_options,
        click.option("--readiness/--no-readiness", default=True, help="Whether readiness is judged."),
        click.option("--gate/--no-gate", default=True, help="Whether the regression gate is asked, a job each."),
        click.option("--title", metavar="TEXT", help="What the report is called. [default: the project's directory]"),
        click.option("--days", type=click.FloatRange(min=0, min_open=True), help="Days up to the newest run instead."),
        click.option("--last", type=click.IntRange(min=1), help=f"Newest runs of each job. [default: {DEFAULT_RUNS}]"),
        click.option("--job", metavar="NAME", help="Only runs of this job."),
        click.option("--metric", "metrics", multiple=True, metavar="NAME", help="Only this metric; may be repeated."),
        click.option("--asset", "assets", multiple=True, metavar="KEY", help="Only this asset; may be repeated."),
    ):
        command = option(command)
    return where_options(command)


def wanted_of(
    words: tuple[str, ...], env: str | None, shown: dict[str, Any], *, seal: bool
) -> "tuple[Wanted, Settings, MetricRegistry]":
    """Return what the options of ``shown_options`` ask for, the settings and the declared metrics.

    Args:
        words: Values of ``--set``.
        env: Value of ``--env``.
        shown: The other options.
        seal: Whether the ledger may be sealed before readiness is judged.
    """
    from ledger.service.overview.assembling import Wanted
    from ledger.service.trends.history import Asked
    from ledger.service.trends.trending import judged_metrics
    from ledger_cli.gating import loaded

    last, days = shown["last"], shown["days"]
    if last is not None and days is not None:
        message = "--last and --days both tell the window; give one of them"
        raise click.UsageError(message)
    settings, registry, project = loaded(words, env)
    asked = Asked(
        assets=shown["assets"],
        metrics=shown["metrics"],
        job=shown["job"],
        last=None if days is not None else last or DEFAULT_RUNS,
        days=days,
        default_metrics=judged_metrics(registry),
    )
    wanted = Wanted(
        asked=asked,
        title=shown["title"] or project.name or "dagster-ledger",
        project=project,
        gate=shown["gate"],
        readiness=shown["readiness"],
        environment=shown["environment"],
        commit=shown["commit"],
        protected_ref=shown["protected_ref"],
        seal=seal,
    )
    return wanted, settings, registry


def made(store: "LedgerStore", wanted: "Wanted", settings: "Settings", registry: "MetricRegistry") -> "Overview":
    """Return the report, made now."""
    from datetime import UTC, datetime

    from ledger.service.overview.assembling import overview

    return overview(store, wanted, settings, registry, at=datetime.now(UTC).replace(microsecond=0))
