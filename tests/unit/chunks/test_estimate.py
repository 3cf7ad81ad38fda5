"""How long the rest takes, over runs that are simulated."""

import math

import numpy as np
import pytest

from ledger.chunks.estimate import RateEstimator


def relative_errors(times_s, rows=1_000):
    estimator, errors = RateEstimator(), []
    for place, took in enumerate(times_s[:-1]):
        estimator.observe(rows, took)
        left = times_s[place + 1 :].sum()
        errors.append(abs(estimator.eta_s(rows * (len(times_s) - place - 1)) - left) / left)
    return np.array(errors)


def test_nothing_is_said_before_the_first_figure():
    estimator = RateEstimator()
    estimator.observe(0, 1.0)
    estimator.observe(10, math.nan)
    assert estimator.eta_s(100) is None
    estimator.observe(10, 1.0)
    assert estimator.eta_s(100) == 10.0
    assert estimator.eta_s(-5) == 0.0


@pytest.mark.parametrize("seed", range(20))
def test_a_steady_run_is_told_within_a_tenth(seed):
    times_s = np.random.default_rng(seed).lognormal(0.0, 0.1, 60)
    assert np.median(relative_errors(times_s)) <= 0.10


@pytest.mark.parametrize("seed", range(20))
def test_after_a_stall_it_is_told_within_a_fifth(seed):
    times_s = np.random.default_rng(100 + seed).lognormal(0.0, 0.1, 60)
    times_s[20] *= 30.0
    assert np.median(relative_errors(times_s)[21:]) <= 0.20


def test_a_machine_that_becomes_slow_is_believed():
    times_s = np.concatenate((np.ones(20), 3.0 * np.ones(40)))
    assert np.median(relative_errors(times_s)[32:]) <= 0.10
