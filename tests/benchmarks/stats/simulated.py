"""Histories whose changes are known, in kinds of noise that no rule of ``ledger.stats`` was shaped on.

The rules' constants were tuned with seeds 11 to 41 on normal, Student, spiky, skewed, quantised, two-mode and AR(1)
noise. The kinds below are others, and the seeds that figures are reported on start at 9000.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

REPORTING_SEED = 9_000
MARGIN = 5


@dataclass(frozen=True, slots=True)
class Labelled:
    """A history and where each annotator sees its changes (first index of the new level)."""

    values: np.ndarray
    annotations: tuple[tuple[int, ...], ...]


def sticky_states(rng: np.random.Generator, n: int) -> np.ndarray:
    """Two machine states that last about three runs each, 1.5 sigma apart."""
    state = np.cumsum(rng.random(n) < 1 / 3) % 2
    return 0.8 * rng.normal(size=n) + 1.5 * state


def shared_batches(rng: np.random.Generator, n: int) -> np.ndarray:
    """Runs of two to five that share half of their variance, as runs on one host do."""
    lengths = rng.integers(2, 6, size=n)
    batch = np.repeat(np.arange(n), lengths)[:n]
    return np.sqrt(0.5) * (rng.normal(size=n) + rng.normal(size=n)[batch])


def bursts(rng: np.random.Generator, n: int) -> np.ndarray:
    """Laplace noise with contention: 4 % of runs begin one or two slow ones of 3 to 12 sigma."""
    noise = rng.laplace(size=n) / np.sqrt(2)
    slow = rng.random(n) < 0.04
    slow[1:] |= slow[:-1] & (rng.random(n - 1) < 0.5)
    return noise + slow * rng.uniform(3, 12, size=n)


def weekly(rng: np.random.Generator, n: int) -> np.ndarray:
    """Normal noise on a cycle of seven runs, 0.7 sigma high."""
    return rng.normal(size=n) + 0.7 * np.sin(2 * np.pi * (np.arange(n) + rng.integers(7)) / 7)


def moving_average(rng: np.random.Generator, n: int) -> np.ndarray:
    """Noise that shares two thirds with the run before: correlation 0.46 at lag 1 and none beyond."""
    steps = rng.normal(size=n + 1)
    return (steps[1:] + 0.67 * steps[:-1]) / np.sqrt(1 + 0.67**2)


def uneven(rng: np.random.Generator, n: int) -> np.ndarray:
    """Lognormal noise whose size changes with the time of the day, three-fold."""
    size = np.where(np.arange(n) % 11 < 4, 1.6, 0.55)
    return size * (rng.lognormal(0, 0.5, size=n) - np.exp(0.125)) / 0.6


def random_walk(rng: np.random.Generator, n: int) -> np.ndarray:
    """Normal noise on a level that wanders by 0.04 sigma a run."""
    return rng.normal(size=n) + np.cumsum(0.04 * rng.normal(size=n))


NOISES: dict[str, Callable[[np.random.Generator, int], np.ndarray]] = {
    "sticky states": sticky_states,
    "shared batches": shared_batches,
    "bursts": bursts,
    "weekly": weekly,
    "moving average": moving_average,
    "uneven": uneven,
    "random walk": random_walk,
}


def autoregressive(rng: np.random.Generator, n: int, phi: float) -> np.ndarray:
    """Return stationary AR(1) noise of unit variance."""
    steps = rng.normal(size=n + 60) * np.sqrt(1 - phi**2)
    for at in range(1, n + 60):
        steps[at] += phi * steps[at - 1]
    return steps[60:]


def spread(rng: np.random.Generator) -> float:
    """Return a coefficient of variation between 2 and 6 %, log-uniform."""
    return float(np.exp(rng.uniform(np.log(0.02), np.log(0.06))))


def quiet(rng: np.random.Generator, kind: str, n: int) -> np.ndarray:
    """Return a history of ``n`` runs in which nothing changes."""
    return 100.0 * np.exp(spread(rng) * NOISES[kind](rng, n))


def changing(rng: np.random.Generator, kind: str) -> Labelled:
    """Return a history of 60 to 400 runs with Poisson(1.8) changes of 5 to 60 %, each at least 2.5 sigma."""
    n, cv = int(rng.integers(60, 401)), spread(rng)
    levels, cuts = cv * NOISES[kind](rng, n), []
    for cut in rng.integers(8, n - 8, size=rng.poisson(1.8)):
        if all(abs(int(cut) - other) >= 12 for other in cuts):
            size = np.exp(rng.uniform(np.log(max(0.05, 2.5 * cv)), np.log(0.6)))
            levels[cut:] += np.log1p(size) * rng.choice((-1.0, 1.0))
            cuts.append(int(cut))
    return Labelled(100.0 * np.exp(levels), (tuple(sorted(cuts)),))


def stepped(
    rng: np.random.Generator, kind: str, before: int, after: int, size: float, cv: float | None = None
) -> np.ndarray:
    """Return ``before`` runs and then ``after`` runs that take ``1 + size`` times as long."""
    levels = (cv or spread(rng)) * NOISES[kind](rng, before + after)
    levels[before:] += np.log1p(size)
    return 100.0 * np.exp(levels)
