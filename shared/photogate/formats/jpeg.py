"""JPEG (ITU-T T.81, JFIF 1.02, Adobe TN 5116): baseline, extended and progressive Huffman coding, 8 bits.

Kept, and rebuilt from parsed fields: JFIF's density, the orientation in an Exif of one tag, the ICC profile reduced to
rendering, Adobe's colour transform, and of the tables those that a scan uses.

Multi-picture files (MPF) keep their first picture. A gain map (Ultra HDR, ISO 21496-1) is such a further picture: it
shows the scene a second time, unredacted, so it goes; what stays is the standard-range picture that every decoder
shows.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from photogate.errors import ImageRefused, Reason
from photogate.findings import MetadataCategory
from photogate.formats import exif, icc, jpeg_scan, limits, xmp
from photogate.formats.container import (
    NO_RIGHTS,
    Context,
    ImageFormat,
    Measure,
    Part,
    Rewritten,
    Rights,
    check_measure,
    refuse,
)
from photogate.formats.jpeg_markers import find_end, find_markers, find_restarts
from photogate.formats.jpeg_scan import Component, Frame, Scan
from photogate.formats.jpeg_verify import verify

__all__ = ["measure", "parts", "rewrite", "verify"]

_C = MetadataCategory
_SOF = {0xC0: "baseline", 0xC1: "extended sequential", 0xC2: "progressive"}
_REFUSED_SOF = {
    **dict.fromkeys((0xC3, 0xC7, 0xCB, 0xCF), "lossless"),
    **dict.fromkeys((0xC5, 0xC6, 0xCD, 0xCE), "hierarchical"),
    **dict.fromkeys((0xC9, 0xCA, 0xCC), "arithmetic coding"),
    0xF7: "JPEG-LS",
}
_EXIF, _XMP, _EXTENDED_XMP = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0", b"http://ns.adobe.com/xmp/extension/\0"
_ICC, _MPF = b"ICC_PROFILE\0", b"MPF\0"
_GAIN_MAP = b"urn:iso:std:iso:ts:21496:-1\0"
_PHOTOSHOP = b"Photoshop 3.0\0"


@dataclass(slots=True)
class _Picture:
    """What is learnt of a file on the way through it."""

    frame: Frame | None = None
    scans: list[Scan] = field(default_factory=list)
    quantization: dict[int, bytes] = field(default_factory=dict)
    huffman: dict[int, bytes] = field(default_factory=dict)
    latched: dict[int, bytes] = field(default_factory=dict)
    interval: int = 0
    density: bytes | None = None
    transform: int | None = None
    icc: dict[int, bytes] = field(default_factory=dict)
    exif: list[bytes] = field(default_factory=list)
    xmp: list[bytes] = field(default_factory=list)
    extended: list[bytes] = field(default_factory=list)
    jumbf: list[bytes] = field(default_factory=list)
    iptc: list[bytes] = field(default_factory=list)
    others: list[tuple[MetadataCategory, str]] = field(default_factory=list)
    stray: int = 0
    end: int = 0
    finished: bool = False


def _next(data: bytes, at: int) -> tuple[int, int]:
    """Go to the next marker as decoders do, over fill bytes and strays: (behind it, marker), or -1 at the end."""
    while True:
        at = data.find(b"\xff", at)
        if at < 0:
            return len(data), -1
        while at < len(data) and data[at] == 0xFF:
            at += 1
        if at >= len(data):
            return len(data), -1
        if data[at] != 0:
            return at + 1, data[at]


def _length(data: bytes, at: int) -> int:
    size = int.from_bytes(data[at : at + 2], "big")
    if size < 2 or at + size > len(data):
        refuse(f"Expected a segment within the file; found a length of {size}", at)
    return size


def measure(data: bytes) -> Measure:
    """Read the frame header, and the orientation in an Exif that stands before it."""
    at, orientation = 2, 1
    for _ in range(limits.MAX_SEGMENTS):
        at, marker = _next(data, at)
        if marker in (0xD9, 0xDA, -1):
            return refuse("Expected a frame header (SOF); found none", at)
        if marker == 1 or 0xD0 <= marker <= 0xD8:
            continue
        size = _length(data, at)
        if marker in _SOF or marker in _REFUSED_SOF:
            frame = _frame(data, marker, at + 2, size - 2)
            return Measure(ImageFormat.JPEG, frame.width, frame.height, 1, orientation)
        if marker == 0xE1 and data[at + 2 : at + 8] == _EXIF and orientation == 1:
            orientation = exif.orientation_of(data[at + 8 : at + size]) or 1
        at += size
    return refuse(f"Expected at most {limits.MAX_SEGMENTS} segments; found more", at)


def _frame(data: bytes, marker: int, at: int, size: int) -> Frame:
    if marker in _REFUSED_SOF:
        raise ImageRefused(
            f"Expected Huffman-coded JPEG; found {_REFUSED_SOF[marker]}", offset=at, reason=Reason.UNSUPPORTED_FORMAT
        )
    if size < 6:
        refuse("Expected a frame header; found too few bytes", at)
    precision, height, width, count = struct.unpack_from(">BHHB", data, at)
    if precision != 8:
        raise ImageRefused(f"Expected 8 bits a sample; found {precision}", offset=at, reason=Reason.UNSUPPORTED_FORMAT)
    if not 1 <= count <= 4 or size < 6 + 3 * count:
        refuse(f"Expected 1 to 4 components; found {count}", at)
    components = []
    for i in range(count):
        name, sampling, table = data[at + 6 + 3 * i : at + 9 + 3 * i]
        h, v = sampling >> 4, sampling & 15
        if not (1 <= h <= 4 and 1 <= v <= 4) or table > 3:
            refuse("Expected sampling factors of 1 to 4 and a table of 0 to 3; found others", at)
        components.append(Component(name, h, v, table))
    if len({c.id for c in components}) != count:
        refuse("Expected components of different names; found one twice", at)
    return Frame(marker == 0xC2, marker, width, height, tuple(components))


def _parse(data: bytes) -> _Picture:
    """Go through the file up to EOI; everything behind it belongs to nobody."""
    picture = _Picture()
    at = 2
    for _ in range(limits.MAX_SEGMENTS + limits.MAX_SCANS):
        before = at
        at, marker = _next(data, at)
        gap = at - 2 - before
        if marker == -1:
            break
        if gap > 0 and data[before : at - 1].strip(b"\xff"):
            picture.stray += 1
        if marker == 0xD9:
            picture.finished = True
            break
        if marker == 1 or 0xD0 <= marker <= 0xD8:
            continue
        size = _length(data, at)
        body = at + 2
        end = at + size
        if marker == 0xDA:
            at = _scan(data, picture, body, end)
            continue
        _segment(data, picture, marker, body, end)
        at = end
    else:
        refuse(f"Expected at most {limits.MAX_SEGMENTS} segments; found more", at)
    picture.end = at
    if picture.frame is None or not picture.scans:
        refuse("Expected a frame header and a scan; found none", at)
    return picture


def _segment(data: bytes, picture: _Picture, marker: int, at: int, end: int) -> None:
    if marker == 0xDB:
        _quantization(data, picture, at, end)
    elif marker == 0xC4:
        _huffman(data, picture, at, end)
    elif marker == 0xDD:
        if end - at < 2:
            refuse("Expected a restart interval; found too few bytes", at)
        (picture.interval,) = struct.unpack_from(">H", data, at)
    elif marker in _SOF or marker in _REFUSED_SOF:
        if picture.frame is not None:
            refuse("Expected one frame header; found a second", at)
        picture.frame = _frame(data, marker, at, end - at)
        check_measure(Measure(ImageFormat.JPEG, picture.frame.width, picture.frame.height))
    elif 0xE0 <= marker <= 0xEF:
        _application(picture, marker, data[at:end])
    elif marker == 0xFE:
        picture.others.append((_C.COMMENT, "COM"))
    else:
        picture.others.append((_C.OTHER, f"segment 0x{marker:02X}"))


def _application(picture: _Picture, marker: int, body: bytes) -> None:
    other = picture.others.append
    if marker == 0xE0 and body.startswith(b"JFIF\0") and len(body) >= 12:
        picture.density = body[5:12]
        if len(body) > 14:
            other((_C.THUMBNAIL, "APP0 JFIF thumbnail"))
    elif marker == 0xE0 and body.startswith(b"JFXX\0"):
        other((_C.THUMBNAIL, "APP0 JFXX"))
    elif marker == 0xE1 and body.startswith(_EXIF):
        picture.exif.append(body[6:])
    elif marker == 0xE1 and body.startswith(_XMP):
        picture.xmp.append(body[len(_XMP) :])
    elif marker == 0xE1 and body.startswith(_EXTENDED_XMP):
        picture.extended.append(body[len(_EXTENDED_XMP) + 40 :])
    elif marker == 0xE2 and body.startswith(_ICC) and len(body) >= 14:
        picture.icc.setdefault(body[12], body[14:])
    elif marker == 0xE2 and body.startswith(_MPF):
        other((_C.THUMBNAIL, "APP2 MPF"))
    elif marker == 0xE2 and body.startswith(_GAIN_MAP):
        other((_C.THUMBNAIL, "APP2 gain map"))
    elif marker == 0xEB:
        picture.jumbf.append(body)
    elif marker == 0xED and body.startswith(_PHOTOSHOP):
        picture.iptc.append(body)
    elif marker == 0xEE and body.startswith(b"Adobe") and len(body) >= 12:
        picture.transform = body[11]
        if len(body) > 12:
            other((_C.OTHER, "APP14 Adobe tail"))
    else:
        other((_C.OTHER, f"APP{marker - 0xE0}"))


def _quantization(data: bytes, picture: _Picture, at: int, end: int) -> None:
    while at < end:
        wide, which = data[at] >> 4, data[at] & 15
        size = 64 << wide
        if wide > 1 or which > 3 or at + 1 + size > end:
            refuse("Expected a quantization table of 64 numbers; found another", at)
        picture.quantization[which] = data[at : at + 1 + size]
        at += 1 + size


def _huffman(data: bytes, picture: _Picture, at: int, end: int) -> None:
    while at + 17 <= end:
        which, counts = data[at], data[at + 1 : at + 17]
        total = sum(counts)
        if which & 0xEC or total > 256 or at + 17 + total > end:
            refuse("Expected a Huffman table of at most 256 codes; found another", at)
        picture.huffman[which] = data[at + 1 : at + 17 + total]
        at += 17 + total


def _scan(data: bytes, picture: _Picture, at: int, end: int) -> int:
    """Read a scan header and find the end of its data; give the place behind it."""
    frame = picture.frame
    if frame is None:
        refuse("Expected a frame header before the first scan; found none", at)
    if len(picture.scans) >= limits.MAX_SCANS:
        refuse(f"Expected at most {limits.MAX_SCANS} scans; found more", at)
    count = data[at]
    if not 1 <= count <= 4 or end - at < 4 + 2 * count:
        refuse(f"Expected a scan of 1 to 4 components; found {count}", at)
    by_id = {c.id: c for c in frame.components}
    names = data[at + 1 : at + 1 + 2 * count : 2]
    if len(set(names)) != count or any(name not in by_id for name in names):
        refuse("Expected components of the frame, each once; found others", at)
    components = tuple(by_id[name] for name in names)
    selectors = tuple((pair >> 4 & 3, pair & 3) for pair in data[at + 2 : at + 2 + 2 * count : 2])
    first, last, approximation = data[at + 1 + 2 * count : at + 4 + 2 * count]
    high, low = approximation >> 4, approximation & 15
    if frame.progressive:
        if first > last or last > 63 or (first == 0) != (last == 0) or (first and count > 1) or low > 13:
            refuse("Expected a band of coefficients; found none that progressive coding knows", at)
        if high and high != low + 1:
            refuse("Expected a refinement by one bit; found another", at)
    else:
        first, last, high, low = 0, 63, 0, 0
    _check_progress(picture, frame, components, first, last, high, low, at)
    columns, rows = frame.units(components)
    interval = picture.interval if picture.interval < columns * rows else 0
    scan = Scan(components, selectors, first, last, high, low, interval, {}, at)
    for dc, ac in selectors:
        if first == 0 and not high and dc in picture.huffman:
            scan.huffman[dc] = picture.huffman[dc]
        if last > 0 and 0x10 | ac in picture.huffman:
            scan.huffman[0x10 | ac] = picture.huffman[0x10 | ac]
    for component in components:
        if component.table in picture.quantization:
            picture.latched.setdefault(component.id, picture.quantization[component.table])
    at = _intervals(data, scan, end, columns * rows)
    if not _single_scan(picture, frame):
        picture.scans.append(scan)
    return at


def _single_scan(picture: _Picture, frame: Frame) -> bool:
    """Whether the picture is complete already: a decoder of one interleaved scan reads no other."""
    return bool(picture.scans) and not frame.progressive and picture.scans[0].components == frame.components


def _check_progress(
    picture: _Picture,
    frame: Frame,
    components: tuple[Component, ...],
    first: int,
    last: int,
    high: int,
    low: int,
    at: int,
) -> None:
    """Refuse a coefficient that is coded twice: the first coding would be a second picture that nobody sees."""
    if _single_scan(picture, frame):
        return
    for earlier in picture.scans:
        shared = {c.id for c in earlier.components} & {c.id for c in components}
        overlap = earlier.start <= last and first <= earlier.end
        if shared and overlap and (high == 0 or earlier.low < high):
            refuse("Expected each coefficient to be coded once and then refined; found it twice", at)


def _intervals(data: bytes, scan: Scan, at: int, total: int) -> int:
    """Find the restart intervals of a scan that starts at `at`."""
    allowed = -(-total // scan.interval) - 1 if scan.interval else 0
    if allowed > limits.MAX_RESTARTS:
        refuse(f"Expected at most {limits.MAX_RESTARTS} restart intervals; found more", at)
    size = len(data)
    places, stop = find_restarts(data, at)
    if len(places) > allowed:
        places, stop = places[:allowed], places[allowed]
    scan.intervals += zip([at, *[place + 2 for place in places[:-1]]], places, strict=False)
    scan.restarts += [data[place + 1] for place in places]
    start = places[-1] + 2 if places else at
    # At most one marker more, unless there are fill bytes.
    for place in find_markers(data, stop):
        stop = place
        if stop < start:  # within the fill bytes of the one before
            continue
        behind, marker = stop + 2, data[stop + 1] if stop + 1 < size else 0xFF
        if marker == 0xFF:
            behind, marker = _after_fill(data, stop)
        if marker == -1:
            stop = max(start, _end_of_data(data))
        if marker == 0:
            # A decoder reads the last as data; no encoder writes such fill, and each is a place to hide a bit.
            refuse("Expected no fill bytes within entropy-coded data; found some", stop)
        scan.intervals.append((start, stop))
        if not 0xD0 <= marker <= 0xD7 or len(scan.restarts) >= allowed:
            return stop
        scan.restarts.append(marker)
        start = behind
    return len(data)


def _end_of_data(data: bytes) -> int:
    """Where data that no marker ends stops: half of a pair at the end of the file is none."""
    return len(data) - (data[-1:] == b"\xff")


def _after_fill(data: bytes, at: int) -> tuple[int, int]:
    while at < len(data) and data[at] == 0xFF:
        at += 1
    return (at + 1, data[at]) if at < len(data) else (len(data), -1)


def rewrite(data: bytes, context: Context) -> Rewritten:
    """Write the picture again, and nothing else."""
    picture = _parse(data)
    frame = picture.frame
    if frame is None:  # `_parse` has refused
        refuse("Expected a frame header; found none")
    if context.check_scan:
        hidden = jpeg_scan.trim(data, frame, picture.scans, picture.finished)
        if hidden:
            context.drop(_C.OTHER, "bytes behind the last MCU", hidden)
    orientation, rights = _metadata(picture, context, data)
    out: list[bytes | memoryview] = [b"\xff\xd8"]
    if picture.density is not None:
        out.append(b"\xff\xe0\0\x10JFIF\0" + _density(picture.density) + b"\0\0")
    if block := exif.build(orientation, rights.only(context.keep)):
        out.append(b"\xff\xe1" + struct.pack(">H", 8 + len(block)) + _EXIF + block)
    out += _profile(picture, context)
    if picture.transform is not None:
        out.append(b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0" + bytes((min(picture.transform, 2),)))
    out += _coded(data, frame, picture)
    out.append(b"\xff\xd9")
    return Rewritten(b"".join(out), orientation)


def _density(raw: bytes) -> bytes:
    major, minor, units, x, y = struct.unpack(">BBBHH", raw)
    return struct.pack(">BBBHH", 1, 2 if minor > 1 or major != 1 else 1, units if units < 3 else 0, x or 1, y or 1)


def _metadata(picture: _Picture, context: Context, data: bytes) -> tuple[int, Rights]:
    """Read what goes: its categories, its marks of origin, and the little that is used of it."""
    orientation: int | None = None
    rights = NO_RIGHTS
    if picture.exif:
        found = exif.read(picture.exif[0] if len(picture.exif) == 1 else b"".join(picture.exif), context, "APP1 Exif")
        orientation, rights = found.orientation, found.rights
    for packet in picture.xmp:
        rights = rights.otherwise(xmp.read(packet, context, "APP1 XMP"))
        # Pillow reads the last packet where several stand.
    if orientation is None and picture.xmp:
        orientation = xmp.orientation_of(picture.xmp[-1])
    for packet in picture.extended:
        xmp.read(packet, context, "APP1 extended XMP")
    if picture.jumbf:
        store = b"".join(picture.jumbf)
        if b"c2pa" in store:
            context.marks.c2pa(store)
        context.drop(_C.PROVENANCE, "APP11 JUMBF", len(picture.jumbf))
    for block in picture.iptc:
        context.marks.text(b"", block)
        context.drop(_C.IDENTITY if b"\x38\x42\x49\x4d\x04\x04" in block else _C.OTHER, "APP13 Photoshop")
    for category, where in picture.others:
        context.drop(category, where)
    context.drop(_C.OTHER, "bytes between segments", picture.stray)
    if picture.finished and picture.end < len(data):
        further = data.find(b"\xff\xd8\xff", picture.end) >= 0
        context.drop(_C.THUMBNAIL if further else _C.OTHER, "bytes after EOI", len(data) - picture.end)
    return orientation or 1, rights


def _profile(picture: _Picture, context: Context) -> list[bytes]:
    if not picture.icc:
        return []
    whole = b"".join(picture.icc[number] for number in sorted(picture.icc))
    new = icc.reduce(whole)
    if new != whole:
        context.drop(_C.DEVICE, "APP2 ICC profile: description, identity, dates")
    if new is None:
        return []
    pieces = [new[i : i + 65_519] for i in range(0, len(new), 65_519)]
    return [
        b"\xff\xe2" + struct.pack(">H", 16 + len(piece)) + _ICC + bytes((i + 1, len(pieces))) + piece
        for i, piece in enumerate(pieces)
    ]


def _coded(data: bytes, frame: Frame, picture: _Picture) -> list[bytes | memoryview]:
    """Write frame header, the tables in use, and the scans."""
    out: list[bytes | memoryview] = []
    # Where two components used different contents of one table's place, each gets a place of its own.
    places: dict[bytes, int] = {}
    tables: dict[int, int] = {}
    for component in frame.components:
        table = picture.latched.get(component.id)
        if table is None:
            tables[component.id] = component.table
            continue
        content = bytes((table[0] & 0xF0,)) + table[1:]
        places.setdefault(content, len(places))
        tables[component.id] = places[content]
    for content, place in places.items():
        out.append(b"\xff\xdb" + struct.pack(">HB", 2 + len(content), content[0] | place) + content[1:])
    body = b"".join(bytes((c.id, c.h << 4 | c.v, tables[c.id])) for c in frame.components)
    out.append(
        struct.pack(">BBHBHHB", 0xFF, frame.marker, 8 + len(body), 8, frame.height, frame.width, len(frame.components))
        + body
    )
    view = memoryview(data)
    written: dict[int, bytes] = {}
    interval = 0
    for scan in picture.scans:
        for which, content in scan.huffman.items():
            if written.get(which) != content:
                written[which] = content
                out.append(b"\xff\xc4" + struct.pack(">HB", 3 + len(content), which) + content)
        if scan.interval != interval:
            out.append(b"\xff\xdd\0\x04" + struct.pack(">H", scan.interval))
            interval = scan.interval
        out.append(_scan_header(frame, scan))
        begin, last = scan.intervals[0]
        for (start, end), marker in zip(scan.intervals[1:], scan.restarts, strict=True):
            if start != last + 2:  # else nothing but the restart marker stands between
                out += (view[begin:last], bytes((0xFF, marker)))
                begin = start
            last = end
        out.append(view[begin:last])
    return out


def _scan_header(frame: Frame, scan: Scan) -> bytes:
    body = b""
    for component, (dc, ac) in zip(scan.components, scan.tables, strict=True):
        if frame.progressive:  # G.1.1.1.1: a scan codes either DC or AC, and refined DC needs no table
            dc, ac = (dc if scan.start == 0 and not scan.high else 0), (ac if scan.start else 0)
        body += bytes((component.id, dc << 4 | ac))
    return (
        struct.pack(">BBHB", 0xFF, 0xDA, 6 + len(body), len(scan.components))
        + body
        + bytes((scan.start, scan.end, scan.high << 4 | scan.low))
    )


_NAMES = {
    0xD8: ("SOI", "start"),
    0xD9: ("EOI", "end"),
    0xDB: ("DQT", "quantization tables; those in use stay"),
    0xC4: ("DHT", "Huffman tables; those in use stay"),
    0xDD: ("DRI", "restart interval"),
    0xFE: ("COM", "comment"),
    0xDC: ("DNL", "number of lines"),
}


def parts(data: bytes) -> tuple[Part, ...]:
    """List segments, scans, and what stands between and behind them."""
    found = [Part("SOI", 0, 2, True, "start of image")]
    at = 2
    while len(found) < limits.MAX_SEGMENTS:
        before = at
        at, marker = _next(data, at)
        if marker == -1:
            at = before
            break
        if at - 2 > before:
            found.append(Part("stray bytes", before, at - 2 - before, False, "between segments"))
        if marker == 0xD9:
            found.append(Part("EOI", at - 2, 2, True, "end of image"))
            break
        if marker == 1 or 0xD0 <= marker <= 0xD8:
            found.append(Part(f"marker 0x{marker:02X}", at - 2, 2, False))
            continue
        end = at + _length(data, at)
        found.append(_part(marker, data[at + 2 : end], at - 2, end - at + 2))
        at = end
        if marker == 0xDA:
            stop = find_end(data, at)
            found.append(Part("entropy-coded data", at, stop - at, True, "the picture; what follows the last MCU goes"))
            at = stop
    if at < len(data):
        found.append(Part("trailing bytes", at, len(data) - at, False, "behind the end of the image"))
    return tuple(found)


def _part(marker: int, body: bytes, offset: int, size: int) -> Part:
    if marker in _SOF:
        return Part(f"SOF{marker - 0xC0}", offset, size, True, f"frame header, {_SOF[marker]}")
    if marker == 0xDA:
        return Part("SOS", offset, size, True, "scan header")
    if marker in (0xDB, 0xC4, 0xDD):
        return Part(_NAMES[marker][0], offset, size, True, _NAMES[marker][1])
    if 0xE0 <= marker <= 0xEF:
        for number, start, name, stays, note in _APPLICATIONS:
            if marker == number and body.startswith(start):
                return Part(name, offset, size, stays, note)
        return Part(f"APP{marker - 0xE0}", offset, size, False, "application data")
    name, note = _NAMES.get(marker, (f"segment 0x{marker:02X}", "not needed to show the picture"))
    return Part(name, offset, size, False, note)


_APPLICATIONS = (
    (0xE0, b"JFIF\0", "APP0 JFIF", True, "pixel density; a thumbnail goes"),
    (0xE0, b"JFXX\0", "APP0 JFXX", False, "thumbnail"),
    (0xE1, _EXIF, "APP1 Exif", True, "only the orientation stays"),
    (0xE1, _XMP, "APP1 XMP", False, "properties; an orientation moves to Exif"),
    (0xE1, _EXTENDED_XMP, "APP1 extended XMP", False, "properties, depth maps, hidden originals"),
    (0xE2, _ICC, "APP2 ICC profile", True, "colour; description, identity and dates go"),
    (0xE2, _MPF, "APP2 MPF", False, "index of further pictures"),
    (0xE2, _GAIN_MAP, "APP2 gain map", False, "says that a second picture follows"),
    (0xEB, b"JP", "APP11 JUMBF", False, "provenance (C2PA)"),
    (0xED, _PHOTOSHOP, "APP13 Photoshop", False, "IPTC fields, thumbnails, paths"),
    (0xEE, b"Adobe", "APP14 Adobe", True, "colour transform"),
)
