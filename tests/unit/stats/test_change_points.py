"""A history is cut where its level changes, and nowhere else, however it is scaled."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.errors import ConfigurationError
from ledger.stats import change_points, change_points_of_family, history
from tests.unit.stats.noises import noise, stepped


def confirmed(values):
    return [point.index for point in change_points(values) if not point.provisional]


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


@pytest.mark.parametrize(("phi", "most"), [(0.0, 0.005), (0.3, 0.02), (0.6, 0.045)])
def test_noise_is_seldom_taken_for_a_change(phi, most):
    flagged = [bool(confirmed(np.exp(noise(seed, 100, phi)))) for seed in range(250)]
    assert np.mean(flagged) <= most


@pytest.mark.parametrize(("ratio", "least"), [(1.1, 0.6), (1.2, 0.97), (1.3, 0.99)])
def test_steps_are_found_within_five_runs_of_where_they_are(ratio, least):
    found = [
        any(abs(index - 50) <= 5 for index in confirmed(stepped(seed, 100, 50, ratio, sigma=0.04)))
        for seed in range(100, 200)
    ]
    assert np.mean(found) >= least


def test_the_interval_covers_the_change():
    covered = []
    for seed in range(100):
        points = [p for p in change_points(stepped(seed, 120, 60, 1.15, phi=0.3)) if not p.provisional]
        covered += [point.earliest <= 60 <= point.latest for point in points]
    assert len(covered) > 80
    assert np.mean(covered) >= 0.94


def test_spikes_are_no_changes_and_do_not_hide_one():
    values = stepped(seed=5)
    values[[20, 21, 90]] *= 3.0
    assert [abs(index - 60) <= 1 for index in confirmed(values)] == [True]


@settings(max_examples=40, deadline=None)
@given(scale=st.sampled_from([1e-12, 1e-3, 7.0, 1e9]), seed=st.integers(0, 20))
def test_the_unit_does_not_matter(scale, seed):
    values = stepped(seed)
    assert confirmed(values) == confirmed(values * scale)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 50), ratio=st.floats(1.15, 3.0))
def test_a_reciprocal_series_changes_at_the_same_runs_by_the_reciprocal(seed, ratio):
    values = stepped(seed, ratio=ratio)
    there, back = change_points(values), change_points(1.0 / values)
    assert [point.index for point in there] == [point.index for point in back]
    for up, down in zip(there, back, strict=True):
        assert (1 + up.change_ratio) * (1 + down.change_ratio) == pytest.approx(1.0, rel=1e-3)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.floats(-1e6, 1e6), min_size=0, max_size=60))
def test_whatever_numbers_come_points_are_ordered_inside_and_tell_what_they_can(values):
    points = change_points(values)
    indices = [point.index for point in points]
    assert indices == sorted(set(indices))
    for point in points:
        assert 0 < point.index < len(values)
        assert point.earliest <= point.index <= point.latest
        assert 0.0 < point.p_value <= 1.0
        assert 0.5 <= point.separation <= 1.0
        assert (point.change_ratio is None) == (min(values) <= 0)


def test_the_same_values_give_the_same_points_bit_for_bit_in_another_process():
    program = (
        "from tests.unit.stats.noises import stepped; from ledger.stats import change_points;"
        "print(change_points(stepped(seed=3)))"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert told.strip() == str(change_points(list(stepped(seed=3))))


def test_the_input_is_left_untouched():
    values = stepped(seed=6)
    before = values.copy()
    change_points(values)
    assert (values == before).all()


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
def test_what_is_no_number_is_refused_and_named(bad):
    values = stepped(seed=4)
    values[17] = bad
    with pytest.raises(ConfigurationError, match=r"values\[17\]"):
        change_points(values)
    with pytest.raises(ValueError, match="leave runs without a value out"):
        change_points(values)


def test_a_table_is_refused():
    with pytest.raises(ConfigurationError, match="2 dimensions"):
        change_points(np.ones((3, 4)))


def test_fewer_than_ten_values_have_no_change_points_and_say_so():
    assert change_points([1.0] * 4 + [2.0] * 5) == ()
    assert "9 values are too few" in history([1.0] * 4 + [2.0] * 5).reasons[0]
    assert change_points([]) == ()


@pytest.mark.parametrize("value", [0.0, -3.0, 5.0, 1e-300])
def test_constant_values_have_no_change_points_and_say_so(value):
    assert history([value] * 50).points == ()
    assert history([value] * 50).reasons == ("all values are the same",)


@pytest.mark.parametrize(("before", "after"), [(1000.0, 1020.0), (7.0, 8.0), (3.0, 2.0)])
def test_a_count_that_never_varies_changes_where_it_does(before, after):
    (point,) = change_points([before] * 30 + [after] * 30)
    assert (point.index, point.earliest, point.latest) == (30, 30, 30)
    assert point.change_ratio == pytest.approx(after / before - 1)


def test_a_change_of_less_than_one_percent_is_none():
    assert change_points([1000.0] * 40 + [1005.0] * 40) == ()


def test_values_through_zero_change_by_a_difference_and_no_ratio():
    rng = np.random.default_rng(8)
    values = rng.normal(size=80) + 8.0 * (np.arange(80) >= 40)
    told = history(values)
    (point,) = told.points
    assert point.index == 40
    assert point.change_ratio is None
    assert point.after - point.before == pytest.approx(8.0, abs=1.0)
    assert not told.is_log
    assert "zero or negative" in told.reasons[0]


def test_rounded_noise_is_no_change_and_a_step_in_it_is():
    flagged, found = [], []
    for seed in range(80):
        rng = np.random.default_rng(seed)
        values = np.round(20.0 + 0.7 * rng.normal(size=100))
        flagged.append(bool(confirmed(values)))
        found.append(any(abs(index - 50) <= 3 for index in confirmed(values + 5.0 * (np.arange(100) >= 50))))
    assert np.mean(flagged) <= 0.03
    assert np.mean(found) >= 0.97


def test_memory_of_the_noise_is_measured_through_a_step_and_told():
    for phi in (0.0, 0.3, 0.6):
        told = [history(stepped(seed, 200, 100, 1.4, phi)).autocorrelation for seed in range(24)]
        assert np.mean(told) == pytest.approx(phi, abs=0.08)
    reasons = [history(np.exp(noise(seed, 300, 0.9))).reasons for seed in range(20)]
    assert sum("autocorrelation" in " ".join(each) for each in reasons) >= 18


def test_p_values_of_what_noise_shows_are_not_too_small():
    """Without the threshold, the smallest p of a quiet series is below 5 % in no more than about 5 % of them."""
    from ledger.stats.evidence import p_value  # noqa: PLC0415  # the only test of the inside
    from ledger.stats.series import seeded  # noqa: PLC0415

    ps = []
    for seed in range(400):
        window = noise(seed, 60)
        sums = np.cumsum(window - window.mean())[1:-2]
        left = np.arange(2, 59)
        cut = int((sums**2 / (left * (60 - left))).argmax()) + 2
        ps.append(p_value(window, cut, 0.0, 60, seeded(window)))
    assert np.mean(np.array(ps) < 0.05) <= 0.08
    assert np.mean(np.array(ps) < 0.01) <= 0.025
    assert min(ps) > 0.0


def test_a_family_of_quiet_series_has_no_discoveries_and_a_changed_one_stays():
    family = {f"quiet {seed}": np.exp(noise(seed, 80, 0.3)) for seed in range(60)}
    family["changed"] = stepped(seed=9)
    told = change_points_of_family(family)
    assert list(told) == list(family)
    assert [key for key, each in told.items() if any(not p.provisional for p in each.points)] == ["changed"]
    assert told["changed"].adjusted_p < 1e-3
    assert change_points_of_family({}) == {}


def test_importing_the_package_loads_no_scipy():
    program = (
        "import sys, ledger.stats; from ledger.stats import change_points, trend; assert 'scipy' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
