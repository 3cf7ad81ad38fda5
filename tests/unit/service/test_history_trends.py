"""Where histories are heading: steps, trends, what is flat and what cannot be told; the same whenever it is asked."""

import dataclasses
import random

import numpy as np
import pytest

from ledger.events import ChangePointFound
from ledger.projections.histories import Series, series_of
from ledger.report import json
from ledger.service.trends.history import Asked, chosen_runs, read_histories
from ledger.service.trends.series_trend import Look, told
from ledger.service.trends.trending import judged_metrics, trends
from ledger.store import open_store
from ledger.store.memory import MemoryStore
from tests.pasts import commit_name, noisy, past, run_name, stepped


def report_of(values, *, asked=None, **how):
    store = MemoryStore()
    past(store, values, **how)
    return trends(store, asked or Asked())


def only(report):
    (series,) = report.series
    return series


def test_a_step_is_found_with_its_run_its_size_and_its_commit():
    series = only(report_of(stepped(40, 40, ratio=1.2)))
    assert (series.heading, series.standing) == ("step", "worse")
    (change,) = series.changes
    place = {run_name(number): number for number in range(80)}
    assert place[change.earliest_run_id] <= 40 <= place[change.latest_run_id]
    assert place[change.run_id] in range(38, 43)
    assert change.interval[0] <= 0.2 <= change.interval[1]
    assert change.interval[1] - change.interval[0] < 0.05
    assert commit_name(40) in {*change.commits, change.commit_before}
    assert change.p_value <= 0.01
    assert change.worse
    assert not change.provisional
    assert series.change_ratio == pytest.approx(0.2, abs=0.03)


def test_packages_that_change_with_the_level_are_told():
    series = only(report_of(stepped(40, 40, ratio=1.3), packages=lambda number: "p0" if number < 40 else "p1"))
    assert [change.packages_changed for change in series.changes] == [True]
    series = only(report_of(stepped(40, 40, ratio=1.3)))
    assert [change.packages_changed for change in series.changes] == [False]


def test_a_slow_rise_of_a_duration_is_degrading_and_a_fall_improving():
    drift = np.exp(np.linspace(0.0, 0.4, 60))
    up = only(report_of([value * ratio for value, ratio in zip(noisy(60), drift, strict=True)]))
    down = only(report_of([value / ratio for value, ratio in zip(noisy(60), drift, strict=True)]))
    assert (up.heading, up.standing) == ("degrading", "worse")
    assert (down.heading, down.standing) == ("improving", "better")
    assert up.interval[0] < up.change_ratio < up.interval[1]


def test_a_rise_of_a_match_rate_is_improving_and_of_rows_neither():
    rising = [0.5 + 0.006 * place + 0.002 * (place % 3) for place in range(60)]
    report = report_of(
        {"match_rate": rising, "rows_out": [1000.0 * value for value in rising]},
        asked=Asked(metrics=("match_rate", "rows_out")),
    )
    assert {series.metric: series.heading for series in report.series} == {
        "match_rate": "improving",
        "rows_out": "rising",
    }


def test_the_worst_comes_first_and_what_got_better_last():
    store, drift = MemoryStore(), np.exp(np.linspace(0.0, 1.0, 60))
    for place, (asset, power) in enumerate((("better", -0.5), ("worse", 0.3), ("same", 0.0), ("worst", 0.6))):
        values = [value * ratio**power for value, ratio in zip(noisy(60, cv=0.01, seed=place), drift, strict=True)]
        past(store, values, asset=asset, offset_minutes=place)
    assert [series.asset for series in trends(store, Asked()).series] == ["worst", "worse", "same", "better"]


def test_what_is_constant_is_flat_and_has_no_change():
    series = only(report_of([3.0] * 40))
    assert (series.heading, series.changes, series.standing) == ("flat", (), "steady")


def test_one_run_is_too_little_and_said_so():
    series = only(report_of([3.0]))
    assert (series.heading, series.runs) == ("inconclusive", 1)
    assert "1 values are too few" in series.reasons[0]


def test_negative_values_are_told_in_their_unit():
    store = MemoryStore()
    past(store, {"match_rate": [-1.0 + 0.01 * value for value in noisy(40, cv=0.5)]})
    series = only(trends(store, Asked(metrics=("match_rate",))))
    assert series.change_ratio is None
    assert any("zero or negative" in reason for reason in series.reasons)


def test_a_value_that_is_no_number_is_told_and_stops_nobody():
    series = Series(
        asset="a",
        partition=None,
        metric="duration_s",
        unit="s",
        machine="m",
        config_digest="c",
        values=np.array([1.0, np.nan, 2.0]),
        times_s=np.arange(3.0),
        run_ids=("r0", "r1", "r2"),
        commits=(None,) * 3,
        packages=(None,) * 3,
    )
    look = Look(
        series=series,
        in_window=np.ones(3, np.bool_),
        changes=(),
        direction="lower_is_better",
        machine="m",
        notes=(),
    )
    found = told(look)
    assert found.heading == "inconclusive"
    assert "the value of run r1 is nan" in found.reasons[0]
    assert found.median is None


def test_a_split_is_said_with_what_differs():
    report = report_of(
        noisy(40),
        config=lambda number: ("c0" if number < 25 else "c1") * 32,
        cores=lambda number: 2.0 if number < 10 else 4.0,
    )
    notes = {series.runs: series.notes for series in report.series if series.config_digest.startswith("c1")}
    assert len(notes[15]) == 2
    assert any("15 runs up to 00000018 have another configuration (c0c0" in note for note in notes[15])
    assert any("another machine class (EPYC, 2 cores, 32 GiB class) and another config" in note for note in notes[15])


def test_a_change_outside_of_the_window_is_not_shown():
    assert only(report_of(stepped(40, 60, ratio=1.3), asked=Asked(last=30))).changes == ()
    assert len(only(report_of(stepped(40, 60, ratio=1.3), asked=Asked(last=90))).changes) == 1


def test_the_last_few_runs_give_a_provisional_change_for_the_worse():
    series = only(report_of(stepped(40, 3, ratio=1.4)))
    assert [change.provisional for change in series.changes] == [True]
    assert series.standing == "worse"


def test_the_report_is_the_same_in_any_order_of_appends_and_compacted(tmp_path):
    values = {"duration_s": stepped(30, 30, ratio=1.2), "match_rate": [min(v / 20, 1.0) for v in noisy(60)]}
    written = []
    for name, seed in (("a", 1), ("b", 2)):
        store = open_store(str(tmp_path / name), create=True)
        past(store, values, order=random.Random(seed).sample(range(60), 60))
        written.append(json.dump(dataclasses.asdict(trends(store, Asked()))))
        store.compact(grace_s=0.0)
        written.append(json.dump(dataclasses.asdict(trends(store, Asked()))))
    in_memory = MemoryStore()
    past(in_memory, values)
    written.append(json.dump(dataclasses.asdict(trends(in_memory, Asked()))))
    assert len(set(written)) == 1


def test_what_is_judged_without_a_name_has_a_better_and_a_worse():
    assert {"duration_s", "match_rate", "peak_increase_bytes"} <= set(judged_metrics())
    assert not {"rows_out", "probe_s", "append_s"} & set(judged_metrics())


def test_nothing_is_written_by_looking():
    store = MemoryStore()
    past(store, stepped(40, 40, ratio=1.2))
    before = store.stats().events
    assert trends(store, Asked()).unrecorded == 1
    assert store.stats().events == before
    assert ChangePointFound.KIND not in store.stats().events_by_kind
    view = store.view()
    assert len(series_of(read_histories(view, Asked(), chosen_runs(view, Asked())))) == 1
