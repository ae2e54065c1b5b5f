"""IPTC's Information Interchange Model 4.2, and Photoshop's image resources that carry it: read, then dropped.

The files that carry it: JPEG (APP13), TIFF (tags 33723 and 34377), PNG (ImageMagick's raw profiles).
"""

from __future__ import annotations

from collections.abc import Iterator

from photogate.findings import MetadataCategory
from photogate.formats import limits
from photogate.formats.container import Context
from photogate.formats.rights import NO_RIGHTS, Rights, decoded

__all__ = ["DIGEST", "RECORDS", "category_of", "data_sets", "read", "resources"]

_C = MetadataCategory
# Photoshop's image resources: IPTC's records, and the MD5 of them when XMP was last brought in line.
RECORDS, DIGEST = 0x0404, 0x0425
_PHOTOSHOP = b"Photoshop 3.0\0"
_BYLINE, _COPYRIGHT = 80, 116
_CATEGORIES = {
    **dict.fromkeys((26, 27, 90, 92, 95, 100, 101), _C.LOCATION),
    **dict.fromkeys((30, 35, 37, 38, 47, 55, 60, 62, 63), _C.TIME),
    **dict.fromkeys((65, 70), _C.DEVICE),
    **dict.fromkeys((80, 85, 110, 115, 116, 118, 122), _C.IDENTITY),
    **dict.fromkeys((3, 5, 7, 12, 15, 20, 25, 40, 105, 120, 121), _C.COMMENT),
}
_RESOURCE_CATEGORIES = {0x0409: _C.THUMBNAIL, 0x040C: _C.THUMBNAIL, 0x040B: _C.IDENTITY, 0x0421: _C.DEVICE}


def category_of(record: int, number: int) -> MetadataCategory:
    """Say what kind of information a data set holds."""
    return _CATEGORIES.get(number, _C.OTHER) if record == 2 else _C.OTHER


def resources(block: bytes) -> Iterator[tuple[int, int, int, int]]:
    """Walk Photoshop's image resources: (number, where it starts, where its data starts, where its data ends)."""
    at = len(_PHOTOSHOP) if block.startswith(_PHOTOSHOP) else 0
    for _ in range(limits.MAX_SEGMENTS):
        if block[at : at + 4] != b"8BIM" or at + 12 > len(block):
            return
        first = at
        number = int.from_bytes(block[at + 4 : at + 6], "big")
        at += 6 + (1 + block[at + 6] + 1) // 2 * 2  # a name of even length, its length byte counted
        size = int.from_bytes(block[at : at + 4], "big")
        at += 4
        if at + size > len(block):
            return
        yield number, first, at, at + size
        at += size + size % 2


def data_sets(block: bytes, most: int = limits.MAX_EXIF_ENTRIES) -> Iterator[tuple[int, int, int, int, int]]:
    """Walk data sets (IIM 1.5): (record, number, where it starts, where its value starts, where it ends)."""
    at = 0
    for _ in range(most):
        if at + 5 > len(block) or block[at] != 0x1C:
            return
        first, record, number = at, block[at + 1], block[at + 2]
        size = int.from_bytes(block[at + 3 : at + 5], "big")
        at += 5
        if size & 0x8000:  # an extended data set: the length of its length
            wide = size & 0x7FFF
            size = int.from_bytes(block[at : at + min(wide, 8)], "big")
            at += wide
        if at + size > len(block):
            return
        yield record, number, first, at, at + size
        at += size


def read(block: bytes, context: Context, where: str) -> None:
    """Read image resources, or records that stand alone; and note in `context` what they hold.

    By-line (2:80) and Copyright Notice (2:116) become claims of rights; a digest that is not that of the records tells
    that they were changed without XMP.
    """
    rights = NO_RIGHTS
    counted = False
    digest: bytes | None = None
    records: bytes | None = None
    for number, _, at, end in resources(block):
        counted = True
        if number == RECORDS:
            records = block[at:end]
            rights = _records(records, context, f"{where} IPTC")
        elif number == DIGEST:
            digest = block[at:end]
        else:
            context.drop(_RESOURCE_CATEGORIES.get(number, _C.OTHER), where)
    if block[:1] == b"\x1c":
        rights = _records(block, context, where)
    elif not counted:
        context.drop(_C.OTHER, where)
    context.claims.iptc = context.claims.iptc.otherwise(rights)
    if context.keep and digest and records is not None:
        import hashlib  # only a policy that keeps rights asks which of two names is the newer

        context.claims.iptc_is_newer = hashlib.md5(records, usedforsecurity=False).digest() != digest


def _records(block: bytes, context: Context, where: str) -> Rights:
    counts: dict[MetadataCategory, int] = {}
    texts: dict[int, list[str]] = {_BYLINE: [], _COPYRIGHT: []}
    utf8 = False
    for record, number, _, at, end in data_sets(block, min(context.entries, limits.MAX_EXIF_ENTRIES)):
        context.entries -= 1
        category = category_of(record, number)
        counts[category] = counts.get(category, 0) + 1
        if (record, number) == (1, 90):
            utf8 = block[at:end] == b"\x1b%G"
        elif record == 2 and number in texts and sum(map(len, texts[number])) < limits.MAX_RIGHTS_BYTES:
            raw = block[at : min(end, at + limits.MAX_RIGHTS_BYTES)]
            texts[number].append(raw.decode("utf-8", "replace") if utf8 else decoded(raw))
        elif record == 2:
            context.text(block[at : min(end, at + 4096)])
    for category, count in (counts or {_C.OTHER: 1}).items():
        context.drop(category, where, count)
    return Rights("; ".join(texts[_COPYRIGHT]), "; ".join(texts[_BYLINE]))
