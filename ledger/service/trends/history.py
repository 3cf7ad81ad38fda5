"""Reads histories from a ledger: the newest runs of each job, and of their events only what a series needs.

Rules:
- A window is told in runs of each job, or in days up to the newest run of the ledger: not up to now, so that the same
  ledger gives the same answer whenever it is asked.
- Which runs these are is known from the snapshot of runs. Only what happened since the first of them is read.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from ledger.errors import ConfigurationError
from ledger.names import no_such
from ledger.projections.histories import CIRCUMSTANCE_KINDS, Histories, histories
from ledger.service.reading.replay import check_names
from ledger.service.reading.standing import Standing, standing
from ledger.store.protocol import EventQuery, LedgerView

HISTORY_RUNS: Final = 500
"""Runs of each job in which changes are looked for, whatever the window: what is found must not depend on it."""

_VALUE_COLUMNS: Final = ("stream", "seq", "ts", "kind", "asset", "partition", "metric", "value", "unit", "run_id")
_TOLD_COLUMNS: Final = ("stream", "seq", "ts", "kind", "status", "payload", "run_id")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Which histories are asked for.

    Attributes:
        assets: Asset keys, all where empty.
        metrics: Metric names; where empty, ``default_metrics``.
        job: Only runs of this job.
        last: Newest runs of each job in the window; ``None`` where ``days`` tells it.
        days: Days up to the newest run.
        default_metrics: What is looked at where nobody names a metric; all where empty.
    """

    assets: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    job: str | None = None
    last: int | None = 100
    days: float | None = None
    default_metrics: tuple[str, ...] = ()

    @property
    def window(self) -> str:
        """The window in words."""
        of_job = f" of job {self.job}" if self.job else " of each job"
        if self.days is not None:
            return f"{self.days:g} days up to the newest run{of_job if self.job else ''}"
        return f"last {self.last} runs{of_job}"


@dataclass(frozen=True, slots=True)
class Chosen:
    """The runs that are looked at.

    Attributes:
        run_ids: All of them.
        window: Those of the window among them.
        since: When the first of them began, ``None`` where there are none.
    """

    run_ids: frozenset[str]
    window: frozenset[str]
    since: datetime | None


def chosen_runs(view: LedgerView, asked: Asked) -> Chosen:
    """Return the runs that are looked at.

    Raises:
        ConfigurationError: The ledger has no run of the job.
    """
    known = standing(view)
    by_job = _by_job(known)
    if asked.job is not None:
        if asked.job not in by_job:
            names = sorted(name for name in by_job if name)
            raise ConfigurationError(no_such("job", asked.job, names, "in the ledger"))
        by_job = {asked.job: by_job[asked.job]}
    newest = max((runs[-1]["started"] for runs in by_job.values()), default=None)
    history, window = set(), set()
    for runs in by_job.values():
        within = _within(runs, asked, newest)
        window |= within
        history |= within | {row["run_id"] for row in runs[-HISTORY_RUNS:]}
    return Chosen(frozenset(history), frozenset(window), _began(known, history))


def read_histories(view: LedgerView, asked: Asked, chosen: Chosen) -> Histories:
    """Return the values of the runs that were chosen.

    Raises:
        ConfigurationError: An asset or a metric that was asked for is not in the ledger.
    """
    check_names(view, EventQuery(assets=asked.assets, metrics=asked.metrics))
    if chosen.since is None:
        return histories(view.read(EventQuery(streams=("nothing",))))
    values = EventQuery(
        kinds=("metric_measured",),
        assets=asked.assets,
        metrics=asked.metrics or asked.default_metrics,
        since=chosen.since,
        columns=_VALUE_COLUMNS,
    )
    told = EventQuery(kinds=CIRCUMSTANCE_KINDS, since=chosen.since, columns=_TOLD_COLUMNS)
    events = pa.concat_tables([view.read(values), view.read(told)], promote_options="default")
    wanted = pa.array(sorted(chosen.run_ids), pa.string())
    return histories(events.filter(pc.is_in(events.column("run_id"), wanted)))


def _by_job(known: Standing) -> dict[str | None, list[dict[str, Any]]]:
    """Return the runs of each job that began, oldest first."""
    found: dict[str | None, list[dict[str, Any]]] = {}
    for row in known.runs.select(["run_id", "job", "started"]).to_pylist():
        if row["started"] is not None:
            found.setdefault(row["job"], []).append(row)
    return found


def _within(runs: list[dict[str, Any]], asked: Asked, newest: datetime | None) -> set[str]:
    """Return the runs of a job that are in the window."""
    if asked.days is not None and newest is not None:
        since = newest - timedelta(days=asked.days)
        return {row["run_id"] for row in runs if row["started"] >= since}
    return {row["run_id"] for row in runs[-(asked.last or HISTORY_RUNS) :]}


def _began(known: Standing, run_ids: Iterable[str]) -> datetime | None:
    """Return when the first event of some runs happened."""
    spans = known.extents
    rows = spans.filter(pc.is_in(spans.column("run_id"), pa.array(sorted(run_ids), pa.string())))
    began: datetime | None = pc.min(rows.column("first_ts")).as_py() if rows.num_rows else None
    return began
