"""Events of histories: a change of level that was found in one, and a warning that did not hold.

They live in the stream ``change/<series>``, one per asset, partition, metric, machine class and configuration, so that
what was once said of a history stays said.
"""

from dataclasses import dataclass
from typing import ClassVar

from ledger.events.base import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangePointFound(Event):
    """A metric took another level. The same ``change_id`` again, confirmed, ends the waiting for more runs.

    Attributes:
        change_id: Stable id of the change, 16 hex digits.
        metric: Metric name.
        unit: Base unit of ``before`` and ``after``.
        status: ``provisional`` (seen by the last few runs only) or ``confirmed``.
        machine: Digest of the machine class of the series.
        config_digest: Digest of the configuration of the series.
        first_run_id: First run of the new level.
        earliest_run_id: First run at which the change may have happened.
        latest_run_id: Last run at which the change may have happened.
        newest_run_id: Newest run that was looked at.
        commit_before: Commit of the run before ``earliest_run_id``, ``None`` where nobody knew.
        commits: Commits of the runs from ``earliest_run_id`` to ``latest_run_id`` other than that, in run order.
        before: Median of the runs before.
        after: Median of the runs from the change on.
        change_ratio: after / before - 1, ``None`` where values are not all positive.
        low: Lower end of the 95 % interval of the change: a ratio where ``change_ratio`` is one, else in ``unit``.
        high: Upper end of it.
        p_value: How likely noise shows as much, in (0, 1].
        separation: Share of pairs, one run from each side, in the order of the medians, in [0.5, 1].
        runs: Runs that were looked at.
    """

    KIND: ClassVar[str] = "change_point_found"

    change_id: str
    metric: str
    unit: str
    status: str
    machine: str
    config_digest: str
    first_run_id: str
    earliest_run_id: str
    latest_run_id: str
    newest_run_id: str
    commit_before: str | None = None
    commits: tuple[str, ...] = ()
    before: float
    after: float
    change_ratio: float | None = None
    low: float | None = None
    high: float | None = None
    p_value: float
    separation: float
    runs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangePointWithdrawn(Event):
    """A provisional change did not hold once more runs were there.

    Attributes:
        change_id: The change.
        metric: Metric name.
        newest_run_id: Newest run that was looked at.
        reason: One sentence for people.
    """

    KIND: ClassVar[str] = "change_point_withdrawn"

    change_id: str
    metric: str
    newest_run_id: str
    reason: str
