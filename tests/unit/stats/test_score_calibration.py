"""Scores made probabilities: right on fresh cases, never falling, never certain, and as before where few are known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.optimize import isotonic_regression

from ledger.stats import calibration_map, wilson_interval
from ledger.stats.score_calibration import _rising


def cases(seed, count, truth, answers_right=1.0):
    """Return scores, and whether each agrees with a known answer that may be wrong itself."""
    rng = np.random.default_rng(seed)
    scores = rng.uniform(0.5, 1.0, count)
    is_right = rng.uniform(size=count) < truth(scores) * answers_right
    return scores, is_right.astype(np.float64)


TRUTHS = {
    "as they say": lambda scores: scores,
    "overconfident": lambda scores: scores**3,
    "underconfident": lambda scores: 0.9 + 0.1 * scores,
    "a step": lambda scores: np.where(scores < 0.75, 0.3, 0.95),
    "all alike": lambda scores: np.full(len(scores), 0.487),
}


@pytest.mark.parametrize("answers_right", [1.0, 0.9])
@pytest.mark.parametrize("name", TRUTHS)
def test_fresh_cases_are_right_as_often_as_told(name, answers_right):
    gaps, overall = [], []
    for seed in range(20):
        scores, is_right = cases(seed, 2_000, TRUTHS[name], answers_right)
        found = calibration_map(scores, is_right, believed=0.98, answers_right=answers_right)
        fresh, _ = cases(1_000 + seed, 5_000, TRUTHS[name])
        gaps.append(np.abs(found.of(fresh) - TRUTHS[name](fresh)).mean())
        overall.append(abs(found.of(fresh).mean() - TRUTHS[name](fresh).mean()))
    assert np.median(gaps) < 0.05
    assert np.median(overall) < 0.01


SCORES = st.lists(
    st.tuples(st.sampled_from([0.75, 0.8, 0.80001, 0.9, 0.95, 1.0]) | st.floats(0.5, 1.0), st.booleans()),
    min_size=25,
    max_size=120,
)


@settings(max_examples=60, deadline=None)
@given(SCORES, st.sampled_from([0.5, 0.98]), st.sampled_from([1.0, 0.99]))
def test_a_higher_score_is_never_less_probable_nothing_is_certain_and_order_does_not_matter(pairs, believed, right):
    scores, is_right = (np.array(column, dtype=np.float64) for column in zip(*pairs, strict=True))
    before = scores.copy(), is_right.copy()
    found = calibration_map(scores, is_right, believed=believed, answers_right=right)
    told = found.of(np.linspace(0.0, 1.0, 200))
    assert (np.diff(told) >= 0.0).all()
    assert told.min() > 0.0
    assert told.max() < 1.0
    assert np.array_equal(told, np.round(told, 6))
    assert (found.cases, found.right_cases) == (len(pairs), sum(is_right))
    assert np.array_equal(scores, before[0])
    assert np.array_equal(is_right, before[1])
    turned = calibration_map(scores[::-1].copy(), is_right[::-1].copy(), believed=believed, answers_right=right)
    assert turned.of(scores) == pytest.approx(found.of(scores), abs=2e-6)


@given(st.lists(st.tuples(st.floats(0.0, 1.0), st.floats(1.0, 500.0)), min_size=1, max_size=12))
def test_the_regression_is_that_of_scipy(pairs):
    values, weights = (np.array(column) for column in zip(*pairs, strict=True))
    assert _rising(values, weights) == pytest.approx(isotonic_regression(values, weights=weights).x, abs=1e-9)


def test_few_cases_say_nothing():
    scores, is_right = np.full(24, 0.9), np.ones(24)
    assert calibration_map(scores, is_right, believed=0.98) is None
    assert calibration_map(np.full(25, 0.9), np.ones(25), believed=0.98) is not None


def test_of_one_score_it_is_the_mean_of_the_posterior():
    is_right = np.repeat([1.0, 0.0], [90, 10])
    found = calibration_map(np.full(100, 0.98), is_right, believed=0.98)
    pooled = (90 + 2 * 0.98) / 102
    assert found.of(np.array([0.5, 0.98])).tolist() == [round((90 + 10 * pooled) / 110, 6)] * 2


@pytest.mark.parametrize(("hits", "trials"), [(0, 1), (1, 1), (3, 10), (540, 544), (1_000, 1_000)])
def test_the_interval_is_wilsons(hits, trials):
    wanted = stats.binomtest(hits, trials).proportion_ci(0.95, method="wilson")
    assert wilson_interval(hits, trials) == pytest.approx((wanted.low, wanted.high), abs=1e-9)
