"""A trend is told apart from noise, from a step and from nothing happening, whatever the order of the runs."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.errors import ConfigurationError
from ledger.stats import trend
from tests.unit.stats.noises import noise, stepped

DAY_S = 86_400.0


def days(n):
    return DAY_S * np.arange(n)


def rising(seed, n=60, per_day=0.005, phi=0.0):
    return 10.0 * np.exp(noise(seed, n, phi) + per_day * np.arange(n))


def test_a_rise_is_degrading_where_lower_is_better_with_its_slope_per_day():
    told = trend(rising(seed=1), days(60))
    assert told.kind == "degrading"
    assert told.slope_per_day == pytest.approx(0.005, abs=0.0015)
    assert told.low_per_day < told.slope_per_day < told.high_per_day
    assert told.change_ratio == pytest.approx(np.expm1(0.005 * 59), abs=0.1)
    assert told.p_value < 1e-4
    assert told.n == 60
    assert "change over the window" in told.reasons[0]


def test_the_same_rise_is_improving_where_higher_is_better_and_a_fall_where_lower_is():
    assert trend(rising(seed=1), days(60), "higher_is_better").kind == "improving"
    assert trend(rising(seed=1, per_day=-0.005), days(60)).kind == "improving"


def test_quiet_values_are_shown_to_be_flat():
    told = trend(10.0 * np.exp(noise(2, 200, sigma=0.02)), days(200))
    assert told.kind == "flat"
    assert "inside 5%" in told.reasons[0]


def test_a_step_is_a_step_and_no_trend():
    told = trend(stepped(seed=3), days(120))
    assert told.kind == "step"
    assert "at value 60" in told.reasons[0]


def test_too_little_is_inconclusive_and_says_why():
    told = trend([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0], days(9))
    assert told.kind == "inconclusive"
    assert told.slope_per_day is None
    assert "9 values are too few" in told.reasons[0]
    assert trend([], []).kind == "inconclusive"


def test_noise_that_could_be_either_is_inconclusive():
    assert trend(10.0 * np.exp(noise(4, 15, sigma=0.2)), days(15)).kind == "inconclusive"


@pytest.mark.parametrize("phi", [0.0, 0.3])
def test_noise_is_seldom_a_trend(phi):
    kinds = [trend(np.exp(noise(seed, n, phi)), days(n)).kind for n in (15, 40, 100) for seed in range(100)]
    assert np.mean([kind in ("improving", "degrading") for kind in kinds]) <= 0.03


def test_a_trend_in_noise_that_remembers_is_found():
    kinds = [trend(rising(seed, 60, 0.005, 0.3), days(60)).kind for seed in range(60)]
    assert np.mean([kind == "degrading" for kind in kinds]) >= 0.9


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 30), shuffle=st.integers(0, 1000))
def test_the_order_in_which_runs_are_given_does_not_matter(seed, shuffle):
    values, times = rising(seed), days(60)
    order = np.random.default_rng(shuffle).permutation(60)
    assert trend(values, times) == trend(values[order], times[order])


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 30), scale=st.sampled_from([1e-9, 3.0, 1e12]), later=st.sampled_from([0.0, 1.7e9]))
def test_neither_unit_nor_calendar_matter(seed, scale, later):
    there, here = trend(rising(seed), days(60)), trend(rising(seed) * scale, days(60) + later)
    assert there.kind == here.kind
    assert there.slope_per_day == pytest.approx(here.slope_per_day, rel=1e-6)


def test_datetimes_are_times():
    began = datetime(2026, 1, 1, tzinfo=UTC)
    times = [began + timedelta(days=day) for day in range(60)]
    assert trend(rising(seed=5), times).kind == trend(rising(seed=5), days(60)).kind == "degrading"


def test_values_of_one_time_are_inconclusive():
    told = trend(rising(seed=6), np.full(60, 5.0))
    assert told.kind == "inconclusive"
    assert told.reasons == ("all values are of the same time",)


def test_some_equal_times_are_no_hindrance():
    assert trend(rising(seed=7), np.repeat(days(30), 2) * 2.0).kind == "degrading"


def test_constant_values_are_flat_also_at_zero():
    for value in (0.0, 4.0, -2.0):
        told = trend([value] * 30, days(30))
        assert (told.kind, told.slope_per_day) == ("flat", 0.0)


def test_values_through_zero_have_a_slope_in_their_own_unit():
    rng = np.random.default_rng(8)
    told = trend(rng.normal(size=80) + 0.2 * np.arange(80) - 5.0, days(80))
    assert told.kind == "degrading"
    assert told.slope_per_day == pytest.approx(0.2, abs=0.03)
    assert told.change_ratio is None
    assert any("zero or negative" in reason for reason in told.reasons)


def test_rounded_values_keep_their_slope():
    told = trend(np.round(rising(seed=9, n=100) * 2.0), days(100))
    assert told.kind == "degrading"
    assert told.low_per_day <= 0.005 <= told.high_per_day


@pytest.mark.parametrize("where", ["values", "times"])
def test_what_is_no_number_is_refused_and_named(where):
    series = {"values": rising(seed=1), "times": days(60)}
    series[where][3] = float("nan")
    with pytest.raises(ConfigurationError, match=rf"{where}\[3\]"):
        trend(**series)


def test_a_time_for_every_value_is_asked_for():
    with pytest.raises(ConfigurationError, match="60 values but 59 times"):
        trend(rising(seed=1), days(59))


def test_many_values_are_joined_and_keep_their_slope():
    told = trend(rising(seed=10, n=3000, per_day=0.0002), days(3000))
    assert told.kind == "degrading"
    assert told.slope_per_day == pytest.approx(0.0002, rel=0.1)


def test_a_window_of_minutes_has_an_interval_though_a_day_is_beyond_any_number():
    values = [10.0 * 0.97**number for number in range(12)]
    found = trend(values, [30.0 * number for number in range(12)])
    assert found.kind == "improving"
    assert found.change_ratio == pytest.approx(0.97**11 - 1.0)
    low, high = found.interval
    assert low <= found.change_ratio <= high < 0.0
    assert found.slope_per_day == -1.0
