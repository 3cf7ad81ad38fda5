"""Changes the trust root in the work tree, as a proposal: what counts is that of the protected ref.

Rules:
- Lines and members that are there stay as they are; a file is replaced as a whole or not at all.
- Nothing is written that could not be read again.
- Private keys lie outside the repository, always.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from ledger.attestation import public_key_of
from ledger.attestation.ssh_keygen import make_key
from ledger.checklist import CRITICAL
from ledger.errors import ConfigurationError, StoreError
from ledger.git import root_of
from ledger.names import no_such
from ledger.service.trust.root import files_of
from ledger.trust import lint
from ledger.trust.keys import FINGERPRINT, NAMESPACES, Key, is_principal, parse_revoked, parse_signers
from ledger.trust.policy import WAIVER_ROLE
from ledger.trust.refusal import RefusedError
from ledger.trust.root import DIRECTORY, FILES, POLICY, REVOKED, SIGNERS, TrustRoot, parse_root

_MAX_AGE_S: Final = 86_400
_FIRST_REVOKED: Final = "# Keys whose signatures count for nothing: SHA256:... or a public key, one a line.\n"


def work_tree_root(project: Path) -> TrustRoot:
    """Return the trust root of the work tree, which is no more than a proposal.

    Raises:
        RefusedError: ``no_trust_root`` or ``trust_root``.
        StoreError: A file cannot be read.
    """
    return parse_root(work_tree_files(project), DIRECTORY)


def work_tree_files(project: Path) -> dict[str, bytes]:
    """Return the files of the trust root of the work tree; a link is none, as in a commit.

    Raises:
        StoreError: A file cannot be read.
    """
    found = {}
    for name in FILES:
        path = project / DIRECTORY / name
        if path.is_symlink() or not path.is_file():
            continue
        try:
            found[name] = path.read_bytes()
        except OSError as error:
            message = f"cannot read {DIRECTORY}/{name} ({error.strerror}); correct its permissions"
            raise StoreError(message) from error
    return found


def obtain(project: Path, key: Path, principal: str, *, known: bool, passphrase: bool) -> bool:
    """Make a person's key where there is none at a path; return whether one was made.

    Args:
        project: Directory of the project, whose repository holds no private key.
        key: Private key, or the ``.pub`` file of one.
        principal: Whose it is.
        known: Whether the person must have a key already.
        passphrase: Whether a passphrase is asked for, in the terminal.

    Raises:
        ConfigurationError: The key would be in the repository, or nobody is called so.
        StoreError: It cannot be made.
    """
    if not is_principal(principal):
        message = f"{principal[:80]!r} is no principal; take an address such as alice@example.org"
        raise ConfigurationError(message)
    people = {one.principal for one in _keys(project)}
    if known and principal not in people:
        raise ConfigurationError(no_such("principal", principal, people, f"in {DIRECTORY}"))
    if key.suffix == ".pub":
        return False
    top = root_of(project)
    if top is not None and key.absolute().resolve().is_relative_to(top.resolve()):
        message = f"{key} is in the repository, where a private key would be committed; name another place with --key"
        raise ConfigurationError(message)
    if key.exists():
        return False
    make_key(key, principal, passphrase=passphrase)
    return True


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
    _refuse_revoked(project, new)
    policy = _policy(project) or _new_policy(roles, environment, jobs)
    person = policy["principals"].setdefault(principal, {"roles": []})
    person["roles"] = sorted({*person["roles"], *roles})
    texts = {
        SIGNERS: f"{_text(project, SIGNERS)}{new.line()}\n",
        POLICY: json.dumps(policy, indent=2, sort_keys=True) + "\n",
        REVOKED: _text(project, REVOKED) or _FIRST_REVOKED,
    }
    _propose(project, texts)
    return new


def rotate(project: Path, principal: str, key: Path, *, at: datetime, overlap: timedelta = timedelta()) -> Key:
    """Give a person a new key from a moment on, end the old ones then or later, and return the new one.

    Args:
        project: Directory of the project.
        principal: Who.
        key: Key file of the new key; the ``.pub`` file of it is read.
        at: The moment.
        overlap: How long the old keys stay valid beside the new one.

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
    _refuse_revoked(project, new)
    end = at + overlap
    ending = {one.blob: replace(one, valid_before=end) for one in known if _lasts(one, principal, end)}
    lines = []
    for line in _text(project, SIGNERS).splitlines():
        old = next((one for blob_, one in ending.items() if f" {blob_}" in line and not line.startswith("#")), None)
        lines.append(old.line() if old else line)
    _propose(project, {SIGNERS: "\n".join([*lines, new.line()]) + "\n"})
    return new


def revoke(project: Path, name: str, reason: str) -> tuple[str, ...]:
    """Revoke a key by its fingerprint, or all keys of a person, and return the fingerprints that were not yet.

    Raises:
        ConfigurationError: Nobody is called so, or nothing is left to revoke.
        RefusedError: The trust root cannot be read.
    """
    known = _keys(project)
    named = tuple(one.fingerprint for one in known if name in {one.fingerprint, one.principal})
    if not named and FINGERPRINT.fullmatch(name) is None:
        names = {one.principal for one in known} | {one.fingerprint for one in known}
        raise ConfigurationError(no_such("key or principal", name, names, f"in {DIRECTORY}"))
    before = _text(project, REVOKED)
    gone = tuple(one for one in named or (name,) if one not in parse_revoked(before, f"{DIRECTORY}/{REVOKED}"))
    if not gone:
        message = f"{name} is revoked already in {DIRECTORY}/{REVOKED}; have it merged"
        raise ConfigurationError(message)
    said = " ".join("".join(letter if letter.isprintable() else " " for letter in reason).split())
    lines = "".join(f"# {said}\n{fingerprint}\n" for fingerprint in gone)
    _propose(project, {REVOKED: f"{before or _FIRST_REVOKED}{lines}"})
    return gone


def problems(project: Path, protected_ref: str | None, *, at: datetime) -> tuple[str, ...]:
    """Return what is wrong with the trust root of the work tree, or of a ref where one is named.

    Raises:
        ConfigurationError: There is no such ref.
        StoreError: A file cannot be read.
    """
    if protected_ref is None:
        return lint.problems(work_tree_files(project), DIRECTORY, at)
    ref, files = files_of(project, protected_ref)
    return lint.problems(files, f"{ref}:{DIRECTORY}", at)


def changes(protected: TrustRoot, project: Path) -> dict[str, str]:
    """Return what the work tree changes: fingerprint to ``added``, ``removed``, ``revoked`` or ``changed``.

    Raises:
        RefusedError: The trust root of the work tree cannot be read.
    """
    here = work_tree_root(project)
    found = {}
    for fingerprint in {one.fingerprint for one in (*protected.keys, *here.keys)}:
        was, becomes = (_state(root, fingerprint) for root in (protected, here))
        if was == becomes:
            continue
        found[fingerprint] = "changed" if was and becomes else "added" if becomes else "removed"
        if fingerprint in here.revoked - protected.revoked:
            found[fingerprint] = "revoked"
    return found


def _state(root: TrustRoot, fingerprint: str) -> tuple[object, ...]:
    """Return all that a trust root says of a key; empty where it does not have it."""
    key = root.key_of(fingerprint)
    return (key, root.roles_of(key.principal), fingerprint in root.revoked) if key is not None else ()


def _lasts(key: Key, principal: str, end: datetime) -> bool:
    """Return whether a key is a person's, has begun, and would be valid beyond a moment."""
    begun = key.valid_after is None or key.valid_after < end
    return key.principal == principal and begun and (key.valid_before is None or key.valid_before > end)


def _refuse_revoked(project: Path, key: Key) -> None:
    """Refuse to add a key that is revoked."""
    if key.fingerprint in parse_revoked(_text(project, REVOKED), f"{DIRECTORY}/{REVOKED}"):
        message = f"the key {key.fingerprint} is revoked in {DIRECTORY}/{REVOKED}; name another with --key"
        raise ConfigurationError(message)


def _propose(project: Path, texts: Mapping[str, str]) -> None:
    """Write files of the trust root, once it is sure that it can be read with them."""
    made = {name: text.encode() for name, text in texts.items()}
    try:
        parse_root({**work_tree_files(project), **made}, DIRECTORY)
    except RefusedError as error:
        raise ConfigurationError(error.sentence) from error
    for name, text in texts.items():
        _write(project, name, text)


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
        "approvals": dict.fromkeys([role for role in roles if role != WAIVER_ROLE] or roles, 1),
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
