"""The figures of a span as Dagster metadata.

Rules:
- Only floats, so that Dagster's UI plots them: seconds, MiB, ratios. GraphQL turns NaN and large integers into null.
- A step that makes several assets took its time once; each asset says it as the *shared* span's.
- What the asset itself attached under the same key wins.
"""

import math
from collections.abc import Mapping
from typing import Final

from ledger.units import MIB

PREFIX: Final = "ledger/"
SHARED_PREFIX: Final = "ledger/shared_span_"


def as_metadata(values: Mapping[str, float], *, shared: bool = False) -> dict[str, float]:
    """Return metric values as plottable metadata; bytes become MiB, in value and name.

    Args:
        values: Metric name to value in its base unit.
        shared: Whether the values belong to several assets together.
    """
    prefix = SHARED_PREFIX if shared else PREFIX
    metadata = {}
    for name, value in sorted(values.items()):
        number = float(value)
        if name.endswith("_bytes"):
            name, number = f"{name.removesuffix('_bytes')}_mib", number / MIB  # noqa: PLW2901 - one name, its new unit
        if math.isfinite(number):
            metadata[prefix + name] = number
    return metadata
