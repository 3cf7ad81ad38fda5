"""Events of gates: what a failed check stopped, and who let it through nevertheless."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from ledger.events.base import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetBlocked(Event):
    """An asset was not made because the gate of an asset before it is closed.

    Attributes:
        blocked_by: Asset whose gate is closed.
        gate_run_id: Run in which the gate was evaluated; the run itself, or an earlier one.
        check: Check that failed.
        metric: Metric the check looks at, ``None`` where it looks at something else.
        value: What was observed, ``None`` where it is no number.
        threshold: The limit it was held against, ``None`` where there is none.
        reason: One sentence for people.
    """

    KIND: ClassVar[str] = "asset_blocked"

    blocked_by: str
    gate_run_id: str
    check: str
    metric: str | None = None
    value: float | None = None
    threshold: float | None = None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GateOverridden(Event):
    """A person let assets be made behind a closed gate, for a while.

    Attributes:
        check: Check whose failure is overridden; ``None`` for all checks of the asset.
        reason: Why.
        owner: Who answers for it.
        expires: When the override ends: ISO 8601, UTC.
    """

    KIND: ClassVar[str] = "gate_overridden"

    check: str | None = None
    reason: str
    owner: str
    expires: str

    def holds_at(self, moment: datetime) -> bool:
        """Return whether the override has not ended yet."""
        return moment < datetime.fromisoformat(self.expires)
