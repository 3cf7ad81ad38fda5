"""Estimates how long the rest takes, from how long the rows so far took. Pure.

Rules:
- Seconds per row are smoothed exponentially (Brown 1956) with a weight of 0.3 for the newest chunk. A chunk of twice
  the usual rows weighs as much as two: the small ones at the start of a run say less of what comes.
- A chunk of half as many rows again as any before says all by itself: while chunks grow, what each takes whatever its
  rows, and what the first ones prepare, makes the rows of the small ones look slow.
- A stall, or one chunk that is slow for a reason of its own, is clipped at three times the median of the last seven, so
  that it does not move the estimate for long. A chunk so slow that it stays slow does.
"""

import math
import statistics
from collections import deque
from typing import Final

WEIGHT: Final = 0.3
CLIPPED_AT: Final = 3.0
REMEMBERED: Final = 7
GROWN: Final = 1.5


class RateEstimator:
    """Seconds per row, as it changes."""

    def __init__(self) -> None:
        """Begin without any figure."""
        self._recent: Final[deque[float]] = deque(maxlen=REMEMBERED)
        self._rows: Final[deque[int]] = deque(maxlen=REMEMBERED)
        self._most_rows: int = 0
        self._smoothed_s: float | None = None

    def observe(self, rows: int, wall_s: float) -> None:
        """Take note of ``rows`` more rows that took ``wall_s`` seconds of the run; nothing is learnt from no rows."""
        if rows <= 0 or wall_s < 0.0 or not math.isfinite(wall_s):
            return
        per_row_s = wall_s / rows
        self._recent.append(per_row_s)
        self._rows.append(rows)
        clipped = min(per_row_s, CLIPPED_AT * statistics.median(self._recent))
        weight = 1.0 - (1.0 - WEIGHT) ** (rows / statistics.median(self._rows))
        if rows >= GROWN * self._most_rows:
            weight = 1.0
        self._most_rows = max(self._most_rows, rows)
        before = self._smoothed_s
        self._smoothed_s = clipped if before is None else before + weight * (clipped - before)

    def eta_s(self, rows_left: int) -> float | None:
        """Return the seconds that ``rows_left`` rows will take, ``None`` before the first figure."""
        return None if self._smoothed_s is None else self._smoothed_s * max(rows_left, 0)
