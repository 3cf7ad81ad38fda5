"""``keys init``, ``list``, ``rotate``, ``revoke``, ``lint``: whose signatures count, as files for a pull request."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click

from ledger_cli import exit_codes
from ledger_cli.options import format_option

_PROPOSED: Final = "this is a proposal: commit config/trust and have it merged to the protected ref"


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
def init(*, principal: str, roles: tuple[str, ...], key: Path | None, environment: str, jobs: tuple[str, ...]) -> None:
    """Add a person with a key and roles; make the key and the trust root where there is none."""
    from ledger.attestation.ssh_keygen import make_key
    from ledger.service import trust_files
    from ledger.service.locate import project_directory

    path = key or Path.home() / ".ssh" / "dagster-ledger"
    if path.suffix != ".pub" and not path.exists():
        make_key(path, principal)
        sys.stdout.write(f"made {path}; keep it, and its passphrase, to yourself\n")
    project = project_directory()
    added = trust_files.add(project, principal, roles, path, environment=environment, jobs=jobs)
    sys.stdout.write(f"added {added.fingerprint} of {principal} to config/trust\n{_PROPOSED}\n")


@keys.command(name="list")
@click.option("--protected-ref", metavar="REF", help="Where the trust root is read.")
@format_option("table", "json")
def list_all(*, protected_ref: str | None, form: str) -> None:
    """List the keys of the protected ref: whose, which roles, how long."""
    from ledger.report import json
    from ledger.service.locate import project_directory
    from ledger.service.trust import trusted

    found, now = trusted(project_directory(), protected_ref), datetime.now(UTC)
    rows = [
        {
            "principal": key.principal,
            "roles": list(found.root.roles_of(key.principal)),
            "type": key.kind,
            "fingerprint": key.fingerprint,
            "valid_after": key.valid_after,
            "valid_before": key.valid_before,
            "state": "revoked" if key.fingerprint in found.root.revoked else "valid" if key.valid(now) else "not valid",
        }
        for key in found.root.keys
    ]
    if form == "json":
        sys.stdout.write(json.dump(rows) + "\n")
        return
    for key, row in zip(found.root.keys, rows, strict=True):
        roles = ", ".join(found.root.roles_of(key.principal)) or "no role"
        sys.stdout.write(f"{row['state']:10} {key.principal}  {roles}  {key.kind}  {key.fingerprint}\n")
    sys.stdout.write(f"{len(rows)} keys at {found.ref} ({found.commit[:12]})\n")


@keys.command()
@click.argument("principal")
@click.option("--key", required=True, type=click.Path(path_type=Path), help="The new key; made where there is none.")
def rotate(*, principal: str, key: Path) -> None:
    """Give PRINCIPAL a new key, and let the old ones end now."""
    from ledger.attestation.ssh_keygen import make_key
    from ledger.service import trust_files
    from ledger.service.locate import project_directory

    if key.suffix != ".pub" and not key.exists():
        make_key(key, principal)
        sys.stdout.write(f"made {key}; keep it, and its passphrase, to yourself\n")
    new = trust_files.rotate(project_directory(), principal, key, at=datetime.now(UTC).replace(microsecond=0))
    sys.stdout.write(f"{principal} signs with {new.fingerprint} from now on\n{_PROPOSED}\n")


@keys.command()
@click.argument("name")
@click.option("--reason", required=True, help="Why.")
def revoke(*, name: str, reason: str) -> None:
    """Revoke a key by its fingerprint, or all keys of a principal: nothing that they signed counts any more."""
    from ledger.service import trust_files
    from ledger.service.locate import project_directory

    gone = trust_files.revoke(project_directory(), name, reason)
    sys.stdout.write(f"revoked {', '.join(gone)}\n{_PROPOSED}\n")


@keys.command()
@click.option("--protected-ref", metavar="REF", help="Look at this ref instead of the work tree.")
def lint(*, protected_ref: str | None) -> int:
    """Look for what is wrong with the trust root of the work tree; exit code 1 where something is."""
    from ledger.report.text import printable
    from ledger.service import trust_files
    from ledger.service.locate import project_directory

    problems = trust_files.problems(project_directory(), protected_ref, at=datetime.now(UTC))
    sys.stdout.writelines(printable(problem, 400) + "\n" for problem in problems)
    if not problems:
        sys.stdout.write("the trust root is sound\n")
    return exit_codes.FAILED if problems else exit_codes.DONE
