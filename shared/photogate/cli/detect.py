"""`photogate detect`: what is personal in photos, as boxes."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import cv2

from photogate.cli.failing import named_errors
from photogate.cli.photo_files import photos, write_atomically
from photogate.config import VisionSettings, load
from photogate.errors import ImageRefused, PhotogateError, Reason, reason_for
from photogate.findings import Band, Finding, FindingKind
from photogate.formats import ImageFormat, measure
from photogate.vision.detector import Detectors, Look
from photogate.vision.picture import open_upright

__all__ = ["detect", "drawn", "openable"]

COLOURS = {Band.ACT: (0, 0, 255), Band.REVIEW: (0, 200, 255)}  # BGR: red, amber
RENDERED = frozenset({ImageFormat.HEIC, ImageFormat.AVIF})


@dataclass(frozen=True, slots=True)
class Line:
    """What is said about one photo that was looked at."""

    file: str
    look: Look
    milliseconds: float

    def as_json(self) -> str:
        """Give one line of JSON."""
        findings = [
            {"kind": str(f.kind), "box": list(f.box), "score": f.score, "band": str(f.band)} for f in self.look.findings
        ]
        line: dict[str, Any] = {"file": self.file, "width": self.look.width, "height": self.look.height}
        return json.dumps(line | {"findings": findings, "ms": self.milliseconds})

    def as_text(self) -> str:
        """Give a table for people."""
        rows = [f"{self.file}: {len(self.look.findings) or 'nothing'} found"]
        rows += [
            f"  {f.kind:5} {f.band:7} {f.score:.2f}  {f.box.width} x {f.box.height} at {f.box.x}, {f.box.y}"
            for f in self.look.findings
        ]
        return "\n".join(rows)


def _kinds(_: click.Context, __: click.Parameter, value: str) -> frozenset[FindingKind]:
    try:
        return frozenset(FindingKind(name.strip()) for name in value.split(",") if name.strip())
    except ValueError:
        raise click.BadParameter(f"expected a list of {', '.join(FindingKind)}") from None


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One JSON line for each input.")
@click.option("--kinds", default="face,text,code", show_default=True, callback=_kinds, help="What to look for.")
@click.option("--draw", is_flag=True, help="Write an annotated PNG of each photo into --out.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Folder for annotated pictures.")
def detect(paths: tuple[Path, ...], as_json: bool, kinds: frozenset[FindingKind], draw: bool, out: Path | None) -> None:
    """Find faces, text and codes in photos.

    Each finding has a place, a score and a band: act on it, or let a person review it. What it shows is not kept. What
    cannot be opened or looked at is refused.
    """
    if draw != (out is not None):
        raise click.UsageError("--draw and --out DIR belong together.")
    with named_errors():
        detectors = Detectors.load(load(VisionSettings), kinds)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
    todo = list(photos(paths))
    bar = sys.stderr.isatty() and len(todo) > 1
    refused = 0
    for number, file in enumerate(todo, 1):
        try:
            line = look_at(file, detectors, out / f"{file.name}.png" if out is not None else None)
        except PhotogateError as error:
            refused += 1
            advice = error.instead if isinstance(error, ImageRefused) else error.advice
            click.echo(f"{file}: refused ({reason_for(error)}): {error}. {advice}", err=True)
            if as_json:
                click.echo(json.dumps({"file": str(file), "error": type(error).__name__, "reason": reason_for(error)}))
            continue
        click.echo(line.as_json() if as_json else line.as_text())
        if bar:
            click.echo(f"\r\x1b[K{number} of {len(todo)}, {refused} refused", err=True, nl=number == len(todo))
    sys.exit(1 if refused else 0)


def look_at(file: Path, detectors: Detectors, drawing: Path | None) -> Line:
    """Look at one file, and draw what was found where a place for it is given."""
    started = time.perf_counter()
    try:
        data, orientation = openable(file.read_bytes())
    except OSError as error:
        raise ImageRefused(f"Expected a file that can be read; found: {error.strerror}") from None
    look = detectors.look(data, orientation=orientation)
    line = Line(str(file), look, round((time.perf_counter() - started) * 1000, 1))
    if drawing is not None:
        write_atomically(drawing, drawn(data, orientation, look.findings))
    return line


def openable(data: bytes) -> tuple[bytes, int]:
    """Give a file that the detectors can open, and its orientation; HEIC and AVIF are rendered upright.

    Raises
    ------
    ImageRefused
        If it is no image, or beyond a limit.
    """
    measured = measure(data)
    if measured.format not in RENDERED:
        return data, measured.orientation
    from photogate.conversion import render  # Pillow and libheif, only where they are needed

    return render(data), 1


def drawn(data: bytes, orientation: int, findings: Sequence[Finding]) -> bytes:
    """Give the upright picture as PNG, with a frame around each finding: red to act on, amber to review."""
    picture = open_upright(data, orientation=orientation)
    thickness = max(2, max(picture.shape[:2]) // 500)
    for f in findings:
        cv2.rectangle(picture, f.box[:2], (f.box.right, f.box.bottom), COLOURS[Band(f.band)], thickness)
    encoded, png = cv2.imencode(".png", picture)
    if not encoded:
        raise ImageRefused("Expected a picture that can be drawn on; found one that is not", reason=Reason.INTERNAL)
    return png.tobytes()
