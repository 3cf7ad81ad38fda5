"""How long the rest takes, over runs that are simulated."""

import math

import numpy as np
import pytest

from ledger.chunks.estimate import RateEstimator
from tests.benchmarks.eta.simulated import ESTIMATORS, GOALS, SCENARIOS, medians


def test_nothing_is_said_before_the_first_figure():
    estimator = RateEstimator()
    estimator.observe(0, 1.0)
    estimator.observe(10, math.nan)
    assert estimator.eta_s(100) is None
    estimator.observe(10, 1.0)
    assert estimator.eta_s(100) == 10.0
    assert estimator.eta_s(-5) == 0.0


@pytest.mark.parametrize(("scenario", "goal"), GOALS.items())
def test_on_simulated_runs_it_keeps_its_goals(scenario, goal):
    found = medians(scenario, "dagster-ledger", range(50))
    assert np.median(found) <= goal
    assert np.quantile(found, 0.9) <= 1.5 * goal


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_on_no_kind_of_run_it_is_much_worse_than_the_best_of_the_others(scenario):
    found = {name: np.median(medians(scenario, name, range(50))) for name in ESTIMATORS}
    assert found["dagster-ledger"] <= min(found.values()) + 0.10


def test_a_machine_that_becomes_slow_is_believed():
    estimator = RateEstimator()
    for took_s in [1.0] * 20 + [3.0] * 12:
        estimator.observe(1_000, took_s)
    assert estimator.eta_s(1_000) == pytest.approx(3.0, rel=0.10)


def test_small_chunks_say_less_than_large_ones():
    estimators = RateEstimator(), RateEstimator()
    for estimator, rows in zip(estimators, (100, 1_000), strict=True):
        for _ in range(7):
            estimator.observe(1_000, 1.0)
        estimator.observe(rows, rows / 1_000 * 2.0)  # Twice as slow a row.
    few, many = (estimator.eta_s(1_000) for estimator in estimators)
    assert 1.0 < few < many < 2.0


def test_while_chunks_grow_the_largest_one_tells():
    estimator = RateEstimator()
    for rows in (1_000, 2_000, 4_000, 8_000):
        estimator.observe(rows, 0.5 + rows * 1e-4)
    assert estimator.eta_s(80_000) == pytest.approx(10 * (0.5 + 0.8))
