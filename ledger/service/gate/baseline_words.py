"""Reads the words that name a baseline: files, a ref, a commit, a window of time, the last runs.

Rules:
- ``files`` are those of the working tree, ``files:DIR`` those of another directory; ``ref:origin/main`` those that a
  ref of the repository holds, whatever the working tree says.
- ``last:N`` are the last N successful runs before the candidates; ``commit:ID`` those of a commit;
  ``window:FROM..TO`` those that began from FROM on and before TO, dates or times of ISO 8601.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal, TypeAlias

from ledger.errors import ConfigurationError

Source: TypeAlias = Literal["files", "ref", "last", "commit", "window"]
EXAMPLES: Final = "files, files:DIR, ref:origin/main, last:20, commit:1a2b3c4, window:2026-11-01..2026-11-20"


@dataclass(frozen=True, slots=True)
class BaselineWords:
    """What a baseline is taken from.

    Attributes:
        source: Kind of source.
        name: Directory, ref or commit; empty where none was given.
        last: Number of runs of ``last``; ``None`` for the project's.
        since: Begin of ``window``.
        until: End of ``window``.
    """

    source: Source
    name: str = ""
    last: int | None = None
    since: datetime | None = None
    until: datetime | None = None

    def __str__(self) -> str:
        """Return it as it is written."""
        if self.source == "window" and self.since and self.until:
            return f"window:{self.since.isoformat()}..{self.until.isoformat()}"
        if self.source == "last":
            return "last" if self.last is None else f"last:{self.last}"
        return f"{self.source}:{self.name}" if self.name else self.source


def parse_baseline(words: str) -> BaselineWords:
    """Return what the words name.

    Raises:
        ConfigurationError: They name nothing.
    """
    source, _, rest = words.strip().partition(":")
    if source == "files":
        return BaselineWords("files", rest)
    if source in {"ref", "commit"} and rest:
        return BaselineWords("ref" if source == "ref" else "commit", rest)
    if source == "last" and (not rest or (rest.isdigit() and int(rest) > 0)):
        return BaselineWords("last", last=int(rest) if rest else None)
    if source == "window" and ".." in rest:
        since, _, until = rest.partition("..")
        return _window(words, since, until)
    message = f"{words!r} names no baseline; give one of {EXAMPLES}"
    raise ConfigurationError(message)


def _window(words: str, since: str, until: str) -> BaselineWords:
    try:
        begin, end = (datetime.fromisoformat(text.strip()).astimezone(UTC) for text in (since, until))
    except ValueError as error:
        message = f"{words!r} holds no two dates; give it as window:2026-11-01..2026-11-20"
        raise ConfigurationError(message) from error
    if begin >= end:
        message = f"{words!r} ends before it begins; the second date is the first that is outside"
        raise ConfigurationError(message)
    return BaselineWords("window", since=begin, until=end)
