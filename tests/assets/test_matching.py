"""The matcher on the real companies: how good it is, that the figures are honest, that chunks change nothing."""

import random

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assets.enrich import ranges
from assets.generate import generate
from assets.matching.spec import Identifier, MatchSpec
from assets.quality import score
from assets.sources import registry_identifiers
from tests.assets.conftest import link


def test_names_alone_are_precise_at_high_recall_on_every_labelled_company(real, by_name):
    report = score(by_name, real.answers)
    assert report.labelled_rows == 1_103
    assert report.precision >= 0.97
    assert report.recall >= 0.90


def test_links_by_cusip_are_nearly_all_right(real, by_cascade):
    report = score(by_cascade, real.answers)
    assert report.labelled_rows == 1_103
    assert report.identifier_type_rows["cusip"] > 500
    assert report.method_precision["cusip"] >= 0.99
    assert report.precision >= 0.97
    assert report.recall > score(link(real.companies, real.names, None, MatchSpec(())), real.answers).recall


def test_the_figures_collapse_when_the_truth_is_shuffled(real, by_cascade):
    keys = real.answers.column("key").to_pylist()
    random.Random(7).shuffle(keys)
    report = score(by_cascade, pa.table({"row": real.answers.column("row"), "key": pa.array(keys, pa.string())}))
    assert report.labelled_rows == 1_103
    assert report.precision < 0.05
    assert report.recall < 0.05


def test_a_confidence_means_what_it_says(real, by_cascade):
    assert score(by_cascade, real.answers).calibration_error <= 0.05
    confidence = by_cascade.column("confidence").drop_null()
    assert pc.min(confidence).as_py() >= 0.75
    assert pc.max(confidence).as_py() <= 1.0


@pytest.mark.parametrize("chunk_size", [1_876, 500, 97])
def test_chunks_of_any_size_give_what_one_pass_gives(real, by_cascade, chunk_size):
    spec = MatchSpec((Identifier("isin", "isin"),))
    assert link(real.companies, real.names, real.identifiers, spec, chunk_size).equals(by_cascade)


def test_the_order_of_the_registry_changes_nothing(real, by_cascade):
    order = list(range(real.names.num_rows))
    random.Random(3).shuffle(order)
    spec = MatchSpec((Identifier("isin", "isin"),))
    assert link(real.companies, real.names.take(pa.array(order)), real.identifiers, spec).equals(by_cascade)


@given(rows=st.integers(0, 10_000), size=st.integers(1, 12_000))
def test_ranges_tile_the_rows_exactly(rows, size):
    pieces = list(ranges(rows, size))
    assert [row for start, stop in pieces for row in (start, stop)][1:-1:2] == [start for start, _ in pieces][1:]
    assert sum(stop - start for start, stop in pieces) == rows
    assert all(0 < stop - start <= size for start, stop in pieces)


NAMES = st.text(st.characters(exclude_categories=("Cs",)), max_size=40) | st.sampled_from(
    ["", " ", "'; DROP TABLE companies; --", "Ænima \u202eGmbH", "☃" * 500, "The The", "A. B. C.", "Inc", "\x00\n"]
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(names=st.lists(NAMES | st.none(), max_size=8), data=st.data())
def test_any_text_is_matched_or_refused_with_a_reason_and_cuts_change_nothing(names, data):
    source = pa.table({"row": pa.array(range(len(names)), pa.int64()), "name": pa.array(names, pa.string())})
    registry = pa.table({"key": ["1", "2", "2", "3"], "name": ["Acme Inc", "Apex Ltd", "Apex Limited", "The The Co"]})
    whole = link(source, registry, None, MatchSpec(()))
    assert whole.column("row").to_pylist() == list(range(len(names)))
    for row in whole.to_pylist():
        assert (row["key"] is None) == (row["reason"] is not None)
        assert (row["key"] is None) == (row["confidence"] is None)
    size = data.draw(st.integers(1, max(len(names), 1)))
    assert link(source, registry, None, MatchSpec(()), size).equals(whole)


def test_an_identifier_of_two_companies_links_neither(real):
    source = pa.table({"row": [0, 1], "name": ["Nobody Knows", "Nobody Knows"], "duns": ["00-012-3450", "000000000"]})
    registry = pa.table({"key": ["1", "2"], "name": ["One", "Two"], "duns": ["000123450", "000123450"]})
    identifiers = registry_identifiers(registry, "key", ("duns",))
    found = link(source, registry.select(["key", "name"]), identifiers, MatchSpec((Identifier("duns", "duns"),)))
    assert found.column("key").to_pylist() == [None, None]
    assert found.column("refused").to_pylist() == ["duns:ambiguous", "duns:placeholder"]


def test_generated_awards_are_linked_over_uei_duns_and_cage():
    made = generate(3_000, 8_000, 5)
    spec = MatchSpec(tuple(Identifier(kind, kind) for kind in ("uei", "duns", "cage")))
    identifiers = registry_identifiers(made.registry, "key", ("uei", "duns", "cage"))
    report = score(link(made.awards, made.registry.select(["key", "name"]), identifiers, spec), made.truth)
    assert report.precision >= 0.99
    assert report.recall >= 0.95
    assert {"uei", "duns", "cage", "name"} <= set(report.identifier_type_rows)
    assert report.refused_identifiers["duns:placeholder"] > 0


def test_the_generator_gives_the_same_rows_for_a_seed_and_others_for_another():
    made, again, other = generate(500, 900, 1), generate(500, 900, 1), generate(500, 900, 2)
    assert made.awards.equals(again.awards)
    assert made.registry.equals(again.registry)
    assert not made.awards.equals(other.awards)
    assert made.registry.column("key").to_pylist() == sorted(set(made.registry.column("key").to_pylist()))
    assert set(made.truth.column("key").to_pylist()) <= set(made.registry.column("key").to_pylist())
    assert generate(100, 900, 1).awards.equals(made.awards.slice(0, 100))
