"""The clock use cases are given: a function without arguments that returns the time in UTC."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeAlias

Clock: TypeAlias = Callable[[], datetime]


def utc_now() -> datetime:
    """Return the time now, UTC, with microseconds."""
    return datetime.now(UTC)
