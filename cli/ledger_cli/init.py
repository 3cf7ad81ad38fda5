"""``init --git``: prepare a repository for baselines."""

import sys

import click

_SAID = {"added": "added  ", "there": "there  ", "left": "LEFT   "}


@click.command()
@click.option(
    "--git", "with_git", is_flag=True, help="Write .gitattributes, git's diff driver, and example CODEOWNERS."
)
def init(*, with_git: bool) -> None:
    """Prepare the repository for baselines; what is there stays, and doing it again changes nothing."""
    from ledger.report.text import printable
    from ledger.service.baselines.git_files import prepare
    from ledger.service.project.locate import project_directory

    if not with_git:
        message = "say what is to be prepared: --git"
        raise click.UsageError(message)
    steps = prepare(project_directory())
    sys.stdout.writelines(f"{_SAID[step.state]} {printable(step.what, 200)}\n" for step in steps)
    if any(step.state == "left" for step in steps):
        sys.stdout.write("what is LEFT has another value, and was not changed; correct it yourself\n")
