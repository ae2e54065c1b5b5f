"""Redaction hides what it must in every kind of picture, and leaves the rest as it was."""

from __future__ import annotations

import io

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps

from photogate.conversion import render
from photogate.errors import ImageRefused, RedactionFailed
from photogate.findings import Box, Keep
from photogate.formats import strip, strip_with
from photogate.formats.container import Context
from photogate.formats.rights import Rights, RightsClaims
from photogate.painting import SOLID, hidden_region, to_stored
from photogate.policy import RedactionMethod, RedactionRule, RedactionShape
from photogate.redaction import redact
from tests import photos

BOX = Box(170, 60, 110, 130)
GREY = round(SOLID * 255)


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_box_of_the_upright_picture_is_hidden_where_it_is_seen(orientation: int) -> None:
    upright = Image.new("RGB", (120, 80), (200, 200, 200))
    turned = {
        1: None,
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }[orientation]
    stored = upright if turned is None else upright.transpose(turned)
    data = photos.encode(stored, "PNG")

    seen = ImageOps.exif_transpose(
        opened(redact(data, [Box(10, 20, 30, 16)], rule=RedactionRule(padding_percent=0), orientation=orientation))
    ).convert("RGB")

    dark = np.argwhere(np.asarray(seen)[..., 0] == GREY)
    assert seen.size == (120, 80)
    assert (dark.min(0).tolist(), dark.max(0).tolist()) == ([18, 8], [37, 41])


def test_every_orientation_of_a_box_stays_within_the_picture() -> None:
    for orientation in range(1, 9):
        width, height = (80, 120) if orientation >= 5 else (120, 80)
        box = to_stored(Box(0, 0, 120, 80), orientation, width, height)
        assert box == Box(0, 0, width, height)


@pytest.mark.parametrize(
    ("mode", "fmt"), [("L", "JPEG"), ("CMYK", "JPEG"), ("LA", "PNG"), ("RGBA", "PNG"), ("P", "PNG")]
)
def test_every_mode_is_painted(mode: str, fmt: str) -> None:
    image = photos.picture("astronaut").convert(mode)

    after = opened(redact(photos.encode(image, fmt), [BOX], rule=RedactionRule()))

    inside = np.asarray(after.convert("RGB").crop((BOX.x, BOX.y, BOX.right, BOX.bottom)))
    assert after.size == image.size
    assert np.ptp(inside) <= 12


def test_sixteen_bits_stay_sixteen_bits() -> None:
    ramp = np.linspace(0, 65535, 200 * 100).astype(np.uint16).reshape(100, 200)
    after = np.asarray(
        opened(redact(photos.encode(Image.fromarray(ramp), "PNG"), [Box(20, 20, 30, 30)], rule=RedactionRule()))
    )
    assert after.dtype == np.uint16
    assert np.array_equal(after[:, 100:], ramp[:, 100:])
    assert np.ptp(after[25:45, 25:45]) == 0


@pytest.mark.parametrize("fmt", ["GIF", "PNG", "WEBP"])
def test_every_frame_is_painted_and_keeps_its_time(fmt: str) -> None:
    frames = [photos.picture("astronaut").resize((128, 128)).rotate(angle) for angle in (0, 5, 10)]
    out = io.BytesIO()
    frames[0].save(out, fmt, save_all=True, append_images=frames[1:], duration=[100, 200, 300], lossless=True)

    after = opened(redact(out.getvalue(), [Box(40, 20, 30, 30)], rule=RedactionRule()))

    assert after.n_frames == 3  # type: ignore[attr-defined]
    for number, duration in enumerate((100, 200, 300)):
        after.seek(number)
        after.load()
        assert after.info["duration"] == duration
        assert np.ptp(np.asarray(after.convert("RGB").crop((40, 20, 70, 50)))) <= 8


@pytest.mark.parametrize("fmt", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_rights_stay_where_they_are_kept_and_go_where_not(fmt: str) -> None:
    both = frozenset(Keep)
    tags = Image.Exif()
    tags[0x8298], tags[0x013B] = "(c) Agency", "By Somebody"
    stripped = strip(photos.encode(photos.picture("astronaut"), fmt, exif=tags), keep=both).data
    for keep in (both, frozenset({Keep.CREATOR}), frozenset[Keep]()):
        hidden = redact(stripped, [BOX], rule=RedactionRule(), keep=keep)
        assert strip(hidden, keep=both).kept == keep
        assert (b"By Somebody" in hidden) == (Keep.CREATOR in keep)


def test_rights_that_are_no_ascii_stay_as_they_are() -> None:
    ramp = np.zeros((64, 64, 3), np.uint16)
    deep = cv2.imencode(".png", ramp)[1].tobytes()
    for picture in (photos.encode(photos.picture("coffee")), photos.encode(photos.picture("coffee"), "TIFF"), deep):
        claims = RightsClaims(exif=Rights("(c) Zoë", "森"))
        stripped = strip_with(picture, Context(keep=frozenset(Keep), claims=claims)).data
        hidden = redact(stripped, [Box(4, 4, 20, 20)], rule=RedactionRule(), keep=frozenset(Keep))
        assert "(c) Zoë".encode() in hidden
        assert "森".encode() in hidden


@pytest.mark.parametrize("subsampling", [0, 1, 2])
def test_a_jpeg_keeps_its_tables_and_subsampling(subsampling: int) -> None:
    data = photos.encode(photos.picture("astronaut"), subsampling=subsampling)
    before, after = opened(data), opened(redact(data, [BOX], rule=RedactionRule()))
    assert after.quantization == before.quantization  # type: ignore[attr-defined]
    assert [layer[1:3] for layer in after.layer] == [layer[1:3] for layer in before.layer]  # type: ignore[attr-defined]


@pytest.mark.parametrize("shape", RedactionShape)
@pytest.mark.parametrize("fmt", ["JPEG", "PNG"])
@pytest.mark.parametrize("padding", [0, 15])
@pytest.mark.parametrize("corner", [(0, 0), (452, 0), (0, 452), (452, 452), (-20, 472), (200, 0), (0, 200)])
def test_a_face_at_the_border_is_hidden_up_to_the_border(
    shape: RedactionShape, fmt: str, padding: int, corner: tuple[int, int]
) -> None:
    box = Box(*corner, 60, 60)
    rule = RedactionRule(shape=shape, padding_percent=padding)
    after = np.asarray(opened(redact(photos.encode(photos.picture("astronaut"), fmt), [box], rule=rule)))
    inside = after[max(box.y, 0) : box.bottom, max(box.x, 0) : box.right]
    assert np.ptp(inside) <= 4


@pytest.mark.parametrize("method", RedactionMethod)
@pytest.mark.parametrize("shape", RedactionShape)
def test_the_hidden_region_covers_the_box(method: RedactionMethod, shape: RedactionShape) -> None:
    rule = RedactionRule(method=method, shape=shape, padding_percent=0)
    for mcu in (None, (8, 8), (16, 16)):
        region = hidden_region(Box(33, 41, 10, 12), rule, 200, 200, mcu)
        assert region.x <= 33
        assert region.y <= 41
        assert region.right >= 43
        assert region.bottom >= 53


@pytest.mark.parametrize(
    ("data", "boxes"),
    [(b"nothing", [BOX]), (photos.parcel(), []), (photos.parcel(), [Box(5000, 5000, 10, 10)])],
)
def test_any_doubt_is_a_failure(data: bytes, boxes: list[Box]) -> None:
    with pytest.raises(RedactionFailed):
        redact(data, boxes, rule=RedactionRule())


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("method", RedactionMethod)
def test_colour_of_sixteen_bits_keeps_them(channels: int, method: RedactionMethod) -> None:
    before = np.random.default_rng(5).integers(0, 65536, (60, 80, channels), np.uint16)
    data = cv2.imencode(".png", before)[1].tobytes()

    written = redact(data, [Box(20, 10, 30, 30)], rule=RedactionRule(method=method, padding_percent=0))

    after = cv2.imdecode(np.frombuffer(written, np.uint8), cv2.IMREAD_UNCHANGED)
    assert after is not None
    assert after.dtype == np.uint16
    outside = np.ones((60, 80), bool)
    outside[8:42, 18:52] = False
    assert np.array_equal(after[outside], before[outside])
    # Noise of 65,536 values never repeats by chance where it stands; what is painted is far smoother.
    assert float(after[10:40, 20:50, :3].std()) < 0.3 * float(before[10:40, 20:50, :3].std())


def test_grey_of_sixteen_bits_with_alpha_is_a_failure() -> None:
    data = bytearray(cv2.imencode(".png", np.zeros((8, 8, 4), np.uint16))[1].tobytes())
    data[25] = 4  # IHDR's colour type
    with pytest.raises(RedactionFailed):
        redact(bytes(data), [Box(1, 1, 3, 3)], rule=RedactionRule())


@pytest.mark.parametrize("turn", [None, 6, 3])
def test_an_avif_is_hidden_where_it_is_seen(turn: int | None) -> None:
    upright = photos.picture("astronaut")
    turned = {None: None, 6: Image.Transpose.ROTATE_90, 3: Image.Transpose.ROTATE_180}[turn]
    stored = upright if turned is None else upright.transpose(turned)
    exif = Image.Exif()
    if turn:
        exif[0x0112] = turn
    stripped = strip(photos.encode(stored, "AVIF", exif=exif, quality=90))

    rendition = opened(render(stripped.data))
    after = opened(redact(stripped.data, [BOX], rule=RedactionRule(), orientation=stripped.orientation))

    assert np.abs(np.asarray(rendition).astype(int) - np.asarray(upright)).mean() < 12
    assert after.size == upright.size
    assert np.ptp(np.asarray(after.convert("RGB").crop((BOX.x, BOX.y, BOX.right, BOX.bottom)))) <= 12


def test_a_sequence_has_no_rendition() -> None:
    frames = [photos.picture("coffee").resize((96, 64)), photos.picture("astronaut").resize((96, 64))]
    out = io.BytesIO()
    frames[0].save(out, "AVIF", save_all=True, append_images=frames[1:], duration=100)
    with pytest.raises(ImageRefused, match="several"):
        render(strip(out.getvalue()).data)


@pytest.mark.parametrize("subsampling", [0, 1, 2])
def test_a_jpeg_looks_the_same_outside(subsampling: int) -> None:
    data = photos.encode(photos.picture("astronaut"), subsampling=subsampling)
    outside = np.ones((512, 512), bool)
    region = hidden_region(BOX, RedactionRule(), 512, 512, (16, 16))
    # A decoder carries the region's colour one pixel beyond its border.
    outside[region.y - 1 : region.bottom + 1, region.x - 1 : region.right + 1] = False
    before, after = (
        np.asarray(opened(d), np.int16)[outside] for d in (data, redact(data, [BOX], rule=RedactionRule()))
    )
    assert float(((before - after) ** 2).mean()) < 0.1  # 58 dB


def test_a_jpeg_of_red_green_and_blue_stays_one() -> None:
    picture = photos.picture("astronaut")
    data = photos.encode(picture, keep_rgb=True)
    after = opened(redact(data, [BOX], rule=RedactionRule()))
    assert [layer[0] for layer in after.layer] == [*b"RGB"]  # type: ignore[attr-defined]
    assert np.abs(np.asarray(after, np.int16)[300:] - np.asarray(picture, np.int16)[300:]).mean() < 4
