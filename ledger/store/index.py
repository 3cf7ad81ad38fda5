"""The leaf index as a whole: which appends are sealed, and where each stream ends among them.

Rules:
- What is compacted is in the files the newest record lists; what is sealed since is in one file that every seal writes
  anew, from the last compacted leaf on, and that the next seal removes.
- Files are immutable, so what was read once is kept as long as the index is.
"""

from collections.abc import Iterable, Iterator
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ledger.errors import IntegrityError
from ledger.events.merkle import Frontier
from ledger.store import checkpoints, leaves, records
from ledger.store.leaves import LeafFile, Leaves
from ledger.store.medium import Medium
from ledger.store.records import Record
from ledger.store.segments import Sealed


class LeafIndex:
    """The leaves of one record, and of one checkpoint after it."""

    def __init__(self, medium: Medium, record: Record, sealed: checkpoints.Numbered) -> None:
        """Name what is compacted and what is sealed; nothing is read.

        Raises:
            IntegrityError: The checkpoint is older than the record.
        """
        if sealed.checkpoint.size < record.size:
            message = (
                f"{medium.where(record.name)} stands for {record.size} appends, but the newest checkpoint has only"
                f" {sealed.checkpoint.size}: a checkpoint was removed; restore it from a backup"
            )
            raise IntegrityError(message)
        self._medium: Final = medium
        self._read: Final[dict[str, Leaves]] = {}
        self.record: Final = record
        self.sealed: Final = sealed

    def compacted(self, first_leaf: int = 0) -> Iterator[Leaves]:
        """Yield the files of compacted leaves that hold one at or after ``first_leaf``."""
        for file in self.record.leaves:
            if file.size > first_leaf:
                yield self.leaves_of(file)

    def covered_names(self) -> frozenset[str]:
        """Return the names of loose files that segments stand for, but that may still be there."""
        first = self.record.removed
        parts = [found.part(first, self.record.size) for found in self.compacted(first)]
        return frozenset(name for part in parts for name in leaves.loose_names(part))

    def open_leaves(self) -> tuple[pa.Table, Frontier]:
        """Return the leaves that are sealed and not compacted, and the tree at their end.

        Raises:
            IntegrityError: The file that should hold them is not there.
            FileNotFoundError: It went while it was looked for, since something newer took its place.
        """
        size, root = self.sealed.checkpoint.size, self.sealed.checkpoint.root
        if size == self.record.size:
            last = self.record.leaves[-1:]
            frontier = self.leaves_of(last[0]).frontier if last else Frontier()
            return leaves.SCHEMA.empty_table(), frontier
        for file in leaves.listed(self._medium):
            there = file.kind == "sealed" and (file.size, file.root) == (size, root[:16])
            if there and file.first_leaf <= self.record.size:
                found = self.leaves_of(file)
                return found.part(self.record.size, size), found.frontier
        if checkpoints.numbers(self._medium)[-1] != self.sealed.number:
            raise FileNotFoundError(leaves.DIRECTORY)
        message = (
            f"{self._medium.where(leaves.DIRECTORY)} lacks the file with the leaves up to {size}, which checkpoint"
            f" {self.sealed.number} needs; restore it from a backup"
        )
        raise IntegrityError(message)

    def find(self, streams: Iterable[str]) -> pa.Table:
        """Return the sealed appends of some streams, with their leaf in the column ``leaf`` (int64)."""
        wanted = pa.array(sorted(set(streams)), pa.string())
        parts = [(found.file.first_leaf, found.table) for found in self.compacted()]
        parts.append((self.record.size, self.open_leaves()[0]))
        kept = []
        for first_leaf, table in parts:
            numbers = pa.array(np.arange(first_leaf, first_leaf + table.num_rows, dtype=np.int64))
            numbered = table.append_column("leaf", numbers)
            kept.append(numbered.filter(pc.is_in(table.column("stream"), wanted)))
        return pa.concat_tables(kept)

    def leaves_of(self, file: LeafFile) -> Leaves:
        """Return the content of a file; see ``ledger.store.leaves.read``."""
        found = self._read.get(file.name)
        if found is None:
            try:
                found = self._read[file.name] = leaves.read(self._medium, file)
            except FileNotFoundError as error:
                overtaken = records.newest(self._medium).number != self.record.number
                if overtaken or file not in self.record.leaves:
                    raise
                message = f"{self._medium.where(file.name)} is missing; restore it from a backup"
                raise IntegrityError(message) from error
        return found


def sealed_map(table: pa.Table, first_leaf: int | None = None) -> dict[tuple[str, int], tuple[int, str]]:
    """Return the leaf and digest (hex) of the appends of a table of leaves.

    Args:
        table: Leaves, with the column ``leaf`` unless ``first_leaf`` says where they begin.
        first_leaf: Leaf of the first row.
    """
    numbers = table.column("leaf").to_pylist() if first_leaf is None else range(first_leaf, first_leaf + table.num_rows)
    places = zip(table.column("stream").to_pylist(), table.column("batch").to_pylist(), strict=True)
    digests = (digest.hex() for digest in table.column("digest").to_pylist())
    return dict(zip(places, zip(numbers, digests, strict=True), strict=True))


__all__ = ["LeafIndex", "Sealed", "sealed_map"]
