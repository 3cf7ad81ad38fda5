"""Scores matches against withheld answers.

Rules:
- Match rate is links over the rows in scope: those the registry is expected to know, by default all. Precision is right
  links over links of rows whose answer is known; recall is right links over rows whose answer is known. Rows without
  an answer count for the match rate alone.
- A ratio over nothing is absent, never zero.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

_BINS: Final = 10


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
        method_precision: Precision by method, where links of it are scored.
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
    confidence_rows: Mapping[str, int]
    identifier_type_rows: Mapping[str, int]
    method_rows: Mapping[str, int]
    method_precision: Mapping[str, float]
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
    expected = matches if in_scope is None else matches.filter(in_scope)
    answers = truth.select(["row", "key"]).rename_columns(["row", "answer"])
    judged = matches.join(answers, keys="row", join_type="left outer", use_threads=False)
    linked = judged.filter(pc.is_valid(judged.column("key")))
    scored = linked.filter(pc.is_valid(linked.column("answer")))
    right = pc.sum(pc.cast(pc.equal(scored.column("key"), scored.column("answer")), pa.int64())).as_py() or 0
    labelled = judged.num_rows - judged.column("answer").null_count
    unlinked = judged.filter(pc.is_null(judged.column("key")))
    by_method = _by_method(scored)
    refused = [word for text in matches.column("refused").drop_null().to_pylist() for word in text.split(" ")]
    return QualityReport(
        rows=matches.num_rows,
        scope_rows=expected.num_rows,
        matched_rows=linked.num_rows,
        unmatched_rows=unlinked.num_rows,
        labelled_rows=labelled,
        duplicate_rows=duplicate_rows,
        match_rate=_ratio(expected.num_rows - expected.column("key").null_count, expected.num_rows),
        precision=_ratio(right, scored.num_rows),
        recall=_ratio(right, labelled),
        mean_confidence=pc.mean(linked.column("confidence")).as_py(),
        calibration_error=_calibration_error(by_method, scored.num_rows),
        confidence_rows=_bins(linked.column("confidence")),
        identifier_type_rows=_counts(matches.column("identifier_type")),
        method_rows=_counts(matches.column("method")),
        method_precision={method: right / links for method, (links, right, _) in by_method.items()},
        unmatched_reason_rows=_counts(unlinked.column("reason")),
        refused_identifiers=_counts(pa.chunked_array([pa.array(refused, pa.string())])),
    )


def write_report(report: QualityReport, path: Path) -> None:
    """Write the report as JSON, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_text(json.dumps(asdict(report), indent=2, sort_keys=True) + "\n", encoding="utf-8")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _by_method(scored: pa.Table) -> dict[str, tuple[int, int, float]]:
    """Return scored links, right links and summed confidence by method."""
    found: dict[str, tuple[int, int, float]] = {}
    for method in sorted(pc.unique(scored.column("method")).to_pylist()):
        rows = scored.filter(pc.equal(scored.column("method"), method))
        right = pc.sum(pc.cast(pc.equal(rows.column("key"), rows.column("answer")), pa.int64())).as_py()
        found[method] = (rows.num_rows, right, pc.sum(rows.column("confidence")).as_py())
    return found


def _calibration_error(by_method: Mapping[str, tuple[int, int, float]], scored: int) -> float | None:
    """Return the weighted mean gap between stated and observed precision."""
    if not scored:
        return None
    return sum(abs(confidence - right) for _, right, confidence in by_method.values()) / scored


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _counts(values: pa.ChunkedArray) -> dict[str, int]:
    """Return how often each value occurs, in the order of the values."""
    pairs = pc.value_counts(values.drop_null()).to_pylist()
    return dict(sorted((pair["values"], pair["counts"]) for pair in pairs))


def _bins(confidence: pa.ChunkedArray) -> dict[str, int]:
    """Return links by confidence in ten bins of equal width; the last one holds 1.0 as well."""
    counts = [0] * _BINS
    for value in confidence.to_pylist():
        counts[min(int(value * _BINS), _BINS - 1)] += 1
    return {f"{index / _BINS:.1f}-{(index + 1) / _BINS:.1f}": count for index, count in enumerate(counts)}
