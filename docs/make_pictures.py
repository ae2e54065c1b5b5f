"""Make the README's picture: a photo as it was sent, and as it is stored under a policy that redacts faces.

usage: make_pictures.py    (writes docs/before-after.jpg)

The photo is NASA's portrait of Eileen Collins, in the public domain, out of scikit-image's wheel.
"""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image
from skimage import data

from photogate.config import VisionSettings
from photogate.formats import strip
from photogate.policy import RedactionRule
from photogate.redaction import redact
from photogate.vision.detector import Detectors

GAP = 16


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
    main()
