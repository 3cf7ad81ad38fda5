"""JSON for programs: one array of objects, times in ISO 8601 UTC, absent values as null."""

import json
import math
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, TextIO

import pyarrow as pa


def write(table: pa.Table, out: TextIO) -> None:
    """Write the rows as one indented array, every column by its name."""
    out.write(dump(table.to_pylist()) + "\n")


def write_lines(rows: Iterable[Mapping[str, Any]], out: TextIO) -> None:
    """Write one object per line, for streams without an end."""
    out.writelines(json.dumps(plain(row), ensure_ascii=False, allow_nan=False) + "\n" for row in rows)


def dump(value: object) -> str:
    """Return a value as indented JSON."""
    return json.dumps(plain(value), indent=2, ensure_ascii=False, allow_nan=False)


def plain(value: Any) -> Any:  # noqa: ANN401 - any value a table may hold
    """Return the value in JSON's own types."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(name): plain(entry) for name, entry in value.items()}
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    return value
