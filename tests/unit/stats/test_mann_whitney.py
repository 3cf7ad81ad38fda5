import itertools

import numpy as np
import pytest
from scipy.stats import mannwhitneyu

from ledger.stats import mann_whitney as module
from ledger.stats.hodges_lehmann import shift_of
from ledger.stats.mann_whitney import cumulative, mann_whitney, order_of_bound


def by_enumeration(baseline, candidate):
    """P of the rank sum over all ways to choose the candidate."""
    pooled = np.concatenate((baseline, candidate))
    ranks = np.array([(pooled < value).sum() + (pooled <= value).sum() + 1 for value in pooled])
    observed = ranks[len(baseline) :].sum()
    sums = [ranks[list(chosen)].sum() for chosen in itertools.combinations(range(len(pooled)), len(candidate))]
    return np.mean([total >= observed for total in sums])


@pytest.mark.parametrize("seed", range(5))
def test_without_ties_it_is_the_exact_test(seed):
    rng = np.random.default_rng(seed)
    baseline, candidate = rng.standard_normal(12), rng.standard_normal(5) + 0.5
    expected = mannwhitneyu(candidate, baseline, alternative="greater", method="exact").pvalue
    assert mann_whitney(baseline, candidate) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("seed", range(8))
def test_with_ties_it_is_exact_given_the_ties(seed):
    rng = np.random.default_rng(seed)
    baseline, candidate = rng.integers(0, 4, 7).astype(float), rng.integers(0, 5, 4).astype(float)
    assert mann_whitney(baseline, candidate) == pytest.approx(by_enumeration(baseline, candidate), rel=1e-12)


def test_the_distribution_ends_at_one_and_grows():
    below = cumulative(9, 4)
    assert below[-1] == pytest.approx(1.0)
    assert np.all(np.diff(below) > 0.0)
    assert below[0] == pytest.approx(1.0 / 715.0)


@pytest.mark.slow
def test_many_runs_are_approximated_without_a_step(monkeypatch):
    rng = np.random.default_rng(4)
    baseline, candidate = np.round(rng.standard_normal(160), 1), np.round(rng.standard_normal(120) + 0.25, 1)
    exact, order = mann_whitney(baseline, candidate), order_of_bound(160, 120, 0.025)
    monkeypatch.setattr(module, "LARGEST_EXACT", 100)
    assert mann_whitney(baseline, candidate) == pytest.approx(exact, rel=0.1)
    assert order_of_bound(160, 120, 0.025) == pytest.approx(order, abs=3)


def test_too_few_runs_have_no_bound():
    assert order_of_bound(20, 1, 0.025) is None
    assert order_of_bound(3, 3, 0.025) is None
    assert order_of_bound(3, 3, 0.05) == 0


def test_the_interval_holds_exactly_those_shifts_that_the_test_does_not_reject():
    rng = np.random.default_rng(9)
    baseline, candidate = rng.standard_normal(10), rng.standard_normal(5) + 1.0
    shift = shift_of(baseline, candidate, 0.95)
    assert mann_whitney(baseline, candidate - (shift.lower - 1e-9)) <= 0.025
    assert mann_whitney(baseline, candidate - (shift.lower + 1e-9)) > 0.025
    assert mann_whitney(-baseline, -(candidate - (shift.upper + 1e-9))) <= 0.025
