"""``config show``: every setting, its value, and where the value comes from."""

import sys
from typing import Any

import click

from ledger_cli.options import format_option, settings_options


@click.group()
def config() -> None:
    """Look at the configuration: what holds, and why."""


@config.command()
@click.option("--overridden", is_flag=True, help="Only what is not the default.")
@settings_options
@format_option("table", "json")
def show(*, overridden: bool, words: tuple[str, ...], env: str | None, form: str) -> None:
    """Say for every setting what holds and where it was written.

    The command line is stronger than the environment, that than the files, those than the defaults.
    """
    import json

    from ledger.report import json as report_json
    from ledger.report.text import printable
    from ledger.service.project.locate import load_settings
    from ledger.settings import from_words

    resolved = load_settings(from_words(words, "--set"), env=env)
    rows: list[dict[str, Any]] = [
        {"setting": path, "value": resolved.value_at(path), "source": source}
        for path, source in resolved.sources.items()
        if not overridden or source != "default"
    ]
    if form == "json":
        sys.stdout.write(report_json.dump(rows) + "\n")
        return
    cells = [(row["setting"], json.dumps(row["value"]), row["source"]) for row in rows]
    widths = [max((len(cell[column]) for cell in cells), default=0) for column in (0, 1)]
    for setting, value, source in cells:
        sys.stdout.write(printable(f"{setting:{widths[0]}}  {value:{widths[1]}}  {source}", 2000).rstrip() + "\n")
