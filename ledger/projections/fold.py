"""Folding steps that several projections share; all over Arrow tables, none over single events."""

import io
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import json


def of_kind(events: pa.Table, *kinds: str) -> pa.Table:
    """Return the rows of these event kinds."""
    return events.filter(pc.is_in(events.column("kind"), pa.array(kinds, pa.string())))


def in_order(events: pa.Table) -> pa.Table:
    """Return the rows in the order they are told in: by time, stream and position."""
    return events.sort_by([("ts", "ascending"), ("stream", "ascending"), ("seq", "ascending")])


def asset_streams(events: pa.Table) -> pa.Table:
    """Return the rows that lie in streams of asset runs, with the column ``attempt`` (int64) added."""
    rows = events.filter(pc.starts_with(events.column("stream"), pattern="asset/"))
    last = pc.replace_substring_regex(rows.column("stream"), pattern="^.*/", replacement="")
    return rows.append_column("attempt", pc.cast(last, pa.int64()))


def last_values(measured: pa.Table) -> pa.Table:
    """Return one row per stream, asset and metric: the value that was measured last.

    Args:
        measured: Rows of ``metric_measured`` in ``SCHEMA``, further columns allowed.
    """
    keys = ("stream", "asset", "metric")
    others = [name for name in measured.column_names if name not in keys]
    ordered = measured.sort_by([("stream", "ascending"), ("seq", "ascending")])
    folded = ordered.group_by(list(keys), use_threads=False).aggregate([(name, "last") for name in others])
    return folded.rename_columns({f"{name}_last": name for name in others})


def wide(measured: pa.Table, metrics: Sequence[str], keys: Sequence[str]) -> pa.Table:
    """Return one row per key with one float64 column per metric, null where it was not measured.

    Args:
        measured: Rows with the key columns, ``metric`` and ``value``; at most one value per key and metric.
        metrics: The metrics that become columns, in this order.
        keys: The columns that make a row.
    """
    chosen = measured.filter(pc.is_in(measured.column("metric"), pa.array(metrics, pa.string())))
    options = pc.PivotWiderOptions(key_names=list(metrics), unexpected_key_behavior="raise")
    grouped = chosen.group_by(list(keys), use_threads=False).aggregate([(["metric", "value"], "pivot_wider", options)])
    pivoted = grouped.column("metric_value_pivot_wider").combine_chunks()
    struct = pivoted.chunk(0) if isinstance(pivoted, pa.ChunkedArray) and pivoted.num_chunks else pivoted
    columns = {key: grouped.column(key) for key in keys}
    for metric in metrics:
        empty = isinstance(struct, pa.ChunkedArray) or len(struct) == 0
        columns[metric] = pa.array([], pa.float64()) if empty else pc.struct_field(struct, metric)
    return pa.table(columns)


def payload_fields(rows: pa.Table, wanted: pa.Schema) -> pa.Table:
    """Return fields of the JSON payloads as columns of n rows, null where absent; parsed by Arrow, not row by row.

    Args:
        rows: Rows with the column ``payload``.
        wanted: Names and types of the fields.
    """
    if rows.num_rows == 0:
        return wanted.empty_table()
    lines = pc.fill_null(rows.column("payload"), "{}").to_pylist()
    # Canonical JSON has no raw line breaks, so payloads joined by them are newline-delimited JSON.
    text = "\n".join(lines).encode()
    options = json.ParseOptions(explicit_schema=wanted, unexpected_field_behavior="ignore")
    table = json.read_json(io.BytesIO(text), json.ReadOptions(block_size=len(text) + 1), options)
    return table.select(wanted.names)


def left_join(left: pa.Table, right: pa.Table, keys: Sequence[str], order: Sequence[str]) -> pa.Table:
    """Return the left join of two tables, sorted by ``order`` so that the result does not depend on threads."""
    joined = left.join(right, keys=list(keys), join_type="left outer", use_threads=False)
    return joined.sort_by([(name, "ascending") for name in order])
