"""Reports of names that others chose: nothing moves the cursor, breaks a line, or leaves its cell or column."""

import csv
import io
import json
import unicodedata
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.report import csv as csv_report
from ledger.report import json as json_report
from ledger.report import parquet, table
from ledger.report.columns import Column
from ledger.report.text import printable, width

HOSTILE = {
    "colour": "\x1b[31mred\x1b[0m",
    "clear screen": "a\x1b[2J\x1b[H",
    "window title": "\x1b]0;owned\x07",
    "eight-bit escape": "\x9b31m",
    "line breaks": "a\r\nb\x0bc\x0cd\x85e\u2028f\u2029g",
    "backspace": "safe\x08\x08\x08\x08evil",
    "turned around": "invoice\u202egpj.exe",
    "isolates": "\u2066a\u2069",
    "nothing to see": "a\u200bb\u200dc\ufeffd\u00ade",
    "null": "a\x00b",
    "private use": "\ue000\U000f0000",
    "tag characters": "a\U000e0041",
}
SPREADSHEET = ["=1+1", "@SUM(A1)", "+1", "-1", '=HYPERLINK("http://x","y")', "a,b", 'a"b', "a\nb", "a\r\nb", "", " "]
TEXT = st.text(st.characters(codec="utf-8"), max_size=30)


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_is_shown_as_escapes_on_one_line(name):
    shown = printable(HOSTILE[name])
    assert len(shown.splitlines()) == 1
    assert all(character == " " or character.isprintable() for character in shown)
    assert "\\" in shown
    assert shown.encode("ascii").decode("unicode_escape") == HOSTILE[name]


@given(st.text())
def test_each_character_is_shown_alike_wherever_it_stands(text):
    assert printable(text) == "".join(printable(character) for character in text)


@given(st.text(st.characters(categories=["L", "N", "P", "S", "Zs"]), max_size=30))
def test_ordinary_text_in_any_script_is_left_as_it_is(text):
    assert printable(text) == text


@pytest.mark.parametrize(
    ("text", "cells"),
    [
        ("", 0),
        ("e\u0301", 1),  # combining acute
        ("\u0e01\u0e31", 1),  # Thai letter with a vowel above it
        ("\u0915\u0941", 1),  # Devanagari letter with a vowel below it
        ("日本", 4),
        ("ＡＢ", 4),  # noqa: RUF001 - full width, on purpose
        ("ｱ", 1),  # half width
    ],
)
def test_cells_are_counted_as_a_terminal_does(text, cells):
    assert width(text) == cells


@settings(deadline=None)
@given(
    names=st.lists(st.one_of(TEXT, st.sampled_from(sorted(HOSTILE.values()))), min_size=1, max_size=5),
    limit=st.integers(1, 200),
)
def test_a_table_has_one_line_a_row_and_its_columns_begin_in_the_same_cell(names, limit):
    rows = pa.table({"asset": names, "note": ["|"] * len(names)})
    out = io.StringIO()
    columns = [Column("asset", "asset", cell_characters=20), Column("note", "|")]
    table.write(rows, columns, out, columns_wide=limit)
    lines = out.getvalue().split("\n")
    assert lines.pop() == ""
    assert len(lines) == len(names) + 1
    assert len({width(line[: line.rindex("|")]) for line in lines}) == 1


@given(
    ranks=st.lists(st.integers(0, 3), min_size=1, max_size=6),
    limit=st.integers(1, 80),
)
def test_a_table_fits_or_has_only_what_must_not_be_dropped_and_names_the_rest(ranks, limit):
    columns = [Column(f"c{place}", f"title{place}", rank=rank) for place, rank in enumerate(ranks)]
    out = io.StringIO()
    table.write(pa.table({column.name: ["cell"] for column in columns}), columns, out, columns_wide=limit)
    header, _, *rest = out.getvalue().splitlines()
    shown = [column for column in columns if column.title in header.split()]
    dropped = [column.title for column in columns if column not in shown]
    assert all(column in shown for column in columns if column.rank == 0)
    assert width(header) <= limit or all(column.rank == 0 for column in shown)
    assert rest == ([f"(not shown for want of width: {', '.join(dropped)})"] if dropped else [])
    if dropped and shown:
        assert max(column.rank for column in shown) <= min(column.rank for column in columns if column not in shown)


def test_numbers_stand_right_in_the_unit_of_their_row_and_text_stands_left():
    rows = pa.table({"asset": ["a", "long"], "value": [1.5, 2**20 * 3.0], "unit": ["s", "bytes"]})
    out = io.StringIO()
    table.write(rows, [Column("asset", "asset"), Column("value", "value", unit_column="unit")], out)
    assert out.getvalue().splitlines() == ["asset    value", "a       1.50 s", "long   3.0 MiB"]


def test_a_table_of_nothing_is_its_heading():
    out = io.StringIO()
    table.write(pa.table({"a": pa.array([], pa.string())}), [Column("a", "name")], out)
    assert out.getvalue() == "name\n"


@given(st.lists(st.one_of(TEXT, st.sampled_from(SPREADSHEET), st.none()), max_size=6))
def test_csv_gives_back_every_text_whatever_is_in_it(texts):
    rows = pa.table({"asset": pa.array(texts, pa.string()), "na,me": pa.array(texts, pa.string())})
    out = io.StringIO(newline="")
    csv_report.write(rows, out)
    heading, *read = csv.reader(io.StringIO(out.getvalue(), newline=""))
    assert heading == ["asset", "na,me"]
    assert read == [[text or "", text or ""] for text in texts]


@given(st.lists(st.floats() | st.none(), max_size=6))
def test_numbers_come_back_exactly_from_csv_and_json_and_none_where_there_is_none(values):
    rows = pa.table({"value": pa.array(values, pa.float64()), "x": pa.array([1] * len(values), pa.int64())})
    finite = [value if value is not None and abs(value) < float("inf") else None for value in values]
    out = io.StringIO()
    json_report.write(rows, out)
    assert [row["value"] for row in json.loads(out.getvalue(), parse_constant=pytest.fail)] == finite
    out = io.StringIO(newline="")
    csv_report.write(rows, out)
    read = [row["value"] for row in csv.DictReader(io.StringIO(out.getvalue()))]
    assert [float(text) if text else None for text in read] == finite


@given(st.lists(st.dictionaries(TEXT, TEXT | st.floats() | st.none() | st.lists(st.floats(), max_size=2)), max_size=4))
def test_lines_of_json_are_one_valid_object_each(rows):
    out = io.StringIO()
    json_report.write_lines(rows, out)
    lines = out.getvalue().split("\n")
    assert lines.pop() == ""
    read = [json.loads(line, parse_constant=pytest.fail) for line in lines]
    assert [row.keys() for row in read] == [row.keys() for row in rows]


@given(st.lists(st.datetimes(datetime(1970, 1, 2), datetime(2100, 1, 1), timezones=st.timezones()), max_size=4))  # noqa: DTZ001
def test_times_are_written_in_utc_and_come_back_from_json_and_parquet(moments):
    rows = pa.table({"ts": pa.array(moments, pa.timestamp("us", tz="UTC"))})
    out = io.StringIO()
    json_report.write(rows, out)
    texts = [row["ts"] for row in json.loads(out.getvalue())]
    assert all(text.endswith("Z") for text in texts)
    assert [datetime.fromisoformat(text) for text in texts] == [moment.astimezone(UTC) for moment in moments]
    stored = io.BytesIO()
    parquet.write(rows, stored)
    assert pq.read_table(io.BytesIO(stored.getvalue())).equals(rows)


def test_what_is_shown_as_an_escape_is_what_has_no_mark_of_its_own():
    for character in map(chr, range(0x11000)):
        bare = character.isprintable() or unicodedata.category(character) == "Zs"
        assert (printable(character) == character) == bare


@pytest.mark.parametrize("limit", [40, 80])
def test_names_are_cut_where_a_terminal_is_narrow_and_numbers_are_not(limit):
    names = ["enriched_companies_of_every_exchange_there_is", "日本" * 20, "short"]
    rows = pa.table({"asset": names, "metric": ["peak_increase_bytes"] * 3, "value": [2**30 * 1.0] * 3})
    out = io.StringIO()
    columns = [Column("asset", "asset"), Column("metric", "metric"), Column("value", "value", "bytes")]
    table.write(rows, columns, out, columns_wide=limit)
    header, *lines = out.getvalue().splitlines()
    assert max(width(line) for line in (header, *lines)) <= limit
    assert all(line.endswith("1,024.0 MiB") for line in lines)
    assert lines[0].startswith("enriched_")
    assert ("…" in lines[0]) == (limit < 80)
