"""The health of pipelines: how each job has been doing, in one word with its reasons.

Rules:
- ``failing``: the newest run that ended did not succeed, a gate is closed, an alert at error or above of that run is
  unanswered, or the newest verdict is FAIL. ``degraded``: the newest verdict is no PASS, runs failed in the window, an
  alert warns, or a metric is getting worse. ``unknown``: no run has ended. Else ``healthy``.
- Runs that have not ended count for nothing yet.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from ledger.errors import ConfigurationError
from ledger.events import AlertAcknowledged
from ledger.events.codec import from_table
from ledger.metrics import BUILT_IN, MetricRegistry
from ledger.names import no_such
from ledger.projections.alerts import alerts
from ledger.projections.gates import QUERY_KINDS as GATE_KINDS
from ledger.projections.gates import gates
from ledger.service.gate.verdicts import latest
from ledger.service.reading.standing import standing
from ledger.service.trends.history import Asked
from ledger.service.trends.trending import judged_metrics, trends_of
from ledger.store.protocol import EventQuery, LedgerView

Word: TypeAlias = Literal["failing", "degraded", "unknown", "healthy"]

WORDS: Final[tuple[Word, ...]] = ("failing", "degraded", "unknown", "healthy")
"""From what needs a person first to what does not."""

_OPEN: Final = frozenset({"running", "incomplete"})
_GRAVE: Final = frozenset({"error", "critical"})
_NAMED: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class JobHealth:
    """How a job has been doing.

    Attributes:
        job: The job.
        word: It in one word.
        failing: Why it is failing, empty where it is not.
        degraded: Why it is degraded.
        runs: Runs in the window that ended.
        failed: Those of them that did not succeed.
        newest_run_id: The newest run that ended, ``None`` without one.
        newest_status: How that ended.
        newest_duration_s: How long that took, seconds.
        last_success: When the newest run that succeeded ended, ``None`` without one in the ledger.
        outcome: The newest verdict of the gate, ``None`` without one.
    """

    job: str
    word: Word
    failing: tuple[str, ...] = ()
    degraded: tuple[str, ...] = ()
    runs: int = 0
    failed: int = 0
    newest_run_id: str | None = None
    newest_status: str | None = None
    newest_duration_s: float | None = None
    last_success: datetime | None = None
    outcome: str | None = None

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why it is not healthy, gravest first."""
        return (*self.failing, *self.degraded)


@dataclass(slots=True)
class _Told:
    """What speaks against a job, while it is collected."""

    failing: list[str] = field(default_factory=list)
    degraded: list[str] = field(default_factory=list)


def health(
    view: LedgerView,
    now: datetime,
    *,
    jobs: Sequence[str] = (),
    last: int = 20,
    but: str | None = None,
    registry: MetricRegistry = BUILT_IN,
) -> tuple[JobHealth, ...]:
    """Return how the jobs of a ledger have been doing, those that need a person first.

    Args:
        view: The ledger.
        now: The moment, UTC: acknowledgements and overrides must still hold then.
        jobs: Only these; all when empty.
        last: Runs of each job in the window.
        but: A run that counts for nothing, such as the one that asks.
        registry: The declared metrics.

    Raises:
        ConfigurationError: The ledger has no run of a job that was named.
    """
    known = standing(view).runs
    rows = [row for row in known.to_pylist() if row["job"] is not None and row["run_id"] != but]
    names = sorted({row["job"] for row in rows})
    for job in jobs:
        if job not in names:
            raise ConfigurationError(no_such("job", job, names, "in the ledger"))
    closed = _closed_gates(view, now, {row["run_id"]: row["job"] for row in rows})
    found = [
        _of_job(view, job, [row for row in rows if row["job"] == job], closed.get(job, ()), now, last, registry)
        for job in (jobs or names)
    ]
    return tuple(sorted(found, key=lambda one: (WORDS.index(one.word), one.job)))


def _of_job(
    view: LedgerView,
    job: str,
    rows: Sequence[Mapping[str, Any]],
    closed: Sequence[str],
    now: datetime,
    last: int,
    registry: MetricRegistry,
) -> JobHealth:
    ended = [row for row in rows if row["status"] not in _OPEN]
    if not ended:
        return JobHealth(job=job, word="unknown", degraded=("no run has ended",))
    newest, window, told = ended[-1], ended[-last:], _Told()
    failed = sum(row["status"] != "success" for row in window)
    if newest["status"] != "success":
        told.failing.append(f"run {newest['run_id'][:8]} ended {newest['status']}")
    elif failed:
        told.degraded.append(f"{failed} of the last {len(window)} runs did not succeed")
    told.failing += closed
    _add_alerts(told, view, newest["run_id"], now)
    outcome = _add_verdict(told, view, job)
    _add_trends(told, view, job, registry)
    return JobHealth(
        job=job,
        word="failing" if told.failing else ("degraded" if told.degraded else "healthy"),
        failing=tuple(told.failing),
        degraded=tuple(told.degraded),
        runs=len(window),
        failed=failed,
        newest_run_id=newest["run_id"],
        newest_status=newest["status"],
        newest_duration_s=newest["duration_s"],
        last_success=max((row["ended"] for row in ended if row["status"] == "success"), default=None),
        outcome=outcome,
    )


def _closed_gates(view: LedgerView, now: datetime, job_of: Mapping[str, str]) -> dict[str, list[str]]:
    """Return the gates that are closed, in words, by the job whose run closed them."""
    found: dict[str, list[str]] = {}
    for gate in gates(view.read(EventQuery(kinds=GATE_KINDS)), now):
        if gate.closed and gate.run_id in job_of:
            found.setdefault(job_of[gate.run_id], []).append(f"gate {gate.check} of {gate.asset} is closed")
    return found


def _add_alerts(told: _Told, view: LedgerView, run_id: str, now: datetime) -> None:
    raised = alerts(view.read(EventQuery(kinds=("alert_raised",), run_ids=(run_id,))))
    taken = (entry.event for entry in from_table(view.read(EventQuery(kinds=("alert_acknowledged",)))))
    answered = {event.alert_id for event in taken if isinstance(event, AlertAcknowledged) and event.holds_at(now)}
    known = pc.is_in(raised.column("alert_id"), pa.array(sorted(answered), pa.string()))
    for row in raised.filter(pc.invert(known)).to_pylist():
        (told.failing if row["severity"] in _GRAVE else told.degraded).append(f"{row['severity']}: {row['message']}")


def _add_verdict(told: _Told, view: LedgerView, job: str) -> str | None:
    try:
        event = latest(view, job).event
    except ConfigurationError:
        return None
    said = f"gate {event.outcome}: {event.sentence}"
    if event.outcome == "FAIL":
        told.failing.append(said)
    elif event.outcome != "PASS":
        told.degraded.append(said)
    return event.outcome


def _add_trends(told: _Told, view: LedgerView, job: str, registry: MetricRegistry) -> None:
    asked = Asked(job=job, default_metrics=judged_metrics(registry))
    worse = [one for one in trends_of(view, asked, registry).series if one.standing == "worse"]
    if worse:
        named = ", ".join(f"{one.metric} of {one.asset}" for one in worse[:_NAMED])
        more = f" and {len(worse) - _NAMED} more" if len(worse) > _NAMED else ""
        told.degraded.append(f"getting worse: {named}{more}")
