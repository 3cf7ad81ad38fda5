"""Writes runs and attempts into a store, as the integration would, without Dagster."""

import dataclasses
from datetime import UTC, datetime, timedelta
from typing import Final

from ledger.events import (
    AssetFailed,
    AssetFinished,
    AssetLost,
    AssetStarted,
    Event,
    MetricMeasured,
    RunFinished,
    RunStarted,
    asset_stream,
    run_stream,
)
from ledger.events.batch import EventBatch, freeze
from ledger.store.protocol import LedgerStore

BEGAN: Final = datetime(2026, 1, 1, tzinfo=UTC)

_FAILED: Final = AssetFailed(error_type="E", error_message="m", traceback="t", context={}, peak_method="vmhwm")
ENDS: Final[dict[str, Event]] = {
    "success": AssetFinished(peak_method="vmhwm", sample_hz=10.0),
    "failed": _FAILED,
    "retrying": dataclasses.replace(_FAILED, status="retrying"),
    "canceled": dataclasses.replace(_FAILED, status="canceled"),
    "blocked": dataclasses.replace(_FAILED, status="blocked"),
    "lost": AssetLost(reason="r", last_seen_s=1.0, context={}),
}
"""How an attempt may end, by status."""


def at(minute: float) -> datetime:
    """Return a moment of the story."""
    return BEGAN + timedelta(minutes=minute)


def attempt(
    store: LedgerStore,
    run_id: str,
    asset: str,
    end: str,
    *,
    number: int = 0,
    minute: float = 0,
    value: float = 1.0,
    partition: str | None = None,
    more: tuple[Event, ...] = (),
    step_s: float = 1.0,
) -> None:
    """Record an attempt that took ``value`` seconds and ended as ``end``; ``running`` for one that did not end.

    Args:
        store: Where to.
        run_id: Run of the attempt.
        asset: Its asset.
        end: A key of ``ENDS``, or ``running``.
        number: Number of the attempt.
        minute: When it began.
        value: Its ``duration_s``.
        partition: Its partition.
        more: Further events, before the end.
        step_s: Seconds between two events; 0 for events that happened at once.
    """
    place = {"asset": asset, "run_id": run_id, "partition": partition}
    events: list[Event] = [
        AssetStarted(**place, output_assets=(asset,), host="h", pid=1),  # type: ignore[arg-type]
        MetricMeasured(**place, metric="duration_s", value=value, unit="s"),
        MetricMeasured(**place, metric="rows_out", value=10.0, unit="rows"),
        *more,
    ]
    if end != "running":
        events.append(dataclasses.replace(ENDS[end], **place))
    times = [at(minute) + timedelta(seconds=step_s * position) for position in range(len(events))]
    store.append(freeze(str(asset_stream(asset, run_id, partition, number)), list(zip(times, events, strict=True))))


def opened(store: LedgerStore, run_id: str, planned: tuple[str, ...], minute: float = 0) -> EventBatch:
    """Record that a run began; return the append."""
    event = RunStarted(run_id=run_id, job="job", launcher="cli", planned_assets=planned, tags={})
    return said(store, run_stream(run_id), event, minute=minute)


def closed(store: LedgerStore, run_id: str, status: str, after: EventBatch, minute: float = 5) -> EventBatch:
    """Record that a run ended; return the append."""
    return said(store, run_stream(run_id), RunFinished(run_id=run_id, status=status), after=after, minute=minute)


def said(
    store: LedgerStore, stream: object, *events: Event, after: EventBatch | None = None, minute: float = 0
) -> EventBatch:
    """Append events to a stream, all at one moment; return the append."""
    batch = freeze(str(stream), [(at(minute), event) for event in events], after=after)
    store.append(batch)
    return batch
