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
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_ssh_public_key

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
_NAMESPACE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+/-]*")
_OPTION: Final = re.compile(r'([a-z-]+)(?:="([^"\\]*)")?(?:,(?=[a-z])|(?= ))')
_MOMENT: Final = re.compile(r"(\d{8})(?:(\d{4})(\d{2})?)?Z")
_FIRST_YEAR: Final = 1971  # OpenSSH keeps "no limit" as the first moment of 1970.
FINGERPRINT: Final = re.compile(r"SHA256:[A-Za-z0-9+/]{43}")


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


def is_principal(text: str) -> bool:
    """Return whether a text names one person, literally."""
    return _PRINCIPAL.fullmatch(text) is not None


def moment_text(moment: datetime) -> str:
    """Return a moment as OpenSSH writes it."""
    return f"{moment.astimezone(UTC):%Y%m%d%H%M%S}Z"


def parse_signers(text: str, where: str) -> tuple[Key, ...]:
    """Return the keys of an ``allowed_signers`` file.

    Args:
        text: The file.
        where: Where it is from, for messages.

    Raises:
        RefusedError: ``trust_root``; the message names file and line.
    """
    keys, problems = read_signers(text, where)
    _refuse(problems)
    return keys


def read_signers(text: str, where: str) -> tuple[tuple[Key, ...], tuple[str, ...]]:
    """Return the keys of an ``allowed_signers`` file, and a sentence for each line that is not taken."""
    found: list[Key] = []
    problems: list[str] = []
    for number, line in _lines(text):
        place = f"{where}:{number}"
        try:
            key = _key(line, place)
        except _LineError as error:
            problems.append(str(error))
            continue
        twice = next((one for one in found if one.blob == key.blob), None)
        if twice is not None:
            problems.append(f"{place} has the key of {twice.principal} again; one key is one line and one person")
        else:
            found.append(key)
    return tuple(found), tuple(problems)


def parse_revoked(text: str, where: str) -> frozenset[str]:
    """Return the fingerprints of revoked keys: a file of public keys or fingerprints, one a line.

    Raises:
        RefusedError: ``trust_root``; the message names file and line.
    """
    fingerprints, problems = read_revoked(text, where)
    _refuse(problems)
    return fingerprints


def read_revoked(text: str, where: str) -> tuple[frozenset[str], tuple[str, ...]]:
    """Return the fingerprints of revoked keys, and a sentence for each line that is not taken."""
    found = set()
    problems = []
    for number, line in _lines(text):
        words = line.split()
        if FINGERPRINT.fullmatch(words[0]):
            found.add(words[0])
        elif words[0] in KEY_TYPES and len(words) > 1 and _is_key(words[0], words[1]):
            found.add(fingerprint(words[1]))
        else:
            said = f"{where}:{number} is neither a fingerprint (SHA256:...) nor a public key; correct the line"
            problems.append(said)
    return frozenset(found), tuple(problems)


def parse_public_key(text: str, where: str) -> tuple[str, str, str]:
    """Return type, base64 and comment of a public key file.

    Raises:
        RefusedError: ``trust_root``; it is no public key.
    """
    kind, blob, comment = [*text.strip().split(None, 2), "", "", ""][:3]
    if "\n" in text.strip() or not _is_key(kind, blob):
        said = f"{where} is no public SSH key; name the .pub file of a key"
        raise RefusedError(said, "trust_root")
    return kind, blob, comment


class _LineError(ValueError):
    """A line that is not taken; the sentence why."""


def _refuse(problems: Sequence[str]) -> None:
    """Refuse a file that has lines which are not taken."""
    if problems:
        more = f" (and {len(problems) - 1} more, see `dagster-ledger keys lint`)" if len(problems) > 1 else ""
        message = f"{problems[0]}{more}"
        raise RefusedError(message, "trust_root")


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield the lines that say something, with their numbers."""
    for number, line in enumerate(text.split("\n"), 1):
        said = line.strip(" \t")
        if said and not said.startswith("#"):
            yield number, said


def _key(line: str, place: str) -> Key:
    if not line.replace("\t", " ").isprintable():
        said = f"{place} holds letters that cannot be seen, such as a carriage return; remove them"
        raise _LineError(said)
    principal, _, rest = line.partition(" ")
    if not _PRINCIPAL.fullmatch(principal):
        said = f"{place} must begin with one principal such as alice@example.org, without patterns"
        raise _LineError(said)
    options: dict[str, str | None] = {}
    rest = rest.strip()
    if not rest.startswith(KEY_TYPES):
        options, rest = _options(rest, place)
    kind, blob, comment = [*rest.split(None, 2), "", "", ""][:3]
    if not _is_key(kind, blob):
        said = f"{place} must have a key type and a key in base64 after the options; correct the line"
        raise _LineError(said)
    names = tuple((options.get("namespaces") or "").split(","))
    if not all(map(_NAMESPACE.fullmatch, names)):
        said = f'{place} must say what the key is for, without patterns: namespaces="{MANIFEST_NAMESPACE}"'
        raise _LineError(said)
    after, before = (_moment(options.get(name), f"{place}: {name}") for name in ("valid-after", "valid-before"))
    if after is not None and before is not None and after >= before:
        said = f"{place} has a key that is valid at no time: valid-before must be later than valid-after"
        raise _LineError(said)
    return Key(principal, kind, blob, names, after, before, comment)


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
        raise _LineError(said)
    return found, text[end:].strip()


def _moment(text: str | None, place: str) -> datetime | None:
    if text is None:
        return None
    found = _MOMENT.fullmatch(text)
    try:
        if found is not None:
            digits = f"{found[1]}{found[2] or '0000'}{found[3] or '00'}"
            moment = datetime.strptime(digits, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
            if moment.year >= _FIRST_YEAR:
                return moment
    except ValueError:
        pass
    said = f"{place} is {text!r}; write a moment in UTC as YYYYMMDDHHMMSSZ"
    raise _LineError(said)


def _is_key(kind: str, blob: str) -> bool:
    """Return whether base64, in its one spelling, is a key of the type that is named beside it."""
    try:
        raw = base64.b64decode(blob, validate=True)
        load_ssh_public_key(f"{kind} {blob}".encode("ascii"))
    except (binascii.Error, ValueError, UnsupportedAlgorithm):
        return False
    return kind in KEY_TYPES and base64.b64encode(raw).decode() == blob
