"""A ledger as it was at a checkpoint: only the appends that the checkpoint covers, or only those it does not.

Rules:
- An append is sealed only after the one before it in its stream, so of each stream a checkpoint covers a beginning: the
  number of the last append says all of it.
- The leaves must give the checkpoint's root; whoever asks for another past than the one that was sealed gets none.
- Nothing is ever compacted in such a view, and it has no snapshots: those are of another moment.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from ledger.errors import IntegrityError
from ledger.events.checkpoint import Checkpoint
from ledger.events.merkle import root_of
from ledger.events.schema import COLUMNS
from ledger.store import leaves
from ledger.store.medium import Medium
from ledger.store.proof import all_leaves
from ledger.store.protocol import EVERYTHING, Cursor, EventQuery, LedgerView, Part

Covered = Mapping[str, int]
"""Stream to the number of its last append that a checkpoint covers."""


def covered(medium: Medium, origin: str, checkpoint: Checkpoint) -> Covered:
    """Return what a checkpoint covers.

    Raises:
        IntegrityError: The ledger does not contain the checkpoint, or the leaf index is damaged.
    """
    table, newest = all_leaves(medium, origin)
    first = table.slice(0, checkpoint.size)
    rewritten = root_of(leaves.digests(first)).hex() != checkpoint.root
    if checkpoint.origin != origin or checkpoint.size > newest.size or rewritten:
        message = (
            f"the ledger at {medium.uri} does not contain the checkpoint of {checkpoint.size} appends of"
            f" {checkpoint.origin!r}: it was rewritten, or it is another ledger"
        )
        raise IntegrityError(message)
    last = first.group_by("stream", use_threads=False).aggregate([("batch", "max")])
    return dict(zip(last.column("stream").to_pylist(), last.column("batch_max").to_pylist(), strict=True))


class AsOfView:
    """The part of a view that a checkpoint covers, or the part it does not."""

    def __init__(self, view: LedgerView, covered: Covered, *, later: bool = False) -> None:
        """Take a view and what is covered.

        Args:
            view: What is visible now.
            covered: What ``covered`` returned.
            later: See what was appended after the checkpoint instead of what it covers.
        """
        self._view: Final = view
        self._streams: Final = pa.array(covered, pa.string())
        self._last: Final = pa.array(covered.values(), pa.int32())
        self._later: Final = later
        self._size: Final = len(covered)

    @property
    def uri(self) -> str:
        """Where the ledger is."""
        return self._view.uri

    @property
    def compacted(self) -> Checkpoint | None:
        """Always ``None``."""
        return None

    @property
    def cursor(self) -> Cursor:
        """The cursor of the whole view: nobody follows a past."""
        return self._view.cursor

    def read(self, query: EventQuery = EVERYTHING, part: Part = "all") -> pa.Table:
        """Return the events of a query; all of them count as recent."""
        wanted = list(query.columns or COLUMNS)
        if part == "compacted":
            return self._view.read(query, "recent").slice(0, 0)
        more = tuple(dict.fromkeys([*query.columns, "stream", "batch"])) if query.columns else ()
        found = self._view.read(replace(query, columns=more))
        return found.filter(self._mask(found)).select(wanted)

    def _mask(self, events: pa.Table) -> pa.Array:
        """Return which rows are seen."""
        if not self._size:
            return pa.array([self._later] * events.num_rows, pa.bool_())
        places = pc.index_in(events.column("stream"), self._streams)
        within = pc.fill_null(pc.less_equal(events.column("batch"), pc.take(self._last, places)), fill_value=False)
        return pc.invert(within) if self._later else within

    def names_in(self, column: str, part: Part = "all") -> frozenset[str]:
        """Return the values a text column has, without null."""
        values = self.read(EventQuery(columns=(column,)), part).column(column)
        return frozenset(pc.unique(values).drop_null().to_pylist())

    def runs_since(self, checkpoint: Checkpoint | None) -> Iterator[frozenset[str]]:
        """Yield nothing."""
        del checkpoint
        return iter(())

    def snapshot(self, table: str, code: str) -> tuple[Checkpoint, pa.Table] | None:
        """Return nothing."""
        del table, code
        return None

    def keep_snapshot(self, table: str, code: str, rows: pa.Table) -> None:
        """Keep nothing."""
