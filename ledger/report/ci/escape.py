"""Makes foreign text safe to stand in Markdown that GitHub renders, and in a line that a shell is given.

Rules:
- Names and sentences are data. Every ASCII mark of them that could be markup is a character reference, which CommonMark
  (section 2.5) never reads as structure.
- Nothing pings and nothing links: a zero-width space stands where GitHub would find a mention, a reference to an issue,
  an address or an emoji in the text that is left after rendering.
- What cannot be seen is shown as an escape (``ledger.report.text``), and long text is cut.
"""

import re
import shlex
from collections.abc import Sequence
from typing import Final

from ledger.report.text import printable

LONGEST_NAME: Final = 120
LONGEST_TEXT: Final = 400
_GAP: Final = "\u200b"
_TRIGGER: Final = re.compile(r"(?<=[@#!$%&~^:])(?=[\w/+-])|(?<=www)(?=\.)|(?<=\bGH-)(?=\d)", re.IGNORECASE)
_MARK: Final = re.compile(r"""[!"#$&'*<=>?@\[\\\]^`{|}~]|:(?=\S)|^[+.\-]|^\s|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])""")
_NUMBERED: Final = re.compile(r"^(\d+)([.)])(?=\s|$)")
"""What would begin an ordered list (CommonMark, section 5.2)."""


def text(foreign: str, limit: int = LONGEST_TEXT) -> str:
    """Return foreign text as inline Markdown that renders as that text and as nothing else.

    Args:
        foreign: Any text.
        limit: Characters that are shown at most.
    """
    guarded = _TRIGGER.sub(_GAP, printable(foreign, limit))
    marked = _MARK.sub(lambda hit: f"&#{ord(hit[0])};", guarded)
    return _NUMBERED.sub(lambda hit: f"{hit[1]}&#{ord(hit[2])};", marked)


def code(name: str, limit: int = LONGEST_NAME) -> str:
    """Return a name as inline code; HTML rather than backticks, since these cannot hold every text in a table."""
    return f"<code>{text(name, limit)}</code>"


def quoted(word: str) -> str:
    """Return a word as bash takes it, on one line; what cannot be seen is an escape that bash understands."""
    if printable(word) == word:
        return shlex.quote(word)
    return f"$'{''.join(map(_in_ansi_quotes, word))}'"


def _in_ansi_quotes(character: str) -> str:
    if character in "'\\":
        return f"\\{character}"
    return character if printable(character) == character else f"\\U{ord(character):08x}"


def block(lines: Sequence[str]) -> list[str]:
    """Return lines of shell as a fenced block, its fence longer than any run of backticks inside."""
    longest = max((len(run) for line in lines for run in re.findall("`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    return [f"{fence}sh", *lines, fence]
