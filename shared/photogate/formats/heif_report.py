"""What of a HEIF or AVIF file goes: counted by category, and read for what it says about the picture's origin."""

from __future__ import annotations

import zlib
from collections.abc import Collection

from photogate.errors import ImageRefused
from photogate.findings import MetadataCategory
from photogate.formats import c2pa, exif, xmp
from photogate.formats.bmff_boxes import Box, Budget, boxes, text
from photogate.formats.container import Context
from photogate.formats.heif_meta import XMP_CONTENT, Item, Meta, raw_bytes

__all__ = ["C2PA", "PICTURES", "XMP", "report"]

_C = MetadataCategory
C2PA = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")  # C2PA 2.1, A.5.1
XMP = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")  # ISO 16684-3
_READ = frozenset({b"hdlr", b"pitm", b"iinf", b"iloc", b"iprp", b"iref", b"idat", b"dinf"})
_EXIF_MAX = 1 << 24
# What of a movie and of its tracks is written again (14496-12, 8.2, 8.3); all else in them goes.
_OF_MOVIE = frozenset({b"mvhd", b"trak"})
_OF_TRACK = frozenset({b"tkhd", b"tref", b"edts", b"mdia"})
# Items that show a scene, whether here or not.
PICTURES = frozenset(b"hvc1 av01 grid iovl iden tmap jpeg avc1 vvc1 evc1 j2k1 j2ki unci hvt1 lhv1 mski sato".split())


def report(
    data: bytes, top: list[Box], meta: Meta | None, kept: set[int], tracks: Collection[int], context: Context
) -> None:
    """Note in `context` what is left out.

    Parameters
    ----------
    top
        The boxes of the file.
    meta
        Its `meta` box, where it has one.
    kept
        Ids of the items that stay.
    tracks
        Where the tracks start that stay.
    """
    for found in top:
        if found.kind not in (b"ftyp", b"meta", b"mdat") and not (found.kind == b"moov" and tracks):
            _box(data, found, context)
        elif found.kind == b"moov":
            _movie(data, found, tracks, context)
    context.drop(_C.OTHER, "bytes after the last box", len(data) - top[-1].end)
    if meta is None:
        return
    for found in meta.boxes:
        if found.kind not in _READ:
            _box(data, found, context)
    roles = {of: kind for kind, of, _ in meta.references}
    unread = 2 * len(data)  # items may share their bytes, but not for as long as they like
    for item in meta.items.values():
        if item.id not in kept or item.kind == b"mime":
            unread -= _item(data, meta, item, roles.get(item.id, b""), unread, context)


def _movie(data: bytes, moov: Box, tracks: Collection[int], context: Context) -> None:
    """Note what goes of a movie whose pictures stay: user data, XMP, further tracks."""
    budget = Budget()
    for found in boxes(data, moov.body, moov.end, budget):
        if found.kind not in _OF_MOVIE or (found.kind == b"trak" and found.start not in tracks):
            _box(data, found, context)
        elif found.kind == b"trak":
            for inner in boxes(data, found.body, found.end, budget):
                if inner.kind not in _OF_TRACK:
                    _box(data, inner, context)


def _box(data: bytes, found: Box, context: Context) -> None:
    kind = data[found.body : found.body + 16]
    if found.kind == b"jumb" or (found.kind == b"uuid" and kind == C2PA):
        where = "jumb box" if found.kind == b"jumb" else "uuid box C2PA"
        c2pa.read(data[found.body : found.end], context, where)
    elif found.kind == b"uuid" and kind == XMP:
        xmp.read(data[found.body + 16 : found.end], context, "uuid box XMP")
    else:
        context.drop(_C.OTHER, f"{text(found.kind)} box")


def _item(data: bytes, meta: Meta, item: Item, role: bytes, most: int, context: Context) -> int:
    """Note what an item holds, of which at most so many bytes are read; give how many were."""
    if role in (b"thmb", b"auxl"):
        context.drop(_C.THUMBNAIL, "thumbnail item" if role == b"thmb" else "auxiliary item")
        return 0
    raw = b""
    if item.kind in (b"Exif", b"mime", b"uri ", b"jumb"):
        try:
            raw = bytes(raw_bytes(data, meta, item, most))
        except ImageRefused:  # in another file, protected, or out of reach: there is nothing to read
            raw = b""
    if item.kind == b"Exif" and 4 < len(raw) < _EXIF_MAX:
        # 23008-12, A.2.1: four bytes tell where the TIFF header stands
        exif.read(raw[4 + int.from_bytes(raw[:4], "big") :], context, "Exif item")
    elif item.content == XMP_CONTENT and raw:
        if raw != xmp.build(xmp.orientation_of(raw) or 1):
            xmp.read(_inflated(raw, context.look) if item.encoding else raw, context, "XMP item")
    elif raw[4:8] == b"jumb":  # JUMBF (ISO/IEC 19566-5), whatever the item calls itself
        c2pa.read(raw, context, "JUMBF item")
    else:
        category = _C.THUMBNAIL if item.kind in PICTURES else _C.OTHER
        context.drop(category, f"{text(item.kind)} item")
    return len(raw)


def _inflated(raw: bytes, most: int) -> bytes:
    """Undo a content encoding (RFC 9110, 8.4.1) as far as a text is read; other encodings tell nothing."""
    try:
        return zlib.decompressobj(47 if raw[:2] == b"\x1f\x8b" else 15).decompress(raw, max(most, 1))
    except zlib.error:
        return b""
