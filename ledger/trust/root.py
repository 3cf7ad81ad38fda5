"""The trust root: whose signatures count, for what, and what they must come to.

Rules:
- It is three files of one commit of the protected ref, handed over as bytes; nothing here reads anything.
- A principal that the policy does not name has no roles, and so approves nothing.
- All three must be there as regular files: without ``revoked_keys`` every revoked key would count again.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ledger.trust.keys import Key, parse_revoked, parse_signers
from ledger.trust.policy import EnvironmentPolicy, TrustPolicy, parse_policy
from ledger.trust.refusal import RefusedError

DIRECTORY: Final = "config/trust"
SIGNERS: Final = "allowed_signers"
REVOKED: Final = "revoked_keys"
POLICY: Final = "policy.json"
FILES: Final = (SIGNERS, REVOKED, POLICY)


@dataclass(frozen=True, slots=True)
class TrustRoot:
    """Keys, revocations and policy.

    Attributes:
        where: Where it was read, for messages.
        keys: The keys, in the order of the file.
        revoked: Fingerprints of revoked keys.
        policy: People and environments.
        policy_digest: SHA-256 (hex) of the bytes of the policy.
    """

    where: str
    keys: tuple[Key, ...]
    revoked: frozenset[str]
    policy: TrustPolicy
    policy_digest: str

    def key_of(self, fingerprint: str) -> Key | None:
        """Return the key with a fingerprint, revoked or not."""
        return next((key for key in self.keys if key.fingerprint == fingerprint), None)

    def roles_of(self, principal: str) -> tuple[str, ...]:
        """Return the roles of a person."""
        found = self.policy.principals.get(principal)
        return tuple(found.roles) if found else ()

    def environment(self, name: str) -> EnvironmentPolicy:
        """Return what an environment demands.

        Raises:
            RefusedError: ``environment``; the policy does not name it.
        """
        found = self.policy.environments.get(name)
        if found is None:
            known = ", ".join(sorted(self.policy.environments))
            message = f"{self.where}/{POLICY} has no environment {name!r}; it has {known}"
            raise RefusedError(message, "environment")
        return found


def parse_root(files: Mapping[str, bytes], where: str) -> TrustRoot:
    """Return the trust root that some files are.

    Args:
        files: Name in ``DIRECTORY`` to content.
        where: What to call the directory in messages.

    Raises:
        RefusedError: ``no_trust_root`` or ``trust_root``.
    """
    missing = [name for name in FILES if name not in files]
    if missing:
        message = (
            f"{where} has no {missing[0]}; make one with `dagster-ledger keys init`, and have it merged to the"
            " protected ref"
        )
        raise RefusedError(message, "no_trust_root")
    return TrustRoot(
        where,
        parse_signers(_text(files[SIGNERS], f"{where}/{SIGNERS}"), f"{where}/{SIGNERS}"),
        parse_revoked(_text(files[REVOKED], f"{where}/{REVOKED}"), f"{where}/{REVOKED}"),
        parse_policy(files[POLICY], f"{where}/{POLICY}"),
        hashlib.sha256(files[POLICY]).hexdigest(),
    )


def _text(data: bytes, where: str) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        message = f"{where} is not UTF-8; correct the file"
        raise RefusedError(message, "trust_root") from error
