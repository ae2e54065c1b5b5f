"""Random bytes in every place of an AV1 picture that decoders pass over: none is in what comes out, at any bit."""

import io
import random

import pytest
from PIL import Image

from photogate.errors import ImageRefused
from photogate.formats import strip
from photogate.formats.av1_sequence import sequence_header
from photogate.formats.av1_units import Run, av1, obus
from photogate.formats.bmff_boxes import box
from photogate.formats.bmff_coded import Dropped
from photogate.formats.isobmff import read
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


def sequence(*images: Image.Image) -> bytes:
    out = io.BytesIO()
    images[0].save(out, "AVIF", speed=10, save_all=True, append_images=images[1:], duration=100)
    return out.getvalue()


MOVING = sequence(noise((34, 20)), noise((34, 20), seed=9))


def first_sample(data: bytes) -> tuple[bytes, bytes]:
    """The sequence header, which is not a reduced one, and the key frame."""
    ((at, size), *_) = read(data).tracks[0].places
    units = {kind: data[at + start : at + end] for kind, _, start, end in obus(data[at : at + size])}
    return units[1], units[6]


HEAD, KEY = first_sample(MOVING)
OTHER = first_sample(sequence(noise((34, 20), seed=9), noise((34, 20))))[1]
PLAIN = b"\x81\0\x0c\0"
HIDDEN = b"\0" + SECRET  # a frame that is not shown, by its first bits


def layered(points: int) -> bytes:
    """The sequence header with layers in its operating point."""
    text = format(int.from_bytes(b"\1" + HEAD, "big"), "b")[1:]
    text = text[:12] + format(points, "012b") + text[24:]
    return obu(1, int("1" + text, 2).to_bytes(len(text) // 8 + 1, "big")[1:])


def frame(payload: bytes, layer: int = -1, kind: int = 6) -> bytes:
    extension = [layer << 3] if layer >= 0 else []
    size = bytes((len(payload) & 127 | 128, len(payload) >> 7))
    return bytes((kind << 3 | 2 | 4 * (layer >= 0), *extension)) + size + payload


def moving(*units: bytes, more: tuple[bytes, ...] = ()) -> bytes:
    properties = (box(b"av1C", PLAIN), *PICTURE.properties[1:], *more)
    layout = Layout(brand=b"avif", essential=(b"lsel", b"a1op"))
    return heif([Item(b"av01", b"".join(units), properties)], layout=layout)


def test_frames_before_the_key_frame_that_is_shown_go_and_frames_behind_it():
    clean = strip(moving(obu(1, HEAD), frame(KEY))).data
    for units in (
        (frame(HIDDEN), frame(KEY)),
        (frame(HIDDEN, kind=3), obu(4, SECRET), frame(KEY)),
        (frame(KEY), frame(HIDDEN)),
        (frame(KEY), frame(OTHER)),
        (frame(KEY), obu(3, b"\xa8"), frame(OTHER)),
        (obu(1, HEAD[:-1] + b"\xff"), frame(OTHER[:1].replace(b"\x10", b"\0") + OTHER[1:]), obu(1, HEAD), frame(KEY)),
    ):
        data = moving(obu(1, HEAD), *units)
        assert strip(data).data == clean
    assert pixels(clean) == pixels(moving(obu(1, HEAD), frame(KEY)))


def test_a_still_picture_that_needs_hidden_frames_is_refused():
    for units in ((frame(HIDDEN), obu(3, b"\xa8")), (frame(HIDDEN), frame(b"\x30" + KEY[1:]))):
        with pytest.raises(ImageRefused, match="hidden frames"):
            strip(moving(obu(1, HEAD), *units))
    with pytest.raises(ImageRefused, match="frame that is shown"):
        strip(moving(obu(1, HEAD)))


@pytest.mark.parametrize("behind", [False, True])
def test_layers_outside_of_the_operating_point_go(behind):
    head, key = layered(0x101), frame(KEY, 0)
    clean = strip(moving(head, key)).data
    hidden = [frame(b"\x10" + SECRET, 1), obu(4, SECRET, 1 << 3), frame(b"\x10" + SECRET, 2), frame(HIDDEN, 3)]
    hidden += [frame(b"\x10" + SECRET, 0).replace(b"\0", b"\x20", 1)]  # temporal layer 1
    data = moving(head, *([key, *hidden] if behind else [*hidden, key]))
    assert strip(data).data == clean
    assert pixels(data) == pixels(clean) == pixels(moving(obu(1, HEAD), frame(KEY)))


def test_a_picture_under_a_key_frame_of_a_higher_layer_goes():
    data = moving(layered(0x301), frame(KEY, 0), frame(OTHER, 1))
    stripped = strip(data).data
    assert pixels(stripped) == pixels(data) == pixels(moving(obu(1, HEAD), frame(OTHER)))
    assert KEY[8:] not in stripped


def test_layers_above_the_one_that_is_chosen_go():
    choice = box(b"lsel", b"\0\0")
    data = moving(layered(0x301), frame(KEY, 0), frame(OTHER, 1), more=(choice,))
    stripped = strip(data).data
    assert choice in stripped
    assert pixels(stripped) == pixels(data) == pixels(moving(obu(1, HEAD), frame(KEY)))
    assert OTHER[8:] not in stripped


def test_a_choice_of_layers_goes_where_there_are_none_and_one_that_does_not_exist_is_refused():
    clean = strip(moving(obu(1, HEAD), frame(KEY))).data
    assert strip(moving(obu(1, HEAD), frame(KEY), more=(box(b"lsel", b"\0\0"), box(b"a1op", b"\0")))).data == clean
    with pytest.raises(ImageRefused, match="operating point"):
        strip(moving(obu(1, HEAD), frame(KEY), more=(box(b"a1op", b"\x05"),)))


def longer(data: bytes, more: bytes) -> bytes:
    """A sequence whose last sample, the last bytes of the file, goes on with `more`."""
    at, size = read(data).tracks[0].places[-1]
    assert at + size == len(data)
    changed = bytearray(data + more)
    sizes = data.index(b"stsz") + 16 + 4 * (len(read(data).tracks[0].places) - 1)
    changed[sizes : sizes + 4] = (size + len(more)).to_bytes(4, "big")
    mdat = data.rindex(b"mdat") - 4
    changed[mdat : mdat + 4] = (len(changed) - mdat).to_bytes(4, "big")
    return bytes(changed)


@pytest.mark.parametrize(
    "more",
    [frame(HIDDEN), frame(b"\x10" + SECRET), frame(b"\x30" + SECRET, kind=3), frame(OTHER), obu(3, b"\xa8" + SECRET)],
)
def test_frames_behind_the_one_that_a_sample_shows_go(more):
    assert strip(longer(MOVING, more)).data == strip(MOVING).data


def test_bytes_behind_a_header_that_shows_a_frame_again_go():
    head = obu(1, HEAD)
    _, known = av1(head + frame(KEY), None, Dropped(), run=Run())
    for marked in (b"\xa8" + SECRET, b"\xaf"):
        assert av1(frame(marked, kind=3), known, Dropped(), run=Run())[0] == obu(3, b"\xa8")


def test_a_frame_whose_tiles_go_on_in_the_next_sample_stays():
    """Some encoders cut a stream without regard to its frames."""
    run = Run(continues=True)
    first, known = av1(obu(1, HEAD) + frame(KEY) + frame(b"\x30abc", kind=3), None, Dropped(), run=run)
    assert first.endswith(obu(3, b"\x30abc"))
    run.continues = False
    assert av1(obu(4, b"tiles") + frame(OTHER), known, Dropped(), run=run)[0] == obu(4, b"tiles")
    assert run.begun is None


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
