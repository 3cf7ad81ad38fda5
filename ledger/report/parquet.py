"""Parquet for further analysis, every column with its type."""

from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq


def write(table: pa.Table, out: BinaryIO) -> None:
    """Write the rows."""
    pq.write_table(table, out, compression="zstd")
