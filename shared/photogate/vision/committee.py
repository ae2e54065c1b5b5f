"""Two face detectors that judge each other: strong evidence from one, or moderate evidence from both."""

from __future__ import annotations

import numpy as np

from photogate.findings import Band, Finding, FindingKind
from photogate.vision.boxes import Image, iou, to_box
from photogate.vision.centerface import CenterFace
from photogate.vision.yunet import YuNet

__all__ = ["FaceCommittee"]

FLOOR = 0.2
SAME_FACE = 0.3
CENTERFACE_SIDE = 1024
GLOBAL_SIDE, LARGEST_SIDE = 640, 2560


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
            (H, W, 3), BGR, upright.
        """
        height, width = image.shape[:2]
        longer = min(max(width, height), LARGEST_SIDE)
        first = self._yunet.find(image, tuple(sorted({GLOBAL_SIDE, longer})))
        second = self._centerface.find(image, CENTERFACE_SIDE)
        same = iou(first, second)
        findings = []
        taken = np.zeros(len(second), bool)
        for i, candidate in enumerate(first):
            mates = np.flatnonzero(same[i] >= SAME_FACE)
            taken[mates] = True
            findings.append((candidate, float(candidate[4]), float(second[mates, 4].max(initial=0))))
        findings += [(candidate, 0.0, float(candidate[4])) for candidate in second[~taken]]
        return [
            Finding(FindingKind.FACE, to_box(candidate, width, height), round(max(y, c), 4), band)
            for candidate, y, c in findings
            if (band := judge(y, c)) is not None
        ]


def judge(yunet: float, centerface: float) -> Band | None:
    """Turn the two scores of one face into a band; None is too little to mention."""
    if yunet >= 0.8 or centerface >= 0.5 or (yunet >= 0.5 and centerface >= 0.25):
        return Band.ACT
    if yunet >= 0.7 or centerface >= 0.4 or (yunet >= 0.3 and centerface >= 0.2):
        return Band.REVIEW
    return None
