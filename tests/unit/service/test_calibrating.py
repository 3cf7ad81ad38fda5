"""A/A replays: what a gate says of runs between which nothing changed, counted the same way every time."""

import math
import random

import pytest

from ledger.errors import ConfigurationError
from ledger.service.gate.calibrating import Plan, TooFewRunsError, calibrate
from ledger.service.gate.metric_noise import rate
from ledger.service.reading.choosing import Choice
from ledger.stats import Policy
from ledger.store.memory import MemoryStore
from tests.pasts import noisy, past, stepped

QUICK = Plan(splits=20)


def calibrated(values, plan=QUICK, **how):
    store = MemoryStore()
    past(store, values, **how)
    return calibrate(store.view(), plan)


def test_unchanged_runs_are_seldom_flagged_and_the_rate_has_an_interval():
    random_splits, in_order = calibrated(noisy(60, cv=0.05), Plan(splits=100)).replays
    assert (random_splits.way, random_splits.gates, in_order.way, in_order.gates) == ("random", 100, "in_order", 46)
    assert random_splits.alarms.ratio <= 0.05
    assert random_splits.alarms.interval[0] <= random_splits.alarms.ratio <= random_splits.alarms.interval[1]
    assert random_splits.tests.total == 100


def test_a_real_change_in_the_history_shows_in_order():
    random_splits, in_order = calibrated(stepped(30, 30, ratio=1.5), Plan(splits=46)).replays
    assert in_order.alarms.hits > random_splits.alarms.hits


def test_the_same_seed_and_runs_give_the_same_answer_in_any_order_of_appends():
    values = noisy(40, cv=0.05)
    shuffled = random.Random(4).sample(range(40), 40)
    assert calibrated(values) == calibrated(values, order=shuffled)
    assert calibrated(values, Plan(splits=20, seed=1)).metrics != calibrated(values).metrics


def test_noise_is_told_for_each_metric_the_noisiest_first():
    found = calibrated({"duration_s": noisy(40, cv=0.05), "peak_increase_bytes": noisy(40, level=1e9, cv=0.2, seed=7)})
    assert [metric.metric for metric in found.metrics] == ["peak_increase_bytes", "duration_s"]
    assert found.metrics[1].cv == pytest.approx(0.05, abs=0.015)
    assert found.metrics[1].robust_cv == pytest.approx(0.05, abs=0.02)


def test_more_runs_hold_a_smaller_limit_and_a_smaller_limit_needs_more_runs():
    (metric,) = calibrated(noisy(40, cv=0.05)).metrics
    held = [metric.held[f"5x{candidates}"] for candidates in (3, 5, 10, 20)]
    assert held == sorted(held, reverse=True)
    needed = [metric.needed_runs[limit] for limit in ("0.2", "0.1", "0.05", "0.02")]
    assert needed == sorted(needed)
    assert needed[0] >= 3


def test_the_limit_that_is_held_is_held():
    values = noisy(60, cv=0.05)
    (metric,) = calibrated(values, Plan(splits=100)).metrics
    policy = Policy(limits={**Policy().limits, "time": metric.held["10x5"] * 1.0001}, floors={})
    again = calibrated(values, Plan(splits=100, policy=policy))
    undecided = again.replays[0].undecided.ratio
    assert undecided == pytest.approx(0.2, abs=0.05)


def test_what_is_constant_holds_any_limit():
    (metric,) = calibrated([3.0] * 30).metrics
    assert (metric.cv, metric.alarms.hits) == (0.0, 0)


def test_only_the_largest_set_of_comparable_runs_is_split():
    found = calibrated(noisy(60), cores=lambda number: 2.0 if number < 40 else 4.0)
    assert (found.comparable_runs, found.other_runs, found.independent_gates) == (40, 20, 2)


@pytest.mark.parametrize("runs", [1, 14])
def test_too_few_runs_are_said_with_the_way_on(runs):
    with pytest.raises(TooFewRunsError, match=rf"{runs} of {runs} runs .* 10x5 takes 15; make more"):
        calibrated(noisy(runs))


def test_an_empty_ledger_is_an_error_with_the_way_on():
    with pytest.raises(ConfigurationError, match="no successful runs"):
        calibrate(MemoryStore().view(), QUICK)


def test_only_runs_of_the_job_count():
    store = MemoryStore()
    past(store, noisy(20))
    past(store, noisy(30), job="weekly", asset="report", offset_minutes=5)
    found = calibrate(store.view(), Plan(splits=5, choice=Choice(job="nightly")))
    assert (found.job, found.comparable_runs) == ("nightly", 20)


@pytest.mark.parametrize(
    ("hits", "total", "low", "high"),
    [(0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (5, 10, 0.2366, 0.7634), (1, 100, 0.0018, 0.0545)],
)
def test_the_interval_of_a_rate_is_wilsons(hits, total, low, high):
    found = rate(hits, total)
    assert found.interval == pytest.approx((low, high), abs=5e-5)
    assert math.isclose(found.ratio, hits / total)


def test_nothing_tried_has_no_rate():
    assert (rate(0, 0).ratio, rate(0, 0).interval) == (None, None)
