"""Exif (CIPA DC-008, JEITA CP-3451) as containers carry it: a small TIFF structure.

Only two things are read for use: the orientation, and the rights fields that a policy may keep. All else is counted by
category, from tag numbers alone.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from photogate.errors import ImageRefused
from photogate.findings import MetadataCategory
from photogate.formats import limits
from photogate.formats.container import Context
from photogate.formats.rights import NO_RIGHTS, Rights, decoded

__all__ = [
    "ARTIST",
    "COPYRIGHT",
    "ORIENTATION",
    "Exif",
    "build",
    "category_of",
    "orientation_of",
    "read",
    "rights_of",
    "signed",
    "verify",
]

ORIENTATION = 0x0112
ARTIST = 0x013B
COPYRIGHT = 0x8298
_EXIF_IFD, _GPS_IFD, _INTEROP_IFD = 0x8769, 0x8825, 0xA005
_MAKER_NOTE = 0x927C
# Texts in which generators sign: software fields, descriptions, comments; ComfyUI writes its graph to Make and Model.
_SIGNED = frozenset(
    {0x000B, 0x010E, 0x010F, 0x0110, 0x0131, 0x013B, 0x9286, 0x9C9B, 0x9C9C, 0x9C9E, 0x9C9F, 0xA436, 0xA43B}
)

_C = MetadataCategory
# Tags that say more than how the picture is built, by what they say; what is in none of the sets is `other`.
_CATEGORIES: dict[int, MetadataCategory] = {
    **dict.fromkeys((0x0132, 0x9003, 0x9004, 0x9010, 0x9011, 0x9012, 0x9290, 0x9291, 0x9292, 0x882A), _C.TIME),
    **dict.fromkeys((0x010F, 0x0110, 0x0131, 0x013C, 0xA431, 0xA432, 0xA433, 0xA434, 0xA435, 0x927C), _C.DEVICE),
    **dict.fromkeys((0x829A, 0x829D, 0x8827, 0x9201, 0x9202, 0x9205, 0x9206, 0x920A, 0xA405, 0xC614), _C.DEVICE),
    **dict.fromkeys((0x013B, 0x8298, 0xA430, 0x9C9D, 0xA420, 0x83BB, 0xA437, 0xA438, 0xA439, 0xA43A), _C.IDENTITY),
    **dict.fromkeys((0x010E, 0x9286, 0x9C9B, 0x9C9C, 0x9C9E, 0x9C9F, 0x010D, 0xA436, 0x02BC, 0x000B), _C.COMMENT),
    **dict.fromkeys((0x0201, 0x0202, 0x014A, 0x501B), _C.THUMBNAIL),
    0x8825: _C.LOCATION,
}

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_INTEGERS = {3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 13: "I"}


@dataclass(frozen=True, slots=True)
class Exif:
    """What is used of an Exif block. `orientation` is None where the block has none."""

    orientation: int | None = None
    rights: Rights = NO_RIGHTS


def _without_prefix(block: bytes) -> bytes:
    """Leave out the identifier, which some writers put there twice; Pillow skips each."""
    at = 0
    while block[at : at + 6] == b"Exif\0\0":
        at += 6
    return block[at:]


def category_of(tag: int) -> MetadataCategory:
    """Say what kind of personal information a TIFF or Exif tag holds."""
    return _CATEGORIES.get(tag, MetadataCategory.OTHER)


def signed(tag: int) -> bool:
    """Say whether generators sign in the text of a TIFF or Exif tag."""
    return tag in _SIGNED


def read(block: bytes, context: Context, where: str = "Exif") -> Exif:
    r"""Read an Exif block leniently, and note in `context` what it holds.

    Parameters
    ----------
    block
        From the TIFF header on; a leading ``Exif\0\0`` is skipped.
    context
        Takes the counts by category, and marks of origin.
    where
        The carrier's name, e.g. ``APP1 Exif``.

    Returns
    -------
    Exif
        Nothing in it where the block does not parse: then no decoder turns the picture by it either.
    """
    block = _without_prefix(block)
    if block[:4] not in (b"II*\0", b"MM\0*") or len(block) < 8:
        context.drop(MetadataCategory.OTHER, where)
        return Exif()
    order = "<" if block[:2] == b"II" else ">"
    counts: dict[tuple[MetadataCategory, str], int] = {}
    orientation: int | None = None
    rights = {ARTIST: "", COPYRIGHT: ""}
    found = False
    if not context.entries:
        context.drop(MetadataCategory.OTHER, where)
        return Exif(orientation_of(block))
    for ifd, tag, kind, count, at in _entries(block, order):
        found = True
        context.entries = max(context.entries - 1, 0)
        category = MetadataCategory.LOCATION if ifd == "GPS IFD" else category_of(tag)
        if ifd == "IFD1":
            category = MetadataCategory.THUMBNAIL
        if ifd == "IFD0" and tag == ORIENTATION:
            if orientation is None and count:
                orientation = _value(block, at, order, kind)
            continue
        name = "MakerNote" if tag == _MAKER_NOTE else ifd
        counts[category, name] = counts.get((category, name), 0) + 1
        if tag == _MAKER_NOTE:  # makers keep serial numbers and owners' names there
            counts[MetadataCategory.IDENTITY, name] = 1
        if tag in _SIGNED:
            context.text(block[at : at + min(count, 4096)])
        if tag in rights and ifd == "IFD0" and kind in (2, 129):
            rights[tag] = decoded(block[at : at + min(count, limits.MAX_RIGHTS_BYTES)])
    for (category, name), number in counts.items():
        context.drop(category, f"{where} {name}", number)
    if not found:
        context.drop(MetadataCategory.OTHER, where)
    kept = _rights(rights)
    context.claims.exif = context.claims.exif.otherwise(kept)
    return Exif(orientation, kept)


def orientation_of(block: bytes) -> int | None:
    r"""Read the orientation alone, from the first directory; None where there is none, or no Exif."""
    block = _without_prefix(block)
    if block[:4] not in (b"II*\0", b"MM\0*") or len(block) < 10:
        return None
    order = "<" if block[:2] == b"II" else ">"
    (first,) = struct.unpack_from(order + "I", block, 4)
    if first + 2 > len(block):
        return None
    (number,) = struct.unpack_from(order + "H", block, first)
    number = min(number, (len(block) - first - 2) // 12)
    for tag, kind, count, inline in struct.iter_unpack(order + "HHI4s", block[first + 2 : first + 2 + 12 * number]):
        if tag == ORIENTATION and count:
            return _value(inline, 0, order, kind)
    return None


def _value(block: bytes, at: int, order: str, kind: int) -> int:
    """Read an orientation; 1 for a value or type that decoders turn nothing by: a tag that is there hides XMP's."""
    (value,) = struct.unpack_from(order + _INTEGERS[kind], block, at) if kind in _INTEGERS else (1,)
    return value if 1 <= value <= 8 else 1


def rights_of(block: bytes) -> Rights:
    """Read the rights fields alone."""
    return read(block, Context()).rights


def _rights(found: dict[int, str]) -> Rights:
    return Rights(copyright=found[COPYRIGHT], creator=found[ARTIST])


def _entries(block: bytes, order: str) -> Iterator[tuple[str, int, int, int, int]]:
    """Walk IFD0, IFD1 and the Exif, GPS and interoperability directories.

    Yields (IFD, tag, type, count, where the value is); the count is 0 where the value lies outside of the block.
    """
    (first,) = struct.unpack_from(order + "I", block, 4)
    todo = [("IFD0", first)]
    seen: set[int] = set()
    left = limits.MAX_EXIF_ENTRIES
    entry = struct.Struct(order + "HHI4s")
    while todo:
        name, at = todo.pop(0)
        if at < 8 or at + 2 > len(block) or at in seen:
            continue
        seen.add(at)
        (number,) = struct.unpack_from(order + "H", block, at)
        number = min(number, (len(block) - at - 2) // 12, left)
        left -= number
        for tag, kind, count, inline in entry.iter_unpack(block[at + 2 : at + 2 + 12 * number]):
            size = _SIZES.get(kind, 1) * count
            where = at + 10
            if size > 4:
                (where,) = struct.unpack(order + "I", inline)
            at += 12
            if kind in (4, 13) and tag in (_EXIF_IFD, _GPS_IFD, _INTEROP_IFD):
                (target,) = struct.unpack(order + "I", inline)
                todo.append((_NAMES[tag], target))
                continue
            if where + size > len(block):
                count = 0
            yield name, tag, kind, count, where
        if name == "IFD0" and at + 6 <= len(block):
            todo.append(("IFD1", struct.unpack_from(order + "I", block, at + 2)[0]))


_NAMES = {_EXIF_IFD: "Exif IFD", _GPS_IFD: "GPS IFD", _INTEROP_IFD: "Interoperability IFD"}


def build(orientation: int = 1, rights: Rights = NO_RIGHTS) -> bytes:
    r"""Write the smallest Exif block: the orientation, and rights where they are kept.

    Returns
    -------
    bytes
        From the TIFF header on, without ``Exif\0\0``; empty where there is nothing to say (orientation 1, no rights).
    """
    entries: list[tuple[int, int, int, bytes]] = []
    if orientation != 1:
        entries.append((ORIENTATION, 3, 1, struct.pack(">HH", orientation, 0)))
    for tag, text in ((ARTIST, rights.creator), (COPYRIGHT, rights.copyright)):
        if text:
            raw = text.encode("utf-8")[: limits.MAX_RIGHTS_BYTES - 1].decode("utf-8", "ignore").encode() + b"\0"
            entries.append((tag, 2, len(raw), raw))
    if not entries:
        return b""
    at = 8 + 2 + 12 * len(entries) + 4
    table, tail = [struct.pack(">H", len(entries))], []
    for tag, kind, count, raw in entries:
        value = raw.ljust(4, b"\0")
        if len(value) > 4:
            tail.append(value + bytes(len(value) % 2))
            value = struct.pack(">I", at)
            at += len(tail[-1])
        table.append(struct.pack(">HHI4s", tag, kind, count, value))
    return b"".join((b"MM\0*\0\0\0\x08", *table, bytes(4), *tail))


def verify(block: bytes, offset: int = 0) -> int:
    """Accept only what `build` writes; give its orientation.

    Raises
    ------
    ImageRefused
        With `offset`, where the block stands in its file.
    """
    found = read(block, Context())
    orientation = found.orientation or 1
    if not block or build(orientation, found.rights.cleaned()) != bytes(block):
        raise ImageRefused("Expected Exif with an orientation (and kept rights) only; found more", offset=offset)
    return orientation
