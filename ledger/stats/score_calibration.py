"""Calibration of scores: the probability that what a score was given to is right, from cases whose answer is known.

Rules:
- Cases are put into bins of like scores, as equally full as ties allow, of 25 cases at least and ten bins at most.
- The probability of a bin is the mean of a beta-binomial posterior (Gelman et al. 2013, *Bayesian Data Analysis*, 2.4):
  its own cases, and ten more at the share of all bins together; that share knows two more at what was believed before.
- A higher score is never less probable: isotonic regression over the bins (Barlow et al. 1972), as Zadrozny and Elkan
  (2002) calibrate scores. Between the mean scores of bins it is linear, beyond them constant.
- Known answers may be wrong themselves. Where they are right with probability a, and wrong answers hardly ever agree, a
  share s of agreement is a share s / a of right cases. Nothing becomes certain by that: (n + 1/2) / (n + 1) is most,
  the posterior mean of n right cases of n under the prior of Jeffreys (1946).
- Fewer than 25 cases say nothing.
- scipy has the same regression, and takes longer to load than a whole pipeline of this needs to run.
"""

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

import numpy as np

from ledger.stats.series import FloatArray

LEAST_CASES: Final = 25
MOST_BINS: Final = 10
_PRIOR_CASES: Final = 2.0
_POOLED_CASES: Final = 10.0
_DIGITS: Final = 6


@dataclass(frozen=True, slots=True)
class CalibrationMap:
    """From scores to probabilities.

    Attributes:
        scores: Mean score of each bin, rising.
        probabilities: That of each, in (0, 1), never falling; whole millionths.
        cases: How many cases it was learnt from.
        right_cases: How many of them agreed with the known answer.
    """

    scores: tuple[float, ...]
    probabilities: tuple[float, ...]
    cases: int
    right_cases: int

    def of(self, scores: FloatArray) -> FloatArray:
        """Return the probabilities of scores, in whole millionths (1-D float64, as long as ``scores``)."""
        return np.round(np.interp(scores, self.scores, self.probabilities), _DIGITS)


def calibration_map(
    scores: FloatArray, is_right: FloatArray, *, believed: float, answers_right: float = 1.0
) -> CalibrationMap | None:
    """Return the probabilities of scores, ``None`` where too few cases tell them; the order of cases does not matter.

    Args:
        scores: Scores of the cases (1-D float64, finite); left untouched.
        is_right: 1.0 for each case that agrees with its known answer, 0.0 for each other; left untouched.
        believed: Probability that was believed before, in (0, 1).
        answers_right: Probability that a known answer is right, in (0, 1].
    """
    cases = len(scores)
    if cases < LEAST_CASES:
        return None
    place = np.searchsorted(_edges(scores), scores, side="right")
    counts = np.bincount(place).astype(np.float64)
    filled = counts > 0.0
    right = np.bincount(place, weights=is_right)[filled]
    middles = np.bincount(place, weights=scores)[filled] / counts[filled]
    counts = counts[filled]
    pooled = (right.sum() + _PRIOR_CASES * believed * answers_right) / (cases + _PRIOR_CASES)
    shares = (right + _POOLED_CASES * pooled) / (counts + _POOLED_CASES)
    rising = _rising(shares, counts + _POOLED_CASES)
    found = np.round(np.minimum(rising / answers_right, (cases + 0.5) / (cases + 1.0)), _DIGITS)
    return CalibrationMap(tuple(middles.tolist()), tuple(found.tolist()), cases, int(right.sum()))


def wilson_interval(hits: int, trials: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return the interval of a share (Wilson 1927).

    Args:
        hits: At most ``trials``.
        trials: At least 1.
        confidence: In (0, 1).
    """
    z = NormalDist().inv_cdf(0.5 + confidence / 2.0)
    share, weight = hits / trials, z * z / trials
    middle = (share + weight / 2.0) / (1.0 + weight)
    reach = z * math.sqrt(share * (1.0 - share) / trials + weight / (4.0 * trials)) / (1.0 + weight)
    # Rounding must not leave the share itself outside.
    return (max(middle - reach, 0.0) if hits else 0.0), (min(middle + reach, 1.0) if hits < trials else 1.0)


def _rising(values: FloatArray, weights: FloatArray) -> FloatArray:
    """Return the nearest values that never fall, by weighted squares; violators are pooled (Ayer et al. 1955)."""
    blocks: list[tuple[float, float, int]] = []
    for value, weight in zip(values.tolist(), weights.tolist(), strict=True):
        block = (value, weight, 1)
        while blocks and blocks[-1][0] > block[0]:
            before = blocks.pop()
            mass = before[1] + block[1]
            block = ((before[0] * before[1] + block[0] * block[1]) / mass, mass, before[2] + block[2])
        blocks.append(block)
    return np.repeat([value for value, _, _ in blocks], [count for _, _, count in blocks])


def _edges(scores: FloatArray) -> FloatArray:
    """Return the scores at which bins begin, the first left out."""
    bins = min(MOST_BINS, len(scores) // LEAST_CASES)
    ordered = np.sort(scores)
    starts = ordered[[len(scores) * number // bins for number in range(1, bins)]] if bins > 1 else ordered[:0]
    # A bin that begins at the lowest score would leave none before it.
    return np.unique(starts[starts > ordered[0]])
