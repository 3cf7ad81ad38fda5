"""The work of the benchmark suite, stage by stage, on small tables whose right result is plain to see."""

import json
from datetime import date

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.benchmark import landing, linking, reading, summing
from assets.benchmark.faults import Faults, extra_units, faults_of, missing_bytes, repeated
from assets.matching.match import MATCH_SCHEMA
from ledger.errors import ConfigurationError


def files(*contents: bytes) -> pa.Table:
    return pa.table({"file": [f"{i}" for i in range(len(contents))], "content": contents}, schema=landing.FILES)


def test_fewer_awards_are_the_first_of_more():
    few, many = (reading.parse_awards(landing.files_of(landing.award_files(n, 50, 3), "awards")) for n in (30, 60))
    assert few.equals(many.slice(0, 30))
    details = [reading.decode_details(landing.detail_files(n, 3)) for n in (30, 60)]
    assert details[0].equals(details[1].slice(0, 30))


def test_csv_is_parsed_with_its_quotes_and_blanks():
    header = ",".join(landing.AWARD_COLUMNS)
    found = reading.parse_awards(files(f'{header}\n7,"Acme, Inc.", ,012,,DOD,2020-02-29\n'.encode(), header.encode()))
    assert found.to_pylist() == [
        {
            "row": 7, "name": "Acme, Inc.", "uei": None, "duns": "012", "cage": None, "agency": "DOD",
            "signed": date(2020, 2, 29),
        }
    ]  # fmt: skip


def test_modifications_are_summed_in_whole_cents():
    line = {
        "award": 1,
        "amount": "12.30",
        "modifications": [{"amount": "0.05"}, {"amount": "2.00"}],
        "description": "d",
    }
    (found,) = reading.decode_details(files(json.dumps(line).encode())).to_pylist()
    assert found == {"row": 1, "cents": 1230, "modified_cents": 205, "modifications": 2, "description": "d"}
    assert reading.decode_details(files()).schema.equals(reading.DETAILS)


def test_terms_are_found_in_prose_and_absent_where_it_is_silent():
    details = reading.decode_details(landing.detail_files(40, 3))
    terms = reading.extract_terms(details).to_pylist()
    for detail, term in zip(details.to_pylist(), terms, strict=True):
        assert term["ceiling"] == detail["cents"] // 100
        assert term["domain"] == "agency.example"
        assert term["contract"].endswith(f"{detail['row']:07d}")
        assert f"until {term['ends']}; {term['offers']} offers" in detail["description"]
    silent = details.set_column(4, "description", pa.array(["nothing"] * 40))
    assert set(reading.extract_terms(silent).drop_columns("row").to_pylist()[0].values()) == {None}


def test_a_packed_registry_comes_out_as_it_went_in():
    table = reading.unpack_registry(landing.packed_registry(20, 3))
    assert table.column_names == ["key", "name", "uei", "duns", "cage"]
    assert table.num_rows == 20
    assert None not in linking.with_normal_names(table).column("normal_name").to_pylist()


def awards(*lines: tuple[str, str | None, str | None, str | None]) -> pa.Table:
    columns = zip(*lines, strict=True)
    table = pa.table(
        {
            name: pa.array(values, pa.string())
            for name, values in zip(("name", "uei", "duns", "cage"), columns, strict=True)
        }
    )
    return table.add_column(0, "row", pa.array(range(table.num_rows), pa.int64()))


def test_repetitions_are_left_out_whatever_the_order_of_words_and_the_spelling_of_identifiers():
    table = awards(
        ("Acme Works, Inc.", None, "012345678", None),
        ("WORKS ACME", None, "12-345-678", None),
        ("Acme Works", None, None, None),
        ("Acme Works Ltd", None, None, None),
    )
    kept = linking.unique_awards(table, linking.normalise_names(table))
    assert kept.column("row").to_pylist() == [0, 2]


def test_the_first_sound_identifier_that_is_known_links():
    registry = pa.table(
        {
            "key": ["A", "B"],
            "uei": ["K1A2B3C4D5E6", "K9"],
            "duns": ["000000001", "987654321"],
            "cage": ["1AB2C", "9ZZ9Z"],
        }
    )
    table = awards(
        ("x", "k1a2b3c4d5e6", "987654321", None),
        ("x", None, "1", None),
        ("x", None, "999999999", "9zz9z"),
        ("x", "K9", None, None),
    )
    found = linking.identified_awards(table, registry)
    assert found.column("key").to_pylist() == ["A", "A", "B", None]
    assert found.column("method").to_pylist() == ["uei", "duns", "cage", None]


@given(st.integers(0, 12), st.integers(0, 9))
def test_as_many_links_go_as_were_asked_for_and_no_row_goes(dropped, linked):
    keys = ["K"] * linked + [None] * 3
    columns = {"row": list(range(len(keys))), "key": keys, "method": ["m"] * len(keys)}
    columns |= {name: [None] * len(keys) for name in ("confidence", "identifier_type", "reason", "refused")}
    links = pa.table(columns, schema=MATCH_SCHEMA)
    left = linking.without_links(links, dropped, 3)
    assert left.num_rows == links.num_rows
    assert left.num_rows - left.column("key").null_count == max(linked - dropped, 0)


def test_spending_is_exact_by_fiscal_year():
    links = pa.table({"row": [0, 1, 2], "key": ["A", "A", None]})
    signed = pa.table({"signed": [date(2020, 9, 30), date(2020, 10, 1), date(2021, 1, 1)]})
    found = summing.company_spending(links, signed, {0: 10, 1: 20, 2: 99_999_999_999_999_999})
    assert found.to_pylist() == [
        {"key": "", "fiscal_year": 2021, "awards": 1, "dollars": "999999999999999.99"},
        {"key": "A", "fiscal_year": 2020, "awards": 1, "dollars": "0.1"},
        {"key": "A", "fiscal_year": 2021, "awards": 1, "dollars": "0.2"},
    ]


def test_fingerprints_of_equal_names_are_equal_and_of_like_names_are_alike():
    names = pa.table(
        {"row": [0, 1, 2, 3], "normal_name": ["acme radar works", "acme radar works", "acme radar work", ""]}
    )
    made = [
        pa.array([value]).cast(pa.binary()).to_pylist()[0]
        for value in summing.name_fingerprints(names).column("fingerprint").to_pylist()
    ]
    words = [[mark[place : place + 8] for place in range(0, len(mark), 8)] for mark in made]
    same = [sum(a == b for a, b in zip(words[0], other, strict=True)) for other in words]
    assert same[1] == len(words[0])
    assert same[1] > same[2] > same[3]


@given(st.floats(1.0, 20.0), st.integers(1, 10_000))
def test_a_slower_run_does_the_asked_for_share_of_work_more(factor, units):
    done: list[int] = []
    repeated(factor, units, done.append)
    assert done[-1] == units
    assert tuple(done[:-1]) == extra_units(factor, units)
    assert sum(done) == pytest.approx(factor * units, abs=0.51)


def test_what_must_be_held_counts_from_what_is_held_now():
    assert missing_bytes(1.3, start=100, peak=200, now=150) == 80
    assert missing_bytes(1.3, start=100, peak=200, now=500) == 0
    assert missing_bytes(1.0, start=100, peak=200, now=150) == 0


def test_tags_become_faults_and_foreign_tags_are_passed_over():
    tags = {"benchmark/slowdown.a": "1.2", "benchmark/memory.b": "2", "benchmark/dropped_matches": "0.03", "team": "x"}
    assert faults_of(tags, frozenset("ab")) == Faults({"a": 1.2}, {"b": 2.0}, 0.03)
    assert faults_of({}, frozenset()) == Faults({}, {}, 0.0)


@pytest.mark.parametrize(
    ("tag", "value", "sentence"),
    [
        ("slowdown.a", "0.9", "slowdown.a is '0.9'; give a number from 1 to 100"),
        ("memory.a", "much", "give a number from 1 to 100"),
        ("dropped_matches", "nan", "give a number from 0 to 1"),
        ("slowdown.b", "2", "there is no asset 'b' in the benchmark suite"),
        ("slow_down.a", "2", "there is no run tag 'benchmark/slow_down.a'; did you mean"),
    ],
)
def test_a_wrong_tag_is_refused(tag, value, sentence):
    with pytest.raises(ConfigurationError, match=sentence):
        faults_of({f"benchmark/{tag}": value}, frozenset("a"))
