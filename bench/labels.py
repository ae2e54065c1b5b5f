"""Measure text and code detection on generated labels, plates and codes that are pasted into real photos.

usage: labels.py DATA_DIR [--count 300] [--seed 1] [--draw DIR]

DATA_DIR holds labels.json and its photos, as faces.py expects them. Each photo gets one label: an address of two to
four lines, a plate, a QR code or an EAN-13, tilted by up to 15 degrees, blurred, and saved as JPEG of quality 60.
A line of text or a code is covered if at least half of its area lies in one finding of its kind. Prints JSON lines.
"""

from __future__ import annotations

import argparse
import json
import random
import string
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from photogate.config import VisionSettings
from photogate.findings import Band, Finding, FindingKind
from photogate.vision.detector import Detectors

FONT_FOLDERS = ("/usr/share/fonts", "/usr/local/share/fonts", "/Library/Fonts", "C:/Windows/Fonts")
FONT_NAMES = ("DejaVuSans.ttf", "DejaVuSansMono-Bold.ttf", "LiberationSans-Regular.ttf", "LiberationSerif-Bold.ttf")
FONT_NAMES += ("LiberationSansNarrow-Bold.ttf", "DejaVuSerif.ttf", "Arial.ttf", "Georgia.ttf")
EAN_LEFT = (
    "0001101",
    "0011001",
    "0010011",
    "0111101",
    "0100011",
    "0110001",
    "0101111",
    "0111011",
    "0110111",
    "0001011",
)
EAN_PARITY = ("000000", "001011", "001101", "001110", "010011", "011001", "011100", "010101", "010110", "011010")


@dataclass(frozen=True)
class Target:
    """Something that should be found: its corners in the photo, and its size in pixels (line height, or module)."""

    kind: FindingKind
    name: str
    corners: np.ndarray
    size: float


def fonts() -> list[Callable[[int], ImageFont.ImageFont]]:
    """Pillow's own font, and those of this machine that are known by name."""
    found = [lambda size: ImageFont.load_default(size)]
    for folder in map(Path, FONT_FOLDERS):
        for path in sorted(folder.rglob("*.[to]tf")) if folder.is_dir() else ():
            if path.name in FONT_NAMES:
                found.append(lambda size, path=path: ImageFont.truetype(str(path), size))
    return found


def words(rng: random.Random) -> str:
    """One line as it stands on a label."""
    name = lambda n: "".join(rng.choices(string.ascii_lowercase, k=n)).capitalize()  # noqa: E731
    return rng.choice(
        (f"{name(5)} {name(8)}", f"{name(9)} {rng.randint(1, 199)}", f"{rng.randint(10000, 99999)} {name(7)}")
    )


def text_label(rng: random.Random, font: ImageFont.ImageFont, plate: bool) -> tuple[Image.Image, list[tuple]]:
    """Draw a label or a plate; gives the picture and each line's ink box in it."""
    letters = lambda n: "".join(rng.choices(string.ascii_uppercase, k=n))  # noqa: E731
    lines = (
        [f"{letters(2)} {letters(2)} {rng.randint(10, 9999)}"]
        if plate
        else [words(rng) for _ in range(rng.randint(2, 4))]
    )
    step = int(font.size * 1.4)
    wide = int(max(font.getlength(line) for line in lines))
    paper = rng.choice(((255, 255, 255), (250, 245, 225), (255, 225, 120)))
    label = Image.new("RGB", (wide + font.size, step * len(lines) + font.size // 2), paper)
    draw = ImageDraw.Draw(label)
    boxes = []
    for i, line in enumerate(lines):
        at = (font.size // 2, font.size // 4 + i * step)
        draw.text(at, line, font=font, fill=rng.choice(((0, 0, 0), (40, 40, 60))))
        boxes.append(draw.textbbox(at, line, font=font))
    return label, boxes


def qr_code(rng: random.Random, module: int) -> Image.Image:
    """Draw a QR code with its quiet zone."""
    text = "https://example.com/" + "".join(rng.choices(string.ascii_letters, k=rng.randint(4, 40)))
    code = cv2.QRCodeEncoder.create().encode(text)
    return Image.fromarray(cv2.resize(code, None, fx=module, fy=module, interpolation=cv2.INTER_NEAREST)).convert("RGB")


def ean_code(rng: random.Random, module: int) -> Image.Image:
    """Draw an EAN-13 (ISO/IEC 15420) with its quiet zone."""
    digits = [rng.randint(0, 9) for _ in range(12)]
    digits.append(-sum(d * (1, 3)[i % 2] for i, d in enumerate(digits)) % 10)
    invert = lambda bits: bits.translate(str.maketrans("01", "10"))  # noqa: E731
    bits = "101"
    for parity, digit in zip(EAN_PARITY[digits[0]], digits[1:7], strict=True):
        bits += invert(EAN_LEFT[digit])[::-1] if parity == "1" else EAN_LEFT[digit]
    bits += "01010" + "".join(invert(EAN_LEFT[digit]) for digit in digits[7:]) + "101"
    row = np.array([255] * 11 + [0 if bit == "1" else 255 for bit in bits] + [255] * 7, np.uint8)
    bars = np.full((80, len(row)), 255, np.uint8)
    bars[5:-5] = row
    return Image.fromarray(np.kron(bars, np.ones((module, module), np.uint8))).convert("RGB")


def make(rng: random.Random, photo: np.ndarray, faces: list) -> tuple[bytes, list[Target]] | None:
    """Paste one label into a photo; None where it does not fit."""
    name = rng.choice(("label", "plate", "qr", "ean"))
    if name in ("label", "plate"):
        label, boxes = text_label(rng, rng.choice(faces)(rng.randint(14, 56)), name == "plate")
        parts = [(FindingKind.TEXT, box, float(box[3] - box[1])) for box in boxes]
    else:
        module = rng.randint(2, 6)
        label = qr_code(rng, module) if name == "qr" else ean_code(rng, module)
        parts = [(FindingKind.CODE, (0, 0, *label.size), float(module))]
    height, width = photo.shape[:2]
    middle = (label.width / 2, label.height / 2)
    turn = cv2.getRotationMatrix2D(middle, rng.uniform(-15, 15), 1)
    reach = cv2.boxPoints((middle, label.size, 0)) @ turn[:, :2].T + turn[:, 2]
    low, high = reach.min(axis=0), reach.max(axis=0)
    if (high - low)[0] >= width or (high - low)[1] >= height:
        return None
    turn[:, 2] += (rng.uniform(0, width - (high - low)[0]), rng.uniform(0, height - (high - low)[1])) - low
    warped = cv2.warpAffine(np.asarray(label)[:, :, ::-1], turn, (width, height), flags=cv2.INTER_CUBIC)
    mask = cv2.warpAffine(np.full((label.height, label.width), 255, np.uint8), turn, (width, height))
    mixed = np.where(mask[:, :, None] > 127, warped, photo)
    mixed = cv2.GaussianBlur(mixed, (0, 0), rng.uniform(0.3, 1.2))
    targets = []
    for kind, (left, top, right, bottom), size in parts:
        corners = np.array(((left, top), (right, top), (right, bottom), (left, bottom)), np.float32)
        targets.append(Target(kind, name, corners @ turn[:, :2].T.astype(np.float32) + turn[:, 2], size))
    return cv2.imencode(".jpg", mixed, (cv2.IMWRITE_JPEG_QUALITY, 60))[1].tobytes(), targets


def covered(target: Target, findings: tuple[Finding, ...], bands: tuple[Band, ...]) -> bool:
    """Say whether at least half of the target lies in one finding."""
    best = 0.0
    for finding in findings:
        if finding.kind == target.kind and finding.band in bands:
            left, top, right, bottom = finding.box.x, finding.box.y, finding.box.right, finding.box.bottom
            box = np.array(((left, top), (right, top), (right, bottom), (left, bottom)), np.float32)
            best = max(best, cv2.intersectConvexConvex(target.corners.astype(np.float32), box)[0])
    return best >= 0.5 * cv2.contourArea(target.corners.astype(np.float32))


def main() -> None:
    """Generate, detect, print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--draw", type=Path)
    options = parser.parse_args()
    labels = json.loads((options.data / "labels.json").read_text())
    photos = [options.data / row["file"] for row in labels["no_person"] + labels["with_faces"]]
    rng = random.Random(options.seed)
    detectors = Detectors.load(VisionSettings(), [FindingKind.TEXT, FindingKind.CODE])
    faces = fonts()
    rows: list[tuple[Target, bool, bool]] = []
    made = 0
    started = time.perf_counter()
    while made < options.count:
        if (pasted := make(rng, cv2.imread(str(rng.choice(photos))), faces)) is None:
            continue
        made += 1
        data, targets = pasted
        findings = detectors.look(data).findings
        here = [(t, covered(t, findings, (Band.ACT,)), covered(t, findings, (Band.ACT, Band.REVIEW))) for t in targets]
        rows += here
        if options.draw and not all(either for _, _, either in here):
            options.draw.mkdir(parents=True, exist_ok=True)
            picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
            for finding in findings:
                cv2.rectangle(picture, finding.box[:2], (finding.box.right, finding.box.bottom), (0, 0, 255), 2)
            cv2.imwrite(str(options.draw / f"{made}.jpg"), picture)
    print(json.dumps({"pictures": made, "fonts": len(faces), "seconds": round(time.perf_counter() - started, 1)}))
    groups = {
        "text of 16 px or more": lambda t: t.kind == FindingKind.TEXT and t.size >= 16,
        "text below 16 px": lambda t: t.kind == FindingKind.TEXT and t.size < 16,
        "labels, 16 px or more": lambda t: t.name == "label" and t.size >= 16,
        "plates, 16 px or more": lambda t: t.name == "plate" and t.size >= 16,
        "codes of 3 px a module or more": lambda t: t.kind == FindingKind.CODE and t.size >= 3,
        "codes of 2 px a module": lambda t: t.kind == FindingKind.CODE and t.size < 3,
        "QR codes, 3 px or more": lambda t: t.name == "qr" and t.size >= 3,
        "EAN-13, 3 px or more": lambda t: t.name == "ean" and t.size >= 3,
    }
    for name, belongs in groups.items():
        here = [(act, either) for target, act, either in rows if belongs(target)]
        share = [round(sum(column) / len(here), 4) if here else None for column in zip(*here, strict=True)]
        print(json.dumps({"group": name, "targets": len(here), "covered_act_and_any": share}))
    flagged = {kind: [0, 0] for kind in (FindingKind.TEXT, FindingKind.CODE)}
    for photo in photos:
        findings = detectors.look(photo.read_bytes()).findings
        for kind, counts in flagged.items():
            counts[0] += any(f.kind == kind and f.band == Band.ACT for f in findings)
            counts[1] += any(f.kind == kind for f in findings)
    for kind, counts in flagged.items():
        print(json.dumps({"unpasted_photos": len(photos), "kind": kind, "flagged_act_and_any": counts}))


if __name__ == "__main__":
    sys.exit(main())
