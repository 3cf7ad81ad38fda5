"""CSV for spreadsheets: a header, RFC 4180 quoting, times in ISO 8601 UTC, absent values empty."""

import csv
from collections.abc import Iterable
from typing import Any, Final, TextIO

import pyarrow as pa
import pyarrow.compute as pc

from ledger.report.json import plain

_END: Final = "\r\n"
_ISO: Final = "%Y-%m-%dT%H:%M:%SZ"


class _Line:
    """Gives back each line that a writer writes, which ``writerow`` then returns."""

    def write(self, text: str) -> str:
        """Return the line; the writer quotes only the line breaks it ends lines with, so it has to end with both."""
        return text.removesuffix(_END) + "\n"


def write(table: pa.Table, out: TextIO) -> None:
    """Write the rows."""
    line: Any = csv.writer(_Line(), lineterminator=_END).writerow
    out.write(line(table.column_names))
    columns = [_cells(column) for column in table.columns]
    out.writelines(line(cells) for cells in zip(*columns, strict=True))


def _cells(column: pa.ChunkedArray) -> Iterable[Any]:
    """Return the values of a column as they are written: whole columns at once where their type allows it."""
    if pa.types.is_timestamp(column.type):
        in_utc = column.cast(pa.timestamp("us", tz="UTC"))
        column = pc.strftime(in_utc, format=_ISO)  # Arrow's seconds have the digits of the unit.
    values: list[Any] = column.to_pylist()  # The writer writes None as nothing.
    is_plain = pa.types.is_string(column.type) or pa.types.is_integer(column.type)
    return values if is_plain else [plain(value) for value in values]
