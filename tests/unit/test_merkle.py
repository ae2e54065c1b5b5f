"""The tree of RFC 6962: its own examples, every proof of small trees, and verifiers that believe nothing."""

from __future__ import annotations

import hashlib

import pytest

from photogate.audit.merkle import (
    EMPTY_ROOT,
    Frontier,
    ProofError,
    consistency_proof,
    consistency_ranges,
    inclusion_proof,
    inclusion_ranges,
    leaf_hash,
    node_hash,
    range_hash,
    root,
    verify_consistency,
    verify_inclusion,
)

LEAVES = [leaf_hash(bytes([n])) for n in range(70)]
OTHER = hashlib.sha256(b"other").digest()


def by_definition(leaves: list[bytes]) -> bytes:
    """MTH of RFC 6962 2.1, written as the RFC writes it."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while 2 * k < len(leaves):
        k *= 2
    return hashlib.sha256(b"\x01" + by_definition(leaves[:k]) + by_definition(leaves[k:])).digest()


def test_hashes_are_separated_by_domain() -> None:
    assert leaf_hash(b"x") == hashlib.sha256(b"\x00x").digest()
    assert node_hash(b"l" * 32, b"r" * 32) == hashlib.sha256(b"\x01" + b"l" * 32 + b"r" * 32).digest()
    assert root([]) == EMPTY_ROOT == hashlib.sha256(b"").digest()


@pytest.mark.parametrize("size", range(71))
def test_the_root_is_that_of_the_definition(size: int) -> None:
    frontier = Frontier()
    frontier.extend(LEAVES[:size])
    assert root(LEAVES[:size]) == by_definition(LEAVES[:size]) == frontier.root


def test_the_example_of_rfc6962_2_1_3() -> None:
    # The tree of seven leaves d0..d6 with the nodes a..l as the RFC draws it.
    a, b, c, d, e, f, j = LEAVES[:7]
    g, h, i = node_hash(a, b), node_hash(c, d), node_hash(e, f)
    k, last = node_hash(g, h), node_hash(i, j)
    assert root(LEAVES[:7]) == node_hash(k, last)
    assert inclusion_proof(0, 7, LEAVES) == [b, h, last]
    assert inclusion_proof(3, 7, LEAVES) == [c, g, last]
    assert inclusion_proof(4, 7, LEAVES) == [f, j, k]
    assert inclusion_proof(6, 7, LEAVES) == [i, k]
    assert consistency_proof(3, 7, LEAVES) == [c, d, g, last]
    assert consistency_proof(4, 7, LEAVES) == [last]
    assert consistency_proof(6, 7, LEAVES) == [i, j, k]


@pytest.mark.parametrize("size", range(1, 34))
def test_every_inclusion_proof_verifies_at_its_own_place_only(size: int) -> None:
    top = root(LEAVES[:size])
    for index in range(size):
        proof = inclusion_proof(index, size, LEAVES)
        verify_inclusion(index, size, LEAVES[index], proof, top)
        for elsewhere in range(size + 1):
            if elsewhere != index:
                with pytest.raises(ProofError):
                    verify_inclusion(elsewhere, size, LEAVES[index], proof, top)


@pytest.mark.parametrize("size2", range(1, 34))
def test_every_consistency_proof_verifies_for_its_own_sizes_only(size2: int) -> None:
    for size1 in range(1, size2 + 1):
        proof = consistency_proof(size1, size2, LEAVES)
        root1, root2 = root(LEAVES[:size1]), root(LEAVES[:size2])
        verify_consistency(size1, size2, proof, root1, root2)
        with pytest.raises(ProofError):
            verify_consistency(size1, size2, [*proof, OTHER], root1, root2)
        with pytest.raises(ProofError):
            verify_consistency(size1, size2, proof, OTHER, root2)
        with pytest.raises(ProofError):
            verify_consistency(size1, size2, proof, root1, OTHER)
        for n in range(len(proof)):
            with pytest.raises(ProofError):
                verify_consistency(size1, size2, proof[:n] + proof[n + 1 :], root1, root2)
            with pytest.raises(ProofError):
                verify_consistency(size1, size2, [*proof[:n], OTHER, *proof[n + 1 :]], root1, root2)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 13])
def test_a_damaged_inclusion_proof_is_refused(size: int) -> None:
    top = root(LEAVES[:size])
    for index in range(size):
        proof = inclusion_proof(index, size, LEAVES)
        damaged = [[*proof, OTHER], [OTHER, *proof]]
        damaged += [proof[:n] + proof[n + 1 :] for n in range(len(proof))]
        damaged += [[*proof[:n], OTHER, *proof[n + 1 :]] for n in range(len(proof))]
        for path in damaged:
            with pytest.raises(ProofError):
                verify_inclusion(index, size, LEAVES[index], path, top)
        with pytest.raises(ProofError):
            verify_inclusion(index, size, OTHER, proof, top)


def test_an_error_says_what_was_expected_and_what_was_found() -> None:
    with pytest.raises(ProofError, match=f"Expected the root {OTHER.hex()}; found {LEAVES[0].hex()}"):
        verify_inclusion(0, 1, LEAVES[0], [], OTHER)


@pytest.mark.parametrize(("size1", "size2"), [(0, 0), (0, 5), (5, 4), (-1, 4)])
def test_sizes_that_prove_nothing_are_refused(size1: int, size2: int) -> None:
    with pytest.raises(ProofError, match="0 < size1 <= size2"):
        verify_consistency(size1, size2, [], EMPTY_ROOT, EMPTY_ROOT)
    with pytest.raises(ProofError):
        consistency_proof(size1, size2, LEAVES)


@pytest.mark.parametrize(("index", "size"), [(0, 0), (1, 1), (-1, 4), (4, 4)])
def test_an_index_outside_the_tree_is_refused(index: int, size: int) -> None:
    with pytest.raises(ProofError, match="below the tree's size"):
        verify_inclusion(index, size, LEAVES[0], [], LEAVES[0])
    with pytest.raises(ProofError):
        inclusion_proof(index, size, LEAVES)


def test_what_is_no_hash_or_no_number_is_refused() -> None:
    with pytest.raises(ProofError, match="32 bytes"):
        verify_inclusion(0, 2, LEAVES[0], [b"short"], OTHER)
    with pytest.raises(ProofError, match="32 bytes"):
        verify_consistency(1, 2, [OTHER], b"", OTHER)
    with pytest.raises(ProofError, match="whole number"):
        verify_inclusion(0, True, LEAVES[0], [], LEAVES[0])


def test_more_leaves_than_there_are_cannot_be_proved() -> None:
    with pytest.raises(ProofError, match="at least 71"):
        inclusion_proof(0, 71, LEAVES)


def test_proofs_can_be_made_from_complete_subtrees() -> None:
    def subtree(level: int, index: int) -> bytes:
        return by_definition(LEAVES[index << level : (index + 1) << level])

    for size in (1, 5, 33, 70):
        for index in range(size):
            proof = [range_hash(low, high, subtree) for low, high in inclusion_ranges(index, size)]
            assert proof == inclusion_proof(index, size, LEAVES)
        for size1 in range(1, size + 1):
            proof = [range_hash(low, high, subtree) for low, high in consistency_ranges(size1, size)]
            assert proof == consistency_proof(size1, size, LEAVES)


def test_a_frontier_goes_on_from_what_was_kept_of_it() -> None:
    for size in range(70):
        kept = Frontier()
        kept.extend(LEAVES[:size])
        again = Frontier(kept.size, kept.hashes)
        again.extend(LEAVES[size:])
        assert again.root == root(LEAVES)
    with pytest.raises(ProofError):
        Frontier(3, [OTHER])
