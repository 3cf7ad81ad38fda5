"""``import``: take runs over that another record knows."""

import os
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from ledger_cli.options import Moment, format_option, ledger_option

if TYPE_CHECKING:
    from ledger.dagster.past_runs import EventLog
    from ledger.metrics import MetricRegistry
    from ledger.service.recording.importing import Taken
    from ledger.settings import Settings
    from ledger.store.protocol import LedgerStore

_NAMED: Final = 8
_TELL_EVERY: Final = 100


@click.group("import")
def import_runs() -> None:
    """Take runs over that another record knows; they are marked as imported, and no gate compares them."""


@import_runs.command()
@click.option("-j", "--job", metavar="NAME", help="Only runs of this job.")
@click.option("--since", type=Moment(), help="Only runs that were made from then on: a date, or an age such as 7d.")
@click.option("--limit", type=click.IntRange(min=1), help="Only the newest so many runs.")
@click.option("--dry-run", is_flag=True, help="Write nothing, only tell.")
@ledger_option
@format_option("table", "json")
def dagster(
    *, job: str | None, since: datetime | None, limit: int | None, dry_run: bool, ledger_uri: str | None, form: str
) -> None:
    """Import runs that are over from Dagster's event log: the instance that DAGSTER_HOME names.

    Times are those of the steps; numbers of materialisations whose names are declared become metrics. Memory, CPU and
    commit are not known. Runs that the ledger has are left alone, so that importing again adds nothing.
    """
    from ledger.dagster.past_runs import open_log
    from ledger.metrics import with_declared
    from ledger.service.project.locate import load_settings, project_directory
    from ledger.settings import Placed

    flags = {"ledger_uri": Placed(ledger_uri, "--ledger")} if ledger_uri is not None else {}
    settings = load_settings(flags).settings
    registry = with_declared(settings.declared_metrics())
    with open_log(_home(project_directory())) as log:
        found = log.finished(job, since, limit)
        unfinished = log.unfinished(job)
        store = _store(settings, dry_run=dry_run)
        known = _known(store)
        new = [run_id for run_id in found if run_id not in known]
        taken = _take(store, log, new, registry, dry_run=dry_run)
    if store is not None and not dry_run and taken.runs:
        from ledger.service.recording.upkeep import after_run

        after_run(store, settings)
    counts = {"found": len(found), "known": len(found) - len(new), "unfinished": unfinished}
    if form == "json":
        _write_json(taken, log, counts)
    else:
        _write(taken, log, counts, dry_run=dry_run)


def _home(project: Path) -> Path:
    """Return the directory of Dagster's instance: the one that is set, else the one that ``run`` makes."""
    from ledger.service.project.home import VARIABLE

    named = os.environ.get(VARIABLE)
    return Path(named).absolute() if named else project / ".dagster_home"


def _store(settings: "Settings", *, dry_run: bool) -> "LedgerStore | None":
    """Return the ledger, made where there is none; a rehearsal makes none."""
    from ledger.errors import MissingLedgerError
    from ledger.store import open_store

    if not dry_run:
        return open_store(settings.ledger_uri, create=True)
    try:
        return open_store(settings.ledger_uri)
    except MissingLedgerError:
        return None


def _known(store: "LedgerStore | None") -> frozenset[str]:
    from ledger.service.recording.importing import known_runs

    return frozenset() if store is None else known_runs(store)


def _take(
    store: "LedgerStore | None", log: "EventLog", new: list[str], registry: "MetricRegistry", *, dry_run: bool
) -> "Taken":
    """Import the runs, or only tell what that would come to."""
    from ledger.service.recording.importing import import_runs as append
    from ledger.service.recording.importing import rehearse

    if store is None or dry_run:
        return rehearse(log.read(new), registry)
    told = 0

    def progress(done: int) -> None:
        nonlocal told
        if done - told >= _TELL_EVERY:
            told = done
            click.echo(f"{done:,} of {len(new):,} runs", err=True)

    return append(store, log.read(new), registry, progress=progress)


def _write_json(taken: "Taken", log: "EventLog", counts: dict[str, int]) -> None:
    import dataclasses

    from ledger.report import json

    sys.stdout.write(json.dump({**counts, **dataclasses.asdict(taken), "unreadable": log.unreadable}) + "\n")


def _write(taken: "Taken", log: "EventLog", counts: dict[str, int], *, dry_run: bool) -> None:
    """Write what came of it for people."""
    from ledger.report.text import printable

    out = sys.stdout
    would = "would be imported" if dry_run else "imported"
    attempts, values = _counted(taken.attempts, "attempt"), _counted(taken.values, "value")
    out.write(f"{_counted(taken.runs, 'run')} {would}, with {attempts} and {values}\n")
    for what, count in (("already in the ledger", counts["known"]), ("not over yet", counts["unfinished"])):
        if count:
            out.write(f"{what}: {_counted(count, 'run')}\n")
    for run_id, why in list(log.unreadable.items())[:_NAMED]:
        out.write(printable(f"run {run_id} could not be read: {why}", 400) + "\n")
    if len(log.unreadable) > _NAMED:
        out.write(f"{len(log.unreadable) - _NAMED:,} more could not be read\n")
    for run_id in taken.conflicts[:_NAMED]:
        out.write(printable(f"run {run_id} was left alone: the ledger has something else of it", 400) + "\n")
    _write_undeclared(taken)
    if taken.runs and not dry_run:
        out.write("no gate compares what was imported; see it with `dagster-ledger show` and `dagster-ledger trend`\n")


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _write_undeclared(taken: "Taken") -> None:
    """Name the numbers that became no metric, the commonest first."""
    from ledger.report.text import printable

    ordered = sorted(taken.undeclared.items(), key=lambda pair: (-pair[1], pair[0]))
    if ordered:
        names = ", ".join(name[:60] for name, _ in ordered[:_NAMED])
        more = f" and {len(ordered) - _NAMED} more" if len(ordered) > _NAMED else ""
        text = f"numbers that are no metric, since nobody declared them under `metrics:`: {names}{more}"
        sys.stdout.write(printable(text, 800) + "\n")
