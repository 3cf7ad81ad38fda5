"""Memory that allocators keep for later: it looks taken, and is not.

glibc's ``malloc_trim(3)`` and Arrow's memory pool give back what they keep; other allocators decide for themselves.
"""

import contextlib
import ctypes
import sys


def give_back_unused() -> None:
    """Give back to the system what glibc's and Arrow's allocators keep; what is in use stays."""
    arrow = sys.modules.get("pyarrow")  # Where it was never imported, it keeps nothing.
    if arrow is not None:
        arrow.default_memory_pool().release_unused()
    with contextlib.suppress(OSError, AttributeError):  # Other C libraries than glibc have no such function.
        ctypes.CDLL(None).malloc_trim(0)
