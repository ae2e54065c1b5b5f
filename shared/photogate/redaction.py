"""Hiding for good in files: every frame is painted over, and what is written holds nothing of what was there.

What a box shows is made without the pixels inside it (`photogate.painting`). Replacing a face by another one changes
nothing of the output; ``tests/attacks/test_redaction.py`` mounts that attack.

JPEG keeps its own quantization tables and subsampling, and is painted as luma and chroma, as it is stored, so that what
lies outside stays visually identical.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image, ImageOps, ImageSequence, JpegImagePlugin

from photogate.deep_png import is_deep, read_samples, with_samples
from photogate.errors import ImageRefused, RedactionFailed
from photogate.findings import Box, Keep
from photogate.formats import strip_with
from photogate.formats.container import Context
from photogate.formats.limits import MAX_PIXELS
from photogate.formats.rights import RightsClaims
from photogate.painting import paint_boxes
from photogate.policy import RedactionRule

__all__ = ["redact"]

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
            paint_boxes(samples, mode, boxes, rule, orientation, seed, None)
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
    paint_boxes(pixels, frame.mode, boxes, rule, orientation, seed, mcu)
    # An array of four samples reads as RGBA, one of three as RGB: these two have to be named.
    named = frame.mode in ("CMYK", "YCbCr")
    painted = Image.frombytes(frame.mode, frame.size, pixels.tobytes()) if named else Image.fromarray(pixels)
    painted.info["duration"] = duration
    return painted
