"""Sums up a ledger for ``ledger stats``."""

import pyarrow as pa
import pyarrow.compute as pc

from ledger.store.protocol import LedgerStats


def summarise(uri: str, events: pa.Table, batches: int, stored_bytes: int) -> LedgerStats:
    """Return the size of a ledger.

    Args:
        uri: Where it is.
        events: All its events with at least the columns ``stream``, ``kind`` and ``ts``.
        batches: Number of appends.
        stored_bytes: Bytes on the medium.
    """
    counts = pc.value_counts(events.column("kind"))
    by_kind = {pair["values"]: pair["counts"] for pair in counts.to_pylist()}
    times = pc.min_max(events.column("ts")).as_py()
    return LedgerStats(
        uri=uri,
        events=events.num_rows,
        batches=batches,
        streams=pc.count_distinct(events.column("stream")).as_py(),
        stored_bytes=stored_bytes,
        events_by_kind=dict(sorted(by_kind.items())),
        first_ts=times["min"],
        last_ts=times["max"],
    )
