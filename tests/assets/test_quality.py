"""Quality figures: a small case by hand, what is undefined, and parts that add up."""

import json

import pyarrow as pa
import pytest

from assets.matching.match import MATCH_SCHEMA
from assets.quality import score, write_report

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
    assert report.match_rate == 0.75
    assert report.precision == pytest.approx(1 / 2)
    assert report.recall == pytest.approx(1 / 3)
    assert report.mean_confidence == pytest.approx((0.99 + 0.98 + 0.80) / 3)
    assert report.calibration_error == pytest.approx((abs(0.99 - 1) + abs(0.80 - 0)) / 2)
    assert report.confidence_rows["0.8-0.9"] == 1
    assert report.confidence_rows["0.9-1.0"] == 2
    assert report.method_precision == {"cusip": 1.0, "name_similar": 0.0}
    assert report.unmatched_reason_rows == {"no similar name": 1}
    assert report.refused_identifiers == {"duns:placeholder": 1}
    assert sum(report.identifier_type_rows.values()) == report.rows
    assert sum(report.method_rows.values()) == report.rows
    assert sum(report.confidence_rows.values()) == report.matched_rows


@pytest.mark.parametrize(
    ("rows", "answers", "absent"),
    [
        ([], [], {"match_rate", "precision", "recall", "mean_confidence", "calibration_error"}),
        (ROWS, [], {"precision", "recall", "calibration_error"}),
        (ROWS[3:], [(3, "d")], {"precision", "mean_confidence", "calibration_error"}),
    ],
    ids=["empty", "no truth", "nothing linked"],
)
def test_a_ratio_over_nothing_is_absent_and_never_zero(rows, answers, absent):
    report = score(matches(rows), truth(answers))
    ratios = ("match_rate", "precision", "recall", "mean_confidence", "calibration_error")
    assert {name for name in ratios if getattr(report, name) is None} == absent


def test_the_report_file_holds_every_figure(tmp_path):
    report = score(matches(ROWS), truth([(0, "a")]))
    write_report(report, tmp_path / "deep" / "report.json")
    written = json.loads((tmp_path / "deep" / "report.json").read_text())
    assert written["match_rate"] == report.match_rate
    assert written["confidence_rows"] == report.confidence_rows
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["report.json"]
