"""Which values a history is made of: which runs, in which order, and which of them are compared with each other."""

import random

import numpy as np
import pytest

from ledger.errors import ConfigurationError
from ledger.projections.histories import series_of
from ledger.service.trends.history import HISTORY_RUNS, Asked, chosen_runs, read_histories
from ledger.store.memory import MemoryStore
from tests.pasts import commit_name, noisy, past, run_name


def read(store, **asked):
    view = store.view()
    question = Asked(**asked)
    return series_of(read_histories(view, question, chosen_runs(view, question)))


def test_values_come_in_the_order_of_their_time_one_per_run():
    store, values = MemoryStore(), noisy(12)
    run_ids = past(store, values, order=random.Random(3).sample(range(12), 12))
    (series,) = read(store)
    assert series.values.tolist() == values
    assert series.run_ids == tuple(run_ids)
    assert np.all(np.diff(series.times_s) == 3600.0)
    assert series.commits[:11] == (commit_name(0),) * 10 + (commit_name(10),)


def test_runs_that_failed_have_no_place():
    store = MemoryStore()
    past(store, noisy(12), ends=lambda number: number % 3 != 0)
    (series,) = read(store)
    assert series.run_ids == tuple(run_name(number) for number in range(12) if number % 3)


def test_the_window_is_told_in_runs_of_each_job():
    store = MemoryStore()
    past(store, noisy(30))
    past(store, noisy(30), asset="report", job="weekly", hours=168.0, offset_minutes=30)
    view = store.view()
    window = chosen_runs(view, Asked(last=5)).window
    assert window == {run_name(number, job) for number in range(25, 30) for job in ("nightly", "weekly")}
    assert chosen_runs(view, Asked(last=5, job="weekly")).window == {run_name(n, "weekly") for n in range(25, 30)}


def test_the_window_in_days_ends_with_the_newest_run_and_not_now():
    store = MemoryStore()
    past(store, noisy(60))
    assert len(chosen_runs(store.view(), Asked(last=None, days=1.0)).window) == 25
    assert Asked(last=None, days=1.5).window == "1.5 days up to the newest run"


def test_changes_are_looked_for_beyond_the_window():
    store = MemoryStore()
    past(store, noisy(40))
    chosen = chosen_runs(store.view(), Asked(last=3))
    assert (len(chosen.window), len(chosen.run_ids)) == (3, 40)
    assert HISTORY_RUNS == 500


def test_other_machines_and_configurations_are_series_apart_and_other_packages_are_not():
    store = MemoryStore()
    past(
        store,
        noisy(40),
        config=lambda number: ("c0" if number < 20 else "c1") * 32,
        cores=lambda number: 2.0 if number % 2 else 4.0,
        packages=lambda number: f"p{number // 7}",
    )
    assert sorted(len(series.values) for series in read(store)) == [10, 10, 10, 10]


def test_rare_partitions_share_a_series_and_frequent_ones_have_their_own():
    store = MemoryStore()
    past(store, noisy(15), asset="daily", partition=lambda number: f"2026-01-{number + 1:02}")
    past(store, noisy(15), asset="by_country", partition=lambda number: "de", offset_minutes=1)
    found = {(series.asset, series.partition): len(series.values) for series in read(store)}
    assert found == {("daily", "*"): 15, ("by_country", "de"): 15}


def test_a_run_of_many_rare_partitions_gives_their_median():
    store = MemoryStore()
    for place, value in enumerate((1.0, 2.0, 9.0)):
        past(store, [value] * 4, partition=lambda number, place=place: f"{number}-{place}")
    (series,) = read(store)
    assert series.values.tolist() == [2.0] * 4


def test_only_what_is_asked_for_is_read():
    store = MemoryStore()
    past(store, {"duration_s": noisy(12), "match_rate": [0.9] * 12, "rows_out": [5.0] * 12})
    past(store, noisy(12), asset="report", offset_minutes=2)
    assert {series.metric for series in read(store, metrics=("match_rate",))} == {"match_rate"}
    assert {series.asset for series in read(store, assets=("report",))} == {"report"}
    assert {series.metric for series in read(store, default_metrics=("duration_s",))} == {"duration_s"}


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"job": "nihgtly"}, "did you mean 'nightly'?"),
        ({"metrics": ("duration",)}, "duration"),
        ({"assets": ("order",)}, "did you mean 'orders'?"),
    ],
)
def test_a_name_that_the_ledger_does_not_hold_is_an_error(asked, said):
    store = MemoryStore()
    past(store, noisy(3))
    with pytest.raises(ConfigurationError, match=said):
        read(store, **asked)


def test_an_empty_ledger_has_no_histories():
    assert read(MemoryStore()) == []
