"""The Merkle tree over the digests of appends, as RFC 9162 (Certificate Transparency 2.0), section 2.1, defines it.

Rules:
- A leaf is a digest of ``ledger.events.digest``: its zero byte is the leaf prefix, so the digest is the leaf hash.
- A node is ``SHA-256(0x01 || left || right)``; the tree of n leaves splits at the largest power of two below n.
- The root of a growing tree is kept as its *frontier*: the roots of the full subtrees that n is the sum of, largest
  first, one for each bit of n that is set. Adding a leaf costs a constant number of hashes on average.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

_NODE_PREFIX: Final = b"\x01"
HASH_BYTES: Final = 32
EMPTY_ROOT: Final = hashlib.sha256(b"").digest()
"""The root of the tree without leaves."""


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node."""
    return hashlib.sha256(_NODE_PREFIX + left + right).digest()


@dataclass(frozen=True, slots=True)
class Frontier:
    """A tree of which only what is needed to go on is kept.

    Attributes:
        size: Number of leaves.
        hashes: Roots of its full subtrees, largest first; as many as ``size`` has bits that are set.
    """

    size: int = 0
    hashes: tuple[bytes, ...] = ()

    def extended(self, leaves: Iterable[bytes]) -> "Frontier":
        """Return the tree with these leaves added at its end."""
        size, hashes = self.size, list(self.hashes)
        for leaf in leaves:
            node, carry = leaf, size
            while carry & 1:
                node = node_hash(hashes.pop(), node)
                carry >>= 1
            hashes.append(node)
            size += 1
        return Frontier(size, tuple(hashes))

    @property
    def root(self) -> bytes:
        """The root, 32 bytes."""
        if not self.hashes:
            return EMPTY_ROOT
        node = self.hashes[-1]
        for left in reversed(self.hashes[:-1]):
            node = node_hash(left, node)
        return node


def root_of(leaves: Sequence[bytes]) -> bytes:
    """Return the root of the tree with these leaves."""
    return Frontier().extended(leaves).root


def inclusion_path(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """Return the audit path of a leaf, nearest sibling first (RFC 9162, section 2.1.3.1).

    Args:
        leaves: All leaves of the tree.
        index: Which leaf, from 0.

    Raises:
        IndexError: There is no such leaf.
    """
    if not 0 <= index < len(leaves):
        raise IndexError(index)
    path: list[bytes] = []
    start, stop = 0, len(leaves)
    while stop - start > 1:
        split = start + _split(stop - start)
        if index < split:
            path.append(root_of(leaves[split:stop]))
            stop = split
        else:
            path.append(root_of(leaves[start:split]))
            start = split
    return path[::-1]


def consistency_path(leaves: Sequence[bytes], old_size: int) -> list[bytes]:
    """Return the proof that the tree of the first leaves is a beginning of the tree (RFC 9162, section 2.1.4.1).

    Args:
        leaves: All leaves of the newer tree.
        old_size: Leaves of the older tree, from 0 to all; both ends have an empty proof.

    Raises:
        IndexError: The older tree is larger than the newer.
    """
    if not 0 <= old_size <= len(leaves):
        raise IndexError(old_size)
    if old_size in {0, len(leaves)}:
        return []
    path: list[bytes] = []
    start, stop, complete = 0, len(leaves), True
    while old_size != stop:
        split = start + _split(stop - start)
        if old_size <= split:
            path.append(root_of(leaves[split:stop]))
            stop = split
        else:
            path.append(root_of(leaves[start:split]))
            start, complete = split, False
    if not complete:
        path.append(root_of(leaves[start:stop]))
    return path[::-1]


def inclusion_holds(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """Return whether a path shows that a leaf is in a tree (RFC 9162, section 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    first, last, node = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            return False
        if first & 1 or first == last:
            node = node_hash(sibling, node)
            while not first & 1 and first:
                first, last = first >> 1, last >> 1
        else:
            node = node_hash(node, sibling)
        first, last = first >> 1, last >> 1
    return last == 0 and node == root


def consistency_holds(old_size: int, size: int, path: Sequence[bytes], old_root: bytes, root: bytes) -> bool:
    """Return whether a proof shows that one tree is a beginning of another (RFC 9162, section 2.1.4.2)."""
    if not 0 <= old_size <= size:
        return False
    if old_size == size:
        return not path and old_root == root
    if old_size == 0:
        return not path and old_root == EMPTY_ROOT
    is_full = old_size & (old_size - 1) == 0  # A full subtree is its own proof, so the path leaves it out.
    nodes = [old_root, *path] if is_full else list(path)
    return bool(nodes) and _leads_to_both(old_size - 1, size - 1, nodes, old_root, root)


def _leads_to_both(first: int, last: int, nodes: Sequence[bytes], old_root: bytes, root: bytes) -> bool:
    """Return whether nodes lead to both roots; ``first`` and ``last`` are the last leaves of both trees."""
    while first & 1:
        first, last = first >> 1, last >> 1
    older = newer = nodes[0]
    for node in nodes[1:]:
        if last == 0:
            return False
        if first & 1 or first == last:
            older, newer = node_hash(node, older), node_hash(node, newer)
            while not first & 1 and first:
                first, last = first >> 1, last >> 1
        else:
            newer = node_hash(newer, node)
        first, last = first >> 1, last >> 1
    return last == 0 and older == old_root and newer == root


def _split(size: int) -> int:
    """Return the largest power of two below a size of at least 2."""
    return 1 << ((size - 1).bit_length() - 1)
