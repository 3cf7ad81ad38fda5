"""Sparklines: a mark per value, from the lowest to the highest, in what the output can show."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.report.sparkline import ASCII, BLOCKS, GAP, marks_for, sparkline


def test_the_lowest_and_the_highest_get_the_outer_marks():
    assert sparkline([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]) == BLOCKS
    assert sparkline([2.0, 1.0], marks=ASCII) == "#_"


def test_what_is_constant_lies_in_the_middle():
    assert sparkline([3.0] * 4) == "▄" * 4


def test_what_is_no_number_is_a_question_mark_and_hides_nothing_else():
    assert sparkline([1.0, math.nan, 2.0, math.inf]) == "▁?█?"
    assert sparkline([math.nan]) == GAP


def test_many_values_are_joined_by_their_median():
    assert sparkline([0.0, 9.0, 0.0, 5.0, 5.0, 5.0], width=2) == "▁█"


def test_nothing_gives_nothing():
    assert sparkline([]) == ""


@given(
    st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=60),
    st.integers(1, 50),
    st.sampled_from([BLOCKS, ASCII]),
)
def test_any_values_give_a_mark_each_up_to_the_width(values, width, marks):
    line = sparkline(values, width, marks)
    assert len(line) == min(len(values), width)
    assert set(line) <= {*marks, GAP}


@pytest.mark.parametrize(
    ("encoding", "marks"), [("utf-8", BLOCKS), ("ascii", ASCII), ("latin-1", ASCII), (None, ASCII), ("nonsense", ASCII)]
)
def test_marks_are_those_the_output_can_show(encoding, marks):
    assert marks_for(encoding) == marks
