"""One row per run: when its first and its last event happened, so that its events can be found without a full scan."""

from typing import Final

import pyarrow as pa

SCHEMA: Final = pa.schema(
    [
        ("run_id", pa.string()),
        ("first_ts", pa.timestamp("us", tz="UTC")),
        ("last_ts", pa.timestamp("us", tz="UTC")),
    ]
)


def extents(events: pa.Table) -> pa.Table:
    """Return the extent of every run, by run id.

    Args:
        events: Events of any kinds with ``run_id`` and ``ts``; left untouched.
    """
    named = events.select(["run_id", "ts"]).filter(events.column("run_id").is_valid())
    folded = named.group_by("run_id", use_threads=False).aggregate([("ts", "min"), ("ts", "max")])
    return folded.select(["run_id", "ts_min", "ts_max"]).rename_columns(SCHEMA.names).sort_by("run_id")
