"""HEIC, HEIF and AVIF: pictures and sequences in the ISO base media file format, by an allow-list of items and boxes.

The new file is ``ftyp meta [moov] mdat``. `meta` holds the primary item, what it is derived from, and its
transparency. Thumbnails, depth maps, gain maps and other pictures go: each shows the scene again, unredacted.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from photogate.errors import ImageRefused, Reason
from photogate.findings import Keep, MetadataCategory
from photogate.formats.bmff_boxes import Box, Budget, Fields, box, boxes, only, same, text
from photogate.formats.bmff_coded import Dropped
from photogate.formats.bmff_tracks import Track, read_tracks, samples, write_moov
from photogate.formats.checked import Budget as Scan
from photogate.formats.container import Context, ImageFormat, Measure, Rewritten, refuse
from photogate.formats.heif_items import add_rights, kept_items, turned_by_xmp
from photogate.formats.heif_meta import Item, Meta, read_meta
from photogate.formats.heif_payloads import payloads
from photogate.formats.heif_report import report
from photogate.formats.heif_writing import write_meta
from photogate.formats.sniff import sniff

__all__ = ["INSIDE", "File", "measure", "read", "rewrite", "top_boxes", "verify"]

_C = MetadataCategory
_SEQUENCES = frozenset({b"avis", b"msf1", b"hevc", b"hevx"})
_BRANDS = frozenset(
    {b"avif", b"avis", b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"}
    | {b"mif1", b"mif2", b"msf1", b"miaf", b"MA1A", b"MA1B", b"MiHB", b"MiHA", b"MiHE", b"MiPr", b"iso8"}
)
# 23008-12, 6.5.10 and 6.5.12, as libavif and Exif put them: (quarter turns anticlockwise, mirror axis or -1).
_ORIENTATIONS = {
    (0, -1): 1, (0, 1): 2, (2, -1): 3, (0, 0): 4, (1, 0): 5, (3, -1): 6, (3, 0): 7, (1, -1): 8,
    (2, 0): 2, (2, 1): 4, (1, 1): 7, (3, 1): 5,
}  # fmt: skip


@dataclass(slots=True)
class File:
    """A parsed file, and what of it stays."""

    top: list[Box]
    major: bytes
    brands: list[bytes]
    meta: Meta | None
    kept: list[Item]
    tracks: list[Track]


def read(data: bytes) -> File:
    """Read boxes, items and tracks, and choose those that stay."""
    budget = Budget()
    top = top_boxes(data, budget)
    ftyp = top[0]
    if ftyp.kind != b"ftyp" or ftyp.end - ftyp.body < 8:
        refuse("Expected an ftyp box; found another", 0)
    major = data[ftyp.body : ftyp.body + 4]
    brands = [data[i : i + 4] for i in range(ftyp.body + 8, ftyp.end - 3, 4)]
    metas = [b for b in top if b.kind == b"meta"]
    meta, kept = None, []
    if metas:
        meta = read_meta(data, only(top, b"meta", 0), budget)
        kept = kept_items(data, meta)
    tracks: list[Track] = []
    if major in _SEQUENCES and any(b.kind == b"moov" for b in top):
        tracks = read_tracks(data, only(top, b"moov", 0), budget)
    if meta is not None and not tracks and sniff(data) is ImageFormat.AVIF and (turned := turned_by_xmp(data, meta)):
        kept.append(turned)
    if meta is None and not tracks:
        refuse("Expected a meta box with a primary item; found none", reason=Reason.UNSUPPORTED_FORMAT)
    return File(top, major, brands, meta, kept, tracks)


def top_boxes(data: bytes, budget: Budget) -> list[Box]:
    """Read the boxes of the file; what follows them and is no box is a tail, not a reason to refuse."""
    found: list[Box] = []
    at = 0
    while at + 8 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        if size == 1:
            size = int.from_bytes(data[at + 8 : at + 16], "big")
        elif size == 0:
            size = len(data) - at
        try:
            further = boxes(data, at, at + max(size, 1) if size <= len(data) - at else len(data), budget)
        except ImageRefused:
            # Items and samples are found by their place in the file, so nothing behind a tail is missed.
            if not any(b.kind in (b"meta", b"moov") for b in found):
                raise
            break
        if not further:
            break
        found += further
        at = found[-1].end
    if not found:
        refuse("Expected boxes; found none", 0)
    return found


def measure(data: bytes) -> Measure:
    """Read size, frames and orientation from the primary item's properties, or from the track."""
    file = read(data)
    kind = ImageFormat.AVIF if sniff(data) is ImageFormat.AVIF else ImageFormat.HEIC
    width = height = 0
    turn, mirror = 0, -1
    if file.meta is not None:
        for index in file.meta.items[file.meta.primary].properties:
            if index >= len(file.meta.properties):
                refuse("Expected associations with properties that exist; found others")
            found = file.meta.properties[index]
            fields = Fields(data, found.body, found.end)
            if found.kind == b"ispe" and not width:
                fields.version()
                width, height = fields.many("II")
            elif found.kind == b"irot":
                turn = fields.uint(1) & 3
            elif found.kind == b"imir":
                mirror = fields.uint(1) & 1
    elif file.tracks:
        width, height = file.tracks[0].size
    count = len(file.tracks[0].places) if file.tracks else 1
    return Measure(kind, width, height, count, _ORIENTATIONS.get((turn, mirror), 1))


def rewrite(data: bytes, context: Context) -> Rewritten:
    """Write the picture again, and nothing else."""
    return Rewritten(b"".join(_pieces(data, context)), measure(data).orientation)


def _pieces(data: bytes, context: Context) -> list[bytes | memoryview]:
    """Give the new file in pieces: coded pictures that stay as they are, as views of `data`."""
    file = read(data)
    report(data, file.top, file.meta, {item.id for item in file.kept}, {t.start for t in file.tracks}, context)
    dropped = Dropped()
    pieces: list[bytes | memoryview] = []
    extents: list[tuple[int, int]] = []
    if file.meta is not None:
        file.kept += add_rights(file.meta, context.rights())
        pieces, extents = payloads(data, file.meta, file.kept, dropped, Scan(len(data)) if context.check_scan else None)
    runs = [samples(data, track, dropped) for track in file.tracks]
    if sum(len(s) for run in runs for s in run) > len(data) + 16 * sum(map(len, runs)):
        refuse("Expected samples that use each byte once; found more")
    brands = list(dict.fromkeys(b for b in file.brands if b in _BRANDS))
    if file.major not in _BRANDS:
        refuse("Expected a major brand of HEIF or AVIF; found another", 8, Reason.UNSUPPORTED_FORMAT)
    if not file.tracks:
        brands = [b for b in brands if b not in _SEQUENCES]
    ftyp = box(b"ftyp", file.major, bytes(4), *brands)
    size = sum(map(len, pieces))
    run_sizes = [[len(s) for s in run] for run in runs]

    def head(at: int, tally: Dropped) -> list[bytes]:
        out = [ftyp]
        if file.meta is not None:
            out.append(write_meta(data, file.meta, file.kept, extents, at, tally))
        if file.tracks:
            moov = only(file.top, b"moov", 0)
            out.append(write_moov(data, moov, file.tracks, run_sizes, at + size, tally))
        return out

    start = sum(map(len, head(0, dropped))) + 8
    context.drop(_C.OTHER, "SEI, OBU and tails in coded pictures and properties", dropped.count)
    body = [*pieces, *(s for run in runs for s in run)]
    length = 8 + sum(map(len, body))
    if length >> 32:
        refuse("Expected a picture of less than 4 GiB; found more", reason=Reason.TOO_LARGE)
    return [*head(start, Dropped()), struct.pack(">I4s", length, b"mdat"), *body]


def verify(data: bytes) -> None:
    """Accept only what `rewrite` writes: known boxes in their order, no byte between or behind, nothing to remove.

    Raises
    ------
    ImageRefused
        With the place of what is not on the allow-list.
    """
    budget = Budget()
    top = boxes(data, 0, len(data), budget)
    order = [b.kind for b in top]
    if order not in ([b"ftyp", b"meta", b"mdat"], [b"ftyp", b"meta", b"moov", b"mdat"], [b"ftyp", b"moov", b"mdat"]):
        refuse("Expected ftyp, meta, moov and mdat; found other boxes", top[0].start if top else 0)
    _walk(data, top, budget)
    file = read(data)
    covered = top[-1].body
    if file.meta is not None:
        rights = [item for item in file.meta.items.values() if item.kind == b"Exif"]
        if len(file.kept) + len(rights) != len(file.meta.items):
            refuse("Expected items that the picture needs only; found others", top[1].start)
        for item in (*file.kept, *rights):
            ((at, size, _),) = item.extents
            if item.method or at > covered or (at < covered and at + size > covered):
                refuse("Expected items one after another; found a gap", covered)
            covered = max(covered, at + size)
    for track in file.tracks:
        for at, size in track.places:
            if at != covered:
                refuse("Expected samples one after another; found a gap", covered)
            covered += size
    if covered != len(data):
        refuse("Expected mdat to hold pictures only; found more", covered)
    pieces = _pieces(data, Context(frozenset(Keep), check_scan=False))
    if sum(map(len, pieces)) != len(data) or not same(memoryview(data), pieces):
        refuse("Expected nothing left to remove; found something", top[0].start)


INSIDE: dict[bytes, tuple[int, frozenset[bytes]]] = {
    b"meta": (4, frozenset({b"hdlr", b"pitm", b"iloc", b"iinf", b"iref", b"iprp"})),
    b"iprp": (0, frozenset({b"ipco", b"ipma"})),
    b"ipco": (
        0,
        frozenset({b"ispe", b"pixi", b"colr", b"auxC", b"irot", b"imir", b"pasp", b"clap", b"clli", b"mdcv"})
        | {b"a1op", b"lsel", b"hvcC", b"av1C"},
    ),
    b"iinf": (6, frozenset({b"infe"})),
    b"iref": (4, frozenset({b"dimg", b"auxl", b"prem", b"cdsc"})),
    b"moov": (0, frozenset({b"mvhd", b"trak"})),
    b"trak": (0, frozenset({b"tkhd", b"tref", b"edts", b"mdia"})),
    b"mdia": (0, frozenset({b"mdhd", b"hdlr", b"minf"})),
    b"minf": (0, frozenset({b"vmhd", b"dinf", b"stbl"})),
    b"stbl": (0, frozenset({b"stsd", b"stts", b"ctts", b"stss", b"stsc", b"stsz", b"stco"})),
    b"edts": (0, frozenset({b"elst"})),
}


def _walk(data: bytes, found: list[Box], budget: Budget) -> None:
    for parent in found:
        if parent.kind not in INSIDE:
            continue
        skip, allowed = INSIDE[parent.kind]
        inner = boxes(data, parent.body + skip, parent.end, budget)
        for child in inner:
            if child.kind not in allowed:
                refuse(f"Expected boxes that rendering needs; found {text(child.kind)}", child.start)
            if child.kind == b"hdlr" and data[child.body + 12 : child.end] != bytes(13):
                refuse("Expected a handler without a name; found one", child.start)
        _walk(data, inner, budget)
