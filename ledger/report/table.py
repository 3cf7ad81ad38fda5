"""A table for people: aligned columns that fit the terminal."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, TextIO

import pyarrow as pa

from ledger.report.columns import Column
from ledger.report.text import printable, width
from ledger.units import ABSENT, format_value

_GAP: Final = "  "
_ID_CHARACTERS: Final = 8
_NARROWEST: Final = 8
_LONGEST_NAME: Final = 60
"""Characters up to which a text is a name, which may be cut; what is longer is a sentence, and ends its line."""


def write(table: pa.Table, columns: Sequence[Column], out: TextIO, *, columns_wide: int = 120) -> None:
    """Write the table; on a narrow terminal the dearest columns stay, names are cut, and a last line tells the others.

    Args:
        table: The rows.
        columns: Which columns, in order.
        out: Where to.
        columns_wide: Cells of the terminal.
    """
    cells = {column.name: [_cell(value, column, row) for row, value in _values(table, column)] for column in columns}
    widths = {c.name: max([width(c.title), *map(width, cells[c.name])]) for c in columns}
    shown = _fitting(columns, widths, columns_wide)
    _narrow(shown, widths, columns_wide)
    _line([column.title for column in shown], shown, widths, out)
    for row in range(table.num_rows):
        _line([cells[column.name][row] for column in shown], shown, widths, out)
    dropped = [column.title for column in columns if column not in shown]
    if dropped:
        out.write(f"(not shown for want of width: {', '.join(dropped)})\n")


def _values(table: pa.Table, column: Column) -> list[tuple[str | None, Any]]:
    """Return unit and value of each row of a column."""
    values = table.column(column.name).to_pylist()
    units = table.column(column.unit_column).to_pylist() if column.unit_column else [column.unit] * len(values)
    return list(zip(units, values, strict=True))


def _cell(value: Any, column: Column, unit: str | None) -> str:  # noqa: ANN401 - a cell of any column
    """Return the text of one cell."""
    if value is None:
        return ABSENT
    if isinstance(value, datetime):
        return value.astimezone().strftime("%Y-%m-%d %H:%M:%S")
    if column.name in {"run_id", "alert_id"}:
        return printable(str(value)[:_ID_CHARACTERS])
    if isinstance(value, int | float) and not isinstance(value, bool):
        return format_value(value, unit)
    return printable(str(value), column.cell_characters)


def _fitting(columns: Sequence[Column], widths: dict[str, int], limit: int) -> list[Column]:
    """Return the columns that fit, dropping those of the highest rank first."""
    shown = list(columns)
    while sum(widths[column.name] + len(_GAP) for column in shown) - len(_GAP) > limit:
        droppable = [column for column in shown if column.rank > 0]
        if not droppable:
            break
        shown.remove(max(droppable, key=lambda column: (column.rank, columns.index(column))))
    return shown


def _narrow(shown: Sequence[Column], widths: dict[str, int], limit: int) -> None:
    """Take cells from the widest columns of names until the line fits, or none has any to spare."""
    standing = [column for column in shown if column.cell_characters <= _LONGEST_NAME]
    names = [column.name for column in standing if not _is_number(column)]
    fixed = sum(widths[column.name] + len(_GAP) for column in standing) - len(_GAP)
    while fixed > limit and names:
        widest = max(names, key=lambda name: widths[name])
        if widths[widest] <= _NARROWEST:
            return
        widths[widest] -= 1
        fixed -= 1


def _is_number(column: Column) -> bool:
    return bool(column.unit or column.unit_column)


def _cut(text: str, cells: int) -> str:
    """Return a text in at most so many cells, with an ellipsis where it is cut."""
    if width(text) <= cells:
        return text
    kept = text
    while width(kept) > cells - 1:
        kept = kept[:-1]
    return f"{kept}…"


def _line(texts: Sequence[str], shown: Sequence[Column], widths: dict[str, int], out: TextIO) -> None:
    """Write one line: numbers to the right, text to the left."""
    parts = []
    for text, column in zip(texts, shown, strict=True):
        cell = text if _is_number(column) else _cut(text, widths[column.name])
        padding = " " * (widths[column.name] - width(cell))
        parts.append(padding + cell if _is_number(column) else cell + padding)
    out.write(_GAP.join(parts).rstrip() + "\n")
