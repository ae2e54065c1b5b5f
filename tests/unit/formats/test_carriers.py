"""Our claim in one picture: what can hide in a file of each format, and that none of it survives.

Each carrier stands for a place where the standard lets bytes be, with a secret in it. A file that decoders show must be
stripped, show the same, and hold the secret nowhere; one that decoders refuse may be refused, and must hold it nowhere.
"""

from __future__ import annotations

import re
from collections.abc import Callable
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


def test_the_secret_is_found_in_every_way_in_which_it_can_be_written() -> None:
    for hidden in (kit.SECRET, kit.WIDE, kit.SECRET.decode().encode("utf-16-le"), kit.PACKED):
        assert kit.is_found(b"in front" + hidden + b"behind")
    assert kit.is_found(png.drawn(8, 0, 12, 1, b"\0" + kit.SECRET))
    assert kit.is_found(png.changed(png.PLAIN, b"IDAT", png.aligned(kit.SECRET)))
    assert not kit.is_found(jpeg.PLAIN + png.PLAIN + webp.LOSSLESS)
