"""``ledger``: the commands that look after a ledger."""

import sys

import click

from ledger_cli.export import export
from ledger_cli.options import format_option, ledger_option, open_ledger
from ledger_cli.sealing import checkpoint, compact, proof, seal, verify


@click.group()
def ledger() -> None:
    """Look after the ledger: size, seal, compaction, and runs that were killed."""


for command in (seal, checkpoint, verify, proof, compact, export):
    ledger.add_command(command)


@ledger.command()
@ledger_option
@format_option("table", "json")
def stats(*, ledger_uri: str | None, form: str) -> None:
    """Say how large the ledger is and what it holds."""
    import dataclasses

    from ledger.report import json
    from ledger.units import format_bytes

    found = open_ledger(ledger_uri).stats()
    if form == "json":
        sys.stdout.write(json.dump(dataclasses.asdict(found)) + "\n")
        return
    out = sys.stdout
    out.write(f"ledger   {found.uri}\n")
    out.write(f"events   {found.events:,} in {found.batches:,} appends to {found.streams:,} streams\n")
    out.write(f"size     {format_bytes(found.stored_bytes)}\n")
    if found.first_ts is not None and found.last_ts is not None:
        first, last = (moment.astimezone().strftime("%Y-%m-%d %H:%M:%S") for moment in (found.first_ts, found.last_ts))
        out.write(f"from     {first}\nto       {last}\n")
    for kind, count in found.events_by_kind.items():
        out.write(f"  {kind:24}{count:>12,}\n")


@ledger.command()
@click.option("--dry-run", is_flag=True, help="Only say what would be closed.")
@ledger_option
@format_option("table", "json")
def reconcile(*, dry_run: bool, ledger_uri: str | None, form: str) -> None:
    """Close attempts whose process is gone without having said how they ended.

    Evidence is the process itself, the machine's boot id, Dagster's event log where DAGSTER_HOME is set, and silence
    of ten minutes from another machine. Doing it again changes nothing.
    """
    import dataclasses
    import os

    from ledger.report import json
    from ledger.report.text import printable
    from ledger.service.recording.reconcile import Evidence, find_lost
    from ledger.service.recording.reconcile import reconcile as close_lost

    evidence = Evidence()
    if os.environ.get("DAGSTER_HOME"):
        from ledger.dagster.reconcile_source import run_ended, step_ended

        evidence = Evidence(run_ended, step_ended)
    lost = (find_lost if dry_run else close_lost)(open_ledger(ledger_uri), evidence)
    if form == "json":
        sys.stdout.write(json.dump([dataclasses.asdict(attempt) for attempt in lost]) + "\n")
        return
    for attempt in lost:
        sys.stdout.write(printable(f"lost: {attempt.asset} of run {attempt.run_id[:8]}: {attempt.reason}") + "\n")
    done = "would be closed" if dry_run else "closed"
    sys.stdout.write(f"{len(lost)} {done}\n" if lost else "nothing to close\n")
