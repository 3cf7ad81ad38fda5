"""Hands the figures of the pipeline to the ledger."""

from pathlib import Path

import pyarrow as pa

from assets.matching.calibrate import Calibration
from assets.matching.match import MATCH_SCHEMA
from assets.quality import QualityReport, Tally, write_report
from ledger.dagster import current_settings, current_span
from ledger.dagster.chunked import Chunked

_RATIOS = (
    "match_rate",
    "precision",
    "recall",
    "mean_confidence",
    "calibration_error",
    "max_method_calibration_error",
)
_COUNTS = ("scope_rows", "matched_rows", "unmatched_rows", "labelled_rows", "duplicate_rows")
_BREAKDOWNS = (
    "confidence_rows",
    "identifier_type_rows",
    "method_rows",
    "unmatched_reason_rows",
)


def record_quality(report: QualityReport) -> None:
    """Record a quality report with the running span; what is absent is not recorded."""
    span = current_span()
    for name in (*_RATIOS, *_COUNTS):
        value = getattr(report, name)
        if value is not None:
            span.measure(name, float(value))
    for name in _BREAKDOWNS:
        span.breakdown(name, getattr(report, name))
    for name in ("method_precision", "method_confidence", "method_calibration_error"):
        span.breakdown(name, getattr(report, name), unit="ratio")
    span.breakdown("method_scored_rows", report.method_scored_rows)
    span.breakdown("refused_identifier_count", report.refused_identifiers, unit="count")
    span.measure("refused_identifiers", float(sum(report.refused_identifiers.values())))


def record_calibration(calibration: Calibration) -> None:
    """Record what confidences were calibrated on, and how wrong they are on what they were not fitted to."""
    span = current_span()
    span.measure("calibration_rows", float(sum(calibration.labelled_rows.values())))
    span.breakdown("method_calibration_rows", calibration.labelled_rows)
    if calibration.error is not None:
        span.measure("held_out_calibration_error", calibration.error)


def save_report(report: QualityReport, asset: str) -> Path:
    """Write the quality report of an asset as a file and return where it is."""
    path = Path(current_settings().output_dir) / "quality" / f"{asset}.json"
    write_report(report, path)
    return path


def record_links(made: Chunked, truth: pa.Table, asset: str, calibration: Calibration) -> pa.Table:
    """Score links made in chunks against the answers, a part at a time; record quality and size, save the report.

    Args:
        made: The links.
        truth: The answers, as ``assets.quality.score`` takes them.
        asset: Asset key.
        calibration: What confidences were made by.

    Returns:
        The column ``row`` of all links, for checks.
    """
    tally, rows, size_bytes = Tally(), [MATCH_SCHEMA.empty_table().select(["row"])], 0
    for table in made.tables():
        tally.add(table, truth)
        rows.append(table.select(["row"]))
        size_bytes += table.nbytes
    report = tally.report()
    record_quality(report)
    record_calibration(calibration)
    save_report(report, asset)
    span = current_span()
    numbered = pa.concat_tables(rows)
    span.rows(rows_out=numbered.num_rows)
    span.measure("dataset_bytes", float(size_bytes))
    return numbered


def record_size(table: pa.Table, *, rows_in: int | None = None) -> None:
    """Record how large a table is, and how many rows were read to make it."""
    span = current_span()
    span.rows(rows_in=rows_in, rows_out=table.num_rows)
    span.measure("dataset_bytes", float(table.nbytes))
