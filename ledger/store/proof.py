"""Proofs that somebody without the ledger can check: an append is in a checkpoint, a checkpoint is in a later one."""

from dataclasses import dataclass

import pyarrow as pa

from ledger.errors import ConfigurationError
from ledger.events.checkpoint import Checkpoint
from ledger.events.merkle import consistency_holds, consistency_path, inclusion_holds, inclusion_path, root_of
from ledger.store import checkpoints, leaves, records
from ledger.store.index import LeafIndex
from ledger.store.medium import Medium


@dataclass(frozen=True, slots=True)
class InclusionProof:
    """Shows that an append is in a checkpoint (RFC 9162, section 2.1.3).

    Attributes:
        checkpoint: The checkpoint.
        stream: Stored spelling of the stream.
        batch: Number of the append in it.
        leaf_index: Its leaf.
        leaf_hash: Digest of the append (hex).
        path: Hashes (hex) from the leaf to the root, nearest sibling first.
    """

    checkpoint: Checkpoint
    stream: str
    batch: int
    leaf_index: int
    leaf_hash: str
    path: tuple[str, ...]

    def holds(self) -> bool:
        """Return whether the path leads from the leaf to the root."""
        path = [bytes.fromhex(node) for node in self.path]
        leaf, root = bytes.fromhex(self.leaf_hash), bytes.fromhex(self.checkpoint.root)
        return inclusion_holds(leaf, self.leaf_index, self.checkpoint.size, path, root)


@dataclass(frozen=True, slots=True)
class ConsistencyProof:
    """Shows that a later checkpoint contains an earlier one (RFC 9162, section 2.1.4).

    Attributes:
        old: The earlier checkpoint.
        new: The later one.
        path: Hashes (hex).
    """

    old: Checkpoint
    new: Checkpoint
    path: tuple[str, ...]

    def holds(self) -> bool:
        """Return whether the path leads to both roots."""
        path = [bytes.fromhex(node) for node in self.path]
        roots = bytes.fromhex(self.old.root), bytes.fromhex(self.new.root)
        return self.old.origin == self.new.origin and consistency_holds(self.old.size, self.new.size, path, *roots)


def prove_inclusion(medium: Medium, origin: str, stream: str, batch: int) -> InclusionProof:
    """Return the proof that an append is in the newest checkpoint.

    Raises:
        ConfigurationError: It is not sealed.
        IntegrityError: The leaf index is damaged.
    """
    table, newest = _all_leaves(medium, origin)
    mask = pa.compute.and_(
        pa.compute.equal(table.column("stream"), stream), pa.compute.equal(table.column("batch"), batch)
    )
    places = pa.compute.indices_nonzero(mask).to_pylist()
    if not places:
        message = (
            f"append {batch} of stream {stream!r} is not in the newest checkpoint of the ledger at {medium.uri};"
            " seal it with `dagster-ledger ledger seal`, or list streams with `dagster-ledger events`"
        )
        raise ConfigurationError(message)
    hashes = leaves.digests(table)
    path = inclusion_path(hashes, places[0])
    return InclusionProof(newest, stream, batch, places[0], hashes[places[0]].hex(), tuple(node.hex() for node in path))


def prove_consistency(medium: Medium, origin: str, old: Checkpoint) -> ConsistencyProof:
    """Return the proof that the newest checkpoint contains an earlier one.

    Raises:
        ConfigurationError: The earlier one is larger, of another ledger, or not contained.
        IntegrityError: The leaf index is damaged.
    """
    table, newest = _all_leaves(medium, origin)
    hashes = leaves.digests(table)
    if old.origin != origin:
        message = (
            f"the checkpoint is of {old.origin!r}, the ledger at {medium.uri} is {origin!r}; give one of this ledger"
        )
        raise ConfigurationError(message)
    if old.size > newest.size or root_of(hashes[: old.size]).hex() != old.root:
        message = (
            f"the ledger at {medium.uri} does not contain the checkpoint of {old.size} appends: it was rewritten, or"
            " the checkpoint is not its own; see `dagster-ledger ledger verify --checkpoint`"
        )
        raise ConfigurationError(message)
    path = consistency_path(hashes, old.size)
    return ConsistencyProof(old, newest, tuple(node.hex() for node in path))


def _all_leaves(medium: Medium, origin: str) -> tuple[pa.Table, Checkpoint]:
    """Return every sealed leaf in order, and the checkpoint they are the tree of."""
    while True:
        record = records.newest(medium)
        index = LeafIndex(medium, record, checkpoints.newest(medium, origin))
        try:
            parts = [found.table for found in index.compacted()]
            table = pa.concat_tables([leaves.SCHEMA.empty_table(), *parts, index.open_leaves()[0]])
        except FileNotFoundError:
            continue
        return table, index.sealed.checkpoint
