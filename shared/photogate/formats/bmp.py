"""BMP (Windows device-independent bitmaps; the OS/2 header of 12 bytes).

Kept, and rebuilt from parsed fields: the header, bit masks, the palette with only the colours in use, and the rows,
whose padding is zeroed. Resolution stays for the aspect. A profile in a version 5 header is reduced, a linked one (it
holds a path) is dropped.
"""

from __future__ import annotations

import functools
import io
import operator
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from photogate.errors import ImageRefused, Reason
from photogate.findings import MetadataCategory
from photogate.formats import icc, limits
from photogate.formats.container import Context, ImageFormat, Measure, Rewritten, check_measure, refuse

__all__ = ["Header", "measure", "pixels_length", "profile_place", "read", "rewrite", "verify"]

_C = MetadataCategory
_CORE, _INFO, _V2, _V3, _OS2, _V4, _V5 = 12, 40, 52, 56, 64, 108, 124
_RGB, _RLE8, _RLE4, _BITFIELDS, _ALPHA_BITFIELDS = 0, 1, 2, 3, 6
_CALIBRATED, _SRGB, _WINDOWS, _EMBEDDED = 0, 0x73524742, 0x57696E20, 0x4D424544
_MAX_RESOLUTION = 1_000_000  # pixels a metre; film scanners reach 500,000
_AT_ONCE = 1 << 20  # bytes of rows
_LCS_GM_IMAGES = 4  # perceptual, what photos are rendered with


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
        return 3 if self.size == _CORE else 4


def read(data: bytes) -> Header:
    """Read both headers."""
    if data[:2] != b"BM" or len(data) < 26:
        refuse("Expected a bitmap's headers; found too few bytes", 0)
    (pixels, size) = struct.unpack_from("<II", data, 10)
    if size not in (_CORE, _INFO, _V2, _V3, _OS2, _V4, _V5) or 14 + size > len(data):
        refuse("Expected an information header of a known size; found another", 14)
    compression, resolution, colours, masks, space = _RGB, (0, 0), 0, b"", b""
    if size == _CORE:
        width, height, _, depth = struct.unpack_from("<HHHH", data, 18)  # decoders look at no number of planes
    else:
        width, height, _, depth, compression, _, x, y, colours = struct.unpack_from("<iiHHIIiiI", data, 18)
        if 0 < x <= _MAX_RESOLUTION and 0 < y <= _MAX_RESOLUTION:
            resolution = (x, y)
    if compression not in (_RGB, _RLE8, _RLE4, _BITFIELDS, _ALPHA_BITFIELDS) or (size == _OS2 and compression > 2):
        raise ImageRefused(
            "Expected uncompressed, run-length or bit-field pixels; found another compression",
            offset=30,
            reason=Reason.UNSUPPORTED_FORMAT,
        )
    if depth not in (1, 2, 4, 8, 16, 24, 32) or width <= 0 or height == 0:
        refuse("Expected 1 to 32 bits a pixel and a size; found others", 18)
    at = 14 + size
    if compression in (_BITFIELDS, _ALPHA_BITFIELDS) or (size >= _V2 and size != _OS2):
        length = 16 if (size >= _V3 and size != _INFO) or compression == _ALPHA_BITFIELDS else 12
        masks = _masks(data[54 : 54 + length], depth)
        if compression not in (_BITFIELDS, _ALPHA_BITFIELDS):
            masks = bytes(length)  # they mean nothing then
        elif depth not in (16, 24, 32) or not _are_fields(masks):
            refuse("Expected masks of one field each; found others", 54)
        if size == _INFO:
            at += length
    if size in (_V4, _V5):
        space = data[70:122]
    declared = colours
    if depth > 8:
        colours = 0
    elif not colours or colours > 1 << depth:
        colours = 1 << depth
    entry = 3 if size == _CORE else 4
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


def measure(data: bytes) -> Measure:
    """Read the information header."""
    header = read(data)
    return Measure(ImageFormat.BMP, header.width, header.rows)


def rewrite(data: bytes, context: Context) -> Rewritten:
    """Write headers, palette and rows again, and nothing else."""
    header = read(data)
    check_measure(measure(data))
    step = header.entry if header.depth <= 8 else 0
    size, start = header.size, header.size + 14 + (len(header.masks) if header.size == _INFO else 0)
    at = start + step * header.colours
    file = io.BytesIO(bytes(at))
    file.seek(at)
    used: set[int] = set()
    if header.compression in (_RLE8, _RLE4):
        codes, used, _ = _runs(data, header)
        file.write(codes)
    else:
        for rows in _rows(data, header):
            file.write(rows)
            used |= _used(rows, header) if step else set()
    length = file.tell() - at
    palette = _palette(data, header, used, context)
    profile = _profile(data, header, context)
    file.write(profile)
    out = struct.pack("<2sIHHI", b"BM", file.tell(), 0, 0, at) + struct.pack("<I", size)
    if size == _CORE:
        out += struct.pack("<HHHH", header.width, header.height, 1, header.depth)
    else:
        count = header.colours if step else 0
        out += struct.pack("<iiHHI", header.width, header.height, 1, header.depth, header.compression)
        out += struct.pack("<IiiII", length, *header.resolution, count, 0)
        out += header.masks
    if size in (_V4, _V5):
        out += _space(header, profile, at + length - 14)
    if size == _OS2:
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


def _rows(data: bytes, header: Header) -> Iterator[bytearray]:
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
    if header.compression == _RGB:  # "the high byte in each DWORD is not used", and the highest bit in each WORD
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


def _runs(data: bytes, header: Header) -> tuple[bytes, set[int], int]:
    """Write the run-length codes again up to the last pixel; tell which colours they use, and where they end.

    Runs that leave their row are cut, as decoders do; padding of absolute runs is zeroed. Of moves that no pixel
    follows it only stays that they fill the picture, for decoders that want it full.
    """
    if header.pixels >= len(data):
        refuse("Expected run-length codes; found the end", header.pixels)
    nibbles = header.compression == _RLE4
    out, moves, values = bytearray(), bytearray(), {0}  # pixels that are skipped show the first colour
    codes = 0
    width, total = header.width, header.width * header.rows
    position = x = drawn = 0
    at, end = header.pixels, len(data)
    while at + 1 < end and position < total:
        codes += 1
        if codes > limits.MAX_RUNS:
            refuse(f"Expected at most {limits.MAX_RUNS} run-length codes; found more", at)
        count, value = data[at], data[at + 1]
        at += 2
        if count:
            count = min(count, width - x, total - position)
            if count > 0:
                value &= 0xF0 if nibbles and count == 1 else 0xFF
                values.add(value)
                out += moves + bytes((count, value))
                moves.clear()
                drawn = position = position + count
                x += count
            continue
        if value == 1:
            break
        if value == 0:
            moves += b"\0\0"
            position, x = -(-position // width) * width, 0
            continue
        length = 2 if value == 2 else (value + 1) // 2 if nibbles else value
        run = bytearray(data[at : at + length])
        at += length + length % 2
        if len(run) < length:
            refuse("Expected a run within the file; found the end", at)
        if value == 2:
            position += sum(run[:1]) + sum(run[1:2]) * width
            x = position % width
            moves += b"\0\2" + run
        else:
            drawn = position = position + value
            x += value
            if position > total:
                refuse("Expected an absolute run within the picture; found more", at)
            if nibbles and value % 2:
                run[-1] &= 0xF0
            values.update(run)
            run += bytes(len(run) % 2)
            out += moves + bytes((0, value)) + run
            moves.clear()
    left = total - drawn if position >= total else 0
    if 0 < left < width:
        out += b"\0\0"
    else:
        rows = -(-left // width)
        out += b"\0\2\0\xff" * (rows // 255) + bytes((0, 2, 0, rows % 255)) * (rows % 255 > 0)
    used = {value >> 4 for value in values} | {value & 15 for value in values} if nibbles else values
    return bytes(out) + b"\0\1", used, at


def _used(pixels: bytearray, header: Header) -> set[int]:
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


def _palette(data: bytes, header: Header, used: set[int], context: Context) -> bytes:
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
        _C.OTHER, "unused colours of the palette", sum(before[step * i :][:3] != new[step * i :][:3] for i in unused)
    )
    return bytes(new)


def _is_ramp(palette: bytearray, step: int) -> bool:
    count = len(palette) // step
    return all(palette[step * i : step * i + 3] == bytes((255 * i if count == 2 else i,)) * 3 for i in range(count))


def _is_grey(palette: bytearray, step: int, colours: Iterable[int]) -> bool:
    return all(len(set(palette[step * i : step * i + 3])) < 2 for i in colours)


def _profile(data: bytes, header: Header, context: Context) -> bytes:
    if header.size != _V5:
        return b""
    (space,) = struct.unpack_from("<I", header.colour_space)
    offset, size = struct.unpack_from("<II", data, 14 + 112)
    if space != _EMBEDDED or not size:
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
    out = struct.pack("<I", _EMBEDDED if profile else space) + endpoints
    if header.size == _V5:
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
    header = read(data)
    total, reserved, start = struct.unpack_from("<III", data, 2)
    if total != len(data) or reserved or start != header.palette + header.colours * header.entry * (header.depth <= 8):
        refuse("Expected the file header to span the file without gaps", 2)
    end = start + header.stride * header.rows
    if header.compression in (_RLE8, _RLE4):
        end = start + struct.unpack_from("<I", data, 34)[0]
    if header.size != _CORE and data[50:54] != bytes(4):
        refuse("Expected no important colours", 50)
    if header.size == _V5 and struct.unpack_from("<I", header.colour_space)[0] == _EMBEDDED:
        offset, size = struct.unpack_from("<II", data, 126)
        if 14 + offset != end:
            refuse("Expected the profile behind the pixels", 126)
        icc.verify(data[end : end + size], end)
        end += size
    if end != len(data):
        refuse("Expected nothing behind the pixels", end)


def pixels_length(data: bytes, header: Header) -> int:
    """Give how many bytes of the file are rows, or run-length codes up to the end of the bitmap."""
    if header.compression not in (_RLE8, _RLE4):
        return min(header.stride * header.rows, len(data) - header.pixels)
    end = _runs(data, header)[2]
    if data[end - 2 : end] != b"\0\1":  # codes for the end of the line and of the bitmap may follow the last pixel
        end += 2 * (data[end : end + 2] == b"\0\0")
        end += 2 * (data[end : end + 2] == b"\0\1")
    return end - header.pixels


def profile_place(data: bytes, header: Header) -> tuple[str, tuple[int, int] | None]:
    """Tell whether a colour profile is embedded or linked, and where it stands (offset, size)."""
    if header.size != _V5:
        return "", None
    (space,) = struct.unpack_from("<I", header.colour_space)
    offset, size = struct.unpack_from("<II", data, 14 + 112)
    return ("embedded" if space == _EMBEDDED else "linked"), (14 + offset, size) if size else None
