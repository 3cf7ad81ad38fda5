"""A history of one metric as numbers: what may be asked of it, and the scale on which it is looked at.

Rules:
- Values are in run order, one per run. NaN and infinities are refused, not dropped: a run without a value has no
  place in the series, and a value that is no number is a mistake of whoever measured it.
- Where every value is positive the scale is the natural logarithm, so that a change is a ratio. One zero or negative
  value moves the whole series to its own unit, where changes are measured against the median size of the values.
- The input is left untouched.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ledger.errors import ConfigurationError

FloatArray = NDArray[np.float64]
Values = Sequence[float] | ArrayLike

# Runs that are told apart by less than this share are the same to anyone: it keeps deterministic counts, whose noise
# is zero, from being divided by zero, and is a tenth of the smallest change that is reported.
NOISE_FLOOR: Final = 0.001


class UnusableSeriesError(ConfigurationError, ValueError):
    """A series holds something that cannot be judged: NaN, an infinity, or more than one dimension (exit code 2)."""


@dataclass(frozen=True, slots=True)
class Scaled:
    """A series on the scale on which it is looked at.

    Attributes:
        levels: Shape (n,), natural logarithms or values divided by ``unit``.
        unit: What one step of ``levels`` stands for; ``None`` where levels are logarithms.
    """

    levels: FloatArray
    unit: float | None

    @property
    def is_log(self) -> bool:
        """Whether a difference of levels is the logarithm of a ratio."""
        return self.unit is None


def as_series(values: Values, *, name: str = "values") -> FloatArray:
    """Return ``values`` as a 1-D float64 array of finite numbers, a copy.

    Raises:
        UnusableSeriesError: The shape is not 1-D, or a value is NaN or infinite; the message names the first one.
    """
    series = np.array(values, dtype=np.float64)
    if series.ndim != 1:
        message = f"{name} have {series.ndim} dimensions; give one value per run, in run order"
        raise UnusableSeriesError(message)
    finite = np.isfinite(series)
    if not finite.all():
        at = int(np.argmin(finite))
        message = f"{name}[{at}] is {series[at]}; leave runs without a value out of the series"
        raise UnusableSeriesError(message)
    return series


def scaled(series: FloatArray) -> Scaled:
    """Return ``series`` (n >= 1, finite) as logarithms where all are positive, else in units of its median size."""
    if bool((series > 0).all()):
        return Scaled(np.log(series), None)
    sizes = np.abs(series[series != 0])
    unit = float(np.median(sizes)) if sizes.size else 1.0
    return Scaled(series / unit, unit)


def seeded(series: FloatArray) -> np.random.Generator:
    """Return a generator whose seed is a hash of the values, so that the same history gives the same numbers."""
    digest = hashlib.sha256(np.ascontiguousarray(series, dtype="<f8").tobytes()).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest[:16], "big")))
