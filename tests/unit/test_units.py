"""Units: every number is written in the unit that fits, reads back as what it was, and absence is never zero."""

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.units import ABSENT, MIB, UNITS, format_bytes, format_seconds, format_value

_PARTS_S = {"µs": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0}
_MOST = {"µs": 1000, "ms": 1000, "s": 60, "min": 60}


def parts_of(text):
    return [(float(number), unit) for number, unit in re.findall(r"([\d.]+) (µs|ms|min|s|h)", text)]


@given(st.floats(0.0, 1e7))
def test_a_duration_reads_back_as_what_it_was_to_the_last_digit_shown(value_s):
    text = format_seconds(value_s)
    read_s = sum(number * _PARTS_S[unit] for number, unit in parts_of(text))
    digit_s = {"µs": 1e-6, "ms": 1e-3, "s": 0.01, "min": 1.0, "h": 60.0}[parts_of(text)[0][1]]
    assert read_s == pytest.approx(value_s, abs=digit_s)


@given(st.floats(0.0, 1e7))
def test_no_unit_is_filled_to_its_brim(value_s):
    assert all(number < _MOST.get(unit, math.inf) for number, unit in parts_of(format_seconds(value_s)))


@pytest.mark.parametrize(
    ("value_s", "text"),
    [
        (0.0, "0 µs"),
        (0.0009996, "1 ms"),
        (0.9996, "1.00 s"),
        (59.996, "1 min 00 s"),
        (3599.7, "1 h 00 min"),
        (90_000.0, "25 h 00 min"),
        (-3.0, "-3.00 s"),
    ],
)
def test_a_duration_at_the_edge_of_a_unit_is_written_in_the_next_one(value_s, text):
    assert format_seconds(value_s) == text


@pytest.mark.parametrize("unit", [*sorted(UNITS), None, "furlongs"])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_none_is_written_and_not_raised(unit, value):
    assert re.search("nan|inf", format_value(value, unit))


@pytest.mark.parametrize("unit", [*sorted(UNITS), None, "furlongs"])
def test_absence_is_a_dash_and_zero_is_a_zero(unit):
    assert format_value(None, unit) == ABSENT
    assert "0" in format_value(0.0, unit)
    assert ABSENT not in format_value(0.0, unit)


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (1_234_567.0, "rows", "1,234,567"),
        (0.123449, "ratio", "0.1234"),
        (12_345.6, "rows/s", "12,346/s"),
        (3.0, "count", "3"),
        (0.5, "furlongs", "0.5"),
        (3 * MIB, "bytes", "3.0 MiB"),
    ],
)
def test_each_unit_has_its_own_spelling(value, unit, text):
    assert format_value(value, unit) == text


@given(st.integers(0, 2**50))
def test_sizes_are_told_in_mebibytes_to_one_decimal(value_bytes):
    number, unit = format_bytes(value_bytes).split()
    assert unit == "MiB"
    assert float(number.replace(",", "")) * MIB == pytest.approx(value_bytes, abs=0.0501 * MIB)
