"""ICC profiles reduced to what a colour engine computes with (ICC.1:2022, ICC.1:2001-04 for version 2).

A profile names the device, its maker, its model and serial, dates, and free text. None of that moves a colour. `reduce`
builds a new profile from the parsed numbers: a header with identity fields zeroed, the rendering tags, and the two text
tags that the standard demands of every profile, with a neutral text.
"""

from __future__ import annotations

import functools
import struct
from typing import NoReturn

from photogate.errors import ImageRefused
from photogate.formats import limits

__all__ = ["RENDERING", "are_code_points", "reduce", "tags_of", "verify"]

_CLASSES = frozenset({b"scnr", b"mntr", b"prtr", b"spac", b"link", b"abst"})
_SPACES = frozenset(
    {b"XYZ ", b"Lab ", b"Luv ", b"YCbr", b"Yxy ", b"RGB ", b"GRAY", b"HSV ", b"HLS ", b"CMYK", b"CMY "}
    | {b"%cCLR" % digit for digit in b"23456789ABCDEF"}
)
# Data colour spaces of pictures by their channels. That of grey ones may be RGB, as all photos of an editor have it.
_OF_PICTURES: dict[int | None, frozenset[bytes]] = {
    1: frozenset({b"GRAY", b"RGB "}),
    3: frozenset({b"RGB "}),
    4: frozenset({b"CMYK"}),
}
# No profiles to embed (annex B), but lcms shows pictures by their tables.
_LINKS = frozenset({b"link", b"abst"})

_MATRIX = (b"rXYZ", b"gXYZ", b"bXYZ", b"wtpt")
_CURVES = (b"rTRC", b"gTRC", b"bTRC", b"kTRC")
_FORWARD = (b"A2B0", b"A2B1", b"A2B2")
_BACKWARD = (b"B2A0", b"B2A1", b"B2A2")
# 8.3.4, 8.4.2: what only profiles of one colour space use; in others nothing reads it.
_ONLY = {b"kTRC": b"GRAY", **dict.fromkeys((*_MATRIX[:3], *_CURVES[:3]), b"RGB ")}
RENDERING = frozenset({*_MATRIX, *_CURVES, *_FORWARD, *_BACKWARD, b"chad", b"cicp"})
# The types that engines take for each tag (9.2); of others they make nothing.
_TYPES = {
    **dict.fromkeys(_MATRIX, (b"XYZ ",)),
    **dict.fromkeys(_CURVES, (b"curv", b"para")),
    **dict.fromkeys(_FORWARD, (b"mft1", b"mft2", b"mAB ")),
    **dict.fromkeys(_BACKWARD, (b"mft1", b"mft2", b"mBA ")),
    b"chad": (b"sf32",),
    b"cicp": (b"cicp",),
}

_NAME = "Colour profile"
_RIGHTS = "Not stated"


class _Bad(Exception):
    """The profile does not parse."""


@functools.lru_cache(maxsize=32)
def _reduce_cached(profile: bytes) -> bytes | None:
    return _reduce(profile)


def reduce(profile: bytes, channels: int | None = None) -> bytes | None:
    """Build the same colour transform without identity.

    Parameters
    ----------
    profile
        An ICC profile, possibly with a tail.
    channels
        How many samples of colour a pixel of the picture has, where they are grey (1), RGB or YCbCr (3), or CMYK (4).
        Engines take no profile of another space for them.

    Returns
    -------
    bytes or None
        The new profile; None where it does not parse, and a renderer would ignore it too: then the container leaves it
        out. Reducing twice changes nothing.
    """
    if bytes(profile[16:20]) not in _OF_PICTURES.get(channels, _SPACES):
        return None
    profile = bytes(profile)
    return _reduce_cached(profile) if len(profile) <= 65_536 else _reduce(profile)


def _reduce(profile: bytes) -> bytes | None:
    try:
        return _rebuild(profile)
    except (_Bad, struct.error, IndexError, OverflowError):
        return None


def _bad(what: str) -> NoReturn:
    raise _Bad(what)


def _rebuild(profile: bytes) -> bytes:
    if not 132 <= len(profile) <= limits.MAX_ICC_BYTES or profile[36:40] != b"acsp":
        _bad("header")
    size = int.from_bytes(profile[:4], "big")
    if size < 132:
        _bad("size")
    profile = profile[:size]
    major, minor = _version(profile)
    kind, space, pcs = profile[12:16], profile[16:20], profile[20:24]
    if kind == bytes(4):  # lcms takes it for a device, as old versions of it wrote it
        kind = b"scnr"
    if kind not in _CLASSES or space not in _SPACES or pcs not in (b"XYZ ", b"Lab "):
        _bad("class")
    intent = int.from_bytes(profile[64:68], "big") & 0xFFFF
    header = bytearray(128)
    header[8:12] = bytes((major, minor, 0, 0))
    header[12:24] = kind + space + pcs
    header[36:40] = b"acsp"
    header[64:68] = struct.pack(">I", intent if intent < 4 else 0)
    header[68:80] = struct.pack(">3i", 63190, 65536, 54061)  # 7.2.16: the PCS illuminant is D50, always
    places = _places(profile, space)
    if kind in _LINKS:
        places = {name: place for name, place in places.items() if name in _FORWARD}
    tags = _tags(profile, places, space)
    # Engines fail where the table that they look for first cannot be read, and go on to others where there is none.
    if (b"A2B0" in places and b"A2B0" not in tags) or not _renders(space, tags):
        _bad("rendering tags")
    return _assemble(header, {b"desc": _text(major, _NAME, b"desc"), b"cprt": _text(major, _RIGHTS, b"text"), **tags})


def _version(profile: bytes) -> tuple[int, int]:
    """Give the version as it is written: engines take all up to 5.0, and tell those below 4 from those above."""
    major, minor = profile[8], profile[9] & 0xF0
    if major in (2, 4):
        return major, minor
    if major > 5 or (major == 5 and profile[9]):
        _bad("version")
    return (4 if major == 5 else 2), 0


def _places(profile: bytes, space: bytes) -> dict[bytes, tuple[int, int]]:
    """Say where the rendering tags of a profile stand: offset and length, the first of each name.

    Engines pass over an entry that points outside the profile, as if it were not there.
    """
    (count,) = struct.unpack_from(">I", profile, 128)
    if count > limits.MAX_ICC_TAGS:
        _bad("tags")
    places: dict[bytes, tuple[int, int]] = {}
    for i in range(count):
        name, offset, length = struct.unpack_from(">4sII", profile, 132 + 12 * i)
        if not offset or not length or offset + length > len(profile):
            continue
        if name in RENDERING and _ONLY.get(name, space) == space:
            places.setdefault(name, (offset, length))
    return places


def _tags(profile: bytes, places: dict[bytes, tuple[int, int]], space: bytes) -> dict[bytes, bytes]:
    """Rebuild the tags that can be read; those that share a place (9.1) once.

    Places that overlap else would let a small profile become a large one.
    """
    distinct = set(places.values())
    if sum(length for _, length in distinct) > len(profile):
        _bad("tags that overlap")
    view = memoryview(profile)
    values = {(at, size): _value(view[at : at + size]) for at, size in distinct if at >= 132}
    tags: dict[bytes, bytes] = {}
    for name, place in places.items():
        new = values.get(place)
        if new is not None and new[:4] in _TYPES[name] and _has_channels(name, new, space):
            tags[name] = new
    return tags


def _has_channels(name: bytes, value: bytes, space: bytes) -> bool:
    """Whether a table goes from as many channels to as many as its profile says; engines take no other."""
    count = int(space[:1], 16) if space[1:] == b"CLR" else {b"GRAY": 1, b"CMYK": 4}.get(space, 3)
    if name in _FORWARD:
        return value[8:10] == bytes((count, 3))
    return name not in _BACKWARD or value[8:10] == bytes((3, count))


def _renders(space: bytes, tags: dict[bytes, bytes]) -> bool:
    """Whether an engine has what it needs to transform from the device to the PCS (8.3 to 8.5)."""
    if any(name in tags for name in _FORWARD):
        return True
    needed = {b"RGB ": (*_MATRIX[:3], *_CURVES[:3]), b"GRAY": (b"kTRC",)}.get(space)
    return needed is not None and all(name in tags for name in needed)


def _assemble(header: bytearray, tags: dict[bytes, bytes]) -> bytes:
    table = [struct.pack(">I", len(tags))]
    at = 132 + 12 * len(tags)
    body: list[bytes] = []
    shared: dict[bytes, int] = {}
    for name, value in tags.items():
        if value not in shared:
            shared[value] = at
            body += [value, bytes(-len(value) % 4)]
            at += len(value) + -len(value) % 4
        table.append(struct.pack(">4sII", name, shared[value], len(value)))
    if at > limits.MAX_ICC_BYTES:  # it would not be read again
        _bad("size")
    header[0:4] = struct.pack(">I", at)
    return b"".join((bytes(header), *table, *body))


def _text(major: int, text: str, kind: bytes) -> bytes:
    if major >= 4:  # 10.15 multiLocalizedUnicodeType
        raw = text.encode("utf-16-be")
        return struct.pack(">4sIII2s2sII", b"mluc", 0, 1, 12, b"en", b"US", len(raw), 28) + raw
    raw = text.encode("ascii") + b"\0"
    if kind == b"text":
        return b"text\0\0\0\0" + raw
    return b"desc\0\0\0\0" + struct.pack(">I", len(raw)) + raw + bytes(8 + 3 + 67)  # ICC.1:2001-04 6.5.17


def are_code_points(raw: bytes | memoryview) -> bool:
    """Whether four bytes are such of RGB (9.2.17; the same in PNG 11.3.2.6): the matrix is 0, and the last a flag."""
    return len(raw) == 4 and raw[2] == 0 and raw[3] < 2


# s15Fixed16Number: colours of the PCS and adaptations of white are of the order of one.
_GREATEST = 4 << 16
_IDENTITY = struct.pack(">9i", *(0x10000 * (i % 4 == 0) for i in range(9)))


def _are_small(raw: memoryview) -> bool:
    return all(abs(n) <= _GREATEST for n in struct.unpack(f">{len(raw) // 4}i", raw))


def _value(value: memoryview) -> bytes | None:
    """Rebuild a tag's value by its type; None where it cannot be read."""
    try:
        return _typed(bytes(value[:4]), value)
    except (_Bad, struct.error, IndexError, OverflowError):
        return None


def _typed(kind: bytes, value: memoryview) -> bytes:
    if kind in (b"XYZ ", b"sf32"):
        numbers = value[8 : 20 if kind == b"XYZ " else 44]
        if len(numbers) != (12 if kind == b"XYZ " else 36) or not _are_small(numbers):
            _bad("numbers")
        return b"".join((kind, bytes(4), numbers))
    if kind == b"cicp" and are_code_points(value[8:12]):
        return b"".join((kind, bytes(4), value[8:12]))
    if kind in (b"curv", b"para"):
        return _curve(value, 0)[0]
    if kind in (b"mft1", b"mft2"):
        return _lut(value)
    if kind in (b"mAB ", b"mBA "):
        return _lut_ab(value)
    return _bad("type")


def _curve(data: memoryview, at: int) -> tuple[bytes, int]:
    """Rebuild the curve (10.6, 10.18) that stands at `at`; give it with its length."""
    kind = bytes(data[at : at + 4])
    if kind == b"curv":
        (count,) = struct.unpack_from(">I", data, at + 8)
        length = 12 + 2 * count
        start = 12
    elif kind == b"para":
        (function,) = struct.unpack_from(">H", data, at + 8)
        if function > 4:
            _bad("function")
        length = 12 + 4 * (1, 3, 4, 5, 7)[function]
        start = 10
    else:
        _bad("curve")
    if at + length > len(data):
        _bad("curve length")
    head = (kind, bytes(4), data[at + 8 : at + start], bytes(12 - start))
    return b"".join((*head, data[at + 12 : at + length])), length


def _lut(value: memoryview) -> bytes:
    """Rebuild lut8Type or lut16Type (10.10, 10.11): its length follows from its counts."""
    inputs, outputs, grid = value[8], value[9], value[10]
    if not 1 <= inputs <= 15 or not 1 <= outputs <= 15:
        _bad("channels")
    # Engines use the matrix of three inputs only; for others than XYZ it should be the identity anyway.
    matrix = value[12:48] if inputs == 3 and _are_small(value[12:48]) else _IDENTITY
    head = b"".join((value[:4], bytes(4), bytes((inputs, outputs, grid, 0)), matrix))
    if bytes(value[:4]) == b"mft2":
        entries_in, entries_out = struct.unpack_from(">HH", value, 48)
        length = 2 * (entries_in * inputs + grid**inputs * outputs + entries_out * outputs)
        head += value[48:52]
    else:
        length = 256 * inputs + grid**inputs * outputs + 256 * outputs
    if len(head) + length > len(value):
        _bad("lut length")
    return b"".join((head, value[len(head) : len(head) + length]))


def _lut_ab(value: memoryview) -> bytes:
    """Rebuild lutAToBType or lutBToAType (10.12, 10.13), whose parts may stand anywhere, with gaps."""
    forward = bytes(value[:4]) == b"mAB "
    inputs, outputs = value[8], value[9]
    if not 1 <= inputs <= 15 or not 1 <= outputs <= 15:
        _bad("channels")
    b_at, matrix_at, m_at, clut_at, a_at = struct.unpack_from(">5I", value, 12)
    # The B curves are on the PCS side: outputs of A2B, inputs of B2A. M curves are on the same side.
    pcs, device = (outputs, inputs) if forward else (inputs, outputs)
    if not b_at:
        _bad("B curves")
    wanted = ((b_at, pcs), (matrix_at, _MATRIX_PART), (m_at, pcs), (clut_at, _CLUT_PART), (a_at, device))
    places: list[int] = []
    parts: list[bytes] = []
    shared = {(0, what): 0 for _, what in wanted}  # no place: no such part
    end = 32
    for at, what in wanted:
        if (at, what) not in shared:
            parts.append(_part(value, at, what, inputs, outputs))
            shared[at, what] = end
            end += len(parts[-1])
            if end > len(value) + 32:
                _bad("parts that overlap")
        places.append(shared[at, what])
    head = b"".join((value[:4], bytes(4), bytes((inputs, outputs, 0, 0)), struct.pack(">5I", *places)))
    return b"".join((head, *parts))


# What stands at a place of a table that is no set of so many curves.
_MATRIX_PART, _CLUT_PART = -1, -2


def _part(value: memoryview, at: int, what: int, inputs: int, outputs: int) -> bytes:
    if what == _CLUT_PART:
        return _clut(value, at, inputs, outputs)
    if what != _MATRIX_PART:
        return _curve_set(value, at, what)
    if at + 48 > len(value):
        _bad("matrix")
    return bytes(value[at : at + 48])


def _curve_set(value: memoryview, at: int, count: int) -> bytes:
    parts = []
    for _ in range(count):
        new, length = _curve(value, at)
        parts.append(new + bytes(-length % 4))
        at += length + -length % 4
    return b"".join(parts)


def _clut(value: memoryview, at: int, inputs: int, outputs: int) -> bytes:
    precision = value[at + 16]
    if precision not in (1, 2):
        _bad("precision")
    size = precision * outputs
    for points in value[at : at + inputs]:
        size *= points
        if not 0 < size <= limits.MAX_ICC_BYTES:
            _bad("grid")
    if at + 20 + size > len(value):
        _bad("grid length")
    head = (value[at : at + inputs], bytes(16 - inputs), bytes((precision, 0, 0, 0)))
    return b"".join((*head, value[at + 20 : at + 20 + size], bytes(-size % 4)))


def tags_of(profile: bytes) -> frozenset[bytes]:
    """Give the signatures of the tags of a profile that `reduce` wrote."""
    (count,) = struct.unpack_from(">I", profile, 128)
    return frozenset(profile[132 + 12 * i : 136 + 12 * i] for i in range(count))


def verify(profile: bytes, offset: int = 0) -> None:
    """Refuse a profile that `reduce` would not have written.

    Raises
    ------
    ImageRefused
        With `offset`, where the profile stands in its file.
    """
    if reduce(profile) != bytes(profile):
        raise ImageRefused("Expected an ICC profile of rendering tags only; found more", offset=offset)
