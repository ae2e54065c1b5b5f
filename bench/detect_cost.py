"""Measure what detection costs: time, memory, and what it adds to the models' own time.

usage: detect_cost.py [--megapixels 0.1,1,12,50] [--threads 1]

Each size runs in a process of its own, on a JPEG made of a photo that scikit-image ships. Printed are JSON lines: the
best of three looks for faces, and for everything; the peak of resident memory, which must stay well below the
function's 1,769 MB; and the ratio of the look for faces to the sum of decoding, resizing and the models' own time.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import onnxruntime
import skimage

from photogate.config import VisionSettings
from photogate.findings import FindingKind
from photogate.vision import picture, tiles
from photogate.vision.detector import Detectors

LIMIT_MB = 1769


class Stopwatch:
    """Adds up the time that wrapped calls take."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def wrap(self, call: Callable[..., Any]) -> Callable[..., Any]:
        """Give the call back, timed."""

        def timed(*args: Any, **kwargs: Any) -> Any:
            started = time.perf_counter()
            try:
                return call(*args, **kwargs)
            finally:
                self.seconds += time.perf_counter() - started

        return timed


def photo(megapixels: float) -> bytes:
    """Make a JPEG of so many pixels, 4 to 3, with a face in it."""
    width = round((megapixels * 1e6 * 4 / 3) ** 0.5)
    height = round(width * 3 / 4)
    side = np.ascontiguousarray(skimage.data.astronaut()[:384, :, ::-1])
    grain = np.random.default_rng(1).normal(0, 6, (height, width, 1)).astype(np.int8)
    large = cv2.resize(side, (width, height), interpolation=cv2.INTER_CUBIC).astype(np.int16)
    return cv2.imencode(".jpg", np.clip(large + grain, 0, 255).astype(np.uint8))[1].tobytes()


def best_of_three(call: Callable[[], Any]) -> float:
    """Give the shortest of three runs, in seconds."""
    seconds = []
    for _ in range(3):
        started = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - started)
    return min(seconds)


def one(megapixels: float, threads: int) -> dict[str, Any]:
    """Measure one size in this process."""
    data = photo(megapixels)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    settings = VisionSettings(threads=threads)
    faces = Detectors.load(settings, [FindingKind.FACE])
    faces.look(data)
    face_seconds = best_of_three(lambda: faces.look(data))
    face_peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    inner = Stopwatch()
    originals = (onnxruntime.InferenceSession.run, cv2.resize, cv2.imdecode)
    onnxruntime.InferenceSession.run = inner.wrap(originals[0])
    tiles.cv2.resize, picture.cv2.imdecode = inner.wrap(originals[1]), inner.wrap(originals[2])
    ratios = []
    for _ in range(3):
        inner.seconds = 0.0
        started = time.perf_counter()
        found = faces.look(data)
        ratios.append((time.perf_counter() - started) / inner.seconds)
    onnxruntime.InferenceSession.run, tiles.cv2.resize, picture.cv2.imdecode = originals
    everything = Detectors.load(settings)
    everything.look(data)
    all_seconds = best_of_three(lambda: everything.look(data))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "megapixels": megapixels,
        "found": len(found.findings),
        "faces_ms": round(face_seconds * 1000),
        "everything_ms": round(all_seconds * 1000),
        "over_decode_resize_models": round(min(ratios), 3),
        "peak_mb_before": round(before),
        "peak_mb_faces": round(face_peak),
        "peak_mb_everything": round(peak),
        "share_of_limit": round(peak / LIMIT_MB, 2),
    }


def main() -> None:
    """Measure each size in a process of its own, so that peaks do not mix."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megapixels", default="0.1,1,12,50")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--one", type=float, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(one(options.one, options.threads)))
        return
    for size in options.megapixels.split(","):
        command = [sys.executable, __file__, "--one", size, "--threads", str(options.threads)]
        subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
