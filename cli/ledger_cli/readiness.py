"""``readiness check``, ``report`` and ``guard``: may this commit go to production?"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ledger_cli import exit_codes
from ledger_cli.files import write_file
from ledger_cli.options import format_option, ledger_option

if TYPE_CHECKING:
    from ledger.service.readiness.manifests import Judged


def judging_options(command: Any) -> Any:
    """Add the options that say what is judged, and by whose policy."""
    for option in (
        click.option(
            "--protected-ref",
            metavar="REF",
            help="Where the trust root is read. [default: $DAGSTER_LEDGER_PROTECTED_REF, then the default branch of"
            " origin]",
        ),
        click.option("--commit", metavar="ID", help="Commit that is judged. [default: what is checked out]"),
        click.option("--environment", default="prod", show_default=True, help="Where it is to be deployed."),
    ):
        command = option(command)
    return command


def artifact_option(command: Any) -> Any:
    """Add ``--artifact`` (as ``artifacts``)."""
    return click.option(
        "--artifact",
        "artifacts",
        multiple=True,
        type=click.Path(path_type=Path),
        help="File that is deployed; may be repeated. [default: the archive of the commit]",
    )(command)


def judged(environment: str, commit: str | None, protected_ref: str | None, ledger_uri: str | None) -> "Judged":
    """Return the checklist of a commit, judged now."""
    from datetime import UTC, datetime

    from ledger.service.project.locate import project_directory
    from ledger.service.readiness.manifests import judge_commit
    from ledger_cli.sealing import open_sealing

    store = open_sealing(ledger_uri)
    now = datetime.now(UTC).replace(microsecond=0)
    return judge_commit(store, project_directory(), environment, commit=commit, protected_ref=protected_ref, at=now)


@click.group()
def readiness() -> None:
    """Tell whether a commit may be deployed, and keep it from being deployed where it may not."""


@readiness.command()
@judging_options
@artifact_option
@ledger_option
@format_option("text", "json")
def check(
    *,
    environment: str,
    commit: str | None,
    protected_ref: str | None,
    artifacts: tuple[Path, ...],
    ledger_uri: str | None,
    form: str,
) -> int:
    """Judge the checklist; exit code 1 where a critical item does not hold, with each blocker named.

    The files of --artifact are told by SHA-256, as the manifest names them.
    """
    from ledger.report import json, readiness
    from ledger.service.project.locate import project_directory
    from ledger.service.readiness.manifests import subjects_of

    found = judged(environment, commit, protected_ref, ledger_uri).assessment
    subjects = subjects_of(artifacts, project_directory(), found.commit) if artifacts else {}
    if form == "json":
        sys.stdout.write(json.dump(readiness.document(found, subjects)) + "\n")
    else:
        readiness.write(found, sys.stdout, subjects)
    return exit_codes.DONE if found.ready else exit_codes.FAILED


@readiness.command()
@judging_options
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Write to this file.")
@click.option(
    "--test-result",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Also write the smoke tests as an in-toto test-result statement.",
)
@ledger_option
@format_option("markdown", "json")
def report(
    *,
    environment: str,
    commit: str | None,
    protected_ref: str | None,
    output: Path | None,
    test_result: Path | None,
    ledger_uri: str | None,
    form: str,
) -> int:
    """Write the validation report that operations reviews: tests, quality, baselines, trends, alerts, overrides."""
    from ledger.manifest import test_result_statement
    from ledger.report import json, readiness

    found = judged(environment, commit, protected_ref, ledger_uri)
    if form == "json":
        text = json.dump(readiness.report(found.assessment, found.facts)) + "\n"
    else:
        text = readiness.markdown(found.assessment, found.facts)
    if output is None:
        sys.stdout.write(text)
    else:
        write_file(output, text.encode())
    if test_result is not None:
        write_file(test_result, test_result_statement(found.facts))
    return exit_codes.DONE if found.assessment.ready else exit_codes.FAILED
