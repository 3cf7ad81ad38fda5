"""Chunks grow until the memory they take says stop, and shrink when it does; processes are simulated."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.chunks.sizing import CRITICAL_AT, Sizer

MIB = 1 << 20


def simulated(sizer, base, per_row, rows, *, fixed=0):
    """Run chunks of a process that holds ``base`` bytes and takes ``per_row`` a row; return peaks and changes."""
    peaks, told, left = [], [], rows
    while left > 0:
        size = min(sizer.rows, left)
        left -= size
        peaks.append(base + fixed + per_row * size)
        told.append(sizer.observe(size, base, peaks[-1]))
    return peaks, [one for one in told if one]


def test_without_a_limit_every_chunk_is_what_was_asked_for():
    sizer = Sizer(1_000, None)
    assert sizer.rows == 1_000
    assert sizer.observe(1_000, 10**9, 10**12) is None
    assert sizer.rows == 1_000


def test_it_starts_small_and_doubles_while_there_is_room():
    sizer = Sizer(8_000, 1000 * MIB)
    _, told = simulated(sizer, 100 * MIB, 1024, 100_000)
    assert [one.rows_after for one in told] == [2_000, 4_000, 8_000]
    assert {one.change for one in told} == {"grown"}


@given(
    base=st.integers(1, 300),
    per_row=st.integers(100, 2_000_000),
    rows=st.integers(1, 200_000),
    limit=st.integers(500, 4_000),
)
def test_a_process_that_takes_by_the_row_stays_below_the_limit_wherever_its_smallest_chunk_does(
    base, per_row, rows, limit
):
    sizer = Sizer(25_000, limit * MIB)
    first = base * MIB + per_row * sizer.rows
    peaks, _ = simulated(sizer, base * MIB, per_row, rows)
    fits = base * MIB + per_row < 0.8 * limit * MIB
    # The first chunk is a guess; what comes after it is known.
    assert first >= limit * MIB or not fits or max(peaks) < limit * MIB
    later = peaks[6:]
    assert not fits or all(peak < CRITICAL_AT * limit * MIB for peak in later)


def test_what_each_chunk_takes_whatever_its_rows_keeps_no_chunk_small():
    sizer = Sizer(64_000, 1000 * MIB)
    peaks, told = simulated(sizer, 50 * MIB, 1024, 500_000, fixed=400 * MIB)
    assert {one.change for one in told} == {"grown"}
    assert sizer.rows == 64_000
    assert max(peaks) < 0.8 * 1000 * MIB


def test_where_it_comes_near_the_limit_whatever_the_rows_chunks_do_not_shrink_to_nothing():
    sizer = Sizer(64_000, 1000 * MIB)
    peaks, told = simulated(sizer, 100 * MIB, 10, 500_000, fixed=840 * MIB)
    assert 0.9 * 1000 * MIB < max(peaks) < CRITICAL_AT * 1000 * MIB
    assert [one.change for one in told] == ["shrunk"]
    assert sizer.rows > 4_000


def test_what_the_first_chunk_fills_and_later_ones_find_keeps_no_chunk_small():
    sizer = Sizer(64_000, 1000 * MIB)
    sizer.observe(8_000, 300 * MIB, 700 * MIB)
    _, told = simulated(sizer, 700 * MIB, 256, 500_000)
    assert sizer.rows == 64_000
    assert {one.change for one in told} == {"grown"}


def test_rows_that_take_more_further_on_are_answered_wherever_they_are():
    sizer = Sizer(64_000, 1000 * MIB)
    simulated(sizer, 50 * MIB, 1024, 500_000, fixed=400 * MIB)
    peaks, told = simulated(sizer, 50 * MIB, 8 * 1024, 500_000, fixed=400 * MIB)
    assert told[0].change == "shrunk"
    assert max(peaks[1:]) < CRITICAL_AT * 1000 * MIB


def test_a_process_that_holds_nearly_all_of_it_without_rows_works_at_as_many_as_there_is_room_for():
    sizer = Sizer(64_000, 1000 * MIB)
    peaks, _ = simulated(sizer, 850 * MIB, 10 * 1024, 500_000)
    assert 4_000 < sizer.rows < 6_000
    assert max(peaks[1:]) < CRITICAL_AT * 1000 * MIB


def test_a_peak_near_the_limit_halves_at_least():
    sizer = Sizer(8_000, 100 * MIB)
    told = sizer.observe(1_000, 10 * MIB, 96 * MIB)
    assert (told.change, told.rows_before) == ("shrunk", 1_000)
    assert told.rows_after <= 500
    assert "96% of the limit" in told.reason


def test_where_fewer_rows_do_not_help_the_strategy_is_switched_once():
    sizer = Sizer(64_000, 1000 * MIB, smallest_rows=10)
    _, told = simulated(sizer, 100 * MIB, 10, 200_000, fixed=890 * MIB)
    assert [one.change for one in told].count("strategy_switched") == 1
    assert sizer.is_tight
    switched = next(one for one in told if one.change == "strategy_switched")
    assert told.index(switched) <= 4
    assert switched.rows_after == 8_000
    assert sizer.rows >= 1_000, "it must not shrink without end"


def test_where_a_limited_engine_does_not_help_either_chunks_stay_as_large_as_the_last_that_helped():
    sizer = Sizer(64_000, 1000 * MIB, smallest_rows=10)
    _, told = simulated(sizer, 1100 * MIB, 10, 500_000)
    assert [one.change for one in told].count("strategy_switched") == 1
    assert sizer.rows == 8_000
    assert len(told) < 8, "it must not go on changing"


def test_what_some_chunks_meet_whatever_their_rows_does_not_shrink_all_of_them_to_nothing():
    """A chunk that reaches into the next row group of a file has all of that decoded."""
    sizer, done, peaks, told = Sizer(64_000, 1000 * MIB, smallest_rows=10), 0, [], []
    while done < 2_000_000:
        into_the_next = (done + sizer.rows) // 100_000 > done // 100_000
        peaks.append((0.92 if sizer.rows < 8_000 else 0.97) * 1000 * MIB if into_the_next else 200 * MIB)
        rows, done = sizer.rows, done + sizer.rows
        told.append(sizer.observe(rows, 100 * MIB, int(peaks[-1])))
    assert sizer.rows >= 8_000
    assert len(peaks) < 2_000_000 / 8_000
    assert len([one for one in told if one]) < 30


def test_after_a_death_half_of_it_is_the_most():
    sizer = Sizer(8_000, 1000 * MIB)
    told = sizer.died_at(4_000)
    assert (told.change, told.rows_after) == ("halved_after_death", 1_000)
    simulated(sizer, 1, 1, 100_000)
    assert sizer.rows == 2_000
    assert Sizer(100, None).died_at(1_000) is None
    assert Sizer(1, None).died_at(1) is None


@pytest.mark.parametrize("limit", [None, 10 * MIB])
def test_it_never_asks_for_no_rows(limit):
    sizer = Sizer(1, limit)
    for _ in range(5):
        sizer.observe(1, 50 * MIB, 100 * MIB)
        sizer.died_at(1)
        assert sizer.rows == 1
