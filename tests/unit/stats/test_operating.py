"""The gate's operating figures, on few gates: what the benchmark measures on many, with room for chance."""

import numpy as np
import pytest

from ledger.stats import judge
from tests.benchmarks.stats.gates import METRICS, STEADY, tally
from tests.benchmarks.stats.noise import gate
from tests.unit.stats.comparing import compare

DESIGNS = [(10, 5), (20, 5), (20, 10)]


@pytest.mark.parametrize("design", DESIGNS)
def test_clean_gates_pass_and_what_they_certify_is_most_of_it(design):
    found = tally("tests", 1, 8, design)
    # At 4 % false alarms three of eight gates happen three times in a thousand.
    assert found.alarmed_gates <= 2
    assert found.outcomes["FAIL"] + found.outcomes["INCONCLUSIVE"] <= 2
    assert found.share("ok") >= 0.85
    assert found.covered / found.intervals >= 0.93


@pytest.mark.parametrize(("design", "least"), [((10, 5), 0.80), ((20, 5), 0.82), ((20, 10), 0.84)])
def test_five_regressions_among_many_metrics_are_found(design, least):
    found = tally("tests", 2, 10, design, 1.20, 5)
    assert found.share("regressed") >= least
    assert found.outcomes["FAIL"] >= 8


def test_a_regression_of_the_limit_is_hardly_ever_certified_as_none():
    assert tally("tests", 3, 5, (20, 5), 1.10, METRICS, scene=STEADY).share("ok") <= 0.065


def test_five_percent_are_hardly_ever_flagged():
    assert tally("tests", 4, 5, (20, 5), 1.05, METRICS, scene=STEADY).share("regressed") <= 0.02


def test_one_candidate_run_neither_passes_nor_alarms():
    for factor in (1.0, 1.1, 2.0):
        assert set(tally("tests", 5, 1, (20, 1), factor, METRICS).states) == {"inconclusive"}


def test_noise_far_beyond_the_limit_raises_no_alarm():
    alarms = 0
    for number in range(10):
        rng = np.random.default_rng([11, number])
        sides = (np.exp(0.8 * rng.standard_normal((30, runs))) for runs in (20, 5))
        asked = [
            compare(10 * before, 10 * after, asset=str(i)) for i, (before, after) in enumerate(zip(*sides, strict=True))
        ]
        alarms += any(finding.state == "regressed" for finding in judge(asked))
    assert alarms <= 1


@pytest.mark.slow
@pytest.mark.parametrize("design", DESIGNS)
def test_false_alarms_of_a_gate_stay_below_four_percent(design):
    found = tally("tests", 6, 250, design)
    # 4 % of 250 are 10; two standard errors are 6.
    assert found.alarmed_gates <= 16


def test_noise_is_the_same_for_the_same_seed():
    one, other = (gate(np.random.default_rng(1), 20, 5, 3) for _ in range(2))
    assert np.array_equal(one.baseline, other.baseline)
    assert one.made_by == other.made_by
