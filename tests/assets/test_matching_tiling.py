"""The matcher is a pure function of a row range: no cut, order or thread changes a link, and every tie is broken."""

import itertools
import random

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.enrich import ranges
from assets.matching.match import MATCH_SCHEMA, match_range
from assets.matching.registry import prepare_registry
from assets.matching.spec import Identifier, MatchSpec
from tests.assets.conftest import link

SPEC = MatchSpec((Identifier("isin", "isin"),))


@pytest.fixture(scope="module")
def prepared(real):
    """A connection that holds the real registry, prepared once as a run does."""
    with duckdb.connect() as connection:
        prepare_registry(connection, real.names, real.identifiers)
        yield connection


@settings(max_examples=12, deadline=None)
@given(cuts=st.sets(st.integers(1, 1_876), max_size=5), order=st.randoms(use_true_random=False))
def test_ranges_cut_anywhere_and_matched_in_any_order_put_together_are_the_whole(
    real, prepared, by_cascade, cuts, order
):
    edges = [0, *sorted(cuts), real.companies.num_rows]
    pieces = list(itertools.pairwise(edges))
    shuffled = list(pieces)
    order.shuffle(shuffled)
    parts = {piece: match_range(prepared, real.companies, *piece, SPEC) for piece in shuffled}
    assert pa.concat_tables([parts[piece] for piece in pieces]).equals(by_cascade)


@settings(max_examples=15, deadline=None)
@given(row=st.integers(0, 1_876))
def test_a_row_is_linked_alone_as_it_is_among_all(real, prepared, by_cascade, row):
    assert match_range(prepared, real.companies, row, row + 1, SPEC).equals(by_cascade.slice(row, 1))


def test_a_range_without_rows_has_no_links_but_all_columns(real, prepared):
    for start, stop in ((0, 0), (10, 10), (1_877, 1_877), (10, 5)):
        assert match_range(prepared, real.companies, start, stop, SPEC).equals(MATCH_SCHEMA.empty_table())


@pytest.mark.parametrize("chunk_size", [1_876, 97])
def test_chunks_of_any_size_give_what_one_pass_gives(real, by_cascade, chunk_size):
    assert link(real.companies, real.names, real.identifiers, SPEC, chunk_size).equals(by_cascade)


@given(rows=st.integers(0, 10_000), size=st.integers(1, 12_000))
def test_ranges_tile_the_rows_exactly(rows, size):
    pieces = list(ranges(rows, size))
    assert [start for start, _ in pieces] == [0, *[stop for _, stop in pieces]][: len(pieces)]
    assert sum(stop - start for start, stop in pieces) == rows
    assert all(0 < stop - start <= size for start, stop in pieces)


@pytest.mark.parametrize("seed", [3, 4])
def test_the_order_of_the_registry_changes_nothing(real, by_cascade, seed):
    def shuffled(table):
        order = list(range(table.num_rows))
        random.Random(seed).shuffle(order)
        return table.take(pa.array(order))

    assert link(real.companies, shuffled(real.names), shuffled(real.identifiers), SPEC).equals(by_cascade)


def test_the_number_of_threads_changes_nothing(real, prepared, by_cascade):
    try:
        for threads in (1, 4):
            prepared.execute(f"SET threads = {threads}")
            assert match_range(prepared, real.companies, 0, 1_877, SPEC).equals(by_cascade)
    finally:
        prepared.execute("RESET threads")


def test_two_keys_that_fit_equally_well_link_nothing_and_a_better_one_wins_from_any_place():
    source = pa.table({"row": [0, 1], "name": ["Acme Steel Works", "Zenith Data Labs"]})
    entries = [
        ("9", "Acme Steel Mills"),
        ("1", "Acme Steel Yards"),
        ("5", "Zenith Data Labs Two"),
        ("2", "Zenith Data"),
    ]
    answers = set()
    for seed in range(6):
        random.Random(seed).shuffle(entries)
        registry = pa.table({"key": [key for key, _ in entries], "name": [name for _, name in entries]})
        found = link(source, registry, None, MatchSpec((), low_confidence_threshold=0.4))
        answers.add(tuple((row["key"], row["reason"]) for row in found.to_pylist()))
    assert answers == {((None, "ambiguous name"), ("5", None))}


def test_two_names_of_one_key_that_fit_equally_well_are_no_tie():
    registry = pa.table({"key": ["1", "1", "2"], "name": ["Acme Steel Mills", "Acme Steel Yards", "Apex"]})
    source = pa.table({"row": [0], "name": ["Acme Steel Works"]})
    found = link(source, registry, None, MatchSpec((), low_confidence_threshold=0.4))
    assert found.column("key").to_pylist() == ["1"]


def test_scores_are_whole_millionths_between_the_threshold_and_one(by_name, by_cascade):
    for matches in (by_name, by_cascade):
        similar = [row["confidence"] for row in matches.to_pylist() if row["method"] == "name_similar"]
        assert similar
        assert all(value == round(value * 1_000_000) / 1e6 for value in similar)
        assert all(0.75 <= value <= 1 for value in similar)
        assert all(0 <= value <= 1 for value in matches.column("confidence").drop_null().to_pylist())
