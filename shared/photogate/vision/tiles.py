"""Cut a picture into windows that a detector can look at one by one, within a fixed amount of memory."""

from __future__ import annotations

import math
from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from photogate.vision.boxes import Image

__all__ = ["STRIDE", "padded_tensor", "scaled", "windows"]

# Both face models halve their input five times.
STRIDE = 32


def scaled(image: Image, longer: int) -> tuple[Image, float]:
    """Resize so that the longer side has `longer` pixels.

    Returns
    -------
    tuple
        The picture, and the factor from the given picture's pixels to its own.
    """
    height, width = image.shape[:2]
    factor = longer / max(width, height)
    if factor == 1:
        return image, 1.0
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    # INTER_AREA averages what a pixel covers; other kernels alias when they shrink.
    kernel = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, size, interpolation=kernel), np.uint8), factor


def windows(width: int, height: int, side: int, overlap: int) -> Iterator[tuple[int, int, int, int]]:
    """Cover a picture with equal windows of at most `side` pixels that overlap by at least `overlap`.

    Yields
    ------
    tuple
        Left, top, right, bottom of each, row by row.
    """
    for top, bottom in _spans(height, side, overlap):
        for left, right in _spans(width, side, overlap):
            yield left, top, right, bottom


def _spans(length: int, side: int, overlap: int) -> list[tuple[int, int]]:
    if length <= side:
        return [(0, length)]
    count = math.ceil((length - overlap) / (side - overlap))
    step = (length - side) / (count - 1)
    return [(round(i * step), round(i * step) + side) for i in range(count)]


def padded_tensor(image: Image) -> NDArray[np.float32]:
    """Give the network's input: shape (1, 3, H, W), float32 from 0 to 255, padded to multiples of `STRIDE` with 0."""
    height, width = image.shape[:2]
    tall, wide = math.ceil(height / STRIDE) * STRIDE, math.ceil(width / STRIDE) * STRIDE
    tensor = np.zeros((1, 3, tall, wide), np.float32)
    tensor[0, :, :height, :width] = image.transpose(2, 0, 1)
    return tensor
