"""The tables of docs/formats.md against the code: what each says is kept is what the second readers accept."""

import io
import re
import struct
from pathlib import Path

import pytest
from PIL import Image

from photogate.errors import ImageRefused
from photogate.findings import Evidence, MetadataCategory
from photogate.formats import icc, isobmff, jpeg_verify, strip, tiff
from photogate.formats.container import INSTEAD, ImageFormat
from photogate.formats.jpeg_verify import verify as verify_jpeg
from photogate.formats.png_fields import AFTER_PALETTE, BEFORE_PALETTE
from photogate.inspection import Part, inspect, names

PAGE = (Path(__file__).parents[3] / "docs" / "formats.md").read_text()


def rows(chapter: str) -> list[list[str]]:
    """Give the cells of the tables of a chapter, without their heads."""
    body = PAGE.split(f"\n## {chapter}\n")[1].split("\n## ")[0]
    lines = [line for line in body.splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in line[1:-1].split("|")] for line in lines]
    assert cells
    return [row for row in cells if row[0] not in ("part", "kind", "category", "evidence", "of a file", "carrier")]


def named(chapter: str, *verdicts: str) -> set[str]:
    """Give the names in the first column of the rows whose last column starts with one of the verdicts."""
    found: set[str] = set()
    for row in rows(chapter):
        if row[-1].startswith(verdicts):
            found |= set(re.split(r"[\s,;()`]+", row[0])) - {""}
    return found


def test_each_row_has_a_part_a_clause_and_a_verdict():
    containers = ("JPEG", "PNG and APNG", "WebP", "GIF", "BMP", "HEIC, HEIF and AVIF", "TIFF and BigTIFF")
    for chapter in (*containers, "ICC profiles"):
        for row in rows(chapter):
            assert len(row) == 3, row
            assert all(row), row


KEPT = ("kept", "replaced", "one chunk", "canvas", "version", "rebuilt", "0:")


def test_png_chunks_that_stay_are_those_of_the_code():
    chunks = {"IHDR", "PLTE", "IDAT", "IEND", "fcTL", "fdAT"}
    chunks |= {kind.decode() for kind in (*BEFORE_PALETTE, *AFTER_PALETTE)}
    assert named("PNG and APNG", *KEPT) == chunks
    assert not named("PNG and APNG", "dropped") & chunks


def test_webp_chunks_that_stay_are_those_of_the_code():
    image, file = Image.new("RGBA", (9, 9), "#12345678"), io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    image.save(file, "WEBP", exif=exif, save_all=True, append_images=[Image.new("RGBA", (9, 9), "#87654321")])
    told = named("WebP", *KEPT) - {"RIFF", "header"}
    seen = {part.name for part in every(inspect(strip(file.getvalue()).data).parts)}
    assert told == {"VP8X", "VP8", "VP8L", "ALPH", "ANIM", "ANMF", "ICCP", "EXIF"}
    assert {"VP8X", "ANIM", "ANMF", "EXIF"} <= seen & told
    assert not named("WebP", "dropped") & told


def every(parts: tuple[Part, ...]) -> list[Part]:
    return [found for part in parts for found in (part, *every(part.children))]


MARKERS = {
    0xE0: "APP0",
    0xE1: "APP1",
    0xE2: "APP2",
    0xEE: "APP14",
    0xDB: "DQT",
    0xC0: "SOF0",
    0xC1: "SOF1",
    0xC2: "SOF2",
}


def test_jpeg_segments_that_stay_are_those_of_the_second_reader():
    assert set(MARKERS) == set(jpeg_verify.ORDER)
    assert set(MARKERS.values()) | {"SOI", "EOI", "DHT", "DRI", "SOS"} <= named("JPEG", *KEPT)


@pytest.mark.parametrize(
    ("row", "marker", "body"),
    [
        ("APP0 JFXX", 0xE0, b"JFXX\0\x10"),
        ("APP1 XMP", 0xE1, b"http://ns.adobe.com/xap/1.0/\0<x/>"),
        ("APP2 MPF", 0xE2, b"MPF\0"),
        ("APP2 ISO 21496-1", 0xE2, b"urn:iso:std:iso:ts:21496:-1\0"),
        ("APP11 JUMBF", 0xEB, b"JP\0\1"),
        ("APP13 Photoshop", 0xED, b"Photoshop 3.0\0"),
        ("COM", 0xFE, b"text"),
        ("DNL", 0xDC, b"\0\x10"),
        ("JPGn", 0xF0, b"text"),
    ],
)
def test_jpeg_segments_that_go_are_refused_by_the_second_reader(row: str, marker: int, body: bytes):
    assert any(row in cells[0] and cells[-1].startswith("dropped") for cells in rows("JPEG"))
    file = io.BytesIO()
    Image.new("RGB", (9, 9)).save(file, "JPEG")
    clean = strip(file.getvalue()).data
    segment = bytes((0xFF, marker)) + struct.pack(">H", len(body) + 2) + body
    with pytest.raises(ImageRefused):
        verify_jpeg(clean[:2] + segment + clean[2:])
    assert strip(clean[:2] + segment + clean[2:]).data == clean


def test_tiff_tags_that_stay_are_those_of_the_code():
    told = named("TIFF and BigTIFF", *KEPT, "each stream", "where one stream", "only where a policy")
    told |= {"ICC", "profile"}
    inner = {"JPEGTables", "JPEGInterchangeFormat", "JPEGInterchangeFormatLength"}  # rewritten with their streams
    for tag in tiff.STAYS:
        name = names.TIFF[tag]
        assert name in inner or set(name.split()) <= told, name
    assert not named("TIFF and BigTIFF", "dropped") & {names.TIFF[tag] for tag in tiff.STAYS}


def test_item_properties_that_stay_are_those_of_the_code():
    told = named("HEIC, HEIF and AVIF", "kept")
    assert {kind.decode() for kind in isobmff.INSIDE[b"ipco"][1]} <= told
    assert not {kind.decode() for kind in isobmff.INSIDE[b"ipco"][1]} & named("HEIC, HEIF and AVIF", "dropped")


def test_icc_tags_that_stay_are_those_of_the_code():
    told = named("ICC profiles", "kept")
    told |= {f"{name}{i}" for name in ("A2B", "B2A") for i in range(3) if f"{name}0-2" in told}
    assert {name.decode() for name in icc.RENDERING} <= told
    assert not {name.decode() for name in icc.RENDERING} & named("ICC profiles", "dropped", "demanded")


def test_the_report_names_every_category_and_kind_of_evidence():
    assert {row[0].strip("`") for row in rows("The report")} == {*map(str, MetadataCategory), *map(str, Evidence)}


def test_every_kind_that_is_refused_has_its_row():
    words = " ".join(" ".join(row) for row in rows("Refused")).lower()
    shown = {
        ImageFormat.JXL: "jpeg xl",
        ImageFormat.JP2: "jpeg 2000",
        ImageFormat.RAW: "raw",
        ImageFormat.ARCHIVE: "archive",
    }
    for kind in INSTEAD:
        assert shown.get(kind, str(kind)) in words, kind
