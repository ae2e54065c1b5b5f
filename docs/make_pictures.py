"""Make the pages' pictures: a photo as it was sent and as it is stored, and what `photogate inspect` shows of one.

usage: make_pictures.py [inspect]    (writes docs/before-after.jpg and docs/inspect.svg, or the latter alone)

The photo is NASA's portrait of Eileen Collins, in the public domain, out of scikit-image's wheel.
"""

from __future__ import annotations

import io
import struct
import sys
from pathlib import Path

from PIL import Image, ImageCms
from rich.console import Console
from skimage import data

from photogate.cli.inspect import lines
from photogate.config import VisionSettings
from photogate.formats import strip
from photogate.inspection import inspect
from photogate.policy import RedactionRule
from photogate.redaction import redact
from photogate.vision.detector import Detectors

GAP = 16


# As rich draws it, without the fonts that it would fetch.
_SVG = """<svg viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg" xml:space="preserve">
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, Menlo, Consolas, monospace; font-size: {char_height}px;
  line-height: {line_height}px; }}
{styles}
</style>
<defs><clipPath id="{unique_id}-clip-terminal"><rect width="{terminal_width}" height="{terminal_height}"/></clipPath>
{lines}</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}<g class="{unique_id}-matrix">
{matrix}
</g></g>
</svg>
"""


def phone_photo() -> bytes:
    """Make a photo with all that phones put into theirs; nobody's."""
    exif = Image.Exif()
    exif[0x010F], exif[0x0110], exif[0x0112], exif[0x0132] = "Maker", "Model", 6, "2026:01:01 00:00:00"
    exif.get_ifd(0x8769).update({0x9003: "2026:01:01 00:00:00", 0x927C: bytes(900), 0xA431: "0000", 0xA434: "Lens"})
    exif.get_ifd(0x8825).update({1: "N", 2: (0.0, 0.0, 0.0), 3: "E", 4: (0.0, 0.0, 0.0), 29: "2026:01:01"})
    packet = (
        b'<x:xmpmeta><rdf:RDF><rdf:Description xmp:CreateDate="0" dc:creator="0" GCamera:MotionPhoto="1"/></rdf:RDF>'
    )
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    out = io.BytesIO()
    Image.fromarray(data.astronaut()).save(out, "JPEG", exif=exif, xmp=packet, icc_profile=profile, comment=b"0")
    return out.getvalue() + struct.pack(">I4s4s", 24, b"ftyp", b"mp42") + bytes(4000)


def inspection() -> None:
    """Draw what `photogate inspect` shows of a phone's photo."""
    console = Console(record=True, width=112, highlight=False, file=io.StringIO(), force_terminal=True)
    for line in lines(Path("phone.jpg"), inspect(phone_photo()), 99, False):
        console.print(line)
    (Path(__file__).parent / "inspect.svg").write_text(
        console.export_svg(title="photogate inspect phone.jpg", code_format=_SVG, unique_id="inspect")
    )


def main() -> None:
    """Strip, detect and redact as the service does, and put the two pictures side by side."""
    before = Image.fromarray(data.astronaut())
    out = io.BytesIO()
    before.save(out, "JPEG", quality=92)
    stripped = strip(out.getvalue())
    faces = Detectors.load(VisionSettings()).look(stripped.data, orientation=stripped.orientation).findings
    boxes = [finding.box for finding in faces if finding.kind == "face"]
    after = Image.open(io.BytesIO(redact(stripped.data, boxes, rule=RedactionRule(), orientation=stripped.orientation)))
    both = Image.new("RGB", (before.width * 2 + GAP, before.height), "white")
    both.paste(before, (0, 0))
    both.paste(after, (before.width + GAP, 0))
    both.save(Path(__file__).parent / "before-after.jpg", quality=85, optimize=True)


if __name__ == "__main__":
    inspection()
    if sys.argv[1:] != ["inspect"]:
        main()
