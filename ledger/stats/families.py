"""Change points of many series at once: the more are looked at, the more noise has to be told from change.

Rules:
- Every series pays for its own search; across series the false discovery rate is held (Benjamini and Hochberg 1995).
- A series speaks once, with its least likely point; where that falls, all of its confirmed points fall. A point that
  stays is told with what its own series said.
- Provisional points are warnings, not discoveries: they are not counted and not removed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

import numpy as np

from ledger.stats.changes import ChangePoint, change_points
from ledger.stats.series import FloatArray, Values

Key = TypeVar("Key")

FALSE_DISCOVERY_RATE: Final = 0.05


@dataclass(frozen=True, slots=True)
class FamilyHistory:
    """The change points of one series as a member of a family.

    Attributes:
        points: Change points, ascending by index.
        adjusted_p: Smallest false discovery rate at which the series has a change, in (0, 1]; 1.0 for none.
    """

    points: tuple[ChangePoint, ...]
    adjusted_p: float


def change_points_of_family(
    family: Mapping[Key, Values], false_discovery_rate: float = FALSE_DISCOVERY_RATE
) -> dict[Key, FamilyHistory]:
    """Return the change points of each series, in the order of ``family``, told as a family.

    Args:
        family: Values of each series in run order. Left untouched.
        false_discovery_rate: Share of series with points that may have none, in (0, 1).

    Raises:
        UnusableSeriesError: A value of any series is NaN or infinite.
    """
    found = {key: change_points(values) for key, values in family.items()}
    confirmed = [[point.p_value for point in points if not point.provisional] for points in found.values()]
    adjusted = adjusted_p_values(np.array([min(each, default=1.0) for each in confirmed], dtype=np.float64))
    return {
        key: FamilyHistory(tuple(point for point in points if point.provisional or p <= false_discovery_rate), float(p))
        for (key, points), p in zip(found.items(), adjusted, strict=True)
    }


def adjusted_p_values(p_values: FloatArray) -> FloatArray:
    """Return Benjamini and Hochberg's adjusted p-values, shape (m,), of p-values in (0, 1]; m may be 0."""
    m = p_values.size
    order = np.argsort(p_values, kind="stable")[::-1]
    scaled_up = p_values[order] * m / np.arange(m, 0, -1)
    adjusted = np.empty(m)
    adjusted[order] = np.minimum(np.minimum.accumulate(scaled_up), 1.0)
    return adjusted
