"""Measure what detection costs: time, memory, and what it adds to the models' own time.

usage: detect_cost.py [--sizes 0.1,1,12,50,50a] [--threads 1]

Sizes are megapixels; `a` makes a PNG with a transparent layer, which is looked at twice. Each runs in a process of its
own, on a picture made of a photo that scikit-image ships. Printed are JSON lines: the
best of three looks for faces, and for everything; the peak of resident memory, which must stay well below the
function's 1,769 MB; and the ratio of the look for faces to the sum of decoding, resizing and the models' own time.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import re
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime
import skimage

from photogate.config import VisionSettings
from photogate.findings import FindingKind
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


def make(size: str, path: Path) -> None:
    """Write a file of so many megapixels, 4 to 3, with a face in it."""
    megapixels = float(size.rstrip("a"))
    width = round((megapixels * 1e6 * 4 / 3) ** 0.5)
    height = round(width * 3 / 4)
    side = np.ascontiguousarray(skimage.data.astronaut()[:384, :, ::-1])
    grain = np.random.default_rng(1).normal(0, 6, (height, width, 1)).astype(np.int8)
    large = cv2.resize(side, (width, height), interpolation=cv2.INTER_CUBIC).astype(np.int16)
    picture = np.clip(large + grain, 0, 255).astype(np.uint8)
    if size.endswith("a"):
        layer = np.full((height, width, 1), 200, np.uint8)
        path.write_bytes(cv2.imencode(".png", np.concatenate((picture, layer), axis=2))[1].tobytes())
    else:
        path.write_bytes(cv2.imencode(".jpg", picture)[1].tobytes())


def peak_mb() -> float:
    """Give this process's peak of resident memory (Linux): getrusage would tell the parent's, if that was higher."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(found[1]) / 1024 if found else float("nan")


def best_of_three(call: Callable[[], Any]) -> float:
    """Give the shortest of three runs, in seconds."""
    seconds = []
    for _ in range(3):
        started = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - started)
    return min(seconds)


def one(size: str, path: Path, threads: int) -> dict[str, Any]:
    """Measure one size in this process."""
    data = path.read_bytes()
    before = peak_mb()
    settings = VisionSettings(threads=threads)
    faces = Detectors.load(settings, [FindingKind.FACE])
    faces.look(data)
    face_seconds = best_of_three(lambda: faces.look(data))
    face_peak = peak_mb()
    inner = Stopwatch()
    parts = ((onnxruntime.InferenceSession, "run"), (cv2, "resize"), (cv2, "imdecode"), (cv2, "imdecodeanimation"))
    originals = [getattr(owner, name) for owner, name in parts]
    for (owner, name), call in zip(parts, originals, strict=True):
        setattr(owner, name, inner.wrap(call))
    ratios = []
    for _ in range(3):
        inner.seconds = 0.0
        started = time.perf_counter()
        found = faces.look(data)
        ratios.append((time.perf_counter() - started) / inner.seconds)
    for (owner, name), call in zip(parts, originals, strict=True):
        setattr(owner, name, call)
    everything = Detectors.load(settings)
    everything.look(data)
    all_seconds = best_of_three(lambda: everything.look(data))
    peak = peak_mb()
    return {
        "size": size,
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
    parser.add_argument("--sizes", default="0.1,1,12,50,50a")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    fresh = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        for size in options.sizes.split(","):
            path = Path(folder, size)
            for task in ((make, size, path), (one, size, path, options.threads)):
                with ProcessPoolExecutor(1, mp_context=fresh) as process:
                    answer = process.submit(*task).result()
            print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
