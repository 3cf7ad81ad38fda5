"""Quality figures: a small case by hand, what is undefined, and parts that add up whatever the links are."""

import json
import math
import os
from dataclasses import replace

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.matching.match import MATCH_SCHEMA
from assets.quality import score, write_report
from ledger.errors import StoreError

RATIOS = ("match_rate", "precision", "recall", "mean_confidence", "calibration_error")
ROWS = [
    {"row": 0, "key": "a", "method": "cusip", "confidence": 0.99, "identifier_type": "cusip"},
    {"row": 1, "key": "b", "method": "name_exact", "confidence": 0.98, "identifier_type": "name"},
    {"row": 2, "key": "x", "method": "name_similar", "confidence": 0.80, "identifier_type": "name"},
    {
        "row": 3,
        "reason": "no similar name",
        "method": "unmatched",
        "identifier_type": "none",
        "refused": "duns:placeholder",
    },
]


def matches(rows) -> pa.Table:
    return pa.Table.from_pylist(rows, schema=MATCH_SCHEMA)


def truth(pairs) -> pa.Table:
    return pa.table(
        {"row": pa.array([row for row, _ in pairs], pa.int64()), "key": pa.array([k for _, k in pairs], pa.string())}
    )


def test_figures_of_a_small_case_by_hand():
    report = score(matches(ROWS), truth([(0, "a"), (2, "c"), (3, "d")]), duplicate_rows=2)
    assert (report.rows, report.matched_rows, report.unmatched_rows, report.labelled_rows) == (4, 3, 1, 3)
    assert report.duplicate_rows == 2
    assert report.match_rate == 0.75
    assert report.precision == pytest.approx(1 / 2)
    assert report.recall == pytest.approx(1 / 3)
    assert report.mean_confidence == pytest.approx((0.99 + 0.98 + 0.80) / 3)
    assert report.calibration_error == pytest.approx((abs(0.99 - 1) + abs(0.80 - 0)) / 2)
    assert {name: count for name, count in report.confidence_rows.items() if count} == {"0.8-0.9": 1, "0.9-1.0": 2}
    assert report.identifier_type_rows == {"cusip": 1, "name": 2, "none": 1}
    assert report.method_rows == {"cusip": 1, "name_exact": 1, "name_similar": 1, "unmatched": 1}
    assert report.method_precision == {"cusip": 1.0, "name_similar": 0.0}
    assert report.method_scored_rows == {"cusip": 1, "name_similar": 1}
    assert report.method_confidence == pytest.approx({"cusip": 0.99, "name_similar": 0.80})
    assert report.method_calibration_error == pytest.approx({"cusip": 0.01, "name_similar": 0.80})
    assert report.max_method_calibration_error is None  # One link says nothing.
    assert report.unmatched_reason_rows == {"no similar name": 1}
    assert report.refused_identifiers == {"duns:placeholder": 1}


@pytest.mark.parametrize(
    ("rows", "answers", "absent"),
    [
        ([], [], {"match_rate", "precision", "recall", "mean_confidence", "calibration_error"}),
        (ROWS, [], {"precision", "recall", "calibration_error"}),
        (ROWS[3:], [(3, "d")], {"precision", "mean_confidence", "calibration_error"}),
        (ROWS[1:2], [(3, "d")], {"precision", "recall", "calibration_error"}),
    ],
    ids=["empty", "no truth", "nothing linked", "truth of other rows"],
)
def test_a_ratio_over_nothing_is_absent_and_never_zero(tmp_path, rows, answers, absent):
    report = score(matches(rows), truth(answers))
    assert {name for name in RATIOS if getattr(report, name) is None} == absent
    write_report(report, tmp_path / "report.json")
    written = json.loads((tmp_path / "report.json").read_text(), parse_constant=pytest.fail)
    assert {name for name in RATIOS if written[name] is None} == absent


def test_the_largest_gap_is_that_of_a_method_with_enough_links_and_precision_has_an_interval():
    links = [row | {"row": number} for number, row in enumerate([ROWS[0]] * 30 + [ROWS[2]] * 29)]
    report = score(matches(links), truth([(number, "a") for number in range(59)]))
    assert report.max_method_calibration_error == pytest.approx(0.01)
    assert report.method_calibration_error["name_similar"] == pytest.approx(0.80)
    assert report.method_precision_low["cusip"] == pytest.approx(0.886, abs=0.001)
    assert report.method_precision_high["cusip"] == pytest.approx(1.0)
    assert report.method_precision_low["name_similar"] == pytest.approx(0.0, abs=1e-9)
    assert report.method_precision_high["name_similar"] == pytest.approx(0.117, abs=0.001)


def test_a_ratio_of_nothing_right_is_zero_and_never_absent():
    report = score(matches(ROWS[3:]), truth([(3, "d")]))
    assert (report.match_rate, report.recall) == (0.0, 0.0)
    assert score(matches(ROWS[:1]), truth([(0, "other")])).precision == 0.0


def test_a_right_answer_that_is_a_guess_on_an_unlabelled_row_counts_for_the_match_rate_alone():
    report = score(matches(ROWS[:2]), truth([(0, "a")]))
    assert (report.match_rate, report.precision, report.recall, report.labelled_rows) == (1.0, 1.0, 1.0, 1)


def test_the_match_rate_is_over_the_rows_in_scope_and_all_other_figures_are_over_all():
    answers = truth([(0, "a"), (2, "c"), (3, "d")])
    every = score(matches(ROWS), answers)
    some = score(matches(ROWS), answers, in_scope=pa.chunked_array([[True, False, False, True]]))
    assert (every.scope_rows, every.match_rate) == (4, 0.75)
    assert (some.scope_rows, some.match_rate) == (2, 0.5)
    assert replace(some, scope_rows=4, match_rate=0.75) == every
    none = score(matches(ROWS), answers, in_scope=pa.chunked_array([[False] * 4]))
    assert (none.scope_rows, none.match_rate) == (0, None)


@pytest.mark.parametrize(
    ("confidence", "bin_"),
    [
        (0.0, "0.0-0.1"),
        (0.1, "0.1-0.2"),
        (0.3, "0.3-0.4"),
        (0.7, "0.7-0.8"),
        (0.86, "0.8-0.9"),
        (0.999, "0.9-1.0"),
        (1.0, "0.9-1.0"),
    ],
)
def test_a_confidence_at_an_edge_falls_into_the_bin_above_and_one_into_the_last(confidence, bin_):
    report = score(matches([ROWS[0] | {"confidence": confidence}]), truth([]))
    assert [name for name, count in report.confidence_rows.items() if count] == [bin_]
    assert len(report.confidence_rows) == 10


def test_several_refused_identifiers_of_a_row_count_one_by_one():
    rows = [ROWS[3] | {"refused": "uei:malformed duns:placeholder"}, ROWS[0] | {"refused": "uei:malformed"}]
    assert score(matches(rows), truth([])).refused_identifiers == {"duns:placeholder": 1, "uei:malformed": 2}


KEYS = st.sampled_from(["a", "b", "c"])
LINKED = st.builds(
    lambda key, method, confidence: {
        "key": key, "method": method, "confidence": confidence,
        "identifier_type": "cusip" if method == "cusip" else "name",
    },
    KEYS, st.sampled_from(["cusip", "name_exact", "name_similar"]), st.floats(0, 1),
)  # fmt: skip
UNLINKED = st.builds(
    lambda reason, refused: {
        "reason": reason, "method": "unmatched", "identifier_type": "none", "refused": refused,
    },
    st.sampled_from(["no name", "ambiguous name", "no similar name"]), st.none() | st.just("duns:malformed"),
)  # fmt: skip


@given(rows=st.lists(LINKED | UNLINKED, max_size=30), answers=st.lists(KEYS | st.none(), max_size=30))
def test_parts_add_up_to_the_rows_and_ratios_are_their_quotients(rows, answers):
    rows = [row | {"row": number} for number, row in enumerate(rows)]
    known = [(number, key) for number, key in enumerate(answers) if key is not None and number < len(rows)]
    report = score(matches(rows), truth(known))
    right = sum(rows[number].get("key") == key for number, key in known)
    scored = sum(rows[number].get("key") is not None for number, _ in known)
    assert report.rows == len(rows) == report.matched_rows + report.unmatched_rows
    assert report.labelled_rows == len(known)
    for parts, whole in (
        (report.identifier_type_rows, report.rows),
        (report.method_rows, report.rows),
        (report.confidence_rows, report.matched_rows),
        (report.unmatched_reason_rows, report.unmatched_rows),
    ):
        assert sum(parts.values()) == whole
    assert report.precision == (right / scored if scored else None)
    assert report.recall == (right / len(known) if known else None)
    assert report.recall is None or report.precision is None or report.recall <= report.precision
    assert set(report.method_precision) <= set(report.method_rows) - {"unmatched"}
    for name in RATIOS:
        ratio = getattr(report, name)
        assert ratio is None or (math.isfinite(ratio) and 0 <= ratio <= 1 + 1e-12)


@given(st.permutations(ROWS), st.permutations([(0, "a"), (2, "c"), (3, "d")]))
def test_the_order_of_links_and_answers_does_not_matter(rows, answers):
    one, other = score(matches(rows), truth(answers)), score(matches(ROWS), truth([(0, "a"), (2, "c"), (3, "d")]))
    assert one.mean_confidence == pytest.approx(other.mean_confidence)
    for name in ("precision", "recall", "method_rows", "confidence_rows", "refused_identifiers"):
        assert getattr(one, name) == getattr(other, name)


def test_the_report_file_holds_every_figure_and_replaces_the_one_before(tmp_path):
    path = tmp_path / "deep" / "report.json"
    for answers in ([], [(0, "a")]):
        report = score(matches(ROWS), truth(answers))
        write_report(report, path)
        written = json.loads(path.read_text())
        assert written == {name: getattr(report, name) for name in report.__dataclass_fields__}
    assert [entry.name for entry in path.parent.iterdir()] == ["report.json"]


def test_a_report_that_cannot_be_written_leaves_the_one_before(tmp_path, monkeypatch):
    write_report(score(matches(ROWS), truth([])), tmp_path / "report.json")
    before = (tmp_path / "report.json").read_bytes()

    def refuse(*_args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(StoreError, match=r"report\.json: the disk is full"):
        write_report(score(matches([]), truth([])), tmp_path / "report.json")
    assert (tmp_path / "report.json").read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["report.json"]
