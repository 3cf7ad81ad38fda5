"""The matcher on the real companies: how good its links are, and that the figures come from the links and the truth."""

import random

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from assets.matching.spec import MatchSpec
from assets.quality import score
from tests.assets.conftest import link

APPLE = "0000320193"


def by_hand(matches, answers, method=None) -> tuple[int, int]:
    """Return scored links and right links, counted without the code under test."""
    truth = dict(zip(answers.column("row").to_pylist(), answers.column("key").to_pylist(), strict=True))
    scored = [
        (row["key"], truth[row["row"]])
        for row in matches.to_pylist()
        if row["key"] is not None and row["row"] in truth and method in (None, row["method"])
    ]
    return len(scored), sum(found == right for found, right in scored)


def answers_with(real, keys) -> pa.Table:
    return pa.table({"row": real.answers.column("row"), "key": pa.array(keys, pa.string())})


def test_every_company_gets_one_row_and_every_labelled_one_is_scored(real, by_name, by_cascade):
    assert real.answers.num_rows == 1_103
    for matches in (by_name, by_cascade):
        assert matches.column("row").to_pylist() == list(range(real.companies.num_rows))
        assert score(matches, real.answers).labelled_rows == 1_103


def test_names_alone_are_precise_at_high_recall(real, by_name):
    report = score(by_name, real.answers)
    assert report.precision >= 0.97
    assert report.recall >= 0.90
    assert set(report.method_rows) == {"name_exact", "name_similar", "unmatched"}


def test_links_by_cusip_are_nearly_all_right_and_make_the_cascade_find_more(real, by_name, by_cascade):
    report = score(by_cascade, real.answers)
    scored, right = by_hand(by_cascade, real.answers, "cusip")
    assert scored > 500
    assert right / scored >= 0.99
    assert report.method_precision["cusip"] == right / scored
    assert report.precision >= 0.97
    assert report.recall > score(by_name, real.answers).recall


def test_the_figures_are_those_of_a_count_by_hand(real, by_name, by_cascade):
    for matches in (by_name, by_cascade):
        scored, right = by_hand(matches, real.answers)
        report = score(matches, real.answers)
        assert report.precision == right / scored
        assert report.recall == right / 1_103
        assert report.match_rate == report.matched_rows / matches.num_rows


@pytest.mark.parametrize("seed", [7, 8, 9])
def test_the_figures_collapse_when_the_truth_is_shuffled(real, by_name, by_cascade, seed):
    keys = real.answers.column("key").to_pylist()
    random.Random(seed).shuffle(keys)
    for matches in (by_name, by_cascade):
        before, after = score(matches, real.answers), score(matches, answers_with(real, keys))
        assert after.labelled_rows == 1_103
        assert after.precision < 0.05
        assert after.recall < 0.05
        assert after.match_rate == before.match_rate


@pytest.mark.parametrize("wrong", [1, 10, 300])
def test_each_right_answer_taken_away_lowers_the_figures_by_exactly_one_link(real, by_cascade, wrong):
    truth = real.answers.to_pylist()
    found = by_cascade.column("key").to_pylist()
    right = [place for place, row in enumerate(truth) if found[row["row"]] == row["key"]]
    changed = set(random.Random(1).sample(right, wrong))
    report = score(
        by_cascade,
        answers_with(real, [f"not {row['key']}" if at in changed else row["key"] for at, row in enumerate(truth)]),
    )
    scored, _ = by_hand(by_cascade, real.answers)
    assert report.precision == (len(right) - wrong) / scored
    assert report.recall == (len(right) - wrong) / 1_103


def test_a_laxer_threshold_links_more_and_errs_more_so_the_match_rate_alone_is_no_gate(real, by_name):
    reports = [
        score(link(real.companies, real.names, None, MatchSpec((), low_confidence_threshold=least)), real.answers)
        for least in (0.95, 0.3)
    ]
    usual = score(by_name, real.answers)
    assert reports[0].match_rate <= usual.match_rate < reports[1].match_rate
    assert reports[1].precision < usual.precision
    assert reports[1].method_precision["name_similar"] < 0.9 < usual.method_precision["name_similar"]


def test_a_name_inside_a_longer_name_is_not_the_same_company(real):
    names = ["Apple", "Apple Hospitality REIT", "Apple Hospitality", "Apples"]
    found = link(pa.table({"row": [0, 1, 2, 3], "name": names}), real.names, None, MatchSpec(()))
    keys = found.column("key").to_pylist()
    assert keys[0] == APPLE
    assert APPLE not in keys[1:]
    assert keys[1] is not None


def test_a_confidence_means_what_it_says(real, by_cascade):
    report = score(by_cascade, real.answers)
    assert report.calibration_error <= 0.05
    confidence = by_cascade.column("confidence").drop_null()
    assert pc.min(confidence).as_py() >= MatchSpec(()).low_confidence_threshold
    assert pc.max(confidence).as_py() <= 1.0
    overconfident = by_cascade.set_column(
        3, "confidence", pc.if_else(pc.is_valid(by_cascade.column("key")), 0.5, None).cast(pa.float64())
    )
    assert score(overconfident, real.answers).calibration_error > 0.4


def test_links_are_keys_of_the_registry_and_identifiers_are_said(real, by_cascade):
    keys = set(real.names.column("key").to_pylist())
    for row in by_cascade.to_pylist():
        assert row["key"] is None or row["key"] in keys
        assert (row["identifier_type"] == "cusip") == (row["method"] == "cusip")
        assert (row["identifier_type"] == "none") == (row["key"] is None) == (row["method"] == "unmatched")
