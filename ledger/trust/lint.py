"""What is wrong with a trust root that can be read: keys nobody can use, approvals nobody can give.

Rules:
- Each problem is one sentence: what, where, and what to do.
- What is against the format is refused when it is read (``ledger.trust.keys``, ``ledger.trust.policy``), not here.
"""

import base64
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from ledger.trust.keys import MANIFEST_NAMESPACE, Key
from ledger.trust.policy import unmet_roles
from ledger.trust.root import TrustRoot

_SOON: Final = timedelta(days=30)
_LEAST_RSA_BYTES: Final = 3072 // 8


def problems(root: TrustRoot, at: datetime) -> tuple[str, ...]:
    """Return what is wrong with a trust root at a moment."""
    return (*_of_keys(root, at), *_of_people(root), *_of_environments(root, at))


def _of_keys(root: TrustRoot, at: datetime) -> Iterator[str]:
    for key in root.keys:
        shown = f"{root.where}/allowed_signers: the key {key.fingerprint} of {key.principal}"
        if key.valid_before is not None and key.valid_before <= at:
            yield f"{shown} has ended at {key.valid_before.isoformat()}; remove the line"
        elif key.valid_before is not None and key.valid_before <= at + _SOON:
            yield f"{shown} ends at {key.valid_before.isoformat()}; rotate it"
        if key.kind == "ssh-rsa" and _rsa_bytes(key) < _LEAST_RSA_BYTES:
            yield f"{shown} is RSA with fewer than 3,072 bits; rotate it to Ed25519"
        if not root.roles_of(key.principal):
            yield f"{shown} approves nothing: the policy gives {key.principal} no role"


def _of_people(root: TrustRoot) -> Iterator[str]:
    with_keys = {key.principal for key in root.keys if key.fingerprint not in root.revoked}
    asked = {role for one in root.policy.environments.values() for role in one.approvals}
    for name, person in sorted(root.policy.principals.items()):
        if name not in with_keys:
            yield f"{root.where}/policy.json: {name} has no key that counts; add one, or remove the person"
        for role in person.roles:
            if role not in asked:
                yield f"{root.where}/policy.json: no environment asks for the role {role!r} of {name}; mend the name"


def _of_environments(root: TrustRoot, at: datetime) -> Iterator[str]:
    able = {
        key.principal: root.roles_of(key.principal)
        for key in root.keys
        if key.fingerprint not in root.revoked and key.valid(at) and MANIFEST_NAMESPACE in key.namespaces
    }
    for name, policy in sorted(root.policy.environments.items()):
        missing = unmet_roles(policy.approvals, able)
        if missing:
            yield (
                f"{root.where}/policy.json: nobody can approve for {name}: {', '.join(missing)} would stay unmet; each"
                " approval takes a person of its own"
            )


def _rsa_bytes(key: Key) -> int:
    """Return the bytes of the modulus: the third text of the key (RFC 4253, 6.6)."""
    data = base64.b64decode(key.blob)
    for _ in range(2):
        data = data[4 + int.from_bytes(data[:4], "big") :]
    return len(data[4 : 4 + int.from_bytes(data[:4], "big")].lstrip(b"\x00"))
