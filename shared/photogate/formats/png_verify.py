"""The second look at a PNG: knows only what `png.rewrite` writes, in the order in which it writes it."""

from __future__ import annotations

import struct

from photogate.formats import deflate, exif, icc, limits
from photogate.formats.container import refuse
from photogate.formats.png_fields import (
    ABOVE_PRIMARIES,
    AFTER_PALETTE,
    BEFORE_PALETTE,
    COLOUR,
    GAMMA_OF_SRGB,
    PROFILE_NAME,
    SIGNATURE,
    read_header,
)
from photogate.formats.png_rows import Header

__all__ = ["verify"]


def verify(data: bytes) -> None:
    """Accept only the chunks that `rewrite` writes, in order, with nothing behind IEND.

    Raises
    ------
    ImageRefused
        At the first byte that is on no allow-list.
    """
    if data[:8] != SIGNATURE:
        refuse("Expected the PNG signature", 0)
    header = read_header(data)
    order = [b"IHDR", *BEFORE_PALETTE, b"PLTE", *AFTER_PALETTE]
    at, stage, number, images = 8, -1, 0, 0
    seen: set[bytes] = set()
    view = memoryview(data)
    while True:
        if at + 12 > len(data):
            refuse("Expected a chunk", at)
        size = int.from_bytes(data[at : at + 4], "big")
        kind = data[at + 4 : at + 8]
        end = at + 12 + size
        if end > len(data) or deflate.crc32(view[at + 4 : end - 4]) != int.from_bytes(data[end - 4 : end], "big"):
            refuse("Expected a chunk within the file whose CRC holds", at)
        if kind == b"IEND":
            break
        if kind in (b"fcTL", b"fdAT"):
            if int.from_bytes(data[at + 8 : at + 12], "big") != number or (kind == b"fcTL" and size != 30 - 4):
                refuse("Expected frames in sequence", at)
            if kind == b"fcTL" and not _is_delay(*struct.unpack_from(">HH", data, at + 28)):
                refuse("Expected a delay, in hundredths where it is none; found another", at)
            number += 1
        elif kind == b"IDAT":
            images += 1
        elif images or kind not in order or order.index(kind) <= stage:
            refuse("Expected a chunk of the allow-list, once and in order", at)
        else:
            stage = order.index(kind)
            _verify_colour(seen, kind, data[at + 8 : end - 4], at)
            seen.add(kind)
            _verify_chunk(header, kind, data[at + 8 : end - 4], at)
        at = end
    if images != 1 or size or end != len(data):
        refuse("Expected one image and an empty IEND at the end", at)


def _is_delay(delay: int, per: int) -> bool:
    return per > 0 if delay else per == 100


def _verify_chunk(header: Header, kind: bytes, body: bytes, at: int) -> None:
    fixed = {**COLOUR, b"IHDR": 13, b"acTL": 8, b"pHYs": 9}
    fits = True
    if kind in fixed:
        fits = len(body) == fixed[kind]
    elif kind == b"iCCP":
        inflater = deflate.decompressobj()
        profile = inflater.decompress(body[5:], limits.MAX_ICC_BYTES)
        fits = body[:5] == PROFILE_NAME and inflater.eof and not inflater.unused_data
        icc.verify(profile, at)
    elif kind == b"eXIf":
        exif.verify(body, at)
    elif kind == b"PLTE":
        fits = header.colour == 3 and len(body) % 3 == 0 and len(body) <= 3 << header.depth
    elif kind == b"tRNS":
        fits = len(body) <= 256 if header.colour == 3 else len(body) == {0: 2, 2: 6}.get(header.colour)
    else:
        fits = len(body) <= 6
    if not fits:
        refuse("Expected a chunk to hold its fields and no more", at)


def _verify_colour(seen: set[bytes], kind: bytes, body: bytes, at: int) -> None:
    """Refuse gamma and primaries that others override (4.3); those stand before them."""
    if kind == b"cHRM" and not seen.isdisjoint(ABOVE_PRIMARIES):
        refuse("Expected no cHRM beside cICP, iCCP or sRGB; found one", at)
    if kind == b"gAMA" and (b"cICP" in seen or (b"sRGB" in seen and body != GAMMA_OF_SRGB)):
        refuse("Expected no gAMA beside cICP, and that of sRGB beside sRGB; found another", at)
