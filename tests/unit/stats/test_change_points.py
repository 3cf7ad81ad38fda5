"""A history is cut where its level changes, and nowhere else, however it is scaled."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.errors import ConfigurationError
from ledger.stats import change_points, history


def noise(seed: int, n: int, phi: float = 0.0, sigma: float = 0.05):
    rng = np.random.default_rng(seed)
    steps = rng.normal(size=n + 50)
    for at in range(1, n + 50):
        steps[at] += phi * steps[at - 1]
    return sigma * np.sqrt(1 - phi**2) * steps[50:]


def stepped(seed: int, n: int = 120, at: int = 60, ratio: float = 1.3):
    return 10.0 * np.exp(noise(seed, n) + np.log(ratio) * (np.arange(n) >= at))


def test_a_step_is_found_where_it_is_with_its_size_and_its_evidence():
    (point,) = change_points(stepped(seed=1))
    assert point.earliest <= 60 <= point.latest
    assert abs(point.index - 60) <= 1
    assert point.change_ratio == pytest.approx(0.3, abs=0.05)
    assert point.before == pytest.approx(10.0, rel=0.05)
    assert point.after == pytest.approx(13.0, rel=0.05)
    assert 0.0 < point.p_value < 1e-4
    assert point.separation > 0.95
    assert not point.provisional


@pytest.mark.parametrize(("phi", "most"), [(0.0, 0.02), (0.3, 0.03), (0.6, 0.06)])
def test_noise_is_seldom_taken_for_a_change(phi, most):
    found = [[p for p in change_points(np.exp(noise(s, 100, phi))) if not p.provisional] for s in range(300)]
    assert np.mean([bool(points) for points in found]) <= most


@settings(max_examples=40, deadline=None)
@given(scale=st.sampled_from([1e-12, 1e-3, 7.0, 1e9]), seed=st.integers(0, 20))
def test_the_unit_does_not_matter(scale, seed):
    values = stepped(seed)
    assert [p.index for p in change_points(values)] == [p.index for p in change_points(values * scale)]


def test_the_same_values_give_the_same_points_bit_for_bit():
    values = stepped(seed=3)
    assert change_points(values) == change_points(list(values))


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
def test_what_is_no_number_is_refused_and_named(bad):
    values = stepped(seed=4)
    values[17] = bad
    with pytest.raises(ConfigurationError, match=r"values\[17\]"):
        change_points(values)
    with pytest.raises(ValueError, match="leave runs without a value out"):
        change_points(values)


def test_fewer_than_ten_values_have_no_change_points_and_say_so():
    assert change_points([1.0] * 4 + [2.0] * 5) == ()
    assert "9 values are too few" in history([1.0] * 4 + [2.0] * 5).reasons[0]
