"""Measure what is seen in photos of 9 megapixels, of which labelled ones are rare: sheets of twelve labelled photos.

usage: large_photos.py DATA_DIR [--sheets 5]

DATA_DIR holds labels.json as `bench/faces.py` reads it. Twelve photos, four by three, are laid side by side without
resizing, so that every face has the pixels that it had. Printed are the shares of faces covered, as `bench/faces.py`
says it, and what is flagged on sheets of photos without people.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from bench.faces import Photo, as_boxes, coverage, read_labels
from photogate.config import VisionSettings
from photogate.findings import Band, Finding, FindingKind
from photogate.vision.detector import Detectors

ACROSS, DOWN = 4, 3
WIDTH, HEIGHT = 1024, 768
GREY = 127
SMALL = 40


def sheets(photos: list[Photo]) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Give each sheet, its faces as candidates, and which of them are clear; faces that a cell cuts are left out."""
    many = ACROSS * DOWN
    for first in range(0, len(photos) - many + 1, many):
        sheet = np.full((DOWN * HEIGHT, ACROSS * WIDTH, 3), GREY, np.uint8)
        faces, clear = [], []
        for cell, photo in enumerate(photos[first : first + many]):
            left, top = cell % ACROSS * WIDTH, cell // ACROSS * HEIGHT
            picture = cv2.imread(str(photo.path))[:HEIGHT, :WIDTH]
            sheet[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
            for face, plain in zip(photo.faces, photo.clear, strict=True):
                if face[2] <= WIDTH and face[3] <= HEIGHT:
                    faces.append(tuple(face + np.array([left, top, left, top, 0])))
                    clear.append(plain)
        yield sheet, as_boxes(faces), np.array(clear, bool)


def boxes_of(findings: tuple[Finding, ...], *bands: Band) -> np.ndarray:
    """Give the findings of some bands as candidates."""
    return as_boxes([(f.box.x, f.box.y, f.box.right, f.box.bottom, 1) for f in findings if f.band in bands])


def main() -> None:
    """Look at every sheet, and print two tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--sheets", type=int, default=5, help="of photos with faces")
    options = parser.parse_args()
    photos = read_labels(options.data)
    detectors = Detectors.load(VisionSettings(), [FindingKind.FACE])
    rows = []
    for number, (sheet, faces, clear) in enumerate(sheets([p for p in photos if p.people]), 1):
        if number > options.sheets:
            break
        found = detectors.find(sheet)
        covered = [
            (coverage(faces, boxes_of(found, *bands)) >= 0.5).any(axis=1) for bands in ((Band.ACT,), tuple(Band))
        ]
        sides = np.maximum(faces[:, 2] - faces[:, 0], faces[:, 3] - faces[:, 1])
        rows.append(np.column_stack((clear, sides < SMALL, *covered)))
    table = np.concatenate(rows)
    print("| faces | number | `act` | `act` or `review` |\n|---|---|---|---|")
    for name, which in (
        ("clear", table[:, 0]),
        (f"16 to {SMALL} px", table[:, 1]),
        ("all of 16 px or more", np.ones(len(table), bool)),
    ):
        part = table[which.astype(bool)]
        print(f"| {name} | {len(part)} | {part[:, 2].mean():.3f} | {part[:, 3].mean():.3f} |")
    flagged = [detectors.find(sheet) for sheet, _, _ in sheets([p for p in photos if not p.people])]
    acts = sum(len(boxes_of(found, Band.ACT)) for found in flagged)
    print(f"\nOn {len(flagged)} sheets without people: {acts} act, {sum(map(len, flagged))} act or review.")


if __name__ == "__main__":
    main()
