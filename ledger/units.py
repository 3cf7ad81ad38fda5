"""Unit names a metric may carry, and how a number of each is written for people.

Rules:
- A stored number is always in its base unit (seconds, bytes, rows); scaling happens only when it is shown.
- Absence is ``None`` and is written as an en dash, never as zero.
"""

import math
from collections.abc import Callable, Mapping
from typing import Final

SECONDS: Final = "s"
BYTES: Final = "bytes"
ROWS: Final = "rows"
ROWS_PER_SECOND: Final = "rows/s"
RATIO: Final = "ratio"
COUNT: Final = "count"

UNITS: Final = frozenset({SECONDS, BYTES, ROWS, ROWS_PER_SECOND, RATIO, COUNT})

MIB: Final = 1024 * 1024
ABSENT: Final = "–"  # noqa: RUF001 - the en dash is the typographic sign for "no value" in a table

_MINUTE_S: Final = 60.0
_SECOND_S: Final = 1.0
_MILLI_S: Final = 0.001
_HOUR_MIN: Final = 60


def format_seconds(value_s: float) -> str:
    """Return a duration in the largest fitting unit: ``80 µs``, ``12 ms``, ``3.21 s``, ``4 min 05 s``."""
    if not math.isfinite(value_s):
        return f"{value_s} s"
    return f"-{_positive_seconds(-value_s)}" if value_s < 0.0 else _positive_seconds(value_s)


def _positive_seconds(value_s: float) -> str:
    # Each unit ends where its largest number would be rounded up to one of the next.
    if value_s < _MILLI_S - 0.5e-6:
        return f"{value_s * 1e6:.0f} µs"
    if value_s < _SECOND_S - 0.5e-3:
        return f"{value_s * 1000:.0f} ms"
    if value_s < _MINUTE_S - 0.5e-2:
        return f"{value_s:.2f} s"
    minutes, seconds = divmod(round(value_s), 60)
    if minutes < _HOUR_MIN:
        return f"{minutes} min {seconds:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def format_bytes(value_bytes: float) -> str:
    """Return a size in MiB with one decimal, the unit memory limits are configured in."""
    return f"{value_bytes / MIB:,.1f} MiB"


def format_value(value: float | None, unit: str | None) -> str:
    """Return a measured value as people read it.

    Args:
        value: The number in its base unit; ``None`` where nothing was measured.
        unit: One of ``UNITS``; anything else is written as a plain number.
    """
    if value is None:
        return ABSENT
    return _FORMATS.get(unit or "", _plain)(value)


def _plain(value: float) -> str:
    return f"{value:g}"


def _whole(value: float) -> str:
    return f"{value:,.0f}"


_FORMATS: Final[Mapping[str, Callable[[float], str]]] = {
    SECONDS: format_seconds,
    BYTES: format_bytes,
    RATIO: "{:.4f}".format,
    ROWS: _whole,
    COUNT: _whole,
    ROWS_PER_SECOND: "{:,.0f}/s".format,
}
