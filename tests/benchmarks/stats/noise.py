"""Noise as it is met in measured runs: generators of whole gates, all metrics at once.

Rules:
- A generator returns log values of both sides without any regression; a regression is added to the candidate.
- A coefficient of variation is that of an undisturbed run; what a family adds (outliers, a second mode) is on top.
- ``ORDINARY`` is the mixture the goals are stated for. ``HARSH`` holds families the rules were not written for; they
  are reported apart.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

Generator: TypeAlias = Callable[[np.random.Generator, np.ndarray, int, int], tuple[np.ndarray, np.ndarray]]

CV_RANGE = (0.02, 0.12)
CV_MEDIAN = 0.025
CV_SPREAD = 0.6
"""Most steps of a pipeline vary by 2 to 4 %: log-normal around 2.5 %, clipped to the range. The spread was chosen so
that the plain rule (moderated t > 3 on logs, estimate beyond the limit) finds .80/.91/.98 at +15/20/30 % with ten
baseline and five candidate runs, as it does on measured histories. ``flat`` spreads the metrics evenly (in logs) over
the range instead: half of them then vary by more than 5 %, and even who knew every distribution exactly could find no
more than three quarters at +15 %."""


def lognormal(rng, sigma, n_baseline, n_candidate):
    return _split(sigma[:, None] * rng.standard_normal((sigma.size, n_baseline + n_candidate)), n_baseline)


def outliers(rng, sigma, n_baseline, n_candidate, share=0.06, size=0.3):
    """One run in seventeen is slower by 35 % on average (a neighbour, a cold cache, a garbage collection)."""
    values = sigma[:, None] * rng.standard_normal((sigma.size, n_baseline + n_candidate))
    values += (rng.random(values.shape) < share) * rng.exponential(size, values.shape)
    return _split(values, n_baseline)


def heavy_tails(rng, sigma, n_baseline, n_candidate, degrees=3.0):
    """Student's t with 3 degrees, both sides, scaled to a standard deviation of sigma."""
    values = rng.standard_t(degrees, (sigma.size, n_baseline + n_candidate))
    return _split(sigma[:, None] * values * np.sqrt((degrees - 2.0) / degrees), n_baseline)


def two_modes(rng, sigma, n_baseline, n_candidate, gap=0.15, share=0.25):
    """A quarter of the runs takes the slow path, 16 % slower."""
    values = 0.6 * sigma[:, None] * rng.standard_normal((sigma.size, n_baseline + n_candidate))
    values += gap * (rng.random(values.shape) < share)
    return _split(values, n_baseline)


def drift(rng, sigma, n_baseline, n_candidate, carry=0.6):
    """AR(1) in run order, the candidate following the baseline."""
    steps = rng.standard_normal((sigma.size, n_baseline + n_candidate))
    values = np.empty_like(steps)
    values[:, 0] = steps[:, 0]
    for run in range(1, values.shape[1]):
        values[:, run] = carry * values[:, run - 1] + np.sqrt(1.0 - carry**2) * steps[:, run]
    return _split(sigma[:, None] * values, n_baseline)


def shared_effect(rng, sigma, n_baseline, n_candidate, shared=0.5):
    """Candidate runs share a machine and an hour, and with it half of their variance; baseline runs share nothing."""
    baseline = rng.standard_normal((sigma.size, n_baseline))
    common = rng.standard_normal((sigma.size, 1))
    candidate = np.sqrt(shared) * common + np.sqrt(1.0 - shared) * rng.standard_normal((sigma.size, n_candidate))
    return sigma[:, None] * baseline, sigma[:, None] * candidate


def quantised(rng, sigma, n_baseline, n_candidate, step=0.02):
    """Memory comes in pages and arenas: a quarter of the noise of a time in steps of 2 %, so that values are equal."""
    values = 0.25 * sigma[:, None] * rng.standard_normal((sigma.size, n_baseline + n_candidate))
    return _split(np.round(values / step) * step, n_baseline)


def harsh_drift(rng, sigma, n_baseline, n_candidate):
    return drift(rng, sigma, n_baseline, n_candidate, carry=0.9)


def harsh_shared_effect(rng, sigma, n_baseline, n_candidate):
    return shared_effect(rng, sigma, n_baseline, n_candidate, shared=0.8)


def harsh_modes(rng, sigma, n_baseline, n_candidate):
    return two_modes(rng, sigma, n_baseline, n_candidate, gap=0.25, share=0.3)


def harsh_tails(rng, sigma, n_baseline, n_candidate):
    return heavy_tails(rng, sigma, n_baseline, n_candidate, degrees=2.1)


def _split(values, n_baseline):
    return values[:, :n_baseline], values[:, n_baseline:]


ORDINARY: Mapping[Generator, float] = {
    lognormal: 0.35,
    outliers: 0.15,
    heavy_tails: 0.10,
    two_modes: 0.10,
    drift: 0.15,
    shared_effect: 0.15,
}
MEMORY: Mapping[Generator, float] = {quantised: 0.7, lognormal: 0.2, outliers: 0.1}
"""Peaks of memory."""
HARSH: tuple[Generator, ...] = (harsh_drift, harsh_shared_effect, harsh_modes, harsh_tails)


@dataclass(frozen=True, slots=True)
class Gate:
    """Log values of one gate: ``(metrics, runs)`` each, and which generator made each metric."""

    baseline: np.ndarray
    candidate: np.ndarray
    made_by: tuple[str, ...]


def gate(rng, metrics, n_baseline, n_candidate, mixture=ORDINARY, *, flat=False) -> Gate:
    """Return an unchanged gate whose metrics come from a mixture of families."""
    low, high = np.log(CV_RANGE)
    spread = rng.uniform(low, high, metrics) if flat else rng.normal(np.log(CV_MEDIAN), CV_SPREAD, metrics)
    sigma = np.sqrt(np.log1p(np.exp(np.clip(spread, low, high)) ** 2))
    makers = list(mixture)
    weights = np.array([mixture[maker] for maker in makers])
    chosen = rng.choice(len(makers), metrics, p=weights / weights.sum())
    baseline, candidate = np.empty((metrics, n_baseline)), np.empty((metrics, n_candidate))
    for index, maker in enumerate(makers):
        mine = chosen == index
        if mine.any():
            baseline[mine], candidate[mine] = maker(rng, sigma[mine], n_baseline, n_candidate)
    return Gate(baseline, candidate, tuple(makers[index].__name__ for index in chosen))
