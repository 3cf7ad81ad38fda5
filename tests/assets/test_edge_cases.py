"""What no source should hold and some do: nothing, nulls, repeated rows, hostile text, faulty registries."""

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assets.matching.match import MATCH_SCHEMA
from assets.matching.spec import Identifier, MatchSpec
from assets.quality import score
from assets.sources import registry_identifiers
from tests.assets.conftest import link

DUNS = (Identifier("duns", "duns"),)
REGISTRY = pa.table(
    {
        "key": ["1", "2", "3"],
        "name": ["Acme Steel Inc", "Apex Data Ltd", "Zenith Labs"],
        "duns": ["150483782", "804735132", None],
    }
)
HOSTILE = [
    "",
    " ",
    "\t\n",
    "Robert'); DROP TABLE registry_names; --",
    '" OR ""="',
    "$1 ? {} %s \\1 \\",
    "🏭🏭🏭",
    "\u202eemca\u202c \u200f\u05e9\u05dc\u05d5\u05dd\u200f",
    "Acme\x00Steel",
    "Acme\r\nSteel",
    "(((((" * 50,
    "a " * 2_000,
    "x" * 100_000,
    "\ud7ff\ue000\U0010ffff",
    "e\u0301" * 100,
    "The The",
    "Inc",
]


def sources(names, duns=None) -> pa.Table:
    numbers = pa.array(range(len(names)), pa.int64())
    return pa.table(
        {
            "row": numbers,
            "name": pa.array(names, pa.string()),
            "duns": pa.array(duns or [None] * len(names), pa.string()),
        }
    )


def matched(source, registry=REGISTRY, chunk_size=25_000, spec=None) -> pa.Table:
    return link(
        source,
        registry.select(["key", "name"]),
        registry_identifiers(registry, "key", ("duns",)),
        spec or MatchSpec(DUNS),
        chunk_size,
    )


def assert_sound(found, rows) -> None:
    assert found.schema == MATCH_SCHEMA
    assert found.column("row").to_pylist() == list(range(rows))
    for row in found.to_pylist():
        assert (row["key"] is None) == (row["reason"] is not None) == (row["method"] == "unmatched"), row
        assert (row["key"] is None) == (row["confidence"] is None) == (row["identifier_type"] == "none"), row


def test_no_companies_give_no_links_and_a_report_without_ratios():
    found = matched(sources([]))
    assert found.equals(MATCH_SCHEMA.empty_table())
    report = score(found, sources([]).select(["row", "name"]).rename_columns(["row", "key"]))
    assert (report.rows, report.match_rate) == (0, None)


@pytest.mark.parametrize("spec", [MatchSpec(DUNS), MatchSpec(())], ids=["with identifiers", "by name"])
def test_a_registry_without_entries_links_nothing(spec):
    found = matched(sources(["Acme Steel", None], ["150483782", None]), REGISTRY.slice(0, 0), spec=spec)
    assert_sound(found, 2)
    assert found.column("reason").to_pylist() == ["no similar name", "no name"]


def test_one_row_and_one_entry_are_enough():
    found = matched(sources(["ACME STEEL"]), REGISTRY.slice(0, 1))
    assert_sound(found, 1)
    assert found.column("key").to_pylist() == ["1"]


def test_rows_that_say_the_same_get_the_same_link_each():
    found = matched(sources(["Acme Steel"] * 3 + ["Nobody"] * 3, ["804735132"] * 2 + [None] * 4), chunk_size=2)
    assert_sound(found, 6)
    assert found.column("key").to_pylist() == ["2", "2", "1", None, None, None]
    assert found.column("method").to_pylist()[:3] == ["duns", "duns", "name_exact"]


def test_nulls_and_blanks_have_no_name_and_an_identifier_links_them_all_the_same():
    found = matched(sources([None, "", "  ", None], [None, None, "", "15-048-3782"]))
    assert_sound(found, 4)
    assert found.column("reason").to_pylist() == ["no name", "no name", "no name", None]
    assert found.column("key").to_pylist() == [None, None, None, "1"]
    assert found.column("refused").null_count == 4


def test_an_identifier_that_cannot_be_used_is_counted_and_the_name_is_tried():
    found = matched(sources(["Acme Steel"] * 3, ["000000000", "12", "150483783"]))
    assert_sound(found, 3)
    assert found.column("key").to_pylist() == ["1", "1", "1"]
    assert found.column("refused").to_pylist() == ["duns:placeholder", "duns:malformed", None]


def test_exact_repetitions_in_the_registry_change_nothing_and_make_nothing_ambiguous():
    source = sources(["Acme Steel", "Acme Steel Data", "Zenith", None], [None, None, None, "150483782"])
    spec = MatchSpec(DUNS, low_confidence_threshold=0.3)
    found = matched(source, spec=spec)
    assert found.column("method").to_pylist() == ["name_exact", "name_similar", "name_similar", "duns"]
    for repeated in ([REGISTRY] * 3, [REGISTRY, *[REGISTRY.slice(0, 1)] * 5]):
        assert matched(source, pa.concat_tables(repeated), spec=spec).equals(found)


def test_an_identifier_of_two_companies_links_neither_and_says_so():
    registry = pa.table({"key": ["1", "2"], "name": ["One", "Two"], "duns": ["150483782", "15-048-3782"]})
    found = matched(sources(["Nobody Knows", "Two"], ["150483782", "150483782"]), registry)
    assert_sound(found, 2)
    assert found.column("key").to_pylist() == [None, "2"]
    assert found.column("refused").to_pylist() == ["duns:ambiguous", "duns:ambiguous"]


def test_one_name_of_two_companies_links_neither():
    registry = pa.table({"key": ["1", "2"], "name": ["Acme Inc", "ACME LLC"], "duns": [None, "150483782"]})
    found = matched(sources(["Acme", "Acme Corp"], [None, "150483782"]), registry)
    assert_sound(found, 2)
    assert found.column("key").to_pylist() == [None, "2"]
    assert found.column("reason").to_pylist() == ["ambiguous name", None]


def test_registry_entries_without_a_key_or_a_name_link_nothing():
    registry = pa.table(
        {
            "key": pa.array([None, "2", None], pa.string()),
            "name": ["Acme Steel", None, None],
            "duns": [None, None, "150483782"],
        }
    )
    found = matched(sources(["Acme Steel", "Steel Acme Works", "Nobody"], [None, None, "150483782"]), registry)
    assert_sound(found, 3)
    assert found.column("key").null_count == 3


def test_hostile_text_is_data_on_either_side():
    source = sources([*HOSTILE, "Apex Data"], ["'; DROP TABLE x; --"] * (len(HOSTILE) + 1))
    registry = pa.concat_tables(
        [
            REGISTRY,
            pa.table(
                {
                    "key": [f"h{number}" for number in range(len(HOSTILE))],
                    "name": HOSTILE,
                    "duns": pa.array([None] * len(HOSTILE), pa.string()),
                }
            ),
        ]
    )
    for side in (REGISTRY, registry):
        found = matched(source, side)
        assert_sound(found, len(HOSTILE) + 1)
        assert found.column("key").to_pylist()[-1] == "2"
    drop = HOSTILE.index("Robert'); DROP TABLE registry_names; --")
    assert found.column("key").to_pylist()[drop] == f"h{drop}"


def test_a_column_may_have_any_name():
    name = 'na"me; DROP TABLE x --'
    source = sources(["Acme Steel"], ["804735132"]).rename_columns(["row", name, "v0 = ' \" \n"])
    spec = MatchSpec((Identifier("v0 = ' \" \n", "duns"),), name_column=name)
    assert matched(source, spec=spec).column("key").to_pylist() == ["2"]


NAMES = st.text(st.characters(exclude_categories=("Cs",)), max_size=40) | st.sampled_from([*HOSTILE[:8], "Acme Steel"])


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(rows=st.lists(st.tuples(NAMES | st.none(), NAMES | st.none()), max_size=8), data=st.data())
def test_any_text_is_linked_or_refused_with_a_reason_and_cuts_change_nothing(rows, data):
    source = sources([name for name, _ in rows], [duns for _, duns in rows])
    whole = matched(source)
    assert_sound(whole, len(rows))
    size = data.draw(st.integers(1, max(len(rows), 1)))
    assert matched(source, chunk_size=size).equals(whole)
