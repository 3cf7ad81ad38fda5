"""Gates: the latest evaluation of every blocking check, and who overrode it.

Rules:
- A gate belongs to asset, partition and check. Its state is what was evaluated last.
- An override holds from when it was recorded until it expires, for what was evaluated before it; an evaluation after it
  closes the gate anew.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from ledger.events import Event, GateOverridden
from ledger.events.codec import from_table
from ledger.projections.checks import checks
from ledger.projections.fold import in_order, of_kind

QUERY_KINDS: Final = ("check_evaluated", "gate_overridden")
"""The event kinds this projection needs."""


@dataclass(frozen=True, slots=True)
class Gate:
    """The state of one gate.

    Attributes:
        asset: Asset that was checked.
        partition: Its partition.
        check: Check name.
        passed: Whether it passed when it was last evaluated.
        evaluated: When that was, UTC.
        run_id: In which run.
        metric: Metric it looks at.
        value: What was observed.
        threshold: The limit.
        description: What the check said.
        override: The override that holds, ``None`` without one.
    """

    asset: str
    partition: str | None
    check: str
    passed: bool
    evaluated: datetime
    run_id: str
    metric: str | None
    value: float | None
    threshold: float | None
    description: str | None
    override: GateOverridden | None

    @property
    def closed(self) -> bool:
        """Whether it stops what comes after."""
        return not self.passed and self.override is None


def gates(events: pa.Table, now: datetime) -> list[Gate]:
    """Return every gate in its latest state, ordered by asset, partition and check.

    Args:
        events: Events of ``QUERY_KINDS`` at least; left untouched.
        now: Moment at which overrides must still hold.
    """
    evaluated = checks(events)
    blocking = evaluated.filter(pc.equal(evaluated.column("blocking"), pa.array([True])[0]))
    latest: dict[tuple[str, str | None, str], dict[str, object]] = {}
    for row in blocking.to_pylist():
        latest[row["asset"] or "", row["partition"], row["check"]] = row
    overrides = [(entry.ts, entry.event) for entry in from_table(in_order(of_kind(events, "gate_overridden")))]
    rows = sorted(latest.items(), key=lambda item: (item[0][0], item[0][1] or "", item[0][2]))
    return [_gate(key, row, overrides, now) for key, row in rows]


def _gate(
    key: tuple[str, str | None, str],
    row: dict[str, object],
    overrides: Sequence[tuple[datetime, Event]],
    now: datetime,
) -> Gate:
    asset, partition, check = key
    evaluated: datetime = row["ts"]  # type: ignore[assignment]
    holding = [
        event
        for ts, event in overrides
        if isinstance(event, GateOverridden)
        and (event.asset, event.check or check, event.partition or partition) == (asset, check, partition)
        and ts >= evaluated
        and event.holds_at(now)
    ]
    return Gate(
        asset=asset,
        partition=partition,
        check=check,
        passed=row["status"] == "passed",
        evaluated=evaluated,
        run_id=str(row["run_id"]),
        metric=row["metric"],  # type: ignore[arg-type]
        value=row["value"],  # type: ignore[arg-type]
        threshold=row["threshold"],  # type: ignore[arg-type]
        description=row["description"],  # type: ignore[arg-type]
        override=holding[-1] if holding else None,
    )
