"""Changes the trust root in the work tree, as a proposal: what counts is that of the protected ref.

Rules:
- Lines and members that are there stay as they are; a file is replaced as a whole or not at all.
- What was written is read again before anything is said to be done.
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from ledger.attestation import public_key_of
from ledger.checklist import CRITICAL
from ledger.errors import ConfigurationError, StoreError
from ledger.names import no_such
from ledger.service.trust import trusted
from ledger.trust import lint
from ledger.trust.keys import NAMESPACES, Key, parse_signers
from ledger.trust.root import DIRECTORY, POLICY, REVOKED, SIGNERS, TrustRoot, parse_root

_MAX_AGE_S: Final = 86_400


def work_tree_root(project: Path) -> TrustRoot:
    """Return the trust root of the work tree, which is no more than a proposal.

    Raises:
        RefusedError: ``no_trust_root`` or ``trust_root``.
    """
    place = project / DIRECTORY
    found = {name: (place / name).read_bytes() for name in (SIGNERS, REVOKED, POLICY) if (place / name).is_file()}
    return parse_root(found, DIRECTORY)


def add(
    project: Path, principal: str, roles: Sequence[str], key: Path, *, environment: str, jobs: Sequence[str]
) -> Key:
    """Add a person with a key and roles, and return the key.

    Args:
        project: Directory of the project.
        principal: Who.
        roles: Roles the person approves in, besides those they have.
        key: Key file; the ``.pub`` file of it is read.
        environment: Environment of the policy where one is made.
        jobs: Jobs in scope of the policy where one is made.

    Raises:
        ConfigurationError: The key is somebody's already, or a policy must be made and no job is named.
        RefusedError: The trust root that is there cannot be read.
    """
    kind, blob = public_key_of(key)
    new = Key(principal, kind, blob, NAMESPACES)
    known = _keys(project)
    holder = next((one for one in known if one.blob == blob), None)
    if holder is not None:
        message = f"the key {holder.fingerprint} is that of {holder.principal} already; one key is one person's"
        raise ConfigurationError(message)
    policy = _policy(project) or _new_policy(roles, environment, jobs)
    person = policy["principals"].setdefault(principal, {"roles": []})
    person["roles"] = sorted({*person["roles"], *roles})
    before = _text(project, SIGNERS)
    _write(project, SIGNERS, f"{before}{new.line()}\n")
    _write(project, POLICY, json.dumps(policy, indent=2, sort_keys=True) + "\n")
    if not (project / DIRECTORY / REVOKED).exists():
        _write(project, REVOKED, "# Keys whose signatures count for nothing: SHA256:... or a public key, one a line.\n")
    work_tree_root(project)
    return new


def rotate(project: Path, principal: str, key: Path, *, at: datetime) -> Key:
    """Give a person a new key from a moment on, end the old ones then, and return the new one.

    Raises:
        ConfigurationError: Nobody is called so, or the key is in the trust root already.
        RefusedError: The trust root cannot be read.
    """
    kind, blob = public_key_of(key)
    known = _keys(project)
    if principal not in {one.principal for one in known}:
        raise ConfigurationError(no_such("principal", principal, {one.principal for one in known}, f"in {DIRECTORY}"))
    if blob in {one.blob for one in known}:
        message = f"{key} is in {DIRECTORY}/{SIGNERS} already; make a new key, or name another one"
        raise ConfigurationError(message)
    new = Key(principal, kind, blob, NAMESPACES, valid_after=at)
    ending = {one.blob: replace(one, valid_before=at) for one in known if one.principal == principal and one.valid(at)}
    lines = []
    for line in _text(project, SIGNERS).splitlines():
        old = next((one for blob_, one in ending.items() if f" {blob_}" in line and not line.startswith("#")), None)
        lines.append(old.line() if old else line)
    _write(project, SIGNERS, "\n".join([*lines, new.line()]) + "\n")
    work_tree_root(project)
    return new


def revoke(project: Path, name: str, reason: str) -> tuple[str, ...]:
    """Revoke a key by its fingerprint, or all keys of a person, and return the fingerprints.

    Raises:
        ConfigurationError: No key is called so.
        RefusedError: The trust root cannot be read.
    """
    known = _keys(project)
    gone = tuple(one.fingerprint for one in known if name in {one.fingerprint, one.principal})
    if not gone:
        names = {one.principal for one in known} | {one.fingerprint for one in known}
        raise ConfigurationError(no_such("key or principal", name, names, f"in {DIRECTORY}"))
    said = " ".join(reason.split())
    lines = "".join(f"# {said}\n{fingerprint}\n" for fingerprint in gone)
    _write(project, REVOKED, f"{_text(project, REVOKED)}{lines}")
    work_tree_root(project)
    return gone


def problems(project: Path, protected_ref: str | None, *, at: datetime) -> tuple[str, ...]:
    """Return what is wrong with the trust root of the work tree, or of a ref where one is named.

    Raises:
        ConfigurationError: There is no such ref.
        RefusedError: It cannot be read at all.
    """
    root = work_tree_root(project) if protected_ref is None else trusted(project, protected_ref).root
    return lint.problems(root, at)


def _keys(project: Path) -> tuple[Key, ...]:
    return parse_signers(_text(project, SIGNERS), f"{DIRECTORY}/{SIGNERS}")


def _policy(project: Path) -> dict[str, Any] | None:
    """Return the policy as it is written, ``None`` where there is none; it is checked when all is written."""
    text = _text(project, POLICY)
    if not text:
        return None
    work_tree_root(project)
    found: dict[str, Any] = json.loads(text)
    return found


def _new_policy(roles: Sequence[str], environment: str, jobs: Sequence[str]) -> dict[str, Any]:
    if not roles or not jobs:
        message = f"there is no {DIRECTORY}/{POLICY} yet; say with --role and --job what the first one is about"
        raise ConfigurationError(message)
    demanded = {
        "approvals": dict.fromkeys(roles, 1),
        "jobs": list(jobs),
        "max_age_s": _MAX_AGE_S,
        "required_items": list(CRITICAL),
    }
    return {"schema": 1, "principals": {}, "environments": {environment: demanded}}


def _text(project: Path, name: str) -> str:
    try:
        text = (project / DIRECTORY / name).read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        message = f"cannot read {DIRECTORY}/{name} ({error}); correct the file"
        raise StoreError(message) from error
    return text if not text or text.endswith("\n") else f"{text}\n"


def _write(project: Path, name: str, text: str) -> None:
    path = project / DIRECTORY / name
    temporary = path.with_name(f".{name}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        message = f"cannot write {path} ({error.strerror}); correct its permissions"
        raise StoreError(message) from error
