"""A t-test on robust locations whose variance borrows strength from the other metrics of the gate.

Rules:
- The candidate speaks through its better values: its worst 40 % are dropped before the mean, so that two slow runs of
  five are no regression.
- The baseline is clipped at median ± 4 MAD for location and variance; nothing is deleted.
- The variance is shrunk towards the family's (Smyth 2004, eq. 5: posterior variance with ``PRIOR_DF`` degrees).
- Runs of one candidate share a machine and an hour. Half of the variance counts as shared and does not average out:
  SE² = v (1/n_b + 1/2 + 1/(2 n_c)).

Source: Smyth 2004, *Linear models and empirical Bayes methods*; the constants were chosen on simulations, see
``docs/adr/0010``.
"""

from typing import Final

import numpy as np

from ledger.stats.mann_whitney import FloatArray

PRIOR_DF: Final = 6.0
SHARED: Final = 0.5
DROPPED: Final = 0.4
CLIP_MADS: Final = 4.0
_MAD_TO_SD: Final = 1.4826


def clipped(values: FloatArray) -> FloatArray:
    """Return the values clipped at median ± 4 (normalised) MAD; unchanged where the MAD is zero."""
    centre = float(np.median(values))
    mad = _MAD_TO_SD * float(np.median(np.abs(values - centre)))
    if mad == 0.0:
        return values
    return np.clip(values, centre - CLIP_MADS * mad, centre + CLIP_MADS * mad)


def better_mean(candidate: FloatArray) -> float:
    """Return the mean without the worst (largest) 40 % of the values, at least of one."""
    kept = max(1, candidate.size - int(DROPPED * candidate.size + 1e-9))
    return float(np.sort(candidate)[:kept].mean())


def baseline_variance(baseline: FloatArray) -> float:
    """Return the variance of the clipped baseline (n - 1 in the denominator), 0.0 for one value."""
    return float(np.var(clipped(baseline), ddof=1)) if baseline.size > 1 else 0.0


def shrunk(variance: float, n_baseline: int, family: float | None) -> tuple[float, float]:
    """Return the shrunk variance and its degrees of freedom.

    Args:
        variance: Of the baseline.
        n_baseline: Runs it comes from.
        family: Variance that is typical of the family; ``None`` where there is no family.
    """
    own = n_baseline - 1.0
    if family is None:
        return variance, own
    return (PRIOR_DF * family + own * variance) / (PRIOR_DF + own), PRIOR_DF + own


def standard_error(variance: float, n_baseline: int, n_candidate: int) -> float:
    """Return the standard error of the difference of the locations."""
    return float(np.sqrt(variance * (1.0 / n_baseline + SHARED + (1.0 - SHARED) / n_candidate)))


def moderated_t(baseline: FloatArray, candidate: FloatArray, family: float | None = None) -> float:
    """Return the one-sided p of "the candidate is not larger than the baseline".

    Args:
        baseline: 1-D float64, n >= 1, no NaN; left untouched.
        candidate: 1-D float64, n >= 1, no NaN; left untouched.
        family: Variance typical of the family of metrics; ``None`` where there is no family.

    Returns:
        p in (0, 1]; 1.0 where no noise can be estimated.
    """
    variance, degrees = shrunk(baseline_variance(baseline), baseline.size, family)
    if variance <= 0.0 or degrees <= 0.0:
        return 1.0
    difference = better_mean(candidate) - float(clipped(baseline).mean())
    return tail(difference / standard_error(variance, baseline.size, candidate.size), degrees)


def tail(statistic: float, degrees: float) -> float:
    """Return the upper tail of Student's t, kept above 0."""
    from scipy.special import stdtr  # noqa: PLC0415 - a command that judges nothing does not pay for scipy

    return max(float(stdtr(degrees, -statistic)), float(np.finfo(np.float64).tiny))
