"""The loose events of a view, decoded once for all readers where there are many files of them.

Rules:
- Opening a small file costs more than reading a thousand rows, so what many loose files hold is kept in one Arrow file
  among the snapshots. It is a cache: the loose files stay what counts, and a reader takes from it only rows of files it
  sees itself.
"""

from collections.abc import Sequence
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from ledger.events.checkpoint import Checkpoint
from ledger.events.schema import FORMAT_VERSION, SCHEMA
from ledger.store import leaves, snapshots
from ledger.store.filter import ORDER
from ledger.store.medium import Medium
from ledger.store.scan import scan

_FROM_FILES: Final = 250
"""With fewer new files it is quicker to read them than to keep them."""

_TABLE: Final = "recent"
_CODE: Final = f"{FORMAT_VERSION:016x}"
_FILE: Final = "file"


def read_recent(medium: Medium, names: Sequence[str], known: Sequence[Checkpoint]) -> pa.Table:
    """Return all events of some loose files, ordered by time, stream and position.

    Args:
        medium: The ledger.
        names: The loose files.
        known: What the ledger was compacted to, lately and now, the newest last.

    Raises:
        LedgerError: As ``ledger.store.scan.scan``.
    """
    if len(names) < _FROM_FILES:
        return scan(medium, names)
    found = snapshots.newest(medium, _TABLE, _CODE, known)
    kept = found[1] if found is not None and found[1].schema.names == [*SCHEMA.names, _FILE] else _empty()
    kept = kept.filter(pc.is_in(kept.column(_FILE), pa.array(names, pa.string())))
    there = set(pc.unique(kept.column(_FILE)).to_pylist())
    missing = [name for name in names if name not in there]
    new = scan(medium, missing)
    files = pa.array(leaves.loose_names(new), pa.string()) if new.num_rows else pa.array([], pa.string())
    together = pa.concat_tables([kept, new.append_column(_FILE, files)])
    if len(missing) >= _FROM_FILES:
        snapshots.keep(medium, _TABLE, _CODE, known[-1], together.combine_chunks())
    return together.select(SCHEMA.names).cast(SCHEMA).sort_by(list(ORDER))


def _empty() -> pa.Table:
    return SCHEMA.empty_table().append_column(_FILE, pa.array([], pa.string()))
