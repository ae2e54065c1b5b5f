"""Chunks of a PNG that stay besides its image data: which, in what order, and what their fields may say.

W3C PNG (third edition), 5.6 (order), 11 (chunks). A field that no encoder would write, or that shows nothing beside the
others, is a place to hide something, so the chunk goes.
"""

from __future__ import annotations

import struct

from photogate.formats import icc, light
from photogate.formats.container import refuse
from photogate.formats.png_rows import CHANNELS, Header

__all__ = [
    "ABOVE_PRIMARIES",
    "AFTER_PALETTE",
    "BEFORE_PALETTE",
    "COLOUR",
    "GAMMA_OF_SRGB",
    "PROFILE_NAME",
    "SIGNATURE",
    "field",
    "read_header",
    "settle",
]

SIGNATURE = b"\x89PNG\r\n\x1a\n"
PROFILE_NAME = b"ICC\0\0"
# Chunks of fixed length before the palette, in the order in which they are written (5.6).
COLOUR = {b"cICP": 4, b"mDCV": 24, b"cLLI": 8, b"sRGB": 1, b"gAMA": 4, b"cHRM": 32}
# Beside these, primaries count for nothing (4.3); and the gamma that stands beside sRGB (11.3.2.5).
ABOVE_PRIMARIES = (b"cICP", b"iCCP", b"sRGB")
GAMMA_OF_SRGB = struct.pack(">I", 45_455)
BEFORE_PALETTE = (b"cICP", b"mDCV", b"cLLI", b"iCCP", b"sRGB", b"gAMA", b"cHRM", b"sBIT")
AFTER_PALETTE = (b"tRNS", b"bKGD", b"pHYs", b"eXIf", b"acTL")

# 11.2.1: the bit depths allowed, by colour type.
_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
# Pixels a metre (film scanners reach 500,000) or a ratio.
_MAX_DENSITY = 10_000_000
# gAMA and cHRM count in 1/100,000; real primaries and gammas are below 2 and 10.
_MAX_CHROMATICITY, _MAX_GAMMA = 200_000, 1_000_000


def read_header(data: bytes) -> Header:
    """Read IHDR (11.2.1).

    Raises
    ------
    ImageRefused
        It is not the first chunk, or says what the standard does not know.
    """
    if data[8:16] != b"\0\0\0\x0dIHDR" or len(data) < 33:
        refuse("Expected IHDR as the first chunk; found another", 8)
    width, height, depth, colour, compression, filtering, interlace = struct.unpack_from(">IIBBBBB", data, 16)
    if colour not in _DEPTHS or depth not in _DEPTHS[colour] or compression or filtering or interlace > 1:
        refuse("Expected a colour type and bit depth of the standard; found others", 24)
    return Header(width, height, depth, colour, interlace)


def field(header: Header, kind: bytes, body: bytes) -> bytes | None:
    """Rebuild a chunk of plain numbers; None where it is none that rendering needs."""
    if kind in COLOUR:
        return _colour(kind, body) if len(body) == COLOUR[kind] else None
    if kind == b"sBIT":
        samples = 3 if header.colour == 3 else CHANNELS[header.colour]
        depth = 8 if header.colour == 3 else header.depth
        return body if len(body) == samples and all(0 < n <= depth for n in body) else None
    if kind == b"bKGD":
        return body if header.colour == 3 and len(body) == 1 else _sample(header, body, {0: 1, 4: 1, 2: 3, 6: 3})
    if kind == b"tRNS" and header.colour != 3:
        return _sample(header, body, {0: 1, 2: 3})
    if kind == b"pHYs" and len(body) == 9:
        across, down = struct.unpack_from(">II", body)
        fits = 0 < across <= _MAX_DENSITY and 0 < down <= _MAX_DENSITY
        return body[:8] + bytes((body[8] & 1,)) if fits else None
    return None


def _colour(kind: bytes, body: bytes) -> bytes | None:
    if kind == b"mDCV":
        return light.mastering(body, "RGB")
    if kind == b"cLLI":  # in steps of 0.0001 cd/m2
        levels = light.content(*(n // 10_000 for n in struct.unpack(">II", body)))
        return None if levels is None else struct.pack(">II", *(n * 10_000 for n in levels))
    return body if _is_colour(kind, body) else None


def _is_colour(kind: bytes, body: bytes) -> bool:
    if kind == b"sRGB":
        return body[0] < 4
    if kind == b"cICP":
        return icc.are_code_points(body)
    if kind == b"gAMA":
        return 0 < int.from_bytes(body, "big") <= _MAX_GAMMA
    return all(abs(n) <= _MAX_CHROMATICITY for n in struct.unpack(">8i", body))


def _sample(header: Header, body: bytes, counts: dict[int, int]) -> bytes | None:
    """Rebuild samples of 16 bits each, of which those of fewer bits use the lowest (11.3.1.1, 11.3.4.1)."""
    count = counts.get(header.colour, 0)
    if not count or len(body) != 2 * count:
        return None
    values = struct.unpack(f">{count}H", body)
    return struct.pack(f">{count}H", *(value & (1 << header.depth) - 1 for value in values))


def settle(header: Header, chunks: dict[bytes, bytes]) -> None:
    """Take out of `chunks` what shows nothing beside the others; changes `chunks` in place.

    A palette's transparency may have come first, and has no more entries than the palette (11.3.1.1). Mastering display
    and light level go with a transfer function of high dynamic range (11.3.2.7, 11.3.2.8).

    Of colour chunks the first of cICP, iCCP, sRGB counts, then gAMA with cHRM (4.3): of lesser ones stays what decoders
    that know no better need, and only one value can say. gAMA stays beside a profile, which not all decoders read.
    """
    if header.colour == 3 and b"tRNS" in chunks:
        chunks[b"tRNS"] = chunks[b"tRNS"][: len(chunks.get(b"PLTE", b"")) // 3]
    if b"cICP" not in chunks or chunks[b"cICP"][1] not in (16, 18):
        chunks.pop(b"mDCV", None)
        chunks.pop(b"cLLI", None)
    if any(kind in chunks for kind in ABOVE_PRIMARIES):
        chunks.pop(b"cHRM", None)
    if b"cICP" in chunks:
        chunks.pop(b"gAMA", None)
    elif b"sRGB" in chunks and b"gAMA" in chunks:
        chunks[b"gAMA"] = GAMMA_OF_SRGB
