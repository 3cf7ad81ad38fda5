"""A change of the last few runs is told as provisional, seldom of noise, and confirmed or withdrawn later."""

import numpy as np
import pytest

from ledger.stats import change_points
from tests.unit.stats.noises import noise, stepped


def warned(values):
    return [point for point in change_points(values) if point.provisional]


def test_three_slow_runs_are_a_provisional_change_that_later_runs_confirm():
    values = stepped(seed=1, n=90, at=60)
    (early,) = change_points(values[:63])
    assert early.provisional
    assert early.index == 60
    assert early.change_ratio == pytest.approx(0.3, abs=0.1)
    (late,) = change_points(values)
    assert not late.provisional
    assert late.index == 60


def test_a_change_that_goes_away_is_withdrawn():
    values = stepped(seed=2, n=63, at=60)
    assert warned(values)
    back = np.concatenate((values, 10.0 * np.exp(noise(3, 12))))
    assert change_points(back) == ()


def test_one_spike_is_no_warning():
    values = stepped(seed=4, n=63, at=99)
    values[-1] *= 2.0
    assert warned(values) == []


@pytest.mark.parametrize(("ratio", "within", "least"), [(1.2, 3, 0.9), (1.2, 10, 0.96), (1.1, 10, 0.9)])
def test_steps_are_told_within_a_few_runs(ratio, within, least):
    found = []
    for seed in range(80):
        values = stepped(seed, 60, 50, ratio, sigma=0.04)
        found.append(any(change_points(values[: 50 + more]) for more in range(3, within + 1)))
    assert np.mean(found) >= least


@pytest.mark.parametrize(("phi", "most"), [(0.0, 0.05), (0.2, 0.07)])
def test_clean_runs_seldom_warn(phi, most):
    flagged = []
    for seed in range(40):
        values = np.exp(noise(seed, 80, phi))
        flagged.append(any(change_points(values[: 50 + more]) for more in range(1, 31)))
    assert np.mean(flagged) <= most


def test_a_change_that_was_missed_at_first_is_told_where_it_began():
    away = []
    for seed in range(60):
        values = stepped(seed, 58, 50, 1.12, sigma=0.03)
        away += [abs(point.index - 50) for point in change_points(values)]
    assert len(away) > 50
    assert np.mean(np.array(away) <= 1) >= 0.85


def test_too_few_runs_before_them_are_no_reference():
    assert warned([1.0, 1.1, 0.9, 1.0, 1.05, 1.0, 0.95, 2.0, 2.1, 2.0]) == []
