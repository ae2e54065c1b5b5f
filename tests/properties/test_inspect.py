"""Whatever the bytes: the tree covers each of them once, tells what goes as `strip` does, and shows no value."""

import io
from collections.abc import Iterator
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from photogate.formats import strip
from photogate.inspection import Part, inspect
from tests.noise import noise
from tests.properties.test_strip import FILES, SETTINGS, built, mutated
from tests.unit.formats.carriers import kit
from tests.unit.formats.test_carriers import MODULES

SECRET = b"Qz7SecretNameOfSomebody"


def with_metadata() -> list[bytes]:
    """A file of each format whose carriers are full: Exif with GPS and maker's note, XMP, text, comments, a tail."""
    exif = Image.Exif()
    text = SECRET.decode()
    exif[0x010F] = exif[0x013B] = exif[0x8298] = exif[0x010E] = text
    exif[0x0112] = 6
    exif.get_ifd(0x8825)[29] = text
    exif.get_ifd(0x8769)[37500] = SECRET
    packet = b'<x:xmpmeta><rdf:RDF><rdf:Description %s:%s="%s" dc:title="%s"/></rdf:RDF></x:xmpmeta>' % ((SECRET,) * 4)
    made = []
    for kind, options in (
        ("JPEG", {"comment": SECRET, "xmp": packet}),
        ("PNG", {}),
        ("WEBP", {"xmp": packet}),
        ("WEBP", {"xmp": packet, "lossless": True}),
        ("AVIF", {"xmp": packet, "speed": 10}),
        ("TIFF", {"tiffinfo": {270: text, 315: text, 700: packet, 65000: text}}),
        ("GIF", {"comment": SECRET}),
    ):
        file = io.BytesIO()
        plain = {} if kind in ("GIF", "TIFF") else {"exif": exif}
        noise((17, 11), "P" if kind == "GIF" else "RGB").save(file, kind, **plain, **options)
        made.append(file.getvalue() + SECRET)
    return made


FULL = with_metadata()


def every(parts: tuple[Part, ...]) -> Iterator[Part]:
    for part in parts:
        yield part
        yield from every(part.children)


def check_cover(parts: tuple[Part, ...], start: int, end: int) -> None:
    """Each byte of the range belongs to exactly one part, and so on within each part that has children."""
    at = start
    for part in parts:
        assert part.offset == at, f"{part.name} starts at {part.offset}, expected {at}"
        assert part.size > 0
        assert part.stays == (part.category is None)
        if part.children:
            check_cover(part.children, at, at + part.size)
            assert part.stays or not any(child.stays for child in every(part.children))
        at += part.size
    assert at == end


def leaving(parts: tuple[Part, ...]) -> list[str]:
    return [part.name for part in every(parts) if not part.stays]


@SETTINGS
@given(st.one_of(mutated(), built()))
def test_parts_cover_a_file_without_gap_or_overlap(data: bytes):
    found = inspect(data)
    check_cover(found.parts, 0, len(data))


@SETTINGS
@given(st.one_of(mutated(), built()))
def test_of_a_stripped_file_nothing_goes(data: bytes):
    if inspect(data).refusal is None:
        new = strip(data).data
        parts = inspect(new).parts
        assert leaving(parts) == []
        assert [part.name for part in every(parts) if part.rebuilt] == []


def test_what_is_said_to_go_is_not_in_the_new_file():
    for data in FULL:
        found, new = inspect(data), strip(data).data
        check_cover(found.parts, 0, len(data))
        gone = [part for part in every(found.parts) if not part.stays and not part.children and part.size >= 12]
        assert gone
        for part in gone:
            assert data[part.offset : part.offset + part.size] not in new, part.name


def test_what_holds_the_secret_is_said_to_go():
    for data in FULL:
        kept = [part for part in every(inspect(data).parts) if part.stays and not part.children]
        for part in kept:
            assert SECRET not in data[part.offset : part.offset + part.size], part.name


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__.rpartition(".")[2])
def test_what_is_said_to_stay_as_it_is_hides_nothing_that_was_planted(module: ModuleType):
    for name, data in module.carriers():
        found = inspect(data)
        check_cover(found.parts, 0, len(data))
        assert kit.SECRET.decode() not in repr(found.parts), name
        if found.refusal is not None:
            continue
        for part in every(found.parts):
            if part.stays and not part.rebuilt and not part.children:
                assert kit.SECRET not in data[part.offset : part.offset + part.size], f"{name}: {part.name}"


def test_no_name_or_note_of_a_part_comes_from_the_file():
    for data in [*FULL, *FILES]:
        shown = repr(inspect(data).parts).lower()
        assert SECRET.decode().lower() not in shown


def test_a_refused_file_is_shown_as_far_as_it_can_be_read():
    data = next(data for data in FULL if data[:2] == b"\xff\xd8").replace(b"\xff\xc0", b"\xff\xc9")
    found = inspect(data)
    assert found.refusal is not None
    assert "arithmetic" in str(found.refusal)
    assert {"APP1 Exif", "COM", "SOF9"} <= {part.name for part in found.parts}
    assert any(part.name == "GPS IFD" for part in every(found.parts))
    check_cover(found.parts, 0, len(data))
