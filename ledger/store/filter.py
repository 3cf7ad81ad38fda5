"""Applies an ``EventQuery`` to a table that is already in memory."""

import pyarrow as pa
import pyarrow.compute as pc

from ledger.events.schema import COLUMNS
from ledger.store.protocol import EventQuery

ORDER = (("ts", "ascending"), ("stream", "ascending"), ("seq", "ascending"))
"""The order events are read in; the same whatever the number and the layout of files."""


def select(events: pa.Table, query: EventQuery) -> pa.Table:
    """Return the rows of ``events`` that a query asks for, in reading order; ``events`` is left untouched."""
    mask = None
    for column, wanted in (
        ("kind", query.kinds),
        ("asset", query.assets),
        ("metric", query.metrics),
        ("stream", query.streams),
        ("run_id", query.run_ids),
    ):
        if wanted:
            mask = _both(mask, pc.is_in(events.column(column), pa.array(wanted, pa.string())))
    if query.since is not None:
        mask = _both(mask, pc.greater_equal(events.column("ts"), pa.scalar(query.since, pa.timestamp("us", tz="UTC"))))
    if query.until is not None:
        mask = _both(mask, pc.less(events.column("ts"), pa.scalar(query.until, pa.timestamp("us", tz="UTC"))))
    kept = events if mask is None else events.filter(mask)
    return kept.sort_by(list(ORDER)).select(list(query.columns or COLUMNS))


def _both(mask: pa.ChunkedArray | None, other: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return the conjunction of two masks, the first of which may be absent."""
    return other if mask is None else pc.and_kleene(mask, other)
