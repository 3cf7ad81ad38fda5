"""``report``: trends, gate and readiness in one file to look at, or the same as Markdown, JSON or CSV."""

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from ledger_cli.files import write_file
from ledger_cli.options import open_ledger
from ledger_cli.report_options import made, shown_options, wanted_of

if TYPE_CHECKING:
    from ledger.report.overview import Overview

FORMATS: Final = ("html", "markdown", "json", "csv")
PAGE: Final = Path("ledger-report.html")
STDOUT: Final = "-"


@click.command()
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, allow_dash=True),
    help=f"Write to this file, - for standard output. [default: {PAGE} for html, else standard output]",
)
@click.option("--format", "form", type=click.Choice(FORMATS), default=FORMATS[0], show_default=True)
@shown_options
def report(
    *,
    output: Path | None,
    form: str,
    words: tuple[str, ...],
    env: str | None,
    ledger_uri: str | None,
    **shown: Any,
) -> None:
    """Write trends, gate and readiness into one file that loads nothing and asks nobody.

    It begins with whether the commit is ready and what the gate says; then there is a chart per asset and metric with
    what is accepted, changes of level, and what was alerted. The exit code does not depend on what is found; `gate` and
    `readiness check` have theirs.
    """
    wanted, settings, registry = wanted_of(words, env, shown, seal=True)
    data = written(made(open_ledger(ledger_uri), wanted, settings, registry), form)
    place = output or (PAGE if form == FORMATS[0] else Path(STDOUT))
    if str(place) == STDOUT:
        click.echo(data, nl=False)
        return
    write_file(place, data, "the report")
    click.echo(f"{place}: {len(data) / 2**20:.1f} MiB", err=True)


def written(overview: "Overview", form: str) -> bytes:
    """Return the report in a format; what UTF-8 has no bytes for is an escape."""
    from ledger.report import json, overview_csv, overview_document, overview_markdown
    from ledger.report.html import page

    if form == "csv":
        out = io.StringIO()
        overview_csv.write(overview, out)
        text = out.getvalue()
    elif form == "json":
        text = json.dump(overview_document.document(overview)) + "\n"
    else:
        text = page(overview) if form == "html" else overview_markdown.markdown(overview)
    return text.encode("utf-8", "backslashreplace")
