"""The keys of a trust root: the lines of an ``allowed_signers`` file, as ssh-keygen(1) reads them, but fewer of them.

Rules:
- One key is one person: a line names exactly one principal, literally, without patterns.
- Certificate authorities are not taken: whom they certify is not in git.
- A line with no ``namespaces`` would be good for anything that is ever signed with the key, so it is not taken either.
- Times are those of OpenSSH: ``YYYYMMDD[HHMM[SS]]``, in UTC where a ``Z`` follows. Without it they would mean another
  moment on another machine, and are refused.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from ledger.trust.refusal import RefusedError

MANIFEST_NAMESPACE: Final = "dagster-ledger-manifest@v1"
CHECKPOINT_NAMESPACE: Final = "dagster-ledger-checkpoint@v1"
BASELINE_NAMESPACE: Final = "dagster-ledger-baseline@v1"
NAMESPACES: Final = (MANIFEST_NAMESPACE, CHECKPOINT_NAMESPACE, BASELINE_NAMESPACE)

KEY_TYPES: Final = (
    "ssh-ed25519",
    "sk-ssh-ed25519@openssh.com",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ecdsa-sha2-nistp256@openssh.com",
    "ssh-rsa",
)
_PRINCIPAL: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._%+@-]*")
_OPTION: Final = re.compile(r'([a-z-]+)(?:="([^"]*)")?(?:,|(?= )|$)')
_MOMENT: Final = re.compile(r"(\d{8})(?:(\d{4})(\d{2})?)?Z")
_FINGERPRINT: Final = re.compile(r"SHA256:[A-Za-z0-9+/]{43}")


@dataclass(frozen=True, slots=True)
class Key:
    """A public key and whose it is.

    Attributes:
        principal: Who holds it.
        kind: Key type, as OpenSSH names it.
        blob: The key in SSH wire format, base64.
        namespaces: What its signatures are good for.
        valid_after: Moment before which it is not valid.
        valid_before: Moment from which it is not valid any more.
        comment: What follows the key on its line.
    """

    principal: str
    kind: str
    blob: str
    namespaces: tuple[str, ...]
    valid_after: datetime | None = None
    valid_before: datetime | None = None
    comment: str = ""

    @property
    def fingerprint(self) -> str:
        """``SHA256:`` and the digest of the key, as ``ssh-keygen -l`` shows it."""
        return fingerprint(self.blob)

    def valid(self, at: datetime) -> bool:
        """Return whether the key is valid at a moment."""
        begun = self.valid_after is None or self.valid_after <= at
        return begun and (self.valid_before is None or at < self.valid_before)

    def line(self) -> str:
        """Return the line of an ``allowed_signers`` file, without a line feed."""
        options = [f'namespaces="{",".join(self.namespaces)}"']
        options += [f'valid-after="{moment_text(self.valid_after)}"'] if self.valid_after else []
        options += [f'valid-before="{moment_text(self.valid_before)}"'] if self.valid_before else []
        return " ".join(filter(None, (self.principal, ",".join(options), self.kind, self.blob, self.comment)))


def fingerprint(blob: str) -> str:
    """Return the fingerprint of a key in base64, as ``ssh-keygen -l`` shows it."""
    digest = hashlib.sha256(base64.b64decode(blob)).digest()
    return f"SHA256:{base64.b64encode(digest).decode().rstrip('=')}"


def moment_text(moment: datetime) -> str:
    """Return a moment as OpenSSH writes it."""
    return f"{moment.astimezone(UTC):%Y%m%d%H%M%S}Z"


def parse_signers(text: str, where: str) -> tuple[Key, ...]:
    """Return the keys of an ``allowed_signers`` file.

    Args:
        text: The file.
        where: What to call it in messages.

    Raises:
        RefusedError: ``trust_root``; the message names file and line.
    """
    found: list[Key] = []
    for number, line in _lines(text):
        place = f"{where}:{number}"
        key = _key(line, place)
        twice = next((one for one in found if one.blob == key.blob), None)
        if twice is not None:
            said = f"{place} has the key of {twice.principal} again; one key is one line and one person"
            raise RefusedError(said, "trust_root")
        found.append(key)
    return tuple(found)


def parse_revoked(text: str, where: str) -> frozenset[str]:
    """Return the fingerprints of revoked keys: a file of public keys or fingerprints, one a line.

    Raises:
        RefusedError: ``trust_root``; the message names file and line.
    """
    found = set()
    for number, line in _lines(text):
        words = line.split()
        if _FINGERPRINT.fullmatch(words[0]):
            found.add(words[0])
        elif words[0] in KEY_TYPES and len(words) > 1 and _is_blob(words[0], words[1]):
            found.add(fingerprint(words[1]))
        else:
            said = f"{where}:{number} is neither a fingerprint (SHA256:...) nor a public key; correct the line"
            raise RefusedError(said, "trust_root")
    return frozenset(found)


def parse_public_key(text: str, where: str) -> tuple[str, str, str]:
    """Return type, base64 and comment of a public key file.

    Raises:
        RefusedError: ``trust_root``; it is no public key.
    """
    kind, blob, comment = [*text.strip().split(None, 2), "", "", ""][:3]
    if "\n" in text.strip() or not _is_blob(kind, blob):
        said = f"{where} is no public SSH key; name the .pub file of a key"
        raise RefusedError(said, "trust_root")
    return kind, blob, comment


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield the lines that say something, with their numbers."""
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip() and not line.lstrip().startswith("#"):
            yield number, line.strip()


def _key(line: str, place: str) -> Key:
    principal, _, rest = line.partition(" ")
    if not _PRINCIPAL.fullmatch(principal):
        said = f"{place} must begin with one principal such as alice@example.org, without patterns"
        raise RefusedError(said, "trust_root")
    options: dict[str, str | None] = {}
    rest = rest.strip()
    if not rest.startswith(KEY_TYPES):
        options, rest = _options(rest, place)
    kind, blob, comment = [*rest.split(None, 2), "", "", ""][:3]
    if not _is_blob(kind, blob):
        said = f"{place} must have a key type and a key in base64 after the options; correct the line"
        raise RefusedError(said, "trust_root")
    names = tuple(filter(None, (options.get("namespaces") or "").split(",")))
    if not names or any(set(name) & set("*?!") for name in names):
        said = f'{place} must say what the key is for, without patterns: namespaces="{MANIFEST_NAMESPACE}"'
        raise RefusedError(said, "trust_root")
    moments = {name: _moment(options.get(name), f"{place}: {name}") for name in ("valid-after", "valid-before")}
    return Key(principal, kind, blob, names, moments["valid-after"], moments["valid-before"], comment)


def _options(text: str, place: str) -> tuple[dict[str, str | None], str]:
    """Return the options at the beginning of a text, and the rest."""
    found: dict[str, str | None] = {}
    end = 0
    while end < len(text) and text[end] != " ":
        matched = _OPTION.match(text, end)
        if matched is None or matched.end() == end or matched[1] in found:
            break
        found[matched[1]] = matched[2]
        end = matched.end()
    unknown = sorted(set(found) - {"namespaces", "valid-after", "valid-before"})
    if unknown or end == 0 or (end < len(text) and text[end] != " "):
        what = f"option {unknown[0]}" if unknown else "options"
        said = f"{place} has {what} that a trust root may not have; namespaces, valid-after and valid-before are known"
        raise RefusedError(said, "trust_root")
    return found, text[end:].strip()


def _moment(text: str | None, place: str) -> datetime | None:
    if text is None:
        return None
    found = _MOMENT.fullmatch(text)
    try:
        if found is not None:
            digits = f"{found[1]}{found[2] or '0000'}{found[3] or '00'}"
            return datetime.strptime(digits, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        pass
    said = f"{place} is {text!r}; write a moment in UTC as YYYYMMDDHHMMSSZ"
    raise RefusedError(said, "trust_root")


def _is_blob(kind: str, blob: str) -> bool:
    """Return whether base64 is a key of the type that is named beside it."""
    try:
        raw = base64.b64decode(blob, validate=True)
    except (binascii.Error, ValueError):
        return False
    name = kind.encode()
    is_one_spelling = base64.b64encode(raw).decode() == blob
    return kind in KEY_TYPES and is_one_spelling and raw[: 4 + len(name)] == len(name).to_bytes(4, "big") + name
