"""Tiles hold the tree: their paths are the specification's, and every proof can be made from them."""

from __future__ import annotations

import pytest

from photogate.audit.merkle import inclusion_proof, leaf_hash, root
from photogate.audit.tiles import TileReader, Tree, tile_path
from photogate.errors import IntegrityError

LEAVES = [leaf_hash(n.to_bytes(4, "big")) for n in range(70_000)]


def written(size: int, step: int) -> tuple[Tree, dict[str, bytes]]:
    """Grow a tree in steps, writing its tiles after each."""
    tree, files = Tree(), {}
    for low in range(0, size, step):
        tree = tree.settled().extended(LEAVES[low : min(low + step, size)])
        for tile in tree.tiles():
            assert files.setdefault(tile.path, tile.data) == tile.data
    return tree, files


def test_paths_are_in_groups_of_three_digits() -> None:
    assert tile_path(0, 0) == "tile/0/000"
    assert tile_path(0, 1234067) == "tile/0/x001/x234/067"
    assert tile_path(1, 5, 17) == "tile/1/005.p/17"


@pytest.mark.parametrize(("size", "step"), [(1, 1), (255, 7), (256, 256), (257, 300), (1000, 1), (3000, 999)])
def test_the_root_is_the_tree_s_however_it_grew(size: int, step: int) -> None:
    tree, files = written(size, step)
    assert tree.size == size
    assert tree.root == root(LEAVES[:size]) == TileReader(files.get, size).root()
    assert tree.settled().root == tree.root


def test_the_empty_tree_has_a_root_and_no_tiles() -> None:
    assert Tree().root == root([])
    assert list(Tree().tiles()) == []


def test_tiles_of_three_levels_give_every_proof() -> None:
    size = 66_000  # 65,536 + 464: a full tile on level 1, so an entry on level 2
    tree, files = written(size, 33_000)
    assert tile_path(2, 0, 1) in files
    assert tree.root == root(LEAVES[:size])
    for index in (0, 255, 256, 65_535, 65_536, size - 1):
        reader = TileReader(files.get, size)
        assert reader.inclusion_proof(index) == inclusion_proof(index, size, LEAVES)
        assert reader.leaf(index) == LEAVES[index]


def test_a_proof_reads_a_handful_of_tiles() -> None:
    _, files = written(66_000, 33_000)
    read: list[str] = []

    def fetch(path: str) -> bytes | None:
        read.append(path)
        return files.get(path)

    TileReader(fetch, 66_000).inclusion_proof(12_345)
    assert len(read) <= 6


def test_what_was_not_settled_is_written_again_and_what_was_is_gone() -> None:
    tree = Tree().extended(LEAVES[:600])
    assert [tile.path for tile in tree.tiles()] == ["tile/0/000", "tile/0/001", "tile/0/002.p/88", "tile/1/000.p/2"]
    assert [tile.path for tile in tree.settled().tiles()] == ["tile/0/002.p/88", "tile/1/000.p/2"]
    assert [len(level) for level in tree.settled().levels] == [88, 2]


def test_a_tile_that_is_missing_or_short_is_named() -> None:
    _, files = written(300, 300)
    files["tile/0/000"] = files["tile/0/000"][:-1]
    with pytest.raises(IntegrityError, match="tile/0/000"):
        TileReader(files.get, 300).inclusion_proof(0)
