"""Two face detectors that judge each other.

YuNet looks at copies of the picture in several sizes and at their mirror images, CenterFace at one copy. What overlaps
is one face, and a logistic regression on both detectors' log odds gives its probability: strong evidence from one, or
moderate evidence from both. In a large picture a face in the background is lost on every copy: there YuNet also looks
at every pixel, and both look closer where it proposes something. A photo may also lie on its side without a tag that
says so. YuNet takes a quick look at it turned by each quarter; where one of these shows more than the upright picture
does, the committee looks that way too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from photogate.findings import Band, Finding, FindingKind
from photogate.vision import calibration
from photogate.vision.boxes import Candidates, Image, areas, intersections, iou, suppress, to_box, turned, turned_back
from photogate.vision.centerface import CenterFace
from photogate.vision.tiles import scaled, within
from photogate.vision.yunet import YuNet

__all__ = ["FLOOR", "Evidence", "FaceCommittee", "probability"]

FLOOR = 0.1  # candidates below this score tell nothing
SAME_FACE = 0.4  # intersection over union
PART_OF_FACE = 0.8  # share of a smaller box within a larger one
SAME_BOX = 0.5  # candidates that overlap by so much take part in a face's box

# What YuNet sees: the picture, or of one with more than LARGEST_PIXELS a copy of COPY_PIXELS, and smaller copies with
# these longer sides; never an enlarged one.
LARGEST_PIXELS, COPY_PIXELS = 4_000_000, 2_000_000
SMALL, MIDDLE = 640, 1024
CENTERFACE_SIDE = 1024
# Of a larger picture YuNet also sees every pixel. Where it then sees something that the copy does not show, with at
# least this score, both detectors look at a window of the picture as it is.
PROPOSED = 0.5
WINDOW = 640
# What has this longer side on the copy, in pixels, was judged there.
SEEN_ON_COPY = 32

# Only scores above the floor speak for a turn; one plain face, or two less plain ones, make it certain. Where it is
# not, what only shows in the turned picture must be likelier than what shows upright. Chosen with bench/faces.py.
TURN_FLOOR, TURN_CERTAIN = 0.7, 0.2
TURNED_ACT, TURNED_REVIEW = 0.8, 0.5


@dataclass(frozen=True, slots=True)
class Evidence:
    """What both detectors say about each of N possible faces.

    `boxes` is (N, 5): left, top, right, bottom in pixels, and the best single score; `yunet` and `centerface` are (N,):
    YuNet's score, averaged over the picture and its mirror image, and CenterFace's. 0 where a detector saw nothing.
    `plainly` says how much of the whole picture YuNet is sure of.
    """

    boxes: Candidates
    yunet: NDArray[np.float32]
    centerface: NDArray[np.float32]
    plainly: float


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
        copy, factor = within(image, LARGEST_PIXELS if height * width <= LARGEST_PIXELS else COPY_PIXELS)
        seen = self.evidence(copy)
        judged = [self._judge(image, seen, factor, calibration.ACT, calibration.REVIEW)]
        quarters, certain = self._turn(copy, seen.plainly)
        if quarters:
            seen = self.evidence(turned(copy, quarters))
            act, review = (calibration.ACT, calibration.REVIEW) if certain else (TURNED_ACT, TURNED_REVIEW)
            rows = self._judge(turned(image, quarters), seen, factor, act, review)
            rows[:, :4] = turned_back(rows[:, :5], quarters, width, height)[:, :4]
            judged.append(rows)
        return [
            Finding(FindingKind.FACE, to_box(row[:4], width, height), round(float(row[5]), 4), band)
            for band, row in _merged(judged)
        ]

    def _judge(self, image: Image, seen: Evidence, factor: float, act: float, review: float) -> NDArray[np.float32]:
        """Judge what a copy showed, and what only the picture itself shows; rows as of `_judged`, in its pixels."""
        rows = _judged(_resized(seen.boxes, factor), probability(seen), act, review)
        if factor == 1:
            return rows
        closer = [_judged(near.boxes, probability(near), act, review) for near in self._closer(image, rows, factor)]
        return np.concatenate((rows, *closer))

    def _closer(self, image: Image, known: NDArray[np.float32], factor: float) -> Iterator[Evidence]:
        """Look at windows of a large picture, as it is, around what is small, proposed by YuNet and not known yet."""
        found = self._yunet.find(image)
        small = (found[:, 2:4] - found[:, :2]).max(axis=1, initial=0) * factor < SEEN_ON_COPY
        found = found[(found[:, 4] >= PROPOSED) & small]
        same = iou(found, known) > SAME_FACE
        part = intersections(found, known) > PART_OF_FACE * np.maximum(areas(found), 1e-6)[:, None]
        found = found[~(same | part).any(axis=1)]
        found = found[np.argsort(-found[:, 4])]
        height, width = image.shape[:2]
        while len(found):
            x, y = (found[0, :2] + found[0, 2:4]) / 2
            left = int(np.clip(x - WINDOW / 2, 0, max(0, width - WINDOW)))
            top = int(np.clip(y - WINDOW / 2, 0, max(0, height - WINDOW)))
            near = self.evidence(np.ascontiguousarray(image[top : top + WINDOW, left : left + WINDOW]), WINDOW)
            near.boxes[:, :4] += (left, top, left, top)
            yield near
            # A proposal that the window cuts waits for one of its own; the first has had its turn.
            low, high = (left, top), (left + WINDOW, top + WINDOW)
            beyond = np.column_stack((found[:, :2] < low, found[:, 2:4] > high))
            found = found[1:][beyond[1:].any(axis=1)]

    def evidence(self, image: Image, centerface_side: int = CENTERFACE_SIDE) -> Evidence:
        """Collect what both detectors see, as the picture stands.

        Parameters
        ----------
        image
            (H, W, 3), BGR; at most `LARGEST_PIXELS`.
        centerface_side
            Longer side of the copy that CenterFace sees, in pixels.
        """
        longer, width = max(image.shape[:2]), image.shape[1]
        plain, mirrored, plainly = [], [], 0.0
        for side in sorted({min(longer, SMALL), min(longer, MIDDLE), longer}):
            copy, factor = scaled(image, side)
            found = self._yunet.find(copy)
            if side == min(longer, MIDDLE):
                plainly = _plainly(found)
            plain.append(_resized(found, factor))
            found = _resized(self._yunet.find(np.asarray(cv2.flip(copy, 1), np.uint8)), factor)
            mirrored.append(np.column_stack((width - found[:, 2], found[:, 1], width - found[:, 0], found[:, 3:])))
        copy, factor = scaled(image, centerface_side)
        centre = _resized(self._centerface.find(copy), factor)
        return _gathered(np.concatenate(plain), np.concatenate(mirrored), centre, plainly)

    def _turn(self, image: Image, upright: float) -> tuple[int, bool]:
        """Say by how many quarters the picture must be turned to stand upright, and whether that is certain."""
        copy, _ = scaled(image, min(max(image.shape[:2]), MIDDLE))
        plainly = [upright, *(_plainly(self._yunet.find(turned(copy, quarters))) for quarters in (1, 2, 3))]
        best = int(np.argmax(plainly))
        return best, plainly[best] - max(plainly[:best] + plainly[best + 1 :]) >= TURN_CERTAIN


def _plainly(found: Candidates) -> float:
    """Add up what YuNet is sure of."""
    return float(np.clip(found[:, 4] - TURN_FLOOR, 0, None).sum())


def _resized(found: Candidates, factor: float) -> Candidates:
    """Undo `scaled`."""
    found[:, :4] /= factor
    return found


def _gathered(plain: Candidates, mirrored: Candidates, centre: Candidates, plainly: float) -> Evidence:
    """Put together what overlaps: for each face the best score of each look, and the weighted mean of the boxes."""
    everything = np.concatenate((plain, mirrored, centre)).astype(np.float32)
    best = suppress(everything, SAME_FACE)
    overlap = iou(best, everything)
    scores = np.where(overlap >= SAME_FACE, everything[:, 4], 0)
    looks = np.split(scores, (len(plain), len(plain) + len(mirrored)), axis=1)
    of_plain, of_mirrored, of_centre = (look.max(axis=1, initial=0) for look in looks)
    weight = np.where(overlap >= SAME_BOX, everything[:, 4] ** 2, 0)
    boxes = best.copy()
    boxes[:, :4] = weight @ everything[:, :4] / weight.sum(axis=1, keepdims=True)
    return Evidence(boxes, (of_plain + of_mirrored) / 2, of_centre, plainly)


def _judged(boxes: Candidates, chance: NDArray[np.float32], act: float, review: float) -> NDArray[np.float32]:
    """Give (N, 6) for what is worth mentioning: the box, 1 to act and 0 to review, and the probability."""
    rows = np.column_stack((boxes[:, :4], chance >= act, chance)).astype(np.float32)
    return rows[chance >= review]


def _merged(judged: list[NDArray[np.float32]]) -> list[tuple[Band, NDArray[np.float32]]]:
    """Mention each face once: what is acted on first, then the likelier; not again what overlaps it or lies within."""
    rows = np.concatenate(judged)
    rows = rows[np.lexsort((-rows[:, 5], -rows[:, 4]))]
    overlap = iou(rows, rows)
    within_other = intersections(rows, rows) / np.maximum(areas(rows), 1e-6)[:, None]
    kept: list[int] = []
    for i in range(len(rows)):
        if not ((overlap[i, kept] > SAME_FACE) | (within_other[i, kept] > PART_OF_FACE)).any():
            kept.append(i)
    return [(Band.ACT if rows[i, 4] else Band.REVIEW, rows[i]) for i in kept]
