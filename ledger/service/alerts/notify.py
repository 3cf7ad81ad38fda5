"""Tells people of alerts, once each.

Rules:
- Alert and channel have a stream of their own in the ledger: what was delivered is not delivered again, be it by a
  sensor that ticks twice or by a command that is repeated.
- What a channel does not take is a dead letter, an event too; the next delivery tries it again.
- Alerts that somebody has acknowledged, and those milder than ``notify_min_severity``, are not told.
- Two deliveries at the very same moment may both reach the channel; the alert's id travels with the notice.
"""

import contextlib
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ledger.errors import ConflictError
from ledger.events import AlertAcknowledged, NoticeFailed, NoticeSent, StreamId
from ledger.events.codec import from_table
from ledger.projections.alerts import QUERY_KINDS, alerts
from ledger.service.alerts.channels import Channel, Notice, Undeliverable
from ledger.service.project.clock import Clock, utc_now
from ledger.service.recording.recorder import StreamRecorder
from ledger.settings import SEVERITIES, Severity
from ledger.store.protocol import EventQuery, LedgerStore


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of one alert in one channel; ``error`` is ``None`` where it was delivered."""

    alert_id: str
    channel: str
    error: str | None


def deliver(
    store: LedgerStore,
    channels: Sequence[Channel],
    *,
    run_ids: tuple[str, ...] = (),
    min_severity: Severity = "warning",
    clock: Clock = utc_now,
) -> list[Delivery]:
    """Tell the alerts that have not been told, and return what became of each.

    Args:
        store: The ledger; deliveries are recorded in it.
        channels: Where to tell them.
        run_ids: Alerts of these runs; of all when empty.
        min_severity: Mildest alert that is told.
        clock: Gives the time.

    Raises:
        StoreError: The ledger cannot be read or written.
    """
    if not channels:
        return []
    told = alerts(store.read(EventQuery(kinds=QUERY_KINDS, run_ids=run_ids)))
    wanted = SEVERITIES[SEVERITIES.index(min_severity) :]
    chosen = told.filter(pc.is_in(told.column("severity"), pa.array(wanted, pa.string()))).to_pylist()
    acknowledged = _acknowledged(store, clock) if chosen else frozenset()
    open_alerts = [row for row in chosen if row["alert_id"] not in acknowledged]
    return list(_deliveries(store, channels, open_alerts, clock))


def _deliveries(
    store: LedgerStore, channels: Sequence[Channel], rows: Iterable[dict[str, Any]], clock: Clock
) -> Iterable[Delivery]:
    for row in rows:
        for channel in channels:
            delivery = _deliver(store, channel, row, clock)
            if delivery is not None:
                yield delivery


def _deliver(store: LedgerStore, channel: Channel, row: dict[str, Any], clock: Clock) -> Delivery | None:
    """Tell one alert to one channel; ``None`` where that was done before."""
    alert_id, run_id = row["alert_id"], row["run_id"]
    key = hashlib.sha256(f"{alert_id}\0{channel.name}".encode()).hexdigest()[:32]
    stream = StreamId("notice", key)
    head = store.head(str(stream))  # Asked before what it says: a delivery in between is a conflict then.
    before = [entry.event for entry in from_table(store.read(EventQuery(streams=(str(stream),))))]
    if any(isinstance(event, NoticeSent) for event in before):
        return None
    recorder = StreamRecorder(store, stream, clock=clock, head=head)
    event: NoticeSent | NoticeFailed
    try:
        attempts = channel.send(_notice(row))
    except Undeliverable as error:
        event = NoticeFailed(
            run_id=run_id, alert_id=alert_id, channel=channel.name, attempts=error.attempts, error=str(error)
        )
    else:
        event = NoticeSent(run_id=run_id, alert_id=alert_id, channel=channel.name, attempts=attempts)
    with contextlib.suppress(ConflictError):  # Another delivery at the same moment said it first.
        recorder.record(event)
    return Delivery(alert_id, channel.name, event.error if isinstance(event, NoticeFailed) else None)


def _acknowledged(store: LedgerStore, clock: Clock) -> frozenset[str]:
    """Return the ids of alerts that somebody answers for now."""
    events = from_table(store.read(EventQuery(kinds=("alert_acknowledged",))))
    now = clock()
    return frozenset(
        entry.event.alert_id
        for entry in events
        if isinstance(entry.event, AlertAcknowledged) and entry.event.holds_at(now)
    )


def _notice(row: dict[str, Any]) -> Notice:
    """Return what is told of an alert."""
    fields = {name: row[name] for name in ("run_id", "asset", "metric", "value", "threshold", "alert_id")}
    title = f"{row['severity']}: {row['asset'] or 'pipeline'}"
    return Notice(row["alert_id"], row["severity"], title, row["message"], fields)
