"""Calibrate the face committee on labelled photos, and measure what is shipped.

usage: faces.py DATA_DIR [--write] [--svg FILE] [--rotate 0,90,180,270] [--missed FILE]

DATA_DIR holds labels.json: "with_faces" lists photos with their faces ([x, y, width, height], blur and occlusion from 0
to 2, invalid), "no_person" photos without anybody. Evaluated are faces whose longer side has 16 px or more and that are
not invalid. "Clear" is 40 px or more, blur and occlusion below 2. A face is covered if at least half of its box lies in
one finding.

1. Both detectors look at every photo. A logistic regression on their log odds is fitted five times, each time without a
   fifth of the photos, and every photo is judged by the fit that has not seen it.
2. The bands are probabilities and not fitted: see ACT and REVIEW in photogate/vision/calibration.py. Printed is what
   any other choice would give, and the lowest that flags at most 1 (act) or 5 (review) in 44 photos without people.
   --write puts the fit on all photos into that module; --svg draws recall against flagged photos.
3. What is shipped is measured, upright and turned without a tag, with 95 % intervals: percentiles of 2,000 bootstrap
   samples of photos.
"""

from __future__ import annotations

import argparse
import datetime
import hashlib
import json
import re
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from photogate.config import VisionSettings
from photogate.findings import Band, FindingKind
from photogate.vision import calibration, committee
from photogate.vision.boxes import areas, intersections, iou, turned
from photogate.vision.centerface import CenterFace
from photogate.vision.detector import Detectors
from photogate.vision.models import CENTERFACE, YUNET, read_model
from photogate.vision.tiles import within
from photogate.vision.yunet import YuNet

FOLDS = 5
RIDGE = 1.0
# Photos without people are fewer than those with, and what they show is what must not be flagged.
WEIGHT_WITHOUT_PEOPLE = 3.0
FLAGGED_ACT, FLAGGED_EITHER = 1 / 44, 5 / 44
SAME_FACE = 0.3
NEVER = -1.0


@dataclass(frozen=True)
class Photo:
    """A photo's file, and its faces as (N, 5): left, top, right, bottom, 1; what is not evaluated stands apart."""

    path: Path
    faces: np.ndarray
    clear: np.ndarray
    ignored: np.ndarray
    people: bool


def read_labels(folder: Path) -> list[Photo]:
    """Read labels.json."""
    labels = json.loads((folder / "labels.json").read_text())
    photos = []
    for row in labels["with_faces"]:
        corners = lambda f: (*f["box"][:2], f["box"][0] + f["box"][2], f["box"][1] + f["box"][3], 1)  # noqa: E731
        real = [f for f in row["faces"] if not f["invalid"] and max(f["box"][2:]) >= 16]
        clear = [max(f["box"][2:]) >= 40 and f["blur"] < 2 and f["occlusion"] < 2 for f in real]
        other = [corners(f) for f in row["faces"] if f not in real]
        photos.append(
            Photo(
                folder / row["file"], as_boxes([corners(f) for f in real]), np.array(clear, bool), as_boxes(other), True
            )
        )
    nobody = as_boxes([])
    photos += [Photo(folder / r["file"], nobody, np.array([], bool), nobody, False) for r in labels["no_person"]]
    return photos


def as_boxes(rows: list[tuple]) -> np.ndarray:
    """Give rows as candidates."""
    return np.array(rows, np.float32).reshape(-1, 5)


def coverage(faces: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Share of each face that lies in each box: (faces, boxes)."""
    return intersections(faces, boxes) / np.maximum(areas(faces), 1)[:, None]


def fold_of(photo: Photo) -> int:
    """Put a photo into a fold by its name, so that the folds do not change with the order."""
    return int(hashlib.sha256(photo.path.name.encode()).hexdigest(), 16) % FOLDS


def fit(features: np.ndarray, truth: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Fit a logistic regression by Newton's method: one weight a feature, then the offset."""
    table = np.column_stack((features, np.ones(len(features))))
    ridge = np.diag([RIDGE] * features.shape[1] + [0.0])
    weights = np.zeros(table.shape[1])
    for _ in range(50):
        chance = 1 / (1 + np.exp(-table @ weights))
        slope = table.T @ (weight * (chance - truth)) + ridge @ weights
        curve = (table.T * (weight * chance * (1 - chance))) @ table + ridge
        step = np.linalg.solve(curve, slope)
        weights -= step
        if np.abs(step).max() < 1e-9:
            break
    return weights


@dataclass(frozen=True)
class Seen:
    """A photo's evidence in its own pixels, and for each box 1 for a face, 0 for none, -1 for neither."""

    photo: Photo
    boxes: np.ndarray
    features: np.ndarray
    truth: np.ndarray


def see(photo: Photo, faces: committee.FaceCommittee) -> Seen:
    """Let both detectors look at an upright photo."""
    picture = cv2.imread(str(photo.path))
    copy, factor = within(picture, committee.LARGEST_PIXELS)
    evidence = faces.evidence(copy)
    boxes = evidence.boxes.copy()
    boxes[:, :4] /= factor
    truth = np.zeros(len(boxes), int)
    for marks, value in ((photo.ignored, -1), (photo.faces, 1)):
        if len(marks) and len(boxes):
            near = (iou(boxes, marks) >= SAME_FACE).any(axis=1)
            covers = (coverage(marks, boxes) >= 0.5).any(axis=0) & (truth == 0)
            truth = np.where(near, value, np.where(covers, -1, truth))
    features = np.column_stack((committee.log_odds(evidence.yunet), committee.log_odds(evidence.centerface)))
    return Seen(photo, boxes, features, truth)


def fit_on(seen: list[Seen]) -> np.ndarray:
    """Fit on several photos."""
    features = np.concatenate([s.features for s in seen])
    truth = np.concatenate([s.truth for s in seen])
    weight = np.concatenate([np.full(len(s.truth), 1.0 if s.photo.people else WEIGHT_WITHOUT_PEOPLE) for s in seen])
    known = truth >= 0
    return fit(features[known], truth[known], weight[known])


def chances(seen: Seen, weights: np.ndarray) -> np.ndarray:
    """Probability of each box."""
    return 1 / (1 + np.exp(-(seen.features @ weights[:-1] + weights[-1])))


@dataclass(frozen=True)
class Curve:
    """Best score that covers each face, which faces are clear, and the highest score of each photo without people."""

    covered: np.ndarray
    clear: np.ndarray
    empty: np.ndarray

    def at(self, threshold: float) -> tuple[float, float, float]:
        """Recall of clear faces, recall of all, share of photos without people that are flagged."""
        hit = self.covered >= threshold
        return float(hit[self.clear].mean()), float(hit.mean()), float((self.empty >= threshold).mean())


def curve_of(seen: list[Seen], score: Callable[[Seen], np.ndarray]) -> Curve:
    """Judge every photo by a score for each of its boxes."""
    covered, clear, empty = [], [], []
    for s in seen:
        scores = score(s)
        if not s.photo.people:
            empty.append(scores.max(initial=NEVER))
            continue
        inside = coverage(s.photo.faces, s.boxes) >= 0.5
        covered += [scores[row].max(initial=NEVER) for row in inside]
        clear += s.photo.clear.tolist()
    return Curve(np.array(covered), np.array(clear, bool), np.array(empty))


def lowest_threshold(curve: Curve, flagged: float) -> float:
    """Give the lowest multiple of .05 at which at most this share of photos without people is flagged."""
    return next(t / 20 for t in range(1, 21) if curve.at(t / 20)[2] <= flagged + 1e-9)


def draw(curves: dict[str, Curve], thresholds: tuple[float, float]) -> str:
    """Draw recall of clear faces (solid) and of all faces (dashed) against flagged photos without people."""
    x = lambda flagged: 60 + flagged * 1800  # noqa: E731
    y = lambda recall: 360 - (recall - 0.7) * 1100  # noqa: E731
    parts = [
        '<svg xmlns="http://www.w3.org/2000/svg" width="680" height="430" font-family="sans-serif" font-size="12">'
    ]
    parts.append('<rect width="680" height="430" fill="white"/>')
    for step in range(7):
        recall, flagged = 0.7 + step * 0.05, step * 0.05
        parts.append(f'<line x1="60" x2="600" y1="{y(recall):.0f}" y2="{y(recall):.0f}" stroke="#ddd"/>')
        parts.append(f'<text x="20" y="{y(recall) + 4:.0f}">{recall:.2f}</text>')
        parts.append(f'<text x="{x(flagged) - 10:.0f}" y="380">{flagged:.2f}</text>')
    parts.append('<text x="190" y="400">share of photos without people that are flagged</text>')
    for i, (name, curve) in enumerate(curves.items()):
        colour = ("#0a5", "#36c", "#c60")[i % 3]
        levels = sorted({*curve.empty.tolist(), *np.linspace(0.05, 0.95, 37).tolist()}, reverse=True)
        points = [curve.at(level) for level in levels if level > 0]
        for which, dash in ((0, ""), (1, ' stroke-dasharray="5 4"')):
            line = " ".join(f"{x(p[2]):.1f},{y(p[which]):.1f}" for p in points if p[2] <= 0.3 and p[which] >= 0.7)
            parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>')
        parts.append(f'<text x="380" y="{270 + 16 * i}" fill="{colour}">{name}</text>')
    first = next(iter(curves.values()))
    for threshold in thresholds:
        clear, _, flagged = first.at(threshold)
        parts.append(f'<circle cx="{x(flagged):.1f}" cy="{y(clear):.1f}" r="5" fill="none" stroke="black"/>')
    parts.append('<text x="380" y="325">solid: clear faces; dashed: 16 px or more</text>')
    parts.append('<text x="380" y="341">circles: act, and act or review</text></svg>')
    return "\n".join(parts) + "\n"


def write_calibration(weights: np.ndarray) -> None:
    """Put the fit into the product."""
    path = Path(calibration.__file__)
    text = path.read_text()
    for name, value in zip(("YUNET_WEIGHT", "CENTERFACE_WEIGHT", "OFFSET"), weights, strict=True):
        text = re.sub(rf"^{name} = .*$", f"{name} = {value:.3g}", text, flags=re.MULTILINE)
    today = datetime.datetime.now(datetime.UTC).date()
    path.write_text(re.sub(r"^DATE = .*$", f'DATE = "{today}"', text, flags=re.MULTILINE))


def calibrate(photos: list[Photo], options: argparse.Namespace) -> None:
    """Fit, cross-validate, choose thresholds."""
    settings = VisionSettings()
    yunet = YuNet(read_model(YUNET, settings.models_dir), settings.threads, committee.FLOOR)
    centerface = CenterFace(read_model(CENTERFACE, settings.models_dir), settings.threads, committee.FLOOR)
    faces = committee.FaceCommittee(yunet, centerface)
    seen = [see(photo, faces) for photo in photos]
    fits = [fit_on([s for s in seen if fold_of(s.photo) != fold]) for fold in range(FOLDS)]
    curves = {
        "committee, cross-validated": curve_of(seen, lambda s: chances(s, fits[fold_of(s.photo)])),
        "YuNet alone": curve_of(seen, lambda s: 1 / (1 + np.exp(-s.features[:, 0]))),
        "CenterFace alone": curve_of(seen, lambda s: 1 / (1 + np.exp(-s.features[:, 1]))),
    }
    validated = curves["committee, cross-validated"]
    weights = fit_on(seen)
    print(json.dumps({"weights": rounded(weights), "spread_over_folds": rounded(np.std(fits, axis=0))}))
    print(json.dumps({"highest_of_photos_without_people": rounded(np.sort(validated.empty)[:-11:-1])}))
    lowest = [lowest_threshold(validated, flagged) for flagged in (FLAGGED_ACT, FLAGGED_EITHER)]
    print(json.dumps({"lowest_threshold_for_1_and_5_in_44": lowest}))
    bands = (calibration.ACT, calibration.REVIEW)
    for threshold in sorted({*bands, *(t / 20 for t in range(1, 19))}):
        clear, every, flagged = rounded(np.array(validated.at(threshold)), 4)
        print(json.dumps({"threshold": threshold, "clear": clear, "all": every, "flagged": flagged}))
    if options.svg:
        options.svg.write_text(draw(curves, bands))
    if options.write:
        write_calibration(weights)


def rounded(values: np.ndarray, digits: int = 3) -> list[float]:
    """Give numbers to be printed."""
    return [round(float(value), digits) for value in values]


@dataclass(frozen=True)
class Row:
    """One face, and whether the shipped configuration covers it."""

    photo: int
    side: float
    clear: bool
    act: bool
    either: bool


def interval(rows: list[tuple[int, float]]) -> str:
    """Give the mean and its 95 % interval: percentiles over bootstrap samples of photos; rows are (photo, value)."""
    if not rows:
        return "-"
    ids = sorted({photo for photo, _ in rows})
    place = {photo: i for i, photo in enumerate(ids)}
    total, count = np.zeros(len(ids)), np.zeros(len(ids))
    for photo, value in rows:
        total[place[photo]] += value
        count[place[photo]] += 1
    draws = np.random.default_rng(1).integers(0, len(ids), (2000, len(ids)))
    low, high = np.percentile(total[draws].sum(axis=1) / count[draws].sum(axis=1), (2.5, 97.5))
    return f"{total.sum() / count.sum():.4f} [{low:.4f}, {high:.4f}]"


def turned_faces(faces: np.ndarray, quarters: int, width: int, height: int) -> np.ndarray:
    """Where boxes are after `boxes.turned(picture, quarters)`."""
    for _ in range(quarters):
        left, top, right, bottom, one = faces.T
        faces = np.column_stack((top, width - right, bottom, width - left, one))
        width, height = height, width
    return faces


def measure(photos: list[Photo], degrees: int, missed: list[dict]) -> None:
    """Print what is shipped covers and flags when the photos come turned, without a tag."""
    detectors = Detectors.load(VisionSettings(), [FindingKind.FACE])
    rows: list[Row] = []
    flags: list[tuple[int, bool, bool]] = []
    started = time.perf_counter()
    for number, photo in enumerate(photos):
        picture = cv2.imread(str(photo.path))
        height, width = picture.shape[:2]
        findings = detectors.find(turned(picture, degrees // 90))
        if not photo.people:
            flags.append((number, any(f.band == Band.ACT for f in findings), bool(findings)))
            continue
        boxes = as_boxes([(f.box.x, f.box.y, f.box.right, f.box.bottom, f.band == Band.ACT) for f in findings])
        inside = coverage(turned_faces(photo.faces, degrees // 90, width, height), boxes) >= 0.5
        for i, face in enumerate(photo.faces):
            side = float(max(face[2] - face[0], face[3] - face[1]))
            row = Row(number, side, bool(photo.clear[i]), bool(inside[i][boxes[:, 4] > 0].any()), bool(inside[i].any()))
            rows.append(row)
            if row.clear and not row.act:
                where = {"photo": photo.path.name, "box": [int(v) for v in face[:4]], "turned": degrees}
                missed.append(where | {"covered_for_review": row.either})
    seconds = (time.perf_counter() - started) / len(photos)
    print(f"\nturned by {degrees} degrees: {len(photos)} photos, {len(rows)} faces, {seconds * 1000:.0f} ms a photo")
    groups: dict[str, Callable[[Row], bool]] = {
        "clear, 40 px or more": lambda r: r.clear,
        "all, 16 px or more": lambda r: True,
        "16 to 24 px": lambda r: r.side < 24,
        "24 to 40 px": lambda r: 24 <= r.side < 40,
        "40 to 80 px": lambda r: 40 <= r.side < 80,
        "80 to 160 px": lambda r: 80 <= r.side < 160,
        "160 px or more": lambda r: r.side >= 160,
    }
    print(f"{'faces':24} {'number':>6}  {'act':26} {'act or review':26}")
    for name, belongs in groups.items():
        here = [r for r in rows if belongs(r)]
        shares = [
            interval([(r.photo, float(value(r))) for r in here]) for value in (lambda r: r.act, lambda r: r.either)
        ]
        print(f"{name:24} {len(here):6}  {shares[0]:26} {shares[1]:26}")
    shares = [interval([(row[0], float(row[i])) for row in flags]) for i in (1, 2)]
    counts = [sum(row[i] for row in flags) for i in (1, 2)]
    name = f"without people: {counts[0]}, {counts[1]}"
    print(f"{name:24} {len(flags):6}  {shares[0]:26} {shares[1]:26}")


def main() -> None:
    """Calibrate, then measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--svg", type=Path)
    parser.add_argument("--rotate", default="0,90,180,270")
    parser.add_argument("--missed", type=Path)
    options = parser.parse_args()
    photos = read_labels(options.data)
    calibrate(photos, options)
    if options.write:
        print("wrote the constants; run again without --write to measure them")
        return
    missed: list[dict] = []
    for degrees in map(int, filter(None, options.rotate.split(","))):
        measure(photos, degrees, missed)
    if options.missed:
        options.missed.write_text("".join(json.dumps(row) + "\n" for row in missed))
    print(f"\nclear faces not acted on, of all passes: {len(missed)}")


if __name__ == "__main__":
    sys.exit(main())
