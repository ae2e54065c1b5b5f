"""Everything that looks at a photo's pixels, behind one call.

>>> detectors = Detectors.load(VisionSettings())  # doctest: +SKIP
>>> detectors.look(photo, orientation=6).findings  # doctest: +SKIP
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol

from photogate.config import VisionSettings
from photogate.errors import DetectionFailed, PhotogateError
from photogate.findings import Finding, FindingKind
from photogate.vision.boxes import Image
from photogate.vision.calibration import constants
from photogate.vision.centerface import CenterFace
from photogate.vision.codes import CodeDetector
from photogate.vision.committee import FLOOR, FaceCommittee
from photogate.vision.models import CENTERFACE, TEXT_DETECTION, YUNET, Model, read_model
from photogate.vision.picture import open_views
from photogate.vision.text import TextDetector
from photogate.vision.yunet import YuNet

__all__ = ["Detector", "Detectors", "Look"]

ALL_KINDS = frozenset(FindingKind)


class Detector(Protocol):
    """Whatever finds one kind of thing in a picture."""

    def find(self, image: Image) -> list[Finding]:
        """Find it in a picture of shape (H, W, 3), BGR, upright; boxes in its pixels."""
        ...


@dataclass(frozen=True, slots=True)
class Look:
    """What a look at a photo gave: the upright picture's size in pixels, and the findings in it."""

    width: int
    height: int
    findings: tuple[Finding, ...]


class Detectors:
    """All detectors of the wanted kinds, with their sessions; made once, used for many photos.

    Parameters
    ----------
    detectors
        In the order in which they look.
    model_hash
        SHA-256 over the models' own checksums and the calibration, for the audit log.
    """

    def __init__(self, detectors: tuple[Detector, ...], model_hash: str) -> None:
        self._detectors = detectors
        self.model_hash = model_hash

    @classmethod
    def load(cls, settings: VisionSettings, kinds: Collection[FindingKind] = ALL_KINDS) -> Detectors:
        """Read the models and open their sessions.

        Raises
        ------
        ModelRefused
            If a model file is missing or is not the one that we know.
        """
        detectors: list[Detector] = []
        models: list[Model] = []

        def read(model: Model) -> bytes:
            models.append(model)
            return read_model(model, settings.models_dir)

        if FindingKind.FACE in kinds:
            yunet = YuNet(read(YUNET), settings.threads, FLOOR)
            detectors.append(FaceCommittee(yunet, CenterFace(read(CENTERFACE), settings.threads, FLOOR)))
        if FindingKind.TEXT in kinds:
            detectors.append(TextDetector(read(TEXT_DETECTION), settings.threads))
        if FindingKind.CODE in kinds:
            detectors.append(CodeDetector())
        identity = [model.sha256 for model in models] + [f"{name}={value}" for name, value in constants().items()]
        return cls(tuple(detectors), hashlib.sha256("\n".join(identity).encode()).hexdigest())

    def find(self, image: Image) -> tuple[Finding, ...]:
        """Find everything in one upright picture of shape (H, W, 3), BGR.

        Raises
        ------
        DetectionFailed
            If a detector raises, or answers with numbers that are not finite.
        """
        try:
            return tuple(finding for detector in self._detectors for finding in detector.find(image))
        except PhotogateError:
            raise
        except Exception as error:
            raise DetectionFailed(f"Expected an answer from every detector; found {type(error).__name__}") from None

    def look(self, data: bytes, *, orientation: int = 1) -> Look:
        """Find everything in a photo's file, in every frame of it.

        Parameters
        ----------
        data
            The stripped file.
        orientation
            The Exif orientation that was read before stripping, 1 to 8.

        Raises
        ------
        ImageRefused
            If the file cannot be opened within the limits.
        DetectionFailed
            If a detector does not give an answer.
        """
        findings: dict[Finding, None] = {}
        width = height = 0
        for view in open_views(data, orientation=orientation):
            height, width = max(height, view.shape[0]), max(width, view.shape[1])
            findings.update(dict.fromkeys(self.find(view)))
        return Look(width, height, tuple(findings))
