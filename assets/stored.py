"""A table in a Parquet file, of which a range of rows is read at a time: it may be larger than memory."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import accumulate
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq


class StoredTable:
    """A Parquet file; only the row group that was read last is kept in memory."""

    def __init__(self, path: Path) -> None:
        """Name the file; nothing is read yet."""
        self.path = path
        self._kept: tuple[int, tuple[str, ...], pa.Table] | None = None

    @property
    def num_rows(self) -> int:
        """Rows of the file."""
        return int(self._file.metadata.num_rows)

    @property
    def schema(self) -> pa.Schema:
        """Columns of the file."""
        return self._file.schema_arrow

    def read(self, start: int, stop: int, columns: Sequence[str] | None = None) -> pa.Table:
        """Return rows ``[start, stop)``, of all columns or of some."""
        names = tuple(self.schema.names if columns is None else columns)
        pieces = []
        for group, first in enumerate(self._starts[:-1]):
            after = self._starts[group + 1]
            if first < stop and after > start:
                table = self._group(group, names)
                pieces.append(table.slice(max(start - first, 0), min(stop, after) - max(start, first)))
        if not pieces:
            return self.schema.empty_table().select(list(names))
        return pa.concat_tables(pieces)

    def tables(self, rows: int, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Yield all rows in order, so many at a time."""
        for start in range(0, self.num_rows, rows):
            yield self.read(start, min(start + rows, self.num_rows), columns)

    def _group(self, group: int, names: tuple[str, ...]) -> pa.Table:
        if self._kept is None or self._kept[:2] != (group, names):
            self._kept = None  # Given back before the next one is read.
            self._kept = (group, names, self._file.read_row_group(group, columns=list(names), use_threads=False))
        return self._kept[2]

    @cached_property
    def _file(self) -> pq.ParquetFile:
        return pq.ParquetFile(self.path)

    @cached_property
    def _starts(self) -> list[int]:
        """First row of each group, and the number of rows."""
        metadata = self._file.metadata
        return [0, *accumulate(metadata.row_group(group).num_rows for group in range(metadata.num_row_groups))]
