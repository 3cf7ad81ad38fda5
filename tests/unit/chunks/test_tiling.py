"""Ranges that are taken do not overlap, and with the gaps they are all rows."""

from hypothesis import given
from hypothesis import strategies as st

from ledger.chunks.tiling import gaps, halves, is_tiling, taken

ROWS = 40
ranges = st.lists(
    st.tuples(st.integers(0, ROWS - 1), st.integers(1, ROWS)).filter(lambda one: one[0] < one[1]), max_size=12
)


@given(ranges, st.randoms())
def test_taken_and_gaps_are_all_rows_once_whatever_the_order(found, chance):
    shuffled = list(found)
    chance.shuffle(shuffled)
    assert taken(shuffled, ROWS) == taken(found, ROWS)
    assert set(taken(found, ROWS)) <= set(found)
    assert is_tiling(taken(found, ROWS), ROWS, gaps(found, ROWS))


@given(ranges)
def test_once_the_gaps_are_filled_nothing_is_left(found):
    assert gaps([*taken(found, ROWS), *gaps(found, ROWS)], ROWS) == ()


@given(st.integers(0, 100), st.integers(1, 100))
def test_halves_are_the_range(start, length):
    parts = halves((start, start + length))
    assert [row for low, high in parts for row in range(low, high)] == list(range(start, start + length))
    assert len(parts) == min(length, 2)


def test_a_part_beyond_the_end_a_hole_and_a_doubled_row_are_no_tiling():
    assert taken([(0, 50)], ROWS) == ()
    assert not is_tiling([(0, 20), (21, ROWS)], ROWS)
    assert not is_tiling([(0, 21), (20, ROWS)], ROWS)
    assert is_tiling([(0, 20), (20, ROWS)], ROWS)
    assert is_tiling([], 0)
