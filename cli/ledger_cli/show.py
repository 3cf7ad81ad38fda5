"""``show``: the latest runs, or one run in detail."""

import sys
from typing import TYPE_CHECKING, Final

import click

from ledger_cli.options import format_option, ledger_option, open_ledger, terminal_width

if TYPE_CHECKING:
    import pyarrow as pa

    from ledger.service.reading.replay import RunStory
    from ledger.store.protocol import LedgerStore

STATUSES: Final = ("success", "failed", "canceled", "lost", "running", "incomplete")
"""States a run can be in; see ``ledger.projections.runs``."""


@click.command()
@click.argument("run", required=False)
@click.option("--last", type=click.IntRange(min=1), default=10, show_default=True, help="How many runs to list.")
@click.option("--status", type=click.Choice(STATUSES), help="List only runs that ended so.")
@click.option("--traceback", is_flag=True, help="With a run: show the tracebacks of failures.")
@ledger_option
@format_option("table", "json")
def show(*, run: str | None, last: int, status: str | None, traceback: bool, ledger_uri: str | None, form: str) -> None:
    """Show the latest runs, or RUN in detail.

    RUN is a run id, the beginning of one, or "latest".
    """
    from ledger.service.reading.replay import replay_run, replay_runs

    store = open_ledger(ledger_uri)
    if run is not None:
        story = replay_run(store, run)
        if form == "json":
            write_json(story)
        else:
            write_story(story, with_traceback=traceback)
        _warn_of_lost(store, story.run)
        return
    runs = replay_runs(store)
    if status is not None:
        import pyarrow.compute as pc

        runs = runs.filter(pc.equal(runs.column("status"), status))
    _list(runs.slice(max(runs.num_rows - last, 0)), form)
    _warn_of_lost(store, runs)


def _warn_of_lost(store: "LedgerStore", runs: "pa.Table") -> None:
    """Say which attempts of running runs are gone: the ledger cannot know it before somebody closes them."""
    from ledger.report.text import printable
    from ledger.service.recording.reconcile import find_lost

    running = {row["run_id"] for row in runs.select(["run_id", "status"]).to_pylist() if row["status"] == "running"}
    for attempt in find_lost(store, run_ids=tuple(sorted(running))) if running else ():
        sentence = f"{attempt.asset} of run {attempt.run_id[:8]} is lost: {attempt.reason}"
        click.echo(f"dagster-ledger: {printable(sentence)}; close it with `dagster-ledger ledger reconcile`", err=True)


def write_json(story: "RunStory") -> None:
    """Write everything known of a run as one JSON object."""
    import dataclasses

    from ledger.report import json

    def fields(event: object) -> dict[str, object] | None:
        return {} if event is None else dataclasses.asdict(event)  # type: ignore[call-overload]

    value = {
        "run": story.run.to_pylist()[0],
        "assets": story.assets.to_pylist(),
        "checks": story.checks.to_pylist(),
        "alerts": story.alerts.to_pylist(),
        "blocked": story.blocked.to_pylist(),
        "breakdowns": [fields(event) for event in story.breakdowns],
        "endings": [fields(event) for event in story.endings],
        "configuration": fields(story.configuration),
        "environment": fields(story.environment),
    }
    sys.stdout.write(json.dump(value) + "\n")


def write_story(story: "RunStory", *, with_traceback: bool = False) -> None:
    """Write a run for people: what it was, what its assets took, what was counted, what went wrong."""
    from ledger.report import table
    from ledger.units import format_seconds
    from ledger_cli import tables

    out = sys.stdout
    run = story.run.to_pylist()[0]
    took = f" in {format_seconds(run['duration_s'])}" if run["duration_s"] is not None else ""
    began = run["started"].astimezone().strftime("%Y-%m-%d %H:%M:%S")
    out.write(f"run {run['run_id']} of {run['job'] or 'an unknown job'}: {run['status']}{took}, started {began}\n")
    _write_circumstances(story)
    out.write("\n")
    table.write(story.assets, tables.ASSETS, out, columns_wide=terminal_width())
    if story.breakdowns:
        out.write("\n")
    for breakdown in story.breakdowns:
        _write_breakdown(breakdown.asset or "", breakdown.metric, dict(breakdown.counts), breakdown.unit)
    if story.checks.num_rows:
        out.write("\nchecks\n")
        table.write(story.checks, tables.CHECKS, out, columns_wide=terminal_width())
    if story.blocked.num_rows:
        out.write("\nnot made\n")
        table.write(story.blocked, tables.BLOCKED, out, columns_wide=terminal_width())
    if story.alerts.num_rows:
        out.write("\nalerts\n")
        table.write(story.alerts, tables.ALERTS, out, columns_wide=terminal_width())
    _write_endings(story, with_traceback=with_traceback)


def _write_circumstances(story: "RunStory") -> None:
    """Write commit, machine and overridden settings on a line each, where they are known."""
    from ledger.projections.circumstances import IMPORTED_FROM
    from ledger.report.text import printable

    out = sys.stdout
    if story.started is not None and story.started.code_version:
        changed = " with uncommitted changes" if story.started.code_dirty else ""
        out.write(f"code {story.started.code_version[:12]}{changed}\n")
    if story.environment is not None and IMPORTED_FROM in story.environment.machine_class:
        source = story.environment.machine_class[IMPORTED_FROM]
        out.write(
            printable(f"not measured but imported from {source}: times of the steps, no memory and no CPU") + "\n"
        )
    elif story.environment is not None:
        machine, python = story.environment.machine_class, story.environment.software.get("python")
        out.write(
            printable(
                f"machine {machine.get('cpu_model')}, {machine.get('cores')} cores,"
                f" {machine.get('memory_class_gib')} GiB class, {machine.get('os')}, Python {python}"
            )
            + "\n"
        )
    if story.configuration is not None:
        for name, source in story.configuration.sources.items():
            if source.startswith(("$", "--")):
                out.write(printable(f"override {name} = {story.configuration.values.get(name)} ({source})") + "\n")


def _write_breakdown(asset: str, name: str, counts: dict[str, float], unit: str) -> None:
    """Write counts by class on one line, the largest first; of numeric bins, in order, those that hold something."""
    from ledger.report.text import printable
    from ledger.units import format_value

    numeric = all(key[:1].isdigit() for key in counts)
    ordered = sorted(counts.items()) if numeric else sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    text = ", ".join(f"{key} {format_value(value, unit)}" for key, value in ordered if value or not numeric)
    sys.stdout.write(f"{printable(asset)} {printable(name)}: {printable(text)}\n")


def _write_endings(story: "RunStory", *, with_traceback: bool) -> None:
    """Write failures and losses with what is known of them."""
    from ledger.events import AssetLost
    from ledger.report.text import printable

    out = sys.stdout
    for ending in story.endings:
        if isinstance(ending, AssetLost):
            out.write(f"\n{printable(ending.asset or '')} was lost: {printable(ending.reason)}\n")
        else:
            kind = ending.error_type.removeprefix("builtins.")
            out.write(
                f"\n{printable(ending.asset or '')} {ending.status}: {kind}: {printable(ending.error_message, 500)}\n"
            )
        for name, value in ending.context.items():
            out.write(f"  {printable(name)}: {printable(str(value), 200)}\n")
        if with_traceback and not isinstance(ending, AssetLost):
            for line in ending.traceback.splitlines():
                out.write(f"  {printable(line)}\n")


def _list(runs: "pa.Table", form: str) -> None:
    """Write the list of runs."""
    from ledger.report import json, table
    from ledger_cli import tables

    if form == "json":
        json.write(runs, sys.stdout)
    elif runs.num_rows == 0:
        sys.stdout.write("no runs\n")
    else:
        table.write(runs, tables.RUNS, sys.stdout, columns_wide=terminal_width())
        _write_imported(runs)


def _write_imported(runs: "pa.Table") -> None:
    """Say how many of some runs were not measured."""
    from ledger.events.run import IMPORTED

    imported = runs.column("launcher").to_pylist().count(IMPORTED)
    if imported:
        which = "all" if imported == runs.num_rows else f"{imported} of {runs.num_rows}"
        sys.stdout.write(f"\n{which} imported, not measured: times are those of Dagster's steps\n")
