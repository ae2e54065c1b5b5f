"""YuNet: small, fast, good at faces of 10 to 300 pixels.

Wu et al., "YuNet: A Tiny Millisecond-level Face Detector", Machine Intelligence Research 20 (2023).
"""

from __future__ import annotations

import numpy as np

from photogate.vision.boxes import Candidates, Image, checked, no_candidates, suppress
from photogate.vision.onnx import open_session, with_free_shapes
from photogate.vision.tiles import padded_tensor, windows

__all__ = ["YuNet"]

STRIDES = (8, 16, 32)
# The landmark outputs (kps_*) are never asked for.
OUTPUTS = [f"{part}_{stride}" for part in ("cls", "obj", "bbox") for stride in STRIDES]
# Windows of 1,024 pixels keep the network's memory below 100 MB; a face of up to 160 pixels lies whole in one of them,
# and a larger one is found in a smaller copy of the picture.
WINDOW, OVERLAP = 1024, 160
SAME_FACE = 0.4


class YuNet:
    """The detector, with its session.

    Parameters
    ----------
    model
        The ONNX file's bytes.
    threads
        Threads of the session.
    floor
        Candidates below this score are dropped.
    """

    def __init__(self, model: bytes, threads: int, floor: float) -> None:
        self._session = open_session(with_free_shapes(model), threads)
        self._floor = floor

    def find(self, image: Image) -> Candidates:
        """Look at a picture as it is, window by window.

        Parameters
        ----------
        image
            (H, W, 3), BGR.

        Raises
        ------
        DetectionFailed
            If the network gives numbers that are not finite.
        """
        found = [no_candidates()]
        for left, top, right, bottom in windows(image.shape[1], image.shape[0], WINDOW, OVERLAP):
            here = self._look(image[top:bottom, left:right])
            here[:, :4] += (left, top, left, top)
            found.append(here)
        return suppress(np.concatenate(found), SAME_FACE)

    def _look(self, image: Image) -> Candidates:
        tensor = padded_tensor(image)
        answers = dict(zip(OUTPUTS, self._session.run(OUTPUTS, {"input": tensor}), strict=True))
        found = [no_candidates()]
        for stride in STRIDES:
            wide = tensor.shape[3] // stride
            classified, objectness = answers[f"cls_{stride}"][0, :, 0], answers[f"obj_{stride}"][0, :, 0]
            score = np.sqrt(np.clip(classified, 0, 1) * np.clip(objectness, 0, 1))
            at = np.flatnonzero(~(score < self._floor))
            box = answers[f"bbox_{stride}"][0, at]
            x, y = (at % wide + box[:, 0]) * stride, (at // wide + box[:, 1]) * stride
            half_width, half_height = np.exp(box[:, 2]) * stride / 2, np.exp(box[:, 3]) * stride / 2
            parts = (x - half_width, y - half_height, x + half_width, y + half_height, score[at])
            found.append(np.stack(parts, axis=1))
        return suppress(checked(np.concatenate(found), "YuNet"), SAME_FACE)
