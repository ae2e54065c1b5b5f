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

__all__ = ["RENDERING", "reduce", "tags_of", "verify"]

_CLASSES = frozenset({b"scnr", b"mntr", b"prtr", b"spac", b"link", b"abst"})
_SPACES = frozenset(
    {b"XYZ ", b"Lab ", b"Luv ", b"YCbr", b"Yxy ", b"RGB ", b"GRAY", b"HSV ", b"HLS ", b"CMYK", b"CMY "}
    | {b"%cCLR" % digit for digit in b"23456789ABCDEF"}
)

_MATRIX = (b"rXYZ", b"gXYZ", b"bXYZ", b"wtpt")
_CURVES = (b"rTRC", b"gTRC", b"bTRC", b"kTRC")
_TABLES = (b"A2B0", b"A2B1", b"A2B2", b"B2A0", b"B2A1", b"B2A2")
# 8.3.4, 8.4.2: what only profiles of one colour space use; in others nothing reads it.
_ONLY = {b"kTRC": b"GRAY", **dict.fromkeys((*_MATRIX[:3], *_CURVES[:3]), b"RGB ")}
RENDERING = frozenset({*_MATRIX, *_CURVES, *_TABLES, b"chad", b"cicp"})

_NAME = "Colour profile"
_RIGHTS = "Not stated"


class _Bad(Exception):
    """The profile does not parse."""


@functools.lru_cache(maxsize=32)
def _reduce_cached(profile: bytes) -> bytes | None:
    return _reduce(profile)


def reduce(profile: bytes) -> bytes | None:
    """Build the same colour transform without identity.

    Parameters
    ----------
    profile
        An ICC profile, possibly with a tail.

    Returns
    -------
    bytes or None
        The new profile; None where it does not parse, and a renderer would ignore it too: then the container leaves it
        out. Reducing twice changes nothing.
    """
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
    major, minor = profile[8], profile[9] & 0xF0
    kind, space, pcs = profile[12:16], profile[16:20], profile[20:24]
    if kind not in _CLASSES or space not in _SPACES or pcs not in _SPACES or major not in (2, 4):
        _bad("class")
    intent = int.from_bytes(profile[64:68], "big") & 0xFFFF
    header = bytearray(128)
    header[8:12] = bytes((major, minor, 0, 0))
    header[12:24] = kind + space + pcs
    header[36:40] = b"acsp"
    header[64:68] = struct.pack(">I", intent if intent < 4 else 0)
    header[68:80] = struct.pack(">3i", 63190, 65536, 54061)  # 7.2.16: the PCS illuminant is D50, always
    tags: dict[bytes, bytes] = {}
    (count,) = struct.unpack_from(">I", profile, 128)
    if count > limits.MAX_ICC_TAGS:
        _bad("tags")
    for i in range(count):
        name, offset, length = struct.unpack_from(">4sII", profile, 132 + 12 * i)
        if name not in RENDERING or name in tags or _ONLY.get(name, space) != space:
            continue
        if offset < 132 or offset + length > len(profile) or length < 8:
            _bad("tag")
        if (new := _tag(name, profile[offset : offset + length])) is not None:
            tags[name] = new
    if not tags:
        _bad("no rendering tags")
    tags = {b"desc": _text(major, _NAME, b"desc"), b"cprt": _text(major, _RIGHTS, b"text"), **tags}
    return _assemble(header, tags)


def _assemble(header: bytearray, tags: dict[bytes, bytes]) -> bytes:
    table = [struct.pack(">I", len(tags))]
    at = 132 + 12 * len(tags)
    body: list[bytes] = []
    shared: dict[bytes, int] = {}
    for name, value in tags.items():
        if value not in shared:
            shared[value] = at
            padded = value + bytes(-len(value) % 4)
            body.append(padded)
            at += len(padded)
        table.append(struct.pack(">4sII", name, shared[value], len(value)))
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


# s15Fixed16Number: colours of the PCS and adaptations of white are of the order of one.
_GREATEST = 4 << 16
_IDENTITY = struct.pack(">9i", *(0x10000 * (i % 4 == 0) for i in range(9)))


def _are_small(raw: bytes) -> bool:
    return all(abs(n) <= _GREATEST for n in struct.unpack(f">{len(raw) // 4}i", raw))


def _tag(name: bytes, value: bytes) -> bytes | None:
    kind = value[:4]
    head = kind + bytes(4)
    if name in _MATRIX:
        if kind != b"XYZ " or len(value) < 20:
            _bad("XYZ")
        if not _are_small(value[8:20]):
            return None if name == b"wtpt" else _bad("XYZ")
        return head + value[8:20]
    if name in _CURVES:
        return _curve(value, 0)[0]
    if name == b"chad":
        if kind != b"sf32" or len(value) < 44:
            _bad("sf32")
        return head + value[8:44] if _are_small(value[8:44]) else None
    if name == b"cicp":
        return head + value[8:12] if kind == b"cicp" and len(value) >= 12 else None
    if kind in (b"mft1", b"mft2"):
        return _lut(value)
    if kind in (b"mAB ", b"mBA "):
        return _lut_ab(value)
    return _bad("table type")


def _curve(data: bytes, at: int) -> tuple[bytes, int]:
    """Rebuild the curve (10.6, 10.18) that stands at `at`; give it with its length."""
    kind = data[at : at + 4]
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
    new = kind + bytes(4) + data[at + 8 : at + start]
    if kind == b"para":
        new += bytes(2)
    return new + data[at + 12 : at + length], length


def _lut(value: bytes) -> bytes:
    """Rebuild lut8Type or lut16Type (10.10, 10.11): its length follows from its counts."""
    inputs, outputs, grid = value[8], value[9], value[10]
    if not 1 <= inputs <= 15 or not 1 <= outputs <= 15:
        _bad("channels")
    # Engines use the matrix of three inputs only; for others than XYZ it should be the identity anyway.
    matrix = value[12:48] if inputs == 3 and _are_small(value[12:48]) else _IDENTITY
    head = value[:4] + bytes(4) + bytes((inputs, outputs, grid, 0)) + matrix
    if value[:4] == b"mft2":
        entries_in, entries_out = struct.unpack_from(">HH", value, 48)
        length = 2 * (entries_in * inputs + grid**inputs * outputs + entries_out * outputs)
        head += value[48:52]
    else:
        length = 256 * inputs + grid**inputs * outputs + 256 * outputs
    if len(head) + length > len(value):
        _bad("lut length")
    return head + value[len(head) : len(head) + length]


def _lut_ab(value: bytes) -> bytes:
    """Rebuild lutAToBType or lutBToAType (10.12, 10.13), whose parts may stand anywhere, with gaps."""
    forward = value[:4] == b"mAB "
    inputs, outputs = value[8], value[9]
    if not 1 <= inputs <= 15 or not 1 <= outputs <= 15:
        _bad("channels")
    b_at, matrix_at, m_at, clut_at, a_at = struct.unpack_from(">5I", value, 12)
    # The B curves are on the PCS side: outputs of A2B, inputs of B2A. M curves are on the same side.
    pcs, device = (outputs, inputs) if forward else (inputs, outputs)
    parts: list[tuple[int, bytes]] = []
    if not b_at:
        _bad("B curves")
    parts.append((0, _curve_set(value, b_at, pcs)))
    if matrix_at:
        if matrix_at + 48 > len(value):
            _bad("matrix")
        parts.append((1, value[matrix_at : matrix_at + 48]))
    if m_at:
        parts.append((2, _curve_set(value, m_at, pcs)))
    if clut_at:
        parts.append((3, _clut(value, clut_at, inputs, outputs)))
    if a_at:
        parts.append((4, _curve_set(value, a_at, device)))
    places = [0] * 5
    at = 32
    for which, part in parts:
        places[which] = at
        at += len(part)
    head = value[:4] + bytes(4) + bytes((inputs, outputs, 0, 0)) + struct.pack(">5I", *places)
    return b"".join((head, *(part for _, part in parts)))


def _curve_set(value: bytes, at: int, count: int) -> bytes:
    parts = []
    for _ in range(count):
        new, length = _curve(value, at)
        parts.append(new + bytes(-length % 4))
        at += length + -length % 4
    return b"".join(parts)


def _clut(value: bytes, at: int, inputs: int, outputs: int) -> bytes:
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
    new = value[at : at + inputs] + bytes(16 - inputs) + bytes((precision, 0, 0, 0)) + value[at + 20 : at + 20 + size]
    return new + bytes(-len(new) % 4)


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
