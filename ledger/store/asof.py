"""A view of a ledger as it was at a checkpoint: the appends that were sealed then, and nothing that came after.

Rules:
- Which appends these are is read from the leaf index, whose root is the checkpoint's; the events are those of the view.
- Snapshots are of now, so none is used or kept: everything that is asked for is folded from the events.
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from ledger.errors import IntegrityError
from ledger.events.checkpoint import Checkpoint
from ledger.events.schema import COLUMNS
from ledger.store.medium import Medium
from ledger.store.proof import all_leaves
from ledger.store.protocol import EVERYTHING, Cursor, EventQuery, LedgerView, Part

_PLACE: Final = ("stream", "batch")


class AsOfView:
    """The events of the first so many appends."""

    def __init__(self, view: LedgerView, leaves: pa.Table) -> None:
        """Name what is seen; ``as_of`` makes one."""
        self._view: Final = view
        self._leaves: Final = leaves

    @property
    def uri(self) -> str:
        """Where the ledger is."""
        return self._view.uri

    @property
    def compacted(self) -> Checkpoint | None:
        """Nothing: what is compacted today is no measure of then."""
        return None

    @property
    def cursor(self) -> Cursor:
        """Where to follow the ledger from."""
        return self._view.cursor

    def read(self, query: EventQuery = EVERYTHING, part: Part = "all") -> pa.Table:
        """Return the events of a query; see ``LedgerView``."""
        wanted = list(query.columns or COLUMNS)
        if part == "compacted":
            return self._view.read(replace(query, run_ids=("",)))
        columns = tuple(dict.fromkeys([*wanted, *_PLACE])) if query.columns else ()
        found = self._view.read(replace(query, columns=columns))
        return found.filter(pc.is_in(_places(found), self._known)).select(wanted)

    @cached_property
    def _known(self) -> pa.Array:
        return pa.array(_places(self._leaves).to_pylist(), pa.string())

    def names_in(self, column: str, part: Part = "all") -> frozenset[str]:
        """Return the values of a text column; see ``LedgerView``."""
        if part == "compacted":
            return frozenset()
        values = self.read(EventQuery(columns=(column,))).column(column)
        return frozenset(pc.unique(values).drop_null().to_pylist())

    def runs_since(self, checkpoint: Checkpoint | None) -> Iterator[frozenset[str]]:
        """Yield nothing; see ``compacted``."""
        del checkpoint
        return iter(())

    def snapshot(self, table: str, code: str) -> tuple[Checkpoint, pa.Table] | None:
        """Return none; see ``LedgerView``."""
        del table, code
        return None

    def keep_snapshot(self, table: str, code: str, rows: pa.Table) -> None:
        """Keep nothing; see ``LedgerView``."""


def as_of(medium: Medium, view: LedgerView, checkpoint: Checkpoint) -> AsOfView:
    """Return a view of the appends that a checkpoint covers.

    Args:
        medium: Where the ledger is.
        view: What is visible of it now.
        checkpoint: A checkpoint that the ledger contains.

    Raises:
        IntegrityError: The ledger has fewer appends.
    """
    leaves, _ = all_leaves(medium, checkpoint.origin)
    if leaves.num_rows < checkpoint.size:
        message = f"the ledger at {medium.uri} has {leaves.num_rows:,} sealed appends, fewer than {checkpoint.size:,}"
        raise IntegrityError(message)
    return AsOfView(view, leaves.slice(0, checkpoint.size))


def _places(table: pa.Table) -> pa.ChunkedArray:
    """Return stream and number of the append of each row as one text."""
    return pc.binary_join_element_wise(table.column("stream"), table.column("batch").cast(pa.string()), "#")
