"""The columns of the ledger: one row is one event.

Rules:
- Only nullable columns are ever added, and only at the end of ``SCHEMA``; readers always name the schema they want.
- ``FORMAT_VERSION`` is the version of these columns and of the digest. A reader refuses a newer major version.

Format history:
- 1: first version.
"""

from typing import Final

import pyarrow as pa

FORMAT_VERSION: Final = 1

SCHEMA: Final = pa.schema(
    [
        pa.field("stream", pa.string(), nullable=False),
        pa.field("seq", pa.int32(), nullable=False),
        pa.field("batch", pa.int32(), nullable=False),
        pa.field("ts", pa.timestamp("us", tz="UTC"), nullable=False),
        pa.field("kind", pa.string(), nullable=False),
        pa.field("kind_version", pa.int16(), nullable=False),
        pa.field("writer_version", pa.int16(), nullable=False),
        pa.field("asset", pa.string()),
        pa.field("partition", pa.string()),
        pa.field("run_id", pa.string()),
        pa.field("metric", pa.string()),
        pa.field("value", pa.float64()),
        pa.field("unit", pa.string()),
        pa.field("status", pa.string()),
        pa.field("severity", pa.string()),
        pa.field("check", pa.string()),
        pa.field("payload", pa.string()),
    ]
)

COLUMNS: Final[tuple[str, ...]] = tuple(SCHEMA.names)

EVENT_COLUMNS: Final = frozenset(
    {"asset", "partition", "run_id", "metric", "value", "unit", "status", "severity", "check"}
)
"""Columns filled from the event field of the same name."""
