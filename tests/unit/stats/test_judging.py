"""What the judge answers: states, refusals, and that nothing passes by accident."""

import dataclasses
import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.errors import ConfigurationError
from ledger.stats import Observations, Policy, assess, judge
from ledger.units import MIB
from tests.unit.stats.comparing import compare, noisy, quality, runs

NOTHING = {"inconclusive", "not_comparable"}


def one(comparison, policy=None):
    (finding,) = judge([comparison], policy)
    return finding


def test_nothing_asked_nothing_answered():
    assert judge([]) == ()


def test_no_change_is_certified_with_its_bound():
    finding = one(compare(noisy(1, 20), noisy(2, 5)))
    assert finding.state == "ok"
    assert finding.upper_bound < 0.10
    assert finding.severity is None
    assert "95%" in finding.reasons[-1]


@pytest.mark.parametrize(("factor", "severity"), [(1.13, "warning"), (1.22, "error"), (1.6, "critical")])
def test_a_slower_candidate_is_regressed_and_its_lower_bound_says_how_gravely(factor, severity):
    finding = one(compare(noisy(1, 20, 0.02), factor * noisy(2, 10, 0.03)))
    assert finding.state == "regressed"
    assert finding.interval[0] <= finding.estimate <= finding.interval[1]
    assert finding.severity == severity
    assert 0.0 < finding.p <= finding.adjusted_p <= 0.05
    assert finding.delta == pytest.approx(finding.candidate_value - finding.baseline_value)


def test_a_faster_candidate_is_improved():
    assert one(compare(noisy(1, 20), 0.7 * noisy(2, 5))).state == "improved"


def test_a_lower_rate_is_worse():
    rate = {"metric": "records_per_s", "kind": "rate", "direction": "higher_is_better", "unit": "rows/s"}
    assert one(compare(noisy(1, 20), noisy(2, 5) / 1.3, **rate)).state == "regressed"
    assert one(compare(noisy(1, 20), noisy(2, 5) * 1.3, **rate)).state == "improved"


def test_a_change_below_the_absolute_floor_is_no_regression():
    finding = one(compare(noisy(1, 20, middle=0.05), 1.5 * noisy(2, 5, middle=0.05)))
    assert finding.state == "ok"
    assert finding.estimate > 0.4
    assert one(compare(noisy(1, 20, middle=0.05), 1.5 * noisy(2, 5, middle=0.05), floor=0.0)).state == "regressed"


def test_a_limit_of_its_own_replaces_the_policys():
    assert one(compare(noisy(1, 20), 1.3 * noisy(2, 5), limit=0.5)).state == "ok"
    assert one(compare(noisy(1, 20), 1.3 * noisy(2, 5)), Policy(limits={"time": 0.5})).state == "ok"


def test_an_undecided_finding_says_how_many_runs_it_needs():
    finding = one(compare(noisy(1, 20, 0.08), 1.08 * noisy(2, 3, 0.08)))
    assert finding.state == "inconclusive"
    assert finding.needed_runs is not None
    assert finding.needed_runs > 0


@pytest.mark.parametrize("factor", [0.5, 1.0, 1.5, 10.0])
def test_one_candidate_run_of_a_noisy_metric_is_never_an_answer(factor):
    assert one(compare(noisy(1, 20), factor * noisy(2, 1))).state == "inconclusive"


@pytest.mark.parametrize("n", [1, 2])
def test_a_baseline_that_shows_no_noise_is_no_baseline(n):
    finding = one(compare(noisy(1, n), noisy(2, 5)))
    assert finding.state == "inconclusive"
    assert "baseline" in finding.reasons[-1]


@pytest.mark.parametrize("strange", [math.nan, math.inf, -math.inf, -1.0])
@pytest.mark.parametrize("side", ["baseline", "candidate"])
def test_strange_values_are_refused_on_either_side(strange, side):
    values = {"baseline": noisy(1, 20), "candidate": noisy(2, 5)}
    values[side][1] = strange
    finding = one(compare(**values))
    assert finding.state == "not_comparable"
    assert side in finding.reasons[0]


def test_an_empty_side_is_refused():
    assert one(compare((), noisy(2, 5))).state == "not_comparable"
    assert one(compare(noisy(1, 5), ())).state == "not_comparable"


def test_what_the_caller_refuses_stays_refused():
    finding = one(compare(noisy(1, 20), noisy(2, 5), not_comparable="other machine class"))
    assert (finding.state, finding.reasons) == ("not_comparable", ("other machine class",))


def test_a_metric_without_a_better_direction_is_not_judged():
    assert one(compare(noisy(1, 20), noisy(2, 5), direction="neutral")).state == "not_comparable"


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 12), st.integers(2, 8), st.sampled_from(["run_ids", "launch_ids"]), st.data())
def test_values_that_share_a_run_or_a_process_are_always_refused(n_baseline, n_candidate, what, data):
    ids = [f"id{index}" for index in range(n_baseline + n_candidate)]
    copied, onto = data.draw(st.permutations(range(len(ids))))[:2]
    ids[onto] = ids[copied]
    sides = []
    for name, chosen in (("b", ids[:n_baseline]), ("c", ids[n_baseline:])):
        recorded = {"run_ids": tuple(f"{name}{index}" for index in range(len(chosen))), what: tuple(chosen)}
        sides.append(Observations(values=tuple(map(float, noisy(len(chosen), len(chosen)))), **recorded))
    finding = one(compare(*sides))
    assert finding.state == "not_comparable"
    assert "no independent evidence" in finding.reasons[0]


def test_unknown_processes_are_not_taken_for_the_same():
    sides = [runs(noisy(seed, n), name, launch_ids=(None,) * n) for seed, n, name in ((1, 20, "b"), (2, 5, "c"))]
    assert one(compare(*sides)).state == "ok"


def test_equal_times_are_a_coarse_clock_and_not_certain():
    assert one(compare([10.0] * 20, [10.0] * 5)).state in {"ok", "inconclusive"}
    assert one(compare([10.0] * 20, [10.0])).state == "inconclusive"
    assert one(compare([10.0] * 20, [14.0] * 5)).state == "regressed"


@pytest.mark.parametrize("values", [[0.0] * 10, [0.0] * 9 + [1e-300]])
def test_zero_times_do_not_break_anything(values):
    assert one(compare(values, values[:5])).state == "ok"
    finding = one(compare(values, [5.0] * 5))
    assert finding.state == "regressed"
    assert finding.estimate is None


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.floats(0.0, 1e12), min_size=1, max_size=12),
    st.lists(st.floats(0.0, 1e12), min_size=1, max_size=8),
    st.sampled_from(["time", "memory", "rate", "count", "quality"]),
    st.sampled_from(["lower_is_better", "higher_is_better"]),
)
def test_any_numbers_have_an_answer_whose_parts_agree(baseline, candidate, kind, direction):
    finding = one(compare(baseline, candidate, kind=kind, direction=direction))
    assert (finding.severity is not None) == (finding.state == "regressed")
    assert finding.p is None or 0.0 < finding.p <= 1.0
    if finding.interval is not None and finding.estimate is not None:
        assert finding.interval[0] <= finding.estimate <= finding.interval[1]
    if finding.state == "ok":
        assert len(candidate) > 1 or min(baseline) == max(baseline) or 0.0 in (*baseline, *candidate)
    assert finding.reasons


def test_the_order_of_runs_and_of_comparisons_does_not_matter():
    rng = np.random.default_rng(3)
    asked = [
        compare(noisy(i, 12, 0.08), (1.2 if i < 3 else 1.0) * noisy(100 + i, 6, 0.08), asset=f"a{i}") for i in range(20)
    ]

    def shuffled(side):
        order = rng.permutation(len(side.values))
        return dataclasses.replace(
            side, values=tuple(side.values[i] for i in order), run_ids=tuple(side.run_ids[i] for i in order)
        )

    other = [
        dataclasses.replace(item, baseline=shuffled(item.baseline), candidate=shuffled(item.candidate))
        for item in asked
    ]
    expected = judge(asked)
    assert judge(other) == expected
    order = rng.permutation(len(asked))
    assert judge([asked[i] for i in order]) == tuple(expected[i] for i in order)


def test_another_process_gives_the_same_bytes():
    program = (
        "from ledger.stats import judge\n"
        "from tests.unit.stats.comparing import compare, noisy\n"
        "print(judge([compare(noisy(i, 12, .08), 1.1 * noisy(50 + i, 6, .08), asset=str(i)) for i in range(15)]))"
    )
    answers = {
        subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            check=True,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
        ).stdout
        for seed in ("1", "2")
    }
    assert len(answers) == 1


def test_importing_the_package_loads_no_numbers():
    program = "import sys, ledger.stats; sys.exit(any(name in sys.modules for name in ('scipy', 'numpy')))"
    assert (
        subprocess.run([sys.executable, "-c", program], check=False, env={"PYTHONPATH": ":".join(sys.path)}).returncode
        == 0
    )


def test_a_rate_beside_its_time_does_not_raise_the_number_of_tests():
    times = [compare(noisy(i, 12), 1.25 * noisy(50 + i, 6), asset=str(i)) for i in range(5)]
    rate = {"metric": "records_per_s", "kind": "rate", "direction": "higher_is_better", "unit": "rows/s"}
    rates = [compare(noisy(i, 12), noisy(50 + i, 6), asset=str(i), **rate) for i in range(5)]
    alone = [finding.adjusted_p for finding in judge(times)]
    assert [finding.adjusted_p for finding in judge(times + rates)][:5] == pytest.approx(alone, rel=0.5)


@pytest.mark.parametrize("wrong", [{"limit": 0.0}, {"limit": -0.1}, {"limit": math.nan}, {"floor": -1.0}])
def test_a_limit_that_is_no_size_is_a_wrong_configuration(wrong):
    with pytest.raises(ConfigurationError, match="a duration_s has limit"):
        judge([compare(noisy(1, 20), noisy(2, 5), **wrong)])


def test_hundreds_of_runs_on_a_side_are_judged_as_well():
    assert one(compare(noisy(1, 500), noisy(2, 400))).state == "ok"
    assert one(compare(noisy(1, 500), 1.15 * noisy(2, 400))).state == "regressed"


class TestSize:
    def test_rows_within_five_percent_are_compared_directly(self):
        base = runs(noisy(1, 20), "b", rows=(1000.0,) * 20)
        assert one(compare(base, runs(noisy(2, 5), "c", rows=(1040.0,) * 5))).state == "ok"

    def test_another_size_without_a_baseline_that_shows_its_effect_is_not_comparable(self):
        base = runs(noisy(1, 20), "b", rows=(1000.0,) * 20)
        finding = one(compare(base, runs(2 * noisy(2, 5), "c", rows=(2000.0,) * 5)))
        assert finding.state == "not_comparable"
        assert "rows" in finding.reasons[0]

    def sized(self):
        rows = np.linspace(1000, 4000, 20)
        return runs(noisy(1, 20) * (rows / 1000) ** 0.8, "b", rows=tuple(rows))

    def test_growth_with_the_rows_is_no_regression(self):
        finding = one(compare(self.sized(), runs(noisy(2, 8) * 4**0.8, "c", rows=(4000.0,) * 8)))
        assert finding.state == "ok"
        assert "rows^0." in finding.reasons[0]

    def test_a_regression_beyond_that_growth_is_found(self):
        slow = runs(1.3 * noisy(2, 8) * 4**0.8, "c", rows=(4000.0,) * 8)
        assert one(compare(self.sized(), slow)).state == "regressed"

    def test_extrapolation_is_refused(self):
        far = runs(noisy(2, 8), "c", rows=(8000.0,) * 8)
        finding = one(compare(self.sized(), far))
        assert finding.state == "not_comparable"
        assert "extrapolation" in finding.reasons[0]

    def test_baseline_runs_of_the_same_size_are_enough(self):
        rows = (1000.0,) * 6 + (9000.0,) * 3
        base = runs([*noisy(1, 6), *(9 * noisy(3, 3))], "b", rows=rows)
        finding = one(compare(base, runs(noisy(2, 5), "c", rows=(1000.0,) * 5)))
        assert finding.state == "ok"
        assert finding.n_baseline == 6


class TestStrata:
    def base(self):
        return runs([*noisy(1, 10), *(1.5 * noisy(2, 10))], "b", strata=("warm",) * 10 + ("cold",) * 10)

    def test_more_cold_runs_are_no_regression(self):
        cold = runs(1.5 * noisy(3, 5), "c", strata=("cold",) * 5)
        assert one(compare(self.base(), cold)).state == "ok"

    def test_a_slower_warm_run_is_one_although_cold_runs_are_as_slow(self):
        slow = runs(1.5 * noisy(3, 5), "c", strata=("warm",) * 5)
        assert one(compare(self.base(), slow)).state == "regressed"

    def test_a_stratum_the_baseline_does_not_know_is_refused(self):
        other = runs(noisy(3, 5), "c", strata=("tepid",) * 5)
        assert one(compare(self.base(), other)).state == "not_comparable"


class TestExact:
    def memory(self, baseline, candidate, **more):
        scaled = [[value * MIB for value in side] for side in (baseline, candidate)]
        return compare(*scaled, metric="peak_increase_bytes", kind="memory", unit="bytes", **more)

    def test_constant_memory_is_judged_without_noise_and_from_one_run(self):
        assert one(self.memory([200] * 5, [200])).state == "ok"
        finding = one(self.memory([200] * 5, [300]))
        assert (finding.state, finding.severity) == ("regressed", "critical")
        assert finding.estimate == pytest.approx(0.5)

    def test_the_floor_holds_for_constant_memory(self):
        assert one(self.memory([20] * 5, [30])).state == "ok"

    def test_some_runs_beyond_and_some_within_are_undecided(self):
        assert one(self.memory([200] * 5, [200, 300])).state == "inconclusive"

    def test_two_equal_values_are_not_yet_a_constant(self):
        assert one(self.memory([200] * 2, [200])).state == "inconclusive"

    def test_a_count_that_was_zero_has_no_ratio(self):
        count = {"metric": "refused_identifiers", "kind": "count", "unit": "count"}
        assert one(compare([0] * 5, [0], **count)).state == "ok"
        finding = one(compare([0] * 5, [3], **count))
        assert (finding.state, finding.severity, finding.estimate, finding.delta) == ("regressed", "error", None, 3.0)

    def test_a_drop_of_exactly_the_limit_reaches_it(self):
        assert one(quality([0.80] * 5, [0.78])).state == "regressed"
        assert one(quality([0.80] * 5, [0.781])).state == "ok"


class TestQuality:
    def test_a_drop_is_absolute(self):
        rng = np.random.default_rng(1)
        base, same = 0.8 + 0.003 * rng.standard_normal(15), 0.8 + 0.003 * rng.standard_normal(5)
        assert one(quality(base, same)).state == "ok"
        finding = one(quality(base, same - 0.04))
        assert finding.state == "regressed"
        assert finding.estimate == pytest.approx(0.04, abs=0.005)
        assert "points" in finding.reasons[-2]

    def counted(self, rate, n, side, seed, rows=20_000):
        hits = np.random.default_rng(seed).binomial(rows, rate, n)
        return runs(hits / rows, side, successes=tuple(map(int, hits)), trials=(rows,) * n)

    def test_counts_show_a_drop_in_one_run_but_never_that_there_is_none(self):
        base = self.counted(0.8, 8, "b", 1)
        assert one(quality(base, self.counted(0.75, 1, "c", 2))).state == "regressed"
        assert one(quality(base, self.counted(0.8, 1, "c", 3))).state == "inconclusive"
        assert one(quality(base, self.counted(0.8, 4, "c", 4))).state == "ok"

    def test_few_rows_are_little_evidence(self):
        base, few = self.counted(0.8, 8, "b", 1, rows=50), self.counted(0.75, 3, "c", 2, rows=50)
        assert one(quality(base, few)).state in NOTHING

    def test_impossible_counts_are_refused(self):
        broken = runs([0.8], "c", successes=(9,), trials=(5,))
        assert one(quality(self.counted(0.8, 8, "b", 1), broken)).state == "not_comparable"


class TestAnchor:
    def test_slow_creep_shows_against_the_anchor(self):
        finding = one(compare(1.18 * noisy(1, 20), 1.27 * noisy(2, 8), anchor=runs(noisy(3, 20), "a")))
        assert (finding.state, finding.against) == ("regressed", "anchor")

    def test_what_holds_against_both_is_said_of_the_current_one(self):
        finding = one(compare(noisy(1, 20), noisy(2, 8), anchor=runs(noisy(3, 20), "a")))
        assert (finding.state, finding.against) == ("ok", "current")
        assert "anchor" in finding.reasons[-1]


class TestEnvironment:
    def gate(self, factor, n=30, slower=0, probe=None, size=(20, 5)):
        def probed(seed, n, factor):
            return {} if probe is None else {"probe_s": tuple(noisy(seed, n, 0.01, 0.03) * factor)}

        return [
            compare(
                runs(noisy(i, size[0]), "b", **probed(900, size[0], 1.0)),
                runs(
                    noisy(500 + i, size[1]) * factor * (1.25 if i < slower else 1.0),
                    "c",
                    **probed(901, size[1], probe or 1.0),
                ),
                asset=f"a{i}",
            )
            for i in range(n)
        ]

    def test_without_a_common_shift_there_is_none(self):
        assert assess(self.gate(1.0, slower=3)).environment_shift is None

    def test_a_machine_somewhat_slower_is_taken_out_and_a_regression_is_still_found(self):
        assessment = assess(self.gate(1.08, slower=3))
        assert assessment.environment_shift.shift_ratio == pytest.approx(0.08, abs=0.02)
        states = [finding.state for finding in assessment.findings]
        assert states[:3] == ["regressed"] * 3
        assert "regressed" not in states[3:]
        assert assessment.findings[5].raw_estimate > assessment.findings[5].estimate

    def test_everything_slower_beyond_the_limit_without_a_probe_is_undecided(self):
        assessment = assess(self.gate(1.2))
        assert assessment.environment_shift.exceeds_limit
        assert {finding.state for finding in assessment.findings} == {"inconclusive"}

    def test_a_probe_that_is_as_slow_clears_the_code(self):
        assessment = assess(self.gate(1.2, probe=1.2))
        assert assessment.environment_shift.confirmed
        assert not assessment.environment_shift.exceeds_limit
        assert "regressed" not in {finding.state for finding in assessment.findings}

    def test_a_probe_that_stood_still_blames_the_code(self):
        assessment = assess(self.gate(1.25, probe=1.0))
        assert not assessment.environment_shift.exceeds_limit
        assert {finding.state for finding in assessment.findings} == {"regressed"}

    def test_few_assets_and_a_slow_probe_are_undecided(self):
        (finding,) = assess(self.gate(1.25, n=1, probe=1.25)).findings
        assert finding.state == "inconclusive"

    def test_few_assets_slower_than_the_probe_are_regressed(self):
        (finding,) = assess(self.gate(1.5, n=1, probe=1.1)).findings
        assert finding.state == "regressed"
        assert finding.estimate < finding.raw_estimate
