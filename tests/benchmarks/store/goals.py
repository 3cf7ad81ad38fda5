"""What the store promises of its speed and size: each goal with its bound, judged by what one run measured.

Rules:
- Every goal is listed in every report. One that a run did not measure, or measured at another size than it is about, is
  neither met nor missed, and says so.
- The median of the rounds is judged; smallest and largest are told beside it.
"""

import statistics
from dataclasses import dataclass
from typing import Final, Literal

Verdict = Literal["pass", "miss", "not measured"]


@dataclass(frozen=True, slots=True)
class Goal:
    """A bound.

    Attributes:
        key: How measurements name it.
        section: The section that measures it.
        text: What is to be so.
        side: Whether the value has to be at most, or at least the bound.
        bound: The bound.
        unit: Unit of the bound, ``x`` for a ratio.
    """

    key: str
    section: str
    text: str
    side: Literal["most", "least"]
    bound: float
    unit: str


@dataclass(frozen=True, slots=True)
class Judged:
    """A goal, and what was measured.

    Attributes:
        goal: The goal.
        values: One value a round, empty where it was not measured.
        note: What is weaker than the goal's text, or why it was not measured.
    """

    goal: Goal
    values: tuple[float, ...] = ()
    note: str = ""

    @property
    def value(self) -> float | None:
        """The median of the rounds, ``None`` where nothing was measured."""
        return statistics.median(self.values) if self.values else None

    @property
    def verdict(self) -> Verdict:
        """Whether the median is on the right side of the bound."""
        if self.value is None:
            return "not measured"
        met = self.value <= self.goal.bound if self.goal.side == "most" else self.value >= self.goal.bound
        return "pass" if met else "miss"


GOALS: Final = (
    Goal("floor", "append", "durable append of 20 events, over the two fsyncs alone", "most", 2.5, "x"),
    Goal("writers", "append", "appends a second of 8 writers, over Delta's", "least", 10.0, "x"),
    Goal("crowd", "append", "append into 100,000 loose files, over one into an empty ledger", "most", 1.2, "x"),
    Goal("loose bytes", "append", "bytes of a loose append of 20 events", "most", 2_500.0, "B"),
    Goal("event bytes", "keeping", "bytes an event, compacted, leaf index included", "most", 12.0, "B"),
    Goal("raw 1e6 sql", "replay", "replay of 1e6 events in SQL, over a raw pyarrow scan, CPU", "most", 3.0, "x"),
    Goal("raw 1e6 read", "replay", "replay of 1e6 events by `read`, over a raw pyarrow scan, CPU", "most", 3.0, "x"),
    Goal("raw 1e7 sql", "replay", "replay of 1e7 events in SQL, over a raw pyarrow scan, CPU", "most", 1.0, "x"),
    Goal("raw 1e7 read", "replay", "replay of 1e7 events by `read`, over a raw pyarrow scan, CPU", "most", 1.0, "x"),
    Goal("objects sql", "replay", "one Python object an event, over the replay in SQL, CPU", "least", 40.0, "x"),
    Goal("objects read", "replay", "one Python object an event, over the replay by `read`, CPU", "least", 40.0, "x"),
    Goal("fetch sql", "replay", "Dagster's `fetch_materializations`, over the replay in SQL, CPU", "least", 100.0, "x"),
    Goal(
        "fetch read",
        "replay",
        "Dagster's `fetch_materializations`, over the replay by `read`, CPU",
        "least",
        100.0,
        "x",
    ),
    Goal("huge wall", "replay", "replay of 1e8 events in SQL, wall", "most", 15.0, "s"),
    Goal("huge memory", "replay", "replay of 1e8 events in SQL, peak memory", "most", 1.0, "GiB"),
    Goal("tail", "keeping", "reading 2,000 loose files, nothing cached, wall", "most", 1.0, "s"),
    Goal("verify", "keeping", "verification of an event, in appends of 20, CPU", "most", 4.0, "µs"),
    Goal("show", "commands", "`show` at 1e7 events and 2,000 loose files, wall beyond its start", "most", 1.0, "s"),
    Goal(
        "samples",
        "commands",
        "`samples --asset X --metric Y` at 1e7 events and 2,000 loose files, wall beyond its start",
        "most",
        1.0,
        "s",
    ),
    Goal(
        "scrape",
        "scraping",
        "scrape of the metrics at 1e6 events and 2,000 loose files, an append since",
        "most",
        50.0,
        "ms",
    ),
)
BY_KEY: Final = {goal.key: goal for goal in GOALS}
