"""What every two-sample test promises, over the registry."""

import numpy as np
import pytest

from ledger.stats.registry import TESTS

SIZES = [(10, 5), (20, 5), (20, 10), (6, 3)]


@pytest.fixture(params=sorted(TESTS))
def two_sample_test(request):
    return TESTS[request.param]


def samples(seed, sizes, shift=0.0):
    rng = np.random.default_rng(seed)
    return rng.standard_normal(sizes[0]), rng.standard_normal(sizes[1]) + shift


@pytest.mark.parametrize("sizes", [(1, 1), (2, 1), (1, 5), (3, 2), (30, 30)])
def test_p_lies_above_zero_and_not_above_one(two_sample_test, sizes):
    for shift in (-1000.0, 0.0, 1.0, 1000.0):
        baseline, candidate = samples(1, sizes, shift)
        assert 0.0 < two_sample_test(baseline, candidate) <= 1.0


@pytest.mark.parametrize("sizes", SIZES)
def test_scale_and_place_do_not_matter(two_sample_test, sizes):
    baseline, candidate = samples(2, sizes, 2.0)
    # A power of two and a sum of few digits, so that no rounding is involved in the scale.
    assert two_sample_test(4.0 * baseline + 16.0, 4.0 * candidate + 16.0) == pytest.approx(
        two_sample_test(baseline, candidate), rel=1e-6
    )


@pytest.mark.parametrize("sizes", SIZES)
def test_the_order_of_values_does_not_matter(two_sample_test, sizes):
    baseline, candidate = samples(3, sizes, 1.0)
    assert two_sample_test(baseline[::-1].copy(), candidate[::-1].copy()) == pytest.approx(
        two_sample_test(baseline, candidate), rel=1e-12
    )


@pytest.mark.parametrize("sizes", SIZES)
def test_input_is_left_untouched(two_sample_test, sizes):
    baseline, candidate = samples(4, sizes)
    before = baseline.copy(), candidate.copy()
    two_sample_test(baseline, candidate)
    assert np.array_equal(baseline, before[0])
    assert np.array_equal(candidate, before[1])


@pytest.mark.parametrize("sizes", SIZES)
def test_false_alarms_stay_below_the_level(two_sample_test, sizes):
    p = np.array([two_sample_test(*samples([5, trial], sizes)) for trial in range(600)])
    # 600 trials at 5 %: two standard errors are 1.8 %.
    assert (p <= 0.05).mean() <= 0.068


def test_a_large_shift_is_found(two_sample_test):
    found = [two_sample_test(*samples([6, trial], (20, 8), 4.0)) <= 0.01 for trial in range(100)]
    assert np.mean(found) >= 0.9


def test_an_improvement_is_no_evidence(two_sample_test):
    assert all(two_sample_test(*samples([7, trial], (20, 8), -3.0)) > 0.5 for trial in range(50))


def test_equal_values_are_no_evidence(two_sample_test):
    assert two_sample_test(np.ones(10), np.ones(5)) == 1.0


def test_ties_are_taken(two_sample_test):
    rng = np.random.default_rng(8)
    baseline, candidate = np.round(rng.standard_normal(20)), np.round(rng.standard_normal(5))
    assert 0.0 < two_sample_test(baseline, candidate) <= 1.0
