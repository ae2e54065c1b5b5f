"""A rendition for a reviewer's eyes: upright, without metadata, and small enough for one answer of the API."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageOps

from photogate.errors import ImageRefused, Reason
from photogate.findings import Box
from photogate.formats import measure
from photogate.formats.limits import MAX_PIXELS

__all__ = ["MOST_BYTES", "Rendition", "look", "picture_size"]

# A Lambda function's response ends at 6 MB, and base64 makes four of three.
MOST_BYTES = 4_000_000
LONGEST_SIDE = 4096
QUALITY = 88
SHRINK = 0.8
LINE = (255, 0, 255)

_TURN = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True, slots=True)
class Rendition:
    """What a reviewer gets to see.

    Attributes
    ----------
    data
        A JPEG without metadata.
    width, height
        Of the rendition, in pixels: the frame that a reviewer's boxes are drawn in.
    picture_width, picture_height
        Of the upright picture, in pixels.
    whole
        Whether it shows all that would be kept. It does not of several frames, of transparency (which hides colours,
        and can draw by itself), nor of a TIFF that is stored turned: such a photo cannot be approved or redacted.
    """

    data: bytes
    width: int
    height: int
    picture_width: int
    picture_height: int
    whole: bool


def look(data: bytes, orientation: int, outlines: Sequence[Box] = ()) -> Rendition:
    """Make the rendition of a stripped photo.

    Parameters
    ----------
    data
        A stripped file.
    orientation
        The Exif orientation with which the stored picture is turned upright, 1 to 8.
    outlines
        Drawn as thin lines; in pixels of the upright picture.

    Raises
    ------
    ImageRefused
        If the file cannot be opened.
    """
    try:
        with _open(data) as image:
            whole = _whole(image, data, orientation)
            upright = _upright(image, orientation)
            size = upright.size
            shown = _as_rgb(upright)
        shown.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.LANCZOS)
        while True:
            drawn = _drawn(shown, outlines, size)
            out = io.BytesIO()
            drawn.save(out, "JPEG", quality=QUALITY)
            if out.tell() <= MOST_BYTES:
                return Rendition(out.getvalue(), *drawn.size, *size, whole)
            smaller = (max(1, int(shown.width * SHRINK)), max(1, int(shown.height * SHRINK)))
            shown = shown.resize(smaller, Image.Resampling.LANCZOS)
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise ImageRefused(f"Expected a photo that can be shown; found {type(error).__name__}") from None


def picture_size(data: bytes, orientation: int) -> tuple[int, int, bool]:
    """Give the upright picture's width and height in pixels, and whether a rendition shows all of it.

    Raises
    ------
    ImageRefused
        If the file cannot be opened.
    """
    try:
        with _open(data) as image:
            width, height = _upright(image, orientation).size
            return width, height, _whole(image, data, orientation)
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise ImageRefused(f"Expected a photo that can be shown; found {type(error).__name__}") from None


def _open(data: bytes) -> Image.Image:
    import pi_heif

    pi_heif.register_heif_opener()
    Image.MAX_IMAGE_PIXELS = MAX_PIXELS
    image = Image.open(io.BytesIO(data))
    if image.width * image.height > MAX_PIXELS:
        raise ImageRefused("Expected fewer pixels; found more", reason=Reason.TOO_MANY_PIXELS)
    return image


def _upright(image: Image.Image, orientation: int) -> Image.Image:
    if image.format in ("HEIF", "AVIF"):
        # libheif has turned the picture; Pillow's AVIF decoder tells the orientation.
        return ImageOps.exif_transpose(image)
    if image.format == "TIFF" or orientation == 1:
        return image.copy()  # Pillow turns a TIFF by itself
    return image.transpose(_TURN[orientation])


def _whole(image: Image.Image, data: bytes, orientation: int) -> bool:
    if max(getattr(image, "n_frames", 1), measure(data).frames) != 1:
        return False
    if image.format == "TIFF" and orientation != 1:
        return False
    if not image.has_transparency_data:
        return True
    lowest, _ = image.convert("RGBA").getchannel("A").getextrema()
    return lowest == 255


def _as_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):
        # 16 bits of grey, which Pillow would cut off at 255.
        samples = np.asarray(image).astype(np.uint32)
        return Image.fromarray((samples >> 8).clip(0, 255).astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        shown = Image.new("RGBA", image.size, "white")
        shown.alpha_composite(image.convert("RGBA"))
        return shown.convert("RGB")
    return image.convert("RGB")


def _drawn(shown: Image.Image, outlines: Sequence[Box], size: tuple[int, int]) -> Image.Image:
    if not outlines:
        return shown
    drawn = shown.copy()
    pen = ImageDraw.Draw(drawn)
    across, down = shown.width / size[0], shown.height / size[1]
    for box in outlines:
        left, top = int(box.x * across) - 1, int(box.y * down) - 1
        right, bottom = max(left, int(box.right * across) + 1), max(top, int(box.bottom * down) + 1)
        pen.rectangle((left, top, right, bottom), outline=LINE)
    return drawn
