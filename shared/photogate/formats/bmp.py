"""BMP (Windows device-independent bitmaps; the OS/2 header of 12 bytes).

Kept, and rebuilt from parsed fields: the header, bit masks, the palette with only the colours in use, and the rows,
whose padding is zeroed. Resolution stays for the aspect. A profile in a version 5 header is reduced, a linked one (it
holds a path) is dropped.
"""

from __future__ import annotations

import io
import struct

from photogate.findings import MetadataCategory
from photogate.formats import icc
from photogate.formats.bmp_headers import CORE, EMBEDDED, INFO, OS2, V4, V5, Header, read_headers
from photogate.formats.bmp_pixels import copy_palette, copy_rows, used_colours
from photogate.formats.bmp_runs import copy_runs
from photogate.formats.container import Context, ImageFormat, Measure, Rewritten, check_measure, refuse

__all__ = ["measure", "rewrite", "verify"]

_C = MetadataCategory
_CALIBRATED, _SRGB, _WINDOWS = 0, 0x73524742, 0x57696E20
_LCS_GM_IMAGES = 4  # perceptual, what photos are rendered with


def measure(data: bytes) -> Measure:
    """Read the information header."""
    header = read_headers(data)
    return Measure(ImageFormat.BMP, header.width, header.rows)


def rewrite(data: bytes, context: Context) -> Rewritten:
    """Write headers, palette and rows again, and nothing else."""
    header = read_headers(data)
    check_measure(measure(data))
    step = header.entry if header.depth <= 8 else 0
    size, start = header.size, header.size + 14 + (len(header.masks) if header.size == INFO else 0)
    at = start + step * header.colours
    file = io.BytesIO(bytes(at))
    file.seek(at)
    used: set[int] = set()
    if header.run_lengths:
        codes, used, _ = copy_runs(data, header)
        file.write(codes)
    else:
        for rows in copy_rows(data, header):
            file.write(rows)
            used |= used_colours(rows, header) if step else set()
    length = file.tell() - at
    palette = copy_palette(data, header, used, context)
    profile = _profile(data, header, context)
    file.write(profile)
    out = struct.pack("<2sIHHI", b"BM", file.tell(), 0, 0, at) + struct.pack("<I", size)
    if size == CORE:
        out += struct.pack("<HHHH", header.width, header.height, 1, header.depth)
    else:
        count = header.colours if step else 0
        out += struct.pack("<iiHHI", header.width, header.height, 1, header.depth, header.compression)
        out += struct.pack("<IiiII", length, *header.resolution, count, 0)
        out += header.masks
    if size in (V4, V5):
        out += _space(header, profile, at + length - 14)
    if size == OS2:
        out += bytes(24)
    known = len(data) - (header.pixels + length)
    context.drop(_C.OTHER, "bytes behind the pixels", max(known - len(profile), 0))
    gap = header.pixels - (header.palette + header.colours * header.entry)
    context.drop(_C.OTHER, "bytes before the pixels", max(gap, 0))
    if any(data[6:10]):
        context.drop(_C.OTHER, "reserved fields of the file header")
    file.seek(0)
    file.write(out + palette)
    return Rewritten(file.getvalue())


def _profile(data: bytes, header: Header, context: Context) -> bytes:
    if header.size != V5:
        return b""
    (space,) = struct.unpack_from("<I", header.colour_space)
    offset, size = struct.unpack_from("<II", data, 14 + 112)
    if space != EMBEDDED or not size:
        if size:
            context.drop(_C.OTHER, "linked colour profile")
        return b""
    whole = data[14 + offset : 14 + offset + size]
    new = icc.reduce(whole, 1 if header.depth <= 8 else 3)  # a palette may be of greys
    if new != whole:
        context.drop(_C.DEVICE, "colour profile: description, identity, dates")
    return new or b""


def _space(header: Header, profile: bytes, profile_at: int) -> bytes:
    """Rebuild colour space, endpoints and gamma; a profile that is gone becomes sRGB."""
    (space,) = struct.unpack_from("<I", header.colour_space)
    endpoints = bytes(48)
    rounded = _rounded(header.colour_space[4:52])
    if space == _CALIBRATED and _are_primaries(rounded):
        endpoints = rounded
    elif space not in (_CALIBRATED, _WINDOWS):
        space = _SRGB
    out = struct.pack("<I", EMBEDDED if profile else space) + endpoints
    if header.size == V5:
        out += struct.pack("<IIII", _LCS_GM_IMAGES, profile_at if profile else 0, len(profile), 0)
    return out


def _rounded(raw: bytes) -> bytes:
    """Round endpoints (2.30 fixed point) and gamma (16.16): what lies below 16 and 8 bits of fraction shows nothing."""
    numbers = struct.unpack("<12I", raw)
    steps = [1 << 14] * 9 + [1 << 8] * 3
    rounded = ((number + step // 2) // step * step for number, step in zip(numbers, steps, strict=True))
    return struct.pack("<12I", *(min(number, 0xFFFFFFFF) for number in rounded))


def _are_primaries(raw: bytes) -> bool:
    """Whether endpoints (2.30 fixed point) are chromaticities, which sum to one, with gamma (16.16) of at most 16."""
    numbers = struct.unpack("<12I", raw)
    sums = [sum(numbers[i : i + 3]) / (1 << 30) for i in (0, 3, 6)]
    return all(0.98 < total < 1.02 for total in sums) and max(numbers[9:]) <= 16 << 16


def verify(data: bytes) -> None:
    """Accept only headers whose sizes span the file, with every reserved field and every padding zero.

    Raises
    ------
    ImageRefused
        At the first field that `rewrite` would not have written.
    """
    header = read_headers(data)
    total, reserved, start = struct.unpack_from("<III", data, 2)
    if total != len(data) or reserved or start != header.palette + header.colours * header.entry * (header.depth <= 8):
        refuse("Expected the file header to span the file without gaps", 2)
    end = start + header.stride * header.rows
    if header.run_lengths:
        end = start + struct.unpack_from("<I", data, 34)[0]
    if header.size != CORE and data[50:54] != bytes(4):
        refuse("Expected no important colours", 50)
    if header.size == V5 and struct.unpack_from("<I", header.colour_space)[0] == EMBEDDED:
        offset, size = struct.unpack_from("<II", data, 126)
        if 14 + offset != end:
            refuse("Expected the profile behind the pixels", 126)
        icc.verify(data[end : end + size], end)
        end += size
    if end != len(data):
        refuse("Expected nothing behind the pixels", end)
