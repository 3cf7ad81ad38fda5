"""``ledger export``: the ledger's own files as a table for other engines, without copying them."""

import sys

import click

from ledger_cli.options import format_option, ledger_option, open_ledger


@click.group()
def export() -> None:
    """Let other engines read the ledger's own files."""


@export.command()
@ledger_option
@format_option("table", "json")
def delta(*, ledger_uri: str | None, form: str) -> None:
    """Bring the Delta log over the compacted events up to date, for Spark, Trino, Polars and others.

    It names files and copies none, and has what `ledger compact` has compacted. Export again after each compaction:
    files that were replaced are gone after the grace period. Doing it again changes nothing.
    """
    import dataclasses

    from ledger.errors import ConfigurationError
    from ledger.report import json
    from ledger.store import segments
    from ledger.store.delta import export as export_delta
    from ledger.store.parquet import ParquetStore

    store = open_ledger(ledger_uri)
    if not isinstance(store, ParquetStore):
        message = f"the ledger at {store.uri} cannot be exported; only ledgers of Parquet files can"
        raise ConfigurationError(message)
    done = export_delta(store.medium)
    waiting = store.consult(lambda view: len(view.cursor.recent))
    table = store.medium.where(segments.DIRECTORY)
    if form == "json":
        told = {"table": table, **dataclasses.asdict(done), "not_compacted": waiting}
        sys.stdout.write(json.dump(told) + "\n")
        return
    change = "nothing new" if done.unchanged else f"{done.added:,} files added, {done.removed:,} taken out"
    sys.stdout.write(f"{table}: version {done.version}, {done.appends:,} appends in {done.files:,} files; {change}\n")
    if waiting:
        appends = "1 append is" if waiting == 1 else f"{waiting:,} appends are"
        sys.stdout.write(f"{appends} not compacted yet: `dagster-ledger ledger compact`\n")
