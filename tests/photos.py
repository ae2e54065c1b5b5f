"""Photos for tests, out of what scikit-image ships: the astronaut has a face, the others have none."""

from __future__ import annotations

import io
from functools import cache
from typing import Any

from PIL import Image
from skimage import data

EXIF_MAKE, EXIF_MODEL, EXIF_DATE, EXIF_ARTIST, EXIF_ORIENTATION, GPS_IFD = (
    0x010F,
    0x0110,
    0x0132,
    0x013B,
    0x0112,
    0x8825,
)


@cache
def picture(name: str) -> Image.Image:
    """Open one of scikit-image's pictures as RGB."""
    return Image.fromarray(getattr(data, name)()).convert("RGB")


def face() -> bytes:
    """A JPEG with one face that fills much of the picture."""
    return encode(picture("astronaut"))


def parcel() -> bytes:
    """A JPEG without people."""
    return encode(picture("coffee"))


def encode(image: Image.Image, fmt: str = "JPEG", **options: Any) -> bytes:
    """Write a picture."""
    out = io.BytesIO()
    image.save(out, fmt, **({"quality": 90} if fmt == "JPEG" else {}), **options)
    return out.getvalue()


def exif(secret: str) -> Image.Exif:
    """Exif with a camera, an owner, a time and a place."""
    tags = Image.Exif()
    tags[EXIF_MAKE], tags[EXIF_MODEL] = f"Make {secret}", f"Model {secret}"
    tags[EXIF_DATE], tags[EXIF_ARTIST] = "2026:11:01 09:30:00", f"Artist {secret}"
    tags.get_ifd(GPS_IFD).update({1: "N", 2: (52.0, 31.0, 12.0), 3: "E", 4: (13.0, 24.0, 18.0)})
    return tags
