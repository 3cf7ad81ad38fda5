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


def fitted(text: str, cells: int) -> str:
    """Return a printable text cut to so many terminal cells, with an ellipsis where something is left out."""
    if width(text) <= cells:
        return text
    kept = ""
    for character in text:
        if width(kept + character) > cells - 1:
            break
        kept += character
    return kept + "…" if cells > 0 else ""


def wrapped(text: str, cells: int, most_lines: int) -> list[str]:
    """Return a printable text on at most so many lines of so many terminal cells; what is too long is cut.

    Args:
        text: Without line breaks.
        cells: Cells of a line, at least 1.
        most_lines: At least 1.
    """
    lines = [""]
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}" if lines[-1] else word
        if width(longer) <= cells or len(lines) == most_lines or not lines[-1]:
            lines[-1] = longer
        else:
            lines.append(word)
    return [fitted(line, cells) for line in lines]


def _shown(character: str) -> str:
    """Return the character, or its escape."""
    if unicodedata.category(character) in _HIDDEN:
        return character.encode("unicode_escape").decode("ascii")
    return character
