"""Each test plants something in a PNG that Pillow wrote, and looks for it in what comes out."""

import io
import struct
import zlib

import pytest
from PIL import Image, ImageCms, PngImagePlugin

from photogate.errors import ImageRefused, Reason
from photogate.findings import Evidence, MetadataCategory, Synthetic
from photogate.formats import measure, png_rows, strip
from photogate.formats.png_text import Texts, read_text
from photogate.formats.png_verify import verify
from photogate.inspection import inspect
from tests.noise import noise

SECRET = b"SecretPlace"


def png(mode: str = "RGB", size: tuple[int, int] = (20, 13), **options: object) -> bytes:
    image = noise(size, mode)
    file = io.BytesIO()
    image.save(file, "PNG", **options)
    return file.getvalue()


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def before_data(data: bytes, more: bytes) -> bytes:
    at = data.index(b"IDAT") - 4
    return data[:at] + more + data[at:]


def data_of(png_file: bytes) -> tuple[int, int, bytes]:
    at = png_file.index(b"IDAT")
    size = int.from_bytes(png_file[at - 4 : at], "big")
    return at - 4, at + 8 + size, png_file[at + 4 : at + 4 + size]


def with_data(png_file: bytes, body: bytes) -> bytes:
    start, end, _ = data_of(png_file)
    return png_file[:start] + chunk(b"IDAT", body) + png_file[end:]


def look(data: bytes) -> list[tuple[str, tuple[int, int], bytes, object]]:
    with Image.open(io.BytesIO(data)) as image:
        frames = []
        for i in range(getattr(image, "n_frames", 1)):
            image.seek(i)
            frames.append((image.mode, image.size, image.convert("RGBA").tobytes(), image.info.get("duration")))
        return frames


def animation() -> bytes:
    frames = [Image.new("RGB", (16, 16), (i * 60, 0, 255 - i * 60)) for i in range(4)]
    file = io.BytesIO()
    frames[0].save(file, "PNG", save_all=True, append_images=frames[1:], duration=[40, 80, 120, 160], loop=3)
    return file.getvalue()


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_pixels_stay_and_stripping_twice_changes_nothing(mode):
    data = png(mode)
    once = strip(data).data
    assert look(once) == look(data)
    assert strip(once).data == once


@pytest.mark.parametrize(
    "planted",
    [
        chunk(b"tEXt", b"Comment\0" + SECRET),
        chunk(b"zTXt", b"Comment\0\0" + zlib.compress(SECRET)),
        chunk(b"iTXt", b"Title\0\0\0en\0\0" + SECRET),
        chunk(b"tIME", b"\7\xea\1\2\3\4\5"),
        chunk(b"eXIf", b"MM\0*" + SECRET),
        chunk(b"sPLT", SECRET + b"\0\x08"),
        chunk(b"pCAL", SECRET),
        chunk(b"hIST", SECRET),
        chunk(b"caBX", SECRET),
        chunk(b"prVt", SECRET),
        chunk(b"PRVT", SECRET),
        chunk(b"gAMA", b"\0\0\xb1\x8f" + SECRET),
        chunk(b"tRNS", bytes(6) + SECRET),
        chunk(b"PLTE", SECRET + b"!"),
        chunk(b"iCCP", SECRET + b"\0\0" + zlib.compress(b"no profile")),
    ],
)
def test_what_is_not_on_the_allow_list_goes(planted):
    stripped = strip(before_data(png(), planted))
    assert stripped.data == strip(png()).data
    assert stripped.removed


def test_profile_stays_as_rendering_tags_under_a_neutral_name():
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    body = SECRET + b"\0\0" + zlib.compress(profile)
    stripped = strip(before_data(png(), chunk(b"iCCP", body))).data
    assert SECRET not in stripped
    with Image.open(io.BytesIO(stripped)) as image:
        kept = image.info["icc_profile"]
    assert 128 < len(kept) < len(profile)


RENDERING = {
    b"gAMA": struct.pack(">I", 45455),
    b"sRGB": b"\0",
    b"cICP": b"\x09\x10\0\1",
    b"cHRM": struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000),
    b"pHYs": struct.pack(">IIB", 2835, 2835, 1),
}


@pytest.mark.parametrize("kind", RENDERING)
def test_what_rendering_needs_stays(kind):
    assert chunk(kind, RENDERING[kind]) in strip(before_data(png(), chunk(kind, RENDERING[kind]))).data


PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
ABOVE = {
    b"cICP": RENDERING[b"cICP"],
    b"iCCP": b"x\0\0" + zlib.compress(PROFILE),
    b"sRGB": RENDERING[b"sRGB"],
}


@pytest.mark.parametrize("above", ABOVE)
@pytest.mark.parametrize("last", [False, True])
def test_primaries_that_others_override_go(above, last):
    chunks = [chunk(b"cHRM", struct.pack(">8I", *b"HIDDENxy")), chunk(above, ABOVE[above])]
    data = before_data(png(), b"".join(chunks if last else chunks[::-1]))
    assert strip(data).data == strip(before_data(png(), chunk(above, ABOVE[above]))).data
    assert "cHRM chunk" in {removed.where for removed in strip(data).removed}
    with pytest.raises(ImageRefused, match="cHRM"):
        verify(before_data(strip(data).data, chunks[0]))


@pytest.mark.parametrize(("above", "gamma"), [(b"cICP", None), (b"sRGB", 45455), (b"iCCP", 50000), (None, 50000)])
def test_a_gamma_that_others_override_goes_or_is_theirs(above, gamma):
    free = chunk(b"gAMA", struct.pack(">I", 50000))
    stripped = strip(before_data(png(), free + (chunk(above, ABOVE[above]) if above else b""))).data
    assert [stripped.count(b"gAMA"), free in stripped] == [gamma is not None, gamma == 50000]
    assert gamma is None or chunk(b"gAMA", struct.pack(">I", gamma)) in stripped
    assert strip(stripped).data == stripped
    if gamma != 50000:
        at = stripped.find(b"gAMA") - 4
        with pytest.raises(ImageRefused, match="gAMA"):
            verify(before_data(stripped, free) if gamma is None else stripped[:at] + free + stripped[at + 16 :])


def test_a_profile_that_is_none_overrides_no_primaries():
    primaries = chunk(b"cHRM", RENDERING[b"cHRM"])
    assert primaries in strip(before_data(png(), chunk(b"iCCP", b"x\0\0" + zlib.compress(b"none")) + primaries)).data


@pytest.mark.parametrize("kind", [b"cLLI", b"mDCV"])
def test_light_levels_stay_with_a_transfer_function_of_high_range_only(kind):
    display = struct.pack(">8HII", 34_000, 16_000, 13_250, 34_500, 7_500, 3_000, 15_635, 16_450, 10_000_000, 50)
    level = chunk(kind, display if kind == b"mDCV" else struct.pack(">II", 9_990_000, 4_000_000))
    assert level in strip(before_data(png(), chunk(b"cICP", RENDERING[b"cICP"]) + level)).data
    assert level not in strip(before_data(png(), level)).data


@pytest.mark.parametrize("kind", [b"gAMA", b"sRGB", b"cICP", b"cHRM", b"pHYs", b"sBIT"])
def test_a_chunk_whose_numbers_are_none_goes(kind):
    body = (SECRET * 4)[: len(RENDERING.get(kind, b"RGB"))]
    assert strip(before_data(png(), chunk(kind, body))).data == strip(png()).data


@pytest.mark.parametrize("kind", [b"tRNS", b"bKGD"])
def test_bits_of_a_sample_beyond_its_depth_go(kind):
    marked, clean = chunk(kind, b"S\1e\2c\3"), chunk(kind, b"\0\1\0\2\0\3")
    assert strip(before_data(png(), marked)).data == strip(before_data(png(), clean)).data
    assert clean in strip(before_data(png(), marked)).data


def indexed(rows: bytes, depth: int, size: tuple[int, int], *more: bytes) -> bytes:
    start = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", *size, depth, 3, 0, 0, 0))
    return start + b"".join(more) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


COLOURS = chunk(b"PLTE", bytes((i * 37 + 5) % 256 for i in range(12)))


def test_bits_behind_the_last_pixel_of_a_row_go():
    data = indexed(b"\0\x1b\x7f\0\xe4\x3f", 2, (5, 2), COLOURS)
    assert strip(data).data == indexed(b"\0\x1b\x40\0\xe4\0", 2, (5, 2), COLOURS)
    assert any("bits behind" in r.where for r in strip(data).removed)


@pytest.mark.parametrize("kind", [1, 2, 3, 4])
def test_bits_that_a_filter_hides_go_too(kind):
    rows = b"".join(bytes((kind, *noise((3, 1), "L").tobytes())) for _ in range(7))
    data = indexed(rows, 2, (9, 7), COLOURS)
    once = strip(data).data
    assert look(once) == look(data)
    assert strip(once).data == once
    spare = [png_rows_of(once)[i] & 0x3F for i in range(2, 7 * 3, 3)]
    assert spare == [0] * 7


def png_rows_of(data: bytes) -> bytes:
    """Undo the filters of a picture of 9 x 7 pixels of 2 bits, as 9.2 says."""
    coded = zlib.decompress(data_of(data)[2])
    out, above = b"", bytes(3)
    for i in range(7):
        kind, row, left, corner = coded[4 * i], bytearray(coded[4 * i + 1 : 4 * i + 4]), 0, 0
        for x, up in enumerate(above):
            paeth = min((left, up, corner), key=lambda n: abs(left + up - corner - n))
            row[x] = left = row[x] + (0, left, up, (left + up) // 2, paeth)[kind] & 0xFF
            corner = up
        above = bytes(row)
        out += above
    return out


def test_more_filtered_rows_of_small_pixels_than_time_allows_are_refused():
    rows = (b"\4" + b"\x55" * 1001) * 5000
    with pytest.raises(ImageRefused, match="filtered rows"):
        strip(indexed(rows, 2, (4001, 5000), COLOURS))


def coded(row: bytes, above: bytes, kind: int) -> bytes:
    """Filter a row of bytes (9.2)."""
    out, left, corner = bytearray((kind,)), 0, 0
    for value, up in zip(row, above, strict=True):
        if kind == 4:
            guess = min((left, up, corner), key=lambda n, estimate=left + up - corner: abs(estimate - n))
        else:
            guess = (0, left, up, (left + up) // 2)[kind]
        out.append(value - guess & 0xFF)
        left, corner = value, up
    return bytes(out)


def filtered(size: tuple[int, int], depth: int, interlace: int) -> bytes:
    """Make a palette picture of some of its colours, with a filter of each kind in turn."""
    steps = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    rows = []
    for x, y, across, down in steps if interlace else [(0, 0, 1, 1)]:
        wide, high = -(-(size[0] - x) // across), -(-(size[1] - y) // down)
        if wide <= 0 or high <= 0:
            continue
        stride, spare = -(-wide * depth // 8), -wide * depth % 8
        values = bytes(v & 0xBB for v in noise((stride, high), "L").tobytes())
        above = bytes(stride)
        for i in range(high):
            row = values[i * stride : (i + 1) * stride]
            row = row[:-1] + bytes((row[-1] >> spare << spare,))
            rows.append(coded(row, above, i % 5))
            above = row
    header = struct.pack(">IIBBBBB", *size, depth, 3, 0, 0, interlace)
    palette = bytes((i * 37 + 5) % 255 + 1 for i in range(3 << depth))
    start = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"PLTE", palette)
    return start + chunk(b"IDAT", zlib.compress(b"".join(rows))) + chunk(b"IEND", b"")


@pytest.mark.parametrize("interlace", [0, 1])
@pytest.mark.parametrize(("depth", "size"), [(8, (3, 3)), (8, (700, 500)), (4, (501, 9)), (2, (9, 7)), (1, (1, 9))])
def test_colours_behind_filters_are_found_and_the_others_go(depth, size, interlace):
    data = filtered(size, depth, interlace)
    with Image.open(io.BytesIO(data)) as image:
        used = set(image.tobytes())
    once = strip(data).data
    assert look(once) == look(data)
    assert strip(once).data == once
    at = once.index(b"PLTE") + 4
    assert {i for i in range(1 << depth) if once[at + 3 * i : at + 3 * i + 3] != bytes(3)} == used


def test_a_filter_that_is_none_is_refused():
    with pytest.raises(ImageRefused, match="damage"):
        strip(indexed(b"\5\0\0", 8, (2, 1), COLOURS))


@pytest.mark.parametrize("depth", [1, 8])
def test_filtered_rows_of_a_large_palette_picture_are_looked_at_in_parts(monkeypatch, depth):
    parts = []
    through = png_rows.unfiltered
    monkeypatch.setattr(
        png_rows, "unfiltered", lambda block, *rest: (parts.append(len(block)), through(block, *rest))[1]
    )
    row = b"\4" + bytes(2000)
    strip(indexed(row * 3000, depth, (2000 * 8 // depth - 3 * (depth == 1), 3000), COLOURS))
    assert sum(parts) == 3000 * len(row)
    assert max(parts) <= 300_000


def test_a_picture_of_nothing_that_inflates_to_a_gigabyte_is_refused():
    start = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 16_000, 16_000, 8, 6, 0, 0, 0))
    with pytest.raises(ImageRefused) as refused:
        strip(start + chunk(b"IDAT", zlib.compress(bytes(1 << 20))) + chunk(b"IEND", b""))
    assert refused.value.refusal is Reason.TOO_MANY_PIXELS


def test_unused_colours_of_an_animation_go_and_those_of_any_frame_stay():
    palette = chunk(b"PLTE", b"\1\2\3\4\5\6\7\x08\x09" + SECRET[:9])
    control = [struct.pack(">IIIIIHHBB", n, 2, 2, 0, 0, 1, 10, 0, 0) for n in (0, 1)]
    start = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 2, 2, 8, 3, 0, 0, 0)) + palette
    frames = chunk(b"acTL", struct.pack(">II", 2, 0)) + chunk(b"fcTL", control[0])
    frames += chunk(b"IDAT", zlib.compress(b"\0\0\0\0\0\0")) + chunk(b"fcTL", control[1])
    frames += chunk(b"fdAT", struct.pack(">I", 2) + zlib.compress(b"\0\2\2\1\2\0"))
    data = start + frames + chunk(b"IEND", b"")
    once = strip(data).data
    assert look(once) == look(data)
    assert b"\1\2\3\0\0\0\7\x08\x09" + bytes(9) in once


def test_transparency_before_the_palette_stays_as_decoders_show_it():
    data = indexed(b"\0\x1b\0\xe4", 2, (4, 2), chunk(b"tRNS", b"\0\x80"), COLOURS)
    assert look(strip(data).data) == look(data)
    assert strip(data).data == strip(indexed(b"\0\x1b\0\xe4", 2, (4, 2), COLOURS, chunk(b"tRNS", b"\0\x80"))).data


def test_bytes_behind_the_zlib_stream_vanish():
    data = png()
    stripped = strip(with_data(data, data_of(data)[2] + SECRET))
    assert stripped.data == strip(data).data
    assert stripped.removed[0].count == len(SECRET)


def test_rows_beyond_the_picture_vanish():
    data = png()
    rows = zlib.decompress(data_of(data)[2])
    stripped = strip(with_data(data, zlib.compress(rows + SECRET * 50, 0))).data
    assert SECRET not in stripped
    assert look(stripped) == look(data)
    assert strip(stripped).data == stripped


def test_a_bomb_in_the_image_data_is_cut_at_the_last_row():
    data = png()
    rows = zlib.decompress(data_of(data)[2])
    assert len(strip(with_data(data, zlib.compress(rows + bytes(50_000_000)))).data) < 10_000


def test_too_few_rows_are_refused():
    data = png()
    rows = zlib.decompress(data_of(data)[2])
    with pytest.raises(ImageRefused, match="Expected image data"):
        strip(with_data(data, zlib.compress(rows[:-1])))


def test_interlaced_rows_are_counted():
    # One pixel of each of the seven passes' grids: 8 x 8 greyscale.
    passes = [(1, 1), (1, 1), (2, 1), (2, 2), (4, 2), (4, 4), (8, 4)]
    rows = b"".join((b"\0" + bytes(wide)) * high for wide, high in passes)
    body = struct.pack(">IIBBBBB", 8, 8, 8, 0, 0, 0, 1)
    start = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", body)
    exact = start + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    assert strip(exact).data == exact
    longer = start + chunk(b"IDAT", zlib.compress(rows + SECRET)) + chunk(b"IEND", b"")
    assert strip(longer).data == strip(strip(longer).data).data
    assert look(strip(longer).data) == look(exact)


@pytest.mark.parametrize("tail", [SECRET, chunk(b"tEXt", b"a\0" + SECRET), png()])
def test_what_follows_the_end_goes(tail):
    assert strip(png() + tail).data == strip(png()).data


def test_an_animation_keeps_frames_timing_and_loops():
    stripped = strip(animation()).data
    assert look(stripped) == look(animation())
    with Image.open(io.BytesIO(stripped)) as image:
        assert image.info["loop"] == 3


@pytest.mark.parametrize(
    ("delay", "kept"), [((0, 0x4849), (0, 100)), ((0, 0), (0, 100)), ((7, 0), (7, 100)), ((7, 9), (7, 9))]
)
def test_the_parts_of_a_delay_that_is_none_go(delay, kept):
    data = animation()
    controls = [at for at in range(len(data)) if data[at : at + 4] == b"fcTL"]
    for at in controls:
        control = data[at + 4 : at + 24] + struct.pack(">HH", *delay) + data[at + 28 : at + 30]
        data = data[: at - 4] + chunk(b"fcTL", control) + data[at + 34 :]
    once = strip(data).data
    assert look(once) == look(data)
    assert strip(once).data == once
    delays = [struct.unpack_from(">HH", once, at + 24) for at in range(len(once)) if once[at : at + 4] == b"fcTL"]
    assert delays == [kept] * len(controls)
    if kept != delay:
        with pytest.raises(ImageRefused, match="delay"):
            verify(data)


def test_a_frame_that_the_animation_does_not_count_goes():
    data = animation()
    at = data.index(b"acTL")
    fewer = data[: at - 4] + chunk(b"acTL", struct.pack(">II", 2, 3)) + data[at + 16 - 4 + 8 - 4 :]
    stripped = strip(fewer)
    assert len(look(stripped.data)) == 2
    assert any("does not count" in r.where for r in stripped.removed)


def test_an_orientation_moves_to_the_only_tag_of_exif():
    made = Image.Exif()
    made[0x0112], made[0x010F] = 6, "Maker"
    stripped = strip(png(exif=made))
    assert stripped.orientation == 6
    with Image.open(io.BytesIO(stripped.data)) as image:
        assert dict(image.getexif()) == {0x0112: 6}


def test_an_orientation_in_imagemagicks_raw_profile_or_xmp_is_honoured():
    made = Image.Exif()
    made[0x0112] = 3
    block = made.tobytes()
    text = PngImagePlugin.PngInfo()
    text.add_text("Raw profile type exif", f"\nexif\n{len(block):8}\n{block.hex()}\n", zip=True)
    assert strip(png(pnginfo=text)).orientation == 3
    text = PngImagePlugin.PngInfo()
    text.add_itxt("XML:com.adobe.xmp", '<rdf:x tiff:Orientation="5"/>')
    assert strip(png(pnginfo=text)).orientation == 5


def test_a_generators_text_tells_the_origin():
    text = PngImagePlugin.PngInfo()
    text.add_text("parameters", "a cat, Steps: 20, Sampler: Euler")
    found = strip(png(pnginfo=text)).provenance
    assert (found.synthetic, found.evidence) == (Synthetic.YES, (Evidence.GENERATOR,))


def test_categories_are_told_without_values():
    text = PngImagePlugin.PngInfo()
    text.add_text("Author", SECRET.decode())
    removed = strip(png(pnginfo=text)).removed
    assert [(r.category, r.where, r.count) for r in removed] == [(MetadataCategory.IDENTITY, "tEXt chunk", 1)]


def test_a_palette_holds_no_more_than_the_bit_depth_allows():
    start = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 1, 3, 0, 0, 0))
    end = chunk(b"IDAT", zlib.compress(b"\0\0")) + chunk(b"IEND", b"")
    stripped = strip(start + chunk(b"PLTE", b"\1\2\3\4\5\6" + SECRET + b"!") + end).data
    assert stripped == start + chunk(b"PLTE", b"\1\2\3\0\0\0") + end


@pytest.mark.parametrize(
    ("size", "frames", "reason"),
    [((100_000, 100_000), 0, Reason.TOO_MANY_PIXELS), ((4, 4), 10_000, Reason.TOO_MANY_FRAMES)],
)
def test_a_bomb_is_refused_from_its_headers(size, frames, reason):
    head = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", *size, 8, 2, 0, 0, 0))
    with pytest.raises(ImageRefused) as caught:
        measure(head + chunk(b"acTL", struct.pack(">II", frames or 1, 0)))
    assert caught.value.refusal is reason


@pytest.mark.parametrize("keep", [8, 20, 33, 50, 90])
def test_a_cut_file_is_refused(keep):
    with pytest.raises(ImageRefused):
        strip(png()[:keep])


def test_inspect_names_the_chunks_and_says_what_stays():
    data = before_data(png(), chunk(b"tEXt", b"Comment\0" + SECRET)) + SECRET
    stays = {part.name: part.stays for part in inspect(data).parts}
    assert (stays["tEXt Comment"], stays["IDAT"], stays["trailing bytes"]) == (False, True, False)
    assert sum(part.size for part in inspect(data).parts) == len(data)


def test_many_compressed_bombs_inflate_within_one_limit():
    bomb = chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(20_000_000)))
    texts = Texts()
    for _ in range(50):
        read_text(b"zTXt", bomb[8:-4], texts)
    assert texts.left == 0


def test_colours_that_no_pixel_uses_go():
    image = Image.new("P", (20, 20), 3)
    image.putpalette(bytes(range(30)) + SECRET + bytes(7))
    file = io.BytesIO()
    image.save(file, "PNG", transparency=bytes(range(100, 110)))
    assert SECRET in file.getvalue()
    stripped = strip(file.getvalue())
    assert SECRET not in stripped.data
    assert look(stripped.data) == look(file.getvalue())
    assert strip(stripped.data).data == stripped.data


def test_a_second_header_is_refused_since_decoders_differ_in_which_they_take():
    data = png()
    with pytest.raises(ImageRefused, match="one IHDR"):
        strip(data[:33] + data[8:33] + data[33:])


@pytest.mark.parametrize("kind", [b"PLTE", b"tRNS"])
def test_a_second_palette_is_refused_since_decoders_differ_in_which_they_take(kind):
    data = png("P", transparency=0)
    with pytest.raises(ImageRefused, match="one palette"):
        strip(data[: data.index(b"IDAT") - 4] + chunk(kind, bytes(6)) + data[data.index(b"IDAT") - 4 :])


@pytest.mark.parametrize("cut", [1, 2, 4])
def test_a_stream_without_its_end_stays_where_all_rows_are_there(cut):
    whole = png()
    data = with_data(whole, data_of(whole)[2][:-cut])
    once = strip(data).data
    assert look(once) == look(data)
    assert zlib.decompress(data_of(once)[2]) == zlib.decompress(data_of(whole)[2])


@pytest.mark.parametrize("control", [chunk(b"acTL", struct.pack(">II", 0x8000_0001, 0)), None])
def test_an_animation_whose_control_is_none_shows_its_still_picture(control):
    data = animation()
    at = data.index(b"acTL") - 4
    broken = data[:at] + (control or 2 * data[at : at + 20]) + data[at + 20 :]
    with pytest.warns(UserWarning, match="Invalid APNG"):
        before = look(broken)
    once = strip(broken).data
    assert b"acTL" not in once
    assert b"fdAT" not in once
    assert [frame[2] for frame in look(once)] == [frame[2] for frame in before]
