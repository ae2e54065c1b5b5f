"""Geometry of candidates: what a detector gives before a rule has judged it.

Candidates are an array of shape (N, 5), float32: left, top, right, bottom in pixels of the picture that was
looked at, and a score from 0 to 1. They hold nothing else: no landmarks, no embedding, no pixels.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from photogate.errors import DetectionFailed
from photogate.findings import Box

__all__ = [
    "Candidates",
    "Image",
    "areas",
    "checked",
    "intersections",
    "iou",
    "no_candidates",
    "suppress",
    "to_box",
    "turned",
    "turned_back",
]

Candidates = NDArray[np.float32]
Image = NDArray[np.uint8]


def no_candidates() -> Candidates:
    """Give an empty array of candidates."""
    return np.zeros((0, 5), np.float32)


def checked(found: NDArray[Any], detector: str) -> Candidates:
    """Hold a detector to finite numbers.

    Raises
    ------
    DetectionFailed
        If a coordinate or a score is not a finite number: such an answer must not read as "nothing there".
    """
    if not np.isfinite(found).all():
        raise DetectionFailed(f"Expected finite boxes and scores from {detector}; found others")
    return found.astype(np.float32, copy=False)


def intersections(a: Candidates, b: Candidates) -> NDArray[np.float32]:
    """Area that each of `a` shares with each of `b`: shape (len(a), len(b)), in square pixels."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:4], b[None, :, 2:4])
    sides = np.clip(high - low, 0, None)
    area: NDArray[np.float32] = sides[..., 0] * sides[..., 1]
    return area


def areas(a: Candidates) -> NDArray[np.float32]:
    """Area of each candidate, in square pixels."""
    area: NDArray[np.float32] = (a[:, 2] - a[:, 0]) * (a[:, 3] - a[:, 1])
    return area


def iou(a: Candidates, b: Candidates) -> NDArray[np.float32]:
    """Intersection over union: shape (len(a), len(b))."""
    shared = intersections(a, b)
    union = areas(a)[:, None] + areas(b)[None, :] - shared
    ratio: NDArray[np.float32] = shared / np.maximum(union, 1e-6)
    return ratio


def suppress(found: Candidates, overlap: float) -> Candidates:
    """Keep the best of those that overlap by more than `overlap` (greedy non-maximum suppression)."""
    corners_and_sizes = np.concatenate((found[:, :2], found[:, 2:4] - found[:, :2]), axis=1)
    keep = cv2.dnn.NMSBoxes(corners_and_sizes.tolist(), found[:, 4].tolist(), 0.0, overlap)
    return found[np.asarray(keep, np.intp).reshape(-1)]


def turned(image: Image, quarters: int) -> Image:
    """Turn a picture by quarters, counterclockwise, as `numpy.rot90` does."""
    return image if quarters == 0 else np.asarray(cv2.rotate(image, _ROTATIONS[quarters]), np.uint8)


_ROTATIONS = {1: cv2.ROTATE_90_COUNTERCLOCKWISE, 2: cv2.ROTATE_180, 3: cv2.ROTATE_90_CLOCKWISE}


def turned_back(found: Candidates, quarters: int, width: int, height: int) -> Candidates:
    """Undo `turned` on what was found in the turned picture.

    Parameters
    ----------
    found
        Candidates in pixels of the turned picture.
    quarters
        Quarter turns counterclockwise that the picture was given.
    width, height
        Size of the picture before it was turned.
    """
    left, top, right, bottom, score = found.T
    match quarters % 4:
        case 0:
            return found
        case 1:
            parts = (width - bottom, left, width - top, right)
        case 2:
            parts = (width - right, height - bottom, width - left, height - top)
        case _:
            parts = (top, height - right, bottom, height - left)
    return np.stack((*parts, score), axis=1)


def to_box(candidate: NDArray[np.float32], width: int, height: int) -> Box:
    """Round a candidate outwards to whole pixels within the picture; at least one pixel each way."""
    left, top = max(0, int(np.floor(candidate[0]))), max(0, int(np.floor(candidate[1])))
    right, bottom = min(width, int(np.ceil(candidate[2]))), min(height, int(np.ceil(candidate[3])))
    left, top = min(left, width - 1), min(top, height - 1)
    return Box(left, top, max(1, right - left), max(1, bottom - top))
