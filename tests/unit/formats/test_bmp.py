"""Each test plants something in a BMP, and looks for it in what comes out."""

import io
import struct

import pytest
from PIL import Image

from photogate.errors import ImageRefused
from photogate.formats import inspect, measure, strip
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
    stays = {part.name: part.stays for part in inspect(data)}
    assert (stays["palette"], stays["pixels"], stays["trailing bytes"]) == (True, True, False)
    assert sum(part.size for part in inspect(data)) == len(data)
