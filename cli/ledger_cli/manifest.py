"""``manifest build``, ``sign``, ``verify``, ``explain``: the statement that a commit may be deployed."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from ledger_cli import exit_codes
from ledger_cli.files import write_file
from ledger_cli.options import ledger_option
from ledger_cli.readiness import artifact_option, judged, judging_options
from ledger_cli.sealing import Span, open_sealing

if TYPE_CHECKING:
    from collections.abc import Callable

    from ledger.service.readiness.manifest_check import Asked

F = TypeVar("F", bound="Callable[..., Any]")

DEFAULT: Final = Path("readiness-manifest.json")


def deploying_options(*, replay: bool) -> "Callable[[F], F]":
    """Return what adds the options that say what is deployed, and by which manifest.

    Args:
        replay: Whether the checklist is judged again unless asked otherwise.
    """
    help_words = "Whether the checklist is judged again, on the ledger as it was."

    def decorated(command: F) -> F:
        for option in (
            click.option("--replay/--no-replay", default=replay, show_default=True, help=help_words),
            artifact_option,
            judging_options,
            ledger_option,
        ):
            command = option(command)
        return command

    return decorated


def asked_of(path: Path, options: dict[str, Any]) -> "Asked":
    """Return what the options of ``deploying_options`` ask."""
    from ledger.service.project.locate import project_directory
    from ledger.service.readiness.manifest_check import Asked

    return Asked(path=path, project=project_directory(), at=datetime.now(UTC), **options)


@click.group()
def manifest() -> None:
    """Make and check signed readiness manifests."""


@manifest.command()
@judging_options
@artifact_option
@click.option("--valid", "valid_s", type=Span(), metavar="TIME", help="How long. [default: as the policy allows]")
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    default=DEFAULT,
    show_default=True,
    help="Write the manifest to this file.",
)
@ledger_option
def build(
    *,
    environment: str,
    commit: str | None,
    protected_ref: str | None,
    artifacts: tuple[Path, ...],
    valid_s: float | None,
    output: Path,
    ledger_uri: str | None,
) -> int:
    """Judge the checklist and write the unsigned manifest; exit code 1 where the commit is not ready."""
    from ledger.report import readiness
    from ledger.service.project.locate import project_directory
    from ledger.service.readiness.manifests import build as build_manifest
    from ledger.trust.envelope import dump

    found = judged(environment, commit, protected_ref, ledger_uri)
    readiness.write(found.assessment, sys.stdout)
    if not found.assessment.ready:
        return exit_codes.FAILED
    valid = None if valid_s is None else int(valid_s)
    write_file(output, dump(build_manifest(found, artifacts, project_directory(), valid_s=valid)))
    sys.stdout.write(f"written to {output}; approvers sign it with `dagster-ledger manifest sign {output} --key KEY`\n")
    return exit_codes.DONE


@manifest.command()
@click.argument("file", type=click.Path(path_type=Path), default=DEFAULT)
@click.option("--key", required=True, type=click.Path(path_type=Path), help="Private key, or .pub file of an agent's.")
@click.option("--protected-ref", metavar="REF", help="Where the trust root is read.")
@click.option("--record/--no-record", default=True, help="Whether the signature is recorded in the ledger.")
@ledger_option
def sign(*, file: Path, key: Path, protected_ref: str | None, record: bool, ledger_uri: str | None) -> None:
    """Add your signature to the manifest in FILE: you answer for what it says."""
    from ledger.service.project.locate import project_directory
    from ledger.service.readiness import manifests
    from ledger.service.trust.root import trusted
    from ledger.trust.envelope import dump

    envelope, where = manifests.read_manifest(file, to_sign=True)
    trust = trusted(project_directory(), protected_ref)
    approval = manifests.sign(envelope, key, trust, where, at=datetime.now(UTC))
    write_file(file, dump(approval.envelope))
    if record:
        manifests.record(open_sealing(ledger_uri), approval)
    people = ", ".join(f"{one.principal} ({', '.join(one.roles) or 'no role'})" for one in approval.signers)
    missing = ", ".join(approval.missing)
    sys.stdout.write(f"signed by {people}; " + (f"still missing: {missing}\n" if missing else "approved\n"))


@manifest.command()
@click.argument("file", type=click.Path(path_type=Path), default=DEFAULT)
@deploying_options(replay=False)
def verify(*, file: Path, ledger_uri: str | None, **options: Any) -> None:
    """Verify the manifest in FILE; exit code 4 where it is refused, with the reason."""
    from ledger.service.readiness import manifest_check

    found = manifest_check.verify(asked_of(file, options), open_sealing(ledger_uri))
    people = ", ".join(one.principal for one in found.signers)
    expires = found.manifest.expires.isoformat()
    place = f"commit {found.manifest.commit[:12]} may be deployed to {found.manifest.environment}"
    sys.stdout.write(f"{place} until {expires}; signed by {people}\n")


@manifest.command()
@click.argument("file", type=click.Path(path_type=Path), default=DEFAULT)
@deploying_options(replay=False)
def explain(*, file: Path, ledger_uri: str | None, **options: Any) -> int:
    """Say what the manifest in FILE says, and which step of its verification it passes; nothing of it is believed."""
    from ledger.report.text import printable
    from ledger.service.readiness import manifest_check
    from ledger.trust.refusal import RefusedError

    steps: list[str] = []
    refusal: RefusedError | None = None
    try:
        manifest_check.verify(asked_of(file, options), open_sealing(ledger_uri), passed=steps.append)
    except RefusedError as error:
        refusal = error
    sys.stdout.writelines(printable(line, 400) + "\n" for line in _claims(file))
    for number, step in enumerate(manifest_check.STEPS):
        if number < len(steps):
            word = "holds"
        elif refusal is not None and number == len(steps):
            word = "REFUSED"
        else:
            word = "not asked"
        sys.stdout.write(f"  {word:9} {step}\n")
    if refusal is not None:
        sys.stdout.write(printable(str(refusal), 600) + "\n")
        return exit_codes.INTEGRITY
    return exit_codes.DONE


@manifest.command()
def verifier() -> None:
    """Print the shell verifier, which needs git, ssh-keygen and jq, and no ledger content."""
    from importlib.resources import files

    sys.stdout.write(files("ledger.attestation").joinpath("verify_manifest.sh").read_text(encoding="utf-8"))


def _claims(file: Path) -> list[str]:
    """Return what a manifest claims, or why it cannot even be read."""
    from ledger.manifest import parse_payload
    from ledger.service.readiness.manifests import read_manifest
    from ledger.trust.refusal import RefusedError

    try:
        envelope, where = read_manifest(file, to_sign=True)
        said = parse_payload(envelope.payload, where)
    except RefusedError:
        return [f"{file} cannot be read as a manifest"]
    holds = sum(item.holds for item in said.items)
    return [
        f"{file} claims: commit {said.commit} is {'ready' if said.passed else 'not ready'} for {said.environment}",
        f"  judged {said.verified.isoformat()}, expires {said.expires.isoformat()}, by dagster-ledger {said.version}",
        f"  about {', '.join(f'{name} sha256:{digest}' for name, digest in sorted(said.subjects.items()))}",
        f"  {holds} of {len(said.items)} items hold; {len(said.baselines)} baselines",
        f"  on {said.checkpoint.size:,} appends of {said.checkpoint.origin}, root {said.checkpoint.root}",
        f"  key ids: {', '.join(one.keyid for one in envelope.signatures) or 'none'}",
    ]
