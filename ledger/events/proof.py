"""Proofs that somebody without the ledger can check: an append is in a checkpoint, a checkpoint is in a later one."""

import json
from dataclasses import dataclass
from typing import Any

from ledger.errors import IntegrityError
from ledger.events.base import Json
from ledger.events.checkpoint import Checkpoint
from ledger.events.merkle import HASH_BYTES, consistency_holds, inclusion_holds


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

    def as_json(self) -> dict[str, Json]:
        """Return the fields as they are written to a file."""
        return {
            "proof": "inclusion",
            "origin": self.checkpoint.origin,
            "tree_size": self.checkpoint.size,
            "root_hash": self.checkpoint.root,
            "stream": self.stream,
            "batch": self.batch,
            "leaf_index": self.leaf_index,
            "leaf_hash": self.leaf_hash,
            "inclusion_path": list(self.path),
        }


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

    def as_json(self) -> dict[str, Json]:
        """Return the fields as they are written to a file."""
        return {
            "proof": "consistency",
            "origin": self.new.origin,
            "old_size": self.old.size,
            "old_root_hash": self.old.root,
            "tree_size": self.new.size,
            "root_hash": self.new.root,
            "consistency_path": list(self.path),
        }


def parse_proof(text: str, where: str) -> InclusionProof | ConsistencyProof:
    """Return the proof that ``as_json`` wrote.

    Args:
        text: The JSON.
        where: Where the text is from, for the message.

    Raises:
        IntegrityError: The text is no proof.
    """
    try:
        told = json.loads(text)
        if told["proof"] == "inclusion":
            return _inclusion(told)
        if told["proof"] == "consistency":
            return _consistency(told)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise IntegrityError(_no_proof(where)) from error
    raise IntegrityError(_no_proof(where))


def _inclusion(told: dict[str, Any]) -> InclusionProof:
    return InclusionProof(
        checkpoint=Checkpoint(str(told["origin"]), int(told["tree_size"]), _hash(told["root_hash"])),
        stream=str(told["stream"]),
        batch=int(told["batch"]),
        leaf_index=int(told["leaf_index"]),
        leaf_hash=_hash(told["leaf_hash"]),
        path=tuple(_hash(node) for node in told["inclusion_path"]),
    )


def _consistency(told: dict[str, Any]) -> ConsistencyProof:
    return ConsistencyProof(
        old=Checkpoint(str(told["origin"]), int(told["old_size"]), _hash(told["old_root_hash"])),
        new=Checkpoint(str(told["origin"]), int(told["tree_size"]), _hash(told["root_hash"])),
        path=tuple(_hash(node) for node in told["consistency_path"]),
    )


def _hash(text: str) -> str:
    """Return a hash of 32 bytes in hex as it is always written."""
    raw = bytes.fromhex(text)
    if len(raw) != HASH_BYTES:
        raise ValueError(text)
    return raw.hex()


def _no_proof(where: str) -> str:
    return f"{where} is no proof as `dagster-ledger ledger proof` writes them; make it again"
