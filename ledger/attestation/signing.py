"""Signs what is in an envelope, and tells whose signatures are on it.

Rules:
- A key signs twice where it can: an SSH signature (key id ``ssh:SHA256:...``), which everybody who has git can verify,
  and, with Ed25519, the raw signature (``SHA256:...``) that in-toto tools and OpenSSL verify. Both are over the same
  bytes; the SSH one is the approval, the raw one has to come with it.
- Every signature must verify, by a key of the trust root that is valid and not revoked: one that does not refuses the
  whole, for whoever put it there wanted something.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ledger.attestation import ssh_keygen, sshsig
from ledger.attestation.agent import ED25519, agent_with, public_file, raw_ed25519
from ledger.errors import ConfigurationError
from ledger.trust.envelope import Envelope, Signature
from ledger.trust.keys import Key, fingerprint, parse_public_key
from ledger.trust.refusal import RefusedError
from ledger.trust.root import TrustRoot

_SSH: Final = "ssh:"


@dataclass(frozen=True, slots=True)
class Signer:
    """A person whose signature is on something: principal, fingerprint of the key, roles."""

    principal: str
    fingerprint: str
    roles: tuple[str, ...]


def signed(envelope: Envelope, key: Path, namespace: str) -> Envelope:
    """Return the envelope with the signatures of a key.

    Args:
        envelope: What is signed; what it was signed by before stays.
        key: A private key file, or the ``.pub`` file of a key that an agent holds.
        namespace: What the signature is for.

    Raises:
        ConfigurationError: The key cannot be used.
        StoreError: OpenSSH is not installed.
    """
    with agent_with(key) as environment:
        kind, blob = public_key_of(key)
        data, name = envelope.signed_bytes, fingerprint(blob)
        ssh = ssh_keygen.sign(data, public_file(key), namespace, environment=environment)
        signatures = [Signature(f"{_SSH}{name}", ssh)]
        raw = raw_ed25519(data, blob, environment) if kind == ED25519 else None
        if raw is not None:
            signatures.append(Signature(name, raw))
    return envelope.with_signatures(*signatures)


def signed_text(text: bytes, key: Path, namespace: str) -> str:
    """Return the armoured SSH signature of a text, such as a checkpoint; ``ssh-keygen -Y verify`` takes it.

    Args:
        text: What is signed.
        key: A private key file, or the ``.pub`` file of a key that an agent holds.
        namespace: What the signature is for.

    Raises:
        ConfigurationError: The key cannot be used.
        StoreError: OpenSSH is not installed.
    """
    with agent_with(key) as environment:
        return sshsig.armoured(ssh_keygen.sign(text, public_file(key), namespace, environment=environment))


def signer_of_text(text: bytes, signature: str, root: TrustRoot, namespace: str, at: datetime, where: str) -> Signer:
    """Return who signed a text.

    Args:
        text: What was signed.
        signature: The armoured SSH signature.
        root: Whose signatures count.
        namespace: What the signature must be for.
        at: Moment at which the key must be valid.
        where: What to call the text in messages.

    Raises:
        RefusedError: ``unknown_key``, ``revoked_key``, ``expired_key``, ``namespace`` or ``bad_signature``.
        StoreError: ssh-keygen is not installed.
    """
    try:
        sig = sshsig.bare(signature)
    except ValueError:
        sig = b""
    told = sshsig.parse(sig)
    if told is None:
        message = f"{where} has no SSH signature; have it signed again"
        raise RefusedError(message, "bad_signature")
    name = fingerprint(told.blob)
    key = _trusted(root, name, namespace, at, where)
    _check_ssh(text, sig, key, namespace, where)
    return Signer(key.principal, name, root.roles_of(key.principal))


def public_key_of(key: Path) -> tuple[str, str]:
    """Return type and base64 of the public half of a key file.

    Raises:
        ConfigurationError: There is no ``.pub`` file beside it.
    """
    path = public_file(key)
    try:
        kind, blob, _ = parse_public_key(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        message = f"there is no public key {path}; make it with `ssh-keygen -y -f {key} > {path}`"
        raise ConfigurationError(message) from error
    except RefusedError as error:
        raise ConfigurationError(str(error)) from error
    return kind, blob


def signers(envelope: Envelope, root: TrustRoot, namespace: str, at: datetime, where: str) -> tuple[Signer, ...]:
    """Return who signed, each person once.

    Args:
        envelope: What was signed.
        root: Whose signatures count.
        namespace: What the signatures must be for.
        at: Moment at which the keys must be valid.
        where: What to call the envelope in messages.

    Raises:
        RefusedError: ``unknown_key``, ``revoked_key``, ``expired_key``, ``namespace`` or ``bad_signature``.
        StoreError: ssh-keygen is not installed.
    """
    approving: dict[str, Key] = {}
    for one in _ssh_first(envelope.signatures):
        name = one.keyid.removeprefix(_SSH)
        key = _trusted(root, name, namespace, at, where)
        if one.keyid.startswith(_SSH):
            _check_ssh(envelope.signed_bytes, one.sig, key, namespace, where)
            approving[name] = key
        elif name not in approving or not _is_raw_by(envelope.signed_bytes, one.sig, key):
            _refuse_bad(key, where)
    found = {key.principal: key for key in approving.values()}
    return tuple(
        Signer(principal, key.fingerprint, root.roles_of(principal)) for principal, key in sorted(found.items())
    )


def _ssh_first(signatures: Sequence[Signature]) -> list[Signature]:
    return sorted(signatures, key=lambda one: not one.keyid.startswith(_SSH))


def _trusted(root: TrustRoot, name: str, namespace: str, at: datetime, where: str) -> Key:
    """Return the key of a fingerprint, which may be used now and for this."""
    key = root.key_of(name)
    if name in root.revoked:
        message = f"{where} is signed by the key {name[:80]}, which {root.where}/revoked_keys revokes"
        raise RefusedError(message, "revoked_key")
    if key is None:
        message = (
            f"{where} is signed by the key {name[:80]!r}, which {root.where}/allowed_signers does not name; only keys"
            " on the protected ref count"
        )
        raise RefusedError(message, "unknown_key")
    if namespace not in key.namespaces:
        message = f"{where} is signed by a key of {key.principal} that is not for {namespace}"
        raise RefusedError(message, "namespace")
    if not key.valid(at):
        message = f"{where} is signed by a key of {key.principal} that is not valid now ({key.fingerprint})"
        raise RefusedError(message, "expired_key")
    return key


def _check_ssh(data: bytes, sig: bytes, key: Key, namespace: str, where: str) -> None:
    """Refuse an SSH signature that is not by this key, over these bytes, for this purpose."""
    told = sshsig.parse(sig)
    if told is not None and told.namespace != namespace:
        message = f"{where} has a signature for {told.namespace[:80]!r}; only {namespace} counts here"
        raise RefusedError(message, "namespace")
    is_by_key = told is not None and told.blob == key.blob
    if not is_by_key or not ssh_keygen.verifies(data, sig, key, namespace):
        _refuse_bad(key, where)


def _refuse_bad(key: Key, where: str) -> None:
    message = f"{where} has a signature in the name of {key.principal} that does not fit; what it says was altered"
    raise RefusedError(message, "bad_signature")


def _is_raw_by(data: bytes, sig: bytes, key: Key) -> bool:
    """Return whether a raw Ed25519 signature of some bytes is by a key."""
    if key.kind != ED25519:
        return False
    _, rest = sshsig.take(base64.b64decode(key.blob))
    raw, _ = sshsig.take(rest)
    try:
        Ed25519PublicKey.from_public_bytes(raw).verify(sig, data)
    except (InvalidSignature, ValueError):
        return False
    return True
