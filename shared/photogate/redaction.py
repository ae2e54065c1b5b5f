"""Hiding for good: what a redacted box shows never depends on the pixels inside it.

A downsampled or blurred face can be told among candidates, so nothing of the inside is used: a box is filled with one
colour, or with a field that is interpolated from the ring around it and disturbed by noise. Replacing the face by
another one changes nothing of the output; ``tests/attacks/test_redaction.py`` mounts that attack.

JPEG keeps its own quantization tables and subsampling, and is painted as luma and chroma, as it is stored, so that what
lies outside stays visually identical. There a hidden region is a whole number of MCUs, and reaches one MCU beyond those
that hold a pixel of the box: what a decoder's chroma upsampling (JPEG A.1.1, JFIF 10.1) carries out of the box is
hidden with it.
"""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, ImageSequence, JpegImagePlugin

from photogate.chroma import restore
from photogate.deep_png import is_deep, read_samples, with_samples
from photogate.errors import ImageRefused, RedactionFailed
from photogate.findings import Box, Keep
from photogate.formats import strip_with
from photogate.formats.container import Context
from photogate.formats.limits import MAX_PIXELS
from photogate.formats.rights import RightsClaims
from photogate.policy import RedactionMethod, RedactionRule, RedactionShape

__all__ = ["hidden_region", "redact", "to_stored"]

Pixels = NDArray[Any]

# A neutral dark grey, as a share of full scale: black would look like a hole in the picture.
SOLID = 0.13
# Cb and Cr of a grey (JFIF, clause 7).
NEUTRAL = 128
# Width of the ring that mosaic and blur are made from, in pixels, and the noise that is laid over it.
RING = 8
NOISE = 0.04
MOSAIC_BLOCKS = 8
# What a container without an encoder of ours is written as: HEIC and AVIF become JPEG.
FALLBACK: dict[str, Any] = {"format": "JPEG", "quality": 95, "subsampling": 0}

Image.MAX_IMAGE_PIXELS = MAX_PIXELS


def redact(
    data: bytes,
    boxes: Sequence[Box],
    *,
    rule: RedactionRule,
    orientation: int = 1,
    seed: bytes = b"photogate",
    keep: frozenset[Keep] = frozenset(),
) -> bytes:
    """Hide boxes in a photo, in every frame of it.

    Parameters
    ----------
    data
        A stripped file.
    boxes
        In pixels of the upright picture.
    rule
        Method, shape and padding.
    orientation
        The Exif orientation with which the stored picture is turned upright, 1 to 8.
    seed
        Makes the noise of mosaic and blur repeatable.
    keep
        Rights fields that stay where the file has them and its container a place for them.

    Returns
    -------
    bytes
        A stripped file with the same size and orientation as seen; JPEG where the container has no encoder here.

    Raises
    ------
    RedactionFailed
        If the file cannot be opened, painted or written, or there is nothing to hide.
    """
    if not boxes:
        raise RedactionFailed("Expected at least one box to hide; found none")
    try:
        if is_deep(data):
            samples = read_samples(data)
            mode = "RGB" if samples.shape[2] == 3 else "RGBA"
            _paint_boxes(samples, mode, boxes, rule, orientation, seed, None)
            written = with_samples(data, samples)
        else:
            with _open(data) as image:
                written = _rewrite(image, boxes, rule, orientation, seed)
        return _stripped(written, data, keep)
    except (OSError, ValueError, MemoryError, Image.DecompressionBombError, ImageRefused) as error:
        raise RedactionFailed(f"Expected a photo that can be redacted; found {type(error).__name__}") from None


def _stripped(written: bytes, source: bytes, keep: frozenset[Keep]) -> bytes:
    """Strip what an encoder wrote; rights come from the source, since no encoder here writes them as they are."""
    said = Context(keep=keep, check_scan=False)
    if keep:
        strip_with(source, said)
    return strip_with(written, Context(keep=keep, claims=RightsClaims(exif=said.written))).data


def _open(data: bytes) -> Image.Image:
    if data[4:8] == b"ftyp":
        import pi_heif

        pi_heif.register_heif_opener()
    return Image.open(io.BytesIO(data))


def _rewrite(image: Image.Image, boxes: Sequence[Box], rule: RedactionRule, orientation: int, seed: bytes) -> bytes:
    options = _options(image)
    if options is FALLBACK:
        # libheif has turned the picture; Pillow's AVIF decoder tells the orientation, which is applied here.
        image, orientation = ImageOps.exif_transpose(image).convert("RGB"), 1
    mcu = _mcu(image) if options["format"] == "JPEG" else None
    frames = [_painted(frame, boxes, rule, orientation, seed, mcu) for frame in ImageSequence.Iterator(image)]
    if len(frames) > 1 and options["format"] not in ("GIF", "PNG", "WEBP"):
        raise RedactionFailed("Expected a single picture in this format; found several")
    out = io.BytesIO()
    exif = Image.Exif()
    if orientation != 1:
        exif[0x0112] = orientation
    common: dict[str, Any] = {"exif": exif.tobytes()} if orientation != 1 else {}
    if image.info.get("icc_profile"):
        common["icc_profile"] = image.info["icc_profile"]
    if len(frames) > 1:
        common |= {"save_all": True, "append_images": frames[1:], "duration": [f.info["duration"] for f in frames]}
        common |= {"loop": image.info.get("loop", 0)}
    frames[0].save(out, **{**options, **common})
    return out.getvalue()


def _options(image: Image.Image) -> dict[str, Any]:
    """Say how to write a picture so that what is not hidden stays as it was."""
    match image.format:
        case "JPEG" | "MPO":
            if not isinstance(image, JpegImagePlugin.JpegImageFile):
                raise RedactionFailed("Expected a JPEG that can be written as it was; found another decoder's")
            sampling = JpegImagePlugin.get_sampling(image)
            keep_rgb = image.mode == "RGB" and _stores_rgb(image)
            if image.mode == "RGB" and sampling >= 0 and not keep_rgb:
                image.draft("YCbCr", None)  # luma and chroma, as they are stored
            return {
                "format": "JPEG",
                "qtables": image.quantization,
                # Samplings that Pillow cannot name are written without subsampling: larger, and nothing is lost.
                "subsampling": max(sampling, 0),
                "progressive": bool(image.info.get("progressive")),
                "optimize": True,
                "keep_rgb": keep_rgb,
            }
        case "PNG":
            return {"format": "PNG", "compress_level": 6}
        case "WEBP":
            # Lossless costs size and no quality; Pillow does not say which of the two a file is.
            return {"format": "WEBP", "lossless": b"VP8L" in _head(image), "quality": 95, "method": 4}
        case "GIF":
            return {"format": "GIF", "disposal": 2}
        case "BMP" | "TIFF":
            return {"format": image.format} | ({"compression": "tiff_lzw"} if image.format == "TIFF" else {})
        case _:
            return FALLBACK


def _stores_rgb(image: JpegImagePlugin.JpegImageFile) -> bool:
    """Tell whether three components are red, green and blue: libjpeg's rule, for want of one in the standard."""
    if "adobe_transform" in image.info:
        return bool(image.info["adobe_transform"] == 0)
    names = bytes(layer[0] for layer in image.layer)
    return "jfif" not in image.info and names == b"RGB"


def _head(image: Image.Image) -> bytes:
    source: Any = image.fp if hasattr(image, "fp") else None
    if source is None:
        return b""
    place = source.tell()
    source.seek(0)
    head: bytes = source.read(1 << 16)
    source.seek(place)
    return head


def _mcu(image: Image.Image) -> tuple[int, int]:
    """Give the MCU's width and height in pixels (JPEG A.2): 8 times the largest sampling factor."""
    layers = getattr(image, "layer", [])
    across = max((layer[1] for layer in layers), default=2)
    down = max((layer[2] for layer in layers), default=2)
    return 8 * across, 8 * down


def _painted(
    frame: Image.Image,
    boxes: Sequence[Box],
    rule: RedactionRule,
    orientation: int,
    seed: bytes,
    mcu: tuple[int, int] | None,
) -> Image.Image:
    """Give one frame with every box hidden."""
    frame.load()  # a frame's time is known once it is decoded
    duration = frame.info.get("duration", 100)
    if frame.mode in ("P", "PA", "1"):
        frame = frame.convert("RGBA" if "transparency" in frame.info or frame.mode == "PA" else "RGB")
    if frame.mode not in ("L", "LA", "RGB", "RGBA", "YCbCr", "CMYK", "I;16", "I;16B", "I"):
        raise RedactionFailed("Expected a picture of integer samples; found another mode")
    pixels = np.array(frame)
    _paint_boxes(pixels, frame.mode, boxes, rule, orientation, seed, mcu)
    # An array of four samples reads as RGBA, one of three as RGB: these two have to be named.
    named = frame.mode in ("CMYK", "YCbCr")
    painted = Image.frombytes(frame.mode, frame.size, pixels.tobytes()) if named else Image.fromarray(pixels)
    painted.info["duration"] = duration
    return painted


def _paint_boxes(
    pixels: Pixels,
    mode: str,
    boxes: Sequence[Box],
    rule: RedactionRule,
    orientation: int,
    seed: bytes,
    mcu: tuple[int, int] | None,
) -> None:
    """Hide every box in place."""
    height, width = pixels.shape[:2]
    rng = np.random.default_rng(list(seed))
    stored = [to_stored(box, orientation, width, height) for box in boxes]
    for box in stored:
        hidden_region(box, rule, width, height, mcu)  # each must lie within the picture
    if mode == "YCbCr" and mcu is not None:
        _restore_chroma(pixels, stored, mcu)
    outlines = [_outline(box, rule, mcu) for box in stored]
    # All are blanked before any is filled: the ring around one face must not read another.
    for method in dict.fromkeys((RedactionMethod.SOLID, rule.method)):
        for outline in outlines:
            _paint(pixels, outline, method, rule.shape, rng, mode)


def _restore_chroma(pixels: Pixels, boxes: Sequence[Box], mcu: tuple[int, int]) -> None:
    """Give every pixel of a YCbCr picture, in place, the chroma that is stored for it.

    What a box holds is blanked before, and the pixels beside its MCUs to which a decoder carries its chroma: the
    samples outside must not depend on it. All that is blanked lies a sample or more within the hidden region.
    """
    across, down = mcu
    height, width = pixels.shape[:2]
    if mcu == (8, 8):
        return
    for box in boxes:
        left, right = box.x // across * across - 2, -(-box.right // across) * across + 2
        top, bottom = box.y // down * down - 2, -(-box.bottom // down) * down + 2
        pixels[max(top, 0) : min(bottom, height), max(left, 0) : min(right, width), 1:] = NEUTRAL
    for channel in (1, 2):
        pixels[..., channel] = restore(pixels[..., channel], across // 8, down // 8)


def to_stored(box: Box, orientation: int, width: int, height: int) -> Box:
    """Turn a box of the upright picture into one of the stored picture.

    Parameters
    ----------
    orientation
        Exif orientation, 1 to 8 (Exif 4.6.5.1.6).
    width, height
        Of the stored picture, in pixels.
    """
    x, y, w, h = box
    across, down = width - x - w, height - y - h
    match orientation:
        case 2:
            return Box(across, y, w, h)
        case 3:
            return Box(across, down, w, h)
        case 4:
            return Box(x, down, w, h)
        case 5:
            return Box(y, x, h, w)
        case 6:
            return Box(y, height - x - w, h, w)
        case 7:
            return Box(width - y - h, height - x - w, h, w)
        case 8:
            return Box(width - y - h, x, h, w)
        case _:
            return box


def hidden_region(box: Box, rule: RedactionRule, width: int, height: int, mcu: tuple[int, int] | None = None) -> Box:
    """Give the rectangle that holds all that is painted for a box, within the picture.

    Parameters
    ----------
    box
        In pixels of the stored picture.
    mcu
        Width and height of the MCU in pixels, for JPEG.

    Raises
    ------
    RedactionFailed
        If nothing of it lies within the picture.
    """
    outline = _outline(box, rule, mcu)
    left, top = max(outline.x, 0), max(outline.y, 0)
    right, bottom = min(outline.right, width), min(outline.bottom, height)
    if left >= right or top >= bottom:
        raise RedactionFailed("Expected a box within the picture; found one outside")
    return Box(left, top, right - left, bottom - top)


def _outline(box: Box, rule: RedactionRule, mcu: tuple[int, int] | None) -> Box:
    """Give the box padded, in JPEG grown to whole MCUs and one more; or what an ellipse through its corners fills.

    It may reach beyond the picture: an ellipse must be drawn from the whole of it, or a corner of the box would show.
    """
    pad_x, pad_y = (max(2, round(side * rule.padding_percent / 100)) for side in (box.width, box.height))
    left, top, right, bottom = box.x - pad_x, box.y - pad_y, box.right + pad_x, box.bottom + pad_y
    if mcu is not None:
        across, down = mcu
        left = min(left, box.x // across * across - across) // across * across
        top = min(top, box.y // down * down - down) // down * down
        right = -(-max(right, -(-box.right // across) * across + across) // across) * across
        bottom = -(-max(bottom, -(-box.bottom // down) * down + down) // down) * down
    if rule.shape is RedactionShape.ELLIPSE:
        # Through the corners: half of (sqrt(2) - 1) more on each side, and a pixel for the grid.
        grow_x, grow_y = (math.ceil(side * 0.2072) + 1 for side in (right - left, bottom - top))
        left, top, right, bottom = left - grow_x, top - grow_y, right + grow_x, bottom + grow_y
    return Box(left, top, right - left, bottom - top)


def _paint(
    pixels: Pixels, outline: Box, method: RedactionMethod, shape: RedactionShape, rng: np.random.Generator, mode: str
) -> None:
    """Fill an outline in place, as far as it lies within the picture; from the ring around it and the seed alone."""
    height, width = pixels.shape[:2]
    left, top = max(outline.x, 0), max(outline.y, 0)
    region = Box(left, top, min(outline.right, width) - left, min(outline.bottom, height) - top)
    whole = np.iinfo(pixels.dtype).max if mode != "I" else 65535
    channels = 1 if pixels.ndim == 2 else pixels.shape[2]
    h, w = region.height, region.width
    if method is RedactionMethod.SOLID:
        fill = np.full((h, w, channels), SOLID * whole)
        if mode == "CMYK":
            fill[:] = (0, 0, 0, (1 - SOLID) * whole)
        if mode == "YCbCr":
            fill[..., 1:] = NEUTRAL
    else:
        # Grain is of light, not of colour.
        grainy = 1 if mode == "YCbCr" else channels
        fill = _field(pixels.reshape(height, width, channels), region, rng, whole, grainy)
        if method is RedactionMethod.MOSAIC:
            fill = _blocks(fill)
    if mode in ("LA", "RGBA"):
        fill[..., -1] = whole
    target = pixels[region.y : region.bottom, region.x : region.right]
    values = np.clip(np.rint(fill), 0, whole).astype(pixels.dtype).reshape(target.shape)
    mask = _mask(outline, shape)[top - outline.y :, left - outline.x :][:h, :w]
    target[mask] = values[mask]


def _mask(outline: Box, shape: RedactionShape) -> NDArray[np.bool_]:
    if shape is RedactionShape.BOX:
        return np.ones((outline.height, outline.width), bool)
    y = (np.arange(outline.height) + 0.5) / outline.height * 2 - 1
    x = (np.arange(outline.width) + 0.5) / outline.width * 2 - 1
    inside: NDArray[np.bool_] = y[:, None] ** 2 + x[None, :] ** 2 <= 1
    return inside


def _field(pixels: Pixels, region: Box, rng: np.random.Generator, whole: int, grainy: int) -> NDArray[np.float64]:
    """Interpolate a region from the means of its four sides' rings, by the inverse of the distance.

    The same noise goes over the first `grainy` channels.
    """
    h, w = region.height, region.width
    sides: list[tuple[Pixels, NDArray[np.float64]]] = []
    rows, columns = slice(region.y, region.bottom), slice(region.x, region.right)
    y, x = np.mgrid[0:h, 0:w].astype(np.float64) + 1
    if region.x > 0:
        sides.append((pixels[rows, max(region.x - RING, 0) : region.x], 1 / x))
    if region.right < pixels.shape[1]:
        sides.append((pixels[rows, region.right : region.right + RING], 1 / (w + 1 - x)))
    if region.y > 0:
        sides.append((pixels[max(region.y - RING, 0) : region.y, columns], 1 / y))
    if region.bottom < pixels.shape[0]:
        sides.append((pixels[region.bottom : region.bottom + RING, columns], 1 / (h + 1 - y)))
    total = np.zeros((h, w, pixels.shape[2]))
    weights = np.zeros((h, w, 1))
    for ring, weight in sides:
        total += ring.mean(axis=(0, 1)) * weight[..., None]
        weights += weight[..., None]
    mean: NDArray[np.float64] = total / weights if sides else np.full_like(total, SOLID * whole)
    mean[..., :grainy] += rng.normal(0, NOISE * whole, (h, w, 1))
    return mean


def _blocks(field: NDArray[np.float64]) -> NDArray[np.float64]:
    """Hold the field's value at the corner of each block over the whole block."""
    h, w = field.shape[:2]
    side = max(2, max(h, w) // MOSAIC_BLOCKS)
    blocks: NDArray[np.float64] = field[np.arange(h)[:, None] // side * side, np.arange(w)[None, :] // side * side]
    return blocks
