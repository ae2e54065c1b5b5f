"""Photos for the demo and the end-to-end tests: real pictures, with what phones and editors put into files.

The pictures are those that the wheel of scikit-image holds, each with a clear licence (its ``data/README.txt``): the
astronaut has a face, the others have none.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from PIL import Image
from skimage import data as pictures

__all__ = ["PLANTED", "SAMPLES", "Sample", "jpeg", "oversize", "picture"]

PLANTED = "PLANTED-3fa9"
"""Stands in every planted value, so that a search shows whether one is left."""

MAKE, MODEL, TIME, ARTIST, ORIENTATION, GPS = 0x010F, 0x0110, 0x0132, 0x013B, 0x0112, 0x8825


@dataclass(frozen=True)
class Sample:
    """One file of the demo.

    Attributes
    ----------
    name
        What it is called on the sender's side; the service never learns it.
    content_type
        What the sender declares.
    make
        Gives its bytes.
    tenant
        Whose policy applies.
    expected
        The status, or ``"refused by S3"``.
    """

    name: str
    content_type: str
    make: Callable[[], bytes]
    expected: str
    tenant: str = "courier"


@cache
def picture(name: str) -> Image.Image:
    """Open one of scikit-image's pictures, in RGB."""
    return Image.fromarray(getattr(pictures, name)()).convert("RGB")


def jpeg(image: Image.Image, *, orientation: int = 1, segments: bytes = b"", **options: Any) -> bytes:
    """Write a JPEG as a phone would: Exif with camera, owner, time and place; further segments behind it."""
    exif = Image.Exif()
    exif[MAKE], exif[MODEL], exif[ARTIST] = f"Maker {PLANTED}", f"Phone {PLANTED}", f"Owner {PLANTED}"
    exif[TIME], exif[ORIENTATION] = "2026:11:01 09:30:00", orientation
    exif.get_ifd(GPS).update({1: "N", 2: (52.0, 31.0, 12.0), 3: "E", 4: (13.0, 24.0, 18.0), 29: "2026:11:01"})
    out = io.BytesIO()
    image.save(out, "JPEG", quality=90, exif=exif, **options)
    whole = out.getvalue()
    # Behind SOI and the segments that Pillow wrote first, Exif among them: JPEG B.2.1 allows any order of APPn.
    return whole[:2] + segments + whole[2:]


def segment(marker: int, payload: bytes) -> bytes:
    """Make one JPEG marker segment (JPEG B.1.1.4)."""
    return struct.pack(">BBH", 0xFF, marker, len(payload) + 2) + payload


def xmp() -> bytes:
    """Make an XMP packet with a place and a person (APP1)."""
    packet = (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" '
        f'photoshop:City="City {PLANTED}" photoshop:AuthorsPosition="{PLANTED}"/></rdf:RDF></x:xmpmeta>'
    )
    return segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + packet.encode())


def thumbnail(image: Image.Image) -> bytes:
    """Make a JFXX thumbnail (APP0): a small copy of the whole scene, which most tools leave when they redact."""
    small = image.copy()
    small.thumbnail((96, 96))
    out = io.BytesIO()
    small.save(out, "JPEG", quality=60)
    return segment(0xE0, b"JFXX\0\x10" + out.getvalue())


def box(kind: bytes, payload: bytes) -> bytes:
    """Make one box (ISO/IEC 14496-12, 4.2)."""
    return struct.pack(">I", len(payload) + 8) + kind + payload


def c2pa() -> bytes:
    """Make a C2PA manifest store that says that a machine made the picture (APP11, JUMBF)."""
    described = bytes.fromhex("6332706100110010800000aa00389b71") + b"\x03c2pa\0"
    source = b"http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
    claims = box(b"jumd", bytes(16) + b"\x03c2pa.actions\0") + box(
        b"json", b'{"actions":[{"action":"c2pa.created","digitalSourceType":"' + source + b'"}]}'
    )
    return segment(0xEB, b"JP\0\x01\0\0\0\x01" + box(b"jumb", box(b"jumd", described) + box(b"jumb", claims)))


def delivered() -> bytes:
    """A parcel's photo off a phone: Exif, GPS, XMP and a thumbnail."""
    image = picture("coffee")
    return jpeg(image, segments=thumbnail(image) + xmp())


def sideways() -> bytes:
    """A photo held upright and stored on its side: its orientation must survive."""
    return jpeg(picture("rocket").transpose(Image.Transpose.ROTATE_90), orientation=6)


def generated() -> bytes:
    """A picture whose C2PA manifest says that it is synthetic."""
    return jpeg(picture("rocket").transpose(Image.Transpose.FLIP_LEFT_RIGHT), segments=c2pa())


def screenshot() -> bytes:
    """A PNG with text chunks, a time and something hidden behind its end."""
    out = io.BytesIO()
    picture("page").save(out, "PNG")
    whole = out.getvalue()
    text = b"Author\0" + PLANTED.encode()
    chunk = struct.pack(">I", len(text)) + b"tEXt" + text + struct.pack(">I", zlib.crc32(b"tEXt" + text))
    return whole[:33] + chunk + whole[33:] + b"behind the end: " + PLANTED.encode()


def messenger() -> bytes:
    """A WebP with Exif."""
    exif = Image.Exif()
    exif[ARTIST], exif[MODEL] = f"Owner {PLANTED}", f"Phone {PLANTED}"
    out = io.BytesIO()
    picture("coffee").save(out, "WEBP", lossless=True, exif=exif)
    return out.getvalue()


def selfie() -> bytes:
    """A photo with a person in it."""
    image = picture("astronaut")
    return jpeg(image, segments=thumbnail(image))


def spreadsheet() -> bytes:
    """Something that calls itself a photo."""
    return b"PK\x03\x04 name,address\n" + PLANTED.encode() * 20


def oversize() -> bytes:
    """More bytes than were announced: S3 itself refuses them."""
    return delivered() + bytes(200_000)


SAMPLES = (
    Sample("parcel.jpg", "image/jpeg", delivered, "ACCEPTED"),
    Sample("sideways.jpg", "image/jpeg", sideways, "ACCEPTED"),
    Sample("generated.jpg", "image/jpeg", generated, "ACCEPTED"),
    Sample("screenshot.png", "image/png", screenshot, "ACCEPTED"),
    Sample("messenger.webp", "image/webp", messenger, "ACCEPTED"),
    Sample("selfie.jpg", "image/jpeg", selfie, "RETAKE"),
    Sample("selfie.jpg", "image/jpeg", selfie, "REDACTED", tenant="scooter"),
    Sample("selfie.jpg", "image/jpeg", selfie, "IN_REVIEW", tenant="insurer"),
    Sample("not-a-photo.jpg", "image/jpeg", spreadsheet, "REJECTED"),
    Sample("too-large.jpg", "image/jpeg", oversize, "refused by S3"),
)
