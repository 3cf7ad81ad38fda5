"""The digests of many appends at once, a column at a time, by Arrow kernels.

Rules:
- The result equals ``ledger.events.digest`` for every batch; a property test holds them together.
- Costs well under 4 µs an event, so that a whole ledger can be verified.
"""

from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ledger.events.digest import digest_of
from ledger.events.schema import SCHEMA

_NULL: Final = pa.scalar(b"\x00", pa.binary())
_PRESENT: Final = pa.scalar(b"\x01", pa.binary())
_EMPTY: Final = pa.scalar(b"", pa.binary())


def batch_digests(events: pa.Table) -> dict[tuple[str, int], str]:
    """Return the digest (hex) each batch of a table should have, by stream and number, chained from batch 0 on.

    Args:
        events: Rows in ``SCHEMA`` in any order, whole streams from their first batch on; left untouched.
    """
    rows = events.sort_by([("stream", "ascending"), ("batch", "ascending"), ("seq", "ascending")]).combine_chunks()
    if rows.num_rows == 0:
        return {}
    ends, data = _contents(row_bytes(rows))
    stream = rows.column("stream").combine_chunks().dictionary_encode()
    codes = _one(stream).indices.to_numpy()
    batch = rows.column("batch").to_numpy()
    starts = np.flatnonzero(np.r_[True, (codes[1:] != codes[:-1]) | (batch[1:] != batch[:-1])])
    names = _one(stream).dictionary.to_pylist()
    digests: dict[tuple[str, int], str] = {}
    for start, stop in zip(starts.tolist(), [*starts[1:].tolist(), rows.num_rows], strict=True):
        name, number = names[codes[start]], int(batch[start])
        body = data[int(ends[start]) : int(ends[stop])]
        previous = digests.get((name, number - 1))
        digests[name, number] = digest_of(body, stop - start, stream=name, batch=number, previous=previous)
    return digests


def row_bytes(rows: pa.Table) -> pa.Array:
    """Return one binary value per row: its canonical bytes (n values for n rows, without nulls)."""
    pieces: list[pa.Array] = []
    for field in SCHEMA:
        pieces.extend(_pieces(_one(rows.column(field.name)), field.type))
    return _one(pc.binary_join_element_wise(*pieces, _EMPTY, null_handling="replace", null_replacement=b""))


def _one(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Return the column as one array."""
    if not isinstance(column, pa.ChunkedArray):
        return column
    return column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays(column.chunks or [pa.array([], column.type)])


def _pieces(values: pa.Array, kind: pa.DataType) -> tuple[pa.Array, ...]:
    """Return tag, length where there is one, and bytes of a column; null where the value is null."""
    tag = pc.if_else(pc.is_valid(values), _PRESENT, _NULL)
    if pa.types.is_string(kind):
        raw = values.cast(pa.binary())
        return tag, _words(pc.binary_length(raw).fill_null(0), "<u4", values), raw
    if pa.types.is_floating(kind):
        return tag, _words(values.fill_null(0.0), "<f8", values)
    numbers = (values.cast(pa.int64()) if pa.types.is_timestamp(kind) else values).fill_null(0)
    return tag, _words(numbers, "<i8", values)


def _words(numbers: pa.Array, dtype: str, like: pa.Array) -> pa.Array:
    """Return each number as its little-endian bytes, null wherever ``like`` is null."""
    words = numbers.to_numpy(zero_copy_only=False).astype(dtype)
    kind = pa.binary(words.dtype.itemsize)
    fixed = pa.FixedSizeBinaryArray.from_buffers(kind, len(words), [None, pa.py_buffer(words.tobytes())])
    return pc.if_else(pc.is_valid(like), fixed.cast(pa.binary()), pa.scalar(None, pa.binary()))


def _contents(values: pa.Array) -> tuple[np.ndarray[tuple[int], np.dtype[np.int32]], memoryview]:
    """Return offsets (n + 1) and the bytes of a binary array, without one object per row."""
    _, offsets, data = values.buffers()
    return np.frombuffer(offsets, dtype=np.int32, count=len(values) + 1 + values.offset)[values.offset :], memoryview(
        data
    )
