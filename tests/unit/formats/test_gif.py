"""Each test plants something in a GIF that Pillow wrote, and looks for it in what comes out."""

import io
import random
import struct

import cv2
import numpy as np
import pytest
from PIL import Image

from photogate.errors import ImageRefused, Reason
from photogate.formats import gif_lzw, limits, measure, strip
from photogate.inspection import inspect
from tests.noise import noise

SECRET = b"SecretPlace"


def gif(size: tuple[int, int] = (60, 41), colours: int = 64, **options: object) -> bytes:
    noise = random.Random(3)
    image = Image.new("P", size)
    image.putpalette([noise.randrange(256) for _ in range(768)])
    image.putdata([noise.randrange(colours) // (1 + i % 3) for i in range(size[0] * size[1])])
    file = io.BytesIO()
    image.save(file, "GIF", optimize=False, **options)
    return file.getvalue()


def animation() -> bytes:
    frames = [noise((24, 24), "P", seed) for seed in range(5)]
    file = io.BytesIO()
    frames[0].save(
        file, "GIF", save_all=True, append_images=frames[1:], duration=[50, 90, 130, 170, 40], loop=4, disposal=2
    )
    return file.getvalue()


def look(data: bytes) -> list[tuple[str, bytes, object]]:
    with Image.open(io.BytesIO(data)) as image:
        frames = []
        for i in range(image.n_frames):
            image.seek(i)
            duration = image.info.get("duration") if image.n_frames > 1 else None
            frames.append((image.mode, image.convert("RGBA").tobytes(), duration))
        return frames


def first_block(data: bytes) -> int:
    return 13 + (3 << ((data[10] & 7) + 1) if data[10] & 0x80 else 0)


def blocks(content: bytes) -> bytes:
    pieces = [content[i : i + 255] for i in range(0, len(content), 255)]
    return b"".join(bytes((len(p),)) + p for p in pieces) + b"\0"


def image_data(data: bytes) -> tuple[int, int, bytes]:
    """Where the first image's sub-blocks start and end, and what they hold."""
    at = data.index(b",", first_block(data)) + 11
    start, content = at, b""
    while data[at]:
        content += data[at + 1 : at + 1 + data[at]]
        at += 1 + data[at]
    return start, at + 1, content


@pytest.mark.parametrize(
    "data", [gif(), gif(colours=2), gif((1, 1)), gif(interlace=True), gif((300, 300), 256), animation()]
)
def test_pixels_stay_and_stripping_twice_changes_nothing(data):
    once = strip(data).data
    assert look(once) == look(data)
    assert strip(once).data == once


@pytest.mark.parametrize(
    "planted",
    [
        b"\x21\xfe" + blocks(SECRET),
        b"\x21\x01\x0c" + bytes(12) + blocks(SECRET),
        b"\x21\xff\x0bXMP DataXMP" + blocks(SECRET),
        b"\x21\xff\x0bICCRGBG1012" + blocks(SECRET),
        b"\x21\xff\x0bunknown1000" + blocks(SECRET),
        b"\x21\x42" + blocks(SECRET),
    ],
)
def test_what_is_not_on_the_allow_list_goes(planted):
    data = gif()
    at = first_block(data)
    stripped = strip(data[:at] + planted + data[at:])
    assert stripped.data == strip(data).data
    assert stripped.removed
    assert strip(data[:-1] + planted + b";").data == strip(data).data


@pytest.mark.parametrize("tail", [b"x", SECRET * 400])
def test_bytes_behind_the_end_code_vanish(tail):
    data = gif()
    start, end, content = image_data(data)
    stripped = strip(data[:start] + blocks(content + tail) + data[end:])
    assert stripped.data == strip(data).data
    assert any("LZW end code" in r.where for r in stripped.removed)


def test_codes_behind_the_last_pixel_vanish():
    data = gif((8, 8), 4)
    taller = gif((8, 80), 4)
    cut = bytearray(taller)
    at = taller.index(b",", first_block(taller))
    cut[8:10] = cut[at + 7 : at + 9] = b"\x08\0"
    assert len(strip(bytes(cut)).data) < len(data) + 30
    assert strip(strip(bytes(cut)).data).data == strip(bytes(cut)).data
    assert look(strip(bytes(cut)).data) == look(bytes(cut))


@pytest.mark.parametrize("tail", [SECRET, gif()])
def test_what_follows_the_trailer_goes(tail):
    assert strip(gif() + tail).data == strip(gif()).data


def test_colours_that_no_pixel_uses_go():
    data = bytearray(gif(colours=64))
    data[13 + 3 * 200 : 13 + 3 * 200 + len(SECRET)] = SECRET
    stripped = strip(bytes(data))
    assert SECRET not in stripped.data
    assert look(stripped.data) == look(bytes(data))


def test_an_animation_keeps_frames_timing_and_loops():
    stripped = strip(animation()).data
    assert look(stripped) == look(animation())
    with Image.open(io.BytesIO(stripped)) as image:
        assert image.info["loop"] == 4


def test_more_frames_than_the_limit_are_refused():
    data = gif((1, 1))
    at = data.index(b",", first_block(data))
    with pytest.raises(ImageRefused) as caught:
        measure(data[:at] + data[at:-1] * 10_000 + b";")
    assert caught.value.refusal is Reason.TOO_MANY_FRAMES


@pytest.mark.parametrize("keep", [6, 12, 20])
def test_a_cut_file_is_refused(keep):
    with pytest.raises(ImageRefused):
        strip(gif()[:keep])


def test_inspect_names_the_blocks_and_says_what_stays():
    data = gif()
    at = first_block(data)
    tree = inspect(data[:at] + b"\x21\xfe" + blocks(SECRET) + data[at:] + SECRET).parts
    stays = {part.name: part.stays for part in tree}
    assert (stays["comment"], stays["image"], stays["trailing bytes"]) == (False, True, False)


def test_two_graphic_controls_that_differ_before_one_image_are_refused():
    data = animation()
    at = data.index(b"\x21\xf9\x04")
    assert strip(data[:at] + data[at : at + 8] + data[at:]).data == strip(data).data
    with pytest.raises(ImageRefused, match="one graphic control"):
        strip(data[:at] + b"\x21\xf9\x04\x01\x07\x00\x03\x00" + data[at:])


def test_a_graphic_control_before_text_is_the_images_as_in_decoders():
    data = gif()
    at = first_block(data)
    control = b"\x21\xf9\4\1\5\0\3\0"
    text = b"\x21\1\x0c" + bytes(12) + b"\4text\0"
    both = data[:at] + control + text + data[at:]
    assert look(strip(both).data) == look(both)
    own = data[:at] + control + text + b"\x21\xf9\4\0\5\0\0\0" + data[at:]
    assert b"text" not in strip(own).data


def codes(values: list[int], size: int) -> bytes:
    """Write LZW codes of `size` bits a pixel, each as wide as decoders expect it to be; -1 stands for a clear code."""
    clear, number, bits, run = 1 << size, 0, 0, 0
    for value in values:
        width = min(12, max(size + 1, (clear + 2 + max(run - 1, 0)).bit_length()))
        number |= ((clear if value < 0 else value) & (1 << width) - 1) << bits
        bits += width
        run = 0 if value < 0 else run + 1
    return number.to_bytes(-(-bits // 8), "little")


def repeated(values: list[int], size: int, clear_after: int) -> list[int]:
    """Have the table cleared after each so many codes."""
    return [c for i in range(0, len(values), clear_after) for c in (*values[i : i + clear_after], -1)]


LITERALS = [random.Random(5).randrange(16) for _ in range(9000)]
DEEP = [0, *range(18, 4096), *[4095] * 300]


@pytest.mark.parametrize(
    "values",
    [
        LITERALS,
        DEEP,
        [v for v in LITERALS if v < 7] * 2,
        repeated(LITERALS, 4, 14),
        repeated(LITERALS, 4, 1),
        repeated(LITERALS, 4, 15),
        repeated(LITERALS, 4, 3000),
        repeated(LITERALS[:700], 4, 600) + repeated(LITERALS, 4, 2) + DEEP,
        [*LITERALS[:4000], 15 << 7],
        [*repeated(LITERALS[:900], 4, 9), 3, 25, 3],
    ],
)
def test_codes_are_read_many_at_once_as_one_by_one(values, monkeypatch):
    whole = codes([*values, 17, 0xABC, 0xDEF], 4)
    for pixels in (1, 333, 5000, 8_300_000, 1 << 40):
        at_once = gif_lzw.walk(whole + gif_lzw.BEHIND, len(whole), 4, pixels, gif_lzw.Work())
        with monkeypatch.context() as patch:
            patch.setattr(gif_lzw, "numpy_for", lambda seconds: None)
            one_by_one = gif_lzw.walk(whole + gif_lzw.BEHIND, len(whole), 4, pixels, gif_lzw.Work())
        assert at_once.needed() == one_by_one.needed()
        assert at_once.used == one_by_one.used


def one_image(content: bytes, size: int, width: int, height: int) -> bytes:
    screen = struct.pack("<6sHHBBB", b"GIF89a", width, height, 0xF2, 0, 0) + bytes(range(24))
    return screen + struct.pack("<BHHHHBB", 0x2C, 0, 0, width, height, 0, size) + blocks(content) + b";"


def test_tables_that_are_cleared_again_and_again_are_refused():
    content = codes([0, 1, 2, -1] * (limits.MAX_SHORT_LZW_RUNS + 2), 2)
    with pytest.raises(ImageRefused, match="used before they are cleared"):
        strip(one_image(content, 2, 4000, 4000))


def test_sub_blocks_of_one_byte_are_refused_where_they_are_millions():
    data = gif()
    start, _, _ = image_data(data)
    with pytest.raises(ImageRefused, match="sub-blocks"):
        strip(data[:start] + b"\1\0" * 3 + b"\1\7" * (limits.MAX_SUB_BLOCKS + 1) + b"\0;")
    with pytest.raises(ImageRefused, match="sub-blocks"):
        strip(data[:start] + (b"\1\7" * 50 + b"\0!\xfe") * (limits.MAX_SUB_BLOCKS // 50 + 1) + b"\0;")


def test_codes_that_only_our_own_loop_can_read_are_bounded():
    with pytest.raises(ImageRefused, match="LZW"):
        strip(one_image(bytes(limits.MAX_SLOW_LZW + 1), 1, 8000, 8000))


def images(count: int, width: int, height: int, size: int, content: bytes) -> bytes:
    """Make an animation of equal images of two colours."""
    image = struct.pack("<BHHHHBB", 0x2C, 0, 0, width, height, 0, size) + blocks(content)
    return struct.pack("<6sHHBBB", b"GIF89a", width, height, 0x80, 0, 0) + bytes(range(6)) + image * count + b";"


@pytest.mark.parametrize(
    ("code_size", "content"),
    [(2, codes(repeated([0] * 2_400, 2, 4), 2)), (1, b"\x22" * 4_000)],
    ids=["tables cleared early", "codes that only our own loop can read"],
)
def test_what_codes_may_cost_holds_for_all_images_together(monkeypatch, code_size, content):
    monkeypatch.setattr(limits, "MAX_SHORT_LZW_RUNS", 1_000)
    monkeypatch.setattr(limits, "MAX_SLOW_LZW", 10_000)
    assert strip(images(1, 100, 900, code_size, content)).data
    with pytest.raises(ImageRefused, match="LZW"):
        strip(images(3, 100, 900, code_size, content))


def test_large_images_may_have_more_tables_that_are_cleared_early(monkeypatch):
    monkeypatch.setattr(limits, "MAX_SHORT_LZW_RUNS", 10)
    monkeypatch.setattr(limits, "SHORT_LZW_RUN_BYTES", 1)
    data = images(3, 100, 900, 2, codes(repeated([0] * 2_400, 2, 4), 2))
    once = strip(data).data
    monkeypatch.setattr(limits, "SHORT_LZW_RUN_BYTES", 10)
    with pytest.raises(ImageRefused, match="LZW"):
        strip(once)
    with pytest.raises(ImageRefused, match="LZW"):  # what is no code counts nothing
        strip(data[:19] + b"\x21\xfe" + blocks(bytes(100_000)) + data[19:])


def screen(width: int, height: int, table: bytes = b"", background: int = 0, aspect: int = 0) -> bytes:
    flags = 0x80 | (len(table) // 3).bit_length() - 2 if table else 0
    return struct.pack("<6sHHBBB", b"GIF89a", width, height, flags, background, aspect) + table


def image(pixels: bytes, size: int = 2, *, width: int = 0, table: bytes = b"", left: int = 0) -> bytes:
    """Make an image of `pixels` in rows of `width`, or in one row."""
    flags = 0x80 | (len(table) // 3).bit_length() - 2 if table else 0
    width = width or len(pixels)
    place = struct.pack("<BHHHHB", 0x2C, left, 0, width, -(-len(pixels) // width), flags)
    literals = codes([*repeated(list(pixels), size, 2)[:-1], (1 << size) + 1], size)
    return place + table + bytes((size,)) + blocks(literals)


def control(flags: int = 0, delay: int = 10, transparent: int = 0) -> bytes:
    return struct.pack("<BBBBHBB", 0x21, 0xF9, 4, flags, delay, transparent, 0)


def count(number: int, name: bytes = b"NETSCAPE2.0") -> bytes:
    return b"\x21\xff\x0b" + name + b"\3\1" + struct.pack("<H", number) + b"\0"


def look_opencv(data: bytes) -> list[bytes]:
    """What OpenCV shows: each frame with alpha, and the first without."""
    buffer = np.frombuffer(data, np.uint8)
    good, frames = cv2.imdecodemulti(buffer, cv2.IMREAD_UNCHANGED)
    assert good
    return [frame.tobytes() for frame in (*frames, cv2.imdecode(buffer, cv2.IMREAD_COLOR))]


COLOURS = bytes(range(100, 124))  # eight
GREYS = bytes(v for i in range(8) for v in (i, i, i))


def test_the_colour_of_a_transparent_index_that_no_pixel_has_goes():
    table = (b"Jane Doe, Main Street 5, +49 170 1234567; " * 40)[:768]
    frames = b"".join(control(1, 0, i) + image(b"\1") for i in range(256))
    data = screen(1, 1, table) + frames + b";"
    new = strip(data).data
    assert table[6:40] not in new
    assert strip(new).data == new
    assert look(new) == look(data)
    assert look_opencv(new) == look_opencv(data)


SHOWN = {
    "disposed of to the background": control(8) + image(b"\1\2\1") + control() + image(b"\2"),
    "disposed of to a transparent colour": control(9, 1, 5) + image(b"\1\2\1") + control() + image(b"\2"),
    "disposed of as the frame before": control(8) + image(b"\1\2\1") + (control() + image(b"\2\2")) * 2,
    "disposed of to the background, own colours": control(8) + image(b"\1\2\1", table=COLOURS[::-1]) + image(b"\2"),
    "disposed of to an index beyond the table": control(9, 1, 77) + (control(9, 1, 77) + image(b"\1\2\1")) * 2,
    "the first frame covers not all": control(1, 0, 6) + image(b"\1", left=1) + image(b"\2"),
    "the first frame covers not all, none transparent": image(b"\1", left=1) + image(b"\2"),
    "a later frame is larger": image(b"\1\2\1") + image(b"\1\2\1\1"),
    "a grey table of one frame": image(b"\1\2\3", table=GREYS) + image(b"\4\4\4", 3),
    "pixels beyond a table of one frame": image(b"\1\3\2", table=bytes(range(7, 13))) + image(b"\4\4\4", 3),
    "codes of nine bits": image(b"\1\2\4", 9) + image(b"\4\4\4", 3),
    "a still that covers not all": control(1, 7, 6) + image(b"\1", left=1),
    "a still with transparent pixels": control(1, 7, 2) + image(b"\2\1\2"),
}


@pytest.mark.parametrize("frames", SHOWN.values(), ids=SHOWN)
@pytest.mark.parametrize("background", [0, 7])
def test_colours_that_decoders_show_stay(frames, background):
    data = screen(3, 1, COLOURS, background) + frames + b";"
    new = strip(data).data
    assert look(new) == look(data)
    buffer, after = np.frombuffer(data, np.uint8), np.frombuffer(new, np.uint8)
    (good, before), (_, now) = (cv2.imdecodemulti(b, cv2.IMREAD_UNCHANGED) for b in (buffer, after))
    assert not good or [frame.tobytes() for frame in now] == [frame.tobytes() for frame in before]
    assert strip(new).data == new


def test_codes_of_more_than_eight_bits_show_their_lowest_eight():
    values = [[512, 300, 7, 513], [600 - 512, 256 + 90, 513]]
    for pixels in values:
        data = screen(2, 1, bytes(range(256)) * 3) + struct.pack("<BHHHHBB", 0x2C, 0, 0, 2, 1, 0, 9)
        data += blocks(codes(pixels, 9)) + b";"
        assert look(strip(data).data) == look(data)
        assert look_opencv(strip(data).data) == look_opencv(data)


def test_a_table_that_opencv_goes_on_with_keeps_the_colours_of_the_next_image():
    data = screen(3, 1) + image(b"\1\2\1", table=COLOURS) + image(b"\3\3\3") + b";"
    new = strip(data).data
    assert look_opencv(new) == look_opencv(data)
    assert look(new) == look(data)
    assert COLOURS[12:15] not in new


def test_blackening_colours_does_not_make_a_grey_ramp():
    data = screen(3, 1, b"\7\7\7" + GREYS[3:]) + image(b"\1\2\1") + b";"
    new = strip(data).data
    assert look(new) == look(data)
    assert b"\7\7\7" not in new[: 13 + 3]
    assert strip(new).data == new


FRAME = control() + image(b"\1")


@pytest.mark.parametrize(
    ("data", "kept"),
    [
        (count(3) + count(5) + FRAME * 2, 5),
        (count(3) + FRAME + count(7) + FRAME, 3),
        (FRAME + count(7) + FRAME, 7),  # OpenCV and browsers take it, Pillow does not
        (count(4) + count(6, b"ANIMEXTS1.0") + FRAME * 2, 4),
        (count(6, b"ANIMEXTS1.0") + FRAME * 2, 6),  # browsers take it
        (count(6) + FRAME, None),
    ],
    ids=["two", "one behind a frame", "only one behind a frame", "one of ANIMEXTS", "only ANIMEXTS", "a still"],
)
def test_of_loop_counts_that_stays_which_decoders_take(data, kept):
    new = strip(screen(1, 1, COLOURS) + data + b";").data
    with Image.open(io.BytesIO(new)) as opened:
        assert opened.info.get("loop") == kept
    parts = inspect(screen(1, 1, COLOURS) + data + b";").parts
    assert sum(part.stays for part in parts if part.name == "application NETSCAPE2.0") == (kept is not None)


@pytest.mark.parametrize(("flags", "kept"), [(4, 0), (9, 1), (3, 1)])
def test_a_still_has_no_timing(flags, kept):
    plain = screen(2, 1, COLOURS, 3) + (control(1, 0, 5) if kept else b"") + image(b"\1\2") + b";"
    timed = screen(2, 1, COLOURS, 3) + count(4711) + control(flags, 4711, 5) + image(b"\1\2") + b";"
    new = strip(timed)
    assert new.data == strip(plain).data
    assert any("still" in removed.where for removed in new.removed)
    assert look_opencv(new.data) == look_opencv(timed)
    assert [p.stays for p in inspect(timed).parts if p.name == "graphic control"] == [bool(kept)]


def test_a_background_that_a_still_covers_goes():
    def of(number: int, frames: bytes) -> bytes:
        return strip(screen(2, 1, COLOURS, number) + frames + b";").data

    assert of(6, image(b"\1\2")) == of(0, image(b"\1\2"))
    assert of(6, control(1, 0, 2) + image(b"\1\2")) != of(0, control(1, 0, 2) + image(b"\1\2"))
    assert strip(screen(1, 1, background=9) + FRAME * 2 + b";").data[11] == 0  # an index in no table
