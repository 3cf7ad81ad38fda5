"""Snapshots: what a replay of the compacted events came to, kept so that the next one need not begin at zero.

Rules:
- A snapshot is a cache: it may be removed at any time, and one that is damaged is as good as none.
- Its name says which checkpoint it covers, which code made it, and the digest of both and its bytes; so nothing has to
  be believed, and snapshots of two releases lie side by side.
- A ledger that cannot be written is replayed from zero each time.
"""

import contextlib
import hashlib
import re
from collections.abc import Collection
from typing import Final

import pyarrow as pa

from ledger.errors import StoreError
from ledger.events.checkpoint import Checkpoint
from ledger.store.medium import Medium

DIRECTORY: Final = "snapshots"
KEPT: Final = 2
"""Of each table and code version: the newest, and the one before it, from which a reader may still begin."""

_NAME: Final = re.compile(r"snapshots/([a-z]+)-([0-9a-f]{16})-(\d{12})-([0-9a-f]{16})-([0-9a-f]{32})\.arrow")


def keep(medium: Medium, table: str, code: str, covers: Checkpoint, rows: pa.Table) -> None:
    """Keep a table; where the medium refuses, nothing is kept.

    Args:
        medium: The ledger.
        table: Name of the table, lower-case letters.
        code: Version of the code that made it, 16 hex digits.
        covers: The events it was made of.
        rows: The table.
    """
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with pa.ipc.new_file(sink, rows.schema, options=options) as writer:
        writer.write_table(rows)
    data = sink.getvalue().to_pybytes()
    key = f"{DIRECTORY}/{table}-{code}-{covers.size:012d}-{covers.root[:16]}"
    with contextlib.suppress(StoreError):
        medium.put_if_absent(f"{key}-{_digest(key, data)}.arrow", data)
        old = _listed(medium, table, code)[:-KEPT]
        medium.remove(name for _, _, name in old)


def newest(medium: Medium, table: str, code: str, known: Collection[Checkpoint]) -> tuple[Checkpoint, pa.Table] | None:
    """Return the newest snapshot that covers one of these checkpoints, and which, ``None`` where there is none."""
    by_name = {(checkpoint.size, checkpoint.root[:16]): checkpoint for checkpoint in known}
    for size, root, name in reversed(_listed(medium, table, code)):
        covers = by_name.get((size, root))
        if covers is None:
            continue
        with contextlib.suppress(FileNotFoundError, StoreError, pa.ArrowException, OSError):
            data = medium.read(name)
            if _is_right(name, data):
                return covers, pa.ipc.open_file(pa.BufferReader(data)).read_all()
    return None


def is_whole(medium: Medium, name: str) -> bool:
    """Return whether a name is one of a snapshot, and its bytes have the digest it says."""
    match = _NAME.fullmatch(name)
    if match is None:
        return False
    try:
        return _is_right(name, medium.read(name))
    except FileNotFoundError:
        return True


def _is_right(name: str, data: bytes) -> bool:
    """Return whether the bytes are those that were kept under this name."""
    key, _, rest = name.rpartition("-")
    return rest == f"{_digest(key, data)}.arrow"


def _digest(key: str, data: bytes) -> str:
    """Return the digest of a snapshot: over what it is a snapshot of, too, so that it cannot pass for another one."""
    return hashlib.sha256(key.encode() + b"\0" + data).hexdigest()[:32]


def _listed(medium: Medium, table: str, code: str) -> list[tuple[int, str, str]]:
    """Return size, root and name of the snapshots of a table, by size."""
    found = []
    for name in medium.names(DIRECTORY):
        match = _NAME.fullmatch(name)
        if match and match[1] == table and match[2] == code:
            found.append((int(match[3]), match[4], name))
    return sorted(found)
