"""Measures one span: wall time, CPU time, memory.

Rules:
- What measuring itself takes is in none of the figures but its own, ``metering_cpu_s``.
- While a span is paused, nothing counts: a generator that waits for Dagster to store what it yielded does no work.
"""

import itertools
import os
import resource
import threading
import time
from dataclasses import dataclass
from typing import Final, Self

from ledger.measure.memory import PeakTracker
from ledger.measure.sampler import Sampler, Tick

_TRACKER: Final = PeakTracker()
_SAMPLER: Final = Sampler(_TRACKER)
_NUMBERS: Final = itertools.count()


@dataclass(frozen=True, slots=True)
class Measurement:
    """What one span took.

    Attributes:
        duration_s: Wall time, metering and pauses excluded.
        cpu_s: User and system time of this process and of children that ended, the sampler excluded. Threads that
            work for other spans at the same time are in it: CPU time is known per process, not per span.
        start_rss_bytes: Resident set size at the start.
        peak_rss_bytes: Highest resident set size.
        peak_increase_bytes: Peak minus start, never negative.
        children_peak_rss_bytes: Highest sampled sum over the processes it started, ``None`` when it started none.
        peak_method: ``vmhwm`` (exact) or ``sampled``.
        sample_hz: Samples per second.
        metering_cpu_s: CPU time that measuring itself took.
    """

    duration_s: float
    cpu_s: float
    start_rss_bytes: int
    peak_rss_bytes: int
    peak_increase_bytes: int
    children_peak_rss_bytes: int | None
    peak_method: str
    sample_hz: float
    metering_cpu_s: float


@dataclass(frozen=True, slots=True)
class _Reading:
    """What the clocks say at one moment, in seconds; differences of readings are readings."""

    wall_s: float
    cpu_s: float
    sampler_cpu_s: float

    def __sub__(self, other: Self) -> Self:
        return type(self)(
            self.wall_s - other.wall_s, self.cpu_s - other.cpu_s, self.sampler_cpu_s - other.sampler_cpu_s
        )


class Meter:
    """A running measurement; ``stop`` may be called from any thread, and again."""

    def __init__(self, span: int, start_rss_bytes: int, sample_hz: float, metering_cpu_s: float) -> None:
        """Take the starting figures; use ``Meter.start``."""
        self._span: Final = span
        self._start_rss_bytes: Final = start_rss_bytes
        self._sample_hz: Final = sample_hz
        self._metering_cpu_s = metering_cpu_s
        self._lock: Final = threading.Lock()
        self._result: Measurement | None = None
        self._paused: _Reading | None = None
        self._began = _read()

    @classmethod
    def start(cls, *, sample_hz: float = 10.0, on_tick: Tick | None = None, tick_every_s: float = 60.0) -> Self:
        """Return a running measurement.

        Args:
            sample_hz: Samples per second of the memory of children.
            on_tick: Called every ``tick_every_s`` with elapsed seconds and resident bytes, in the sampler's thread.
            tick_every_s: Seconds between two calls.
        """
        began = time.thread_time()
        span = next(_NUMBERS)
        _SAMPLER.add(span, sample_hz=sample_hz, on_tick=on_tick, tick_every_s=tick_every_s)
        start = _TRACKER.open(span)
        return cls(span, start, sample_hz, time.thread_time() - began)

    def stop(self) -> Measurement:
        """Return what was measured since the start; a second call returns the same."""
        now = _read()
        with self._lock:
            if self._result is None:
                began = time.thread_time()
                peak, method = _TRACKER.close(self._span)
                children = _SAMPLER.remove(self._span)
                self._metering_cpu_s += time.thread_time() - began
                self._result = self._measurement(self._paused or now, peak, method, children)
            return self._result

    @property
    def is_paused(self) -> bool:
        """Whether nothing counts just now."""
        return self._paused is not None

    def lap(self) -> Measurement:
        """Return what was measured so far; the measurement goes on."""
        now = _read()
        with self._lock:
            if self._result is not None:
                return self._result
            began = time.thread_time()
            peak, method = _TRACKER.peak(self._span)
            children = _SAMPLER.children_peak(self._span)
            self._metering_cpu_s += time.thread_time() - began
            measured = self._measurement(self._paused or now, peak, method, children)
            if self._paused is None:
                self._leave_out(now)
            return measured

    def pause(self) -> None:
        """Count nothing until ``resume``; within a pause, and after ``stop``, this does nothing."""
        now = _read()
        with self._lock:
            if self._result is None and self._paused is None:
                began = time.thread_time()
                _TRACKER.pause(self._span)
                self._metering_cpu_s += time.thread_time() - began
                self._paused = now

    def resume(self) -> None:
        """Count again; without a pause this does nothing."""
        with self._lock:
            if self._result is None and self._paused is not None:
                began = time.thread_time()
                _TRACKER.resume(self._span)
                self._metering_cpu_s += time.thread_time() - began
                self._leave_out(self._paused)
                self._paused = None

    def _leave_out(self, since: _Reading) -> None:
        """Move the start by the time from ``since`` to now, so that no difference to it counts that time."""
        self._began = self._began - (since - _read())

    def _measurement(self, now: _Reading, peak_bytes: int, method: str, children_bytes: int | None) -> Measurement:
        """Return the figures as a record."""
        took = now - self._began
        return Measurement(
            duration_s=took.wall_s,
            cpu_s=max(took.cpu_s - took.sampler_cpu_s, 0.0),
            start_rss_bytes=self._start_rss_bytes,
            peak_rss_bytes=peak_bytes,
            peak_increase_bytes=max(peak_bytes - self._start_rss_bytes, 0),
            children_peak_rss_bytes=children_bytes,
            peak_method=method,
            sample_hz=self._sample_hz,
            metering_cpu_s=self._metering_cpu_s + took.sampler_cpu_s,
        )


def _read() -> _Reading:
    """Return what the clocks say now; wall time first, so that it ends when the work does."""
    return _Reading(time.perf_counter(), _cpu_s(), _SAMPLER.cpu_s)


def _cpu_s() -> float:
    """Return user and system seconds of this process and of its children that ended."""
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def _forget_parent_spans() -> None:
    """Start anew in a forked child: the parent's spans and its sampler thread are not ours."""
    _TRACKER.__init__()  # type: ignore[misc]
    _SAMPLER.__init__(_TRACKER)  # type: ignore[misc]


os.register_at_fork(after_in_child=_forget_parent_spans)
