import io
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps

from photogate.errors import DetectionFailed, ImageRefused, Reason
from photogate.vision.picture import MAX_FRAMES, open_upright, open_views

ORIENTATION_TAG = 0x0112


def stored(array, kind=".png"):
    return cv2.imencode(kind, array)[1].tobytes()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_each_exif_orientation_is_turned_as_pillow_turns_it(orientation):
    array = np.random.default_rng(1).integers(0, 256, (5, 7, 3), np.uint8)
    exif = Image.Exif()
    exif[ORIENTATION_TAG] = orientation
    tagged = io.BytesIO()
    Image.fromarray(array).save(tagged, "PNG", exif=exif)
    expected = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(tagged.getvalue()))))
    turned = open_upright(tagged.getvalue(), orientation=orientation)
    assert np.array_equal(turned[:, :, ::-1], expected)


@pytest.mark.parametrize("orientation", [0, 9, -1])
def test_an_orientation_that_exif_does_not_have_is_refused(orientation):
    with pytest.raises(ImageRefused, match="1 to 8"):
        open_upright(stored(np.zeros((4, 4, 3), np.uint8)), orientation=orientation)


def test_grey_becomes_three_equal_channels():
    picture = open_upright(stored(np.full((4, 6), 77, np.uint8)), orientation=1)
    assert picture.shape == (4, 6, 3)
    assert (picture == 77).all()


def test_sixteen_bits_keep_their_eight_upper_ones():
    picture = open_upright(stored(np.full((4, 6, 3), 65535, np.uint16)), orientation=1)
    assert picture.dtype == np.uint8
    assert (picture == 255).all()


def test_cmyk_is_opened_in_its_colours():
    file = io.BytesIO()
    Image.new("RGB", (16, 16), (200, 30, 60)).convert("CMYK").save(file, "JPEG", quality=95)
    picture = open_upright(file.getvalue(), orientation=1)
    assert np.abs(picture[8, 8].astype(int) - (60, 30, 200)).max() < 12


def test_hidden_colours_under_transparency_are_a_view_of_their_own():
    array = np.full((4, 4, 4), 10, np.uint8)
    array[:2, :, 3] = 0
    array[2:, :, 3] = 255
    black, white, bare = open_views(stored(array), orientation=1)
    assert (black[:2] == 0).all()
    assert (white[:2] == 255).all()
    assert (black[2:] == 10).all()
    assert (white[2:] == 10).all()
    assert (bare == 10).all()


@pytest.mark.parametrize("colour", [0, 128, 255])
def test_what_transparency_alone_draws_is_seen(colour):
    array = np.full((4, 4, 4), colour, np.uint8)
    array[:2, :, 3] = 0
    array[2:, :, 3] = 255
    assert max(int(np.ptp(view)) for view in open_views(stored(array), orientation=1)) >= 127


def test_a_default_picture_outside_the_animation_is_seen():
    frames = [Image.new("RGB", (8, 8), (value, value, value)) for value in (200, 0, 40)]
    file = io.BytesIO()
    frames[0].save(file, "PNG", save_all=True, append_images=frames[1:], default_image=True)
    assert 200 in {int(view[0, 0, 0]) for view in open_views(file.getvalue(), orientation=1)}


@pytest.mark.parametrize("big", [False, True])
def test_every_page_of_a_tiff_is_seen(big):
    pages = [Image.new("RGB", (8, 8), (value, value, value)) for value in (0, 200)]
    file = io.BytesIO()
    pages[0].save(file, "TIFF", save_all=True, append_images=pages[1:], big_tiff=big)
    assert {int(view[0, 0, 0]) for view in open_views(file.getvalue(), orientation=1)} == {0, 200}


def test_a_tiff_that_is_to_be_turned_is_nobodys_guess():
    file = io.BytesIO()
    Image.new("RGB", (8, 4)).save(file, "TIFF")
    with pytest.raises(DetectionFailed, match="upright"):
        list(open_views(file.getvalue(), orientation=6))


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_every_frame_is_opened(kind):
    frames = [Image.new("RGB", (8, 8), (value, value, value)) for value in (0, 120, 250)]
    file = io.BytesIO()
    frames[0].save(file, kind, save_all=True, append_images=frames[1:], lossless=True)
    views = list(open_views(file.getvalue(), orientation=1))
    assert [round(float(view.mean()), -1) for view in views] == [0, 120, 250]


@pytest.mark.parametrize("data", [b"", b"no picture", b"\xff\xd8\xff\xe0" + bytes(40), b"GIF89a"])
def test_what_cannot_be_decoded_is_refused(data):
    with pytest.raises(ImageRefused):
        open_upright(data, orientation=1)


@pytest.mark.parametrize("cut", range(20, 3000, 300))
def test_a_photo_that_is_cut_off_is_refused(cut):
    photo = stored(np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8), ".jpg")
    with pytest.raises(ImageRefused):
        open_upright(photo[:cut], orientation=1)


def test_more_pixels_than_the_limit_are_refused_before_they_are_decoded():
    header = bytearray(stored(np.zeros((8, 8, 3), np.uint8)))
    header[16:24] = (60_000).to_bytes(4, "big") + (4_000).to_bytes(4, "big")
    header[29:33] = zlib.crc32(header[12:29]).to_bytes(4, "big")
    with pytest.raises(ImageRefused) as refused:
        open_upright(bytes(header), orientation=1)
    assert refused.value.refusal is Reason.TOO_MANY_PIXELS


def test_more_frames_than_the_limit_are_refused():
    frames = [Image.new("L", (2, 2), value % 256) for value in range(MAX_FRAMES + 1)]
    file = io.BytesIO()
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:])
    with pytest.raises(ImageRefused) as refused:
        open_upright(file.getvalue(), orientation=1)
    assert refused.value.refusal is Reason.TOO_MANY_FRAMES
