"""What the worst inputs cost is bounded: each was found by bench/worst.py, and is here as a small one."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageDraw

from photogate.errors import ImageRefused, Reason
from photogate.findings import MetadataCategory
from photogate.formats import c2pa, deflate, heif_report, limits, strip, tiff_segments, vp8, webp_scan
from photogate.formats.checked import Budget
from photogate.formats.container import Context
from photogate.formats.png_rows import Header, Work, cleared
from photogate.inspection import inspect
from tests import heif_builder
from tests.unit.formats.carriers import tiff


def saved(kind: str, image: Image.Image, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, 2 + len(body)) + body


def chunk(kind: bytes, body: bytes = b"") -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def exif(orientation: int, more: int) -> bytes:
    entries = struct.pack("<HHIHH", 0x0112, 3, 1, orientation, 0) + struct.pack("<HHII", 0x0131, 2, 2, 0) * more
    return b"II*\0\x08\0\0\0" + struct.pack("<H", 1 + more) + entries + bytes(4)


PHOTO = Image.linear_gradient("L").resize((64, 48))
JPEG = saved("JPEG", PHOTO)


def pixels(data: bytes) -> bytes:
    with Image.open(io.BytesIO(data)) as image:
        return image.tobytes()


@pytest.mark.parametrize("between", [b"\xff" * 5000, b"\xff\0" * 5000, b"\xff" * 4999 + b"\0" + b"\xff\0\xff" * 3])
def test_fill_and_strays_between_segments_are_passed_over(between):
    assert strip(JPEG[:2] + between + JPEG[2:]).data == strip(JPEG).data


def test_beyond_the_entries_that_are_read_the_orientation_still_counts():
    many = limits.MAX_ENTRIES_READ // 4000 + 1
    chunks = chunk(b"eXIf", exif(1, 4000)) * many + chunk(b"eXIf", exif(6, 4000))
    png = saved("PNG", PHOTO)
    found = strip(png[:33] + chunks + png[33:])
    assert found.orientation == 6  # decoders take the last
    counts = {(r.category, r.where): r.count for r in found.removed}
    assert counts[MetadataCategory.DEVICE, "eXIf chunk IFD0"] <= limits.MAX_ENTRIES_READ + 4000
    assert counts[MetadataCategory.OTHER, "eXIf chunk"] >= 1


def test_data_sets_of_all_blocks_together_are_counted_up_to_a_bound():
    block = b"\x1c\x02\x50\0\0" * 4000
    sized = b"Photoshop 3.0\08BIM\x04\x04\0\0" + struct.pack(">I", len(block)) + block
    found = strip(JPEG[:2] + segment(0xED, sized) * 12 + JPEG[2:])
    assert sum(r.count for r in found.removed if "IPTC" in r.where) <= limits.MAX_ENTRIES_READ + 12  # one a block
    assert MetadataCategory.IDENTITY in {r.category for r in found.removed}


def test_words_of_a_c2pa_store_are_found_behind_its_pictures():
    picture = struct.pack(">I", 8 + 5000) + b"bidb" + b"instanceID" * 500
    context = Context()
    c2pa.read(picture * 3 + b'"EXIF:GPSLatitude" digitalsourcetype/trainedAlgorithmicMedia', context, "store")
    counts = {r.category: r.count for r in context.tally.removed()}
    assert counts[MetadataCategory.LOCATION] == 1
    assert MetadataCategory.IDENTITY not in counts  # those words stood in pictures
    assert context.provenance().synthetic == "yes"


def test_a_raw_profile_is_read_as_far_as_its_bound():
    digits = exif(6, 1).hex().encode()
    text = b"Raw profile type exif\0\nexif\n 1\n" + digits + b"z" * (2 * limits.MAX_RAW_PROFILE)
    png = saved("PNG", PHOTO)
    assert strip(png[:33] + chunk(b"tEXt", text) + png[33:]).orientation == 6


def test_scans_that_refine_nothing_are_counted_with_those_that_they_refine(monkeypatch):
    progressive = saved("JPEG", Image.effect_noise((128, 128), 60), progressive=True)
    size = 128 * 128
    scans = progressive.count(b"\xff\xda")
    strip(progressive)
    # As many pixels as the scans have alone: those that refine need those before once more.
    monkeypatch.setattr(limits, "checked_pixels", lambda _: scans * size)
    with pytest.raises(ImageRefused, match="over all scans"):
        strip(progressive)


def test_a_small_file_may_have_fewer_pixels_checked_than_a_large_one():
    assert limits.checked_pixels(1) == limits.MAX_CHECKED_PIXELS
    assert limits.checked_pixels(7 << 20) == limits.MAX_CHECKED_PIXELS_A_BYTE * (7 << 20)
    assert limits.checked_pixels(1 << 40) == limits.MAX_CHECKED_PIXELS_TOTAL
    assert limits.checked_whole_pixels(1) == limits.MAX_CHECKED_WHOLE
    assert limits.checked_whole_pixels(2 << 20) == limits.MAX_CHECKED_WHOLE_A_BYTE * (2 << 20)


def test_an_avif_of_too_many_pixels_is_refused_before_they_are_decoded(monkeypatch):
    avif = saved("AVIF", Image.new("RGB", (64, 64), "#334455"), speed=10)
    strip(avif)
    monkeypatch.setattr(limits, "checked_whole_pixels", lambda _: 64 * 64 - 1)
    with pytest.raises(ImageRefused, match="pixels in all"):
        strip(avif)


def test_restart_markers_of_nothing_are_not_listed():
    jpeg = saved("JPEG", PHOTO, restart_marker_blocks=1)
    at = jpeg.index(b"\xff\xda")
    at += 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big")
    with pytest.raises(ImageRefused):
        strip(jpeg[:at] + b"".join(bytes((0xFF, 0xD0 + i % 8)) for i in range(200_000)) + b"\xff\xd9")


def test_a_webp_of_too_many_pixels_is_refused_before_one_is_decoded(monkeypatch):
    webp = saved("WEBP", Image.new("RGB", (64, 64)), lossless=True)
    monkeypatch.setattr(limits, "checked_webp_pixels", lambda _: 64 * 64)
    monkeypatch.setattr(webp_scan, "_Decoder", lambda *_: pytest.fail("a decode"))
    with pytest.raises(ImageRefused, match="pixels in all"):
        strip(webp)


def decodes(monkeypatch: pytest.MonkeyPatch, data: bytes) -> tuple[bytes, int, int]:
    """Strip a WebP, and count decodes, and those of them that failed: these cost a third."""
    taken, failed = [], []
    take, give_back = Budget.take, Budget.give_back
    with monkeypatch.context() as patch:
        patch.setattr(Budget, "take", lambda self, n: (taken.append(n), take(self, n))[1])
        patch.setattr(Budget, "give_back", lambda self, n: (failed.append(n), give_back(self, n))[1])
        return strip(data).data, len(taken), len(failed)


@pytest.mark.parametrize("lossless", [False, True])
@pytest.mark.parametrize("quality", [1, 30, 75, 95])
def test_a_webp_costs_few_decodes(monkeypatch, lossless, quality):
    picture = Image.effect_noise((64, 64), 60).convert("RGB")
    once, first, short = decodes(monkeypatch, saved("WEBP", picture, lossless=lossless, quality=quality))
    assert first - short <= 4  # the picture; all partitions without what was flushed; perhaps one, and the other
    assert short <= 3  # each without one byte more, and perhaps both at once
    twice, again, short = decodes(monkeypatch, once)
    assert twice == once
    assert again - short <= 3
    assert short <= 2


def page(size: tuple[int, int]) -> Image.Image:
    image = Image.new("RGB", size, "white")
    for y in range(20, size[1], 100):
        ImageDraw.Draw(image).text((20, y), "A scanned page with some text on it " * 4, fill="black")
    return image


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_a_page_that_is_almost_blank_may_have_its_pixels_checked(monkeypatch, mode):
    monkeypatch.setattr(limits, "MAX_CHECKED_WHOLE", 1)  # what a small file may have; a large page needs more
    picture = page((1250, 1000)).convert(mode)
    if mode == "RGBA":
        picture.putalpha(Image.linear_gradient("L").resize(picture.size).point(lambda value: value // 64 * 64))
    data = saved("WEBP", picture, quality=75, method=0)
    assert pixels(strip(data).data) == pixels(data)


def test_an_animation_of_key_frames_may_have_its_pixels_checked(monkeypatch):
    monkeypatch.setattr(limits, "MAX_CHECKED_WHOLE", 1)
    frames = [Image.new("RGB", (640, 360), "white") for _ in range(12)]
    for i, frame in enumerate(frames):
        ImageDraw.Draw(frame).rectangle((i * 15, 100, i * 15 + 60, 160), fill="red")
    data = saved("WEBP", frames[0], save_all=True, append_images=frames[1:], duration=50, method=0, kmin=0, kmax=1)
    assert data.count(b"VP8 ") == 12
    assert strip(data).data.count(b"VP8 ") == 12


def partitioned(more: bytes, size: tuple[int, int] = (16, 16)) -> bytes:
    """Give the coded data of a picture with bytes behind each partition."""
    data = saved("WEBP", Image.effect_noise(size, 60).convert("RGB"))
    head, *parts = vp8.partitions(data[20 : 20 + int.from_bytes(data[16:20], "little")])
    return vp8.joined([head, *(part + more for part in parts)])


def webp_of(*chunks: tuple[bytes, bytes]) -> bytes:
    body = b"".join(kind + struct.pack("<I", len(data)) + data + bytes(len(data) & 1) for kind, data in chunks)
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body


def test_more_behind_a_partition_than_any_picture_needs_is_cut_before_it_is_decoded(monkeypatch):
    lengths = []
    call = webp_scan._Decoder.__call__
    monkeypatch.setattr(
        webp_scan._Decoder,
        "__call__",
        lambda self, alpha, coded: (lengths.append(len(coded)), call(self, alpha, coded))[1],
    )
    strip(webp_of((b"VP8 ", partitioned(b"\1\2\3\4" * 50_000))))
    assert lengths[0] > 400_000
    assert max(lengths[1:]) < 20_000


def blank(side: int, behind: int) -> bytes:
    picture = saved("WEBP", Image.new("RGB", (side, side)), lossless=True, method=0)
    return webp_of((b"VP8L", picture[20:] + b"x" * behind))


def test_much_behind_a_webp_is_looked_for_from_the_beginning(monkeypatch):
    new, taken, _ = decodes(monkeypatch, blank(64, 1_000_000))
    assert new == strip(blank(64, 0)).data
    assert taken <= 12


def test_bytes_that_no_pixel_depends_on_buy_no_decodes(monkeypatch):
    monkeypatch.setattr(limits, "MAX_CHECKED_WHOLE", 5 * 512 * 512)
    with pytest.raises(ImageRefused, match="pixels in all"):
        strip(blank(512, 1_000_000))
    assert pixels(strip(blank(512, 0)).data) == pixels(blank(512, 0))


def test_decodes_that_look_for_what_hides_in_many_frames_are_dear():
    side, control = (15).to_bytes(3, "little"), (10).to_bytes(3, "little") + b"\0"
    coded = partitioned(b"\1\2\3\4" * 150)
    frame = bytes(6) + 2 * side + control + b"VP8 " + struct.pack("<I", len(coded)) + coded + bytes(len(coded) & 1)
    head = [(b"VP8X", b"\2\0\0\0" + 2 * side), (b"ANIM", bytes(6))]
    assert len(strip(webp_of(*head, *[(b"ANMF", frame)] * 20)).data) < 20_000
    with pytest.raises(ImageRefused, match="pixels in all"):
        strip(webp_of(*head, *[(b"ANMF", frame)] * 150))


def test_a_webp_of_very_few_bytes_and_very_many_pixels_is_refused_before_one_is_decoded(monkeypatch):
    bits, at = 0x2F | 6_999 << 8 | 6_999 << 22, 43  # 7,000 x 7,000 without transforms, cache or groups (RFC 9649 3.4)
    for _ in range(5):
        bits, at = bits | 1 << at, at + 4  # a prefix code of one symbol of one bit (RFC 9649 3.7.2.1.1)
    monkeypatch.setattr(webp_scan, "_Decoder", lambda *_: pytest.fail("a decode"))
    with pytest.raises(ImageRefused, match="bytes of their image"):
        strip(webp_of((b"VP8L", bits.to_bytes(16, "little"))))
    assert limits.coded_pixels(32) == limits.MAX_BLANK_PIXELS
    assert limits.coded_pixels(100_000) == limits.MAX_PIXELS_A_CODED_BYTE * 100_000


def test_a_small_webp_may_have_fewer_pixels_checked_than_a_large_one():
    assert limits.checked_webp_pixels(1) == limits.MAX_CHECKED_WHOLE
    assert limits.checked_webp_pixels(90_000) == limits.MAX_CHECKED_WEBP_A_BYTE * 90_000
    assert limits.checked_webp_pixels(500_000) == limits.MAX_CHECKED_WEBP
    assert limits.checked_webp_pixels(2_000_000) == limits.MAX_CHECKED_WHOLE_A_BYTE * 2_000_000
    assert limits.checked_webp_pixels(1 << 40) == limits.MAX_CHECKED_PIXELS_TOTAL


def test_rows_of_all_frames_share_what_may_be_done_to_them():
    header = Header(1, 100, 1, 0, 0)
    rows = [memoryview(zlib.compress(b"\0\x7f" * 100))]
    work = Work(rows=250)
    for _ in range(2):
        assert zlib.decompress(b"".join(cleared(rows, header, 1, 100, work, Context()))) == bytes(200)
    with pytest.raises(ImageRefused, match="rows with bits"):
        cleared(rows, header, 1, 100, work, Context())


def palette_animation(kind: int, entries: int) -> bytes:
    """Make two frames of 100 rows of the first colour."""
    ihdr = chunk(b"IHDR", struct.pack(">IIBBBBB", 99, 100, 8, 3, 0, 0, 0)) + chunk(b"PLTE", bytes(3 * entries))
    rows = zlib.compress((bytes((kind,)) + bytes(99)) * 100)
    control = [chunk(b"fcTL", struct.pack(">IIIIIHHBB", n, 99, 100, 0, 0, 1, 10, 0, 0)) for n in (0, 1)]
    frames = control[0] + chunk(b"IDAT", rows) + control[1] + chunk(b"fdAT", struct.pack(">I", 2) + rows)
    return b"\x89PNG\r\n\x1a\n" + ihdr + chunk(b"acTL", struct.pack(">II", 2, 0)) + frames + chunk(b"IEND")


def test_filtered_rows_of_all_frames_share_what_may_be_followed(monkeypatch):
    monkeypatch.setattr(limits, "followed_bytes", lambda _: 100 * 100)
    assert strip(palette_animation(0, 2)).data  # rows without a filter cost nothing
    with pytest.raises(ImageRefused, match="filtered rows"):
        strip(palette_animation(1, 2))
    monkeypatch.setattr(limits, "followed_bytes", lambda _: 2 * 100 * 100)
    assert strip(palette_animation(1, 2)).data


def test_rows_are_followed_until_all_colours_are_found(monkeypatch):
    monkeypatch.setattr(limits, "followed_bytes", lambda _: 100 * 100)
    assert strip(palette_animation(1, 1)).data


def test_a_small_file_may_have_fewer_rows_followed_than_a_large_one():
    assert limits.followed_bytes(1) == limits.MAX_FOLLOWED
    assert limits.followed_bytes(1 << 30) == limits.MAX_FOLLOWED_A_BYTE << 30


@pytest.mark.parametrize("kind", [3, 4])
def test_filters_are_undone_as_the_standard_says(kind):
    values = np.random.default_rng(kind).integers(0, 256, (20, 8), dtype=np.uint8)
    coded, above = [], np.zeros(8, np.uint8)
    for row in values:
        line = [kind]
        for i, value in enumerate(row):
            left, corner, up = (int(row[i - 1]), int(above[i - 1])) * (i > 0) or (0, 0), 0, int(above[i])
            left, corner = left
            guess = (left + up) // 2
            if kind == 4:
                estimate = left + up - corner
                guess = min((left, up, corner), key=lambda n, e=estimate: abs(e - n))
            line.append(int(value) - guess & 0xFF)
        coded.append(bytes(line))
        above = row
    header = Header(61, 20, 1, 0, 0)  # three spare bits a row
    new = cleared([memoryview(zlib.compress(b"".join(coded)))], header, 61, 20, Work(), Context())
    ihdr = chunk(b"IHDR", struct.pack(">IIBBBBB", 61, 20, 1, 0, 0, 0, 0))
    png = b"\x89PNG\r\n\x1a\n" + ihdr + chunk(b"IDAT", b"".join(new)) + chunk(b"IEND")
    with Image.open(io.BytesIO(png)) as image:
        shown = np.array(image)
    assert (shown == np.unpackbits(values, axis=1)[:, :61].astype(bool)).all()


def test_a_bitmap_of_too_many_runs_is_refused(monkeypatch):
    body = b"\1\2" * 9 + b"\0\1"
    palette = bytes(1024)
    head = struct.pack("<2sIHHI", b"BM", 54 + 1024 + len(body), 0, 0, 54 + 1024)
    bmp = head + struct.pack("<IiiHHIIiiII", 40, 9, 1, 1, 8, 1, len(body), 0, 0, 0, 0) + palette + body
    strip(bmp)
    monkeypatch.setattr(limits, "MAX_RUNS", 8)
    with pytest.raises(ImageRefused, match="at most 8 run-length codes"):
        strip(bmp)


@pytest.mark.parametrize("compression", ["tiff_lzw", "packbits", "group4", "zstd"])
def test_strips_are_decoded_together_and_are_what_they_are_alone(monkeypatch, compression):
    image = Image.effect_noise((40, 203), 80)
    image = image.convert("1") if compression == "group4" else image
    file = saved("TIFF", image, compression=compression, strip_size=(5 if compression == "group4" else 40) * 10)
    opened = []
    through = tiff_segments._through_libtiff
    monkeypatch.setattr(
        tiff_segments, "_through_libtiff", lambda strips, *rest: (opened.append(len(strips)), through(strips, *rest))[1]
    )
    together = strip(file).data
    assert opened == [20, 1] * 2  # the last has fewer rows; and once more for the second look
    monkeypatch.setattr(tiff_segments, "_AT_ONCE", 0)
    assert strip(file).data == together
    assert pixels(together) == pixels(file)


@pytest.mark.parametrize("numpy_is_worth_it", [False, True])
def test_colours_behind_a_predictor_are_added_up(monkeypatch, numpy_is_worth_it):
    monkeypatch.setattr(tiff_segments, "numpy_for", lambda _: np if numpy_is_worth_it else None)
    monkeypatch.setattr(tiff_segments, "_SUMMED", 70)  # several pieces
    rows = np.random.default_rng(5).integers(0, 256, (11, 30), dtype=np.uint8)
    expected = {int(v) for row in rows for v in np.cumsum(row[::2], dtype=np.uint64) & 0xFF}
    colours: set[int] = set()
    shape = tiff_segments.Shape(30, 11, 15, step=2)
    coded = zlib.compress(rows.tobytes())
    assert list(tiff_segments.recode([(coded, shape)], 8, {317: 2}, b"", True, colours)) == [coded]
    assert colours == expected


@pytest.mark.parametrize("rows", [3, 40])
def test_what_a_tile_holds_beyond_the_picture_is_cleared_by_rows_and_by_columns(rows):
    data = np.full((rows, 16), 255, np.uint8)
    shape = tiff_segments.Shape(16, rows, 16, seen_bits=8 * 5 + 3, seen_rows=rows - 1)
    (new,) = tiff_segments.recode([(data.tobytes(), shape)], 1, {}, b"", True)
    expected = np.zeros((rows, 16), np.uint8)
    expected[: rows - 1, :5], expected[: rows - 1, 5] = 255, 0b1110_0000
    assert new == expected.tobytes()


def pages(count: int, value: bytes) -> bytes:
    """Make pages of one pixel that share one XMP packet."""
    base = {256: 1, 257: 1, 258: 8, 259: 1, 262: 1, 273: 8, 279: 1}
    length = 2 + 12 * (len(base) + 1) + 4
    entries = [struct.pack("<HHII", tag, 4, 1, n) for tag, n in base.items()]
    entries.append(struct.pack("<HHII", 700, 7, len(value), 8 + count * length))
    table = struct.pack("<H", len(entries)) + b"".join(entries)
    links = [8 + (i + 1) * length if i + 1 < count else 0 for i in range(count)]
    return b"II*\0\x08\0\0\0" + b"".join(table + struct.pack("<I", link) for link in links) + value


def test_pages_may_share_a_value_but_not_without_end():
    value = b"x" * (1 << 20)
    assert strip(pages(3, value)).data
    with pytest.raises(ImageRefused, match="pages that share"):
        strip(pages(40, value))


def test_directories_of_too_many_entries_are_refused(monkeypatch):
    strip(pages(5, b"x" * 9))
    monkeypatch.setattr(limits, "MAX_TIFF_ENTRIES", 39)
    with pytest.raises(ImageRefused, match="entries in all directories"):
        strip(pages(5, b"x" * 9))


def test_jpeg_strips_and_their_tables_are_bounded(monkeypatch):
    image = Image.effect_noise((32, 64), 60)
    file = saved("TIFF", image, compression="jpeg", strip_size=32 * 16)
    strip(file)
    monkeypatch.setattr(limits, "MAX_JPEG_TABLES", 8)
    with pytest.raises(ImageRefused, match="JPEG tables"):
        strip(file)
    monkeypatch.undo()
    monkeypatch.setattr(limits, "MAX_JPEG_STRIPS", 3)
    monkeypatch.setattr(limits, "MAX_STRIPS", 9)
    with pytest.raises(ImageRefused, match="strips and tiles"):
        strip(file)


def test_a_strip_may_be_blank_up_to_a_size_and_dense_beyond():
    assert limits.strip_bytes(1) == limits.MAX_STRIP_BYTES
    assert limits.strip_bytes(8 << 20) == limits.MAX_STRIP_INFLATION * (8 << 20)
    assert limits.strip_bytes(100 << 20) == 8 * (100 << 20)


def shared_strips(strip_of: bytes, compression: int, many: int, **more: tuple[int, int, bytes]) -> bytes:
    """Make a page of `many` strips of 64 x 64 samples of a byte, which four pieces stand for."""
    places = tiff.long(*[8 + len(strip_of) * (i % 4) for i in range(many)])
    tags = {256: tiff.long(64), 257: tiff.long(64 * many), 278: tiff.long(64), 259: tiff.short(compression)}
    tags |= {int(tag[1:]): value for tag, value in more.items()}
    return tiff.tiff(strip_of * 4, {**tags, 273: places, 279: tiff.long(*[len(strip_of)] * many)})


def one_strip(image: Image.Image, compression: str) -> bytes:
    data = saved("TIFF", image, compression=compression, strip_size=1 << 20)
    with Image.open(io.BytesIO(data)) as written:
        (at,), (size,) = written.tag_v2[273], written.tag_v2[279]
    return data[at : at + size]


@pytest.mark.parametrize(
    ("compression", "name"), [(5, "tiff_lzw"), (8, "tiff_adobe_deflate"), (50000, "zstd"), (34925, "lzma")]
)
def test_strips_of_all_a_file_are_decoded_within_one_bound(monkeypatch, compression, name):
    few = shared_strips(one_strip(Image.new("L", (64, 64)), name), compression, 6)
    assert strip(few).data
    monkeypatch.setattr(limits, "decoded_bytes", lambda _: 6 * 64 * 64 // 8)
    with pytest.raises(ImageRefused, match="decoded size"):
        strip(few)


def test_pixels_of_ccitt_are_decoded_within_a_bound(monkeypatch):
    few = shared_strips(one_strip(Image.new("1", (64, 64)), "group4"), 4, 6, _258=tiff.short(1))
    monkeypatch.setattr(limits, "decoded_pixels", lambda _: 6 * 64 * 64 + 64)
    assert strip(few).data
    monkeypatch.setattr(limits, "decoded_pixels", lambda _: 6 * 64 * 64 - 1)
    with pytest.raises(ImageRefused, match="decoded size"):
        strip(few)


def test_each_start_of_a_decoder_has_a_price(monkeypatch):
    one, two = (one_strip(Image.new("L", (n, 1)), "tiff_lzw") for n in (1, 2))
    places = [8 if i % 2 == 0 else 8 + len(one) for i in range(64)]
    tags = {256: tiff.short(1), 257: tiff.short(1), 258: tiff.short(*[8, 16] * 32), 259: tiff.short(5)}
    tags |= {277: tiff.short(64), 278: tiff.short(1), 284: tiff.short(2), 273: tiff.long(*places)}
    planes = tiff.tiff(one + two, {**tags, 279: tiff.long(*[len(one), len(two)] * 32)})
    assert strip(planes).data
    opened = []
    through = tiff_segments._through_libtiff
    monkeypatch.setattr(tiff_segments, "_through_libtiff", lambda *all_: (opened.append(1), through(*all_))[1])
    monkeypatch.setattr(limits, "decoded_bytes", lambda _: 10 * tiff_segments._LIBTIFF_START)
    with pytest.raises(ImageRefused, match="decoded size"):
        strip(planes)
    assert len(opened) < 10


def test_strips_of_lzma_cost_no_start_of_libtiff(monkeypatch):
    strips = shared_strips(one_strip(Image.effect_noise((64, 64), 60), "lzma"), 34925, 6)
    monkeypatch.setattr(limits, "decoded_bytes", lambda _: tiff_segments._LIBTIFF_START)
    monkeypatch.setattr(tiff_segments, "_through_libtiff", lambda *_: pytest.fail("libtiff"))
    assert pixels(strip(strips).data) == pixels(strips)


def test_jpeg_strips_of_many_scans_share_what_may_be_decoded(monkeypatch):
    jpeg = saved("JPEG", Image.effect_noise((64, 64), 40), progressive=True)
    file = shared_strips(jpeg, 7, 3)
    assert strip(file).data
    monkeypatch.setattr(limits, "decoded_bytes", lambda _: 3 * 64 * 64 * 3)
    with pytest.raises(ImageRefused, match="decoded size"):
        strip(file)


def test_an_inspection_inflates_no_more_than_what_may_be_decoded(monkeypatch):
    strips = shared_strips(one_strip(Image.new("L", (64, 64)), "tiff_adobe_deflate"), 8, 40)
    inflated = []
    blocks = deflate.Inflater.blocks
    monkeypatch.setattr(deflate.Inflater, "blocks", lambda self, most: (inflated.append(most), blocks(self, most))[1])
    inspect(strips)
    many = len(inflated)
    inflated.clear()
    monkeypatch.setattr(limits, "decoded_bytes", lambda _: 40_000)
    inspect(strips)
    assert len(inflated) < 30 < many


def test_what_may_be_decoded_grows_with_the_file():
    assert limits.decoded_bytes(1) == limits.MAX_DECODED
    assert limits.decoded_bytes(3 << 20) == limits.MAX_DECODED_SMALL_A_BYTE * (3 << 20)
    assert limits.decoded_bytes(8 << 20) == limits.MAX_DECODED_SMALL
    assert limits.decoded_bytes(1 << 30) == limits.MAX_DECODED_A_BYTE << 30
    assert limits.decoded_pixels(1) == limits.MAX_DECODED_FAX
    assert limits.decoded_pixels(1 << 20) == limits.MAX_DECODED_FAX_A_BYTE << 20


def test_pixels_of_every_page_count(monkeypatch):
    file = saved("TIFF", Image.new("L", (1, 1)), save_all=True, append_images=[Image.new("L", (50, 50))])
    assert strip(file).data
    monkeypatch.setattr(limits, "MAX_FRAME_PIXELS_TOTAL", 2500)
    with pytest.raises(ImageRefused, match="found 2501") as refused:
        strip(file)
    assert refused.value.refusal is Reason.TOO_MANY_PIXELS


def test_items_that_share_their_bytes_are_read_a_bounded_number_of_times(monkeypatch):
    picture = heif_builder.hevc_item(Image.new("RGB", (16, 16), "#336699"))
    packet = b"<x:xmpmeta exif:DateTimeOriginal='' />" + bytes(5000)
    others = [heif_builder.Item(b"mime", packet, content=b"application/rdf+xml") for _ in range(30)]
    file = heif_builder.heif([picture, *others])
    read = []
    through = heif_report.raw_bytes

    def whole(data, meta, item, most):
        read.append(through(data, meta, item, most) and min(len(data), most))
        return memoryview(data)[: read[-1]]  # as if each item were all of the file

    assert sum(r.count for r in strip(file).removed if r.where == "XMP item") == 30
    monkeypatch.setattr(heif_report, "raw_bytes", whole)
    strip(file)
    assert sum(read) <= 2 * len(file)
    assert len(read) < 30
