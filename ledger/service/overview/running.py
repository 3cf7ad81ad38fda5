"""What runs now: the assets of each run that has not ended, with their progress and when they were last heard of.

Rules:
- A run counts as running while an attempt of it is open; between two steps, while it was heard of within ten minutes.
- A killed process says nothing. So everything is told with when it was last heard of, and nothing is called alive.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from ledger.events import ProgressReported, RunStarted
from ledger.events.codec import from_table
from ledger.projections.attempts import attempts
from ledger.projections.fold import of_kind
from ledger.service.reading.standing import standing
from ledger.store.protocol import LedgerView

SILENT: Final = timedelta(minutes=10)
MOST_RUNS: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningAsset:
    """An asset of a run.

    Attributes:
        asset: Asset key.
        partition: Partition, ``None`` without partitions.
        status: Of its latest attempt; see ``ledger.projections.attempts``.
        done: Progress so far in ``unit``, ``None`` where it told none.
        total: What there is to do, ``None`` where unknown.
        unit: Unit of both.
        eta_s: Estimated seconds to the end, ``None`` where unknown.
        heard: When it was last heard of.
    """

    asset: str
    partition: str | None
    status: str
    done: float | None
    total: float | None
    unit: str
    eta_s: float | None
    heard: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningRun:
    """A run that has not ended: its assets in the order they began, and those that were planned and did not begin."""

    run_id: str
    job: str | None
    started: datetime
    assets: tuple[RunningAsset, ...]
    waiting: tuple[str, ...]


def running(view: LedgerView, now: datetime) -> tuple[RunningRun, ...]:
    """Return what runs at a moment, newest first.

    Args:
        view: The ledger.
        now: The moment, UTC.
    """
    known = standing(view)
    heard = dict(zip(*(known.extents.column(name).to_pylist() for name in ("run_id", "last_ts")), strict=True))
    open_runs = known.runs.filter(pc.is_in(known.runs.column("status"), pa.array(["running", "incomplete"])))
    rows = [row for row in open_runs.to_pylist() if _goes_on(row, heard.get(row["run_id"]), now)]
    newest = sorted(rows, key=lambda row: (row["started"], row["run_id"]), reverse=True)[:MOST_RUNS]
    return tuple(_run(row, view.read(known.query_of(row["run_id"]))) for row in newest)


def _goes_on(row: dict[str, Any], heard: datetime | None, now: datetime) -> bool:
    return row["started"] is not None and (row["status"] == "running" or (heard is not None and now - heard < SILENT))


def _run(row: dict[str, Any], events: pa.Table) -> RunningRun:
    assets = tuple(_assets(events))
    begun = {one.asset for one in assets}
    opened = (entry.event for entry in from_table(of_kind(events, "run_started")))
    planned = {asset for event in opened if isinstance(event, RunStarted) for asset in event.planned_assets}
    return RunningRun(
        run_id=row["run_id"],
        job=row["job"],
        started=row["started"],
        assets=assets,
        waiting=tuple(sorted(planned - begun)),
    )


def _assets(events: pa.Table) -> Iterator[RunningAsset]:
    progress = {
        entry.stream: entry.event
        for entry in from_table(of_kind(events, "progress_reported"))
        if isinstance(entry.event, ProgressReported)
    }
    last = events.group_by("stream", use_threads=False).aggregate([("ts", "max")])
    heard = dict(zip(last.column("stream").to_pylist(), last.column("ts_max").to_pylist(), strict=True))
    latest = {(row["asset"], row["partition"]): row for row in attempts(events).to_pylist()}
    for (asset, partition), row in latest.items():
        told = progress.get(row["stream"])
        yield RunningAsset(
            asset=asset or "",
            partition=partition,
            status=row["status"],
            done=None if told is None else told.value,
            total=None if told is None else told.total,
            unit="rows" if told is None else told.unit,
            eta_s=None if told is None else told.eta_s,
            heard=heard.get(row["stream"]),
        )
