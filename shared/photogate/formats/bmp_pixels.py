"""The rows of a bitmap without what shows nothing, and its palette without the colours that no pixel uses."""

from __future__ import annotations

import functools
import operator
import struct
from collections.abc import Iterable, Iterator

from photogate.findings import MetadataCategory
from photogate.formats.bmp_headers import RGB, Header
from photogate.formats.container import Context, refuse

__all__ = ["copy_palette", "copy_rows", "used_colours"]

_AT_ONCE = 1 << 20  # bytes of rows


def copy_rows(data: bytes, header: Header) -> Iterator[bytearray]:
    """Copy the rows, some at once, with every bit that says no colour cleared."""
    need = header.stride * header.rows
    end = min(header.pixels + need, len(data))
    padding = header.stride - (header.width * header.depth + 7) // 8
    if end - header.pixels < need - padding:  # encoders may leave out the padding of the last row
        refuse(f"Expected {need} bytes of rows; found {max(end - header.pixels, 0)}", header.pixels)
    used, rest = divmod(header.width * header.depth, 8)
    at_once = max(_AT_ONCE // header.stride, 1) * header.stride
    meaningful = _meaningful(header)
    if (
        len(header.masks) == 12
        and any(header.masks)
        and meaningful[3:] == b"\0"
        and _is_opaque(data, header.pixels, need)
    ):
        meaningful = meaningful[:3] + b"\xff"
    for start in range(header.pixels, header.pixels + need, at_once):
        new = bytearray(data[start : min(start + at_once, end)])
        new += bytes(-len(new) % header.stride)
        unused = used
        if rest:  # bits behind the last pixel of a row
            _mask(new, used, header.stride, 0xFF << (8 - rest) & 0xFF)
            unused += 1
        for column in range(unused, header.stride):
            _mask(new, column, header.stride, 0)
        for place, bits in enumerate(meaningful):
            if bits != 0xFF:
                _mask(new, place, header.depth // 8, bits)
        yield new


def _meaningful(header: Header) -> bytes:
    """Give the bits of a pixel's bytes that say a colour; nothing where all do."""
    if header.depth not in (16, 32):
        return b""
    if header.compression == RGB:  # "the high byte in each DWORD is not used", and the highest bit in each WORD
        return b"\xff\x7f" if header.depth == 16 else b"\xff\xff\xff\0"
    union: int = functools.reduce(operator.or_, struct.unpack(f"<{len(header.masks) // 4}I", header.masks))
    if not union:  # decoders take blue, green, red and alpha then
        return b""
    return union.to_bytes(4, "little")[: header.depth // 8]


def _is_opaque(data: bytes, start: int, length: int) -> bool:
    """Whether the fourth byte of all pixels is 255: OpenCV shows it where no mask for alpha can be."""
    for at in range(start, start + length, _AT_ONCE):
        fourth = data[at + 3 : min(at + _AT_ONCE, start + length) : 4]
        if fourth.count(0xFF) < len(fourth):
            return False
    return True


def _mask(pixels: bytearray, start: int, step: int, bits: int) -> None:
    """Clear in every `step`th byte from `start` the bits that are not in `bits`."""
    if start < len(pixels):
        cleared = pixels[start::step].translate(bytes(i & bits for i in range(256)))
        pixels[start::step] = cleared


def used_colours(pixels: bytearray, header: Header) -> set[int]:
    """Give the colours that rows of pixels of at most 8 bits use."""
    depth, (whole, rest) = header.depth, divmod(header.width * header.depth, 8)
    full: set[int] = set()
    for start in range(0, len(pixels), header.stride):
        full.update(pixels[start : start + whole])
    shifts = range(0, 8, depth)
    used = {byte >> shift & ((1 << depth) - 1) for byte in full for shift in shifts}
    if rest:
        used |= {
            byte >> s & ((1 << depth) - 1)
            for byte in set(pixels[whole :: header.stride])
            for s in shifts[-rest // depth :]
        }
    return used


def copy_palette(data: bytes, header: Header, used: set[int], context: Context) -> bytes:
    """Copy the palette, if there is one, with the colours in use; decoders tell grey pictures by the others too."""
    if header.depth > 8:
        return b""
    step = header.entry
    # Decoders read as many colours as declared, from the pixels too where those begin earlier.
    new = bytearray(data[header.palette : header.palette + step * header.colours].ljust(step * header.colours, b"\0"))
    if step == 4:
        new[3::4] = bytes(len(new[3::4]))
    if _is_ramp(new, step):  # decoders tell grey pictures by it
        return bytes(new)
    unused = [i for i in range(header.colours) if i not in used]
    before = bytes(new)
    fillers = [bytes(step), b"\xff\xff\xff\0"[:step]]
    if not _is_grey(new, step, range(header.colours)) and _is_grey(new, step, sorted(used)):
        fillers = [b"\xff\0\0\0"[:step]]  # OpenCV tells grey pictures by it
    for filler in fillers:
        for i in unused:
            new[step * i : step * i + step] = filler
        if not _is_ramp(new, step):
            break
    context.drop(
        MetadataCategory.OTHER,
        "unused colours of the palette",
        sum(before[step * i :][:3] != new[step * i :][:3] for i in unused),
    )
    return bytes(new)


def _is_ramp(palette: bytearray, step: int) -> bool:
    count = len(palette) // step
    return all(palette[step * i : step * i + 3] == bytes((255 * i if count == 2 else i,)) * 3 for i in range(count))


def _is_grey(palette: bytearray, step: int, colours: Iterable[int]) -> bool:
    return all(len(set(palette[step * i : step * i + 3])) < 2 for i in colours)
