"""Makes any text safe to print: what others named must not move the cursor, colour the line or turn it around."""

import unicodedata
from typing import Final

_HIDDEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode categories without a mark of their own: controls, direction marks, surrogates, separators."""

_ABOVE_OTHERS: Final = frozenset({"Mn", "Me"})
"""Unicode categories of marks that share the cell of the character before them."""


def printable(text: str, limit: int | None = None) -> str:
    """Return the text on one line, every invisible character as its escape, cut to ``limit`` characters."""
    safe = "".join(_shown(character) for character in text[: (limit or len(text)) + 1])
    return safe if limit is None or len(safe) <= limit else safe[: max(limit - 1, 0)] + "…"


def width(text: str) -> int:
    """Return the terminal cells a printable text takes: East Asian wide characters take two, combining ones none."""
    return sum(
        0 if unicodedata.category(character) in _ABOVE_OTHERS else 1 + (unicodedata.east_asian_width(character) in "WF")
        for character in text
    )


def _shown(character: str) -> str:
    """Return the character, or its escape."""
    if unicodedata.category(character) in _HIDDEN:
        return character.encode("unicode_escape").decode("ascii")
    return character
