"""How things are measured: contenders take turns, and figures are medians of rounds.

Rules:
- In each round every contender is measured once, and the order turns by one each time, so that a busy minute of the
  machine meets all of them.
- A ratio is taken within a round; what is told is the median of the rounds' ratios with the smallest and the largest.
- How much is done is an ``Effort``: the full one, or one that only shows that everything works.
"""

import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from tests.benchmarks.store.goals import BY_KEY, GOALS, Judged

Turns = Mapping[str, Callable[[], float]]
_ENOUGH: Final = 1e-12


@dataclass(frozen=True, slots=True)
class Figure:
    """What one contender took.

    Attributes:
        section: The measurement it belongs to, for instance ``append``.
        case: What was measured, for instance ``1 writer``.
        contender: Who.
        unit: Unit of the values.
        values: One value a round.
        note: What a reader has to know to judge it.
    """

    section: str
    case: str
    contender: str
    unit: str
    values: tuple[float, ...]
    note: str = ""

    @property
    def median(self) -> float:
        """The median of the rounds."""
        return statistics.median(self.values)


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is measured.

    Attributes:
        rounds: How often every contender has its turn.
        appends: Appends of one writer in a round.
        writers: Processes that append at once.
        writer_appends: Appends of each of them.
        crowd: Loose files in the crowded ledger.
        tail: Loose files in the tail, at least.
        verified: Events that are verified.
        warm_up: Events a reader reads before it is measured.
    """

    rounds: int = 5
    appends: int = 30
    writers: int = 8
    writer_appends: int = 25
    crowd: int = 100_000
    tail: int = 2_000
    verified: int = 400_000
    warm_up: int = 10_000


FULL: Final = Effort()
QUICK: Final = Effort(
    rounds=1, appends=3, writers=2, writer_appends=3, crowd=500, tail=100, verified=5_000, warm_up=1_000
)
"""Shows that everything works; what it finds means nothing."""


@dataclass(slots=True)
class Results:
    """What was found so far.

    Attributes:
        judges: Goals are judged; a quick run judges none.
        figures: What contenders took.
    """

    judges: bool = True
    figures: list[Figure] = field(default_factory=list)
    _judged: dict[str, Judged] = field(default_factory=dict)

    def add(self, section: str, case: str, unit: str, rounds: Mapping[str, Sequence[float]], note: str = "") -> None:
        """Take down the rounds of several contenders."""
        self.figures += [Figure(section, case, name, unit, tuple(values), note) for name, values in rounds.items()]

    def judge(self, key: str, values: Sequence[float], note: str = "") -> None:
        """Take down what was measured for a goal; without values, the note says why there are none."""
        goal = BY_KEY[key]
        self._judged[key] = Judged(goal, tuple(values), note) if self.judges else Judged(goal, (), "a quick run")

    @property
    def goals(self) -> list[Judged]:
        """All goals, in the order they are listed in, also those nobody measured."""
        return [self._judged.get(goal.key, Judged(goal)) for goal in GOALS]


def in_turns(contenders: Turns, rounds: int) -> dict[str, list[float]]:
    """Return what each contender measured in each round.

    Args:
        contenders: Name to what measures once and returns the value.
        rounds: How often.
    """
    names = list(contenders)
    found: dict[str, list[float]] = {name: [] for name in names}
    for number in range(rounds):
        turn = number % max(len(names), 1)
        for name in names[turn:] + names[:turn]:
            found[name].append(contenders[name]())
    return found


def ratios(mine: Sequence[float], theirs: Sequence[float]) -> tuple[float, ...]:
    """Return mine over theirs, round by round."""
    return tuple(one / max(other, _ENOUGH) for one, other in zip(mine, theirs, strict=True))


def medians(samples: Mapping[str, Sequence[float]]) -> dict[str, float]:
    """Return the median of each contender's samples."""
    return {name: statistics.median(values) for name, values in samples.items()}


def wall_s(work: Callable[[], object]) -> float:
    """Return the wall seconds of some work."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


@contextmanager
def told(what: str, say: Callable[[str], None]) -> Iterator[None]:
    """Say what is being done, and how long it took, since some steps take minutes."""
    began = time.perf_counter()
    say(f"{what} ...")
    yield
    say(f"{what}: {time.perf_counter() - began:.1f} s")
