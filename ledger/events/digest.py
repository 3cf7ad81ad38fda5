r"""The digest of one append, over content and never over file bytes.

Rules:
- ``digest = SHA-256(0x00 || header || rows)``; the leading zero byte is the leaf prefix of RFC 9162, section 2.1.1,
  so a digest is a leaf of a Merkle tree as it stands.
- Header: format version (u16), stream (u32 length, UTF-8), batch (i64), previous digest (``0x00``, or ``0x01`` and 32
  bytes), number of rows (i64). All integers are little-endian.
- Each row is its columns in the order of ``SCHEMA``: ``0x00`` for null, otherwise ``0x01`` and the value: integers
  and timestamps (microseconds) as i64, floats as their IEEE 754 bits, text as u32 length and UTF-8 bytes. Null and
  empty text therefore differ, and no number passes through text.
- This module is the definition, fastest for one append; ``digest_bulk`` does the same for many with Arrow kernels.
"""

import hashlib
import struct
from typing import Any, Final

import pyarrow as pa

from ledger.events.schema import FORMAT_VERSION

_LEAF_PREFIX: Final = b"\x00"
_NULL: Final = b"\x00"
_PRESENT: Final = b"\x01"


def batch_digest(rows: pa.Table, *, stream: str, batch: int, previous: str | None) -> str:
    """Return the digest (hex) of one append.

    Args:
        rows: The rows of the append in ``SCHEMA``, in stream order.
        stream: Stored spelling of the stream.
        batch: Number of the append in the stream.
        previous: Digest (hex) of the append before it, ``None`` for the first one.
    """
    return digest_of(canonical_rows(rows), rows.num_rows, stream=stream, batch=batch, previous=previous)


def digest_of(body: bytes | memoryview, n_rows: int, *, stream: str, batch: int, previous: str | None) -> str:
    """Return the digest (hex) of an append whose rows have the canonical bytes ``body``."""
    name = stream.encode()
    header = struct.pack("<HI", FORMAT_VERSION, len(name)) + name + struct.pack("<q", batch)
    header += _NULL if previous is None else _PRESENT + bytes.fromhex(previous)
    digest = hashlib.sha256(_LEAF_PREFIX + header + struct.pack("<q", n_rows))
    digest.update(body)
    return digest.hexdigest()


def canonical_rows(rows: pa.Table) -> bytes:
    """Return the canonical bytes of all rows, one after the other."""
    columns = [
        (column.cast(pa.int64()) if pa.types.is_timestamp(column.type) else column).to_pylist()
        for column in rows.columns
    ]
    return b"".join(_word(value) for row in zip(*columns, strict=True) for value in row)


def _word(value: Any) -> bytes:  # noqa: ANN401 - a cell of any column
    """Return tag and bytes of one cell."""
    if value is None:
        return _NULL
    if isinstance(value, str):
        text = value.encode()
        return _PRESENT + struct.pack("<I", len(text)) + text
    return _PRESENT + struct.pack("<d" if isinstance(value, float) else "<q", value)
