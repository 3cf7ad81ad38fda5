"""How strongly a pair speaks for a regression, as a p that fits a gate of hundreds of them.

Rules:
- Three keys must turn.
  *Odds*: the density of the robust difference under worsenings from 1.2 times the limit on, against that under none;
  Student densities with few degrees, so that a single wild value cannot make the odds.
  *Best runs*: the best fifth of the candidate lies above the baseline's median by 0.4 of the limit, so that a lucky
  draw between two modes is no regression.
  *Surprise*: the t of the same difference, with the degrees of its variance. Where noise is large beside the limit, the
  limit protects from nothing: on a machine shared with other work (coefficients of variation near 1) odds alone raised
  false alarms in every fourth gate. The p is the larger of both.
- And the estimate is at or beyond the limit. A pair that fails any of these has p = 1.
- Odds rather than t: where noise is small beside the limit the limit itself protects from false alarms, where it is
  large the threshold must be higher. For a given number of false alarms, thresholds on odds find the most (Neyman and
  Pearson 1933), and it is these small odds that decide over a family.
- p is a calibrated tail: the share of unchanged metrics, in a mixture of noises (log-normal, outliers, heavy tails,
  two modes, drift, shared effects), whose odds are as large. ``reference_odds`` and ``decay`` are fits to that
  simulation, over 5 to 30 baseline and 2 to 10 candidate runs. It speaks for the small p that decide over a gate of
  many metrics; above .01 it is rough.
"""

import math
from typing import Final

import numpy as np

from ledger.stats.mann_whitney import FloatArray, middle_of
from ledger.stats.moderated_t import better_difference, standard_error, upper_tail, variance_of

WORSENINGS: Final = (1.2, 1.5, 2.0, 2.5, 3.0, 5.0, 10.0)
"""The worsenings that are held against none, as multiples of the limit, equally likely."""
DEGREES: Final = 8.0
MIN_VALUES: Final = 2
BEST: Final = 0.2
BEST_REACH: Final = 0.4
REFERENCE_P: Final = 0.05 / 150
"""The p at ``reference_odds``: there one gate in twenty of 150 unchanged metrics would hold a false alarm."""


def reference_odds(n_baseline: int, n_candidate: int) -> float:
    """Return the log odds that an unchanged metric exceeds with probability ``REFERENCE_P``."""
    return 1.9 + 11.0 / n_baseline + 30.0 / n_candidate**2


def decay(n_candidate: int) -> float:
    """Return by how much log odds must grow for the p to fall by a factor of e."""
    return 1.2 + 7.0 / n_candidate**2


def evidence(
    baseline: FloatArray, candidate: FloatArray, variance: float, degrees: float, estimate: float, limit: float
) -> float:
    """Return the p of "no worsening beyond the limit".

    Args:
        baseline: 1-D float64, sorted, larger is worse, n >= 2.
        candidate: The same, n >= 2.
        variance: Shrunk variance of the baseline, >= 0.
        degrees: Degrees of freedom of it.
        estimate: Hodges-Lehmann shift of the candidate.
        limit: Tolerated shift, > 0, on the same scale.

    Returns:
        p in (0, 1]; 1.0 where the estimate is within the limit, or the best runs are.
    """
    if estimate < limit or variance <= 0.0 or not best_runs_worse(baseline, candidate, limit):
        return 1.0
    difference = better_difference(baseline, candidate)
    return p_of(difference, variance, limit, (baseline.size, candidate.size), degrees)


def p_of(difference: float, variance: float, limit: float, sizes: tuple[int, int], degrees: float) -> float:
    """Return the larger p of odds and surprise.

    Args:
        difference: Of the robust locations.
        variance: Shrunk variance of the baseline, > 0.
        limit: Tolerated shift, > 0.
        sizes: Baseline and candidate runs.
        degrees: Degrees of freedom of the variance.
    """
    error = standard_error(variance, *sizes)
    return max(tail_of(log_odds(difference, error, limit), *sizes), upper_tail(difference / error, degrees))


def best_runs_worse(baseline: FloatArray, candidate: FloatArray, limit: float) -> bool:
    """Return whether the candidate's best fifth lies clearly above the baseline's median."""
    place = math.ceil(BEST * candidate.size - 1e-9) - 1
    return float(candidate[place]) - middle_of(baseline) >= BEST_REACH * limit


def log_odds(difference: float, error: float, limit: float) -> float:
    """Return the logarithm of the odds of a worsening against none."""
    shifts = np.array([multiple * limit for multiple in WORSENINGS])
    against = _log_density(np.array([difference / error]))[0]
    return float(np.log(np.mean(np.exp(_log_density((difference - shifts) / error) - against))))


def tail_of(odds: float, n_baseline: int, n_candidate: int) -> float:
    """Return the calibrated p of log odds."""
    exponent = (reference_odds(n_baseline, n_candidate) - odds) / decay(n_candidate)
    return min(1.0, REFERENCE_P * math.exp(max(-600.0, min(exponent, 600.0))))


def _log_density(standardised: FloatArray) -> FloatArray:
    """Return the log density of Student's t up to its constant, which odds do not need."""
    result: FloatArray = -0.5 * (DEGREES + 1.0) * np.log1p(standardised**2 / DEGREES)
    return result


def odds_test(baseline: FloatArray, candidate: FloatArray) -> float:
    """Return the p of "no worsening" for two samples alone: no family, no limit.

    The limit is taken to be one standard deviation of the baseline, so that the answer does not depend on the scale.

    Args:
        baseline: 1-D float64, n >= 1, no NaN; left untouched.
        candidate: 1-D float64, n >= 1, no NaN; left untouched.

    Returns:
        p in (0, 1]; 1.0 where no noise can be estimated, or a side has one value.
    """
    ordered = np.sort(baseline)
    variance = variance_of(ordered)
    if variance <= 0.0 or candidate.size < MIN_VALUES:
        return 1.0
    estimate = float(np.median(np.subtract.outer(candidate, baseline)))
    return evidence(ordered, np.sort(candidate), variance, ordered.size - 1.0, estimate, math.sqrt(variance))
