"""One background thread per process that looks at memory while spans are open, and calls them about once a minute.

Rules:
- It exists for what the kernel does not keep for us: memory of child processes, and the peak where no exact mark is to
  be had. It runs only while a span is open.
- What it costs is known: its own CPU time is measured and reported.
- A callback that raises does not end it, and none runs any more once its span is removed.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from ledger.measure.children import descendants, total_rss_bytes
from ledger.measure.memory import PeakTracker, rss_bytes

Tick = Callable[[float, int], None]

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Watch:
    """What the sampler knows of one open span."""

    began_s: float
    period_s: float
    on_tick: Tick | None
    tick_every_s: float
    known_children: frozenset[int]
    next_tick_s: float
    children_peak_bytes: int | None = None
    calling: threading.RLock = field(default_factory=threading.RLock)
    removed: bool = False


@dataclass(slots=True)
class Sampler:
    """The thread, started with the first open span and gone with the last."""

    tracker: PeakTracker
    _watches: dict[int, Watch] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _wake: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None
    _cpu_s: float = 0.0

    @property
    def cpu_s(self) -> float:
        """CPU seconds the sampler has used in this process."""
        return self._cpu_s

    def add(self, span: int, *, sample_hz: float, on_tick: Tick | None, tick_every_s: float) -> None:
        """Begin to look after a span."""
        now = time.monotonic()
        watch = Watch(now, 1.0 / sample_hz, on_tick, tick_every_s, descendants(), now + tick_every_s)
        with self._lock:
            self._watches[span] = watch
            if self._thread is None or not self._thread.is_alive():
                self._wake = threading.Event()
                self._thread = threading.Thread(
                    target=self._run, args=(self._wake,), name="ledger-sampler", daemon=True
                )
                self._thread.start()

    def children_peak(self, span: int) -> int | None:
        """Return the highest sum of an open span's children's memory so far, ``None`` without children."""
        return self._watches[span].children_peak_bytes

    def remove(self, span: int) -> int | None:
        """Stop looking after a span; return the highest sum of its children's memory, ``None`` without children."""
        with self._lock:
            watch = self._watches.pop(span)
            if not self._watches:
                self._wake.set()
                self._thread = None
        # A heartbeat that is being appended now ends first, so that none follows the end of its attempt.
        with watch.calling:
            watch.removed = True
        return watch.children_peak_bytes

    def _run(self, wake: threading.Event) -> None:
        """Sample until no span is open."""
        used = 0.0
        while not wake.wait(self._period_s()):
            self._sample()
            now = time.thread_time()
            with self._lock:
                self._cpu_s += now - used
            used = now

    def _period_s(self) -> float:
        """Return the time to the next look: that of the open span that wants it most often."""
        with self._lock:
            return min((watch.period_s for watch in self._watches.values()), default=0.1)

    def _sample(self) -> None:
        """Look once."""
        size = rss_bytes()
        self.tracker.sampled(size)
        with self._lock:
            watches = tuple(self._watches.values())
        children = descendants()
        now = time.monotonic()
        for watch in watches:
            own = children - watch.known_children
            if own:
                watch.children_peak_bytes = max(watch.children_peak_bytes or 0, total_rss_bytes(own))
            if watch.on_tick is not None and now >= watch.next_tick_s:
                watch.next_tick_s = now + watch.tick_every_s
                _call(watch, watch.on_tick, now - watch.began_s, size)


def _call(watch: Watch, on_tick: Tick, elapsed_s: float, size_bytes: int) -> None:
    """Call back, and log what it raises: a heartbeat that cannot be written must not stop the work."""
    try:
        with watch.calling:
            if not watch.removed:
                on_tick(elapsed_s, size_bytes)
    except Exception:  # noqa: BLE001 - whatever a callback raises
        _log.warning("a heartbeat could not be recorded", exc_info=True)
