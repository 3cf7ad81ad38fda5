"""Publishes tables as one version that readers see whole or not at all; see ``ledger.chunks.publishing``."""

from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa

from ledger import chunks
from ledger.chunks import ParquetWriting, PublishedVersion, regrouped


def publish(tables: Mapping[str, pa.Table], target: Path, *, keep: int = 3) -> PublishedVersion:
    """Publish tables as one version and return it.

    Args:
        tables: File stem to table; left untouched.
        target: Directory that holds ``current`` and the versions.
        keep: How many versions stay, the current one included.

    Raises:
        StoreError: The medium refused; what was published before is untouched.
    """
    files = {f"{name}.parquet": ParquetWriting(table.schema, regrouped([table])) for name, table in tables.items()}
    return chunks.publish(files, target, keep=keep)
