"""A change that is only a few runs old: told at once, as provisional, and confirmed or withdrawn by later runs.

Rules:
- The last 3, 6 and 10 values are held against up to 50 before them, within the current regime, shortest first.
- Outliers count for no more than they must: the reference is clipped at three robust sigmas of its median, the new
  values at two of theirs.
- The means have to differ by at least 3 % and by about four standard errors. The error knows the memory of the noise,
  taken from the reference itself, less what chance alone would show there.
- Every new value lies well on the changed side, so one spike is no change.
- How far the factors hold is measured in ``tests/benchmarks/stats/history.py``, on other seeds than they were tuned on.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from ledger.stats.noise import NORMAL_MAD, SPIKE_SIGMAS, mad, median
from ledger.stats.series import NOISE_FLOOR, FloatArray

LONGEST_REFERENCE: Final = 50
SHORTEST_REFERENCE: Final = 10
SMALLEST_SHIFT: Final = 0.03
NEW_VALUES_SIGMAS: Final = 2.0
# Tuned together for 3 % false alarms within 30 clean values, over six kinds of noise.
CHANCE_MEMORY: Final = 0.4


@dataclass(frozen=True, slots=True)
class Look:
    """One number of new values that is looked at.

    Attributes:
        values: How many of the last values are new.
        errors: Standard errors that the shift has to reach.
        least: Share of the shift that the new value nearest to the reference has to reach.
    """

    values: int
    errors: float
    least: float


LOOKS: Final = (Look(3, 4.2, 0.4), Look(6, 4.3, 0.2), Look(10, 3.7, 0.2))


@dataclass(frozen=True, slots=True)
class Warned:
    """A change that the last values show.

    Attributes:
        index: First of the new values.
        start: First value of the reference.
        shift: Mean of the new values minus that of the reference, in levels.
    """

    index: int
    start: int
    shift: float


def early_warning(levels: FloatArray, regime_start: int = 0) -> Warned | None:
    """Return the change that the last values of ``levels`` show, or ``None``.

    Args:
        levels: Shape (n,), finite, logarithms or units of the series, spikes included.
        regime_start: First index of the current regime; nothing before it is looked at.
    """
    for look in LOOKS:
        index = levels.size - look.values
        start = max(regime_start, index - LONGEST_REFERENCE)
        if index - start >= SHORTEST_REFERENCE:
            shift = _shift(levels[start:index], levels[index:], look)
            if shift is not None:
                return Warned(index, start, shift)
    return None


def _shift(reference: FloatArray, new: FloatArray, look: Look) -> float | None:
    """Return by how much the new values lie beside the reference, or ``None`` where that could be noise."""
    middle = median(reference)
    sigma = max(NORMAL_MAD * mad(reference, middle), NOISE_FLOOR)
    calm = np.clip(reference, middle - SPIKE_SIGMAS * sigma, middle + SPIKE_SIGMAS * sigma)
    mean, new_middle = float(calm.mean()), median(new)
    limit = NEW_VALUES_SIGMAS * sigma
    shift = float(np.clip(new, new_middle - limit, new_middle + limit).mean()) - mean
    spread = max(float(calm.std(ddof=1)), NOISE_FLOOR)
    if abs(shift) < max(SMALLEST_SHIFT, look.errors * _error(calm - mean, spread, new.size)):
        return None
    nearest = float(((new - mean) * math.copysign(1.0, shift)).min())
    return shift if nearest >= look.least * abs(shift) else None


def _error(residuals: FloatArray, spread: float, new_values: int) -> float:
    """Return the standard error of the difference of the two means under AR(1) noise.

    The mean of k values has 1 + 2 sum (1 - j/k) phi^j times the variance that independent ones have (Bayley and
    Hammersley 1946); phi is the lag-1 correlation of the reference, its bias (1 + 3 phi) / m added back and 0.4
    standard errors of white noise, 1 / sqrt(m) each, taken off.
    """
    m = residuals.size
    power = float((residuals * residuals).sum())
    phi = float((residuals[1:] * residuals[:-1]).sum()) / power if power > 0.0 else 0.0
    phi = min(max(phi + (1.0 + 3.0 * max(phi, 0.0)) / m - CHANCE_MEMORY / math.sqrt(m), 0.0), 0.9)
    lags = np.arange(1, new_values)
    inflation = 1.0 + 2.0 * float(((1.0 - lags / new_values) * phi**lags).sum())
    return spread * math.sqrt(inflation / new_values + (1.0 + phi) / (1.0 - phi) / m)
