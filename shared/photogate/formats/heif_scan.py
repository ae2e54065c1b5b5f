"""Coded pictures of AVIF: bytes behind the last coded block of the last tile (AV1 5.11.1).

A unit's length says nothing of where its coded data ends. What is needed is found by decoding: the least length that
gives the same pixels. Each picture is decoded alone, by libavif in Pillow.
"""

from __future__ import annotations

import io
import struct

from photogate.errors import ImageRefused, Reason
from photogate.formats import limits
from photogate.formats.av1_units import TILES, leb128, obus
from photogate.formats.bmff_boxes import box, full_box
from photogate.formats.checked import Budget, digest, least
from photogate.formats.container import refuse

__all__ = ["without_tail"]


def without_tail(coded: bytes | memoryview, properties: list[bytes], budget: Budget) -> bytes | memoryview:
    """Leave out what no pixel depends on at the end of a picture's data.

    Parameters
    ----------
    coded
        OBUs of one picture, each with its size.
    properties
        The item's decoder configuration, size and depth.
    budget
        What may still be decoded.

    Returns
    -------
    bytes or memoryview
        `coded` itself, where nothing hides behind it.

    Raises
    ------
    ImageRefused
        The picture does not decode, or Pillow is not installed with AVIF.
    """
    units = obus(coded)
    kind, extension, start, end = units[-1]
    if kind not in TILES:
        return coded
    head = units[-2][3] if len(units) > 1 else 0
    before = bytes(coded[: head + (2 if extension >= 0 else 1)])
    unit = coded[start:end]

    def shortened(length: int) -> bytes:
        return b"".join((before, leb128(length), unit[:length]))

    whole = _shown(coded, properties, budget)
    if whole is None:
        refuse("Expected a picture that decodes, to look behind its last block; found damage")
    good = least(len(unit), lambda length: _shown(shortened(length), properties, budget) == whole, budget)
    return coded if good == len(unit) else shortened(good)


def _shown(coded: bytes | memoryview, properties: list[bytes], budget: Budget) -> bytes | None:
    """Give a digest of the pixels, or nothing where they do not decode."""
    try:
        from PIL import AvifImagePlugin, Image  # noqa: F401
    except ImportError as error:
        raise ImageRefused(
            "Expected Pillow, to look for bytes behind the last block; it is not installed", reason=Reason.STRIP_FAILED
        ) from error
    try:
        with Image.open(io.BytesIO(_still(coded, properties)), formats=["AVIF"]) as image:
            budget.take(limits.CHECKED_OPENING + image.width * image.height)
            return digest(image)
    except (OSError, SyntaxError, ValueError, EOFError, RuntimeError, Image.DecompressionBombError):
        return None


def _still(coded: bytes | memoryview, properties: list[bytes]) -> bytes:
    """Write a file of one picture."""
    ftyp = box(b"ftyp", b"avif", bytes(4), b"avif", b"mif1")
    links = bytes(i | 0x80 * (i == 1) for i in range(1, len(properties) + 1))

    def meta(at: int) -> bytes:
        return full_box(
            b"meta",
            0,
            0,
            full_box(b"hdlr", 0, 0, bytes(4), b"pict", bytes(13)),
            full_box(b"pitm", 0, 0, b"\0\1"),
            full_box(b"iloc", 0, 0, struct.pack(">HHHHHII", 0x4400, 1, 1, 0, 1, at, len(coded))),
            full_box(b"iinf", 0, 0, b"\0\1", full_box(b"infe", 2, 0, b"\0\1\0\0av01\0")),
            box(
                b"iprp",
                box(b"ipco", *properties),
                full_box(b"ipma", 0, 0, struct.pack(">IHB", 1, 1, len(links)), links),
            ),
        )

    at = len(ftyp) + len(meta(0)) + 8
    return b"".join((ftyp, meta(at), struct.pack(">I4s", 8 + len(coded), b"mdat"), coded))
