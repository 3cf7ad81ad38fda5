"""``samples``: measured values, one per asset, metric and run."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ledger.report import FORMATS
from ledger_cli.options import format_option, ledger_option, narrowing_options, open_ledger, query_of, terminal_width

if TYPE_CHECKING:
    import pyarrow as pa


@click.command()
@narrowing_options
@click.option("--last", type=click.IntRange(min=1), help="Only the newest so many values.")
@click.option("--all-attempts", is_flag=True, help="Also values of attempts that did not succeed.")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Write to a file.")
@ledger_option
@format_option(*FORMATS)
def samples(
    *, last: int | None, all_attempts: bool, output: Path | None, ledger_uri: str | None, form: str, **narrowed: Any
) -> None:
    """Give measured values: one per asset, partition, metric and run.

    Values of attempts that failed are left out unless --all-attempts asks for them.
    """
    from ledger.service.reading.replay import replay_samples

    store = open_ledger(ledger_uri)
    found = store.consult(lambda view: replay_samples(view, query_of(view, narrowed), all_attempts=all_attempts))
    if last is not None:
        found = found.slice(max(found.num_rows - last, 0))
    if form == "parquet" and output is None and sys.stdout.isatty():
        message = "Parquet is no text: name a file with -o, or send the output into one"
        raise click.UsageError(message)
    if output is None:
        write(found, form)
    else:
        _write_file(found, form, output)


def write(found: "pa.Table", form: str) -> None:
    """Write samples to the standard output in a format."""
    from ledger_cli import tables

    if form == "parquet":
        from ledger.report import parquet

        parquet.write(found, sys.stdout.buffer)
    elif form == "table":
        from ledger.report import table

        if found.num_rows == 0:
            sys.stdout.write("no samples\n")
        else:
            table.write(found, tables.SAMPLES, sys.stdout, columns_wide=terminal_width())
    elif form == "csv":
        from ledger.report import csv

        csv.write(found, sys.stdout)
    else:
        from ledger.report import json

        json.write(found, sys.stdout)


def _write_file(found: "pa.Table", form: str, output: Path) -> None:
    """Write samples to a file."""
    from ledger.errors import StoreError
    from ledger.report import csv, json, parquet, table
    from ledger_cli import tables

    try:
        if form == "parquet":
            with output.open("wb") as binary:
                parquet.write(found, binary)
            return
        with output.open("w", encoding="utf-8", newline="") as text:
            if form == "table":
                table.write(found, tables.SAMPLES, text, columns_wide=10_000)
            else:
                {"csv": csv, "json": json}[form].write(found, text)
    except OSError as error:
        message = f"cannot write {output}: {error.strerror}; choose another file with -o"
        raise StoreError(message) from error
