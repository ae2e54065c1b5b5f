"""Item properties and sample entry boxes that rendering needs, each rebuilt from its fields.

ISO/IEC 23008-12, 6.5 (item properties); ISO/IEC 14496-12, 12.1 (colr, pasp, clap); AVIF 1.1, 2.3 (a1op, lsel).
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from fractions import Fraction

from photogate.formats import icc, light, limits
from photogate.formats.av1_units import av1c
from photogate.formats.bmff_boxes import Box, Fields, box, full_box
from photogate.formats.bmff_coded import Dropped
from photogate.formats.container import refuse
from photogate.formats.hevc_units import Used, hvcc

__all__ = ["ESSENTIAL", "KNOWN", "rebuild", "says_alpha"]

# 23008-12, 6.5.8 and MIAF 7.3.5: auxiliary pictures that say how transparent the master is. Any other auxiliary
# picture (depth, gain map, matte, ...) shows the scene again.
_ALPHA = frozenset({b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha", b"urn:mpeg:hevc:2015:auxid:1"})

# What a reader must understand to show the item (23008-12, 6.5; AV1-ISOBMFF 2.3; AVIF 2.3.2).
ESSENTIAL = frozenset({b"hvcC", b"av1C", b"clap", b"irot", b"imir", b"a1op", b"lsel"})


def says_alpha(data: bytes, at: int, end: int) -> bool:
    """Whether an auxiliary type says transparency; libheif takes one without its zero byte for another."""
    name, zero, _ = data[at:end].partition(b"\0")
    return bool(zero) and name in _ALPHA


def _ispe(fields: Fields) -> bytes:
    fields.version()
    return full_box(b"ispe", 0, 0, fields.raw(8))


def _pixi(fields: Fields) -> bytes | None:
    fields.version()
    depths = fields.raw(fields.uint(1))
    fits = 1 <= len(depths) <= 4 and all(1 <= depth <= 16 for depth in depths)
    return full_box(b"pixi", 0, 0, bytes((len(depths),)), depths) if fits else None


def _colr(fields: Fields) -> bytes | None:
    kind = fields.raw(4)
    if kind == b"nclx":
        codes = fields.raw(6)  # H.273 has codes of 8 bits
        full_range = bytes((fields.uint(1) & 0x80,))
        return None if any(codes[::2]) else box(b"colr", kind, codes, full_range)
    if kind in (b"prof", b"rICC"):
        profile = icc.reduce(fields.raw(fields.left()))
        return None if profile is None else box(b"colr", b"prof", profile)
    return None


def _auxc(kind: bytes) -> Callable[[Fields], bytes | None]:
    def rebuilt(fields: Fields) -> bytes | None:
        fields.version()
        name = fields.string()
        return full_box(kind, 0, 0, name + b"\0") if name in _ALPHA else None

    return rebuilt


def _pasp(fields: Fields) -> bytes | None:
    across, down = fields.many("II")
    if not across or not down:
        return None
    shape = Fraction(across, down)
    fits = max(shape.numerator, shape.denominator) <= limits.MAX_DIMENSION
    return box(b"pasp", struct.pack(">II", shape.numerator, shape.denominator)) if fits else None


def _clap(fields: Fields) -> bytes | None:
    """Rebuild a clean aperture: width, height and offset of the middle, as fractions in their lowest terms."""
    numbers = fields.many("IIIIiIiI")
    out: list[int] = []
    for over, under in zip(numbers[::2], numbers[1::2], strict=True):
        if not under:
            return None
        out += Fraction(over, under).as_integer_ratio()
        if max(abs(out[-2]), out[-1]) > limits.MAX_DIMENSION:
            return None
    return box(b"clap", struct.pack(">IIIIiIiI", *out))


def _mdcv(fields: Fields) -> bytes | None:
    new = light.mastering(fields.raw(24), "GBR")
    return None if new is None else box(b"mdcv", new)


def _clli(fields: Fields) -> bytes | None:
    levels = light.content(*fields.many("HH"))
    return None if levels is None else box(b"clli", struct.pack(">HH", *levels))


def _ccst(fields: Fields) -> bytes:
    fields.version()
    return full_box(b"ccst", 0, 0, bytes((fields.uint(1) & 0xFC, 0, 0, 0)))


def _plain(kind: bytes, size: int, mask: int = 0xFF) -> Callable[[Fields], bytes]:
    def rebuilt(fields: Fields) -> bytes:
        raw = fields.raw(size)
        return box(kind, bytes(b & mask for b in raw) if mask != 0xFF else raw)

    return rebuilt


_REBUILD: dict[bytes, Callable[[Fields], bytes | None]] = {
    b"ispe": _ispe,
    b"pixi": _pixi,
    b"colr": _colr,
    b"auxC": _auxc(b"auxC"),
    b"auxi": _auxc(b"auxi"),
    b"irot": _plain(b"irot", 1, 3),
    b"imir": _plain(b"imir", 1, 1),
    b"pasp": _pasp,
    b"clap": _clap,
    b"clli": _clli,
    b"mdcv": _mdcv,
    b"a1op": _plain(b"a1op", 1, 31),
    b"lsel": _plain(b"lsel", 2),
    b"ccst": _ccst,
}


# A reader passes over an item with an essential property that it does not know (23008-12, 9.3.1).
KNOWN = frozenset({*_REBUILD, b"hvcC", b"av1C"})


def rebuild(data: bytes, found: Box, dropped: Dropped, used: Used | None = None) -> bytes | None:
    """Write a property again from its fields; None where rendering does not need it.

    Parameters
    ----------
    used
        Of an HEVC configuration, the parameter sets that pictures use.
    """
    if found.kind == b"hvcC":
        return box(b"hvcC", hvcc(data, found.body, found.end, dropped, used or Used()))
    if found.kind == b"av1C":
        return box(b"av1C", av1c(data, found.body, found.end, dropped)[0])
    how = _REBUILD.get(found.kind)
    if how is None:
        return None
    fields = Fields(data, found.body, found.end)
    new = how(fields)
    if new is not None and fields.left():
        dropped.count += 1
    if new is not None and len(new) > found.end - found.start + 65_536:
        refuse("Expected a property that does not grow; found one that does", found.start)
    return new
