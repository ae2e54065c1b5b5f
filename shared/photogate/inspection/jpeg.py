"""The segments and scans of a JPEG (ITU-T T.81, annex B), what they hold, and what follows the end of the image."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from photogate.findings import MetadataCategory
from photogate.formats import jpeg_scan, limits
from photogate.formats.container import Part, refuse
from photogate.formats.jpeg_markers import find_end
from photogate.formats.jpeg_parse import EXIF, EXTENDED_XMP, ICC, PHOTOSHOP, XMP, Picture, next_marker, parse
from photogate.inspection import icc, jumbf, photoshop, xmp
from photogate.inspection.budget import TOO_MANY, Budget
from photogate.inspection.directories import exif_block, header, walk
from photogate.inspection.outcome import Outcome
from photogate.inspection.tree import goes, stays, tiled

__all__ = ["parts"]

_C = MetadataCategory
_FRAMES = {
    0xC0: "baseline", 0xC1: "extended sequential", 0xC2: "progressive", 0xC3: "lossless",
    0xC5: "hierarchical", 0xC6: "hierarchical", 0xC7: "lossless", 0xC9: "arithmetic coding",
    0xCA: "arithmetic coding", 0xCB: "lossless", 0xCD: "hierarchical", 0xCE: "hierarchical", 0xCF: "lossless",
}  # fmt: skip
# CIPA DC-007, 5.2.3.3.1: the type of a picture, in the low 24 bits of its attribute.
_MPF = {0x010001: "a preview", 0x010002: "a preview", 0x020001: "panorama", 0x020002: "disparity",
        0x020003: "multi-angle", 0x030000: "primary", 0x000000: "gain map or other"}  # fmt: skip


@dataclass(slots=True)
class _Segment:
    """A marker with its segment, and for SOS its entropy-coded data up to `stop`."""

    marker: int
    offset: int
    body: int
    end: int
    stop: int


def _segments(data: bytes, scans: dict[int, int]) -> Iterator[_Segment]:
    """Walk the markers as decoders do; `scans` tells where the data of scans ends, by the place of their header."""
    at = 2
    for _ in range(limits.MAX_SEGMENTS + limits.MAX_SCANS):
        behind, marker = next_marker(data, at)
        if marker < 0:
            return
        at = behind - 2
        if marker == 0xD9:
            yield _Segment(marker, at, at + 2, at + 2, at + 2)
            return
        if marker == 1 or 0xD0 <= marker <= 0xD8:
            yield _Segment(marker, at, at + 2, at + 2, at + 2)
            at += 2
            continue
        size = int.from_bytes(data[at + 2 : at + 4], "big")
        end = at + 2 + size
        if size < 2 or end > len(data):
            refuse(f"Expected a segment within the file; found a length of {size}", at)
        stop = scans.get(at + 4) or (find_end(data, end) if marker == 0xDA else end)
        yield _Segment(marker, at, at + 4, end, stop)
        at = stop
    refuse(f"Expected at most {limits.MAX_SEGMENTS} segments; found more", at)


def parts(data: bytes, outcome: Outcome) -> Iterator[Part]:
    """List segments, scans, and what stands between and behind them."""
    yield stays("SOI", 0, 2, "start of image")
    kept, stops, picture = {}, {}, None
    if outcome.data:
        picture = parse(data)
        stops = {scan.offset: scan.intervals[-1][1] for scan in picture.scans}
        if picture.frame is not None:
            jpeg_scan.trim(data, picture.frame, picture.scans, picture.finished)
        kept = {scan.offset: scan for scan in picture.scans}
    tables = _in_use(outcome.data, picture)
    last: dict[str, int] = {}
    segments = []
    try:
        for segment in _segments(data, stops):
            segments.append(segment)
            last[_identifier(data, segment)] = segment.offset
    finally:
        at = 2
        for segment in segments:
            if segment.offset > at:
                yield _between(data, at, segment.offset)
            only = last[_identifier(data, segment)] == segment.offset
            yield from _parts(data, segment, outcome, tables, kept, only)
            at = segment.stop
        if segments and segments[-1].marker == 0xD9 and at < len(data):
            yield from _trailing(data, at, segments, outcome.budget)


def _between(data: bytes, at: int, end: int) -> Part:
    if not data[at:end].strip(b"\xff"):
        return goes("fill bytes", at, end - at, "before a marker")
    return goes("stray bytes", at, end - at, "between segments")


def _identifier(data: bytes, segment: _Segment) -> str:
    stop = data.find(b"\0", segment.body, segment.end)
    return f"{segment.marker} {data[segment.body : min(max(stop, segment.body), segment.body + 40)].hex()}"


def _in_use(new: bytes, picture: Picture | None) -> set[bytes]:
    """Collect the tables that the picture uses, as they stand, and what else the new file has of each kind."""
    found: set[bytes] = set()
    if picture is None:
        return found
    # The new file's tables are those without the codes that no MCU uses.
    for scan in picture.scans:
        found |= {b"H" + bytes((which,)) + content for which, content in scan.huffman.items()}
    found |= {b"Q" + bytes((table[0] & 0xF0,)) + table[1:] for table in picture.latched.values()}
    for segment in _segments(new, {}):
        if segment.marker == 0xDD:
            found.add(b"R" + new[segment.body : segment.end])
        elif segment.marker in (0xE0, 0xE2, 0xEE):
            found.add(bytes((segment.marker,)))
    return found


def _parts(
    data: bytes, segment: _Segment, outcome: Outcome, tables: set[bytes], kept: dict[int, jpeg_scan.Scan], last: bool
) -> Iterator[Part]:
    marker, at, size = segment.marker, segment.offset, segment.end - segment.offset
    if marker == 0xDA:
        yield from _scan(data, segment, kept, outcome)
    elif marker == 0xD9:
        yield stays("EOI", at, 2, "end of image")
    elif marker in _FRAMES:
        yield stays(f"SOF{marker - 0xC0}", at, size, f"frame header, {_FRAMES[marker]}")
    elif marker in (0xDB, 0xC4):
        yield _table_segment(data, segment, tables, outcome)
    elif marker == 0xDD:
        used = not outcome.data or b"R" + data[segment.body : segment.body + 2] in tables
        yield (stays if used else goes)("DRI", at, size, "restart interval" if used else "no scan needs it")
    elif 0xE0 <= marker <= 0xEF:
        yield _application(data, segment, outcome, tables, last)
    elif marker == 0xFE:
        yield goes("COM", at, size, "comment", category=_C.COMMENT)
    elif segment.end == segment.body and size == 2:
        yield goes(f"RST{marker - 0xD0}" if 0xD0 <= marker < 0xD8 else "marker", at, 2, "out of place")
    else:
        name = {0xDC: "DNL", 0xCC: "DAC", 0xDE: "DHP", 0xDF: "EXP"}.get(marker, f"segment 0x{marker:02X}")
        yield goes(name, at, size, "not needed to show the picture")


def _scan(data: bytes, segment: _Segment, kept: dict[int, jpeg_scan.Scan], outcome: Outcome) -> Iterator[Part]:
    at, size = segment.offset, segment.end - segment.offset
    scan = kept.get(segment.body)
    if scan is None and outcome.data:
        yield goes("SOS", at, size, "a scan that decoders do not read")
        yield goes("entropy-coded data", segment.end, segment.stop - segment.end, "of that scan")
        return
    yield stays("SOS", at, size, "scan header")
    if segment.stop == segment.end:
        return
    note = "the picture"
    children: list[Part] = []
    if scan is not None:
        if len(scan.intervals) > 1:
            note += f", in {len(scan.intervals)} restart intervals"
        begin = segment.end
        for i, (_, end) in enumerate(scan.intervals):
            following = scan.intervals[i + 1][0] if i + 1 < len(scan.intervals) else segment.stop
            close = following - 2 if i + 1 < len(scan.intervals) else segment.stop
            if end < close and not outcome.budget.spent:
                outcome.budget.left -= 2
                children += [
                    stays("intervals", begin, end - begin),
                    goes("bytes behind the last MCU", end, close - end, "no decoder looks at them"),
                ]
                begin = close
        if children:
            children = list(tiled(children, segment.end, begin))
            if begin < segment.stop:
                children.append(stays("intervals", begin, segment.stop - begin))
    yield stays("entropy-coded data", segment.end, segment.stop - segment.end, note, children)


def _table_segment(data: bytes, segment: _Segment, tables: set[bytes], outcome: Outcome) -> Part:
    claims, at = [], segment.body
    quantization, stripped = segment.marker == 0xDB, bool(outcome.data)
    if outcome.budget.spent:
        return stays("DQT" if quantization else "DHT", segment.offset, segment.end - segment.offset, TOO_MANY)
    while at < segment.end:
        if quantization:
            size = 1 + (64 << (data[at] >> 4 & 1))
            content = b"Q" + bytes((data[at] & 0xF0,)) + data[at + 1 : at + size]
            name = f"quantization table {data[at] & 3}"
        else:
            size = 17 + sum(data[at + 1 : at + 17])
            content = b"H" + data[at : at + size]
            name = f"Huffman table {'AC' if data[at] >> 4 else 'DC'} {data[at] & 3}"
        size = min(size, segment.end - at)
        outcome.budget.left -= 1
        claims.append(
            stays(name, at, size) if not stripped or content in tables else goes(name, at, size, "no scan uses it")
        )
        at += size
    name = "DQT" if quantization else "DHT"
    note = "quantization tables" if quantization else "Huffman tables"
    if claims and not any(part.stays for part in claims):
        return goes(name, segment.offset, segment.end - segment.offset, note, _framed(segment, claims, goes))
    return stays(name, segment.offset, segment.end - segment.offset, note, _framed(segment, claims, stays))


def _framed(segment: _Segment, claims: list[Part], make: object) -> tuple[Part, ...]:
    """Put the marker and length before the parts of a segment, where there is more than one thing to tell."""
    if len(claims) < 2 and all(part.stays for part in claims):
        return ()
    head = stays("marker", segment.offset, 4) if make is stays else goes("marker", segment.offset, 4)
    return tiled([head, *claims], segment.offset, segment.end)


def _application(data: bytes, segment: _Segment, outcome: Outcome, tables: set[bytes], last: bool) -> Part:
    marker, at, body, end = segment.marker, segment.offset, segment.body, segment.end
    size = end - at
    start = data[body : body + 40]
    stripped, budget = bool(outcome.data), outcome.budget
    if marker == 0xE0 and start.startswith(b"JFIF\0"):
        if stripped and not (last and b"\xe0" in tables):
            return goes("APP0 JFIF", at, size, "said again later")
        inside = [stays("density", at, min(18, size))]
        if size > 18:
            inside.append(goes("thumbnail", at + 18, size - 18, category=_C.THUMBNAIL))
        return stays("APP0 JFIF", at, size, "pixel density", inside if size > 18 else ())
    if marker == 0xE0 and start.startswith(b"JFXX\0"):
        return goes("APP0 JFXX", at, size, "thumbnail", category=_C.THUMBNAIL)
    if marker == 0xE1 and start.startswith(EXIF):
        kept = outcome.kept_tags(data[body:end])
        inside = list(exif_block(data, body, end, kept, budget))
        if kept:
            inside = [stays("marker", at, 4), *inside] if inside else []
            return stays("APP1 Exif", at, size, "only the orientation stays", inside)
        inside = [goes("marker", at, 4), *inside] if inside else []
        return goes("APP1 Exif", at, size, "when, where and by what it was taken", inside)
    if marker == 0xE1 and start.startswith(XMP):
        return goes(
            "APP1 XMP", at, size, "an orientation moves to Exif", _inside(segment, xmp.packet(data, body, end, budget))
        )
    if marker == 0xE1 and start.startswith(EXTENDED_XMP):
        return goes("APP1 extended XMP", at, size, "properties, depth maps, hidden originals")
    if marker == 0xE2 and start.startswith(ICC):
        if stripped and b"\xe2" not in tables:
            return goes("APP2 ICC profile", at, size, "it does not parse", category=_C.DEVICE)
        inside = list(icc.profile(data, body + 14, end, budget))
        head = [stays("marker and number", at, 18), *inside] if inside else []
        return stays("APP2 ICC profile", at, size, "colour; description, identity and dates go", head)
    if marker == 0xE2 and start.startswith(b"MPF\0"):
        return goes("APP2 MPF", at, size, "index of further pictures", _pictures(data, segment, budget), _C.THUMBNAIL)
    if marker == 0xE2 and start.startswith(b"urn:iso:std:iso:ts:21496:-1\0"):
        return goes("APP2 ISO 21496-1", at, size, "says that a gain map follows", category=_C.THUMBNAIL)
    if marker == 0xEB and start.startswith(b"JP"):
        inside = list(jumbf.boxes(data, body + 8, end, budget)) if data[body + 4 : body + 8] == b"\0\0\0\1" else []
        return goes("APP11 JUMBF", at, size, "provenance (C2PA)", _inside(segment, tuple(inside)), _C.PROVENANCE)
    if marker == 0xED and start.startswith(PHOTOSHOP):
        inside = list(photoshop.resources(data, body + len(PHOTOSHOP), end, budget))
        return goes(
            "APP13 Photoshop", at, size, "IPTC, thumbnails, paths", _inside(segment, tuple(inside)), _C.IDENTITY
        )
    if marker == 0xEE and start.startswith(b"Adobe"):
        if stripped and not (last and b"\xee" in tables):
            return goes("APP14 Adobe", at, size, "said again later")
        inside = [stays("transform", at, min(16, size)), goes("tail", at + 16, size - 16)] if size > 16 else []
        return stays("APP14 Adobe", at, size, "colour transform", inside)
    return goes(f"APP{marker - 0xE0}", at, size, "application data")


def _inside(segment: _Segment, found: tuple[Part, ...]) -> tuple[Part, ...]:
    if not found:
        return ()
    first = found[0].offset
    claims = [goes("marker and identifier", segment.offset, first - segment.offset), *found]
    return tiled(claims, segment.offset, segment.end, "continued")


def _pictures(data: bytes, segment: _Segment, budget: Budget) -> tuple[Part, ...]:
    return _inside(segment, tuple(exif_block(data, segment.body + 4, segment.end, frozenset(), budget)))


def _trailing(data: bytes, at: int, segments: list[_Segment], budget: Budget) -> Iterator[Part]:
    """Tell what follows EOI: the further pictures of MPF, a motion photo's video, or bytes of no known kind."""
    claims = []
    index = next((s for s in segments if s.marker == 0xE2 and data[s.body : s.body + 4] == b"MPF\0"), None)
    if index is not None and (found := header(data, index.body + 4)) is not None:
        base, order = index.body + 4, "little" if found[0] == "<" else "big"
        for directory in walk(data, base, index.end, pages=False):
            entry = next((e for e in directory.entries if e.tag == 0xB002), None)
            for i in budget.take(range(entry.length // 16 if entry is not None else 0)):
                place = entry.place + 16 * i if entry is not None else 0
                kind, size, offset = (int.from_bytes(data[place + j : place + j + 4], order) for j in (0, 4, 8))  # type: ignore[arg-type]
                if offset and base + offset >= at:
                    note = _MPF.get(kind & 0xFFFFFF, "a further picture")
                    claims.append(goes(f"MPF picture {i + 1}", base + offset, size, note, category=_C.THUMBNAIL))
    rest = at
    for claim in sorted(claims, key=lambda part: part.offset):
        rest = max(rest, claim.offset + claim.size)
    video = data.find(b"ftyp", rest, rest + 4096)
    if video >= 4:
        claims.append(goes("MP4 video", video - 4, len(data) - video + 4, "motion photo", category=_C.THUMBNAIL))
    elif data[rest : rest + 3] == b"\xff\xd8\xff":
        claims.append(goes("JPEG picture", rest, len(data) - rest, "a further picture", category=_C.THUMBNAIL))
    inside = tiled(claims, at, len(data), "bytes")
    yield goes("trailing bytes", at, len(data) - at, "behind the end of the image", inside if claims else ())
