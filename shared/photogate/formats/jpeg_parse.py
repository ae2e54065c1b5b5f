"""Read a JPEG (ITU-T T.81) up to EOI as decoders do: what its segments hold, and where its entropy-coded data stand."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass, field

from photogate.errors import ImageRefused, Reason
from photogate.findings import MetadataCategory
from photogate.formats import limits
from photogate.formats.container import ImageFormat, Measure, check_measure, refuse
from photogate.formats.jpeg_markers import find_marker, find_restarts
from photogate.formats.jpeg_scan import Component, Frame, Scan

__all__ = [
    "EXIF",
    "EXTENDED_XMP",
    "GAIN_MAP",
    "ICC",
    "MPF",
    "PHOTOSHOP",
    "REFUSED_SOF",
    "SOF",
    "XMP",
    "Picture",
    "next_marker",
    "parse",
    "read_frame",
    "segment_length",
]

_C = MetadataCategory
SOF = {0xC0: "baseline", 0xC1: "extended sequential", 0xC2: "progressive"}
REFUSED_SOF = {
    **dict.fromkeys((0xC3, 0xC7, 0xCB, 0xCF), "lossless"),
    **dict.fromkeys((0xC5, 0xC6, 0xCD, 0xCE), "hierarchical"),
    **dict.fromkeys((0xC9, 0xCA, 0xCC), "arithmetic coding"),
    0xF7: "JPEG-LS",
}
EXIF, XMP, EXTENDED_XMP = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0", b"http://ns.adobe.com/xmp/extension/\0"
ICC, MPF = b"ICC_PROFILE\0", b"MPF\0"
GAIN_MAP = b"urn:iso:std:iso:ts:21496:-1\0"
PHOTOSHOP = b"Photoshop 3.0\0"


@dataclass(slots=True)
class Picture:
    """What is learnt of a file on the way through it."""

    frame: Frame | None = None
    scans: list[Scan] = field(default_factory=list)
    quantization: dict[int, bytes] = field(default_factory=dict)
    huffman: dict[int, bytes] = field(default_factory=dict)
    latched: dict[int, bytes] = field(default_factory=dict)
    interval: int = 0
    density: bytes | None = None
    transform: int | None = None
    icc: list[bytes] = field(default_factory=list)
    exif: list[bytes] = field(default_factory=list)
    late: list[bytes] = field(default_factory=list)
    xmp: list[bytes] = field(default_factory=list)
    extended: list[bytes] = field(default_factory=list)
    jumbf: list[bytes] = field(default_factory=list)
    iptc: list[bytes] = field(default_factory=list)
    comments: list[bytes] = field(default_factory=list)
    others: list[tuple[MetadataCategory, str]] = field(default_factory=list)
    stray: int = 0
    end: int = 0
    finished: bool = False


_NO_FILL = re.compile(rb"[^\xff]")
_NEXT = re.compile(rb"\xff[^\0\xff]")


def next_marker(data: bytes, at: int) -> tuple[int, int]:
    """Go to the next marker as decoders do, over fill bytes and strays: (behind it, marker), or -1 at the end."""
    found = _NEXT.search(data, at)
    return (found.end(), data[found.end() - 1]) if found else (len(data), -1)


def segment_length(data: bytes, at: int) -> int:
    """Read a segment's length, its own two bytes included; refuse one that leaves the file."""
    size = int.from_bytes(data[at : at + 2], "big")
    if size < 2 or at + size > len(data):
        refuse(f"Expected a segment within the file; found a length of {size}", at)
    return size


def read_frame(data: bytes, marker: int, at: int, size: int) -> Frame:
    """Read a frame header of `size` bytes (B.2.2); refuse codings and depths that we do not handle."""
    if marker in REFUSED_SOF:
        raise ImageRefused(
            f"Expected Huffman-coded JPEG; found {REFUSED_SOF[marker]}", offset=at, reason=Reason.UNSUPPORTED_FORMAT
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


def parse(data: bytes) -> Picture:
    """Go through the file up to EOI; everything behind it belongs to nobody."""
    picture = Picture()
    at = 2
    for _ in range(limits.MAX_SEGMENTS + limits.MAX_SCANS):
        before = at
        at, marker = next_marker(data, at)
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
        size = segment_length(data, at)
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


def _segment(data: bytes, picture: Picture, marker: int, at: int, end: int) -> None:
    if marker == 0xDB:
        _quantization(data, picture, at, end)
    elif marker == 0xC4:
        _huffman(data, picture, at, end)
    elif marker == 0xDD:
        if end - at < 2:
            refuse("Expected a restart interval; found too few bytes", at)
        (picture.interval,) = struct.unpack_from(">H", data, at)
    elif marker in SOF or marker in REFUSED_SOF:
        if picture.frame is not None:
            refuse("Expected one frame header; found a second", at)
        picture.frame = read_frame(data, marker, at, end - at)
        check_measure(Measure(ImageFormat.JPEG, picture.frame.width, picture.frame.height))
    elif 0xE0 <= marker <= 0xEF:
        _application(picture, marker, data[at:end])
    elif marker == 0xFE:
        picture.comments.append(data[at : min(end, at + limits.MAX_MARK_BYTES)])
    else:
        picture.others.append((_C.OTHER, f"segment 0x{marker:02X}"))


def _application(picture: Picture, marker: int, body: bytes) -> None:
    other = picture.others.append
    if picture.scans and marker in (0xE0, 0xE2, 0xEE):  # decoders have chosen size, colours and turn by then
        other((_C.OTHER, f"APP{marker - 0xE0} behind a scan"))
    elif marker == 0xE0 and body.startswith(b"JFIF\0") and len(body) >= 14:  # libjpeg takes a shorter one for none
        picture.density = body[5:12]
        if len(body) > 14:
            other((_C.THUMBNAIL, "APP0 JFIF thumbnail"))
    elif marker == 0xE0 and body.startswith(b"JFXX\0"):
        other((_C.THUMBNAIL, "APP0 JFXX"))
    elif marker == 0xE1 and body.startswith(EXIF):
        (picture.late if picture.scans else picture.exif).append(body[6:])
    elif marker == 0xE1 and body.startswith(XMP):
        (picture.extended if picture.scans else picture.xmp).append(body[len(XMP) :])
    elif marker == 0xE1 and body.startswith(EXTENDED_XMP):
        picture.extended.append(body[len(EXTENDED_XMP) + 40 :])
    elif marker == 0xE2 and body.startswith(ICC) and len(body) >= 14:
        picture.icc.append(body[12:])
    elif marker == 0xE2 and body.startswith(MPF):
        other((_C.THUMBNAIL, "APP2 MPF"))
    elif marker == 0xE2 and body.startswith(GAIN_MAP):
        other((_C.THUMBNAIL, "APP2 gain map"))
    elif marker == 0xEB:
        picture.jumbf.append(body)
    elif marker == 0xED and body.startswith(PHOTOSHOP):
        picture.iptc.append(body)
    elif marker == 0xEE and body.startswith(b"Adobe") and len(body) >= 12:
        picture.transform = body[11]
        if len(body) > 12:
            other((_C.OTHER, "APP14 Adobe tail"))
    else:
        other((_C.OTHER, f"APP{marker - 0xE0}"))


def _quantization(data: bytes, picture: Picture, at: int, end: int) -> None:
    while at < end:
        wide, which = data[at] >> 4, data[at] & 15
        size = 64 << wide
        if wide > 1 or which > 3 or at + 1 + size > end:
            refuse("Expected a quantization table of 64 numbers; found another", at)
        picture.quantization[which] = data[at : at + 1 + size]
        at += 1 + size


def _huffman(data: bytes, picture: Picture, at: int, end: int) -> None:
    while at + 17 <= end:
        which, counts = data[at], data[at + 1 : at + 17]
        total = sum(counts)
        if which & 0xEC or total > 256 or at + 17 + total > end:
            refuse("Expected a Huffman table of at most 256 codes; found another", at)
        picture.huffman[which] = data[at + 1 : at + 17 + total]
        at += 17 + total


def _scan(data: bytes, picture: Picture, at: int, end: int) -> int:
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
        if first > last or last > 63 or (first == 0) != (last == 0) or (first and count > 1) or low > _LOWEST:
            refuse("Expected a band of coefficients; found none that progressive coding of 8 bits knows", at)
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
    expected = (bytes(range(0xD0, 0xD8)) * (len(scan.restarts) // 8 + 1))[: len(scan.restarts)]
    if bytes(scan.restarts) != expected and any((marker - i) % 8 in _SKIPPED for i, marker in enumerate(scan.restarts)):
        # A decoder takes it for another interval's and leaves data out; other numbers it takes for the expected.
        refuse("Expected restart markers in order; found others", end)
    if not _single_scan(picture, frame):
        picture.scans.append(scan)
    return at


# Coefficients of 8-bit samples have 11 bits (F.1.1.5): what is shifted further is no picture.
_LOWEST = 10
# How far a restart marker's number may be from the expected one for a decoder to skip data (E.2.4 leaves it open).
_SKIPPED = (1, 2, 6, 7)


def _single_scan(picture: Picture, frame: Frame) -> bool:
    """Whether the picture is complete already: a decoder of one interleaved scan reads no other."""
    return bool(picture.scans) and not frame.progressive and picture.scans[0].components == frame.components


def _check_progress(
    picture: Picture,
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
    places, stop = find_restarts(data, at, allowed)
    if len(places) > allowed:
        places, stop = places[:allowed], places[allowed]
    scan.intervals += zip([at, *[place + 2 for place in places[:-1]]], places, strict=False)
    scan.restarts += [data[place + 1] for place in places]
    start = places[-1] + 2 if places else at
    # At most one marker more, unless there are fill bytes.
    while True:
        stop = find_marker(data, stop)
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
        start = stop = behind


def _end_of_data(data: bytes) -> int:
    """Where data that no marker ends stops: half of a pair at the end of the file is none."""
    return len(data) - (data[-1:] == b"\xff")


def _after_fill(data: bytes, at: int) -> tuple[int, int]:
    found = _NO_FILL.search(data, at)
    return (found.end(), data[found.start()]) if found else (len(data), -1)
