"""Each test plants something in a BMP, and looks for it in what comes out."""

import io
import struct

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms

from photogate.errors import ImageRefused
from photogate.formats import measure, strip
from photogate.inspection import inspect
from tests.noise import noise

SECRET = b"SecretPlace"


def bmp(mode: str = "RGB", size: tuple[int, int] = (13, 9)) -> bytes:
    file = io.BytesIO()
    noise(size, mode).save(file, "BMP")
    return file.getvalue()


def run_length(codes: bytes) -> bytes:
    palette = b"".join(bytes((i, 255 - i, i // 2, 0)) for i in range(256))
    head = struct.pack("<IiiHHIIiiII", 40, 4, 2, 1, 8, 1, len(codes), 0, 0, 256, 0)
    at = 14 + 40 + 1024
    return struct.pack("<2sIHHI", b"BM", at + len(codes), 0, 0, at) + head + palette + codes


def look(data: bytes) -> tuple[str, tuple[int, int], bytes]:
    with Image.open(io.BytesIO(data)) as image:
        return image.mode, image.size, image.convert("RGBA").tobytes()


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA"])
def test_pixels_stay_and_stripping_twice_changes_nothing(mode):
    once = strip(bmp(mode)).data
    assert look(once) == look(bmp(mode))
    assert strip(once).data == once


def test_run_length_codes_stay_up_to_their_end():
    data = run_length(b"\4\x07\0\0\0\3\1\2\3\0\1\x09\0\1")
    assert look(strip(data).data) == look(data)
    assert strip(data + SECRET).data == strip(data).data
    padded = run_length(b"\4\x07\0\0\0\3\1\2\3s\1\x09\0\1")
    assert strip(padded).data == strip(data).data


def test_bytes_before_and_behind_the_pixels_go():
    data = bmp()
    (at,) = struct.unpack_from("<I", data, 10)
    gap = data[:10] + struct.pack("<I", at + len(SECRET)) + data[14:at] + SECRET + data[at:] + SECRET
    stripped = strip(gap)
    assert stripped.data == strip(data).data
    assert [r.count for r in stripped.removed] == [len(SECRET), len(SECRET)]


def test_padding_of_rows_and_reserved_fields_are_zero():
    data = bytearray(bmp(size=(13, 9)))  # 39 bytes of pixels in rows of 40
    data[54 + 39 :: 40] = b"x" * 9
    data[6:10] = b"hide"
    assert strip(bytes(data)).data == strip(bmp(size=(13, 9))).data


def test_colours_that_no_pixel_uses_go():
    data = bytearray(bmp("P"))
    pixels = data[-16 * 9 :]
    colours = (int.from_bytes(data[10:14], "little") - 54) // 4
    unused = [i for i in range(colours) if i not in pixels]
    assert unused
    for i in unused:
        data[54 + 4 * i : 54 + 4 * i + 3] = b"abc"
    assert b"abc" not in strip(bytes(data)).data
    assert look(strip(bytes(data)).data) == look(bytes(data))


def test_a_path_in_a_linked_profile_goes():
    data = bmp("RGBA")
    size = int.from_bytes(data[14:18], "little")
    body = struct.pack("<I", 124) + data[18 : 14 + min(size, 56)].ljust(52, b"\0")
    body += b"KNIL" + bytes(48) + struct.pack("<IIII", 4, 124 + 13 * 9 * 4, len(SECRET), 0)
    (at,) = struct.unpack_from("<I", data, 10)
    linked = b"BM" + struct.pack("<IHHI", 0, 0, 0, 14 + 124) + body + data[at:] + SECRET
    stripped = strip(linked)
    assert SECRET not in stripped.data
    assert look(stripped.data) == look(linked)


@pytest.mark.parametrize("keep", [2, 20, 50, 100])
def test_a_cut_file_is_refused(keep):
    with pytest.raises(ImageRefused):
        strip(bmp()[:keep])


def test_a_top_down_picture_has_a_positive_height():
    data = bytearray(bmp())
    struct.pack_into("<i", data, 22, -9)
    assert measure(bytes(data)).height == 9
    assert look(strip(bytes(data)).data) == look(bytes(data))


def test_inspect_names_the_parts():
    data = bmp("P") + SECRET
    stays = {part.name: part.stays for part in inspect(data).parts}
    assert (stays["palette"], stays["pixels"], stays["trailing bytes"]) == (True, True, False)
    assert sum(part.size for part in inspect(data).parts) == len(data)


@pytest.mark.parametrize(("space", "stay"), [(b"RGB ", True), (b"CMYK", False)])
def test_inspect_says_of_a_profile_what_stripping_does(space, stay):
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile[16:20] = space
    info = struct.pack("<IiiHHII", 124, 13, 9, 1, 32, 0, 13 * 9 * 4) + bytes(32)
    info += b"DEBM" + bytes(48) + struct.pack("<IIII", 4, 124 + 13 * 9 * 4, len(profile), 0)
    rows = b"\1\2\3\0" * (13 * 9)
    data = b"BM" + struct.pack("<IHHI", 0, 0, 0, 14 + 124) + info + rows + profile
    (part,) = [part for part in inspect(data).parts if part.name == "ICC profile"]
    assert part.stays is stay
    assert (b"acsp" in strip(data).data) is stay


def headed(size: int, depth: int, compression: int, fields: bytes, palette: bytes, pixels: bytes) -> bytes:
    """Make a picture of 5 x 3 pixels with an information header of `size` bytes, `fields` behind its first 40."""
    info = struct.pack("<IiiHHIIiiII", size, 5, 3, 1, depth, compression, len(pixels), 0, 0, len(palette) // 4, 0)
    at = 14 + size + len(palette)
    start = struct.pack("<2sIHHI", b"BM", at + len(pixels), 0, 0, at)
    return start + info + fields.ljust(size - 40, b"\0") + palette + pixels


def test_bits_that_no_mask_names_carry_nothing():
    masks = struct.pack("<IIII", 0xFF0000, 0xFF00, 0xFF, 0)
    data = headed(108, 32, 3, masks, b"", b"\1\2\3" + SECRET + b"\4" * 46)
    new = strip(data).data
    assert set(new[14 + 108 + 3 :: 4]) == {0}
    assert look(new) == look(data)


def test_the_highest_bit_of_16_carries_nothing():
    pixels = bytes(range(0x70, 0xA6))[:36]
    plain, marked = bytearray(pixels), bytearray(pixels)
    plain[1::2] = bytes(b & 0x7F for b in plain[1::2])
    marked[1::2] = bytes(b | 0x80 for b in plain[1::2])
    assert (
        strip(headed(40, 16, 0, b"", b"", bytes(marked))).data == strip(headed(40, 16, 0, b"", b"", bytes(plain))).data
    )


@pytest.mark.parametrize("depth", [1, 4])
def test_bits_behind_the_last_pixel_of_a_row_go(depth):
    palette = b"".join(bytes((i, 90, 7 * i, 0)) for i in range(1 << depth))
    row = {1: b"\xa8", 4: b"\x10\x01\x10"}[depth]
    marked = {1: b"\xaf", 4: b"\x10\x01\x1d"}[depth]
    clean = headed(40, depth, 0, b"", palette, row.ljust(4, b"\0") * 3)
    assert strip(headed(40, depth, 0, b"", palette, marked.ljust(4, b"\0") * 3)).data == strip(clean).data


def test_masks_that_the_compression_does_not_use_go():
    data = headed(124, 24, 0, SECRET, b"", bytes(48))
    assert SECRET not in strip(data).data


def test_endpoints_that_are_no_colours_go():
    data = headed(108, 24, 0, bytes(16) + struct.pack("<I", 0) + SECRET * 4, b"", bytes(48))
    assert SECRET not in strip(data).data
    srgb = struct.pack("<9I", *(round(v * (1 << 30)) for v in (0.64, 0.33, 0.03, 0.3, 0.6, 0.1, 0.15, 0.06, 0.79)))
    true = headed(108, 24, 0, bytes(20) + srgb + struct.pack("<3I", 144179, 144179, 144179), b"", bytes(48))
    assert look(strip(true).data) == look(true)
    kept = struct.unpack_from("<12I", strip(true).data, 14 + 40 + 20)
    assert kept[:9] == pytest.approx(struct.unpack("<9I", srgb), abs=1 << 13)
    assert kept[9:] == (563 << 8,) * 3


def test_free_low_bits_of_endpoints_and_gamma_go():
    srgb = [round(v * (1 << 30)) for v in (0.64, 0.33, 0.03, 0.3, 0.6, 0.1, 0.15, 0.06, 0.79)]

    def of(low: int, gamma: int) -> bytes:
        fields = struct.pack("<12I", *((v >> 14 << 14) + low for v in srgb), *[gamma] * 3)
        return strip(headed(108, 24, 0, bytes(20) + fields, b"", bytes(48))).data

    assert of(0, 563 << 8) == of(0x1A5B, (563 << 8) + 0x7A) == of(-0x1A5B, (563 << 8) - 0x7A)
    assert of(0, 563 << 8) != of(1 << 14, 563 << 8)
    assert strip(of(77, 0x2AAAA)).data == of(77, 0x2AAAA)


def test_a_resolution_beyond_any_scanner_goes():
    data = bytearray(bmp())
    data[38:46] = SECRET[:8]
    assert SECRET[:8] not in strip(bytes(data)).data


@pytest.mark.parametrize("codes", [b"\0\3abc\0\1", b"\7a\0\0", b"\0\5abcde\0"])
def test_run_length_codes_behind_the_last_pixel_go(codes):
    full = b"\4\x07\0\0\4\x08"
    assert strip(run_length(full + codes)).data == strip(run_length(full + b"\0\1")).data


@pytest.mark.parametrize("behind", [b"\0\2\7\x2d", b"\0\2ab", b"\0\2\2\0\0\2\0\1\0\2cd", b"\0\0\0\2\1\1"])
def test_where_the_last_moves_lead_says_nothing(behind):
    data = run_length(b"\3\1" + behind + b"\0\1")
    new = strip(data).data
    assert look(new) == look(data)
    assert new == strip(run_length(b"\3\1\0\2\0\2\0\1")).data == strip(new).data


@pytest.mark.parametrize("codes", [b"\4\1\0\0\3\2\0\0\0\1", b"\4\1\0\0\3\2\0\2\1\0\0\1"])
def test_a_last_row_that_is_cut_short_ends_with_its_line(codes):
    new = strip(run_length(codes)).data
    assert look(new) == look(run_length(codes))
    assert new.endswith(b"\4\1\0\0\3\2\0\0\0\1")


def test_colours_of_run_length_codes_that_no_pixel_uses_go():
    data = bytearray(run_length(b"\4\x07\0\0\4\x08\0\1"))
    data[54 + 4 * 100 : 54 + 4 * 100 + 8] = SECRET[:8]
    new = strip(bytes(data)).data
    assert SECRET[:3] not in new
    assert look(new) == look(bytes(data))


def test_four_bits_a_pixel_keep_the_colours_in_use_only():
    palette = b"".join(bytes((i + 1, 9 * i + 1, 200 - i, 0)) for i in range(16))
    data = headed(40, 4, 0, b"", palette, b"\x12\x34\x10\0" * 3)
    new = strip(data).data
    assert look(new) == look(data)
    assert palette[20:24] not in new
    assert palette[8:12] in new


def test_grey_colours_that_no_pixel_uses_go_unless_all_are_a_ramp():
    palette = b"".join(bytes((i ^ 1, i ^ 1, i ^ 1, 0)) for i in range(16))
    assert palette[20:24] not in strip(headed(40, 4, 0, b"", palette, b"\x12\x34\x10\0" * 3)).data


def test_blackening_colours_does_not_make_a_palette_that_decoders_take_for_grey():
    palette = b"\7\7\7\0\xff\xff\xff\0"
    data = headed(40, 1, 0, b"", palette, b"\xf8\0\0\0" * 3)
    once = strip(data).data
    assert look(once) == look(data)
    assert palette[:3] not in once
    assert strip(once).data == once


def test_an_offset_of_the_pixels_within_the_headers_is_refused():
    data = bmp()
    with pytest.raises(ImageRefused, match="behind the headers"):
        strip(data[:10] + struct.pack("<I", 1) + data[14:])
    assert look(strip(data[:10] + bytes(4) + data[14:]).data) == look(data)


def test_an_indexed_picture_without_a_palette_is_refused():
    data = bmp("P")
    with pytest.raises(ImageRefused, match="palette"):
        strip(data[:10] + struct.pack("<I", 55) + data[14:])


def test_a_last_row_without_its_padding_stays():
    whole = bmp(size=(13, 9))  # rows of 39 bytes and one of padding
    assert strip(whole[:-1]).data == strip(whole).data
    with pytest.raises(ImageRefused):
        strip(whole[:-2])


def test_masks_of_zero_say_blue_green_red_and_alpha():
    pixels = bytes(range(1, 61))
    data = headed(108, 32, 3, bytes(16), b"", pixels)
    assert look(strip(data).data) == look(data)
    assert pixels in strip(data).data


def look_opencv(data: bytes) -> list[tuple[tuple[int, ...], bytes]]:
    """What OpenCV shows: unchanged, in colour and in grey."""
    buffer = np.frombuffer(data, np.uint8)
    kinds = (cv2.IMREAD_UNCHANGED, cv2.IMREAD_COLOR, cv2.IMREAD_GRAYSCALE)
    return [(image.shape, image.tobytes()) for image in (cv2.imdecode(buffer, kind) for kind in kinds)]


def square(
    depth: int, pixels: bytes, *, compression: int = 0, size: int = 40, masks: bytes = b"", palette: bytes = b"",
    colours: int = 0, planes: int = 1, at: int | None = None,
) -> bytes:  # fmt: skip
    """Make a picture of 64 x 64 pixels."""
    info = struct.pack("<IiiHHIIiiII", size, 64, 64, planes, depth, compression, len(pixels), 0, 0, colours, 0)
    body = info + masks + palette
    return (
        struct.pack("<2sIHHI", b"BM", 14 + len(body + pixels), 0, 0, 14 + len(body) if at is None else at)
        + body
        + pixels
    )


BYTES = bytes(i * 7 % 251 for i in range(4096))


def test_an_offset_of_the_pixels_at_the_palette_leads_behind_it():
    palette = bytes(range(256)) * 4
    data = square(8, BYTES, palette=palette, at=54)
    right = square(8, BYTES, palette=palette)
    assert look(data) == look(right)  # as Pillow has it
    assert strip(data).data == strip(right).data
    few = square(4, BYTES[:2048], palette=palette[:40], colours=10, at=54)
    assert look(strip(few).data) == look(few)


@pytest.mark.parametrize("size", [40, 52])
def test_a_fourth_byte_that_no_mask_names_stays_where_all_are_opaque(size):
    masks = struct.pack("<III", 0xFF0000, 0xFF00, 0xFF)
    opaque = b"".join(b"\1" + BYTES[i : i + 2] + b"\xff" for i in range(4095)) + b"\1\2\3\xff"
    data = square(32, opaque, compression=3, size=size, masks=masks)
    new = strip(data).data
    assert look_opencv(new) == look_opencv(data)
    assert look(new) == look(data)
    other = square(32, opaque[:-1] + b"\xfe", compression=3, size=size, masks=masks)
    assert set(strip(other).data[14 + 40 + 12 + 3 :: 4]) == {0}


@pytest.mark.parametrize("depth", [1, 4, 8])
def test_a_palette_with_colours_that_no_pixel_uses_stays_one_of_colours(depth):
    greys = b"".join(bytes((i + 5, i + 5, i + 5, 0)) for i in range(1 << depth - 1))
    palette = greys + b"abc\0" * (1 << depth - 1)
    data = square(depth, bytes(4096), palette=palette)
    new = strip(data).data
    assert look_opencv(new) == look_opencv(data)
    assert look(new) == look(data)
    assert b"abc" not in new
    assert strip(new).data == new


@pytest.mark.parametrize(
    ("palette", "colours"),
    [
        (bytes(range(1, 65)), 0),
        (bytes(range(1, 65)), 200),
        (b"".join(bytes((i, i, i, 0)) for i in range(16)), 0),
    ],
    ids=["all", "more than fit", "greys"],
)
@pytest.mark.parametrize("used", [16, 200])
def test_colours_that_decoders_read_from_the_pixels_stay(palette, colours, used):
    data = square(8, bytes(i % used for i in BYTES), palette=palette, colours=colours)
    new = strip(data).data
    assert look(new) == look(data)
    assert look_opencv(new) == look_opencv(data)
    assert strip(new).data == new
    parts = inspect(data).parts
    assert sum(part.size for part in parts) == len(data)


def test_a_number_of_planes_goes():
    data = square(8, BYTES, palette=bytes(range(256)) * 4, planes=3)
    new = strip(data).data
    assert new == strip(square(8, BYTES, palette=bytes(range(256)) * 4)).data
    assert look(new) == look(data)
    assert look_opencv(new) == look_opencv(data)
