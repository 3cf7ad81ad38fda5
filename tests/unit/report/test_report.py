"""Reports: hostile text is harmless, tables fit, numbers come back from every format."""

import csv
import io
import json
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.report import columns, parquet, table
from ledger.report import csv as csv_report
from ledger.report import json as json_report
from ledger.report.text import printable, width
from ledger.units import ABSENT, UNITS, format_bytes, format_seconds, format_value

ROWS = pa.table(
    {
        "asset": ["a,b", 'say "x"', "two\nlines", "=1+1"],
        "value": [1.5, None, float("nan"), 0.1],
        "when": [datetime(2026, 1, 1, 12, tzinfo=UTC)] * 4,
    }
)
COLUMNS = (columns.Column("asset", "asset"), columns.Column("value", "value", "ratio", rank=1))


@given(st.text())
def test_printable_text_has_no_character_that_moves_the_cursor(text):
    shown = printable(text)
    assert not any(ord(character) < 32 or 127 <= ord(character) < 160 for character in shown)
    assert not any(mark in shown for mark in "\u202e\u200b\u2028\x1b")
    assert printable(shown) == shown


@given(st.text(), st.integers(1, 40))
def test_a_limit_is_kept(text, limit):
    assert len(printable(text, limit)) <= limit


def test_wide_and_combining_characters_are_counted_in_cells():
    assert (width("abc"), width("日本"), width("e\u0301")) == (3, 4, 1)


def test_a_table_keeps_to_the_terminal_and_names_what_it_left_out():
    out = io.StringIO()
    table.write(ROWS, COLUMNS, out, columns_wide=12)
    assert "(not shown for want of width: value)" in out.getvalue()
    out = io.StringIO()
    table.write(ROWS, COLUMNS, out, columns_wide=200)
    lines = out.getvalue().splitlines()
    assert len(lines) == 5
    assert lines[2].endswith(ABSENT)
    assert "two\\nlines" in out.getvalue()


def test_csv_is_read_back_as_it_was():
    out = io.StringIO()
    csv_report.write(ROWS, out)
    rows = list(csv.DictReader(io.StringIO(out.getvalue())))
    assert [row["asset"] for row in rows] == ROWS.column("asset").to_pylist()
    assert [row["value"] for row in rows] == ["1.5", "", "", "0.1"]
    assert rows[0]["when"] == "2026-01-01T12:00:00.000000Z"


def test_json_is_valid_and_has_null_where_there_is_no_number():
    out = io.StringIO()
    json_report.write(ROWS, out)
    rows = json.loads(out.getvalue(), parse_constant=pytest.fail)
    assert [row["value"] for row in rows] == [1.5, None, None, 0.1]
    assert rows[0]["when"] == "2026-01-01T12:00:00.000000Z"


def test_parquet_is_read_back_as_it_was():
    out = io.BytesIO()
    parquet.write(ROWS.slice(0, 2), out)
    assert pq.read_table(io.BytesIO(out.getvalue())).equals(ROWS.slice(0, 2))


@pytest.mark.parametrize(
    ("value_s", "text"),
    [(0.00008, "80 µs"), (0.012, "12 ms"), (3.214, "3.21 s"), (245.0, "4 min 05 s"), (7_260.0, "2 h 01 min")],
)
def test_durations_have_the_largest_fitting_unit(value_s, text):
    assert format_seconds(value_s) == text


def test_every_unit_can_be_written_and_absence_is_no_zero():
    assert format_bytes(1024**2 * 1.5) == "1.5 MiB"
    assert format_value(None, "s") == ABSENT
    for unit in (*UNITS, None, "nonsense"):
        assert format_value(1.0, unit)
