"""Ranges of rows: which of them to take so that none overlaps, what they leave open, and whether they tile. Pure.

Rules:
- A range is ``(start, stop)`` with 0 <= start < stop, stop excluded.
- Two writers, or two chunk sizes, leave ranges that overlap. Taken is, at each place, the longest range that begins
  there; what reaches into it is left out. So every reader takes the same ranges, whatever order they are found in.
"""

from collections.abc import Iterable, Sequence
from typing import TypeAlias

Range: TypeAlias = tuple[int, int]
"""First row, and the row after the last."""


def taken(ranges: Iterable[Range], rows: int) -> tuple[Range, ...]:
    """Return ranges within ``rows`` rows that do not overlap, ascending.

    Example:
        >>> taken([(5, 10), (0, 5), (0, 3), (8, 12)], 12)
        ((0, 5), (5, 10))
    """
    chosen: list[Range] = []
    place = 0
    for start, stop in sorted(set(ranges), key=lambda one: (one[0], -one[1])):
        if start >= place and stop <= rows:
            chosen.append((start, stop))
            place = stop
    return tuple(chosen)


def gaps(ranges: Iterable[Range], rows: int) -> tuple[Range, ...]:
    """Return what ``taken`` ranges leave open, ascending.

    Example:
        >>> gaps([(0, 5), (8, 10)], 12)
        ((5, 8), (10, 12))
    """
    found: list[Range] = []
    place = 0
    for start, stop in (*taken(ranges, rows), (rows, rows)):
        if start > place:
            found.append((place, start))
        place = max(place, stop)
    return tuple(found)


def is_tiling(ranges: Sequence[Range], rows: int, missing: Sequence[Range] = ()) -> bool:
    """Return whether the ranges, in their order and together with the missing ones, are all rows, each once."""
    place = 0
    for start, stop in sorted((*ranges, *missing)):
        if start != place or stop <= start:
            return False
        place = stop
    return place == rows


def halves(one: Range) -> tuple[Range, ...]:
    """Return the two halves of a range, or the range itself where it is a single row."""
    start, stop = one
    middle = (start + stop) // 2
    return ((start, middle), (middle, stop)) if start < middle else (one,)
