"""Assets that were not made because a gate was closed, one row each, in the order it was recorded."""

from typing import Final

import pyarrow as pa

from ledger.projections.fold import in_order, of_kind, payload_fields

QUERY_KINDS: Final = ("asset_blocked",)

_PAYLOAD: Final = pa.schema(
    [("blocked_by", pa.string()), ("gate_run_id", pa.string()), ("threshold", pa.float64()), ("reason", pa.string())]
)


def blocked(events: pa.Table) -> pa.Table:
    """Return the blocked assets.

    Args:
        events: Events of ``QUERY_KINDS`` at least; left untouched.

    Returns:
        Columns ``ts``, ``run_id``, ``asset``, ``partition``, ``check``, ``metric``, ``value``, ``blocked_by``,
        ``gate_run_id``, ``threshold`` and ``reason``.
    """
    rows = in_order(of_kind(events, "asset_blocked"))
    extra = payload_fields(rows, _PAYLOAD)
    table = rows.select(["ts", "run_id", "asset", "partition", "check", "metric", "value"])
    for name in _PAYLOAD.names:
        table = table.append_column(name, extra.column(name))
    return table
