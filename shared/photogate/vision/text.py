"""Where text stands in a picture: labels, licence plates, name tags, screens. What it says is never read.

The model marks the core of each line of text, pixel by pixel; the outline is then grown by as much as training shrank
it. Liao et al., "Real-time Scene Text Detection with Differentiable Binarization", AAAI 2020, section 3.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from photogate.errors import DetectionFailed
from photogate.findings import Band, Finding, FindingKind
from photogate.vision.boxes import Image, to_box
from photogate.vision.onnx import open_session
from photogate.vision.tiles import padded_tensor, windows, within

__all__ = ["TextDetector"]

# What the model was trained with: ImageNet's mean and deviation, for values from 0 to 1 in the order blue, green, red.
MEAN = np.array((0.485, 0.456, 0.406), np.float32).reshape(3, 1, 1) * 255
DEVIATION = np.array((0.229, 0.224, 0.225), np.float32).reshape(3, 1, 1) * 255
LARGEST_PIXELS = 3_000_000
WINDOW, OVERLAP = 1024, 128
CORE = 0.3  # a pixel above it belongs to a line's core
GROWTH = 1.8  # the paper's unclip ratio: the outline moves by area * GROWTH / perimeter
THINNEST = 3  # pixels of a core's shorter side
# Calibrated by bench/labels.py: at .8 every generated line of 16 px or more is still covered.
ACT, REVIEW = 0.8, 0.6


class TextDetector:
    """The detector, with its session.

    Parameters
    ----------
    model
        The ONNX file's bytes.
    threads
        Threads of the session.
    """

    def __init__(self, model: bytes, threads: int) -> None:
        self._session = open_session(model, threads)

    def find(self, image: Image) -> list[Finding]:
        """Find lines of text.

        Parameters
        ----------
        image
            (H, W, 3), BGR, upright.

        Raises
        ------
        DetectionFailed
            If the network gives numbers that are not finite.
        """
        height, width = image.shape[:2]
        copy, factor = within(image, LARGEST_PIXELS)
        chances = self._chances(copy)
        outlines, _ = cv2.findContours((chances > CORE).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        findings = []
        for outline in outlines:
            core = cv2.minAreaRect(outline)
            if min(core[1]) < THINNEST:
                continue
            score = _mean_within(chances, outline)
            if score < REVIEW:
                continue
            corners = cv2.boxPoints(_grown(core)) / factor
            edges = np.concatenate((corners.min(axis=0), corners.max(axis=0))).astype(np.float32)
            band = Band.ACT if score >= ACT else Band.REVIEW
            findings.append(Finding(FindingKind.TEXT, to_box(edges, width, height), round(score, 4), band))
        return findings

    def _chances(self, image: Image) -> NDArray[np.float32]:
        """Give for each pixel the chance that it belongs to a line's core; where windows overlap, the higher one."""
        height, width = image.shape[:2]
        chances = np.zeros((height, width), np.float32)
        for left, top, right, bottom in windows(width, height, WINDOW, OVERLAP):
            tensor = (padded_tensor(image[top:bottom, left:right]) - MEAN) / DEVIATION
            (answer,) = self._session.run(None, {"x": tensor})
            here = answer[0, 0, : bottom - top, : right - left]
            if not np.isfinite(here).all():
                raise DetectionFailed("Expected finite chances from the text detector; found others")
            np.maximum(chances[top:bottom, left:right], here, out=chances[top:bottom, left:right])
        return chances


def _mean_within(chances: NDArray[np.float32], outline: cv2.typing.MatLike) -> float:
    x, y, width, height = cv2.boundingRect(outline)
    mask = np.zeros((height, width), np.uint8)
    cv2.drawContours(mask, [outline], -1, 1, cv2.FILLED, offset=(-x, -y))
    return float(cv2.mean(chances[y : y + height, x : x + width], mask)[0])


def _grown(core: cv2.typing.RotatedRect) -> cv2.typing.RotatedRect:
    centre, (width, height), angle = core
    distance = width * height * GROWTH / (2 * (width + height))
    return centre, (width + 2 * distance, height + 2 * distance), angle
