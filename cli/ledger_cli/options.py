"""Options that several commands share, and how their values are read."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

if TYPE_CHECKING:
    from ledger.store.protocol import EventQuery, LedgerStore, LedgerView

F = TypeVar("F", bound=Callable[..., Any])

_AGE: Final = re.compile(r"(\d+(?:\.\d+)?)([smhdw])")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


class Moment(click.ParamType[datetime]):
    """A moment: an ISO 8601 date or time (local time without a zone), or an age such as ``90m``, ``2h``, ``7d``."""

    name = "moment"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Return the moment in UTC."""
        if isinstance(value, datetime):
            return value
        age = _AGE.fullmatch(value.strip())
        if age:
            return datetime.now(UTC) - timedelta(seconds=float(age[1]) * _SECONDS[age[2]])
        try:
            return datetime.fromisoformat(value.strip()).astimezone(UTC)
        except ValueError:
            self.fail(
                f"{value!r} is neither a date (2026-11-23, 2026-11-23T12:00) nor an age (90m, 2h, 7d)", param, ctx
            )


def ledger_option(command: F) -> F:
    """Add ``--ledger``."""
    return click.option(
        "--ledger",
        "ledger_uri",
        metavar="PLACE",
        help="Directory of the ledger. [default: $DAGSTER_LEDGER_URI, then config/base.yaml, then .ledger]",
    )(command)


def settings_options(command: F) -> F:
    """Add ``--set`` (as ``words``) and ``--env``."""
    for option in (
        click.option(
            "--env", metavar="NAME", help="Lay config/NAME.yaml over config/base.yaml. [default: $DAGSTER_LEDGER_ENV]"
        ),
        click.option("--set", "words", multiple=True, metavar="KEY=VALUE", help="Override a setting; may be repeated."),
    ):
        command = option(command)
    return command


def until_options(command: F) -> F:
    """Add ``--reason``, ``--owner`` and ``--for`` (as ``until``), which whoever lets something stand has to give."""
    for option in (
        click.option(
            "--for", "until", required=True, callback=_from_now, metavar="TIME", help="How long, for instance 4h or 2d."
        ),
        click.option("--owner", required=True, help="Who answers for it."),
        click.option("--reason", required=True, help="Why."),
    ):
        command = option(command)
    return command


def _from_now(ctx: click.Context, param: click.Parameter, text: str) -> datetime:
    """Return the moment that is so far from now."""
    age = _AGE.fullmatch(text.strip())
    if age is None or float(age[1]) == 0.0:
        message = f"{text!r} is no span of time such as 90m, 4h or 2d"
        raise click.BadParameter(message, ctx, param)
    return datetime.now(UTC) + timedelta(seconds=float(age[1]) * _SECONDS[age[2]])


def format_option(*names: str) -> Callable[[F], F]:
    """Add ``--format`` with these names, the first of them the default."""
    return click.option("--format", "form", type=click.Choice(names), default=names[0], show_default=True)


def narrowing_options(command: F) -> F:
    """Add the options that narrow what is read: asset, metric, run, time."""
    for option in (
        click.option("--until", type=Moment(), help="Only what happened before: a date, or an age such as 2h."),
        click.option("--since", type=Moment(), help="Only what happened from then on: a date, or an age such as 7d."),
        click.option(
            "--run", "runs", multiple=True, metavar="RUN", help="Only this run: its id, the beginning of it, or latest."
        ),
        click.option("--metric", "metrics", multiple=True, metavar="NAME", help="Only this metric; may be repeated."),
        click.option("--asset", "assets", multiple=True, metavar="KEY", help="Only this asset; may be repeated."),
    ):
        command = option(command)
    return command


def open_ledger(ledger_uri: str | None) -> "LedgerStore":
    """Return the ledger that a command reads."""
    from ledger.service.project.locate import ledger_uri as locate
    from ledger.store import open_store

    return open_store(locate(ledger_uri))


def query_of(view: "LedgerView", narrowed: dict[str, Any], **more: Any) -> "EventQuery":
    """Return the query that the narrowing options ask for, its names checked against the ledger."""
    from ledger.service.reading.replay import check_names, find_run
    from ledger.store.protocol import EventQuery

    query = EventQuery(
        assets=narrowed["assets"],
        metrics=narrowed["metrics"],
        run_ids=tuple(find_run(view, name) for name in narrowed["runs"]),
        since=narrowed["since"],
        until=narrowed["until"],
        **more,
    )
    check_names(view, query)
    return query


def terminal_width() -> int:
    """Return the cells of the terminal; in a pipe there is no limit to keep to."""
    import shutil
    import sys

    return shutil.get_terminal_size((120, 24)).columns if sys.stdout.isatty() else 10_000
