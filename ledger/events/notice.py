"""Events of telling people: acknowledged alerts, delivered and undeliverable notices."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from ledger.events.base import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertAcknowledged(Event):
    """A person has taken note of an alert and answers for it, for a while.

    Attributes:
        alert_id: Which alert.
        reason: Why it may stand.
        owner: Who answers for it.
        expires: When the acknowledgement ends: ISO 8601, UTC.
    """

    KIND: ClassVar[str] = "alert_acknowledged"

    alert_id: str
    reason: str
    owner: str
    expires: str

    def holds_at(self, moment: datetime) -> bool:
        """Return whether the acknowledgement has not ended yet."""
        return moment < datetime.fromisoformat(self.expires)


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeSent(Event):
    """An alert was delivered to a channel.

    Attributes:
        alert_id: Which alert.
        channel: Kind of channel and digest of its address; the address itself may be a secret.
        attempts: How often it was tried.
    """

    KIND: ClassVar[str] = "notice_sent"

    alert_id: str
    channel: str
    attempts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeFailed(Event):
    """An alert could not be delivered to a channel: the dead letter, which the next delivery tries again.

    Attributes:
        alert_id: Which alert.
        channel: As in ``NoticeSent``.
        attempts: How often it was tried.
        error: One sentence: what the channel answered.
    """

    KIND: ClassVar[str] = "notice_failed"

    alert_id: str
    channel: str
    attempts: int
    error: str
