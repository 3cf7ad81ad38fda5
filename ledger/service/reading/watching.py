"""Watches a run from wherever its ledger can be read: what it comes to, and what that means now.

Rules:
- Nothing but the ledger is read, and nothing is written. Who begins to watch late, or again, sees the same.
- The time left is what the run told last, less the time since, but never less than what the rows after the chunk that
  is being made will take: a chunk that takes long does not count the rest down to nothing.
- An attempt whose process is known to be gone is *lost*; one that only has not been heard of is *silent*.
- A run is over once it said so. One that cannot say it any more is over when nothing has been heard of it for a while.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from ledger.errors import ConfigurationError
from ledger.events import Event
from ledger.events.codec import from_table
from ledger.projections.fold import of_kind, payload_fields
from ledger.projections.live import QUERY_KINDS, live
from ledger.projections.runs import runs
from ledger.service.project.clock import Clock, utc_now
from ledger.service.reading.replay import LATEST, find_run
from ledger.service.reading.standing import standing
from ledger.service.recording.reconcile import STALE_AFTER_S, Evidence, why_lost
from ledger.store.protocol import Cursor, EventQuery, LedgerStore, LedgerView
from ledger.units import MIB

_UNDER_WAY: Final = ("running", "incomplete")
_SILENT_AFTER: Final = 2.5
"""Heartbeats that were missed: one may be late."""

_HEARD_S: Final = 10.0
"""Silence after which a run without anybody at work is not expected to say any more how it ended."""

_TROUBLED_S: Final = 60.0
"""The same where something failed and other assets wait: those that do not depend on it may yet begin."""

_NOTICED_S: Final = 3.0
"""How long that has to have been seen: whoever started the run may be about to close it."""

_CONFIGURED: Final = pa.schema(
    [
        (
            "values",
            pa.struct(
                [
                    ("memory_threshold_mb", pa.float64()),
                    ("chunk_workers", pa.float64()),
                    ("heartbeat_s", pa.float64()),
                ]
            ),
        )
    ]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedAsset:
    """How far one asset has come; what is unknown is ``None``.

    Attributes:
        asset: Asset key, or ``op:<step key>``.
        partition: Partition key.
        attempt: Number of the attempt, from 0; ``None`` where none was begun.
        state: ``waiting``, ``running``, ``silent``, ``success``, ``failed``, ``canceled``, ``retrying``, ``lost``,
            ``blocked`` or ``not made``.
        reason: Why it failed, is blocked, or is believed to be gone.
        done_rows: Rows that are there, those of earlier runs included.
        total_rows: Rows in all.
        kept_rows: Rows that an earlier run had left.
        records_per_s: Rows made per second: the rate that the time left is told from; of the whole once it has ended.
        elapsed_s: Seconds since it began, or that it took.
        eta_s: Seconds that are left.
        chunk_rows: Rows of a chunk now.
        chunks: Chunks made by this attempt.
        adaptations: Changes of how chunks are made.
        retries: Chunks that were tried again.
        given_up_rows: Rows that could not be made.
        peak_bytes: Highest memory so far: of a worker at a chunk, without what files back; without chunks, resident.
        limit_bytes: What it has to stay below.
        last_seen: Time of its last event.
    """

    asset: str
    partition: str | None
    attempt: int | None
    state: str
    reason: str | None
    done_rows: float | None
    total_rows: float | None
    kept_rows: float | None
    records_per_s: float | None
    elapsed_s: float | None
    eta_s: float | None
    chunk_rows: int | None
    chunks: int | None
    adaptations: int | None
    retries: int | None
    given_up_rows: int | None
    peak_bytes: float | None
    limit_bytes: float | None
    last_seen: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedRun:
    """How far a run has come.

    Attributes:
        run_id: Dagster run id.
        job: Its job, ``None`` where nobody said.
        status: ``running``, or how it ended: ``success``, ``failed``, ``canceled``, ``lost`` or ``incomplete``.
        is_over: Whether nothing more is expected.
        started: When it began.
        elapsed_s: Seconds since, or that it took.
        assets: What it has made, makes and will make, in that order.
    """

    run_id: str
    job: str | None
    status: str
    is_over: bool
    started: datetime | None
    elapsed_s: float | None
    assets: tuple[WatchedAsset, ...]


@dataclass(frozen=True, slots=True)
class _Limits:
    """What the run was configured to; defaults where nobody said."""

    memory_bytes: float | None = None
    workers: int = 1
    heartbeat_s: float = 60.0


class Watch:
    """Follows one run."""

    def __init__(
        self, store: LedgerStore, name: str | None = None, *, steady: Callable[[], float] = time.monotonic
    ) -> None:
        """Begin with what is there.

        Args:
            store: The ledger.
            name: Run id, its unique beginning, or ``latest``; the newest run that is under way when ``None``.
            steady: Seconds of a clock that is never set.

        Raises:
            ConfigurationError: There is no such run, or none under way.
            StoreError: The ledger could not be read.
        """
        self._store: Final = store
        self._steady: Final = steady
        self._idle_since_s: float | None = None
        self._cursor: Cursor
        self.run_id, self._events, self._cursor = store.consult(lambda view: _opened(view, name))
        self._fold()

    def refresh(self) -> bool:
        """Take note of what was appended since; return whether anything of this run was.

        Raises:
            StoreError: The ledger could not be read.
        """
        new, self._cursor = self._store.changes(self._cursor)
        of_run = new.filter(pc.equal(new.column("run_id"), self.run_id))
        of_run = of_kind(of_run, *QUERY_KINDS)
        if of_run.num_rows == 0:
            return False
        self._events = pa.concat_tables([self._events, of_run])
        self._idle_since_s = None
        self._fold()
        return True

    def now(self, clock: Clock = utc_now) -> WatchedRun:
        """Return what the run comes to, at this moment.

        Args:
            clock: Gives the time now.
        """
        moment = clock()
        assets = tuple(_asset(row, self._why_lost(row, moment), self._limits, moment) for row in self._rows)
        status, is_over = self._state(assets, moment)
        began, ended = self._run["started"], self._run["ended"]
        end = ended if is_over and ended is not None else moment
        return WatchedRun(
            run_id=self.run_id,
            job=self._run["job"],
            status=status,
            is_over=is_over,
            started=began,
            elapsed_s=None if began is None else _seconds(began, end),
            assets=assets,
        )

    def _fold(self) -> None:
        """Fold what is there."""
        (self._run,) = runs(self._events).to_pylist() or [_nothing_said(self.run_id)]
        self._rows = live(self._events).to_pylist()
        self._limits = _limits(self._events)
        self._last_seen: datetime | None = pc.max(self._events.column("ts")).as_py()
        self._is_closed = of_kind(self._events, "run_finished").num_rows > 0
        begun = from_table(of_kind(self._events, "asset_started"))
        self._begun: dict[str, Event] = {entry.stream: entry.event for entry in begun}

    def _why_lost(self, row: Mapping[str, Any], moment: datetime) -> str | None:
        """Return how it is known that a running attempt is gone."""
        if row["status"] != "running":
            return None
        evidence = Evidence(stale_after_s=max(STALE_AFTER_S, 10.0 * self._limits.heartbeat_s))
        started = self._begun.get(row["stream"], Event())
        return why_lost(started, row["last_seen"], evidence, clock=lambda: moment)

    def _state(self, assets: tuple[WatchedAsset, ...], moment: datetime) -> tuple[str, bool]:
        """Return the status of the run, and whether it is over."""
        if self._is_closed:
            return self._run["status"], True
        states = {asset.state for asset in assets}
        if states & {"running", "silent"}:
            self._idle_since_s = None
            return "running", False
        if self._idle_since_s is None:
            self._idle_since_s = self._steady()
        silent_s = 0.0 if self._last_seen is None else _seconds(self._last_seen, moment)
        if silent_s < _patience_s(states) or self._steady() - self._idle_since_s < _NOTICED_S:
            return "running", False
        return "lost" if "lost" in states else self._run["status"], True


def _patience_s(states: set[str]) -> float:
    """Return the silence after which a run without anybody at work counts as over."""
    if "lost" in states or not states & {"waiting", "retrying"}:
        return _HEARD_S
    return _TROUBLED_S if states & {"failed", "canceled", "blocked"} else STALE_AFTER_S


def under_way(view: LedgerView) -> str:
    """Return the id of the newest run that is under way.

    Raises:
        ConfigurationError: There is none.
    """
    find_run(view, LATEST)  # Says what to do where there are no runs at all.
    known = standing(view).runs.sort_by([("started", "descending"), ("run_id", "ascending")]).to_pylist()
    for row in known:
        if row["status"] == _UNDER_WAY[0] or (row is known[0] and row["status"] in _UNDER_WAY):
            return str(row["run_id"])
    newest = known[0]
    message = (
        f"no run is under way in the ledger at {view.uri}; the latest, {newest['run_id'][:8]} of"
        f" {newest['job'] or 'an unknown job'}, ended: {newest['status']} (see it with `dagster-ledger show latest`)"
    )
    raise ConfigurationError(message)


def _opened(view: LedgerView, name: str | None) -> tuple[str, pa.Table, Cursor]:
    """Return the run that is meant, its events, and where to follow the ledger from."""
    run_id = under_way(view) if name is None else find_run(view, name)
    query: EventQuery = replace(standing(view).query_of(run_id), kinds=QUERY_KINDS)
    return run_id, view.read(query), view.cursor


def _limits(events: pa.Table) -> _Limits:
    """Return what the run was configured to."""
    said = payload_fields(of_kind(events, "configuration_resolved"), _CONFIGURED).to_pylist()
    values = {name: value for row in said for name, value in (row["values"] or {}).items() if value is not None}
    threshold = values.get("memory_threshold_mb")
    return _Limits(
        None if threshold is None else threshold * MIB,
        int(values.get("chunk_workers", 1)),
        values.get("heartbeat_s", 60.0),
    )


def _asset(row: Mapping[str, Any], lost: str | None, limits: _Limits, moment: datetime) -> WatchedAsset:
    """Return what a row of the projection means now."""
    state, reason = _standing(row, lost, limits, moment)
    is_open = state in {"running", "silent"}
    workers = limits.workers if row["chunks"] is not None else 1
    limit = row["limit_bytes"]
    if limit is None and row["stream"] is not None and limits.memory_bytes is not None:
        limit = limits.memory_bytes / workers
    elapsed_s = row["duration_s"]
    if elapsed_s is None and row["started"] is not None:
        # What was lost is told up to its last event: nobody knows how long it went on.
        elapsed_s = _seconds(row["started"], moment if is_open else (row["ended"] or row["last_seen"]))
    rate = _rate(row)
    return WatchedAsset(
        asset=row["asset"] or "",
        partition=row["partition"],
        attempt=row["attempt"],
        state=state,
        reason=reason,
        done_rows=row["done_rows"],
        total_rows=row["total_rows"],
        kept_rows=row["kept_rows"],
        records_per_s=rate if is_open or row["records_per_s"] is None else row["records_per_s"],
        elapsed_s=elapsed_s,
        eta_s=_left_s(row, rate, workers, moment) if state == "running" else None,
        chunk_rows=row["chunk_rows"],
        chunks=row["chunks"],
        adaptations=row["adaptations"],
        retries=row["retries"],
        given_up_rows=row["given_up_rows"],
        peak_bytes=row["peak_bytes"],
        limit_bytes=limit,
        last_seen=row["last_seen"],
    )


def _standing(row: Mapping[str, Any], lost: str | None, limits: _Limits, moment: datetime) -> tuple[str, str | None]:
    """Return the state of an asset and its reason."""
    if row["status"] != "running":
        return row["status"], row["reason"]
    if lost is not None:
        return "lost", lost
    if _seconds(row["last_seen"], moment) > _SILENT_AFTER * limits.heartbeat_s:
        seen = row["last_seen"].astimezone().strftime("%H:%M:%S")
        return "silent", f"no sign of life since {seen}; its process may hang, or be out of reach"
    return "running", row["reason"]


def _rate(row: Mapping[str, Any]) -> float | None:
    """Return the rows per second that an attempt makes: as its own estimate says, else on the average so far."""
    rows, total, eta_s = row["progress_rows"], row["total_rows"], row["eta_s"]
    if rows is None:
        return None
    if eta_s and total is not None and total > rows:
        return float((total - rows) / eta_s)
    took_s = _seconds(row["started"], row["progress_ts"])
    made = rows - (row["kept_rows"] or 0.0)
    return float(made / took_s) if took_s > 0.0 and made > 0.0 else None


def _left_s(row: Mapping[str, Any], rate: float | None, workers: int, moment: datetime) -> float | None:
    """Return the seconds that are left at a moment."""
    rows, total = row["progress_rows"], row["total_rows"]
    if rows is None or total is None or rate is None:
        return None
    left = max(total - rows, 0.0)
    told_s = row["eta_s"] if row["eta_s"] is not None else left / rate
    after_this = max(left - (row["chunk_rows"] or left) * workers, 0.0)
    return float(max(told_s - _seconds(row["progress_ts"], moment), after_this / rate))


def _seconds(begin: datetime, end: datetime) -> float:
    """Return the seconds between two moments; those of another machine may lie ahead of this one's clock."""
    return max((end - begin).total_seconds(), 0.0)


def _nothing_said(run_id: str) -> dict[str, Any]:
    return {"run_id": run_id, "job": None, "status": "incomplete", "started": None, "ended": None}
