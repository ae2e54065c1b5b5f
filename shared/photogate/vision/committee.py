"""Two face detectors that judge each other.

YuNet looks at copies of the picture in several sizes and at their mirror images, CenterFace at one copy. What overlaps
is one face, and a logistic regression on both detectors' log odds gives its probability: strong evidence from one, or
moderate evidence from both. A photo may also lie on its side without a tag that says so. YuNet takes a quick look at it
turned by each quarter; where one of these shows more than the upright picture does, the committee looks that way too.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from photogate.findings import Band, Finding, FindingKind
from photogate.vision import calibration
from photogate.vision.boxes import Candidates, Image, iou, suppress, to_box, turned_back
from photogate.vision.centerface import CenterFace
from photogate.vision.tiles import scaled
from photogate.vision.yunet import YuNet

__all__ = ["FLOOR", "Evidence", "FaceCommittee", "probability"]

FLOOR = 0.1  # candidates below this score tell nothing
SAME_FACE = 0.4  # intersection over union
SAME_BOX = 0.5  # candidates that overlap by so much take part in a face's box

# Longer sides, in pixels, of the copies that each detector sees. Pictures are never enlarged for YuNet.
SMALL, MIDDLE, LARGE = 640, 1024, 2048
CENTERFACE_SIDE = 1024

# Only what YuNet is sure of speaks for a turn, and one plain face, or two less plain ones, make it certain.
TURN_FLOOR, TURN_CERTAIN = 0.7, 0.2


@dataclass(frozen=True, slots=True)
class Evidence:
    """What both detectors say about each of N possible faces.

    `boxes` is (N, 5): left, top, right, bottom in pixels, and the best single score; `yunet` and `centerface` are (N,):
    YuNet's score, averaged over the picture and its mirror image, and CenterFace's. 0 where a detector saw nothing.
    """

    boxes: Candidates
    yunet: NDArray[np.float32]
    centerface: NDArray[np.float32]


def probability(evidence: Evidence) -> NDArray[np.float32]:
    """Give the probability of each possible face: shape (N,)."""
    score = (
        calibration.YUNET_WEIGHT * log_odds(evidence.yunet)
        + calibration.CENTERFACE_WEIGHT * log_odds(evidence.centerface)
        + calibration.OFFSET
    )
    return np.asarray(1 / (1 + np.exp(-score)), np.float32)


def log_odds(score: NDArray[np.float32]) -> NDArray[np.float32]:
    """Give the log odds of scores, which are kept within 0.02 and 0.98 so that no detector alone decides all."""
    held = np.clip(score, 0.02, 0.98)
    return np.asarray(np.log(held / (1 - held)), np.float32)


class FaceCommittee:
    """Find faces with YuNet and CenterFace."""

    def __init__(self, yunet: YuNet, centerface: CenterFace) -> None:
        self._yunet = yunet
        self._centerface = centerface

    def find(self, image: Image) -> list[Finding]:
        """Find faces.

        Parameters
        ----------
        image
            (H, W, 3), BGR, upright as far as its tag tells.

        Raises
        ------
        DetectionFailed
            If a network gives numbers that are not finite.
        """
        height, width = image.shape[:2]
        copy, factor = scaled(image, min(max(width, height), LARGE))
        seen = self.evidence(copy)
        bands = (calibration.ACT, calibration.REVIEW)
        judged = [_judged(seen.boxes, probability(seen), bands)]
        quarters, certain = self._turn(copy)
        if quarters:
            turned = self.evidence(np.ascontiguousarray(np.rot90(copy, quarters)))
            boxes = turned_back(turned.boxes, quarters, copy.shape[1], copy.shape[0])
            if not certain:
                bands = (calibration.TURNED_ACT, calibration.TURNED_REVIEW)
            judged.append(_judged(boxes, probability(turned), bands))
        return [
            Finding(FindingKind.FACE, to_box(row[:4] / factor, width, height), round(float(row[5]), 4), band)
            for band, row in _merged(judged)
        ]

    def evidence(self, image: Image) -> Evidence:
        """Collect what both detectors see, as the picture stands.

        Parameters
        ----------
        image
            (H, W, 3), BGR; its longer side at most `LARGE`.
        """
        longer, width = max(image.shape[:2]), image.shape[1]
        plain, mirrored = [], []
        for side in sorted({min(longer, SMALL), min(longer, MIDDLE), longer}):
            copy, factor = scaled(image, side)
            plain.append(_resized(self._yunet.find(copy), factor))
            flipped = _resized(self._yunet.find(np.asarray(cv2.flip(copy, 1), np.uint8)), factor)
            mirrored.append(flipped * (-1, 1, -1, 1, 1) + (width, 0, width, 0, 0))
        for found in mirrored:
            found[:, [0, 2]] = found[:, [2, 0]]
        copy, factor = scaled(image, CENTERFACE_SIDE)
        centre = _resized(self._centerface.find(copy), factor)
        return _gathered((np.concatenate(plain), np.concatenate(mirrored), centre))

    def _turn(self, image: Image) -> tuple[int, bool]:
        """Say by how many quarters the picture must be turned to stand upright, and whether that is certain."""
        copy, _ = scaled(image, min(max(image.shape[:2]), MIDDLE))
        sure = []
        for quarters in range(4):
            found = self._yunet.find(np.ascontiguousarray(np.rot90(copy, quarters)))
            sure.append(float(np.clip(found[:, 4] - TURN_FLOOR, 0, None).sum()))
        best = int(np.argmax(sure))
        return best, sure[best] - max(sure[:best] + sure[best + 1 :]) >= TURN_CERTAIN


def _resized(found: Candidates, factor: float) -> Candidates:
    """Undo `scaled`."""
    found[:, :4] /= factor
    return found


def _gathered(looks: tuple[Candidates, Candidates, Candidates]) -> Evidence:
    """Put together what overlaps: for each face the best score of each look, and the mean of the boxes."""
    everything = np.concatenate(looks).astype(np.float32)
    best = suppress(everything, SAME_FACE)
    overlap = iou(best, everything)
    scores, at = [], 0
    for look in looks:
        here = overlap[:, at : at + len(look)] >= SAME_FACE
        scores.append(np.where(here, look[None, :, 4], 0).max(axis=1, initial=0))
        at += len(look)
    weight = np.where(overlap >= SAME_BOX, everything[None, :, 4] ** 2, 0)
    boxes = best.copy()
    boxes[:, :4] = weight @ everything[:, :4] / weight.sum(axis=1, keepdims=True)
    plain, mirrored, centre = (score.astype(np.float32) for score in scores)
    return Evidence(boxes, (plain + mirrored) / 2, centre)


def _judged(boxes: Candidates, chance: NDArray[np.float32], bands: tuple[float, float]) -> NDArray[np.float32]:
    """Give (N, 6) for what is worth mentioning: the box, 1 to act and 0 to review, and the probability."""
    act, review = bands
    rows = np.column_stack((boxes[:, :4], chance >= act, chance)).astype(np.float32)
    return rows[chance >= review]


def _merged(judged: list[NDArray[np.float32]]) -> list[tuple[Band, NDArray[np.float32]]]:
    """Mention a face once that was seen both ways: as what is acted on, if either says so."""
    rows = np.concatenate(judged)
    rows = rows[np.lexsort((-rows[:, 5], -rows[:, 4]))]
    overlap = iou(rows, rows)
    kept: list[int] = []
    for i in range(len(rows)):
        if not (overlap[i, kept] > SAME_FACE).any():
            kept.append(i)
    return [(Band.ACT if rows[i, 4] else Band.REVIEW, rows[i]) for i in kept]
