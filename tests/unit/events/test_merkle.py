"""The tree against RFC 9162 and against pymerkle, which shares no code with it."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymerkle import InclusionProof, InmemoryTree, verify_consistency, verify_inclusion

from ledger.errors import IntegrityError
from ledger.events.checkpoint import Checkpoint
from ledger.events.merkle import (
    EMPTY_ROOT,
    Frontier,
    consistency_holds,
    consistency_path,
    inclusion_holds,
    inclusion_path,
    root_of,
)

ENTRIES = [bytes([number]) * (number % 5) for number in range(70)]
LEAVES = [hashlib.sha256(b"\x00" + entry).digest() for entry in ENTRIES]


def other_tree(size):
    tree = InmemoryTree(algorithm="sha256")
    for entry in ENTRIES[:size]:
        tree.append_entry(entry)
    return tree


def test_roots_are_those_of_another_implementation():
    for size in range(1, len(LEAVES) + 1):
        assert root_of(LEAVES[:size]) == other_tree(size).get_root()


def test_the_tree_without_leaves_has_the_hash_of_nothing():
    assert Frontier().root == EMPTY_ROOT == hashlib.sha256(b"").digest()


def test_known_roots_of_the_certificate_transparency_test_vectors():
    # The eight inputs that the reference implementations of RFC 6962 test with, and their roots.
    inputs = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
    leaves = [hashlib.sha256(b"\x00" + bytes.fromhex(text)).digest() for text in inputs]
    assert leaves[0].hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    assert root_of(leaves[:2]).hex() == "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"
    assert root_of(leaves).hex() == "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"


def test_another_implementation_accepts_our_inclusion_proofs():
    for size in (1, 2, 3, 7, 8, 33, 70):
        tree, root = other_tree(size), root_of(LEAVES[:size])
        for index in range(size):
            path = inclusion_path(LEAVES[:size], index)
            assert inclusion_holds(LEAVES[index], index, size, path, root)
            form = tree.prove_inclusion(index + 1).serialize()
            ours = InclusionProof.deserialize({**form, "path": [node.hex() for node in [LEAVES[index], *path]]})
            verify_inclusion(LEAVES[index], root, ours, index=index + 1, size=size)


@given(st.integers(1, 70), st.data())
def test_an_altered_inclusion_proof_does_not_hold(size, data):
    index = data.draw(st.integers(0, size - 1))
    path, root = inclusion_path(LEAVES[:size], index), root_of(LEAVES[:size])
    assert not inclusion_holds(hashlib.sha256(b"x").digest(), index, size, path, root)
    assert not inclusion_holds(LEAVES[index], index, size, [*path, LEAVES[0]], root)
    assert not inclusion_holds(LEAVES[index], size, size, path, root)
    if path:
        spot = data.draw(st.integers(0, len(path) - 1))
        broken = [*path[:spot], path[spot][::-1], *path[spot + 1 :]]
        assert not inclusion_holds(LEAVES[index], index, size, broken, root)
        assert not inclusion_holds(LEAVES[index], index, size, path[:-1], root)


@given(st.integers(0, 70), st.data())
def test_consistency_holds_for_every_beginning_and_for_nothing_else(size, data):
    old = data.draw(st.integers(0, size))
    path = consistency_path(LEAVES[:size], old)
    old_root, root = root_of(LEAVES[:old]), root_of(LEAVES[:size])
    assert consistency_holds(old, size, path, old_root, root)
    wrong = hashlib.sha256(b"y").digest()
    assert not consistency_holds(old, size, path, wrong, root)
    if old:  # Everything begins with nothing, so the empty tree says nothing of the other root.
        assert not consistency_holds(old, size, path, old_root, wrong)
    assert not consistency_holds(old, size, [*path, wrong], old_root, root)
    assert not consistency_holds(size + 1, size, path, old_root, root)
    if 0 < old < size:
        assert not consistency_holds(old, size, path[:-1], old_root, root)


def test_another_implementation_finds_our_trees_consistent():
    tree = other_tree(70)
    for old in range(1, 71):
        verify_consistency(root_of(LEAVES[:old]), root_of(LEAVES), tree.prove_consistency(old, 70), old, 70)


def test_consistency_proofs_are_those_of_the_example_in_the_rfc():
    # RFC 9162, section 2.1.5: the tree of seven leaves, with the letters of its drawing.
    seven = LEAVES[:7]
    c, d, j = seven[2], seven[3], seven[6]
    g, i = root_of(seven[:2]), root_of(seven[4:6])
    k, right = root_of(seven[:4]), root_of(seven[4:])
    assert consistency_path(seven, 3) == [c, d, g, right]
    assert consistency_path(seven, 4) == [right]
    assert consistency_path(seven, 6) == [i, j, k]
    assert inclusion_path(seven, 6) == [i, k]
    assert inclusion_path(seven, 0) == [seven[1], root_of(seven[2:4]), right]


@given(st.lists(st.integers(0, 20), max_size=6))
def test_a_tree_that_grows_in_parts_has_the_root_of_the_whole(parts):
    frontier, start = Frontier(), 0
    for part in parts:
        frontier = frontier.extended(LEAVES[start : start + part])
        start = min(start + part, len(LEAVES))
    assert frontier.root == root_of(LEAVES[:start])
    assert len(frontier.hashes) == frontier.size.bit_count()


@pytest.mark.parametrize("index", [-1, 3])
def test_a_proof_of_what_is_not_there_cannot_be_made(index):
    with pytest.raises(IndexError):
        inclusion_path(LEAVES[:3], index)
    with pytest.raises(IndexError):
        consistency_path(LEAVES[:2], index)


@given(
    st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1),
    st.integers(0, 2**60),
    st.binary(min_size=32, max_size=32),
)
def test_a_checkpoint_survives_its_text(origin, size, root):
    checkpoint = Checkpoint(origin, size, root.hex())
    assert Checkpoint.parse(str(checkpoint), "here") == checkpoint


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "a\n1\n",
        "a\n-1\n" + "A" * 43 + "=",
        "a\n1\n!!!!",
        "\n1\n" + "A" * 43 + "=",
        "a\n\u0661\n" + "A" * 43 + "=",
        "a\n1\nAAAA",
    ],
)
def test_other_text_is_no_checkpoint(text):
    with pytest.raises(IntegrityError, match=r"file\.txt is no checkpoint"):
        Checkpoint.parse(text, "file.txt")
