"""``keys init``, ``list``, ``rotate``, ``revoke``, ``lint``: whose signatures count, as files for a pull request."""

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from ledger_cli import exit_codes
from ledger_cli.options import format_option
from ledger_cli.sealing import Span

if TYPE_CHECKING:
    from ledger.trust import TrustRoot

_PROPOSED: Final = "this is a proposal: commit config/trust and have it merged to the protected ref"


_no_passphrase = click.option(
    "--no-passphrase", is_flag=True, help="Make a new key without a passphrase: whoever reads its file can sign."
)


@click.group()
def keys() -> None:
    """Look after the keys and the policy that manifests are signed by.

    Changes are made in config/trust of the work tree; what counts is config/trust of the protected ref.
    """


@keys.command()
@click.option("--principal", required=True, help="Whose key it is, such as alice@example.org.")
@click.option("--role", "roles", multiple=True, help="Role the person approves in; may be repeated.")
@click.option(
    "--key",
    type=click.Path(path_type=Path),
    help="Private key or .pub file; made where it does not exist. [default: ~/.ssh/dagster-ledger]",
)
@click.option("--environment", default="prod", show_default=True, help="Environment of a policy that is made.")
@click.option("--job", "jobs", multiple=True, help="Job in scope of a policy that is made; may be repeated.")
@_no_passphrase
def init(
    *,
    principal: str,
    roles: tuple[str, ...],
    key: Path | None,
    environment: str,
    jobs: tuple[str, ...],
    no_passphrase: bool,
) -> None:
    """Add a person with a key and roles; make the key and the trust root where there is none."""
    from ledger.service.project.locate import project_directory
    from ledger.service.trust import files as trust_files

    path, project = key or Path.home() / ".ssh" / "dagster-ledger", project_directory()
    _obtain(project, path, principal, known=False, passphrase=not no_passphrase)
    added = trust_files.add(project, principal, roles, path, environment=environment, jobs=jobs)
    sys.stdout.write(f"added {added.fingerprint} of {principal} to config/trust\n{_PROPOSED}\n")


@keys.command(name="list")
@click.option("--protected-ref", metavar="REF", help="Where the trust root is read.")
@format_option("table", "json")
def list_all(*, protected_ref: str | None, form: str) -> None:
    """List the keys of the protected ref: whose, which roles, how long, and what the work tree would change."""
    from ledger.report import json
    from ledger.service.project.locate import project_directory
    from ledger.service.trust.root import trusted

    project, now = project_directory(), datetime.now(UTC)
    found = trusted(project, protected_ref)
    proposed = _changes(found.root, project)
    rows: list[dict[str, Any]] = [
        {
            "principal": key.principal,
            "roles": list(found.root.roles_of(key.principal)),
            "type": key.kind,
            "fingerprint": key.fingerprint,
            "valid_after": key.valid_after,
            "valid_before": key.valid_before,
            "state": "revoked" if key.fingerprint in found.root.revoked else "valid" if key.valid(now) else "not valid",
            "work_tree": proposed.pop(key.fingerprint, None),
        }
        for key in found.root.keys
    ]
    if form == "json":
        sys.stdout.write(json.dump(rows) + "\n")
        return
    for key, row in zip(found.root.keys, rows, strict=True):
        roles = ", ".join(found.root.roles_of(key.principal)) or "no role"
        change = f"  ({row['work_tree']} in the work tree)" if row["work_tree"] else ""
        sys.stdout.write(f"{row['state']:10} {key.principal}  {roles}  {key.kind}  {key.fingerprint}{change}\n")
    sys.stdout.write(f"{len(rows)} keys at {found.ref} ({found.commit[:12]})\n")
    sys.stdout.writelines(f"{change} in the work tree: {name}\n" for name, change in sorted(proposed.items()))


@keys.command()
@click.argument("principal")
@click.option("--key", required=True, type=click.Path(path_type=Path), help="The new key; made where there is none.")
@click.option(
    "--overlap",
    "overlap_s",
    type=Span(),
    default="0s",
    show_default=True,
    metavar="TIME",
    help="How long the old keys stay valid beside the new one, such as 7d.",
)
@_no_passphrase
def rotate(*, principal: str, key: Path, overlap_s: float, no_passphrase: bool) -> None:
    """Give PRINCIPAL a new key, and let the old ones end now or after a while."""
    from ledger.service.project.locate import project_directory
    from ledger.service.trust import files as trust_files

    project, now = project_directory(), datetime.now(UTC).replace(microsecond=0)
    _obtain(project, key, principal, known=True, passphrase=not no_passphrase)
    new = trust_files.rotate(project, principal, key, at=now, overlap=timedelta(seconds=overlap_s))
    sys.stdout.write(f"{principal} signs with {new.fingerprint} from now on\n{_PROPOSED}\n")


@keys.command()
@click.argument("name")
@click.option("--reason", required=True, help="Why.")
def revoke(*, name: str, reason: str) -> None:
    """Revoke a key by its fingerprint, or all keys of a principal: nothing that they signed counts any more."""
    from ledger.service.project.locate import project_directory
    from ledger.service.trust import files as trust_files

    gone = trust_files.revoke(project_directory(), name, reason)
    sys.stdout.write(f"revoked {', '.join(gone)}\n{_PROPOSED}\n")


@keys.command()
@click.option("--protected-ref", metavar="REF", help="Look at this ref instead of the work tree.")
def lint(*, protected_ref: str | None) -> int:
    """Look for what is wrong with the trust root of the work tree; exit code 1 where something is."""
    from ledger.report.text import printable
    from ledger.service.project.locate import project_directory
    from ledger.service.trust import files as trust_files

    problems = trust_files.problems(project_directory(), protected_ref, at=datetime.now(UTC))
    sys.stdout.writelines(printable(problem, 400) + "\n" for problem in problems)
    if not problems:
        sys.stdout.write("the trust root is sound\n")
    return exit_codes.FAILED if problems else exit_codes.DONE


def _obtain(project: Path, key: Path, principal: str, *, known: bool, passphrase: bool) -> None:
    """Make a key where there is none, and say so."""
    from ledger.service.trust.files import obtain

    if obtain(project, key, principal, known=known, passphrase=passphrase):
        advice = (
            "keep it, and its passphrase, to yourself" if passphrase else "keep it to yourself: it has no passphrase"
        )
        sys.stdout.write(f"made {key}; {advice}\n")


def _changes(root: "TrustRoot", project: Path) -> dict[str, str]:
    """Return what the work tree changes; where its trust root cannot be read, that is said instead."""
    from ledger.service.trust.files import changes
    from ledger.trust.refusal import RefusedError

    try:
        return changes(root, project)
    except RefusedError as error:
        click.echo(f"the work tree is not compared: {error.sentence}", err=True)
    return {}
