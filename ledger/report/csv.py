"""CSV for spreadsheets: a header, RFC 4180 quoting, times in ISO 8601 UTC, absent values empty."""

import csv
import io
from collections.abc import Sequence
from typing import Any, Final, TextIO

import pyarrow as pa

from ledger.report.json import plain

_END: Final = "\r\n"


def write(table: pa.Table, out: TextIO) -> None:
    """Write the rows."""
    out.write(_line(table.column_names))
    rows = table.to_pylist()
    out.writelines(_line(["" if value is None else plain(value) for value in row.values()]) for row in rows)


def _line(cells: Sequence[Any]) -> str:
    """Return one line; the writer quotes only the line breaks it ends lines with, so it must end them with both."""
    line = io.StringIO()
    csv.writer(line, lineterminator=_END).writerow(cells)
    return line.getvalue().removesuffix(_END) + "\n"
