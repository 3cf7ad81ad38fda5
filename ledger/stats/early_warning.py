"""A change that is only a few runs old: told at once, as provisional, and confirmed or withdrawn by later runs.

Rules:
- The last 3, 5 and 8 values are held against up to 50 before them, within the current regime.
- The median shift has to be at least 3 %, three median absolute deviations over the square root of the number of new
  values, and 1.5 times the furthest that the median of as many neighbours wandered within the reference.
- Every new value lies at least half of the shift away from the reference: one spike is no change.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from ledger.stats.series import FloatArray

NEW_VALUES: Final = (3, 5, 8)
LONGEST_REFERENCE: Final = 50
SHORTEST_REFERENCE: Final = 8
SMALLEST_SHIFT: Final = 0.03
SHIFT_IN_MADS: Final = 3.0
WANDERS: Final = 1.5


@dataclass(frozen=True, slots=True)
class Warned:
    """A change that the last values show.

    Attributes:
        index: First of the new values.
        start: First value of the reference.
        shift: Median of the new values minus that of the reference, in levels.
    """

    index: int
    start: int
    shift: float


def early_warning(levels: FloatArray, regime_start: int = 0) -> Warned | None:
    """Return the change that the last values of ``levels`` show, or ``None``.

    Args:
        levels: Shape (n,), logarithms or units of the series, spikes included.
        regime_start: First index of the current regime; nothing before it is looked at.
    """
    n = levels.size
    for count in NEW_VALUES:
        index = n - count
        start = max(regime_start, index - LONGEST_REFERENCE)
        if index - start >= SHORTEST_REFERENCE:
            shift = _shift(levels[start:index], levels[index:])
            if shift is not None:
                return Warned(index, start, shift)
    return None


def _shift(reference: FloatArray, new: FloatArray) -> float | None:
    """Return by how much the new values lie beside the reference, or ``None`` where that could be noise."""
    middle = float(np.median(reference))
    shift = float(np.median(new)) - middle
    mad = float(np.median(np.abs(reference - middle)))
    neighbours = np.median(np.lib.stride_tricks.sliding_window_view(reference, new.size), axis=1)
    wander = float(np.abs(neighbours - middle).max())
    needed = max(SMALLEST_SHIFT, SHIFT_IN_MADS * mad / np.sqrt(new.size), WANDERS * wander)
    far = (new - middle) * np.sign(shift) >= 0.5 * abs(shift)
    return shift if abs(shift) >= needed and bool(far.all()) else None
