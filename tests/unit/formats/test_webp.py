"""Each test plants something in a WebP that Pillow wrote, and looks for it in what comes out."""

import base64
import contextlib
import io
import random
import struct

import pytest
from PIL import Image, ImageCms

from photogate.errors import ImageRefused
from photogate.findings import Keep
from photogate.formats import exif, limits, strip, vp8
from photogate.formats.container import Rights
from photogate.inspection import inspect
from tests.noise import noise

SECRET = b"SecretPlace!"
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def webp(mode: str = "RGB", **options: object) -> bytes:
    file = io.BytesIO()
    image = noise((30, 22), mode)
    if mode == "RGBA":
        image.putalpha(noise((30, 22), "L", seed=8))
    image.save(file, "WEBP", **options)
    return file.getvalue()


def animation(**options: object) -> bytes:
    frames = [Image.new("RGBA", (16, 16), (i * 60, 0, 9, 255 - i * 50)) for i in range(4)]
    file = io.BytesIO()
    frames[0].save(
        file, "WEBP", save_all=True, append_images=frames[1:], duration=[40, 80, 120, 160], loop=3, **options
    )
    return file.getvalue()


def chunk(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("<I", len(body)) + body + b"\0" * (len(body) & 1)


def with_chunks(data: bytes, *more: bytes) -> bytes:
    body = data[8:] + b"".join(more)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def look(data: bytes) -> list[tuple[str, bytes, object]]:
    with Image.open(io.BytesIO(data)) as image:
        frames = []
        for i in range(getattr(image, "n_frames", 1)):
            image.seek(i)
            image.load()
            frames.append((image.mode, image.tobytes(), image.info.get("duration")))
        return frames


FILES = [
    webp(),
    webp(lossless=True),
    webp("RGBA"),
    webp("RGBA", lossless=True),
    webp(icc_profile=PROFILE),
    animation(),
    animation(lossless=True),
]


@pytest.mark.parametrize("data", FILES)
def test_pixels_stay_and_stripping_twice_changes_nothing(data):
    once = strip(data).data
    assert look(once) == look(data)
    assert strip(once).data == once


@pytest.mark.parametrize("data", FILES)
@pytest.mark.parametrize("kind", [b"EXIF", b"XMP ", b"C2PA", b"LIST", b"abcd", b"VP8X", b"VP8 ", b"ANIM", b"ICCP"])
def test_what_is_not_on_the_allow_list_goes(data, kind):
    stripped = strip(with_chunks(data, chunk(kind, SECRET)))
    assert SECRET not in stripped.data
    assert look(stripped.data) == look(data)


@pytest.mark.parametrize("data", FILES)
def test_what_follows_the_riff_goes(data):
    assert strip(data + SECRET).data == strip(data).data


def test_a_chunk_within_a_frame_goes():
    data = animation()
    at = data.index(b"ANMF")
    size = int.from_bytes(data[at + 4 : at + 8], "little")
    frame = chunk(b"ANMF", data[at + 8 : at + 8 + size] + chunk(b"abcd", SECRET))
    body = data[8:at] + frame + data[at + 8 + size :]
    assert strip(b"RIFF" + struct.pack("<I", len(body)) + body).data == strip(data).data


def test_a_profile_is_reduced():
    stripped = strip(webp(icc_profile=PROFILE)).data
    with Image.open(io.BytesIO(stripped)) as image:
        assert 128 < len(image.info["icc_profile"]) < len(PROFILE)


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_an_orientation_stays_as_the_only_tag(mode):
    made = Image.Exif()
    made[0x0112], made[0x010F] = 6, "Maker"
    stripped = strip(webp(mode, exif=made))
    assert stripped.orientation == 6
    with Image.open(io.BytesIO(stripped.data)) as image:
        assert dict(image.getexif()) == {0x0112: 6}


def test_flags_say_what_follows_and_no_more():
    assert strip(webp("RGBA", exif=b"MM\0*\0\0\0\x08\0\0", xmp=b"<x/>")).data[20] == 0x10


def test_rights_stay_only_when_asked_for():
    data = webp("RGBA", exif=exif.build(1, Rights("(c) A", "B")))
    assert b"EXIF" not in strip(data).data
    with Image.open(io.BytesIO(strip(data, keep=frozenset({Keep.CREATOR})).data)) as image:
        assert dict(image.getexif()) == {0x013B: "B"}


@pytest.mark.parametrize("keep", [12, 20, 30])
def test_a_file_cut_in_its_headers_is_refused(keep):
    with pytest.raises(ImageRefused):
        strip(webp("RGBA")[:keep])


def test_an_image_of_another_size_than_the_canvas_is_refused():
    data = bytearray(webp("RGBA"))
    data[24] += 1
    with pytest.raises(ImageRefused, match="canvas"):
        strip(bytes(data))


def test_inspect_shows_frames_and_what_stays():
    data = with_chunks(animation(), chunk(b"XMP ", SECRET))
    stays = {part.name: part.stays for part in inspect(data).parts}
    assert (stays["ANMF"], stays["XMP"]) == (True, False)
    assert [part.children[-1].name in ("VP8", "VP8L") for part in inspect(data).parts if part.name == "ANMF"] == [
        True
    ] * 4


@pytest.mark.parametrize("options", [{}, {"lossless": True}, {"quality": 15}])
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
@pytest.mark.parametrize("length", [1, 5, 8, 300])
def test_bytes_behind_the_last_pixel_vanish(options, mode, length):
    data = webp(mode, **options)
    kind = b"VP8L" if "lossless" in options else b"VP8 "
    at = data.index(kind)
    size = int.from_bytes(data[at + 4 : at + 8], "little")
    tail = random.Random(length).randbytes(length)
    body = data[8:at] + chunk(kind, data[at + 8 : at + 8 + size] + tail)
    stripped = strip(b"RIFF" + struct.pack("<I", len(body)) + body)
    assert stripped.data == strip(data).data
    assert look(stripped.data) == look(data)


def test_bytes_behind_the_alpha_vanish():
    data = webp("RGBA")
    at = data.index(b"ALPH")
    size = int.from_bytes(data[at + 4 : at + 8], "little")
    rest = data[at + 8 + size + (size & 1) :]
    body = data[8:at] + chunk(b"ALPH", data[at + 8 : at + 8 + size] + SECRET) + rest
    assert strip(b"RIFF" + struct.pack("<I", len(body)) + body).data == strip(data).data


@pytest.mark.parametrize("length", [1, 3, 11, 4096])
def test_bytes_behind_the_first_partition_of_a_frame_vanish(length):
    data = strip(webp(quality=70)).data
    at = data.index(b"VP8 ") + 8
    coded = data[at : at + int.from_bytes(data[at - 4 : at], "little")]
    tag = int.from_bytes(coded[:3], "little")
    stop = 10 + (tag >> 5)
    junk = (SECRET * 500)[:length]
    longer = (tag + (length << 5)).to_bytes(3, "little") + coded[3:stop] + junk + coded[stop:]
    hidden = with_chunks(data[:12], chunk(b"VP8 ", longer))
    assert look(hidden) == look(data)
    assert strip(hidden).data == data


@pytest.mark.parametrize("quality", range(20, 100, 5))
def test_bytes_behind_the_first_partition_vanish_where_the_last_ends_with_the_chunks_padding(quality):
    data = strip(webp(quality=quality)).data
    at = data.index(b"VP8 ") + 8
    head, first, last = vp8.partitions(data[at : at + int.from_bytes(data[at - 4 : at], "little")])

    def hiding(secret: bytes, missing: int) -> bytes:
        parts = [head, first + secret, last[: len(last) - missing]]
        return with_chunks(data[:12], chunk(b"VP8 ", vp8.joined(parts)))

    tried = 0
    for missing in range(4):
        for length in (1, 2, 1000, 1001):
            file, other = hiding((SECRET * 100)[:length], missing), hiding(b"?" * length, missing)
            with contextlib.suppress(OSError):  # where too much of the last is missing
                if look(file) == look(other) == look(data):
                    new = strip(file).data
                    assert new == strip(other).data == strip(new).data
                    assert look(new) == look(data)
                    tried += 1
    assert tried > 3


@pytest.mark.parametrize("quality", [0, 8, 20, 60, 95])
def test_what_a_decoder_reads_of_a_frame_stays_to_the_byte(quality):
    # Black and white show nothing of their chroma in RGB; another decoder may.
    file = io.BytesIO()
    image = noise((77, 35), "L").point(lambda value: 255 * (value > 128)).convert("RGB")
    image.save(file, "WEBP", quality=quality)
    data = file.getvalue()
    head, *parts = vp8.partitions(data[20 : 20 + int.from_bytes(data[16:20], "little")])
    new = strip(data).data
    new_head, *new_parts = vp8.partitions(new[20 : 20 + int.from_bytes(new[16:20], "little")])
    assert new_head[3:] == head[3:]
    for part, kept in zip(parts, new_parts, strict=True):
        assert kept[-2:] == b"\0\0"
        assert part.startswith(kept[:-2])
        assert len(part) - len(kept[:-2]) <= 3


def test_scaling_hints_of_a_frame_go():
    data = strip(webp(quality=70)).data
    at = data.index(b"\x9d\x01\x2a") + 4
    assert strip(data[:at] + bytes((data[at] | 0x80,)) + data[at + 1 :]).data == data


def test_a_partition_that_ends_in_zeros_is_cut_the_same_way_twice():
    # found by fuzzing
    coded = base64.b64decode(
        "0AcAnQEqEQALAD5tKpFFpCKhmAQAQAbEtgBOmUGMHDA/qtxt4wB6UP7AfBZ5TJYIHnr/zvlc+bPRJFMqx9VlbdXtDKcT4AAA9rGg2/cT32yc"
        "u6f666/8B6O7XSoto/Jkek6LRu7qEh8r6A0V0d5J+CY/mU2Tb9f/Mv+pzh6/zBmUOKmjDu4gVNGHdxdsKNPgA7NNZOkIb/mVIf+VZE/+GKQ/"
        "yrHwAAA="
    )
    once = strip(with_chunks(b"RIFF\0\0\0\0WEBP", chunk(b"VP8 ", coded))).data
    assert strip(once).data == once


def test_partitions_that_read_past_their_ends_are_cut_until_nothing_more_goes():
    """Found by fuzzing: cutting one partition let another do with less, the second time."""
    damaged = base64.b64decode(
        b"UklGRmwBAABXRUJQVlA4WAoAAAAQAAAAEQAADQAAQUxQSP0AAAAAqE9EmvPbdDniZJM1W06kua9KuISQl25zo7VpSlGrkNxcSkKy"
        b"Q5KAoI9DzjfTkZ96wz2UUIpXsGmEf8KqZ7yNu5hmsHOOtI+eqUhZMXG0Tl0mXHKsQHukW0yLI2GSMWulXKDYw5uDhMOBJKswXZla"
        b"aanIvUxErNFnmMHCfLGY21syZWkmkgaAG5eGZ3o1u61dskqQSGqvfce8rJCAi1hpVbpMwLwZ0ECbTjC6l1eV30WionJeTdywZZhU"
        b"ua9XbzyYOuQ4csGeaXx6NFu/bCo+vG9Z8tJCiGU/Wzh1pmthP510f31fMGkvQr6X24g4Zx16KaSUttq1wG3Kh2nFAFZQOCBHAAAA"
        b"kAUAnQEqEgAOAD7tYqlNqaWjojAIATAdiWwAnTJjtw7bgoIGCAev/cmfwgI0DZikGmrL8c7+D+hgAP4iYpClk5dmN5j1NGUA"
    )
    once = strip(damaged).data
    assert look(once) == look(damaged)
    assert strip(once).data == once


@pytest.mark.parametrize(
    ("flag", "kind", "body"),
    [(0x08, b"EXIF", exif.build(6)), (0x04, b"XMP ", b'<a tiff:Orientation="6"/>'), (0x20, b"ICCP", PROFILE)],
)
def test_what_vp8x_does_not_say_is_there_is_not_there_for_decoders(flag, kind, body):
    head = b"WEBPVP8X\x0a\0\0\0%c\0\0\0" + struct.pack("<I", 29)[:3] + struct.pack("<I", 21)[:3]
    picture, extra = webp()[12:], chunk(kind, body)
    both = [head % flags + (extra + picture if kind == b"ICCP" else picture + extra) for flags in (flag, 0)]
    flagged, silent = (strip(b"RIFF" + struct.pack("<I", len(part)) + part).data for part in both)
    assert flagged[20]
    assert silent[20] == 0
    assert kind not in silent


def test_partitions_that_a_decoder_reads_past_do_not_grow_each_time():
    coded = bytes.fromhex(
        "9005009d012a12000e003eed620003dc0000c06e58595a200000000000006fa0000038f5000003c5889058595a20000000000000249f"
        "00000f840000b6c358595a20"
    )
    data = b"RIFF" + struct.pack("<I", 12 + len(coded)) + b"WEBPVP8 " + struct.pack("<I", len(coded)) + coded
    once = strip(data).data
    assert len(once) < len(data)
    assert strip(once).data == once


def lossy(size: tuple[int, int] = (16, 16)) -> bytes:
    """Give the chunk of a lossy picture."""
    file = io.BytesIO()
    Image.linear_gradient("L").resize(size).convert("RGB").save(file, "WEBP")
    return file.getvalue()[12:]


def extended(flags: int, *chunks: bytes) -> bytes:
    """Give a file of 16 x 16 pixels with VP8X."""
    side = (15).to_bytes(3, "little")
    return with_chunks(b"RIFF\0\0\0\0WEBP", chunk(b"VP8X", bytes((flags, 0, 0, 0)) + 2 * side), *chunks)


def frame(content: bytes, last: int = 0, more: int = 0) -> bytes:
    """Give ANMF of 16 x 16 pixels, of which the size says `more` than there is."""
    side = (15).to_bytes(3, "little")
    body = bytes(6) + 2 * side + (80).to_bytes(3, "little") + bytes((last,)) + content
    return b"ANMF" + struct.pack("<I", len(body) + more) + body


ANIM = chunk(b"ANIM", bytes(6))
ALPHA = (SECRET * 30)[:256]
RAW_ALPHA = chunk(b"ALPH", b"\0" + ALPHA)


def colours(data: bytes) -> list[bytes]:
    with Image.open(io.BytesIO(data)) as image:
        found = []
        for i in range(getattr(image, "n_frames", 1)):
            image.seek(i)
            found.append(image.convert("RGBA").tobytes())
        return found


def test_alpha_of_a_picture_that_vp8x_does_not_name_goes():
    data = extended(0, RAW_ALPHA, lossy())
    assert set(colours(data)[0][3::4]) == {255}
    stripped = strip(data)
    assert ALPHA not in stripped.data
    assert [removed.where for removed in stripped.removed] == ["alpha that VP8X does not name"]
    assert colours(stripped.data) == colours(data)
    named = extended(0x10, RAW_ALPHA, lossy())
    assert ALPHA in strip(named).data


@pytest.mark.parametrize(
    ("lasts", "left"),
    [((0,), 0), ((2, 2), 0), ((0, 2), 0), ((0, 0), 2), ((2, 0, 2), 2), ((2, 2, 0, 2, 2), 3)],
)
def test_alpha_of_frames_that_vp8x_does_not_name_stays_as_far_as_frames_are_blended(lasts, left):
    data = extended(2, ANIM, *(frame(RAW_ALPHA + lossy(), last) for last in lasts))
    stripped = strip(data).data
    assert stripped.count(ALPHA) == left
    assert colours(stripped) == colours(data)
    assert strip(stripped).data == stripped


@pytest.mark.parametrize(
    "behind",
    [
        frame(lossy()),  # which decoders show
        frame(lossy())[:60],
        chunk(b"abcd", SECRET)[:-1],
        b"abc",
    ],
    ids=["a frame", "a frame, cut", "a chunk, cut", "no chunk"],
)
def test_a_frame_of_which_more_than_whole_chunks_follow_the_image_is_refused(behind):
    data = extended(2, ANIM, frame(lossy() + behind), frame(lossy()))
    with pytest.raises(ImageRefused, match="behind the image of a frame"):
        strip(data)


def test_a_frame_whose_size_runs_over_the_next_is_refused():
    data = extended(2, ANIM, frame(lossy(), more=60), frame(lossy()))
    with Image.open(io.BytesIO(data)) as image:
        assert image.n_frames == 2
    with pytest.raises(ImageRefused, match="behind the image of a frame"):
        strip(data)


def test_an_orientation_behind_the_image_of_a_frame_stays():
    made = Image.Exif()
    made[0x0112] = 6
    data = extended(0x0A, ANIM, frame(lossy()), frame(lossy() + chunk(b"EXIF", made.tobytes()[6:])))
    with Image.open(io.BytesIO(data)) as image:
        assert image.getexif()[0x0112] == 6
    assert strip(data).orientation == 6


def test_chunks_are_counted_over_a_file_and_its_frames(monkeypatch):
    monkeypatch.setattr(limits, "MAX_CHUNKS", 60)
    many = frame(lossy() + chunk(b"abcd", b"") * 20)
    strip(extended(2, ANIM, many, many))
    with pytest.raises(ImageRefused, match="chunks"):
        strip(extended(2, ANIM, many, many, many))


def bits(*fields: tuple[int, int]) -> bytes:
    """Pack values of so many bits, the least first, as VP8L does."""
    number = at = 0
    for value, size in fields:
        number, at = number | value << at, at + size
    return number.to_bytes((at + 7) // 8, "little")


def one_symbol(symbol: int) -> list[tuple[int, int]]:
    """Give a prefix code of one symbol, which takes no bits (RFC 9649 3.7.2.1.1)."""
    return [(1, 1), (0, 1), (1, 1), (symbol, 8)]


# Of 256 symbols of 8 bits each, so that each byte is a code (RFC 9649 3.7.2.1.2).
ANY_SYMBOL = [(0, 1), (8, 4), *[(0, 3)] * 11, (1, 3), (0, 1)]
SIZE_16 = [(0x2F, 8), (15, 14), (15, 14)]


def test_a_plane_of_alpha_that_a_lossless_picture_does_not_show_is_refused():
    def lossless(used: int, alpha: list[tuple[int, int]], *symbols: tuple[int, int]) -> bytes:
        codes = [*one_symbol(100), *one_symbol(50), *one_symbol(20), *alpha, *one_symbol(0)]
        return chunk(b"VP8L", bits(*SIZE_16, (used, 1), (0, 3), (0, 1), (0, 1), (0, 1), *codes, *symbols))

    hidden = [(byte, 8) for byte in ALPHA]
    for file in (with_chunks, lambda head, data: extended(0, data)):
        with pytest.raises(ImageRefused, match="one value of alpha"):
            strip(file(b"RIFF\0\0\0\0WEBP", lossless(0, ANY_SYMBOL, *hidden)))
        plain = file(b"RIFF\0\0\0\0WEBP", lossless(0, one_symbol(7)))
        assert colours(strip(plain).data) == colours(plain)
        shown = file(b"RIFF\0\0\0\0WEBP", lossless(1, ANY_SYMBOL, *hidden))
        assert colours(strip(shown).data) == colours(shown)
    # OpenCV goes by VP8X, and shows it.
    strip(extended(0x10, lossless(0, ANY_SYMBOL, *hidden)))


@pytest.mark.parametrize("which", range(3))
def test_a_second_picture_within_alpha_is_refused(which):
    def coded(codes: list[list[tuple[int, int]]]) -> bytes:
        green, red, blue, alpha = codes
        fields = [*green, *red, *blue, *alpha, *one_symbol(0), *((byte, 8) for byte in ALPHA)]
        return extended(0x10, chunk(b"ALPH", b"\1" + bits((0, 1), (0, 1), (0, 1), *fields)), lossy())

    codes = [one_symbol(200), one_symbol(0), one_symbol(0), one_symbol(0)]
    assert colours(strip(coded(codes)).data) == colours(coded(codes))
    codes[1 + which] = ANY_SYMBOL
    with pytest.raises(ImageRefused, match="red, blue and alpha"):
        strip(coded(codes))


def test_inspect_says_which_alpha_of_frames_goes():
    data = extended(2, ANIM, *(frame(RAW_ALPHA + lossy(), last) for last in (2, 0, 2)))
    frames = [part for part in inspect(data).parts if part.name == "ANMF"]
    shown = [[(part.name, part.stays) for part in each.children if part.name in ("ALPH", "VP8")] for each in frames]
    assert shown == [[("ALPH", True), ("VP8", True)]] * 2 + [[("ALPH", False), ("VP8", True)]]
    still = {part.name: part.stays for part in inspect(extended(0, RAW_ALPHA, lossy())).parts}
    assert (still["ALPH"], still["VP8"]) == (False, True)
