"""However many parts a file has, an inspection shows a bounded number, and each byte is still covered once."""

import random
import struct
from collections.abc import Iterator

import pytest

from bench.worst import CASES
from photogate.formats import limits
from photogate.inspection import Part, inspect
from photogate.inspection.budget import TOO_MANY, Budget
from photogate.inspection.tree import Search, goes, tiled
from tests.properties.test_inspect import check_cover

# Parts that a budget does not count: headers, values, what no part covers.
MOST = limits.MAX_PARTS + 4 * limits.MAX_PARTS_WITHIN


def every(parts: tuple[Part, ...]) -> Iterator[Part]:
    for part in parts:
        yield part
        yield from every(part.children)


@pytest.mark.parametrize(
    "name",
    [
        "jpeg: Exif blocks of 4,096 names of software",
        "jpeg: Exif blocks behind a scan",
        "jpeg: IPTC of empty data sets",
        "jpeg: Photoshop resources of nothing",
        "jpeg: XMP of names",
        "png: empty chunks",
        "png: many texts",
        "png: Exif blocks of 4,096 names of software",
        "gif: 65,000 empty comments",
        "webp: empty chunks",
    ],
)
def test_a_file_of_tiny_parts_is_shown_in_a_bounded_number_of_parts(name: str):
    data = CASES[name](1 << 21)
    found = inspect(data)
    check_cover(found.parts, 0, len(data))
    shown = list(every(found.parts))
    assert len(found.parts) <= limits.MAX_PARTS + 2
    assert limits.MAX_PARTS_WITHIN / 2 < len(shown) < MOST


@pytest.mark.parametrize(
    "name", ["jpeg: fill bytes before a marker", "jpeg: stuffed pairs between segments"], ids=["fill", "stuffed"]
)
def test_bytes_between_segments_are_one_part(name: str):
    data = CASES[name](1 << 16)
    found = inspect(data)
    check_cover(found.parts, 0, len(data))
    assert sum(part.name in ("fill bytes", "stray bytes") for part in found.parts) == 1


def test_what_is_beyond_the_bound_is_one_part_that_says_so():
    data = CASES["png: empty chunks"](1 << 20)
    last = inspect(data).parts[-1]
    assert (last.name, last.note) == ("further parts", TOO_MANY)
    assert last.offset + last.size == len(data)


def test_a_budget_gives_no_more_than_it_has():
    budget = Budget(5)
    assert list(budget.take(range(3))) == [0, 1, 2]
    assert budget.rest("padding") == "padding"
    assert list(budget.take(range(9))) == [0, 1]
    assert budget.spent
    assert budget.rest("padding") == TOO_MANY


def test_parts_that_overlap_are_each_given_what_is_left():
    many = random.Random(4)
    for _ in range(200):
        parts = [goes(str(i), many.randrange(-3, 30), many.randrange(12)) for i in range(8)]
        tiles = tiled(parts, 0, 25, "rest")
        owners = [next((p.name for p in parts if p.offset <= at < p.offset + p.size), "rest") for at in range(25)]
        assert [tile.name for tile in tiles for _ in range(tile.size)] == owners
        check_cover(tiles, 0, 25)


def test_a_large_carrier_that_many_pages_share_is_looked_into_only_so_often():
    budget = Budget()
    assert sum(budget.looks(1 << 24) for _ in range(2_000)) == limits.MAX_PARTS_WITHIN // 256


@pytest.mark.parametrize("kind", ["XMP", "ICC profile", "IPTC", "Photoshop"])
def test_pages_that_share_one_large_value_are_covered_once(kind: str):
    data = CASES[f"tiff: 1,999 pages with one large {kind}"](1 << 21)
    found = inspect(data)
    check_cover(found.parts, 0, len(data))
    assert len(list(every(found.parts))) < MOST + limits.MAX_TIFF_ENTRIES


class Counted(bytes):
    """Bytes that count how often they are searched."""

    searches = 0

    def find(self, *args):
        Counted.searches += 1
        return super().find(*args)


def test_parts_that_are_not_found_are_not_searched_for_without_end():
    new = Counted(b"abcdef" * 100)
    search = Search(new, 3_000)
    assert search.finds(b"abcdef")
    assert not any(search.finds(struct.pack(">I", i)) for i in range(1_000))
    assert Counted.searches <= 8
    assert search.finds(b"abc")  # what stands next is still told
