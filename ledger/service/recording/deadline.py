"""Stops work that takes too long.

Rules:
- The limit interrupts the main thread by the interval timer of the process (``setitimer``), as pytest-timeout and
  Celery do; native code that never comes back to Python is not interrupted.
- In other threads, and where somebody else uses the timer, nothing is interrupted; the duration alone tells then.
- While somebody else works, for instance on what a generator yielded, the limit waits.
- A library that calls Python back, as DuckDB does, wraps what was raised in an error of its own; the timeout is told
  all the same, with that error as its cause.
"""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

_AGAIN_S: Final = 0.05


class AssetTimeoutError(Exception):
    """The asset ran for longer than ``timeout_seconds``."""


@contextmanager
def time_limit(limit_s: float, paused: Callable[[], bool] = lambda: False) -> Iterator[None]:
    """Raise ``AssetTimeoutError`` inside the block once it has taken too long.

    Args:
        limit_s: Wall seconds.
        paused: Tells whether somebody else is at work just now.
    """
    if threading.current_thread() is not threading.main_thread() or signal.getitimer(signal.ITIMER_REAL)[0] > 0.0:
        yield
        return

    raised: list[AssetTimeoutError] = []

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        if paused():
            signal.setitimer(signal.ITIMER_REAL, _AGAIN_S)
            return
        message = f"it ran for longer than timeout_seconds ({limit_s:g} s) and was stopped"
        raised.append(AssetTimeoutError(message))
        raise raised[-1]

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, limit_s)
    try:
        yield
    except AssetTimeoutError:
        raise
    except Exception as error:
        if raised:
            raise raised[-1] from error
        raise
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)
