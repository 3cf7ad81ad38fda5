"""Stops work that takes too long.

Rules:
- The limit interrupts the main thread by the interval timer of the process (``setitimer``), as pytest-timeout and
  Celery do; native code that never comes back to Python is not interrupted.
- In other threads, and where somebody else uses the timer, nothing is interrupted; the duration alone tells then.
- A limit within a limit takes its place: an asset that works in chunks is limited per chunk, and what comes after the
  last chunk has the whole time of the asset again.
- While somebody else works, for instance on what a generator yielded, the limit waits. While other processes work at
  chunks and are limited there, it is lifted, and given back whole.
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
    """The asset, or a chunk of it, ran for longer than ``timeout_seconds``."""


class _Limit:
    """The handler of one limit; that the present handler is one of these tells that the timer is ours."""

    def __init__(self, limit_s: float, paused: Callable[[], bool]) -> None:
        self.limit_s: Final = limit_s
        self.raised: Final[list[AssetTimeoutError]] = []
        self._paused: Final = paused

    def __call__(self, _number: int, _frame: FrameType | None) -> None:
        if self._paused():
            signal.setitimer(signal.ITIMER_REAL, _AGAIN_S)
            return
        message = f"it ran for longer than timeout_seconds ({self.limit_s:g} s) and was stopped"
        self.raised.append(AssetTimeoutError(message))
        raise self.raised[-1]


@contextmanager
def time_limit(limit_s: float, paused: Callable[[], bool] = lambda: False) -> Iterator[None]:
    """Raise ``AssetTimeoutError`` inside the block once it has taken too long.

    Args:
        limit_s: Wall seconds.
        paused: Tells whether somebody else is at work just now.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGALRM)
    outer = before if isinstance(before, _Limit) else None
    if outer is None and signal.getitimer(signal.ITIMER_REAL)[0] > 0.0:
        yield
        return

    limit = _Limit(limit_s, paused)
    signal.signal(signal.SIGALRM, limit)
    signal.setitimer(signal.ITIMER_REAL, limit_s)
    try:
        yield
    except AssetTimeoutError:
        raise
    except Exception as error:
        if limit.raised:
            raise limit.raised[-1] from error
        raise
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)
        if outer is not None:
            signal.setitimer(signal.ITIMER_REAL, outer.limit_s)


@contextmanager
def time_limit_lifted() -> Iterator[None]:
    """Stop the clock of the limit around this block and give it back whole; do nothing where there is no limit."""
    limit = signal.getsignal(signal.SIGALRM)
    if threading.current_thread() is not threading.main_thread() or not isinstance(limit, _Limit):
        yield
        return
    signal.setitimer(signal.ITIMER_REAL, 0.0)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, limit.limit_s)
