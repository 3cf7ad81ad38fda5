"""Measures one span: wall time, CPU time, memory."""

import itertools
import os
import resource
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
        duration_s: Wall time, metering excluded.
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


class Meter:
    """A running measurement; ``stop`` may be called from any thread, and again."""

    def __init__(self, span: int, start_rss_bytes: int, sample_hz: float, metering_cpu_s: float) -> None:
        """Take the starting figures; use ``Meter.start``."""
        self._span: Final = span
        self._start_rss_bytes: Final = start_rss_bytes
        self._sample_hz: Final = sample_hz
        self._metering_cpu_s = metering_cpu_s
        self._sampler_cpu_s: Final = _SAMPLER.cpu_s
        self._result: Measurement | None = None
        self._cpu_s: Final = _cpu_s()
        self._began_s: Final = time.perf_counter()

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
        duration_s = time.perf_counter() - self._began_s
        cpu_s = _cpu_s() - self._cpu_s
        if self._result is not None:
            return self._result
        began = time.thread_time()
        peak, method = _TRACKER.close(self._span)
        children = _SAMPLER.remove(self._span)
        self._metering_cpu_s += time.thread_time() - began
        self._result = self._measurement(duration_s, cpu_s, peak, method, children)
        return self._result

    def lap(self) -> Measurement:
        """Return what was measured so far; the measurement goes on."""
        duration_s = time.perf_counter() - self._began_s
        cpu_s = _cpu_s() - self._cpu_s
        began = time.thread_time()
        peak, method = _TRACKER.peak(self._span)
        children = _SAMPLER.children_peak(self._span)
        self._metering_cpu_s += time.thread_time() - began
        return self._measurement(duration_s, cpu_s, peak, method, children)

    def _measurement(
        self, duration_s: float, cpu_s: float, peak_bytes: int, method: str, children_bytes: int | None
    ) -> Measurement:
        """Return the figures as a record."""
        sampler_cpu_s = _SAMPLER.cpu_s - self._sampler_cpu_s
        return Measurement(
            duration_s=duration_s,
            cpu_s=max(cpu_s - sampler_cpu_s, 0.0),
            start_rss_bytes=self._start_rss_bytes,
            peak_rss_bytes=peak_bytes,
            peak_increase_bytes=max(peak_bytes - self._start_rss_bytes, 0),
            children_peak_rss_bytes=children_bytes,
            peak_method=method,
            sample_hz=self._sample_hz,
            metering_cpu_s=self._metering_cpu_s + sampler_cpu_s,
        )


def _cpu_s() -> float:
    """Return user and system seconds of this process and of its children that ended."""
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def _forget_parent_spans() -> None:
    """Start anew in a forked child: the parent's spans and its sampler thread are not ours."""
    _TRACKER.__init__()  # type: ignore[misc]
    _SAMPLER.__init__(_TRACKER)  # type: ignore[misc]


os.register_at_fork(after_in_child=_forget_parent_spans)
