"""One row per attempt of an asset run: how it ended, and its main figures."""

from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from ledger.events import END_KINDS
from ledger.projections.fold import asset_streams, last_values, left_join, of_kind, wide

FIGURES: Final = (
    "duration_s",
    "cpu_s",
    "peak_rss_bytes",
    "peak_increase_bytes",
    "rows_in",
    "rows_out",
    "records_per_s",
    "match_rate",
    "precision",
    "recall",
    "append_s",
    "metering_cpu_s",
)
"""The metrics that get a column of their own."""

QUERY_KINDS: Final = ("asset_started", *END_KINDS, "metric_measured")
"""The event kinds this projection needs."""


def attempts(events: pa.Table, *, with_outputs: bool = False) -> pa.Table:
    """Return the attempts of a ledger, ordered by start.

    Args:
        events: Events of ``QUERY_KINDS`` at least, in ``SCHEMA``; left untouched.
        with_outputs: Also give a row for each output of a multi-asset that has figures of its own.

    Returns:
        Columns ``stream``, ``run_id``, ``asset``, ``partition``, ``attempt``, ``started``, ``ended`` (null while
        running), ``status`` (``running``, ``success``, ``failed``, ``canceled``, ``retrying``, ``lost``), and one
        float64 column per name in ``FIGURES``, null where nothing was measured.
    """
    rows = asset_streams(events)
    started = of_kind(rows, "asset_started")
    base = started.select(["stream", "run_id", "asset", "partition", "attempt", "ts"]).rename_columns(
        ["stream", "run_id", "asset", "partition", "attempt", "started"]
    )
    ends = of_kind(rows, *END_KINDS).select(["stream", "ts", "status"]).rename_columns(["stream", "ended", "status"])
    joined = left_join(base, ends, ["stream"], ["started", "stream"])
    status = pc.fill_null(joined.column("status"), "running")
    joined = joined.set_column(joined.column_names.index("status"), "status", status)
    measured = of_kind(rows, "metric_measured").select(["stream", "seq", "asset", "metric", "value"])
    joined = joined.append_column("is_output", pa.repeat(pa.scalar(0), joined.num_rows))
    if with_outputs:
        joined = pa.concat_tables([joined, _outputs(joined, measured)])
    figures = wide(last_values(measured), FIGURES, ["stream", "asset"])
    ordered = left_join(joined, figures, ["stream", "asset"], ["started", "stream", "is_output", "asset"])
    return ordered.drop_columns(["is_output"])


def _outputs(base: pa.Table, measured: pa.Table) -> pa.Table:
    """Return one more row per asset that has values in a stream whose subject is another."""
    pairs = measured.group_by(["stream", "asset"], use_threads=False).aggregate([])
    pairs = pairs.join(base.drop_columns(["asset"]), keys="stream", join_type="inner", use_threads=False)
    subjects = base.select(["stream", "asset"])
    others = pairs.join(subjects, keys=["stream", "asset"], join_type="left anti", use_threads=False)
    others = others.select(base.column_names)
    place = others.column_names.index("is_output")
    return others.set_column(place, "is_output", pa.repeat(pa.scalar(1), others.num_rows))
