"""Faults that a run of the suite is asked to have, so that what finds them can be shown and tested.

Rules:
- A fault is a run tag: ``benchmark/slowdown.<asset>`` and ``benchmark/memory.<asset>`` are factors of at least 1,
  ``benchmark/dropped_matches`` is the share of all awards that lose their link. Without tags there are none.
- Tags do not enter the configuration digest. A fault stands for what nobody configured, so the run stays comparable
  with its baseline; run configuration would make every faulty run one that may not be compared. The tags are kept in
  the ledger with the start of the run.
- Slower is more of the same work, hungrier is memory that is really held, worse is links that are really gone.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

from ledger.errors import ConfigurationError
from ledger.names import no_such

T = TypeVar("T")

PREFIX: Final = "benchmark/"
SLOWDOWN: Final = f"{PREFIX}slowdown."
MEMORY: Final = f"{PREFIX}memory."
DROPPED_MATCHES: Final = f"{PREFIX}dropped_matches"
_MOST: Final = 100.0


@dataclass(frozen=True, slots=True)
class Faults:
    """What is wrong on purpose.

    Attributes:
        slowdown: Asset to the factor its work grows by, at least 1.
        memory: Asset to the factor its peak memory increase grows by, at least 1.
        dropped_matches: Share of the awards whose link is taken away, 0 to 1.
    """

    slowdown: Mapping[str, float]
    memory: Mapping[str, float]
    dropped_matches: float = 0.0


def faults_of(tags: Mapping[str, str], assets: frozenset[str]) -> Faults:
    """Return the faults that the tags of a run ask for.

    Args:
        tags: Run tags; those without ``PREFIX`` are passed over.
        assets: Names of the assets that may have a fault.

    Raises:
        ConfigurationError: A tag names no such fault or asset, or its value is out of range.
    """
    slowdown: dict[str, float] = {}
    memory: dict[str, float] = {}
    dropped = 0.0
    for tag, text in tags.items():
        if tag.startswith(SLOWDOWN):
            slowdown[_asset(tag, SLOWDOWN, assets)] = _number(tag, text, 1.0, _MOST)
        elif tag.startswith(MEMORY):
            memory[_asset(tag, MEMORY, assets)] = _number(tag, text, 1.0, _MOST)
        elif tag == DROPPED_MATCHES:
            dropped = _number(tag, text, 0.0, 1.0)
        elif tag.startswith(PREFIX):
            known = (f"{SLOWDOWN}<asset>", f"{MEMORY}<asset>", DROPPED_MATCHES)
            raise ConfigurationError(no_such("run tag", tag, known))
    return Faults(slowdown, memory, dropped)


def repeated(factor: float, units: int, work: Callable[[int], T]) -> T:
    """Return the result of all units of work, after enough of the same work to make it ``factor`` times as much.

    Args:
        factor: At least 1; 1.2 does the first fifth of the units once more.
        units: How many there are: rows or files.
        work: Does the first so many units, from the beginning, and is otherwise free of state.
    """
    for extra in extra_units(factor, units):
        work(extra)  # Its result is dropped before the next begins, so that more work is not more memory.
    return work(units)


def extra_units(factor: float, units: int) -> tuple[int, ...]:
    """Return the pieces of work that are done besides the whole: whole repetitions, then the rest."""
    whole = math.floor(factor - 1.0)
    rest = round((factor - 1.0 - whole) * units)
    return (units,) * whole + ((rest,) if rest else ())


def missing_bytes(factor: float, *, start: int, peak: int, now: int) -> int:
    """Return how much must be held besides what is held now for the peak increase to be ``factor`` times as high.

    Args:
        factor: At least 1.
        start: Resident bytes at the start.
        peak: Highest resident bytes so far.
        now: Resident bytes now.
    """
    if factor == 1.0:
        return 0
    return max(start + round(factor * max(peak - start, 0)) - now, 0)


def _asset(tag: str, prefix: str, assets: frozenset[str]) -> str:
    """Return the asset a tag names."""
    name = tag.removeprefix(prefix)
    if name not in assets:
        message = f"run tag {tag}: {no_such('asset', name, assets, 'in the benchmark suite')}"
        raise ConfigurationError(message)
    return name


def _number(tag: str, text: str, least: float, most: float) -> float:
    """Return the number a tag holds."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not least <= value <= most:
        message = f"run tag {tag} is {text!r}; give a number from {least:g} to {most:g}"
        raise ConfigurationError(message)
    return value
