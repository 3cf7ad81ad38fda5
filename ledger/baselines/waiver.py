"""A waiver: the permission of one person to let named changes of baselines give up what they give up, for a while.

Rules:
- It is plain text that people read and ``ssh-keygen -Y verify`` takes: a line per fact, a paragraph per change, and the
  signature after it. Values are JSON texts in ASCII, so that nothing in a name can look like another line.
- It names the digest of what was there and of what is there: it is good for that one change and for no other.
- It has one spelling. What can be read otherwise is refused.
- Whether the signature is one, and whose, is not decided here.
"""

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from ledger.baselines.changing import Subject
from ledger.baselines.errors import BaselineFormatError
from ledger.baselines.located import as_text, failure
from ledger.baselines.names import escaped
from ledger.errors import ConfigurationError

HEADER: Final = "dagster-ledger baseline waiver v1"
DIRECTORY: Final = "waivers"
SUFFIX: Final = ".waiver"
LARGEST_BYTES: Final = 1_000_000
_BEGIN: Final = "-----BEGIN SSH SIGNATURE-----"
_MOMENT: Final = "%Y-%m-%dT%H:%M:%SZ"
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_NONE: Final = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class WaivedChange:
    """One change that is allowed.

    Attributes:
        subject: Profile, asset, partition and metric.
        was: Digest (SHA-256, hex) of what was there.
        becomes: Digest of what is there, ``None`` where nothing is.
        allows: What may be given up, in the words of ``loosenings``.
    """

    subject: Subject
    was: str
    becomes: str | None
    allows: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiver:
    """What a person allows.

    Attributes:
        signer: Principal of the person.
        expires: Moment from which it counts no more, whole seconds.
        reason: Why, one sentence.
        changes: What is allowed.
    """

    signer: str
    expires: datetime
    reason: str
    changes: tuple[WaivedChange, ...]


@dataclass(frozen=True, slots=True)
class SignedWaiver:
    """A waiver as its file has it.

    Attributes:
        where: Name of the file, for messages.
        text: What was signed.
        signature: The armoured signature.
        waiver: What the text says.
        is_new: Whether it came with the changes that are judged; an older one that is for others says nothing of them.
    """

    where: str
    text: bytes
    signature: str
    waiver: Waiver
    is_new: bool = True


def text_of(waiver: Waiver) -> str:
    """Return the text that is signed.

    Raises:
        ConfigurationError: It names no change.
    """
    if not waiver.changes:
        message = "a waiver names at least one change"
        raise ConfigurationError(message)
    lines = [
        HEADER,
        f"signer: {_quoted(waiver.signer)}",
        f"expires: {waiver.expires.astimezone(UTC):{_MOMENT}}",
        f"reason: {_quoted(waiver.reason)}",
    ]
    for one in waiver.changes:
        profile, asset, partition, metric = one.subject
        lines += [
            "",
            f"profile: {_quoted(profile)}",
            f"asset: {_quoted(asset)}",
            f"partition: {_quoted(partition)}",
            f"metric: {_quoted(metric)}",
            f"was: {one.was}",
            f"is: {one.becomes or _NONE}",
            *(f"allows: {_quoted(what)}" for what in one.allows),
        ]
    return "\n".join(lines) + "\n"


def file_name(waiver: Waiver) -> str:
    """Return where a waiver lies below the directory of baselines: by the first change that it names."""
    first = waiver.changes[0]
    profile, asset, _, metric = first.subject
    name = "__".join(escaped(part) for part in asset.split("/"))
    digest = (first.becomes or first.was)[:12]
    return f"{DIRECTORY}/{escaped(profile or 'settings')}/{name}.{escaped(metric)}.{digest}{SUFFIX}"


def read_waiver(data: bytes, where: str) -> SignedWaiver:
    """Return the waiver that a file holds.

    Args:
        data: The file's content.
        where: Name of the file, for messages.

    Raises:
        BaselineFormatError: It is no waiver, or spelled otherwise than one is.
    """
    if len(data) > LARGEST_BYTES:
        raise failure(where, 1, "the file is larger than any waiver; remove it")
    text, begin, rest = as_text(data, where).partition(_BEGIN)
    if not begin:
        raise failure(where, text.count("\n") + 1, "there is no SSH signature; sign it with `baseline waive`")
    waiver = _Lines(text, where).waiver()
    if text_of(waiver) != text:
        raise failure(where, 1, "the waiver is not spelled as it is written; make it anew with `baseline waive`")
    return SignedWaiver(where, text.encode(), begin + rest, waiver)


class _Lines:
    """Reads a waiver line by line."""

    def __init__(self, text: str, where: str) -> None:
        self._lines: Final = text.removesuffix("\n").split("\n")
        self._where: Final = where
        self._next = 0

    def waiver(self) -> Waiver:
        """Return what the lines say."""
        if self._lines[0] != HEADER:
            raise self._fail(0, f"the file does not begin with {HEADER!r}; install the version that wrote it")
        self._next = 1
        signer, expires = self._text("signer"), self._moment("expires")
        reason = self._text("reason")
        found = []
        while self._next < len(self._lines):
            if self._lines[self._next]:
                raise self._fail(0, "an empty line is missing before the next change")
            self._next += 1
            found.append(self._change())
        if not found:
            raise self._fail(0, "it names no change")
        return Waiver(signer=signer, expires=expires, reason=reason, changes=tuple(found))

    def _change(self) -> WaivedChange:
        profile, asset = self._json("profile"), self._text("asset")
        partition, metric = self._json("partition"), self._text("metric")
        was, becomes = self._digest("was"), self._word("is")
        if becomes != _NONE and not _DIGEST.fullmatch(becomes):
            raise self._fail(-1, "`is` is neither a digest nor none")
        allows = []
        while self._next < len(self._lines) and self._lines[self._next].startswith("allows: "):
            allows.append(self._text("allows"))
        subject = (profile or "", asset, partition, metric)
        return WaivedChange(
            subject=subject, was=was, becomes=None if becomes == _NONE else becomes, allows=tuple(allows)
        )

    def _word(self, name: str) -> str:
        """Return what follows a name on the next line."""
        line = self._lines[self._next] if self._next < len(self._lines) else ""
        if not line.startswith(f"{name}: "):
            raise self._fail(0, f"{name!r} is missing")
        self._next += 1
        return line.removeprefix(f"{name}: ")

    def _json(self, name: str) -> str | None:
        try:
            found = json.loads(self._word(name))
        except (ValueError, RecursionError) as error:
            raise self._fail(-1, f"{name!r} is no text in quotes") from error
        if found is not None and not isinstance(found, str):
            raise self._fail(-1, f"{name!r} is no text in quotes")
        return found

    def _text(self, name: str) -> str:
        found = self._json(name)
        if not found:
            raise self._fail(-1, f"{name!r} is empty")
        return found

    def _digest(self, name: str) -> str:
        found = self._word(name)
        if not _DIGEST.fullmatch(found):
            raise self._fail(-1, f"{name!r} is no digest")
        return found

    def _moment(self, name: str) -> datetime:
        try:
            return datetime.strptime(self._word(name), _MOMENT).replace(tzinfo=UTC)
        except ValueError as error:
            raise self._fail(-1, f"{name!r} is no moment such as 2027-01-31T12:00:00Z") from error

    def _fail(self, line: int, said: str) -> BaselineFormatError:
        return failure(self._where, self._next + 1 + line, f"{said}; make the waiver anew with `baseline waive`")


def _quoted(text: str | None) -> str:
    return json.dumps(text)
