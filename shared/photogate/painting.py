"""Painting over boxes: what a hidden region shows never depends on the pixels inside it.

A downsampled or blurred face can be told among candidates, so nothing of the inside is used: a box is filled with one
colour, or with a field that is interpolated from the ring around it and disturbed by noise.

In JPEG a hidden region is a whole number of MCUs, and reaches one MCU beyond those that hold a pixel of the box: what a
decoder's chroma upsampling (JPEG A.1.1, JFIF 10.1) carries out of the box is hidden with it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from photogate.chroma import restore
from photogate.errors import RedactionFailed
from photogate.findings import Box
from photogate.policy import RedactionMethod, RedactionRule, RedactionShape

__all__ = ["SOLID", "hidden_region", "paint_boxes", "to_stored"]

Pixels = NDArray[Any]

# A neutral dark grey, as a share of full scale: black would look like a hole in the picture.
SOLID = 0.13
# Cb and Cr of a grey (JFIF, clause 7).
NEUTRAL = 128
# Width of the ring that mosaic and blur are made from, in pixels, and the noise that is laid over it.
RING = 8
NOISE = 0.04
MOSAIC_BLOCKS = 8


def paint_boxes(
    pixels: Pixels,
    mode: str,
    boxes: Sequence[Box],
    rule: RedactionRule,
    orientation: int,
    seed: bytes,
    mcu: tuple[int, int] | None,
) -> None:
    """Hide every box in place.

    Parameters
    ----------
    pixels
        Height by width, by samples where there are several; as stored.
    mode
        Pillow's name of what the samples are.
    boxes
        In pixels of the upright picture.
    orientation
        The Exif orientation with which the stored picture is turned upright, 1 to 8.
    seed
        Makes the noise of mosaic and blur repeatable.
    mcu
        Width and height of a JPEG's MCU in pixels; None elsewhere.

    Raises
    ------
    RedactionFailed
        If a box does not lie within the picture.
    """
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
