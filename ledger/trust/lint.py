"""Everything that is wrong with a trust root: lines that are not taken, keys nobody can use, approvals nobody can give.

Rules:
- Each problem is one sentence: what, where, and what to do.
- A verifier stops at the first line that is against the format; here all of them are told, and what the rest means.
"""

import base64
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Final

from ledger.trust.keys import MANIFEST_NAMESPACE, NAMESPACES, Key, read_revoked, read_signers
from ledger.trust.policy import WAIVER_ROLE, parse_policy, unmet_roles
from ledger.trust.refusal import RefusedError
from ledger.trust.root import FILES, POLICY, REVOKED, SIGNERS, TrustRoot

_SOON: Final = timedelta(days=30)
_LEAST_RSA_BYTES: Final = 3072 // 8


def problems(files: Mapping[str, bytes], where: str, at: datetime) -> tuple[str, ...]:
    """Return what is wrong with a trust root at a moment.

    Args:
        files: Name in the directory to content, of ``ledger.trust.root.FILES``.
        where: What to call the directory in messages.
        at: The moment.
    """
    missing = [f"{where} has no {name}; `dagster-ledger keys init` makes it" for name in FILES if name not in files]
    texts, strange = _texts(files, where)
    keys, of_signers = read_signers(texts[SIGNERS], f"{where}/{SIGNERS}")
    revoked, of_revoked = read_revoked(texts[REVOKED], f"{where}/{REVOKED}")
    found = [*missing, *strange, *of_signers, *of_revoked]
    try:
        policy = parse_policy(files[POLICY], f"{where}/{POLICY}") if POLICY in files else None
    except RefusedError as error:
        return (*found, error.sentence)
    if policy is None:
        return tuple(found)
    root = TrustRoot(where, keys, revoked, policy, "")
    return (*found, *_of_keys(root, at), *_of_people(root), *_of_environments(root, at))


def _texts(files: Mapping[str, bytes], where: str) -> tuple[dict[str, str], list[str]]:
    """Return the files of lines as text, what is no text replaced, and a sentence for each that is none."""
    texts = {name: files.get(name, b"").decode("utf-8", "replace") for name in (SIGNERS, REVOKED)}
    strange = [name for name, text in texts.items() if text.encode() != files.get(name, b"")]
    return texts, [f"{where}/{name} is not UTF-8; correct the file" for name in strange]


def _of_keys(root: TrustRoot, at: datetime) -> Iterator[str]:
    for key in root.keys:
        shown = f"{root.where}/allowed_signers: the key {key.fingerprint} of {key.principal}"
        if key.valid_before is not None and key.valid_before <= at:
            yield f"{shown} has ended at {key.valid_before.isoformat()}; remove the line"
        elif key.valid_before is not None and key.valid_before <= at + _SOON and not _is_followed(root, key):
            yield f"{shown} ends at {key.valid_before.isoformat()}; rotate it"
        if not set(key.namespaces) & set(NAMESPACES):
            yield f"{shown} has none of the namespaces that are signed here ({', '.join(NAMESPACES)}); add one"
        if key.kind == "ssh-rsa" and _rsa_bytes(key) < _LEAST_RSA_BYTES:
            yield f"{shown} is RSA with fewer than 3,072 bits; rotate it to Ed25519"
        if not root.roles_of(key.principal):
            yield f"{shown} approves nothing: the policy gives {key.principal} no role"


def _of_people(root: TrustRoot) -> Iterator[str]:
    names = sorted(root.policy.principals)
    for name in names:
        same = [one for one in names if one != name and one.casefold() == name.casefold()]
        if same:
            yield f"{root.where}/policy.json: {name} is spelled {same[0]} as well, as if they were two; keep one"
    with_keys = {key.principal for key in root.keys if key.fingerprint not in root.revoked}
    asked = {role for one in root.policy.environments.values() for role in one.approvals} | {WAIVER_ROLE}
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


def _is_followed(root: TrustRoot, key: Key) -> bool:
    """Return whether a person has another key that is valid when a key of theirs ends."""
    end = key.valid_before
    others = (one for one in root.keys if one.principal == key.principal and one.fingerprint not in root.revoked)
    return end is not None and any(one.valid(end) for one in others if one != key)


def _rsa_bytes(key: Key) -> int:
    """Return the bytes of the modulus: the third text of the key (RFC 4253, 6.6)."""
    data = base64.b64decode(key.blob)
    for _ in range(2):
        data = data[4 + int.from_bytes(data[:4], "big") :]
    return len(data[4 : 4 + int.from_bytes(data[:4], "big")].lstrip(b"\x00"))
