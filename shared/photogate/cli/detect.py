"""`photogate detect`: what is personal in photos, as boxes."""

from __future__ import annotations

import io
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import click
import cv2
from PIL import Image as PillowImage

from photogate.config import VisionSettings, load
from photogate.errors import PhotogateError, reason_for
from photogate.findings import Band, FindingKind
from photogate.vision.detector import Detectors, Look
from photogate.vision.picture import open_upright

__all__ = ["detect"]

ORIENTATION_TAG = 0x0112
COLOURS = {Band.ACT: (0, 0, 255), Band.REVIEW: (0, 200, 255)}  # BGR


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One JSON line a photo.")
@click.option("--kinds", default="face,text,code", show_default=True, help="What to look for.")
@click.option("--draw", is_flag=True, help="Write an annotated copy of each photo; needs --out.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Folder for annotated copies.")
def detect(paths: tuple[Path, ...], as_json: bool, kinds: str, draw: bool, out: Path | None) -> None:
    """Find faces, text and codes in photos and folders of photos."""
    try:
        wanted = [FindingKind(kind.strip()) for kind in kinds.split(",")]
    except ValueError:
        raise click.UsageError(f"Expected --kinds from {', '.join(FindingKind)}") from None
    if draw and out is None:
        raise click.UsageError("--draw needs --out DIR")
    detectors = Detectors.load(load(VisionSettings), wanted)
    refused = False
    for file in photos(paths):
        started = time.perf_counter()
        try:
            data = file.read_bytes()
            orientation = exif_orientation(data)
            look = detectors.look(data, orientation=orientation)
        except PhotogateError as error:
            refused = True
            print_refusal(file, error, as_json)
            continue
        print_look(file, look, round((time.perf_counter() - started) * 1000, 1), as_json)
        if draw and out is not None:
            out.mkdir(parents=True, exist_ok=True)
            draw_look(data, orientation, look, out / (file.stem + ".png"))
    sys.exit(1 if refused else 0)


def photos(paths: tuple[Path, ...]) -> Iterator[Path]:
    """Give the files, and those in folders in the order of their names; hidden files are left out."""
    for path in paths:
        if path.is_dir():
            yield from (p for p in sorted(path.rglob("*")) if p.is_file() and not p.name.startswith("."))
        else:
            yield path


def exif_orientation(data: bytes) -> int:
    """Read the Exif orientation of a file; 1 where it has none that holds."""
    try:
        with PillowImage.open(io.BytesIO(data)) as picture:
            value = picture.getexif().get(ORIENTATION_TAG, 1)
    except (OSError, ValueError, SyntaxError):
        return 1
    return value if value in range(1, 9) else 1


def print_look(file: Path, look: Look, milliseconds: float, as_json: bool) -> None:
    """Print one photo's findings."""
    if as_json:
        findings = [
            {"kind": str(f.kind), "box": list(f.box), "score": f.score, "band": str(f.band)} for f in look.findings
        ]
        line = {"file": str(file), "width": look.width, "height": look.height, "findings": findings, "ms": milliseconds}
        click.echo(json.dumps(line))
        return
    click.echo(f"{file}: {len(look.findings)} found")
    for f in look.findings:
        click.echo(f"  {f.kind:5} {f.band:7} {f.score:.2f}  at {f.box.x},{f.box.y}, {f.box.width} x {f.box.height}")


def print_refusal(file: Path, error: PhotogateError, as_json: bool) -> None:
    """Print why one photo was not looked at."""
    if as_json:
        line = {"file": str(file), "error": type(error).__name__, "reason": str(reason_for(error)), "findings": []}
        click.echo(json.dumps(line))
    click.echo(f"{file}: {error}. {error.advice}", err=True)


def draw_look(data: bytes, orientation: int, look: Look, target: Path) -> None:
    """Write the upright picture with a frame around every finding: red to act on, amber to review."""
    picture = open_upright(data, orientation=orientation)
    for f in look.findings:
        colour = COLOURS.get(Band(f.band), (255, 255, 255))
        cv2.rectangle(picture, (f.box.x, f.box.y), (f.box.right, f.box.bottom), colour, max(2, look.width // 500))
    target.write_bytes(cv2.imencode(".png", picture)[1].tobytes())
