"""``doctor``: check machine, configuration and ledger."""

import sys
from typing import Final

import click

from ledger_cli import exit_codes
from ledger_cli.options import format_option, ledger_option

_CODES: Final = {
    "integrity": exit_codes.INTEGRITY,
    "store": exit_codes.IO,
    "configuration": exit_codes.USAGE,
}
"""Exit code by cause, the gravest first."""


@click.command()
@ledger_option
@format_option("table", "json")
def doctor(*, ledger_uri: str | None, form: str) -> int:
    """Check machine, configuration and ledger, and say what to do.

    Every digest of the ledger is computed again. Exit code 4 where the ledger is damaged, 5 where it cannot be read,
    2 where the configuration is wrong.
    """
    import dataclasses

    from ledger.report import json
    from ledger.report.text import printable
    from ledger.service.project.doctor import diagnose

    found = list(diagnose(ledger_uri))
    if form == "json":
        sys.stdout.write(json.dump([dataclasses.asdict(diagnosis) for diagnosis in found]) + "\n")
    else:
        for diagnosis in found:
            sys.stdout.write(f"{diagnosis.state:5} {diagnosis.what:15} {printable(diagnosis.said)}\n")
    causes = {diagnosis.cause for diagnosis in found}
    return next((code for cause, code in _CODES.items() if cause in causes), exit_codes.DONE)
