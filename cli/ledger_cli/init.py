"""``init``: prepare a project for the ledger, or take that away again."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from ledger.service.project.pieces import Step
    from ledger.service.project.prepare import Ci

_SAID: Final = {"added": "added  ", "there": "there  ", "left": "LEFT   ", "removed": "removed"}
_CODE_LOCATION: Final = "MODULE"


@click.command()
@click.option(
    "--ci",
    type=click.Choice(("github", "gitlab", "none")),
    default="none",
    show_default=True,
    help="Whose file of continuous integration is written, with the regression gate in it.",
)
@click.option("--git", "only_git", is_flag=True, help="Only .gitattributes, git's diff driver, and example CODEOWNERS.")
@click.option("--remove", is_flag=True, help="Take away what init wrote and nobody changed; the rest is named.")
@click.option("--dry-run", is_flag=True, help="Change nothing, only tell.")
def init(*, ci: "Ci", only_git: bool, remove: bool, dry_run: bool) -> None:
    """Prepare a Dagster project for the ledger; what is there stays, and doing it again changes nothing.

    Writes config/base.yaml, baselines/, config/trust/README.md, lines of .gitignore and .gitattributes, and how git
    shows changes of baselines. No line of the project's own code is touched.
    """
    from ledger.service.project import prepare
    from ledger.service.project.locate import project_directory

    if remove and (only_git or ci != "none"):
        message = "--remove takes away all that init wrote; leave --git and --ci away"
        raise click.UsageError(message)
    project = project_directory()
    if remove:
        steps = prepare.take_away(project, rehearse=dry_run)
    elif only_git:
        steps = prepare.prepare_git(project, rehearse=dry_run)
    else:
        steps = prepare.prepare(project, ci=ci, rehearse=dry_run)
    _write(steps)
    if dry_run:
        sys.stdout.write("nothing was changed: --dry-run\n")
    elif remove:
        _write_rest(steps)
    elif not only_git:
        _write_next(project, ci)


def _write(steps: "Sequence[Step]") -> None:
    """Write a line for each thing."""
    from ledger.report.text import printable

    for step in steps:
        why = f" ({step.why})" if step.why else ""
        sys.stdout.write(f"{_SAID[step.state]} {printable(step.what + why, 400)}\n")


def _write_rest(steps: "Sequence[Step]") -> None:
    """Say what is left to do once the files are gone."""
    if not steps:
        sys.stdout.write("there is nothing of dagster-ledger here\n")
    sys.stdout.write("take track_definitions or @tracked out of the code, then: pip uninstall dagster-ledger\n")


def _write_next(project: Path, ci: "Ci") -> None:
    """Say what to do next: one line of code, then the first run."""
    from ledger.report.text import printable
    from ledger.service.project.code_location import default_module

    module = default_module(project)
    run = "dagster-ledger run" if module else f"dagster-ledger run -m {_CODE_LOCATION}"
    where = f" in {module}" if module else ""
    if ci == "gitlab":
        sys.stdout.write("take it into .gitlab-ci.yml: include: [{local: .gitlab/dagster-ledger.yml}]\n")
    sys.stdout.write(
        "\nnext\n"
        f"  1. {printable(f'track all assets{where}, where the Definitions are made:', 200)}\n"
        "       from ledger.dagster import track_definitions\n"
        "       defs = track_definitions(defs)\n"
        f"  2. {run}\n"
        "  3. dagster-ledger import dagster --dry-run    # what Dagster knows of earlier runs\n"
    )
