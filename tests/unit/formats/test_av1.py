"""Random bytes in every place of an AV1 picture that decoders pass over: none is in what comes out, at any bit."""

import io
import random

import pytest
from PIL import Image

from photogate.errors import ImageRefused
from photogate.formats import strip
from photogate.formats.av1_sequence import sequence_header
from photogate.formats.bmff_boxes import box
from tests.heif_builder import Item, Layout, av1_item, heif
from tests.hevc import Bits
from tests.noise import noise

SECRET = random.Random(6).randbytes(24)
PICTURE = av1_item(noise((34, 20)))
AVIF = Layout(brand=b"avif")


def obu(kind: int, payload: bytes, extension: int = -1) -> bytes:
    head = bytes((kind << 3 | 2 | (4 if extension >= 0 else 0), *([extension] if extension >= 0 else [])))
    return head + bytes((len(payload),)) + payload


def pixels(data: bytes) -> bytes:
    with Image.open(io.BytesIO(data)) as image:
        return image.tobytes()


def of(data: bytes) -> bytes:
    return heif([Item(b"av01", data, PICTURE.properties)], layout=AVIF)


CLEAN = strip(of(PICTURE.data)).data
CODED = CLEAN[CLEAN.index(b"mdat") + 4 :]
HEADER = CODED[: 2 + CODED[1]]


def test_a_picture_without_anything_to_remove_stays_byte_for_byte():
    assert CODED[0] >> 3 == 1
    assert strip(CLEAN).data == CLEAN
    assert pixels(CLEAN) == pixels(of(PICTURE.data))


# Of the specification, 6.2.2: reserved, delimiter, metadata, redundant header, tile list, padding.
@pytest.mark.parametrize("kind", [0, 2, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15])
def test_units_that_a_still_picture_does_not_need_go(kind):
    planted = obu(kind, SECRET)
    for data in (planted + CODED, HEADER + planted + CODED[len(HEADER) :], CODED + planted):
        assert strip(of(data)).data == CLEAN


@pytest.mark.parametrize("kind", [2, 5, 15])
def test_units_of_the_configuration_other_than_the_sequence_header_go(kind):
    configuration = PICTURE.properties[0]
    longer = box(b"av1C", configuration[8:], obu(kind, SECRET))
    data = heif([Item(b"av01", CODED, (longer, *PICTURE.properties[1:]))], layout=AVIF)
    assert SECRET in data
    assert SECRET not in strip(data).data
    assert pixels(strip(data).data) == pixels(CLEAN)


def test_extensions_and_reserved_bits_of_headers_go_where_there_are_no_layers():
    head, size, rest = CODED[0], CODED[1], CODED[2 : 2 + CODED[1]]
    marked = bytes((head | 5, 0xB7, size)) + rest
    assert strip(of(marked + CODED[len(HEADER) :])).data == CLEAN


def test_bytes_behind_the_fields_of_the_sequence_header_go():
    longer = bytes((HEADER[0], HEADER[1] + len(SECRET))) + HEADER[2:] + SECRET
    assert strip(of(longer + CODED[len(HEADER) :])).data == CLEAN


def rest_of_header(bits: Bits) -> bytes:
    """From the frame's size on: 64 x 64, no tools, 4:2:0 of 8 bits."""
    bits.u(4, 5).u(4, 5).u(6, 63).u(6, 63).u(1, 0).u(3, 0).u(4, 0).u(1, 0).u(1, 1).u(1, 1).u(3, 0)
    return bits.u(4, 0).u(2, 0).u(1, 0).u(1, 0).ended()


def number(at: int) -> int:
    return int.from_bytes(SECRET[at : at + 4], "big")


def test_clocks_and_delays_and_further_operating_points_of_the_sequence_header_go():
    plain = rest_of_header(Bits().u(3, 0).u(2, 0).u(1, 0).u(1, 0).u(5, 0).u(12, 0).u(5, 4))
    timed = Bits().u(3, 0).u(2, 0).u(1, 1).u(32, number(0)).u(32, number(4)).u(1, 1).ue(number(8) >> 8).u(1, 0)
    timed.u(1, 1).u(5, 31).u(12, 0).u(5, 4).u(1, 1).u(4, 9)
    for point in range(31):
        timed.u(12, 0).u(5, SECRET[point % 24] & 7).u(1, 1).u(4, SECRET[point % 24] >> 4)
    assert sequence_header(rest_of_header(timed)).payload == sequence_header(plain).payload == plain


def test_a_buffer_model_that_frame_headers_depend_on_stays_and_says_nothing():
    def header(first: int, second: int, third: int, delay: int) -> bytes:
        bits = Bits().u(3, 0).u(2, 0).u(1, 1).u(32, first).u(32, second).u(1, 0)
        bits.u(1, 1).u(5, 9).u(32, third).u(5, 9).u(5, 9).u(1, 0)
        return rest_of_header(bits.u(5, 0).u(12, 0).u(5, 4).u(1, 1).u(21, delay))

    secret = sequence_header(header(number(0), number(4), number(8), number(12) >> 11)).payload
    assert secret == header(1, 1, 1, 0)


def test_a_frame_header_that_is_longer_than_any_can_be_is_refused():
    long = bytes((3 << 3 | 2, 0x80 | 2000 & 127, 2000 >> 7, 0x10)) + random.Random(7).randbytes(1999)
    with pytest.raises(ImageRefused, match="frame header"):
        strip(of(HEADER + long))
