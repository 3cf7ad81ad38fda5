"""Exact peak memory of this process, for any number of spans that overlap or nest.

Rules:
- The kernel keeps a high-water mark of resident memory (``VmHWM``); writing 5 to ``/proc/self/clear_refs`` sets it back
  to the current size (proc(5)). A spike of a microsecond is in it, which no sampler could see.
- The mark is one per process. So whenever a span starts or ends, the mark is read and folded into the maximum of every
  open span before it is set back: nested and overlapping spans are all exact.
- Where the mark cannot be set back, the peak is the largest size seen at start, at end and by the sampler in between,
  and the measurement says so.
- ``ru_maxrss`` is of no use here: it is inherited over fork and exec.
"""

import os
import threading
from pathlib import Path
from typing import Final

EXACT: Final = "vmhwm"
SAMPLED: Final = "sampled"

_STATUS: Final = Path("/proc/self/status")
_CLEAR_REFS: Final = Path("/proc/self/clear_refs")
_RESET_PEAK: Final = b"5"


class PeakTracker:
    """Folds the process's high-water mark into the peak of every open span."""

    def __init__(self, clear_refs: Path = _CLEAR_REFS, status: Path = _STATUS) -> None:
        """Start without open spans.

        Args:
            clear_refs: File that sets the mark back.
            status: File the mark is read from.
        """
        self._clear_refs: Final = clear_refs
        self._status: Final = status
        self._lock: Final = threading.Lock()
        self._peaks: Final[dict[int, int]] = {}
        self._exact: Final[dict[int, bool]] = {}
        self._paused: Final[set[int]] = set()

    def open(self, span: int) -> int:
        """Begin to follow a span; return the resident set size in bytes at this moment."""
        with self._lock:
            self._fold()
            exact = self._reset()
            start = self._read("VmRSS:") or rss_bytes()
            self._peaks[span] = start
            self._exact[span] = exact
        return start

    def peak(self, span: int) -> tuple[int, str]:
        """Return the peak of an open span in bytes so far, and how it was measured."""
        with self._lock:
            self._fold()
            return self._peaks[span], EXACT if self._exact[span] else SAMPLED

    def close(self, span: int) -> tuple[int, str]:
        """Stop following a span; return its peak in bytes and how it was measured."""
        with self._lock:
            self._fold()
            self._paused.discard(span)
            return self._peaks.pop(span), EXACT if self._exact.pop(span) else SAMPLED

    def pause(self, span: int) -> None:
        """Leave a span's peak as it is until ``resume``."""
        with self._lock:
            self._fold()
            self._reset()
            self._paused.add(span)

    def resume(self, span: int) -> None:
        """Follow a span again; what the process held meanwhile is not in its peak."""
        with self._lock:
            self._fold()
            self._reset()
            self._paused.discard(span)

    def sampled(self, rss_bytes: int) -> None:
        """Take note of what the sampler saw."""
        with self._lock:
            for span in self._peaks.keys() - self._paused:
                self._peaks[span] = max(self._peaks[span], rss_bytes)

    def _fold(self) -> None:
        """Raise the peak of every span that is followed to the mark."""
        followed = self._peaks.keys() - self._paused
        if not followed:
            return
        mark = (self._read("VmHWM:") or 0) if any(self._exact.values()) else 0
        size = 0 if all(self._exact.values()) else rss_bytes()
        for span in followed:
            self._peaks[span] = max(self._peaks[span], mark if self._exact[span] else size)

    def _reset(self) -> bool:
        """Set the mark back to the current size; return whether that is possible here."""
        try:
            self._clear_refs.write_bytes(_RESET_PEAK)
        except OSError:
            return False
        return self._read("VmHWM:") is not None

    def _read(self, field: str) -> int | None:
        """Return a field of the status file in bytes, ``None`` where it cannot be read."""
        try:
            text = self._status.read_text(encoding="ascii", errors="replace")
        except OSError:
            return None
        _, found, rest = text.partition(field)
        return int(rest.split(maxsplit=1)[0]) * 1024 if found else None


def exact_peak_possible(clear_refs: Path = _CLEAR_REFS) -> bool:
    """Return whether the kernel's high-water mark can be set back here, so that peaks are exact."""
    return os.access(clear_refs, os.W_OK)


def rss_bytes() -> int:
    """Return the resident set size of this process in bytes."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except (OSError, IndexError, ValueError):
        import psutil  # noqa: PLC0415 - 40 ms that only systems without /proc need to pay

        return int(psutil.Process().memory_info().rss)
    return pages * os.sysconf("SC_PAGE_SIZE")
