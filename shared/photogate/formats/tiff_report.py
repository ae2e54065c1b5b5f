"""What the tags of a TIFF's pages say that do not stay, with the Exif and GPS directories below them, by category.

Nothing of it is needed to write the pages again, so it is read leniently: what does not parse is counted as one.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from photogate.findings import MetadataCategory
from photogate.formats import c2pa, exif, iptc, xmp
from photogate.formats.container import Context
from photogate.formats.tiff_file import SIZES, XMP, File, Page

__all__ = ["report"]

_C = MetadataCategory
_IPTC, _PHOTOSHOP, _EXIF, _GPS, _INTEROP, _SUB = 33723, 34377, 34665, 34853, 40965, 330
_MAKER_NOTE = 37500
# C2PA 2.1, A.3: the manifest store of a TIFF.
_C2PA = 52545
_NAMES = {XMP: "XMP", _IPTC: "IPTC", _PHOTOSHOP: "Photoshop", _EXIF: "Exif IFD", _GPS: "GPS IFD", _SUB: "SubIFDs"}
_BELOW = {_EXIF: "Exif IFD", _GPS: "GPS IFD", _INTEROP: "Interoperability IFD"}
_CATEGORIES = {_IPTC: _C.IDENTITY, _PHOTOSHOP: _C.OTHER, _EXIF: _C.OTHER, _GPS: _C.LOCATION, _SUB: _C.THUMBNAIL}
_LONGS = {4: "I", 13: "I", 16: "Q", 18: "Q"}
# How much of a text is looked at: generators sign early. Manifest stores that are read: a file has one.
_TEXT, _STORES = 4096, 4


@dataclass(frozen=True, slots=True)
class _Seen:
    """Where directories and stores stand that were read: pages may share them."""

    directories: set[int] = field(default_factory=set)
    stores: set[int] = field(default_factory=set)


def report(file: File, stays: frozenset[int], context: Context) -> None:
    """Note in `context` what goes with the tags of all pages that are not among `stays`, and marks of origin."""
    seen = _Seen()
    for page in file.pages:
        if page.reduced and page is not file.pages[0]:
            context.drop(_C.THUMBNAIL, "reduced page or mask")
        for tag in page.entries:
            if tag not in stays:
                _tag(file, page, tag, context, seen)


def _tag(file: File, page: Page, tag: int, context: Context, seen: _Seen) -> None:
    """Note one tag."""
    at = page.entries[tag].at
    if tag == XMP:
        xmp.read(file.raw(page, tag), context, "XMP tag")
    elif tag in (_IPTC, _PHOTOSHOP):
        iptc.read(_records(file.raw(page, tag)), context, f"{_NAMES[tag]} tag")
    elif tag == _C2PA and at not in seen.stores and len(seen.stores) < _STORES:
        seen.stores.add(at)
        c2pa.read(file.raw(page, tag), context, "C2PA tag")
    elif tag == _C2PA:
        context.drop(_C.PROVENANCE, "C2PA tag")
    elif tag in (_EXIF, _GPS):
        _directories(file, page, tag, context, seen.directories)
    else:
        if exif.signed(tag):
            context.text(file.raw(page, tag, min(_TEXT, context.look)))
        context.drop(_CATEGORIES.get(tag, exif.category_of(tag)), _NAMES.get(tag, "tag of a page"))


def _records(raw: bytes) -> bytes:
    """Give IPTC's records in their order: writers that call them LONG swap the bytes of each four."""
    if raw[:1] != b"\x1c" and raw[3:4] == b"\x1c":
        return b"".join(raw[i : i + 4][::-1] for i in range(0, len(raw), 4))
    return raw


def _directories(file: File, page: Page, tag: int, context: Context, seen: set[int]) -> None:
    """Count what an Exif or GPS directory holds (CIPA DC-008, 4.6.3), and the interoperability directory below it."""
    counts: dict[tuple[MetadataCategory, str], int] = {}
    entry = page.entries[tag]
    first = file.one(page, tag, 0) if entry.type in _LONGS else 0
    todo = [(_BELOW[tag], first)] if first not in seen else []
    while todo:
        ifd, start = todo.pop()
        seen.add(start)
        for inner, kind, count, at in _entries(file, start, context):
            if inner == _INTEROP and kind in _LONGS and count:
                (below,) = struct.unpack_from(file.order + _LONGS[kind], file.data, at)
                if below not in seen:
                    todo.append((_BELOW[inner], below))
                continue
            category = _C.LOCATION if ifd == "GPS IFD" else exif.category_of(inner)
            name = "MakerNote" if inner == _MAKER_NOTE else ifd
            counts[category, name] = counts.get((category, name), 0) + 1
            if inner == _MAKER_NOTE:  # makers keep serial numbers and owners' names there
                counts[_C.IDENTITY, name] = 1
            if exif.signed(inner) and ifd == "Exif IFD":
                context.text(file.data[at : at + min(count * SIZES.get(kind, 0), _TEXT)])
    for (category, name), number in counts.items():
        context.drop(category, name, number)
    if not counts:
        context.drop(_CATEGORIES[tag], _NAMES[tag])


def _entries(file: File, start: int, context: Context) -> Iterator[tuple[int, int, int, int]]:
    """Give the entries of a directory as (tag, type, count, where the value is); the count of one outside is 0."""
    number_size, size, inline = (8, 20, 8) if file.big else (2, 12, 4)
    if start < 8 or start + number_size > len(file.data):
        return
    (number,) = struct.unpack_from(file.order + ("Q" if file.big else "H"), file.data, start)
    for i in range(min(number, (len(file.data) - start - number_size) // size, context.entries)):
        context.entries -= 1
        at = start + number_size + size * i
        tag, kind, count = struct.unpack_from(file.order + "HH" + file.wide, file.data, at)
        at += size - inline
        length = SIZES.get(kind, 1) * count
        if length > inline:
            (at,) = struct.unpack_from(file.order + file.wide, file.data, at)
        yield tag, kind, count if at + length <= len(file.data) else 0, at
