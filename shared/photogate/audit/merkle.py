"""The Merkle tree of RFC 6962 (and RFC 9162): roots, proofs, and verifiers that raise.

Makers of proofs first name the ranges of leaves whose tree hashes a proof consists of (RFC 6962 2.1.1, 2.1.2), and then
hash those ranges: from leaf hashes, or from any other place that can give the hash of a complete subtree, such as
tiles. Verifiers follow RFC 9162 2.1.3.2 and 2.1.4.2 and also refuse what those leave to the caller: an index outside
the tree, a proof longer than it can be, hashes of another length, and a first tree of size 0, which says nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence

from photogate.errors import ProofError

__all__ = [
    "EMPTY_ROOT",
    "Frontier",
    "ProofError",
    "consistency_proof",
    "consistency_ranges",
    "inclusion_proof",
    "inclusion_ranges",
    "leaf_hash",
    "node_hash",
    "range_hash",
    "root",
    "verify_consistency",
    "verify_inclusion",
]

HASH_BYTES = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()

Range = tuple[int, int]
SubtreeHash = Callable[[int, int], bytes]
"""Gives the hash of the complete subtree over leaves ``[index * 2**level, (index + 1) * 2**level)``."""


def leaf_hash(data: bytes) -> bytes:
    """Hash a leaf: ``SHA-256(0x00 || data)``."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash a node: ``SHA-256(0x01 || left || right)``."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def root(leaf_hashes: Iterable[bytes]) -> bytes:
    """Give the tree hash over leaf hashes; SHA-256 of nothing for the empty tree."""
    level = list(leaf_hashes)
    while len(level) > 1:
        level = _parents(level)
    return level[0] if level else EMPTY_ROOT


def _parents(level: Sequence[bytes]) -> list[bytes]:
    # A last hash without a neighbour moves up as it is: the same tree as splitting at powers of two.
    sha256 = hashlib.sha256
    pairs = [sha256(b"\x01" + level[i] + level[i + 1]).digest() for i in range(0, len(level) - 1, 2)]
    return [*pairs, level[-1]] if len(level) % 2 else pairs


def inclusion_ranges(index: int, size: int) -> list[Range]:
    """Name the ranges of leaves whose hashes prove that leaf `index` is in the tree, from the leaf upwards."""
    if not 0 <= index < size:
        raise ProofError(f"Expected an index below the tree's size {size}; found {index}")
    ranges, low, high = [], 0, size
    while high - low > 1:
        middle = low + _split(high - low)
        if index < middle:
            ranges.append((middle, high))
            high = middle
        else:
            ranges.append((low, middle))
            low = middle
    return ranges[::-1]


def consistency_ranges(size1: int, size2: int) -> list[Range]:
    """Name the ranges of leaves whose hashes prove that a tree of `size1` leaves is the beginning of one of `size2`."""
    if not 0 < size1 <= size2:
        raise ProofError(f"Expected 0 < size1 <= size2; found {size1} and {size2}")
    ranges, low, high, whole = [], 0, size2, True
    while high > size1:
        middle = low + _split(high - low)
        if size1 <= middle:
            ranges.append((middle, high))
            high = middle
        else:
            ranges.append((low, middle))
            low, whole = middle, False
    if not whole:
        ranges.append((low, high))
    return ranges[::-1]


def _split(size: int) -> int:
    """Give the largest power of two smaller than `size`, which is at least 2."""
    return 1 << ((size - 1).bit_length() - 1)


def inclusion_proof(index: int, size: int, leaf_hashes: Sequence[bytes]) -> list[bytes]:
    """Prove that leaf `index` is in the tree over the first `size` leaf hashes (RFC 6962 2.1.1).

    Raises
    ------
    ProofError
        If the index is not below the size, or the size above the number of hashes.
    """
    _enough(size, leaf_hashes)
    return [root(leaf_hashes[low:high]) for low, high in inclusion_ranges(index, size)]


def consistency_proof(size1: int, size2: int, leaf_hashes: Sequence[bytes]) -> list[bytes]:
    """Prove that the tree over the first `size1` leaf hashes is the beginning of that over `size2` (RFC 6962 2.1.2).

    Raises
    ------
    ProofError
        Unless ``0 < size1 <= size2 <= len(leaf_hashes)``.
    """
    _enough(size2, leaf_hashes)
    return [root(leaf_hashes[low:high]) for low, high in consistency_ranges(size1, size2)]


def _enough(size: int, leaf_hashes: Sequence[bytes]) -> None:
    if size > len(leaf_hashes):
        raise ProofError(f"Expected at least {size} leaf hashes; found {len(leaf_hashes)}")


def range_hash(low: int, high: int, subtree: SubtreeHash) -> bytes:
    """Hash a range that a proof names, from the complete subtrees that it consists of.

    `low` must be a multiple of the smallest power of two that is not below ``high - low``, as it is in proofs.
    """
    hashes: list[bytes] = []
    while low < high:
        level = (high - low).bit_length() - 1
        hashes.append(subtree(level, low >> level))
        low += 1 << level
    result = hashes.pop()
    while hashes:
        result = node_hash(hashes.pop(), result)
    return result


class Frontier:
    """The right edge of a growing tree: one hash for each complete subtree, largest first.

    This is all that is needed to extend the tree and to tell its root: at most 64 hashes.
    """

    def __init__(self, size: int = 0, hashes: Iterable[bytes] = ()) -> None:
        self.size = size
        self._hashes = list(hashes)
        if len(self._hashes) != size.bit_count():
            raise ProofError(f"Expected {size.bit_count()} hashes for a tree of {size}; found {len(self._hashes)}")

    @property
    def hashes(self) -> tuple[bytes, ...]:
        """The hashes, of the largest subtree first."""
        return tuple(self._hashes)

    def append(self, leaf: bytes) -> None:
        """Add one leaf hash."""
        size, stack, sha256 = self.size, self._hashes, hashlib.sha256
        while size & 1:
            leaf = sha256(b"\x01" + stack.pop() + leaf).digest()
            size >>= 1
        stack.append(leaf)
        self.size += 1

    def extend(self, leaves: Iterable[bytes]) -> None:
        """Add leaf hashes in order."""
        for leaf in leaves:
            self.append(leaf)

    @property
    def root(self) -> bytes:
        """The tree hash."""
        if not self._hashes:
            return EMPTY_ROOT
        result = self._hashes[-1]
        for left in reversed(self._hashes[:-1]):
            result = node_hash(left, result)
        return result


def verify_inclusion(index: int, size: int, leaf_hash: bytes, proof: Sequence[bytes] | None, root: bytes) -> None:
    """Check that a leaf is at `index` of the tree with `size` leaves and this `root` (RFC 9162 2.1.3.2).

    Parameters
    ----------
    index, size
        Place of the leaf, from 0, and size of the tree.
    leaf_hash, root
        32 bytes each.
    proof
        Hashes from the leaf's level upwards; None counts as empty, as in JSON written by Go.

    Raises
    ------
    ProofError
        If it is not so, with what was expected and what was found.
    """
    _whole_numbers(index, size)
    path = _hashes(proof, leaf_hash, root)
    if not 0 <= index < size:
        raise ProofError(f"Expected an index below the tree's size {size}; found {index}")
    node, last, found = index, size - 1, leaf_hash
    for sibling in path:
        if last == 0:
            raise ProofError(f"Expected a shorter proof for index {index} in a tree of {size}; found {len(path)}")
        if node & 1 or node == last:
            found = node_hash(sibling, found)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            found = node_hash(found, sibling)
        node, last = node >> 1, last >> 1
    if last != 0:
        raise ProofError(f"Expected a longer proof for index {index} in a tree of {size}; found {len(path)}")
    _same_root(root, found)


def verify_consistency(size1: int, size2: int, proof: Sequence[bytes] | None, root1: bytes, root2: bytes) -> None:
    """Check that the tree of `size1` leaves is the beginning of that of `size2` (RFC 9162 2.1.4.2).

    Raises
    ------
    ProofError
        If it is not so, or `size1` is 0, with what was expected and what was found.
    """
    _whole_numbers(size1, size2)
    if not 0 < size1 <= size2:
        raise ProofError(f"Expected 0 < size1 <= size2; found {size1} and {size2}")
    if size1 == size2:
        if proof:
            raise ProofError(f"Expected an empty proof for equal sizes; found {len(proof)} hashes")
        _same_root(root1, root2)
        return
    path = _hashes(proof, root1, root2)
    if size1.bit_count() == 1:  # the first tree is a complete subtree of the second: its root starts the path
        path.insert(0, root1)
    if not path:
        raise ProofError("Expected a proof for different sizes; found none")
    node, last = size1 - 1, size2 - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    found1 = found2 = path[0]
    for sibling in path[1:]:
        if last == 0:
            raise ProofError(f"Expected a shorter proof from {size1} to {size2}; found {len(path)} hashes")
        if node & 1 or node == last:
            found1, found2 = node_hash(sibling, found1), node_hash(sibling, found2)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            found2 = node_hash(found2, sibling)
        node, last = node >> 1, last >> 1
    if last != 0:
        raise ProofError(f"Expected a longer proof from {size1} to {size2}; found {len(path)} hashes")
    _same_root(root1, found1)
    _same_root(root2, found2)


def _hashes(proof: Sequence[bytes] | None, *others: bytes) -> list[bytes]:
    path = list(proof or ())
    for value in (*path, *others):
        if not isinstance(value, bytes) or len(value) != HASH_BYTES:
            raise ProofError(f"Expected hashes of {HASH_BYTES} bytes; found another value")
    return path


def _whole_numbers(*values: int) -> None:
    for value in values:
        if type(value) is not int:
            raise ProofError(f"Expected a whole number; found {type(value).__name__}")


def _same_root(expected: bytes, found: bytes) -> None:
    if expected != found:
        raise ProofError(f"Expected the root {expected.hex()}; found {found.hex()}")
