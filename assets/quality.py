"""Scores matches against withheld answers.

Rules:
- Match rate is links over the rows in scope: those the registry is expected to know, by default all. Precision is right
  links over links of rows whose answer is known; recall is right links over rows whose answer is known. Rows without
  an answer count for the match rate alone.
- A ratio over nothing is absent, never zero.
- Confidences are calibrated where links of a confidence are right as often as it says. The gap is told by method: over
  all links, what one method believes too much would make good what another believes too little.
"""

import json
import math
import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from ledger import stats
from ledger.chunks import PLACE_SETTING
from ledger.store.files import explained

_BINS: Final = 10
_LEAST_SCORED: Final = 30
"""Scored links from which on a method's gap says more of its confidences than of chance."""

_CLASSES: Final = ("identifier_type", "method", "reason", "refused")


@dataclass(frozen=True, slots=True)
class QualityReport:
    """How good a set of links is.

    Attributes:
        rows: Rows that were to be linked.
        scope_rows: Rows that the registry is expected to know.
        matched_rows: Rows that were.
        unmatched_rows: Rows that were not.
        labelled_rows: Rows whose right answer is known.
        duplicate_rows: Rows the source repeated, and that were left out before.
        match_rate: Over the rows in scope, 0 to 1, ``None`` without any.
        precision: 0 to 1, ``None`` without scored links.
        recall: 0 to 1, ``None`` without labelled rows.
        mean_confidence: Over the links, ``None`` without any.
        calibration_error: Mean gap between confidence and precision over methods, weighted by scored links.
        confidence_rows: Links by confidence bin.
        identifier_type_rows: Rows by what linked them.
        method_rows: Rows by method.
        max_method_calibration_error: Largest gap of a method with 30 scored links and more, ``None`` without any.
        method_scored_rows: Scored links by method.
        method_precision: Precision by method, where links of it are scored.
        method_precision_low: Lower end of the 95 % interval of that (Wilson 1927).
        method_precision_high: Upper end.
        method_confidence: Mean confidence of the scored links by method.
        method_calibration_error: Gap between the two by method.
        unmatched_reason_rows: Unlinked rows by reason.
        refused_identifiers: Identifiers that were not used, by kind and problem.
    """

    rows: int
    scope_rows: int
    matched_rows: int
    unmatched_rows: int
    labelled_rows: int
    duplicate_rows: int
    match_rate: float | None
    precision: float | None
    recall: float | None
    mean_confidence: float | None
    calibration_error: float | None
    max_method_calibration_error: float | None
    confidence_rows: Mapping[str, int]
    identifier_type_rows: Mapping[str, int]
    method_rows: Mapping[str, int]
    method_scored_rows: Mapping[str, int]
    method_precision: Mapping[str, float]
    method_precision_low: Mapping[str, float]
    method_precision_high: Mapping[str, float]
    method_confidence: Mapping[str, float]
    method_calibration_error: Mapping[str, float]
    unmatched_reason_rows: Mapping[str, int]
    refused_identifiers: Mapping[str, int]


def score(
    matches: pa.Table, truth: pa.Table, *, duplicate_rows: int = 0, in_scope: pa.ChunkedArray | None = None
) -> QualityReport:
    """Return the quality of links.

    Args:
        matches: In ``MATCH_SCHEMA``; left untouched.
        truth: ``row`` (int64) and ``key`` (text) of the rows whose answer is known, each row once.
        duplicate_rows: Rows the source repeated.
        in_scope: Whether the registry is expected to know each row of ``matches`` (boolean); all when ``None``.
    """
    tally = Tally()
    tally.add(matches, truth, in_scope=in_scope)
    return tally.report(duplicate_rows=duplicate_rows)


class Tally:
    """Counts of links, added up table by table, so that not all links have to be in memory."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._totals: Final[Counter[str]] = Counter()
        self._classes: Final[dict[str, Counter[str]]] = {name: Counter() for name in _CLASSES}
        self._links: Final[Counter[str]] = Counter()
        self._right: Final[Counter[str]] = Counter()
        self._confidence: Final[dict[str, list[float]]] = {}
        self._linked_confidence: Final[list[float]] = []
        self._bins: Final = [0] * _BINS

    def add(self, matches: pa.Table, truth: pa.Table, *, in_scope: pa.ChunkedArray | None = None) -> None:
        """Add links; arguments as in ``score``. Answers of other rows are left out."""
        expected = matches if in_scope is None else matches.filter(in_scope)
        answers = _of_rows(truth, matches.column("row")).select(["row", "key"]).rename_columns(["row", "answer"])
        judged = matches.join(answers, keys="row", join_type="left outer", use_threads=False)
        linked = judged.filter(pc.is_valid(judged.column("key")))
        scored = linked.filter(pc.is_valid(linked.column("answer")))
        unlinked = judged.filter(pc.is_null(judged.column("key")))
        refused = [word for text in matches.column("refused").drop_null().to_pylist() for word in text.split(" ")]
        self._totals.update(
            rows=matches.num_rows,
            scope=expected.num_rows,
            scope_linked=expected.num_rows - expected.column("key").null_count,
            linked=linked.num_rows,
            unlinked=unlinked.num_rows,
            scored=scored.num_rows,
            labelled=judged.num_rows - judged.column("answer").null_count,
        )
        for name, values in (
            ("identifier_type", matches.column("identifier_type")),
            ("method", matches.column("method")),
            ("reason", unlinked.column("reason")),
            ("refused", pa.chunked_array([pa.array(refused, pa.string())])),
        ):
            self._classes[name].update(_counts(values))
        for method, (links, right, confidence) in _by_method(scored).items():
            self._links[method] += links
            self._right[method] += right
            self._confidence.setdefault(method, []).append(confidence)
        self._linked_confidence.append(pc.sum(linked.column("confidence")).as_py() or 0.0)
        for place, count in enumerate(_bins(linked.column("confidence"))):
            self._bins[place] += count

    def report(self, *, duplicate_rows: int = 0) -> QualityReport:
        """Return the quality of everything that was added."""
        totals = self._totals
        right = sum(self._right.values())
        confidence = {method: math.fsum(parts) for method, parts in self._confidence.items()}
        methods = {method: links for method, links in sorted(self._links.items()) if links}
        gaps = {method: abs(confidence[method] - self._right[method]) for method in methods}
        errors = {method: gaps[method] / links for method, links in methods.items()}
        intervals = {method: stats.wilson_interval(self._right[method], links) for method, links in methods.items()}
        linked = totals["linked"]
        return QualityReport(
            rows=totals["rows"],
            scope_rows=totals["scope"],
            matched_rows=linked,
            unmatched_rows=totals["unlinked"],
            labelled_rows=totals["labelled"],
            duplicate_rows=duplicate_rows,
            match_rate=_ratio(totals["scope_linked"], totals["scope"]),
            precision=_ratio(right, totals["scored"]),
            recall=_ratio(right, totals["labelled"]),
            mean_confidence=math.fsum(self._linked_confidence) / linked if linked else None,
            calibration_error=math.fsum(gaps.values()) / totals["scored"] if totals["scored"] else None,
            max_method_calibration_error=max(
                (errors[method] for method, links in methods.items() if links >= _LEAST_SCORED), default=None
            ),
            confidence_rows={
                f"{place / _BINS:.1f}-{(place + 1) / _BINS:.1f}": count for place, count in enumerate(self._bins)
            },
            identifier_type_rows=dict(sorted(self._classes["identifier_type"].items())),
            method_rows=dict(sorted(self._classes["method"].items())),
            method_scored_rows=methods,
            method_precision={method: self._right[method] / links for method, links in methods.items()},
            method_precision_low={method: low for method, (low, _) in intervals.items()},
            method_precision_high={method: high for method, (_, high) in intervals.items()},
            method_confidence={method: confidence[method] / links for method, links in methods.items()},
            method_calibration_error=errors,
            unmatched_reason_rows=dict(sorted(self._classes["reason"].items())),
            refused_identifiers=dict(sorted(self._classes["refused"].items())),
        )


def write_report(report: QualityReport, path: Path) -> None:
    """Write the report as JSON, whole or not at all."""
    with explained("write", path, PLACE_SETTING):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            temporary.write_text(json.dumps(asdict(report), indent=2, sort_keys=True) + "\n", encoding="utf-8")
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


def _of_rows(truth: pa.Table, rows: pa.ChunkedArray) -> pa.Table:
    """Return the answers between the first and the last of some rows: a join with all would be made for each table."""
    ends = pc.min_max(rows)
    known = truth.column("row")
    return truth.filter(pc.and_(pc.greater_equal(known, ends["min"]), pc.less_equal(known, ends["max"])))


def _by_method(scored: pa.Table) -> dict[str, tuple[int, int, float]]:
    """Return scored links, right links and summed confidence by method."""
    found: dict[str, tuple[int, int, float]] = {}
    for method in sorted(pc.unique(scored.column("method")).to_pylist()):
        rows = scored.filter(pc.equal(scored.column("method"), method))
        right = pc.sum(pc.cast(pc.equal(rows.column("key"), rows.column("answer")), pa.int64())).as_py()
        found[method] = (rows.num_rows, right, pc.sum(rows.column("confidence")).as_py())
    return found


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _counts(values: pa.ChunkedArray) -> dict[str, int]:
    """Return how often each value occurs, in the order of the values."""
    pairs = pc.value_counts(values.drop_null()).to_pylist()
    return dict(sorted((pair["values"], pair["counts"]) for pair in pairs))


def _bins(confidence: pa.ChunkedArray) -> list[int]:
    """Return links by confidence in ten bins of equal width; the last one holds 1.0 as well."""
    places = pc.min_element_wise(pc.floor(pc.multiply(confidence, float(_BINS))), float(_BINS - 1))
    found = [0] * _BINS
    for pair in pc.value_counts(places.drop_null()).to_pylist():
        found[int(pair["values"])] = pair["counts"]
    return found
