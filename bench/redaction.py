"""Measure redaction: what is still seen after it, what it changes elsewhere, and what it costs.

usage: redaction.py DATA_DIR [--photos 40] [--timed 6] [--deface PYTHON]

DATA_DIR holds labels.json as `bench/faces.py` reads it. The pipeline runs on --photos of the photos with faces (0: all)
under a policy that redacts every face; a look that the pipeline takes no part in then says what is left in the file.
PSNR is over the pixels outside every hidden region, against the stripped original. --timed photos are resized to 12 and
to 1 megapixels, and deface, if the Python of an environment that has it is given, takes turns with Photogate on the
same files: each reads a file, finds faces, hides them and writes a file, with its models loaded before.
Exits with 1 if a face is left in what was kept, at less than 45 dB, or if writing alone changes a file's size by more
than 15 %. Ratios matter, not seconds.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import numpy as np
from PIL import Image

from bench.faces import Photo, read_labels
from photogate.config import VisionSettings
from photogate.errors import Reason
from photogate.findings import Band, Box, Finding, FindingKind
from photogate.formats import strip
from photogate.painting import hidden_region, to_stored
from photogate.pipeline import process
from photogate.policy import Action, Decision, Policy, RedactionRule, Rule, decide
from photogate.redaction import redact
from photogate.vision.boxes import turned
from photogate.vision.detector import Detectors, Look
from photogate.vision.picture import open_upright

LEAST_PSNR = 45.0
MOST_GROWTH = 0.15
SEED = b"bench/redaction.py"
FACES = Policy(findings={FindingKind.FACE: Rule(act=Action.REDACT, review=Action.REDACT)})
BARE = RedactionRule(padding_percent=0)
SIZES = (12.0, 1.0)
# Runs in deface's own environment: as its command line calls it with every default, without the start of a process.
DEFACE = """
import sys, time
from deface.centerface import CenterFace
from deface.deface import image_detect
centerface = CenterFace(in_shape=None, backend="auto")
print("ready", centerface.backend, flush=True)
for line in sys.stdin:
    source, target = line.rstrip("\\n").split("\\t")
    started = time.perf_counter()
    image_detect(source, target, centerface, 0.2, "blur", 1.3, True, False, False, False)
    print("took", time.perf_counter() - started, flush=True)
"""


@dataclass
class Recorded:
    """Detectors that remember what each look found."""

    detectors: Detectors
    looks: list[tuple[Finding, ...]] = field(default_factory=list)

    def look(self, data: bytes, *, orientation: int = 1) -> Look:
        """Find everything in a stripped photo's file."""
        seen = self.detectors.look(data, orientation=orientation)
        self.looks.append(seen.findings)
        return seen


@dataclass(frozen=True)
class Row:
    """One redacted photo.

    Faces that are still sure, PSNR outside the hidden regions in dB, bytes after by before, and bytes of the same
    photo written with but its first MCU hidden, by before: what the encoder does to the size, and not the hiding.
    """

    left: int
    psnr: float | None
    ratio: float
    encoder: float
    rounds: int


def mcu_of(image: Image.Image) -> tuple[int, int] | None:
    """Give a JPEG's MCU in pixels (JPEG A.2); None for another format."""
    if image.format not in ("JPEG", "MPO"):
        return None
    layers = image.layer  # type: ignore[attr-defined]
    return 8 * max(layer[1] for layer in layers), 8 * max(layer[2] for layer in layers)


def psnr_outside(before: bytes, after: bytes, boxes: list[Box], orientation: int) -> float | None:
    """Give the PSNR in dB of the pixels that no hidden region holds; None where there are none."""
    with Image.open(io.BytesIO(before)) as image:
        mcu, (width, height) = mcu_of(image), image.size
        old = np.asarray(image.convert("RGB"), np.float64)
    with Image.open(io.BytesIO(after)) as image:
        new = np.asarray(image.convert("RGB"), np.float64)
    outside = np.ones((height, width), bool)
    for box in boxes:
        region = hidden_region(to_stored(box, orientation, width, height), FACES.redaction, width, height, mcu)
        outside[region.y : region.bottom, region.x : region.right] = False
    if not outside.any():
        return None
    error = float(((old - new)[outside] ** 2).mean())
    return 10 * float(np.log10(255**2 / error)) if error else float("inf")


def sample(photos: list[Photo], count: int) -> list[Photo]:
    """Choose photos with people by the hash of their names, so that the choice stays the same."""
    people = sorted((p for p in photos if p.people), key=lambda p: hashlib.sha256(p.path.name.encode()).digest())
    return people[: count or None]


def quality(photos: list[Photo], detectors: Detectors) -> bool:
    """Run the pipeline on every photo, and print what came of it; False if a bound is broken."""
    rows: list[Row] = []
    ends: Counter[str] = Counter()
    for photo in photos:
        data = photo.path.read_bytes()
        eyes = Recorded(detectors)
        done = process(data, policy=FACES, eyes=eyes, seed=SEED)
        ends["face_remains" if done.reason is Reason.FACE_REMAINS else str(done.decision)] += 1
        if done.decision is not Decision.REDACT or done.data is None:
            continue
        stripped, kept = strip(data), strip(done.data)
        hidden = [f.box for look in eyes.looks[:-1] for f in look if decide(FACES, [f]).decision is Decision.REDACT]
        again = detectors.look(kept.data, orientation=kept.orientation).findings
        psnr = psnr_outside(stripped.data, done.data, hidden, stripped.orientation)
        left = sum(f.band == Band.ACT for f in again)
        size = len(stripped.data)
        corner = redact(stripped.data, [Box(0, 0, 1, 1)], rule=BARE, seed=SEED)
        rows.append(Row(left, psnr, len(done.data) / size, len(corner) / size, len(eyes.looks) - 1))
    known = [row.psnr for row in rows if row.psnr is not None]
    ratios = [row.ratio for row in rows]
    left = sum(row.left > 0 for row in rows)
    print(f"| redaction of {len(photos)} photos | |\n|---|---|")
    print(f"| redacted and kept | {len(rows)}, {sum(row.rounds > 1 for row in rows)} of them in two rounds |")
    print(f"| of those, with an `act` face left (must be 0) | {left} |")
    print(f"| to `REVIEW` with `face_remains` | {ends['face_remains']} |")
    others = {end: count for end, count in ends.items() if end not in ("face_remains", "REDACT")}
    print(f"| ended otherwise | {', '.join(f'{count} {end}' for end, count in others.items()) or 0} |")
    if not rows or not known:
        return False
    print(f"| PSNR outside: min, median (at least {LEAST_PSNR:.0f} dB) | {min(known):.1f}, {median(known):.1f} dB |")
    print(f"| nothing outside to compare | {len(rows) - len(known)} |")
    print(f"| file size ratio: min, median, max | {min(ratios):.2f}, {median(ratios):.2f}, {max(ratios):.2f} |")
    encoder = [row.encoder for row in rows]
    print(f"| the same, one corner hidden | {min(encoder):.2f}, {median(encoder):.2f}, {max(encoder):.2f} |")
    kept_size = all(abs(ratio - 1) <= MOST_GROWTH for ratio in encoder) and max(ratios) <= 1 + MOST_GROWTH
    return left == 0 and min(known) >= LEAST_PSNR and kept_size


def resized(photo: Photo, megapixels: float, target: Path) -> Path:
    """Write a photo at a size, as JPEG."""
    with Image.open(photo.path) as image:
        factor = (megapixels * 1e6 / (image.width * image.height)) ** 0.5
        size = (round(image.width * factor), round(image.height * factor))
        image.convert("RGB").resize(size, Image.Resampling.LANCZOS).save(target, quality=90)
    return target


class Deface:
    """deface with its model loaded, in a process of its own."""

    def __init__(self, python: str) -> None:
        self._process = subprocess.Popen(
            [python, "-c", DEFACE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self.backend = self._answer("ready")

    def __call__(self, source: Path, target: Path) -> float:
        """Give the seconds for one file."""
        assert self._process.stdin
        self._process.stdin.write(f"{source}\t{target}\n")
        self._process.stdin.flush()
        return float(self._answer("took"))

    def _answer(self, word: str) -> str:
        assert self._process.stdout
        for line in self._process.stdout:  # deface prints lines of its own too
            if line.startswith(word + " "):
                return line.split()[1]
        sys.exit("Expected an answer of deface; found none. Is it installed in the environment of --deface?")

    def close(self) -> None:
        """End the process."""
        self._process.communicate()


def seconds(call: Callable[[], object]) -> float:
    """Measure one call's wall time."""
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def clock(source: Path, target: Path, faces: Detectors, others: dict[str, Detectors]) -> dict[str, float] | None:
    """Measure every step on one file; None if no face is seen in it."""
    findings: list[Finding] = []

    def hide() -> None:
        data = source.read_bytes()
        findings.extend(faces.look(data).findings)
        if findings:
            target.write_bytes(redact(data, [f.box for f in findings], rule=FACES.redaction, seed=SEED))

    times = {"faces + redact": seconds(hide)}
    if not findings:
        return None
    data, boxes = source.read_bytes(), [f.box for f in findings]
    times["redact alone"] = seconds(lambda: redact(data, boxes, rule=FACES.redaction, seed=SEED))
    times["second look"] = seconds(lambda: faces.look(target.read_bytes()))
    lying = turned(open_upright(data, orientation=1), 1)
    times["faces, lying without a tag (decoded)"] = seconds(lambda: faces.find(lying))
    return times | {name: seconds(lambda d=d: d.look(data)) for name, d in others.items()}


def cost(photos: list[Photo], timed: int, faces: Detectors, python: str | None) -> None:
    """Print median seconds of every step, and of deface on the same files."""
    settings = VisionSettings()
    others = {f"{kind} alone": Detectors.load(settings, [kind]) for kind in (FindingKind.TEXT, FindingKind.CODE)}
    deface = Deface(python) if python else None
    columns: list[dict[str, list[float]]] = []
    with tempfile.TemporaryDirectory() as folder:
        for megapixels in SIZES:
            times: dict[str, list[float]] = {}
            for photo in photos[:timed]:
                source = resized(photo, megapixels, Path(folder) / "source.jpg")
                here = clock(source, Path(folder) / "hidden.jpg", faces, others)
                if here is None:
                    continue
                if deface:
                    here["deface"] = deface(source, Path(folder) / "defaced.jpg")
                    here["ratio"] = here["faces + redact"] / here["deface"]
                for name, value in here.items():
                    times.setdefault(name, []).append(value)
            columns.append(times)
    print(f"\n| median seconds over {timed} photos | " + " | ".join(f"{size:g} MP" for size in SIZES) + " |")
    print("|---|" + "---|" * len(SIZES))
    for name in [name for name in columns[0] if name not in ("deface", "ratio")]:
        print(f"| {name} | " + " | ".join(f"{median(column[name]):.2f}" for column in columns) + " |")
    if not deface:
        print("| deface | was not there |" + " |" * (len(SIZES) - 1))
        return
    deface.close()
    print(f"| deface ({deface.backend}) | " + " | ".join(f"{median(c['deface']):.2f}" for c in columns) + " |")
    ratios = [f"{median(c['ratio']):.2f} ({min(c['ratio']):.2f} to {max(c['ratio']):.2f})" for c in columns]
    print("| faces + redact by deface: median ratio | " + " | ".join(ratios) + " |")
    print(f"\nPhotogate with {settings.threads} thread, deface with as many as it takes.")


def main() -> int:
    """Measure quality, then cost."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--photos", type=int, default=40)
    parser.add_argument("--timed", type=int, default=6)
    parser.add_argument("--deface", metavar="PYTHON")
    options = parser.parse_args()
    photos = sample(read_labels(options.data), options.photos)
    faces = Detectors.load(VisionSettings(), [FindingKind.FACE])
    held = quality(photos, faces)
    if options.timed:
        cost(photos, options.timed, faces, options.deface)
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
