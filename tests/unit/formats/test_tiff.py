import io
import re
import struct
import zlib
from fractions import Fraction

import pytest
from PIL import Image, ImageSequence

from photogate.errors import ImageRefused, Reason
from photogate.findings import Evidence, Synthetic
from photogate.formats import limits, measure, strip
from photogate.inspection import inspect
from tests.unit.formats.carriers import tiff as carrier
from tests.unit.formats.carriers.tiff import ROWS, directory, long, short, text

SECRET = b"CANARY-of-this-test"


def picture(mode: str = "RGB", size: tuple[int, int] = (40, 30)) -> Image.Image:
    image = Image.linear_gradient("L").resize(size)
    return image.convert(mode) if mode != "CMYK" else image.convert("RGB").convert("CMYK")


def tiff(image: Image.Image | None = None, **options: object) -> bytes:
    out = io.BytesIO()
    (image or picture()).save(out, "TIFF", **options)
    return out.getvalue()


def pages(data: bytes) -> list[tuple[str, tuple[int, int], bytes]]:
    return [(p.mode, p.size, p.tobytes()) for p in ImageSequence.Iterator(Image.open(io.BytesIO(data)))]


def built(entries: dict[int, tuple[int, int, int]], rest: bytes, order: str = "<") -> bytes:
    """A classic TIFF of one page: entries by tag as (type, count, value), and what stands behind them."""
    head = (b"II" if order == "<" else b"MM") + struct.pack(order + "HI", 42, 8)
    table = struct.pack(order + "H", len(entries))
    for tag, (kind, count, value) in sorted(entries.items()):
        inline = struct.pack(order + "HH", value, 0) if kind == 3 else struct.pack(order + "I", value)
        table += struct.pack(order + "HHI", tag, kind, count) + inline
    return head + table + bytes(4) + rest


def grey(side: int, **more: tuple[int, int, int]) -> dict[int, tuple[int, int, int]]:
    tags = {256: side, 257: side, 258: 8, 259: 1, 262: 1, 277: 1, 278: side, 279: side * side}
    entries = {tag: (3, 1, value) for tag, value in tags.items()}
    entries |= {int(tag[1:]): value for tag, value in more.items()}
    entries[273] = (4, 1, 8 + 2 + 12 * (len(entries) + 1) + 4)
    return entries


@pytest.mark.parametrize(
    ("mode", "compression"),
    [
        ("RGB", None),
        ("RGB", "tiff_lzw"),
        ("RGB", "tiff_adobe_deflate"),
        ("RGB", "packbits"),
        ("RGB", "jpeg"),
        ("L", "zstd"),
        ("L", "lzma"),
        ("1", "group3"),
        ("1", "group4"),
        ("1", "tiff_ccitt"),
        ("P", "tiff_lzw"),
        ("RGBA", "tiff_lzw"),
        ("CMYK", None),
        ("I;16", None),
        ("F", "tiff_lzw"),
        ("LAB", None),
    ],
)
def test_pixels_stay_and_text_goes(mode: str, compression: str | None) -> None:
    image = picture("RGB").convert("LAB") if mode == "LAB" else picture(mode)
    data = tiff(image, compression=compression, tiffinfo={270: SECRET.decode(), 305: SECRET.decode()})
    new = strip(data)
    assert SECRET in data
    assert SECRET not in new.data
    assert pages(new.data) == pages(data)
    assert strip(new.data).data == new.data


@pytest.mark.parametrize("big", [False, True])
def test_every_page_stays(big: bool) -> None:
    data = tiff(picture(), save_all=True, append_images=[picture("L"), picture("1")], big_tiff=big)
    new = strip(data)
    assert len(pages(new.data)) == 3
    assert pages(new.data) == pages(data)
    assert new.data[:4] == data[:4]


@pytest.mark.parametrize("compression", ["tiff_lzw", "packbits", "group4", "tiff_adobe_deflate", None])
def test_bytes_behind_the_rows_of_a_strip_go(compression: str | None) -> None:
    image = picture("1" if compression == "group4" else "L")
    clean = tiff(image, compression=compression)
    tags = Image.open(io.BytesIO(clean)).tag_v2
    at, size = tags[273][0], tags[279][0]
    page = {tag: tags[tag] for tag in (256, 257, 259, 262, 277, 278) if tag in tags}
    entries = {tag: (3, 1, value) for tag, value in page.items()}
    entries[258] = (3, 1, 1 if compression == "group4" else 8)

    def with_tail(tail: bytes) -> bytes:
        mine = entries | {279: (4, 1, size + len(tail))}
        mine[273] = (4, 1, 8 + 2 + 12 * (len(mine) + 1) + 4)
        return built(mine, clean[at : at + size] + tail)

    new = strip(with_tail(SECRET)).data
    assert SECRET not in new
    assert new == strip(with_tail(b"")).data
    assert pages(new) == pages(clean)


def test_bytes_that_no_tag_refers_to_go() -> None:
    data = tiff()
    assert strip(data + SECRET).data == strip(data).data


def test_a_comment_within_a_jpeg_strip_goes() -> None:
    out = io.BytesIO()
    picture("L", (16, 16)).save(out, "JPEG", comment=SECRET)
    entries = grey(16, t259=(3, 1, 7), t279=(4, 1, len(out.getvalue())))
    data = built(entries, out.getvalue())
    new = strip(data).data
    assert SECRET not in new
    assert pages(new) == pages(data)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_stays(orientation: int) -> None:
    data = tiff(tiffinfo={274: orientation})
    assert strip(data).orientation == orientation
    assert Image.open(io.BytesIO(strip(data).data)).tag_v2[274] == orientation


def test_location_and_sub_images_are_named_by_category() -> None:
    data = tiff(tiffinfo={34853: {29: "2020:01:01"}, 315: "somebody"})
    assert {("location", "GPS IFD"), ("identity", "tag of a page")} <= {
        (str(r.category), r.where) for r in strip(data).removed
    }


def test_reduced_pages_go() -> None:
    out = io.BytesIO()
    picture().save(out, "TIFF", save_all=True, append_images=[picture("L", (8, 8))])
    data = bytearray(out.getvalue())
    assert len(pages(bytes(data))) == 2
    second = struct.unpack_from("<I", data, 4)[0]
    count = struct.unpack_from("<H", data, second)[0]
    second = struct.unpack_from("<I", data, second + 2 + 12 * count)[0]
    # the second page's first entry becomes OldSubfileType (255): reduced resolution
    for i in range(struct.unpack_from("<H", data, second)[0]):
        at = second + 2 + 12 * i
        if struct.unpack_from("<H", data, at)[0] == 284:
            struct.pack_into("<HHIHH", data, at, 255, 3, 1, 2, 0)
    new = strip(bytes(data))
    assert len(pages(new.data)) == 1
    assert ("thumbnail", "reduced page or mask") in {(str(r.category), r.where) for r in new.removed}


def test_a_chain_of_pages_that_returns_ends_there() -> None:
    data = bytearray(built(grey(4), bytes(range(16))))
    count = struct.unpack_from("<H", data, 8)[0]
    struct.pack_into("<I", data, 8 + 2 + 12 * count, 8)
    assert measure(bytes(data)).frames == 1
    assert len(pages(strip(bytes(data)).data)) == 1


def test_raw_data_of_a_camera_is_refused_by_name() -> None:
    data = built(grey(4, t50706=(4, 1, 1)), bytes(16))
    with pytest.raises(ImageRefused, match="raw data") as refused:
        strip(data)
    assert refused.value.refusal is Reason.UNSUPPORTED_FORMAT


@pytest.mark.parametrize(
    "change",
    [{"t256": (4, 1, 2**31)}, {"t279": (4, 1, 0), "t259": (3, 1, 5)}, {"t277": (3, 1, 0)}, {"t259": (3, 1, 999)}],
)
def test_what_cannot_be_a_picture_is_refused(change: dict[str, tuple[int, int, int]]) -> None:
    with pytest.raises(ImageRefused):
        strip(built(grey(4, **change), bytes(16)))


def test_every_truncation_is_refused_or_stripped_clean() -> None:
    data = tiff(picture("L", (8, 8)), compression="tiff_adobe_deflate")
    whole = strip(data).data
    for size in range(len(data)):
        try:
            assert len(strip(data[:size]).data) <= len(whole)
        except ImageRefused:
            continue


def test_inspect_tells_which_tags_stay() -> None:
    found = inspect(tiff(tiffinfo={270: "somebody"})).parts
    page = next(part for part in found if part.name == "IFD0")
    stays = {tag.name: tag.stays for tag in page.children}
    assert stays["ImageWidth"]
    assert not stays["ImageDescription"]


def tiled(side: int, tile: int, rows: list[bytes], **more: int) -> bytes:
    """A grey picture of `side` x `side` in tiles, each coded as in `rows`."""
    tags = {256: side, 257: side, 258: 8, 259: 1, 262: 1, 277: 1, 322: tile, 323: tile}
    tags |= {int(tag[1:]): value for tag, value in more.items()}
    entries = {tag: (3, 1, value) for tag, value in tags.items()}
    at = 8 + 2 + 12 * (len(entries) + 2) + 4
    entries |= {324: (4, len(rows), at), 325: (4, len(rows), at + 4 * len(rows))}
    places = [at + 8 * len(rows) + sum(map(len, rows[:i])) for i in range(len(rows))]
    rest = struct.pack(f"<{2 * len(rows)}I", *places, *map(len, rows)) + b"".join(rows)
    return built(entries, rest)


@pytest.mark.parametrize("compression", [1, 8])
@pytest.mark.parametrize("predictor", [1, 2])
def test_a_tile_beyond_the_border_of_the_picture_is_cleared(compression: int, predictor: int) -> None:
    # 24 x 24 pixels in tiles of 16 x 16: of the last tile 8 x 8 pixels show
    tiles = [bytes((i * 40 + j) % 251 for j in range(256)) for i in range(4)]
    hidden = (SECRET * 20)[:128]
    tiles[3] = tiles[3][:128] + hidden
    tiles[1] = b"".join(tiles[1][16 * y : 16 * y + 8] + SECRET[:8] for y in range(16))
    coded = [zlib.compress(t) for t in tiles] if compression == 8 else tiles
    data = tiled(24, 16, coded, t259=compression, **({"t317": predictor} if compression == 8 else {}))
    new = strip(data).data
    assert pages(new) == pages(data)
    assert strip(new).data == new
    with Image.open(io.BytesIO(new)) as image:
        places, sizes = image.tag_v2[324], image.tag_v2[325]
    again = [new[at : at + size] for at, size in zip(places, sizes, strict=True)]
    plain = [zlib.decompress(t) for t in again] if compression == 8 else again
    assert plain[0] == tiles[0]
    assert plain[1] == b"".join(tiles[1][16 * y : 16 * y + 8] + bytes(8) for y in range(16))
    assert plain[3][128:] == bytes(128)


def test_bits_behind_the_last_pixel_of_a_row_are_cleared() -> None:
    entries = grey(9, _258=(3, 1, 1), _279=(3, 1, 18))
    marked, clean = b"\xa5\xff" * 9, b"\xa5\x80" * 9
    assert strip(built(entries, marked)).data == strip(built(entries, clean)).data
    reversed_bits = entries | {266: (3, 1, 2)}
    reversed_bits[273] = (4, 1, entries[273][2] + 12)
    assert b"\xa5\x01" * 9 in strip(built(reversed_bits, marked)).data


@pytest.mark.parametrize(
    ("mode", "compression"),
    [
        ("1", "group3"),
        ("1", "group4"),
        ("RGB", "tiff_lzw"),
        ("RGB", "packbits"),
        ("RGB", "tiff_adobe_deflate"),
        ("L", "zstd"),
        ("P", "tiff_lzw"),
    ],
)
def test_coded_rows_whose_bits_stand_the_other_way_round_keep_their_pixels(mode: str, compression: str) -> None:
    data = tiff(picture(mode), compression=compression, tiffinfo={266: 2})
    with Image.open(io.BytesIO(data)) as image:
        assert image.tag_v2[266] == 2
    new = strip(data).data
    assert pages(new) == pages(data)
    assert strip(new).data == new


def test_colours_are_told_where_bits_stand_the_other_way_round() -> None:
    entries = grey(8, _258=(3, 1, 4), _262=(3, 1, 3), _266=(3, 1, 2), _279=(3, 1, 32))
    entries[320] = (3, 48, entries[273][2] + 12)
    entries[273] = (4, 1, entries[320][2] + 96)
    palette = [257 * (5 * i + 3) for i in range(48)]
    new = strip(built(entries, struct.pack("<48H", *palette) + b"\xc8" * 32)).data  # 3 and 1, their bits turned round
    with Image.open(io.BytesIO(new)) as image:
        assert [i for i, value in enumerate(image.tag_v2[320][:16]) if value] == [1, 3]
    assert b"\xc8" * 32 in new


def colour_map(entries: dict[int, tuple[int, int, int]]) -> bytes:
    """Give a palette's entries a place in front of the rows, and its numbers."""
    entries[320] = (3, 768, entries[273][2] + 12)
    entries[273] = (4, 1, entries[320][2] + 1536)
    return struct.pack("<768H", *(i % 65_536 for i in range(7, 7 + 768 * 81, 81)))


def test_colours_of_a_palette_stay_where_rows_are_coded_as_jpeg() -> None:
    out = io.BytesIO()
    picture("L", (16, 16)).save(out, "JPEG")
    entries = grey(16, _259=(3, 1, 7), _262=(3, 1, 3), _279=(3, 1, len(out.getvalue())))
    palette = colour_map(entries)
    assert palette in strip(built(entries, palette + out.getvalue())).data


def test_colours_are_told_without_the_predictor_that_packbits_has_not() -> None:
    entries = grey(4, _259=(3, 1, 32773), _262=(3, 1, 3), _279=(3, 1, 17), _317=(3, 1, 2))
    palette = colour_map(entries)
    data = built(entries, palette + b"\x0f" + bytes(range(9, 25)))
    with Image.open(io.BytesIO(data)) as before, Image.open(io.BytesIO(strip(data).data)) as after:
        assert after.convert("RGB").tobytes() == before.convert("RGB").tobytes()


def test_each_page_is_said_to_be_a_picture_of_its_own() -> None:
    pages_of = [picture() for _ in range(2)]
    data = tiff(pages_of[0], save_all=True, append_images=pages_of[1:], compression="jpeg", tiffinfo={254: 2})
    with Image.open(io.BytesIO(strip(data).data)) as image:
        for page in range(2):
            image.seek(page)
            assert image.tag_v2[254] == 0


@pytest.mark.parametrize("compression", [None, "tiff_lzw", "packbits", "tiff_adobe_deflate"])
def test_colours_that_no_pixel_uses_go(compression: str | None) -> None:
    image = Image.new("P", (9, 9), 3)
    image.putpixel((4, 4), 7)
    image.putpalette(bytes((i * 7 + 1) % 256 for i in range(768)))
    data = tiff(image, compression=compression)
    new = strip(data).data
    with Image.open(io.BytesIO(data)) as before, Image.open(io.BytesIO(new)) as after:
        assert after.convert("RGB").tobytes() == before.convert("RGB").tobytes()
        kept = {i % 256 for i, value in enumerate(after.tag_v2[320]) if value}
    assert kept == {3, 7}
    assert strip(new).data == new


def test_fractions_are_written_as_short_ones() -> None:
    entries = grey(4)
    at = entries[273][2] + 24 + 16
    entries |= {282: (5, 1, at), 283: (5, 1, at + 8), 273: (4, 1, at - 16)}
    text = b"CANARY7f"
    new = strip(built(entries, bytes(16) + text + struct.pack("<II", 3_000_000, 10_000))).data
    assert text not in new
    with Image.open(io.BytesIO(new)) as image:
        assert abs(image.tag_v2[282] - struct.unpack("<I", text[:4])[0] / struct.unpack("<I", text[4:])[0]) < 1e-3
        assert image.tag_v2[283] == 300


def test_pixels_that_read_as_canons_mark_are_no_raw_file() -> None:
    # found by fuzzing: a stripped file's rows start at byte 8
    image = picture("L")
    for x, value in enumerate(b"CR"):
        image.putpixel((x, 0), value)
    once = strip(tiff(image)).data
    assert once[8:10] == b"CR"
    assert strip(once).data == once


def test_a_colour_of_hidden_bits_alone_is_unused_the_first_time():
    """Found by fuzzing: the second look met a palette with a colour less."""
    palette = struct.pack("<48H", *range(0x7F00, 0x7F30))
    tags = grey(4) | {262: (3, 1, 3), 258: (3, 1, 4), 256: (3, 1, 3), 279: (3, 1, 8), 320: (3, 48, 0)}
    at = 8 + 2 + 12 * len(tags) + 4
    tags |= {273: (4, 1, at), 320: (3, 48, 0)}
    data = bytearray(built(tags, b"\x11\x1f" * 4 + palette))
    entry = data.index(struct.pack("<HHI", 320, 3, 48))
    data[entry + 8 : entry + 12] = struct.pack("<I", at + 8)
    once = strip(bytes(data)).data
    assert strip(once).data == once
    assert struct.pack("<H", 0x7F01) in once
    assert struct.pack("<H", 0x7F0F) not in once


def test_colours_without_a_word_on_subsampling_are_one_a_pixel_where_there_are_as_many_bytes() -> None:
    entries = grey(16, _258=(3, 1, 8), _262=(3, 1, 6), _277=(3, 1, 3), _279=(3, 1, 768))
    rows = bytes(i % 251 for i in range(768))
    assert rows in strip(built(entries, rows)).data
    entries[279] = (3, 1, 384)
    assert rows[:384] in strip(built(entries, rows)).data
    assert rows[:385] not in strip(built(entries, rows)).data


def test_compressed_colours_without_a_word_on_subsampling_are_refused_where_their_bytes_do_not_tell() -> None:
    """Found by fuzzing: a tail made the strip as long as rows of one colour a pixel, and the new strip was not."""
    entries = grey(16, _258=(3, 1, 8), _259=(3, 1, 8), _262=(3, 1, 6), _277=(3, 1, 3), _279=(3, 1, 767))
    coded = zlib.compress(bytes(i % 251 for i in range(384)))
    assert strip(built(entries, coded + bytes(767 - len(coded)))).data
    entries[279] = (3, 1, 768)
    with pytest.raises(ImageRefused, match="subsampling"):
        strip(built(entries, coded + bytes(768 - len(coded))))


def parts_of(jpeg: bytes) -> tuple[dict[int, bytes], bytes]:
    """Take Pillow's JPEG apart: tables by class and number (quantization 0 and 1, DC 2 and 3, AC 4 and 5), and scan."""
    tables, at = {}, 2
    while jpeg[at + 1] != 0xDA:
        size = int.from_bytes(jpeg[at + 2 : at + 4], "big")
        body = jpeg[at + 4 : at + 2 + size]
        while jpeg[at + 1] in (0xDB, 0xC4) and body:
            quantization = jpeg[at + 1] == 0xDB
            end = 65 if quantization else 17 + sum(body[1:17])
            tables[(body[0] & 1) + (0 if quantization else 4 if body[0] >> 4 else 2)] = body[1:end]
            body = body[end:]
        at += 2 + size
    return tables, jpeg[at + 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big") : -2]


def loose(image: Image.Image, change: dict[int, tuple[int, int, int]] | None = None) -> bytes:
    """Old-style JPEG whose tables and strips of 8 rows stand apart."""
    out = io.BytesIO()
    image.save(out, "JPEG", subsampling=0, restart_marker_rows=1)
    tables, scan = parts_of(out.getvalue())
    strips = re.split(rb"\xff[\xd0-\xd7]", scan)
    rest, places = b"", []
    at = 8 + 2 + 12 * 15 + 4
    for part in (*strips, *(tables[i] for i in range(6))):
        places.append(at + len(rest))
        rest += part
    count = len(strips)
    arrays = {273: places[:count], 279: [len(s) for s in strips], 258: [8] * 3, 530: [1, 1]}
    for tag, first in ((519, 0), (520, 2), (521, 4)):
        arrays[tag] = [places[count + first], *[places[count + first + 1]] * 2]
    tags = {256: image.width, 257: image.height, 259: 6, 262: 6, 277: 3, 278: 8, 284: 1, 512: 1}
    entries = {tag: (3, 1, value) for tag, value in tags.items()}
    for tag, values in arrays.items():
        entries[tag] = (4, len(values), at + len(rest))
        rest += struct.pack(f"<{len(values)}I", *values)
    return built(entries | (change or {}), rest)


def test_old_jpeg_whose_parts_stand_apart_is_put_together_and_keeps_its_pixels() -> None:
    data = loose(picture("RGB", (40, 30)))
    new = strip(data).data
    assert pages(new) == pages(data)
    assert strip(new).data == new
    assert strip(data + SECRET).data == new


@pytest.mark.parametrize(
    "change", [{512: (3, 1, 14)}, {515: (3, 1, 5)}, {278: (3, 1, 12)}, {519: (4, 3, 9_999_999)}, {520: (4, 1, 8)}]
)
def test_parts_of_old_jpeg_that_do_not_fit_are_refused(change: dict[int, tuple[int, int, int]]) -> None:
    with pytest.raises(ImageRefused):
        strip(loose(picture("RGB", (40, 30)), change))


def test_strips_of_old_jpeg_that_use_the_same_bytes_are_refused() -> None:
    data = loose(picture("RGB", (40, 30)))
    counts = struct.pack("<4I", *[len(data)] * 4)
    at = int.from_bytes(data[data.index(struct.pack("<HHI", 279, 4, 4)) + 8 :][:4], "little")
    with pytest.raises(ImageRefused, match="each byte once"):
        strip(data[:at] + counts + data[at + 16 :])


def below(tag: int, tags: carrier.Tags, big: bool = False, order: str = "<") -> bytes:
    """A page that refers to a directory of `tags`."""
    at = len(carrier.tiff(big=big, order=order)) + 200
    data = carrier.tiff(more={tag: long(at, order=order)}, big=big, order=order)
    return data.ljust(at, b"\0") + directory(tags, at, big, order)


EXIF = {
    36867: text(b"2024:05:01 10:00:00\0"),
    37500: (7, 9, b"MakerNote"),
    37510: (7, 28, b"ASCII\0\0\0Stable Diffusion xx\0"),
    42036: text(b"LensModel 50mm\0"),
    0xA430: text(b"John Owner\0"),
}


@pytest.mark.parametrize(("big", "order"), [(False, "<"), (False, ">"), (True, "<"), (True, ">")])
def test_what_an_exif_directory_holds_is_told_by_category(big: bool, order: str) -> None:
    found = strip(below(34665, EXIF, big, order))
    assert {(str(r.category), r.where): r.count for r in found.removed} == {
        ("time", "Exif IFD"): 1,
        ("comment", "Exif IFD"): 1,
        ("device", "Exif IFD"): 1,
        ("identity", "Exif IFD"): 1,
        ("device", "MakerNote"): 1,
        ("identity", "MakerNote"): 1,
    }
    assert found.provenance.synthetic is Synthetic.YES
    assert found.provenance.evidence == (Evidence.GENERATOR,)


def test_each_entry_of_a_gps_directory_is_a_location() -> None:
    found = strip(below(34853, {1: text(b"N\0"), 2: (5, 1, bytes(8)), 11: text(b"stable diffusion\0")}))
    assert [(str(r.category), r.where, r.count) for r in found.removed] == [("location", "GPS IFD", 3)]
    assert found.provenance.synthetic is Synthetic.UNKNOWN


@pytest.mark.parametrize("place", [0, 8, 1 << 30])
def test_an_exif_directory_that_is_none_counts_as_one(place: int) -> None:
    removed = strip(carrier.tiff(more={34665: long(place)})).removed
    assert ("other", "Exif IFD") in {(str(r.category), r.where) for r in removed}


def test_exif_directories_that_refer_to_each_other_are_read_once_and_within_bounds() -> None:
    at = len(carrier.tiff()) + 200
    tags = {40965: long(at), 36867: text(b"2024\0")}
    assert [r.count for r in strip(below(34665, tags)).removed] == [1]
    many = {tag: short(1) for tag in range(40_000, 60_000)}
    assert sum(r.count for r in strip(below(34665, many)).removed) <= limits.MAX_ENTRIES_READ


def test_a_c2pa_store_is_read_before_it_goes() -> None:
    store = b"\0\0\0\x20jumbhttp://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
    found = strip(carrier.tiff(more={52545: (7, len(store), store)}))
    assert [(str(r.category), r.where) for r in found.removed] == [("provenance", "C2PA tag")]
    assert found.provenance.synthetic is Synthetic.YES
    assert found.provenance.c2pa
    assert store not in found.data


@pytest.mark.parametrize(
    ("tag", "value"),
    [
        (270, text(b"made with Midjourney\0")),
        (271, text(b'prompt:{"1": {}}\0')),
        (272, text(b'workflow:{"1": {}}\0')),
        (305, text(b"ComfyUI\0")),
        (40092, (1, 40, "Stable Diffusion 1.5".encode("utf-16-le"))),
    ],
)
def test_generators_sign_in_tags_of_a_page(tag: int, value: tuple[int, int, bytes]) -> None:
    assert strip(carrier.tiff(more={tag: value})).provenance.synthetic is Synthetic.YES


def coded(image: Image.Image, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, "JPEG", **options)
    return out.getvalue()


JPEG = {256: short(64), 257: short(8), 278: short(8), 259: short(7)}


@pytest.mark.parametrize(
    "more",
    [
        {},
        {278: long(256)},
        {259: short(6), 513: long(8), 514: long(10_000)},
        {322: short(64), 323: short(16), 324: long(8), 325: long(10_000)},
    ],
)
def test_rows_of_a_jpeg_strip_or_tile_that_no_decoder_shows_are_refused(more: carrier.Tags) -> None:
    data = coded(picture("L", (64, 256)))
    with pytest.raises(ImageRefused, match="64 x"):
        strip(carrier.tiff(data.ljust(10_000, b"\0"), {**JPEG, **more}, without=(273, 279) if 322 in more else ()))


def test_columns_of_a_jpeg_strip_that_no_decoder_shows_are_refused() -> None:
    data = coded(picture("L", (72, 8)))
    with pytest.raises(ImageRefused, match="found one of 72 x 8"):
        strip(carrier.tiff(data, JPEG))


def test_a_jpeg_strip_may_end_with_its_last_row_of_mcus() -> None:
    data = coded(picture("RGB", (79, 31)), subsampling=2)
    page = {**JPEG, 257: short(16), 278: short(16), 277: short(3), 258: short(8, 8, 8), 262: short(6)}
    new = strip(carrier.tiff(data, page)).data
    assert strip(new).data == new
    with pytest.raises(ImageRefused, match="80 x 31"):
        strip(carrier.tiff(coded(picture("RGB", (80, 31)), subsampling=2), page))
    with pytest.raises(ImageRefused, match="79 x 32"):
        strip(carrier.tiff(coded(picture("RGB", (79, 32)), subsampling=2), page))


def test_the_last_jpeg_strip_may_be_as_high_as_the_others() -> None:
    first, last = coded(picture("L", (64, 64))), coded(picture("L", (64, 64)).rotate(180))
    places = {273: long(8, 8 + len(first)), 279: long(len(first), len(last))}
    data = carrier.tiff(first + last, {**JPEG, 257: short(80), 278: short(64), **places})
    new = strip(data).data
    assert pages(new) == pages(data)
    assert strip(new).data == new


def test_tail_and_damage_of_lzma_rows() -> None:
    data = tiff(picture("L", (40, 30)), compression="lzma")
    with Image.open(io.BytesIO(data)) as image:
        at, size = image.tag_v2[273][0], image.tag_v2[279][0]
    rows = data[at : at + size]
    page = {256: short(40), 257: short(30), 278: short(30), 259: short(34925)}
    new = strip(carrier.tiff(rows, page)).data
    assert strip(carrier.tiff(rows + SECRET, page)).data == new
    assert pages(new) == pages(data)
    for damaged in (rows[:-30], rows[:40], b"\0" + rows[1:], SECRET):
        with pytest.raises(ImageRefused):
            strip(carrier.tiff(damaged, page))


def fractions(*values: tuple[int, int]) -> tuple[int, int, bytes]:
    return 5, len(values), b"".join(struct.pack("<II", *value) for value in values)


def written(data: bytes) -> dict[int, object]:
    new = strip(data).data
    assert strip(new).data == new
    with Image.open(io.BytesIO(new)) as image:
        return dict(image.tag_v2)


SECRET_NUMBER = int.from_bytes(b"SECR", "little")


def test_resolutions_have_three_decimals_and_are_bounded() -> None:
    tags = written(
        carrier.tiff(more={282: fractions((SECRET_NUMBER, 99_991)), 283: fractions((72_009_123, 1_000_000))})
    )
    assert tags[282] == Fraction(round(SECRET_NUMBER / 9_999.1), 10)
    assert tags[283] == Fraction(72_009, 1000)
    assert 282 not in written(carrier.tiff(more={282: fractions((SECRET_NUMBER, 3))}))
    assert 282 not in written(carrier.tiff(more={282: fractions((1, 10_000))}))


def test_numbers_of_colour_are_no_finer_than_colour_needs() -> None:
    d65 = ((312_713_377, 1_000_000_000), (329, 1000))
    tags = written(carrier.tiff(more={318: fractions(*d65), 319: fractions(*[(SECRET_NUMBER, 99_991)] * 6)}))
    assert tags[318] == (Fraction(31_271, 100_000), Fraction(329, 1000))
    assert 319 not in tags
    page = {262: short(6), 277: short(3), 258: short(8, 8, 8), 530: short(1, 1)}
    page |= {529: fractions((299, 1000), (587, 1000), (SECRET_NUMBER, 0xFFFFFFFF))}
    black = fractions((0, 1), (255, 1), (128, 1), (255, 1), (128, 1), (SECRET_NUMBER, 99_991_000))
    tags = written(carrier.tiff(ROWS * 3, {**page, 532: black}))
    assert tags[529][:2] == (Fraction(299, 1000), Fraction(587, 1000))
    assert tags[529][2].denominator <= 100_000
    assert tags[532][:5] == (0, 255, 128, 255, 128)
    assert tags[532][5] == Fraction(round(SECRET_NUMBER / 999_910), 100)
    assert 532 not in written(carrier.tiff(ROWS * 3, {**page, 532: fractions(*[(256, 1)] * 6)}))


def test_a_depth_that_is_none_is_refused_before_it_is_counted_with() -> None:
    """Found by fuzzing: the largest value of a sample of 4,294,967,295 bits."""
    for depth in (0xFFFFFFFF, 0):
        with pytest.raises(ImageRefused, match="bits a sample"):
            strip(carrier.tiff(more={258: long(depth), 282: fractions((300, 1))}))


def test_rows_per_strip_say_no_more_than_the_rows_of_the_page() -> None:
    assert written(carrier.tiff(more={278: long(SECRET_NUMBER)}))[278] == 8
    assert written(carrier.tiff(more={278: long(8), 323: long(SECRET_NUMBER)})).keys().isdisjoint({322, 323})
    tile = {322: short(16), 323: short(16), 324: long(8), 325: long(256), 278: long(SECRET_NUMBER)}
    data = carrier.tiff(bytes(range(256)), tile, without=(273, 279))
    assert 278 not in written(data)
    assert pages(strip(data).data) == pages(data)


@pytest.mark.parametrize(("compression", "predictor", "stays"), [(1, 2, True), (1, 0x4553, False), (7, 2, False)])
def test_a_predictor_is_one_of_the_standard_and_none_of_jpeg(compression: int, predictor: int, stays: bool) -> None:
    rows = coded(picture("L", (8, 8))) if compression == 7 else ROWS
    assert (317 in written(carrier.tiff(rows, {259: short(compression), 317: short(predictor)}))) is stays


def test_sparse_tiles_are_zero_and_no_header_of_the_file() -> None:
    tile = {256: short(32), 322: short(16), 323: short(16), 324: long(0, 8), 325: long(0, 256)}
    new = strip(carrier.tiff(bytes(range(256)), tile, without=(273, 278, 279))).data
    assert strip(new).data == new
    with Image.open(io.BytesIO(new)) as image:
        assert image.crop((0, 0, 16, 8)).tobytes() == bytes(128)
        assert image.crop((16, 0, 32, 8)).tobytes() == bytes(range(128))


def test_a_sparse_page_of_nothing_is_refused_where_its_zeros_would_be_too_many() -> None:
    page = {256: long(16_000), 257: long(16_000), 278: long(16_000), 273: long(0), 279: long(0)}
    with pytest.raises(ImageRefused, match="sparse"):
        strip(carrier.tiff(more=page))


@pytest.mark.parametrize("tag", [32997, 32998])
def test_volumes_are_refused_by_name(tag: int) -> None:
    assert strip(carrier.tiff(more={tag: long(1)})).data
    with pytest.raises(ImageRefused, match="volume") as refused:
        strip(carrier.tiff(more={tag: long(2)}))
    assert refused.value.refusal is Reason.UNSUPPORTED_FORMAT
