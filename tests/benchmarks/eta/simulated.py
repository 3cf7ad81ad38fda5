"""Runs that are simulated: rows and seconds of each chunk, as machines make them; and how wrong estimates of them are.

Rules:
- A scenario is a seeded function; a chunk of the usual size takes a second and is off by a tenth (lognormal).
- The error of an estimate is its distance from what was really left, relative to that; there is one after each
  chunk but the last.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias

import numpy as np

from ledger.chunks import RateEstimator

CHUNKS: Final = 60
ROWS: Final = 1_000
_SPREAD: Final = 0.1
_STALLED_AT: Final = 20


@dataclass(frozen=True, slots=True)
class Chunks:
    """The chunks of a run, in order.

    Attributes:
        rows: Rows of each (int64).
        times_s: Seconds of each (float64).
        judged_from: First chunk whose estimate is judged.
    """

    rows: np.ndarray
    times_s: np.ndarray
    judged_from: int = 0


Scenario: TypeAlias = Callable[[np.random.Generator], Chunks]


class Estimator(Protocol):
    """What tells the time left."""

    def observe(self, rows: int, wall_s: float) -> None:
        """Take note of a chunk."""

    def eta_s(self, rows_left: int) -> float | None:
        """Return the seconds that are left."""


def steady(rng: np.random.Generator) -> Chunks:
    """A run in which nothing happens."""
    return Chunks(np.full(CHUNKS, ROWS), rng.lognormal(0.0, _SPREAD, CHUNKS))


def drift(rng: np.random.Generator) -> Chunks:
    """A run that becomes slower all the time, by a half in the end: its rows become harder."""
    return Chunks(np.full(CHUNKS, ROWS), rng.lognormal(0.0, _SPREAD, CHUNKS) * np.linspace(1.0, 1.5, CHUNKS))


def stall(rng: np.random.Generator) -> Chunks:
    """A run of which one chunk takes thirty times as long: a disk, a lock, a neighbour. Judged after it."""
    times_s = rng.lognormal(0.0, _SPREAD, CHUNKS)
    times_s[_STALLED_AT] *= 30.0
    return Chunks(np.full(CHUNKS, ROWS), times_s, _STALLED_AT)


def slowed(rng: np.random.Generator) -> Chunks:
    """A run whose machine becomes three times as slow and stays so. Judged three chunks after it."""
    times_s = rng.lognormal(0.0, _SPREAD, CHUNKS)
    times_s[_STALLED_AT:] *= 3.0
    return Chunks(np.full(CHUNKS, ROWS), times_s, _STALLED_AT + 3)


def heavy_tail(rng: np.random.Generator) -> Chunks:
    """A run of which some chunks take many times as long, again and again (Pareto, exponent 2.5)."""
    return Chunks(np.full(CHUNKS, ROWS), 0.6 * (1.0 + rng.pareto(2.5, CHUNKS)))


def adaptive(rng: np.random.Generator) -> Chunks:
    """A run whose chunks grow from an eighth, are halved where memory gets short, and cost something each."""
    size = [ROWS // 8, ROWS // 4, ROWS // 2, *[ROWS] * 20, *[ROWS // 2] * 10, *[ROWS // 4] * 40]
    rows = np.array(size)
    return Chunks(rows, (0.05 + 0.95 * rows / ROWS) * rng.lognormal(0.0, _SPREAD, len(rows)))


SCENARIOS: Final[Mapping[str, Scenario]] = {
    "steady": steady,
    "drift": drift,
    "stall": stall,
    "slowed": slowed,
    "heavy tail": heavy_tail,
    "adaptive chunks": adaptive,
}
GOALS: Final = {"steady": 0.10, "stall": 0.20}
"""Largest median error, by scenario."""


class MeanSoFar:
    """All rows by all seconds so far."""

    def __init__(self) -> None:
        self._rows, self._wall_s = 0, 0.0

    def observe(self, rows: int, wall_s: float) -> None:
        self._rows, self._wall_s = self._rows + rows, self._wall_s + wall_s

    def eta_s(self, rows_left: int) -> float | None:
        return rows_left * self._wall_s / self._rows if self._rows else None


class LastSeven:
    """The rows of the last seven chunks by their seconds: what a progress bar with a window does (rich)."""

    def __init__(self) -> None:
        self._chunks: deque[tuple[int, float]] = deque(maxlen=7)

    def observe(self, rows: int, wall_s: float) -> None:
        self._chunks.append((rows, wall_s))

    def eta_s(self, rows_left: int) -> float | None:
        rows = sum(one for one, _ in self._chunks)
        return rows_left * sum(wall_s for _, wall_s in self._chunks) / rows if rows else None


class SmoothedBoth:
    """Rows and seconds, each smoothed exponentially with 0.3: what tqdm does."""

    def __init__(self) -> None:
        self._rows = self._wall_s = None

    def observe(self, rows: int, wall_s: float) -> None:
        self._rows = rows if self._rows is None else 0.3 * rows + 0.7 * self._rows
        self._wall_s = wall_s if self._wall_s is None else 0.3 * wall_s + 0.7 * self._wall_s

    def eta_s(self, rows_left: int) -> float | None:
        return None if self._rows is None else rows_left * self._wall_s / self._rows


ESTIMATORS: Final[Mapping[str, Callable[[], Estimator]]] = {
    "dagster-ledger": RateEstimator,
    "mean so far": MeanSoFar,
    "last seven chunks": LastSeven,
    "both smoothed (tqdm)": SmoothedBoth,
}


def errors(estimator: Estimator, chunks: Chunks) -> np.ndarray:
    """Return the relative error of the estimate after each judged chunk (1-D float64)."""
    found = []
    for place in range(len(chunks.rows) - 1):
        estimator.observe(int(chunks.rows[place]), float(chunks.times_s[place]))
        left_s = float(chunks.times_s[place + 1 :].sum())
        told_s = estimator.eta_s(int(chunks.rows[place + 1 :].sum()))
        assert told_s is not None
        if place >= chunks.judged_from:
            found.append(abs(told_s - left_s) / left_s)
    return np.array(found)


def medians(scenario: str, estimator: str, seeds: Sequence[int]) -> np.ndarray:
    """Return the median error of each of some runs of a scenario (1-D float64, one per seed)."""
    place = list(SCENARIOS).index(scenario)
    made = [SCENARIOS[scenario](np.random.default_rng([place, seed])) for seed in seeds]
    return np.array([np.median(errors(ESTIMATORS[estimator](), chunks)) for chunks in made])
