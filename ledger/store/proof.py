"""Makes proofs from the leaf index; ``ledger.events.proof`` says what they show."""

import pyarrow as pa

from ledger.errors import ConfigurationError
from ledger.events.checkpoint import Checkpoint
from ledger.events.merkle import consistency_path, inclusion_path, root_of
from ledger.events.proof import ConsistencyProof, InclusionProof
from ledger.store import checkpoints, leaves, records
from ledger.store.index import LeafIndex
from ledger.store.medium import Medium


def prove_inclusion(medium: Medium, origin: str, stream: str, batch: int) -> InclusionProof:
    """Return the proof that an append is in the newest checkpoint.

    Raises:
        ConfigurationError: It is not sealed.
        IntegrityError: The leaf index is damaged.
    """
    table, newest = all_leaves(medium, origin)
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
    table, newest = all_leaves(medium, origin)
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


def all_leaves(medium: Medium, origin: str) -> tuple[pa.Table, Checkpoint]:
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
