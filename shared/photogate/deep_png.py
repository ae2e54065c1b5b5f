"""PNG of 16 bits a sample in colour, which Pillow reads as 8: redaction must not lose half of the bits."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from photogate.errors import RedactionFailed

__all__ = ["is_deep", "read_samples", "with_samples"]

SIGNATURE = b"\x89PNG\r\n\x1a\n"
# Colour types of IHDR (PNG 11.2.1).
TRUECOLOUR, GREY_ALPHA, TRUECOLOUR_ALPHA = 2, 4, 6
UP = 2


def is_deep(data: bytes) -> bool:
    """Tell whether a file is a PNG of 16 bits a sample that has colour or alpha; plain grey Pillow can hold."""
    return data.startswith(SIGNATURE) and data[24] == 16 and data[25] in (TRUECOLOUR, GREY_ALPHA, TRUECOLOUR_ALPHA)


def read_samples(data: bytes) -> NDArray[np.uint16]:
    """Decode to samples, height by width by 3 or 4.

    Pillow takes either byte of a sample, by the order that it is told: so it decodes twice.

    Raises
    ------
    RedactionFailed
        If it is animated, or grey with alpha.
    """
    if data[25] == GREY_ALPHA or any(name == b"acTL" for name, _ in _chunks(data)):
        raise RedactionFailed("Expected one picture in colour at 16 bits a sample; found another kind")
    high, low = _bytes_of(data, "16B"), _bytes_of(data, "16L")
    return np.asarray(high.astype(np.uint16) << 8 | low, np.uint16)


def with_samples(data: bytes, samples: NDArray[np.uint16]) -> bytes:
    """Give the file with other samples: IDAT is replaced, interlacing goes, every other chunk stays."""
    height, width, channels = samples.shape
    rows = samples.astype(">u2").reshape(height, width * channels).view(np.uint8)
    rows[1:] -= rows[:-1].copy()
    filtered = np.hstack((np.full((height, 1), UP, np.uint8), rows))  # the first row's Up is none: PNG 9.2
    picture = _chunk(b"IDAT", zlib.compress(filtered.tobytes(), 6))
    out = [SIGNATURE]
    for name, body in _chunks(data):
        if name == b"IHDR":
            out.append(_chunk(name, body[:12] + b"\0"))
        elif name == b"IDAT":
            out.append(picture)
            picture = b""
        else:
            out.append(_chunk(name, body))
    return b"".join(out)


def _bytes_of(data: bytes, order: str) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
        (tile,) = image.tile
        image.tile = [tile._replace(args=f"{image.mode};{order}")]
        return np.array(image)


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Give name and body of each chunk of a stripped file."""
    at = len(SIGNATURE)
    while at + 12 <= len(data):
        size, name = struct.unpack(">I4s", data[at : at + 8])
        yield name, data[at + 8 : at + 8 + size]
        at += 12 + size


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I4s", len(body), name) + body + struct.pack(">I", zlib.crc32(name + body))
