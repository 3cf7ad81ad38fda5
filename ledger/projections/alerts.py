"""Raised alerts, one row each; an alert that was told twice (same id) appears once, as first told."""

from typing import Final

import pyarrow as pa

from ledger.projections.fold import in_order, of_kind, payload_fields

QUERY_KINDS: Final = ("alert_raised",)

_PAYLOAD: Final = pa.schema([("alert_id", pa.string()), ("threshold", pa.float64()), ("message", pa.string())])


def alerts(events: pa.Table) -> pa.Table:
    """Return the alerts, first told first.

    Args:
        events: Events of ``QUERY_KINDS`` at least; left untouched.

    Returns:
        Columns ``ts``, ``run_id``, ``asset``, ``severity``, ``metric``, ``value``, ``unit``, ``alert_id``,
        ``threshold`` and ``message``.
    """
    rows = in_order(of_kind(events, "alert_raised"))
    extra = payload_fields(rows, _PAYLOAD)
    table = rows.select(["ts", "run_id", "asset", "severity", "metric", "value", "unit"])
    for name in _PAYLOAD.names:
        table = table.append_column(name, extra.column(name))
    numbered = table.append_column("place", pa.array(range(table.num_rows), pa.int64()))
    first = numbered.group_by("alert_id", use_threads=False).aggregate([("place", "min")]).column("place_min")
    return table.take(first.combine_chunks().sort())
