"""Changes that were recorded: they stay where they were found, whatever later runs say, and are recorded once."""

import dataclasses

import numpy as np
import pytest

from ledger.errors import ConflictError
from ledger.events import ChangePointFound
from ledger.events.codec import from_table
from ledger.projections.histories import Series
from ledger.service.trends.change_log import matched, record, recorded_changes
from ledger.service.trends.history import Asked
from ledger.service.trends.trending import record_trends, trends
from ledger.stats import ChangePoint
from ledger.store.memory import MemoryStore
from ledger.store.protocol import EventQuery
from tests.pasts import noisy, past, run_name, stepped

POINT = ChangePoint(
    index=30,
    earliest=29,
    latest=31,
    provisional=False,
    before=1.0,
    after=1.5,
    change_ratio=0.5,
    p_value=0.001,
    separation=1.0,
    autocorrelation=0.0,
)
SERIES = Series(
    asset="orders",
    partition=None,
    metric="duration_s",
    unit="s",
    machine="m",
    config_digest="c",
    values=np.ones(60),
    times_s=np.arange(60.0),
    run_ids=tuple(f"r{number}" for number in range(60)),
    commits=(None,) * 60,
    packages=(None,) * 60,
)


def found(index=30, status="confirmed", after=1.5, change_id="c1"):
    return ChangePointFound(
        change_id=change_id,
        metric="duration_s",
        unit="s",
        status=status,
        machine="m",
        config_digest="c",
        first_run_id=f"r{index}",
        earliest_run_id=f"r{index - 1}",
        latest_run_id=f"r{index + 1}",
        newest_run_id="r40",
        before=1.0,
        after=after,
        p_value=0.001,
        separation=1.0,
        runs=41,
    )


def kinds(store):
    events = from_table(store.read(EventQuery(kinds=("change_point_found", "change_point_withdrawn"))))
    return [(entry.event.KIND, getattr(entry.event, "status", None), entry.event.change_id) for entry in events]


def changes(store):
    (series,) = trends(store, Asked()).series
    return series.changes


def test_what_is_found_is_recorded_once():
    store = MemoryStore()
    past(store, stepped(40, 40, ratio=1.2))
    assert record_trends(store, Asked()).recorded == 1
    assert record_trends(store, Asked()).recorded == 0
    (change,) = changes(store)
    assert change.recorded
    assert kinds(store) == [("change_point_found", "confirmed", change.change_id)]


def test_what_is_recorded_does_not_depend_on_what_is_asked_to_be_shown():
    stores = []
    for asked in (Asked(), Asked(assets=("report",), last=3)):
        store = MemoryStore()
        past(store, stepped(40, 40, ratio=1.2))
        past(store, noisy(80), asset="report", offset_minutes=3)
        record_trends(store, asked)
        stores.append(store.read(EventQuery(kinds=("change_point_found",))))
    assert stores[0].num_rows == 1
    assert stores[0].equals(stores[1])


def test_a_recorded_change_keeps_its_place_and_figures_whatever_comes_later():
    store = MemoryStore()
    values = stepped(40, 20, ratio=1.15, cv=0.05)
    past(store, values)
    record_trends(store, Asked())
    (before,) = changes(store)
    for batch in range(1, 6):
        past(store, noisy(20, level=11.5 + batch * 0.3, cv=0.08, seed=batch), first=40 + 20 * batch)
        record_trends(store, Asked(last=500))
        same = next(
            change
            for change in trends(store, Asked(last=500)).series[0].changes
            if change.change_id == before.change_id
        )
        kept = ("run_id", "before", "after", "interval", "p_value", "commits", "earliest_run_id", "latest_run_id")
        assert [getattr(same, name) for name in kept] == [getattr(before, name) for name in kept]


def test_where_a_recorded_change_would_be_today_is_told_beside_it():
    (change,) = matched(SERIES, [POINT], {"c1": found(index=27)})
    assert (change.change_id, change.point, change.recorded.first_run_id) == ("c1", POINT, "r27")
    assert not change.news


def test_a_change_far_from_what_is_recorded_or_the_other_way_is_another_one():
    far = matched(SERIES, [POINT], {"c1": found(index=10)})
    assert [(change.recorded is None, change.point is None) for change in far] == [(False, True), (True, False)]
    other_way = matched(SERIES, [POINT], {"c1": found(after=0.5)})
    assert sorted(change.recorded is None for change in other_way) == [False, True]


def test_a_confirmed_change_that_is_not_found_any_more_stays():
    (change,) = matched(SERIES, [], {"c1": found()})
    assert (change.point, change.news) == (None, False)


def test_what_is_confirmed_chooses_before_a_warning():
    held = {"w": found(index=31, status="provisional", change_id="w"), "c": found(index=33, change_id="c")}
    by_id = {change.change_id: change for change in matched(SERIES, [POINT], held)}
    assert by_id["c"].point == POINT
    assert by_id["w"].point is None


def test_a_warning_that_holds_is_confirmed_under_its_id():
    store = MemoryStore()
    values = stepped(40, 30, ratio=1.4)
    past(store, values[:43])
    record_trends(store, Asked())
    past(store, values[43:], first=43)
    record_trends(store, Asked())
    told = kinds(store)
    assert [(kind, status) for kind, status, _ in told] == [
        ("change_point_found", "provisional"),
        ("change_point_found", "confirmed"),
    ]
    assert len({change_id for _, _, change_id in told}) == 1
    assert [change.provisional for change in changes(store)] == [False]


def test_a_warning_that_does_not_hold_is_withdrawn_by_an_event():
    store = MemoryStore()
    past(store, stepped(40, 3, ratio=1.4))
    record_trends(store, Asked())
    past(store, noisy(30, seed=5), first=43)
    assert record_trends(store, Asked()).recorded == 1
    assert [kind for kind, _, _ in kinds(store)] == ["change_point_found", "change_point_withdrawn"]
    assert changes(store) == ()
    assert record_trends(store, Asked()).recorded == 0


def test_two_processes_that_find_the_same_record_it_once():
    store = MemoryStore()
    event = found()
    record(store, SERIES, [event])

    class Racing(MemoryStore):
        """Was asked for the head before the other one appended."""

        def head(self, stream):
            return None

    late = Racing()
    late.append = store.append
    record(late, SERIES, [event])
    assert len(kinds(store)) == 1
    with pytest.raises(ConflictError):
        record(late, SERIES, [dataclasses.replace(event, after=2.0)])


def test_an_event_happened_when_the_newest_run_was_measured():
    store = MemoryStore()
    past(store, stepped(40, 40, ratio=1.2))
    record_trends(store, Asked())
    (entry,) = from_table(store.read(EventQuery(kinds=("change_point_found",))))
    assert entry.event.newest_run_id == run_name(79)
    newest = store.read(EventQuery(kinds=("metric_measured",))).column("ts").to_pylist()[-1]
    assert entry.ts == newest
    assert recorded_changes(store.view(), newest) != {}
