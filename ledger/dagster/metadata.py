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

_SPAN_METRICS: Final = frozenset(
    {
        "duration_s",
        "cpu_s",
        "peak_rss_bytes",
        "start_rss_bytes",
        "peak_increase_bytes",
        "children_peak_rss_bytes",
        "append_s",
        "metering_cpu_s",
        "probe_s",
    }
)
"""What is measured of the step as a whole."""


def as_metadata(values: Mapping[str, float], *, shared: bool = False) -> dict[str, float]:
    """Return metric values as plottable metadata; bytes become MiB, in value and name.

    Args:
        values: Metric name to value in its base unit.
        shared: Whether measurements of the step belong to several assets together.
    """
    metadata = {}
    for name, value in sorted(values.items()):
        prefix = SHARED_PREFIX if shared and name in _SPAN_METRICS else PREFIX
        number = float(value)
        if name.endswith("_bytes"):
            name, number = f"{name.removesuffix('_bytes')}_mib", number / MIB  # noqa: PLW2901 - one name, its new unit
        if math.isfinite(number):
            metadata[prefix + name] = number
    return metadata
