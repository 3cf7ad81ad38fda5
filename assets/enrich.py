"""Matches a whole source chunk by chunk, and says how far it is."""

import time
from collections.abc import Callable, Iterator

import duckdb
import pyarrow as pa

from assets.matching.calibrate import UNCALIBRATED, Calibration, calibrate, sample_ranges
from assets.matching.match import MATCH_SCHEMA, match_range
from assets.matching.registry import prepare_registry
from assets.matching.spec import MatchSpec
from ledger.chunks import RateEstimator

Progress = Callable[[float, float, float | None], None]
"""Told rows done, rows in all, and estimated seconds to the end."""


def enrich(
    source: pa.Table,
    registry_names: pa.Table,
    registry_ids: pa.Table | None,
    spec: MatchSpec,
    *,
    chunk_size: int,
    progress: Progress,
) -> pa.Table:
    """Return the match of every row, in order, in ``MATCH_SCHEMA``; the chunk size does not change the result.

    Args:
        source: ``row`` (from 0), names and identifiers; left untouched.
        registry_names: ``key`` and ``name``.
        registry_ids: ``kind``, ``value`` and ``key``; ``None`` without identifiers.
        spec: How to match.
        chunk_size: Rows matched at a time.
        progress: Told after every chunk.
    """
    with duckdb.connect() as connection:
        prepare_registry(connection, registry_names, registry_ids)
        return _matched(connection, source, spec, UNCALIBRATED, (chunk_size, progress))


def enrich_calibrated(
    source: pa.Table,
    registry_names: pa.Table,
    registry_ids: pa.Table,
    spec: MatchSpec,
    *,
    chunk_size: int,
    progress: Progress,
) -> tuple[pa.Table, Calibration]:
    """Return what ``enrich`` does with calibrated confidences, and how they were calibrated; arguments as there."""
    with duckdb.connect() as connection:
        prepare_registry(connection, registry_names, registry_ids)
        sample = [source.slice(start, stop - start) for start, stop in sample_ranges(source.num_rows)]
        calibration = calibrate(connection, pa.concat_tables(sample) if sample else source, spec)
        return _matched(connection, source, spec, calibration, (chunk_size, progress)), calibration


def _matched(
    connection: duckdb.DuckDBPyConnection,
    source: pa.Table,
    spec: MatchSpec,
    calibration: Calibration,
    told: tuple[int, Progress],
) -> pa.Table:
    """Return the match of every row; ``told`` is the chunk size, and who is told of progress."""
    chunk_size, progress = told
    rate = RateEstimator()
    parts = [MATCH_SCHEMA.empty_table()]
    for start, stop in ranges(source.num_rows, chunk_size):
        began = time.monotonic()
        try:
            parts.append(calibration.applied(match_range(connection, source, start, stop, spec)))
        except Exception as error:
            error.add_note(f"while matching rows {start} to {stop - 1} of {source.num_rows}")
            raise
        rate.observe(stop - start, time.monotonic() - began)
        progress(float(stop), float(source.num_rows), rate.eta_s(source.num_rows - stop))
    return pa.concat_tables(parts)


def ranges(rows: int, size: int) -> Iterator[tuple[int, int]]:
    """Yield ranges of at most ``size`` rows that tile ``rows`` rows."""
    for start in range(0, rows, size):
        yield start, min(start + size, rows)
