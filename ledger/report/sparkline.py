"""A series as one line of text: eight heights of blocks, or of ASCII marks where the output has no blocks."""

import math
import statistics
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

BLOCKS: Final = "▁▂▃▄▅▆▇█"
ASCII: Final = "_.,-~=+#"
GAP: Final = "?"
"""Stands for a value that is no number."""


def sparkline(values: Sequence[float], width: int = 40, marks: str = BLOCKS) -> str:
    """Return the values from the lowest to the highest mark, neighbours joined by their median where there are many.

    Args:
        values: In order; may be empty. NaN and infinities are drawn as ``?``.
        width: Most cells, >= 1.
        marks: From the lowest to the highest.
    """
    cells = [_middle(part) for part in _parts(values, width)]
    finite = [cell for cell in cells if cell is not None]
    if not finite:
        return GAP * len(cells)
    low, high = min(finite), max(finite)
    return "".join(GAP if cell is None else marks[_height(cell, low, high, len(marks))] for cell in cells)


def marks_for(encoding: str | None) -> str:
    """Return the marks that an output of this encoding can show."""
    try:
        BLOCKS.encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return ASCII
    return BLOCKS


def _parts(values: Sequence[float], width: int) -> list[Sequence[float]]:
    """Return the values in at most ``width`` parts of nearly the same length."""
    count = min(width, len(values))
    edges = [len(values) * number // count for number in range(count + 1)] if count else []
    return [values[start:stop] for start, stop in pairwise(edges)]


def _middle(part: Sequence[float]) -> float | None:
    return statistics.median(part) if all(math.isfinite(value) for value in part) else None


def _height(value: float, low: float, high: float, heights: int) -> int:
    """Return which mark a value gets; the middle one where nothing varies."""
    if high <= low:
        return heights // 2 - 1
    # Halved first: the difference of two large numbers need not be one.
    share = (value / 2 - low / 2) / (high / 2 - low / 2)
    return min(int(share * heights), heights - 1)
