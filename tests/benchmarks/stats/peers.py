"""What other gates do, on the same data: each says which metrics of a gate it would flag.

Rules:
- Plain values (not logs), as these rules use them; thresholds are the ones documented or customary.
- No rule corrects for the number of metrics, because none of the gates that use it does.
"""

from collections.abc import Callable, Mapping

import numpy as np
from scipy import stats

Peer = Callable[[np.ndarray, np.ndarray], np.ndarray]


def fixed_ratio(baseline, candidate):
    return candidate.mean(axis=1) > 1.1 * baseline.mean(axis=1)


def fixed_ratio_one_run(baseline, candidate):
    return candidate[:, 0] > 1.1 * baseline[:, -1]


def welch(baseline, candidate):
    p = stats.ttest_ind(candidate, baseline, axis=1, equal_var=False, alternative="greater").pvalue
    return (p < 0.05) & fixed_ratio(baseline, candidate)


def mann_whitney(baseline, candidate):
    p = stats.mannwhitneyu(candidate, baseline, axis=1, alternative="greater").pvalue
    return (p < 0.05) & (np.median(candidate, axis=1) > 1.1 * np.median(baseline, axis=1))


def t_boundary(baseline, candidate):
    """Each candidate value against mean + t(.98) sd of the history, as Bencher's t-test threshold does."""
    reach = stats.t.ppf(0.98, baseline.shape[1] - 1) * baseline.std(axis=1, ddof=1)
    return (candidate > (baseline.mean(axis=1) + reach)[:, None]).any(axis=1)


def z_score(baseline, candidate):
    return candidate.mean(axis=1) > baseline.mean(axis=1) + 3.0 * baseline.std(axis=1, ddof=1)


def interquartile(baseline, candidate):
    low, high = np.quantile(baseline, [0.25, 0.75], axis=1)
    return np.median(candidate, axis=1) > high + 1.5 * (high - low)


PEERS: Mapping[str, Peer] = {
    "+10 % on one run": fixed_ratio_one_run,
    "+10 % on means": fixed_ratio,
    "Welch p < .05 and > 10 %": welch,
    "Mann-Whitney p < .05 and > 10 %": mann_whitney,
    "t boundary (.98)": t_boundary,
    "z > 3": z_score,
    "1.5 IQR": interquartile,
}
