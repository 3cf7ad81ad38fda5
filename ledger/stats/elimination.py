"""Which cuts of a history are worth telling: backward elimination, weakest first.

Rules:
- A cut is judged by up to 30 values on either side, within its own two pieces: what lies further back is another time.
- It has to show both a shift of the medians (1 %, and 1.5 median absolute deviations) and a separation: the share of
  pairs, one value from each side, that are ordered as the medians are (Mann and Whitney 1947; the effect size of
  McGraw and Wong 1992).
- Removing a cut joins two pieces, so its neighbours are judged anew, on more values.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from ledger.stats.noise import median
from ledger.stats.series import FloatArray

WINDOW: Final = 30
SMALLEST_SHIFT: Final = 0.01
SHIFT_IN_MADS: Final = 1.5
LEAST_SEPARATION: Final = 0.85


@dataclass(frozen=True, slots=True)
class Contrast:
    """The values on both sides of a cut, and how they differ.

    Attributes:
        cut: Index of the first value after the cut.
        start: Index of the first value that was looked at.
        end: Index after the last value that was looked at.
        shift: Median after minus median before, in levels.
        mad: Median absolute deviation of each value from the median of its own side, in levels.
        separation: Share of ordered pairs, ties counted half, in [0.5, 1].
    """

    cut: int
    start: int
    end: int
    shift: float
    mad: float
    separation: float

    @property
    def holds(self) -> bool:
        """Whether the cut is worth telling."""
        needed = max(SMALLEST_SHIFT, SHIFT_IN_MADS * self.mad)
        return abs(self.shift) >= needed and self.separation >= LEAST_SEPARATION

    @property
    def strength(self) -> tuple[float, float, int]:
        """What the weakest cut is least in."""
        return (self.separation, abs(self.shift), self.cut)


def contrast(levels: FloatArray, before: int, cut: int, after: int) -> Contrast:
    """Return how the piece [before, cut) differs from [cut, after), looking no further than 30 values."""
    start, end = max(before, cut - WINDOW), min(after, cut + WINDOW)
    left, right = levels[start:cut], levels[cut:end]
    left_median, right_median = median(left), median(right)
    spread = np.abs(np.concatenate((left - left_median, right - right_median)))
    wins = right[:, None] - left[None, :]
    share = (float(np.count_nonzero(wins > 0)) + 0.5 * float(np.count_nonzero(wins == 0))) / wins.size
    return Contrast(
        cut=cut,
        start=start,
        end=end,
        shift=right_median - left_median,
        mad=median(spread),
        separation=max(share, 1.0 - share),
    )


def surviving(levels: FloatArray, cuts: tuple[int, ...]) -> tuple[Contrast, ...]:
    """Return the contrasts of the cuts that hold, ascending.

    Args:
        levels: Shape (n,), finite, logarithms or units of the series, spikes included.
        cuts: First indices of the pieces but the first, ascending, each in (0, n).
    """
    bounds = [0, *cuts, levels.size]
    found = [contrast(levels, *bounds[at - 1 : at + 2]) for at in range(1, len(bounds) - 1)]
    while True:
        weak = [each for each in found if not each.holds]
        if not weak:
            return tuple(found)
        at = found.index(min(weak, key=lambda each: each.strength))
        del found[at]
        del bounds[at + 1]
        for near in (at - 1, at):
            if 0 <= near < len(found):
                found[near] = contrast(levels, *bounds[near : near + 3])
