"""How many rows the next chunk has, so that its peak of memory stays below the limit. Pure.

Rules:
- The first chunk is small, an eighth of what was asked for, and the next may have twice as many: how much a row takes
  is not known before (slow start, as in TCP: Jacobson 1988).
- A chunk is predicted to take what the process holds without it, plus as much a row as chunks took at most. What each
  one takes whatever its rows makes the rows of small ones look dear, so once larger ones have shown to fit, theirs
  count. The rows predicted to reach 80 % of the limit are the most that is tried; where the process comes near that
  without any rows, those that are predicted to take half of what is left to 95 %.
- Between 80 % and 95 % rows are taken away as long as each time lowers the peak by a twentieth.
- A peak from 95 % of the limit on halves the rows at least.
- A process that was killed while it worked at a chunk leaves an intent; what it tried is halved, and stays the most
  that is ever tried again.
- Where two halvings in a row lower the peak by less than a twentieth, rows are not what takes the memory: shrinking
  stops, chunks get their rows back, and the strategy is switched, once, to one in which the engine limits itself and
  spills. If that does not help either, chunks are as large as the last that still helped, and stay so: smaller ones
  would cost time and save nothing. That chunks in between fit says nothing: perhaps they did not meet what takes it.
"""

from dataclasses import dataclass
from typing import Final, Literal

Change = Literal["grown", "shrunk", "strategy_switched", "halved_after_death"]

WARNED_AT: Final = 0.80
CRITICAL_AT: Final = 0.95
_SLOW_START: Final = 8
_GROWTH: Final = 2
_HELPED: Final = 0.95
_PATIENCE: Final = 2
_CALM_AFTER: Final = 32
"""Chunks in a row that fit, after which what did not is of the past."""

_NOTABLE: Final = 8
"""A change by less than this part of the rows is not worth one."""


@dataclass(frozen=True, slots=True)
class Adaptation:
    """One change of how the work is done.

    Attributes:
        change: What changed.
        rows_before: Rows of a chunk so far.
        rows_after: Rows of the next one.
        peak_bytes: Peak that was observed, anonymous memory of the process; ``None`` after a death.
        limit_bytes: What it must stay below, ``None`` without a limit.
        reason: One sentence.
    """

    change: Change
    rows_before: int
    rows_after: int
    peak_bytes: int | None
    limit_bytes: int | None
    reason: str


@dataclass(slots=True)
class _Taken:
    """The most that chunks of one order of magnitude took: of each, and of a row."""

    bytes: float = 0.0
    per_row_bytes: float = 0.0


class Sizer:
    """Decides the rows of chunks, one after the other."""

    def __init__(self, rows: int, limit_bytes: int | None, *, smallest_rows: int = 1) -> None:
        """Begin with a small chunk where there is a limit, with what was asked for where there is none.

        Args:
            rows: Most rows of a chunk: the configured chunk size, >= 1.
            limit_bytes: Anonymous memory that the process must stay below.
            smallest_rows: Fewest rows of a chunk, >= 1.
        """
        self._most: int = rows
        self._limit_bytes: Final = limit_bytes
        self._smallest: Final = min(smallest_rows, rows)
        self.rows: int = rows if limit_bytes is None else self._within(rows // _SLOW_START)
        self.is_tight: bool = False
        self._taken: dict[int, _Taken] = {}
        self._unhelpful: int = 0
        self._shrunk_from_bytes: int | None = None
        self._critical_rows: int = 0
        self._helped_rows: int = 0
        self._calm: int = 0
        self._is_settled: bool = False
        self._eased_from_bytes: int | None = None
        self._rows_before_shrinking: int = 0

    def died_at(self, rows: int) -> Adaptation | None:
        """Halve what is tried, since a process died at ``rows`` rows; return ``None`` where that changes nothing."""
        most = max(self._smallest, min(self._most, rows // 2))
        if most >= self._most:
            return None
        before, self._most = self.rows, most
        self.rows = min(self.rows, most)
        reason = f"a process died while it worked at {rows} rows; at most {most} are tried from now on"
        return Adaptation("halved_after_death", before, self.rows, None, self._limit_bytes, reason)

    def observe(self, rows: int, base_bytes: int, peak_bytes: int) -> Adaptation | None:
        """Take note of a chunk; return what changes for the next one, ``None`` where nothing does.

        Args:
            rows: Rows of the chunk.
            base_bytes: Anonymous memory of the process before it.
            peak_bytes: Highest anonymous memory during it.
        """
        if self._limit_bytes is None or rows <= 0 or self._is_settled:
            return None
        taken = self._taken.setdefault(rows.bit_length(), _Taken())
        taken.bytes = max(taken.bytes, peak_bytes - base_bytes)
        taken.per_row_bytes = max(taken.per_row_bytes, (peak_bytes - base_bytes) / rows)
        before = self.rows
        if peak_bytes >= CRITICAL_AT * self._limit_bytes:
            return self._shrink(before, rows, base_bytes, peak_bytes)
        self._calm += 1
        if rows >= self._critical_rows or self._calm >= _CALM_AFTER:
            self._unhelpful, self._shrunk_from_bytes = 0, None
        wanted = self._within(min(_GROWTH * max(rows, before), self._fitting(base_bytes)))
        if abs(wanted - before) * _NOTABLE < before:
            return None
        if wanted < before and self._eased_from_bytes is not None and peak_bytes >= _HELPED * self._eased_from_bytes:
            return None
        self._eased_from_bytes = peak_bytes if wanted < before else None
        self.rows = wanted
        share = peak_bytes / self._limit_bytes
        change: Change = "grown" if wanted > before else "shrunk"
        return Adaptation(
            change, before, wanted, peak_bytes, self._limit_bytes, f"the peak was {share:.0%} of the limit"
        )

    def _shrink(self, before: int, rows: int, base_bytes: int, peak_bytes: int) -> Adaptation | None:
        """Answer a peak that comes near the limit, or is above it."""
        share = peak_bytes / self._limit_bytes if self._limit_bytes else 0.0
        is_first = self._shrunk_from_bytes is None
        helped = self._shrunk_from_bytes is None or peak_bytes < _HELPED * self._shrunk_from_bytes
        self._unhelpful = 0 if helped else self._unhelpful + 1
        self._critical_rows, self._calm = rows, 0
        if helped:
            self._helped_rows = rows
        if self._unhelpful >= _PATIENCE or rows <= self._smallest:
            if not self.is_tight:
                return self._switch(before, peak_bytes, share)
            return self._settle(before, peak_bytes, share)
        wanted = self._within(min(rows // _GROWTH, self._fitting(base_bytes)))
        if wanted >= before:
            return None
        if is_first:
            self._rows_before_shrinking = before
        self.rows, self._shrunk_from_bytes = wanted, peak_bytes
        reason = f"the peak was {share:.0%} of the limit"
        return Adaptation("shrunk", before, wanted, peak_bytes, self._limit_bytes, reason)

    def _settle(self, before: int, peak_bytes: int, share: float) -> Adaptation | None:
        """Stop changing for good: neither fewer rows nor an engine that limits itself lower the peak any further."""
        self._is_settled = True
        self.rows = max(before, self._within(self._helped_rows))
        if self.rows == before:
            return None
        reason = f"the peak was {share:.0%} of the limit, and neither fewer rows nor a limited engine lower it"
        return Adaptation("grown", before, self.rows, peak_bytes, self._limit_bytes, reason)

    def _switch(self, before: int, peak_bytes: int, share: float) -> Adaptation:
        """Give chunks their rows back, and ask for the other strategy."""
        self.is_tight, self._unhelpful, self._shrunk_from_bytes, self._critical_rows = True, 0, None, 0
        self._taken.clear()
        self.rows = self._within(max(before, self._rows_before_shrinking))
        reason = f"the peak was {share:.0%} of the limit, and fewer rows did not lower it: the engine limits itself now"
        return Adaptation("strategy_switched", before, self.rows, peak_bytes, self._limit_bytes, reason)

    def _fitting(self, base_bytes: int) -> int:
        """Return the rows that are predicted to leave the limit some room."""
        if self._limit_bytes is None:
            return self._most
        if base_bytes >= CRITICAL_AT * self._limit_bytes:
            return self._most  # No number of rows is predicted to fit.
        room = max(WARNED_AT * self._limit_bytes - base_bytes, (CRITICAL_AT * self._limit_bytes - base_bytes) / 2.0)
        # From chunks that fit, larger ones are told from above; from one that does not, smaller ones by its share.
        # Where larger ones fit after all, it was filling what is held since.
        known = {order: taken for order, taken in self._taken.items() if taken.per_row_bytes > 0.0}
        fitting = {order: room / taken.per_row_bytes for order, taken in known.items() if taken.bytes <= room}
        largest = max(fitting, default=0)
        others = [
            room / taken.per_row_bytes for order, taken in known.items() if order > largest and order not in fitting
        ]
        return int(min([max(fitting.values(), default=self._most), *others]))

    def _within(self, rows: int) -> int:
        return max(self._smallest, min(rows, self._most))
