"""Our claim in one picture: what can hide in a file of each format, and that none of it survives.

Each carrier stands for a place where the standard lets bytes be, with a secret in it. A file that decoders show must be
stripped, show the same, and hold the secret nowhere; one that decoders refuse may be refused, and must hold it nowhere.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from photogate.errors import ImageRefused
from photogate.formats import strip
from tests.unit.formats.carriers import bmp, gif, heif, jpeg, kit, png, tiff, webp

MODULES: tuple[ModuleType, ...] = (jpeg, png, webp, gif, bmp, tiff, heif)
PLANTED = [
    pytest.param(data, getattr(module, "shown", kit.shown), id=f"{module.__name__.rpartition('.')[2]}: {name}")
    for module in MODULES
    for name, data in module.carriers()
]


@pytest.mark.parametrize(("data", "shown"), PLANTED)
def test_nothing_that_was_planted_survives_and_the_picture_stays(
    data: bytes, shown: Callable[[bytes], list[object]]
) -> None:
    picture = shown(data)
    try:
        new = strip(data).data
    except ImageRefused:
        assert not picture
        return
    assert not kit.is_found(new)
    assert not picture or shown(new) == picture
    assert strip(new).data == new


def tails() -> dict[str, list[bytes]]:
    """Files that differ in one tail only, by the place of it."""
    found: dict[str, list[bytes]] = {}
    for planted in PLANTED:
        place, numbers = re.subn(r" tail \d ", " tail ", str(planted.id))
        if numbers:
            found.setdefault(place, []).append(planted.values[0])  # type: ignore[arg-type]
    return found


@pytest.mark.parametrize("files", [pytest.param(files, id=place) for place, files in tails().items()])
def test_of_a_tail_not_even_its_length_stays(files: list[bytes]) -> None:
    assert len(files) > 2
    assert len({strip(data).data for data in files}) == 1


def restarts(by: int) -> bytes:
    """A JPEG whose third restart marker has another number."""
    at = jpeg.RESTARTS.index(b"\xff\xd2")
    return jpeg.RESTARTS[: at + 1] + bytes((0xD0 + (2 + by) % 8,)) + jpeg.RESTARTS[at + 2 :]


SAME = {
    "pixels of a T.6 tile beyond the picture": tuple(
        tiff.fax_tile(b"".join(b"\0" + hidden[15 * y : 15 * y + 15] for y in range(16)))
        for hidden in (bytes(240), kit.TAILS[4][:240])
    ),
    "names of JPEG components": (jpeg.PLAIN, jpeg.named(jpeg.PLAIN, b"Ada")),
    "numbers of restart markers": (jpeg.RESTARTS, restarts(4)),
    "bits that align empty blocks": tuple(
        png.changed(png.PLAIN, b"IDAT", png.aligned(secret)) for secret in (bytes(12), kit.SECRET)
    ),
    "bits behind the pixels of an interlaced picture": tuple(
        png.drawn(2, 0, 3, 2, b"".join(b"\0" + spare[i : i + 1] for i in range(4)), interlace=1)
        for spare in (bytes(4), b"\x3f\x3f\x3f\x03")
    ),
}


@pytest.mark.parametrize("files", [pytest.param(files, id=place) for place, files in SAME.items()])
def test_files_that_differ_where_nothing_shows_become_the_same(files: tuple[bytes, ...]) -> None:
    assert len(set(files)) == 2
    assert kit.shown(files[0]) == kit.shown(files[1])
    assert strip(files[0]).data == strip(files[1]).data


def test_a_restart_marker_at_which_decoders_leave_data_out_is_refused() -> None:
    with pytest.raises(ImageRefused, match="restart markers in order"):
        strip(restarts(1))


def test_the_documentation_counts_what_is_planted() -> None:
    page = (Path(__file__).parents[3] / "docs" / "formats.md").read_text()
    rows = [int(count) for count in re.findall(r"^\| [A-Za-z, ]+ \| (\d+) \| \d+ \| 0 \| 0 \|$", page, re.MULTILINE)]
    assert rows == [len(list(module.carriers())) for module in MODULES]


def test_the_secret_is_found_in_every_way_in_which_it_can_be_written() -> None:
    for hidden in (kit.SECRET, kit.WIDE, kit.SECRET.decode().encode("utf-16-le"), kit.PACKED):
        assert kit.is_found(b"in front" + hidden + b"behind")
    assert kit.is_found(png.drawn(8, 0, 12, 1, b"\0" + kit.SECRET))
    assert kit.is_found(png.changed(png.PLAIN, b"IDAT", png.aligned(kit.SECRET)))
    assert not kit.is_found(jpeg.PLAIN + png.PLAIN + webp.LOSSLESS)
