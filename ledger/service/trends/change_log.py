"""Changes of level as events: what was once found stays found, and is told again with where it would be today.

Rules:
- A change that was confirmed is never moved or taken back. What is found now within five runs of it, or within its
  interval, is the same change; where that lies elsewhere it is told beside what was recorded.
- A provisional change is confirmed by the same change found again, and withdrawn by an event where it is not.
- An event happened when the newest run it was told from was measured. So the same ledger gives the same bytes in every
  process, and recording what is recorded already changes nothing.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from ledger.events import ChangePointFound, ChangePointWithdrawn, Event, StreamId
from ledger.events.batch import freeze
from ledger.events.codec import from_table
from ledger.projections.histories import Series
from ledger.stats import ChangePoint
from ledger.store.protocol import EventQuery, LedgerStore, LedgerView

QUERY_KINDS: Final = ("change_point_found", "change_point_withdrawn")
SAME_WITHIN: Final = 5
"""Runs that two looks may be apart and still mean one change: the shortest piece that is told from noise."""

_TOPIC: Final = "change"
_DIGITS: Final = 16


@dataclass(frozen=True, slots=True)
class Matched:
    """A change as it is recorded, as it is found now, or both.

    Attributes:
        change_id: Stable id.
        point: What is found now.
        recorded: What the ledger holds.
    """

    change_id: str
    point: ChangePoint | None
    recorded: ChangePointFound | None

    @property
    def news(self) -> bool:
        """Whether the ledger does not hold what is found now."""
        if self.recorded is None:
            return True
        waiting = self.recorded.status == "provisional"
        return waiting and (self.point is None or not self.point.provisional)


def stream_of(series: Series) -> StreamId:
    """Return the stream that the changes of a series live in."""
    return StreamId(_TOPIC, series.series_id)


def recorded_changes(view: LedgerView, since: datetime | None) -> dict[str, dict[str, ChangePointFound]]:
    """Return what holds of the recorded changes, by stream and id.

    Args:
        view: The ledger.
        since: Only what was recorded since; an event is never older than the runs it tells of.
    """
    found: dict[str, dict[str, ChangePointFound]] = {}
    for entry in from_table(view.read(EventQuery(kinds=QUERY_KINDS, since=since))):
        of_stream = found.setdefault(entry.stream, {})
        if isinstance(entry.event, ChangePointFound):
            of_stream[entry.event.change_id] = entry.event
        elif isinstance(entry.event, ChangePointWithdrawn):
            of_stream.pop(entry.event.change_id, None)
    return found


def matched(series: Series, points: Sequence[ChangePoint], recorded: Mapping[str, ChangePointFound]) -> list[Matched]:
    """Return each change once: what is recorded with what is found now, where both mean the same."""
    place = {run_id: index for index, run_id in enumerate(series.run_ids)}
    held = sorted(
        ((place[event.first_run_id], event) for event in recorded.values() if event.first_run_id in place),
        key=lambda pair: (pair[0], pair[1].change_id),
    )
    free = dict(enumerate(points))
    found: list[tuple[int, Matched]] = []
    # What is confirmed chooses first, so that a warning never takes its place.
    for index, event in sorted(held, key=lambda pair: (pair[1].status != "confirmed", pair[0])):
        near = [number for number, point in free.items() if _same(index, event, point, place)]
        number = min(near, key=lambda number: (abs(free[number].index - index), number), default=None)
        point = None if number is None else free.pop(number)
        found.append((index, Matched(event.change_id, point, event)))
    found += [(point.index, Matched(_id_of(series, point), point, None)) for point in free.values()]
    return [change for _, change in sorted(found, key=lambda pair: (pair[0], pair[1].change_id))]


def news_of(series: Series, changes: Iterable[Matched], told: Mapping[str, ChangePointFound]) -> list[Event]:
    """Return the events that bring the ledger up to what is found now.

    Args:
        series: The series.
        changes: What ``matched`` returned.
        told: The event of each change that is found now, by id.
    """
    events: list[Event] = []
    for change in changes:
        if not change.news:
            continue
        if change.point is not None:
            events.append(told[change.change_id])
        elif change.recorded is not None:
            events.append(
                ChangePointWithdrawn(
                    asset=series.asset,
                    partition=series.partition,
                    change_id=change.change_id,
                    metric=series.metric,
                    newest_run_id=series.run_ids[-1],
                    reason=f"{len(series.run_ids)} runs do not show the change that was seen from run"
                    f" {change.recorded.first_run_id} on",
                )
            )
    return events


def record(store: LedgerStore, series: Series, events: Sequence[Event]) -> None:
    """Append events to the stream of a series.

    Raises:
        ConflictError: Another process recorded something else of this series at the same time; look again.
        StoreError: The medium refused.
    """
    stream = str(stream_of(series))
    head = store.head(stream)
    ts = datetime.fromtimestamp(float(series.times_s[-1]), UTC)
    batch = freeze(
        stream,
        [(ts, event) for event in events],
        number=head.number + 1 if head else 0,
        first_seq=head.next_seq if head else 0,
        previous_digest=head.digest if head else None,
    )
    store.append(batch)


def _same(index: int, event: ChangePointFound, point: ChangePoint, place: Mapping[str, int]) -> bool:
    """Return whether what is found now is what was recorded: near it, inside its interval, and the same way."""
    earliest, latest = (place.get(run_id, index) for run_id in (event.earliest_run_id, event.latest_run_id))
    near = abs(point.index - index) <= SAME_WITHIN or earliest <= point.index <= latest
    return near and (point.after > point.before) == (event.after > event.before)


def _id_of(series: Series, point: ChangePoint) -> str:
    """Return the id of a change that is new."""
    text = f"{series.series_id}/{series.run_ids[point.index]}"
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]
