"""Where QR and bar codes stand in a picture. What they say is never decoded."""

from __future__ import annotations

import cv2
import numpy as np

from photogate.findings import Band, Finding, FindingKind
from photogate.vision.boxes import Image, to_box
from photogate.vision.tiles import within

__all__ = ["CodeDetector"]

LARGEST_PIXELS = 3_000_000


class CodeDetector:
    """OpenCV's detectors, made once."""

    def __init__(self) -> None:
        # Of 90 generated codes of 3 px a module or more this one finds all, and QRCodeDetector 66: see bench/labels.py.
        self._qr = cv2.QRCodeDetectorAruco()
        self._bar = cv2.barcode.BarcodeDetector()

    def find(self, image: Image) -> list[Finding]:
        """Find codes.

        Parameters
        ----------
        image
            (H, W, 3), BGR, upright.
        """
        height, width = image.shape[:2]
        copy, factor = within(image, LARGEST_PIXELS)
        grey = cv2.cvtColor(copy, cv2.COLOR_BGR2GRAY)
        findings = []
        for detect in (self._qr.detectMulti, self._bar.detectMulti):
            found, corners = detect(grey)
            for four in np.reshape(corners, (-1, 4, 2)) / factor if found else ():
                edges = np.concatenate((four.min(axis=0), four.max(axis=0))).astype(np.float32)
                findings.append(Finding(FindingKind.CODE, to_box(edges, width, height), 1.0, Band.ACT))
        return findings
