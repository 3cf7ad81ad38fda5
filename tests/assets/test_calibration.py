"""Confidences on the real companies: calibrated by what identifiers link, judged by the answers nobody saw."""

import dataclasses
import pickle

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from assets.enrich import enrich_calibrated
from assets.generate import generate
from assets.matcher import Matcher
from assets.matching.calibrate import SAMPLE_ROWS, UNCALIBRATED, calibrate, sample_ranges
from assets.matching.registry import prepare_registry
from assets.matching.spec import Identifier, MatchSpec
from assets.quality import score
from ledger.chunks import Resources
from ledger.events.codec import canonical_json

SPEC = MatchSpec((Identifier("isin", "isin"),))


def enriched(real, chunk_size=25_000, source=None):
    return enrich_calibrated(
        source or real.companies, real.names, real.identifiers, SPEC, chunk_size=chunk_size, progress=lambda *_: None
    )


@pytest.fixture(scope="module")
def calibrated(real):
    return enriched(real)


def test_on_answers_nobody_saw_every_method_is_right_as_often_as_it_says(real, calibrated, by_cascade, record_property):
    matches, calibration = calibrated
    report, before = score(matches, real.answers), score(by_cascade, real.answers)
    for method, links in report.method_scored_rows.items():
        low, high = report.method_precision_low[method], report.method_precision_high[method]
        record_property(f"{method}_calibration_error", report.method_calibration_error[method])
        assert low <= report.method_precision[method] <= high
        assert links >= 30
    assert report.max_method_calibration_error <= 0.02
    assert report.calibration_error <= 0.01
    assert report.max_method_calibration_error < before.max_method_calibration_error
    assert calibration.error <= 0.02
    assert min(calibration.labelled_rows.values()) >= 25


def test_links_stay_as_they_were_and_only_confidences_of_names_change(calibrated, by_cascade):
    matches, _ = calibrated
    assert matches.drop_columns(["confidence"]).equals(by_cascade.drop_columns(["confidence"]))
    identified = pc.not_equal(matches.column("identifier_type"), "name")
    assert matches.filter(identified).equals(by_cascade.filter(identified))


@pytest.mark.parametrize("chunk_size", [1_876, 97])
def test_chunks_of_any_size_give_what_one_pass_gives(real, calibrated, chunk_size):
    matches, calibration = enriched(real, chunk_size)
    assert matches.equals(calibrated[0])
    assert calibration.parameters == calibrated[1].parameters


def test_wrong_labels_lower_the_confidence_of_every_method(real, calibrated):
    """Every second identifier names another company, so names agree with half of them only."""
    keys = real.identifiers.column("key").to_pylist()
    wrong = [keys[place - 7] if place % 2 else key for place, key in enumerate(keys)]
    identifiers = real.identifiers.set_column(2, "key", pa.array(wrong, pa.string()))
    told = dataclasses.replace(real, identifiers=identifiers)
    _, calibration = enriched(told)
    for method, found in calibration.maps.items():
        assert max(found.probabilities) < min(calibrated[1].maps[method].probabilities)


def test_without_identifiers_or_rows_what_was_believed_is_kept(real, by_name):
    with duckdb.connect() as connection:
        prepare_registry(connection, real.names, real.identifiers)
        assert calibrate(connection, real.companies, MatchSpec(())) is UNCALIBRATED
        assert calibrate(connection, real.companies.slice(0, 0), SPEC) is UNCALIBRATED
        few = calibrate(connection, real.companies.slice(0, 20), SPEC)
    assert (few.maps, few.error) == ({}, None)
    assert few.applied(by_name).equals(by_name)
    assert sum(few.labelled_rows.values()) < 20


@pytest.mark.parametrize("rows", [0, 1, SAMPLE_ROWS, SAMPLE_ROWS + 1, 7_000, 2_000_000])
def test_the_sample_lies_within_the_source_and_does_not_overlap_itself(rows):
    ranges = sample_ranges(rows)
    taken = np.concatenate([np.arange(*one) for one in ranges]) if ranges else np.array([])
    assert len(taken) == min(rows, SAMPLE_ROWS)
    assert len(np.unique(taken)) == len(taken)
    assert all(0 <= start < stop <= rows for start, stop in ranges)
    if rows > SAMPLE_ROWS:
        assert (ranges[0][0], ranges[-1][1]) == (0, rows)


def test_what_was_fitted_is_part_of_the_plan_and_travels_to_workers(tmp_path):
    import pyarrow.parquet as pq  # noqa: PLC0415 - only here

    made = generate(2_000, 3_000, 3)
    pq.write_table(made.awards, tmp_path / "awards.parquet")
    pq.write_table(made.registry, tmp_path / "registry.parquet")
    spec = MatchSpec(tuple(Identifier(kind, kind) for kind in ("uei", "duns", "cage")))
    raw = Matcher(str(tmp_path / "awards.parquet"), str(tmp_path / "registry.parquet"), spec)
    found, again = raw.calibrated(Resources()), raw.kept_in(tmp_path / "kept", Resources()).calibrated(Resources())
    with found(Resources()) as one, again(Resources()) as other:
        assert one(0, 700).equals(other(0, 700))
    assert canonical_json(found.parameters) == canonical_json(again.parameters) != canonical_json(raw.parameters)
    assert pickle.loads(pickle.dumps(found)) == found  # noqa: S301 - our own bytes
