"""Hash tiles, as the C2SP specification tlog-tiles lays them out: 256 hashes of one level of the tree in a file.

Entry bundles are not published: bodies stay in the table, where they expire and a subject's can be forgotten.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

from photogate.audit.merkle import HASH_BYTES, Frontier, consistency_ranges, inclusion_ranges, range_hash, root
from photogate.errors import IntegrityError

__all__ = ["Tile", "TileReader", "Tree", "tile_path"]

WIDTH = 256
HEIGHT = 8  # levels of the tree in one tile: 2**8 = WIDTH


def tile_path(level: int, index: int, width: int = WIDTH) -> str:
    """Name a tile: ``tile/0/x001/x234/067``, and ``.p/<width>`` behind it where it is partial."""
    elements = [f"{index % 1000:03d}"]
    while index := index // 1000:
        elements.insert(0, f"x{index % 1000:03d}")
    partial = "" if width == WIDTH else f".p/{width}"
    return f"tile/{level}/{'/'.join(elements)}{partial}"


@dataclass(frozen=True, slots=True)
class Tile:
    """Hashes of one level, at most 256."""

    level: int
    index: int
    hashes: tuple[bytes, ...]

    @property
    def path(self) -> str:
        """Where it is kept."""
        return tile_path(self.level, self.index, len(self.hashes))

    @property
    def data(self) -> bytes:
        """What is kept."""
        return b"".join(self.hashes)


@dataclass(frozen=True)
class Tree:
    """The right edge of the log's tree, as tiles that are not full or not known to be written.

    Attributes
    ----------
    size
        Number of leaves.
    levels
        For each level of tiles the hashes behind the last tile that was dropped. What is full stays here until
        `settled` drops it, which may happen only after the tiles of this tree were written.
    """

    size: int = 0
    levels: tuple[tuple[bytes, ...], ...] = ()

    def extended(self, leaves: Sequence[bytes]) -> Tree:
        """Give the tree with more leaves."""
        first = self.levels[0] if self.levels else ()
        return Tree(self.size + len(leaves), ((*first, *leaves), *self.levels[1:]))

    def tiles(self) -> Iterator[Tile]:
        """Give every tile, full or partial, that the hashes here make up."""
        return (tile for tile, _ in self._walk)

    def settled(self) -> Tree:
        """Give the same tree without its full tiles."""
        levels: list[list[bytes]] = []
        for tile, upper in self._walk:
            while len(levels) <= tile.level:
                levels.append([])
            levels[tile.level] = [] if upper else list(tile.hashes)
        return Tree(self.size, tuple(tuple(level) for level in levels))

    @cached_property
    def root(self) -> bytes:
        """The tree hash."""
        edge: list[bytes] = []
        for level in self.settled().levels:
            frontier = Frontier()
            frontier.extend(level)
            edge = [*frontier.hashes, *edge]
        return Frontier(self.size, edge).root

    @cached_property
    def _walk(self) -> list[tuple[Tile, bool]]:
        return list(self._folded())

    def _folded(self) -> Iterator[tuple[Tile, bool]]:
        """Walk up the levels; a full tile, marked so, adds its hash to the level above."""
        level, count, carried = 0, self.size, list[bytes]()
        while count:
            hashes = [*(self.levels[level] if level < len(self.levels) else ()), *carried]
            first = (count - len(hashes)) // WIDTH
            carried = []
            for n in range(0, len(hashes), WIDTH):
                tile = Tile(level, first + n // WIDTH, tuple(hashes[n : n + WIDTH]))
                full = len(tile.hashes) == WIDTH
                if full:
                    carried.append(root(tile.hashes))
                yield tile, full
            level, count = level + 1, count // WIDTH


class TileReader:
    """Reads hashes of complete subtrees from tiles, for proofs in a tree of `size` leaves.

    Parameters
    ----------
    fetch
        Gives the bytes of a tile by its path, or None where there is no such tile.
    size
        The tree's size, which decides how wide partial tiles are.
    """

    def __init__(self, fetch: Callable[[str], bytes | None], size: int) -> None:
        self._size = size
        self._fetch = fetch
        self._cached = lru_cache(maxsize=64)(self._tile)

    def subtree(self, level: int, index: int) -> bytes:
        """Give the hash of the complete subtree over leaves ``[index * 2**level, (index + 1) * 2**level)``."""
        tile_level, inside = divmod(level, HEIGHT)
        first, count = index << inside, 1 << inside
        hashes = self._cached(tile_level, first // WIDTH)
        offset = first % WIDTH
        return root(hashes[offset : offset + count])

    def leaf(self, index: int) -> bytes:
        """Give one leaf hash."""
        return self.subtree(0, index)

    def root(self) -> bytes:
        """Give the tree hash."""
        return range_hash(0, self._size, self.subtree) if self._size else root([])

    def inclusion_proof(self, index: int) -> list[bytes]:
        """Prove one leaf, reading as many tiles as the tree has levels of them, and the right edge."""
        return [range_hash(low, high, self.subtree) for low, high in inclusion_ranges(index, self._size)]

    def consistency_proof(self, size: int) -> list[bytes]:
        """Prove that the tree of `size` leaves is the beginning of this one."""
        return [range_hash(low, high, self.subtree) for low, high in consistency_ranges(size, self._size)]

    def _tile(self, level: int, index: int) -> tuple[bytes, ...]:
        entries = self._size >> (HEIGHT * level)
        width = min(WIDTH, entries - index * WIDTH)
        path = tile_path(level, index, width)
        data = self._fetch(path)
        if data is None and width < WIDTH:  # a partial tile may be gone once its full one is there
            data = (self._fetch(tile_path(level, index)) or b"")[: width * HASH_BYTES]
        if data is None or len(data) != width * HASH_BYTES:
            raise IntegrityError(f"Expected {width} hashes in {path}; found another file or none")
        return tuple(data[n : n + HASH_BYTES] for n in range(0, len(data), HASH_BYTES))
