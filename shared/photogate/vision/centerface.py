"""CenterFace: slower, steadier on turned, covered and large faces.

Xu et al., "CenterFace: Joint Face Detection and Alignment Using Face as Point", Scientific Programming 2020.
"""

from __future__ import annotations

import numpy as np

from photogate.vision.boxes import Candidates, Image, checked, suppress
from photogate.vision.onnx import open_session, with_free_shapes
from photogate.vision.tiles import padded_tensor

__all__ = ["CenterFace"]

INPUT = "input.1"
# Heat map, scale and offset; the landmark output (540) is never asked for.
OUTPUTS = ["537", "538", "539"]
STRIDE = 4
SAME_FACE = 0.4


class CenterFace:
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
        """Look at a picture as it is; the network's memory grows with it, so the caller keeps it small.

        Parameters
        ----------
        image
            (H, W, 3), BGR.

        Raises
        ------
        DetectionFailed
            If the network gives numbers that are not finite.
        """
        heat, scale, offset = self._session.run(OUTPUTS, {INPUT: padded_tensor(image, rgb=True)})
        row, column = np.nonzero(~(heat[0, 0] < self._floor))
        y = (row + offset[0, 0, row, column] + 0.5) * STRIDE
        x = (column + offset[0, 1, row, column] + 0.5) * STRIDE
        half_height = np.exp(scale[0, 0, row, column]) * STRIDE / 2
        half_width = np.exp(scale[0, 1, row, column]) * STRIDE / 2
        parts = (x - half_width, y - half_height, x + half_width, y + half_height, heat[0, 0, row, column])
        found = np.stack(parts, axis=1)
        return suppress(checked(found, "CenterFace"), SAME_FACE)
