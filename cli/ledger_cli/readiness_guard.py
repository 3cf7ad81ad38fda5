"""``readiness guard``: run a deployment only with a manifest that holds."""

import os
import shutil
from pathlib import Path
from typing import Any

import click

from ledger_cli.manifest import DEFAULT, asked_of, deploying_options
from ledger_cli.readiness import readiness
from ledger_cli.sealing import open_sealing


@readiness.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.option(
    "--manifest",
    "file",
    type=click.Path(path_type=Path),
    default=DEFAULT,
    show_default=True,
    help="The signed manifest that has to hold.",
)
@deploying_options(replay=True)
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def guard(*, file: Path, command: tuple[str, ...], ledger_uri: str | None, **options: Any) -> None:
    """Run COMMAND, as in `readiness guard -- kubectl apply ...`, only where the manifest holds.

    The command takes the place of this process, so that signals reach it and its exit code is the answer. Where the
    manifest is refused, exit code 4, it is not run. The checklist is judged again from the ledger, since whoever has
    the keys of CI can sign anything.
    """
    from ledger.errors import ConfigurationError
    from ledger.service.readiness import manifest_check

    program = shutil.which(command[0])
    if program is None:
        message = f"there is no command {command[0]!r}; nothing was run"
        raise ConfigurationError(message)
    manifest_check.verify(asked_of(file, options), open_sealing(ledger_uri))
    try:
        os.execv(program, command)  # noqa: S606 - running what it is given is what it is for
    except OSError as error:
        message = f"{program} cannot be run ({error.strerror})"
        raise ConfigurationError(message) from error
