"""Each test plants something in a GIF that Pillow wrote, and looks for it in what comes out."""

import io
import random
import struct

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
            frames.append((image.mode, image.convert("RGBA").tobytes(), image.info.get("duration")))
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
        at_once = gif_lzw.walk(whole + gif_lzw.BEHIND, len(whole), 4, pixels, gif_lzw.Work.of(0))
        with monkeypatch.context() as patch:
            patch.setattr(gif_lzw, "numpy_for", lambda seconds: None)
            one_by_one = gif_lzw.walk(whole + gif_lzw.BEHIND, len(whole), 4, pixels, gif_lzw.Work.of(0))
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


def test_a_large_file_may_have_more_tables_that_are_cleared_early():
    assert limits.short_lzw_runs(1) == limits.MAX_SHORT_LZW_RUNS
    assert limits.short_lzw_runs(1 << 30) == (1 << 30) // limits.SHORT_LZW_RUN_BYTES
