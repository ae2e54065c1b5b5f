"""The headers of a Windows bitmap (and OS/2's of 12 and 64 bytes), and the places that they name."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from photogate.errors import ImageRefused, Reason
from photogate.formats.container import refuse

__all__ = ["CORE", "EMBEDDED", "INFO", "OS2", "RGB", "RLE4", "V4", "V5", "Header", "profile_place", "read_headers"]

CORE, INFO, _V2, _V3, OS2, V4, V5 = 12, 40, 52, 56, 64, 108, 124
RGB, _RLE8, RLE4, _BITFIELDS, _ALPHA_BITFIELDS = 0, 1, 2, 3, 6
EMBEDDED = 0x4D424544
_MAX_RESOLUTION = 1_000_000  # pixels a metre; film scanners reach 500,000


@dataclass(frozen=True, slots=True)
class Header:
    """The fields of BITMAPFILEHEADER and the information header that are used."""

    size: int
    width: int
    height: int
    depth: int
    compression: int
    resolution: tuple[int, int]
    colours: int
    masks: bytes
    colour_space: bytes
    palette: int
    pixels: int

    @property
    def rows(self) -> int:
        return abs(self.height)

    @property
    def stride(self) -> int:
        return (self.width * self.depth + 31) // 32 * 4

    @property
    def entry(self) -> int:
        return 3 if self.size == CORE else 4

    @property
    def run_lengths(self) -> bool:
        """Whether the pixels are run-length codes."""
        return self.compression in (_RLE8, RLE4)


def read_headers(data: bytes) -> Header:
    """Read both headers."""
    if data[:2] != b"BM" or len(data) < 26:
        refuse("Expected a bitmap's headers; found too few bytes", 0)
    (pixels, size) = struct.unpack_from("<II", data, 10)
    if size not in (CORE, INFO, _V2, _V3, OS2, V4, V5) or 14 + size > len(data):
        refuse("Expected an information header of a known size; found another", 14)
    compression, resolution, colours, masks, space = RGB, (0, 0), 0, b"", b""
    if size == CORE:
        width, height, _, depth = struct.unpack_from("<HHHH", data, 18)  # decoders look at no number of planes
    else:
        width, height, _, depth, compression, _, x, y, colours = struct.unpack_from("<iiHHIIiiI", data, 18)
        if 0 < x <= _MAX_RESOLUTION and 0 < y <= _MAX_RESOLUTION:
            resolution = (x, y)
    if compression not in (RGB, _RLE8, RLE4, _BITFIELDS, _ALPHA_BITFIELDS) or (size == OS2 and compression > 2):
        raise ImageRefused(
            "Expected uncompressed, run-length or bit-field pixels; found another compression",
            offset=30,
            reason=Reason.UNSUPPORTED_FORMAT,
        )
    if depth not in (1, 2, 4, 8, 16, 24, 32) or width <= 0 or height == 0:
        refuse("Expected 1 to 32 bits a pixel and a size; found others", 18)
    at = 14 + size
    if compression in (_BITFIELDS, _ALPHA_BITFIELDS) or (size >= _V2 and size != OS2):
        length = 16 if (size >= _V3 and size != INFO) or compression == _ALPHA_BITFIELDS else 12
        masks = _masks(data[54 : 54 + length], depth)
        if compression not in (_BITFIELDS, _ALPHA_BITFIELDS):
            masks = bytes(length)  # they mean nothing then
        elif depth not in (16, 24, 32) or not _are_fields(masks):
            refuse("Expected masks of one field each; found others", 54)
        if size == INFO:
            at += length
    if size in (V4, V5):
        space = data[70:122]
    declared = colours
    if depth > 8:
        colours = 0
    elif not colours or colours > 1 << depth:
        colours = 1 << depth
    entry = 3 if size == CORE else 4
    if depth <= 8 and pixels == at:  # an error of encoders: the pixels follow the palette all the same
        pixels += (declared or colours) * entry
    elif pixels >= at:
        if depth <= 8 and pixels < at + entry:
            refuse("Expected a palette before the pixels; found none", 10)
    elif pixels:
        refuse("Expected the pixels behind the headers; found an offset within them", 10)
    else:
        pixels = at + colours * entry
    return Header(size, width, height, depth, compression, resolution, colours, masks, space, at, pixels)


def _masks(raw: bytes, depth: int) -> bytes:
    """Cut masks to the bits that a pixel has."""
    count = len(raw) // 4
    return struct.pack(f"<{count}I", *(mask & (1 << depth) - 1 for mask in struct.unpack(f"<{count}I", raw)))


def _are_fields(raw: bytes) -> bool:
    """Whether each mask is one run of bits and none overlaps another, as decoders demand."""
    seen = 0
    for mask in struct.unpack(f"<{len(raw) // 4}I", raw):
        lowest = mask & -mask
        if mask + lowest & mask or mask & seen:
            return False
        seen |= mask
    return True


def profile_place(data: bytes, header: Header) -> tuple[str, tuple[int, int] | None]:
    """Tell whether a colour profile is embedded or linked, and where it stands (offset, size)."""
    if header.size != V5:
        return "", None
    (space,) = struct.unpack_from("<I", header.colour_space)
    offset, size = struct.unpack_from("<II", data, 14 + 112)
    return ("embedded" if space == EMBEDDED else "linked"), (14 + offset, size) if size else None
