"""CSV for spreadsheets: a header, RFC 4180 quoting, times in ISO 8601 UTC, absent values empty."""

import csv
from typing import TextIO

import pyarrow as pa

from ledger.report.json import plain


def write(table: pa.Table, out: TextIO) -> None:
    """Write the rows."""
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(table.column_names)
    for row in table.to_pylist():
        writer.writerow(["" if value is None else plain(value) for value in row.values()])
