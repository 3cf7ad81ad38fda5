"""How far attempts have come: the latest progress of each."""

from typing import Final

import pyarrow as pa

from ledger.projections.fold import asset_streams, of_kind

QUERY_KINDS: Final = ("progress_reported",)


def progress(events: pa.Table) -> pa.Table:
    """Return the latest progress of each attempt: ``stream``, ``run_id``, ``asset``, ``ts``, ``value``, ``payload``.

    ``value`` is rows done (float64); ``payload`` is JSON with ``total`` and ``eta_s`` where known.
    """
    rows = of_kind(asset_streams(events), "progress_reported").sort_by([("stream", "ascending"), ("seq", "ascending")])
    latest = rows.group_by("stream", use_threads=False).aggregate([("seq", "max")]).rename_columns(["stream", "seq"])
    latest = latest.set_column(1, "seq", latest.column("seq").cast(rows.schema.field("seq").type))
    joined = latest.join(rows, keys=["stream", "seq"], join_type="inner", use_threads=False)
    return joined.select(["stream", "run_id", "asset", "ts", "value", "payload"]).sort_by("stream")
