"""The chunks of a PNG (W3C PNG, third edition, 5.3), with what they hold."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

from photogate.findings import MetadataCategory
from photogate.formats import deflate, limits
from photogate.formats.container import Part, refuse
from photogate.formats.png_fields import AFTER_PALETTE, BEFORE_PALETTE, read_header
from photogate.formats.png_rows import Header
from photogate.formats.png_text import category_of
from photogate.inspection import jumbf, names, xmp
from photogate.inspection.budget import Budget
from photogate.inspection.directories import exif_block
from photogate.inspection.outcome import Outcome
from photogate.inspection.tree import goes, stays, tiled

__all__ = ["parts"]

_C = MetadataCategory
_TEXTS = (b"tEXt", b"zTXt", b"iTXt")
_KNOWN = frozenset({b"IHDR", b"PLTE", b"IDAT", b"IEND", b"fcTL", b"fdAT", *BEFORE_PALETTE, *AFTER_PALETTE})
_NOTES = {
    b"IHDR": "size and kind of pixels",
    b"PLTE": "palette; colours that no pixel uses become black",
    b"IDAT": "the picture",
    b"IEND": "end",
    b"iCCP": "colour; name, description, identity and dates go",
    b"tRNS": "transparency",
    b"bKGD": "background",
    b"gAMA": "colour",
    b"cHRM": "colour",
    b"sRGB": "colour",
    b"cICP": "colour",
    b"mDCV": "colour",
    b"cLLI": "colour",
    b"sBIT": "significant bits",
    b"acTL": "animation",
    b"fcTL": "a frame's place and time",
    b"fdAT": "a frame",
    b"tIME": "time of the last change",
    b"caBX": "provenance (C2PA)",
    b"pHYs": "aspect",
    b"sPLT": "suggested palette",
    b"hIST": "how often colours occur",
}
_REGISTERED = frozenset(_NOTES) | {
    b"eXIf",
    b"oFFs",
    b"pCAL",
    b"sCAL",
    b"sTER",
    b"gIFg",
    b"gIFx",
    b"gIFt",
    b"dSIG",
    *_TEXTS,
}
_CATEGORIES = {b"caBX": _C.PROVENANCE, b"tIME": _C.TIME}


@dataclass(frozen=True, slots=True)
class _Chunk:
    type: bytes
    offset: int
    start: int
    end: int
    size: int


@dataclass(slots=True)
class _Image:
    """The chunks of one zlib stream: the picture's, or a frame's."""

    control: bytes | None = None
    pieces: list[tuple[int, int]] = field(default_factory=list)


def _chunks(data: bytes) -> Iterator[_Chunk]:
    at = 8
    for _ in range(limits.MAX_CHUNKS):
        if at + 8 > len(data) or not data[at + 4 : at + 8].isalpha():
            return
        length = int.from_bytes(data[at : at + 4], "big")
        start, stop = at + 8, min(at + 12 + length, len(data))
        yield _Chunk(data[at + 4 : at + 8], at, start, min(start + length, len(data)), stop - at)
        if data[at + 4 : at + 8] == b"IEND":
            return
        at = stop
    refuse(f"Expected at most {limits.MAX_CHUNKS} chunks; found more", at)


def parts(data: bytes, outcome: Outcome) -> Iterator[Part]:
    """List the chunks, and what stands behind them."""
    yield stays("signature", 0, 8)
    header = read_header(data)
    chunks = list(islice(_chunks(data), limits.MAX_PARTS))  # no more are shown
    written = {chunk.type for chunk in _chunks(outcome.data)} if outcome.data else set(_KNOWN)
    frames = sum(chunk.type == b"fcTL" for chunk in _chunks(outcome.data)) if outcome.data else limits.MAX_CHUNKS
    ends = _stream_ends(data, header, chunks)
    seen: set[bytes] = set()
    controls, image_over = 0, False
    for chunk in chunks:
        kind = chunk.type
        checksum = int.from_bytes(data[chunk.end : chunk.end + 4], "big")
        whole = deflate.crc32(data[chunk.start - 4 : chunk.end]) == checksum
        image_over |= b"IDAT" in seen and kind != b"IDAT"
        stay = kind in written and (whole or kind in (b"IDAT", b"fdAT", b"fcTL", b"IEND", b"IHDR"))
        if kind == b"fcTL":
            controls += 1
            stay &= controls <= frames
        elif kind == b"fdAT":
            stay &= controls <= frames
        elif kind == b"IDAT":
            stay &= not image_over
        elif kind not in (b"IEND",):
            stay &= kind not in seen and b"IDAT" not in seen
        seen.add(kind)
        yield _part(data, chunk, stay, outcome, ends)
    last = chunks[-1].offset + chunks[-1].size if chunks else 8
    if last < len(data):
        yield goes("trailing bytes", last, len(data) - last, "behind the end of the image")


def _part(data: bytes, chunk: _Chunk, stay: bool, outcome: Outcome, ends: dict[int, tuple[int, str]]) -> Part:
    kind, at, size = chunk.type, chunk.offset, chunk.size
    name = kind.decode("ascii") if kind in _REGISTERED else "unregistered chunk"
    if kind in _TEXTS:
        return _text(data, chunk, outcome.budget)
    if kind == b"eXIf":
        kept = outcome.kept_tags(data[chunk.start : chunk.end])
        children = exif_block(data, chunk.start, chunk.end, kept, outcome.budget)
        if kept:
            return stays(name, at, size, "only the orientation stays", children)
        return goes(name, at, size, "when, where and by what it was taken", children)
    if kind == b"caBX":
        inside = jumbf.boxes(data, chunk.start, chunk.end, outcome.budget)
        return goes(name, at, size, _NOTES[kind], inside, _C.PROVENANCE)
    if not stay:
        note = _NOTES.get(kind, "not needed to show the picture")
        return goes(name, at, size, note, category=_CATEGORIES.get(kind, _C.OTHER))
    if kind == b"iCCP":
        return _profile(data, chunk)
    end, note = ends.get(at, (chunk.end, ""))
    inside = ()
    if end < chunk.end:
        inside = (
            *([stays("zlib stream", at, end - at)] if end > chunk.start else [stays("chunk header", at, 8)]),
            goes("bytes behind the zlib stream", max(end, chunk.start), chunk.end - max(end, chunk.start)),
            stays("CRC", chunk.end, at + size - chunk.end),
        )
    return stays(name, at, size, note or _NOTES.get(kind, ""), inside)


def _text(data: bytes, chunk: _Chunk, budget: Budget) -> Part:
    stop = data.find(b"\0", chunk.start, chunk.end)
    keyword = data[chunk.start : stop if stop >= 0 else chunk.end]
    shown = names.KEYWORDS.get(keyword.lower(), "unregistered keyword")
    name = chunk.type.decode("ascii")
    children: tuple[Part, ...] = ()
    if shown == "XML:com.adobe.xmp":
        if chunk.type == b"tEXt" or (chunk.type == b"iTXt" and data[stop + 1 : stop + 2] == b"\0"):
            children = xmp.packet(data, stop, chunk.end, budget)
            children = (goes("keyword", chunk.offset, stop - chunk.offset), *children) if children else ()
        return goes(f"{name} XMP", chunk.offset, chunk.size, "an orientation moves to eXIf",
                    tiled(children, chunk.offset, chunk.offset + chunk.size, "CRC") if children else ())  # fmt: skip
    return goes(f"{name} {shown}", chunk.offset, chunk.size, category=category_of(keyword))


def _profile(data: bytes, chunk: _Chunk) -> Part:
    stop = data.find(b"\0", chunk.start, chunk.end)
    if data[chunk.start : stop] == b"ICC":
        return stays("iCCP", chunk.offset, chunk.size, _NOTES[b"iCCP"])
    inside = (
        stays("chunk header", chunk.offset, 8),
        goes("profile name", chunk.start, stop + 1 - chunk.start, category=_C.DEVICE),
        stays("compressed profile", stop + 1, chunk.offset + chunk.size - stop - 1, _NOTES[b"iCCP"]),
    )
    return stays("iCCP", chunk.offset, chunk.size, "colour", inside)


def _stream_ends(data: bytes, header: Header, chunks: list[_Chunk]) -> dict[int, tuple[int, str]]:
    """Find where the image data's zlib streams end: by chunk (offset), the end within it, and what is to be said."""
    found: dict[int, tuple[int, str]] = {}
    runs: list[tuple[int, int, list[_Chunk]]] = []
    current: list[_Chunk] = []
    seen = False
    for chunk in chunks:
        if chunk.type == b"IDAT" and not seen:
            current.append(chunk)
            runs = runs or [(header.size(header.width, header.height), 0, current)]
        elif current and not seen:
            seen = True
        if chunk.type == b"fcTL" and seen and chunk.end - chunk.start >= 12:
            size = [int.from_bytes(data[chunk.start + 4 * i : chunk.start + 4 * i + 4], "big") for i in (1, 2)]
            runs.append((header.size(*size), 4, []))
        elif chunk.type == b"fdAT" and runs and seen:
            runs[-1][2].append(chunk)
    for expected, skip, run in runs:
        found |= _end_of(data, run, skip, expected)
    return found


def _end_of(data: bytes, run: list[_Chunk], skip: int, expected: int) -> dict[int, tuple[int, str]]:
    inflater, total = deflate.decompressobj(), 0
    for number, chunk in enumerate(run):
        at = min(chunk.start + skip, chunk.end)
        while at < chunk.end:
            piece = data[at : min(at + 65_536, chunk.end)]
            try:
                while piece and total <= expected:
                    total += len(inflater.decompress(piece, 1 << 20))
                    piece = inflater.unconsumed_tail
            except deflate.DeflateError:
                return {}
            if total > expected:
                return {c.offset: (c.end, "the picture; what is beyond its last row goes") for c in run}
            at = min(at + 65_536, chunk.end)
            if inflater.eof:
                end = at - len(inflater.unused_data)
                return {c.offset: (end if c is chunk else c.start, "") for c in run[number:]}
    return {}
