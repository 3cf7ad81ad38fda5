"""Appends events to one stream of a ledger.

Rules:
- Times and numbers are frozen before the first try, so an append that is repeated after an error has the same bytes.
- Times never go backwards inside a stream, whatever the system clock does.
- Metrics are checked against the registry here, so an undeclared name never reaches a ledger.
"""

import threading
import time
from datetime import datetime
from typing import Final, Protocol

from ledger.errors import ConfigurationError
from ledger.events import BreakdownMeasured, Event, MetricMeasured, StreamId
from ledger.events.batch import EventBatch, freeze
from ledger.metrics import BUILT_IN, MetricRegistry, lookup
from ledger.service.project.clock import Clock, utc_now
from ledger.store.protocol import StreamHead


class Appender(Protocol):
    """The one thing the recorder needs of a store."""

    def append(self, batch: EventBatch) -> None:
        """Store a batch durably; see ``LedgerStore.append``."""


class StreamRecorder:
    """The writer of one stream; safe to use from several threads of one process."""

    def __init__(
        self,
        store: Appender,
        stream: StreamId,
        *,
        registry: MetricRegistry = BUILT_IN,
        clock: Clock = utc_now,
        head: StreamHead | None = None,
    ) -> None:
        """Prepare to append.

        Args:
            store: Where to.
            stream: The stream, which nobody else writes.
            registry: The declared metrics.
            clock: Gives the time of each event.
            head: Where the stream ends already; ``None`` for a new one.
        """
        self.stream: Final = stream
        self.registry: Final = registry
        self._store: Final = store
        self._clock: Final = clock
        self._lock: Final = threading.Lock()
        self._number = head.number + 1 if head else 0
        self._next_seq = head.next_seq if head else 0
        self._digest = head.digest if head else None
        self._last_ts: datetime | None = None
        self._append_s = 0.0
        self._unsent: EventBatch | None = None

    @property
    def append_s(self) -> float:
        """Wall seconds spent in appends so far."""
        return self._append_s

    def record(self, *events: Event) -> None:
        """Append events in one batch: all of them become visible, or none.

        Raises:
            ConfigurationError: A metric is not declared, or has another unit than declared.
            ConflictError: Somebody else wrote to this stream, for instance the reconciler closed it.
            StoreError: The medium refused; calling again repeats exactly the batch that failed before new events.
        """
        for event in events:
            self._check(event)
        with self._lock:
            self._send_unsent()
            ts = self._now()
            self._unsent = freeze(
                str(self.stream),
                [(ts, event) for event in events],
                number=self._number,
                first_seq=self._next_seq,
                previous_digest=self._digest,
            )
            self._send_unsent()

    def resend(self) -> bool:
        """Append the batch that was refused, exactly as it was; return whether one was waiting.

        Raises:
            ConflictError: As ``record``.
            StoreError: The medium refused again.
        """
        with self._lock:
            waits = self._unsent is not None
            self._send_unsent()
            return waits

    def _send_unsent(self) -> None:
        """Append the batch that waits, if there is one."""
        batch = self._unsent
        if batch is None:
            return
        began = time.perf_counter()
        try:
            self._store.append(batch)
        finally:
            self._append_s += time.perf_counter() - began
        self._unsent = None
        self._number, self._next_seq, self._digest = batch.number + 1, batch.next_seq, batch.digest

    def _now(self) -> datetime:
        """Return the time, never earlier than the event before."""
        now = self._clock()
        if self._last_ts is not None and now < self._last_ts:
            now = self._last_ts
        self._last_ts = now
        return now

    def _check(self, event: Event) -> None:
        """Raise where an event names a metric that is not declared."""
        if isinstance(event, MetricMeasured):
            declared = lookup(self.registry, event.metric)
            if declared.unit != event.unit:
                message = f"metric {event.metric!r} is declared in {declared.unit}, but was recorded in {event.unit}"
                raise ConfigurationError(message)
        elif isinstance(event, BreakdownMeasured) and not event.counts:
            message = f"breakdown {event.metric!r} has no classes; record it only where there is something to count"
            raise ConfigurationError(message)
