"""Evaluated checks, one row each, in the order they were evaluated."""

from typing import Final

import pyarrow as pa

from ledger.projections.fold import in_order, of_kind, payload_fields

QUERY_KINDS: Final = ("check_evaluated",)

_PAYLOAD: Final = pa.schema([("threshold", pa.float64()), ("blocking", pa.bool_()), ("description", pa.string())])


def checks(events: pa.Table) -> pa.Table:
    """Return every evaluated check.

    Args:
        events: Events of ``QUERY_KINDS`` at least; left untouched.

    Returns:
        Columns ``ts``, ``run_id``, ``asset``, ``partition``, ``check``, ``status`` (``passed`` or ``failed``),
        ``severity``, ``metric``, ``value``, ``threshold``, ``blocking`` and ``description``.
    """
    rows = in_order(of_kind(events, "check_evaluated"))
    named = ["ts", "run_id", "asset", "partition", "check", "status", "severity", "metric", "value"]
    extra = payload_fields(rows, _PAYLOAD)
    table = rows.select(named)
    for name in _PAYLOAD.names:
        table = table.append_column(name, extra.column(name))
    return table
