"""Samples per metric: one value per asset, partition and run, the unit every comparison counts in."""

from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from ledger.events import END_KINDS
from ledger.projections.fold import asset_streams, last_values, of_kind

QUERY_KINDS: Final = ("metric_measured", *END_KINDS)
"""The event kinds this projection needs."""

COLUMNS: Final = ("ts", "asset", "partition", "metric", "value", "unit", "run_id", "attempt", "status")


def samples(events: pa.Table, *, all_attempts: bool = False) -> pa.Table:
    """Return the measured values of asset runs, ordered by time, asset and metric.

    Args:
        events: Events of ``QUERY_KINDS`` at least; left untouched.
        all_attempts: Also give values of attempts that did not succeed; otherwise one value per asset, partition,
            metric and run is given.

    Returns:
        Columns ``COLUMNS``; ``attempt`` is int64, ``value`` float64.
    """
    rows = asset_streams(events)
    measured = of_kind(rows, "metric_measured").drop_columns(["status"])
    ends = of_kind(rows, *END_KINDS).select(["stream", "status"])
    joined = measured.join(ends, keys="stream", join_type="left outer", use_threads=False)
    joined = joined.set_column(
        joined.column_names.index("status"), "status", pc.fill_null(joined.column("status"), "running")
    )
    if not all_attempts:
        joined = joined.filter(pc.equal(joined.column("status"), "success"))
        joined = last_values(joined)
    ordered = joined.sort_by(
        [(name, "ascending") for name in ("ts", "asset", "metric", "partition", "run_id", "attempt", "stream", "seq")]
    )
    return ordered.select(list(COLUMNS))
