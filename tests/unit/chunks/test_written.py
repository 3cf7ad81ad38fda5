"""A file is the same bytes wherever its rows were cut, also where a column takes more than a page."""

import hashlib

import pyarrow as pa
import pytest

from ledger.chunks import ParquetWriting, regrouped

ROWS = 250_000
KEYS = [hashlib.sha256(str(row).encode()).hexdigest()[:12] if row % 7 else None for row in range(ROWS)]
TABLE = pa.table({"row": range(ROWS), "key": KEYS})


def written(path, size: int) -> bytes:
    tables = (TABLE.slice(start, size) for start in range(0, ROWS, size))
    ParquetWriting(TABLE.schema, regrouped(tables))(path)
    return path.read_bytes()


@pytest.mark.parametrize("size", [999, 25_000, 100_000])
def test_a_column_of_many_pages_is_cut_the_same_wherever_chunks_were(tmp_path, size):
    assert written(tmp_path / "cut", size) == written(tmp_path / "whole", ROWS)
