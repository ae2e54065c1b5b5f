"""Each test plants something in a GIF that Pillow wrote, and looks for it in what comes out."""

import io
import random

import pytest
from PIL import Image

from photogate.errors import ImageRefused, Reason
from photogate.formats import measure, strip
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
