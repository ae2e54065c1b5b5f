"""JPEG (ITU-T T.81, JFIF 1.02, Adobe TN 5116): baseline, extended and progressive Huffman coding, 8 bits.

Kept, and rebuilt from parsed fields: JFIF's density, the orientation in an Exif of one tag, the ICC profile reduced to
rendering, Adobe's colour transform, and of the tables those that a scan uses.

Multi-picture files (MPF) keep their first picture. A gain map (Ultra HDR, ISO 21496-1) is such a further picture: it
shows the scene a second time, unredacted, so it goes; what stays is the standard-range picture that every decoder
shows.
"""

from __future__ import annotations

import struct

from photogate.findings import MetadataCategory
from photogate.formats import c2pa, exif, icc, iptc, jpeg_huffman, jpeg_scan, limits, xmp
from photogate.formats.container import (
    Context,
    ImageFormat,
    Measure,
    Rewritten,
    refuse,
)
from photogate.formats.jpeg_parse import (
    EXIF,
    ICC,
    PHOTOSHOP,
    REFUSED_SOF,
    SOF,
    Picture,
    next_marker,
    parse,
    read_frame,
    segment_length,
)
from photogate.formats.jpeg_scan import Frame, Scan
from photogate.formats.jpeg_verify import verify

__all__ = ["measure", "rewrite", "verify"]

_C = MetadataCategory


def measure(data: bytes) -> Measure:
    """Read the frame header, and the orientation in an Exif that stands before it."""
    at, orientation = 2, 1
    for _ in range(limits.MAX_SEGMENTS):
        at, marker = next_marker(data, at)
        if marker in (0xD9, 0xDA, -1):
            return refuse("Expected a frame header (SOF); found none", at)
        if marker == 1 or 0xD0 <= marker <= 0xD8:
            continue
        size = segment_length(data, at)
        if marker in SOF or marker in REFUSED_SOF:
            frame = read_frame(data, marker, at + 2, size - 2)
            return Measure(ImageFormat.JPEG, frame.width, frame.height, 1, orientation)
        if marker == 0xE1 and data[at + 2 : at + 8] == EXIF and orientation == 1:
            orientation = exif.orientation_of(data[at + 8 : at + size]) or 1
        at += size
    return refuse(f"Expected at most {limits.MAX_SEGMENTS} segments; found more", at)


def rewrite(data: bytes, context: Context) -> Rewritten:
    """Write the picture again, and nothing else."""
    picture = parse(data)
    frame = picture.frame
    if frame is None:  # `parse` has refused
        refuse("Expected a frame header; found none")
    if any(_has_zero(table) for table in picture.latched.values()):
        # What it hides of a picture, any other table would show again.
        refuse("Expected quantization by 1 and more (T.81 B.2.4.1); found by 0")
    if context.check_scan:
        hidden = jpeg_scan.trim(data, frame, picture.scans, picture.finished)
        if hidden:
            context.drop(_C.OTHER, "bytes behind the last MCU", hidden)
        unused = jpeg_huffman.clear(
            picture.scans,
            frame.progressive,
            frame.width * frame.height,
            lambda: b"".join((b"\xff\xd8", *_coded(data, frame, picture), b"\xff\xd9")),
        )
        context.drop(_C.OTHER, "Huffman codes that no MCU uses", unused)
        if unused and jpeg_scan.trim(data, frame, picture.scans, picture.finished):
            refuse("Expected a scan that ends in one place, with and without codes that no MCU uses; found damage")
    orientation = _metadata(picture, context, data)
    out: list[bytes | memoryview] = [b"\xff\xd8"]
    if picture.density is not None:
        out.append(b"\xff\xe0\0\x10JFIF\0" + _density(picture.density) + b"\0\0")
    if block := exif.build(orientation, context.rights()):
        out.append(b"\xff\xe1" + struct.pack(">H", 8 + len(block)) + EXIF + block)
    out += _profile(picture, context)
    if picture.transform is not None:
        out.append(b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0" + bytes((min(picture.transform, 2),)))
    out += _coded(data, frame, picture)
    out.append(b"\xff\xd9")
    return Rewritten(b"".join(out), orientation)


def _has_zero(table: bytes) -> bool:
    """Tell whether an element of a quantization table is 0; `table` is as in DQT, its first byte tells the width."""
    return 0 in struct.unpack(">64H" if table[0] >> 4 else ">64B", table[1:])


def _density(raw: bytes) -> bytes:
    major, minor, units, x, y = struct.unpack(">BBBHH", raw)
    return struct.pack(">BBBHH", 1, 2 if minor > 1 or major != 1 else 1, units if units < 3 else 0, x or 1, y or 1)


def _metadata(picture: Picture, context: Context, data: bytes) -> int:
    """Read what goes: its categories, its marks of origin, and the little that is used of it."""
    orientation: int | None = None
    if picture.exif:
        found = exif.read(picture.exif[0] if len(picture.exif) == 1 else b"".join(picture.exif), context, "APP1 Exif")
        orientation = found.orientation
    for block in picture.late:
        exif.read(block, context, "APP1 Exif")
    for packet in picture.xmp:
        xmp.read(packet, context, "APP1 XMP")
    if orientation is None and picture.xmp:  # Pillow reads the last packet where several stand
        orientation = xmp.orientation_of(picture.xmp[-1])
    for packet in picture.extended:
        xmp.read(packet, context, "APP1 extended XMP")
    if picture.jumbf:
        store = _joined(picture.jumbf)
        if b"c2pa" in store:
            c2pa.read(store, context, "APP11 JUMBF", len(picture.jumbf))
        else:
            context.drop(_C.PROVENANCE, "APP11 JUMBF", len(picture.jumbf))
    if picture.iptc:  # one block of resources may run over several segments
        iptc.read(b"".join(block[len(PHOTOSHOP) :] for block in picture.iptc), context, "APP13 Photoshop")
    context.drop(_C.COMMENT, "COM", len(picture.comments))
    for comment in picture.comments:
        context.text(comment)
    for category, where in picture.others:
        context.drop(category, where)
    context.drop(_C.OTHER, "bytes between segments", picture.stray)
    if picture.finished and picture.end < len(data):
        # MPF's further pictures, or the video of a motion photo
        video = data.find(b"ftyp", picture.end, picture.end + 4096) >= 0
        further = video or data.find(b"\xff\xd8\xff", picture.end) >= 0
        context.drop(_C.THUMBNAIL if further else _C.OTHER, "bytes after EOI", len(data) - picture.end)
    return orientation or 1


def _joined(segments: list[bytes]) -> bytes:
    """Put boxes together that run over several segments, each of which says their header again (19566-5, D.2)."""
    pieces, seen = [], set()
    for body in segments:
        box = body[2:4]
        header = 24 if body[8:12] == b"\0\0\0\1" else 16
        pieces.append(body[header if box in seen else 8 :] if body[:2] == b"JP" else body)
        seen.add(box)
    return b"".join(pieces)


def _profile(picture: Picture, context: Context) -> list[bytes]:
    if not picture.icc:
        return []
    # ICC.1 B.4: number, count, data. Of pieces that are not as many as they say, decoders make no profile.
    pieces = sorted(picture.icc)
    whole = b"".join(piece[2:] for piece in pieces)
    new = (
        icc.reduce(whole, len(picture.frame.components) if picture.frame else None)
        if pieces[0][1] == len(pieces)
        else None
    )
    if new != whole:
        context.drop(_C.DEVICE, "APP2 ICC profile: description, identity, dates")
    if new is None:
        return []
    pieces = [new[i : i + 65_519] for i in range(0, len(new), 65_519)]
    return [
        b"\xff\xe2" + struct.pack(">H", 16 + len(piece)) + ICC + bytes((i + 1, len(pieces))) + piece
        for i, piece in enumerate(pieces)
    ]


# What decoders guess colours by where neither JFIF nor Adobe says them: numbers, "RGB", libjpeg 9's wide YCbCr.
_COMPONENT_IDS = ((0, 1, 2), (0x52, 0x47, 0x42), (1, 0x22, 0x23))


def _component_ids(frame: Frame) -> dict[int, int]:
    """Number the components, unless their names say something."""
    ids = tuple(c.id for c in frame.components)
    return {c: c if ids in _COMPONENT_IDS else i for i, c in enumerate(ids, 1)}


def _coded(data: bytes, frame: Frame, picture: Picture) -> list[bytes | memoryview]:
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
    ids = _component_ids(frame)
    body = b"".join(bytes((ids[c.id], c.h << 4 | c.v, tables[c.id])) for c in frame.components)
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
        out.append(_scan_header(frame, scan, ids))
        begin, last = scan.intervals[0]
        for i, ((start, end), marker) in enumerate(zip(scan.intervals[1:], scan.restarts, strict=True)):
            if start != last + 2 or marker & 7 != i & 7:  # else nothing but the restart marker stands between
                out += (view[begin:last], _RESTARTS[i & 7])
                begin = start
            last = end
        out.append(view[begin:last])
    return out


_RESTARTS = [bytes((0xFF, 0xD0 + i)) for i in range(8)]


def _scan_header(frame: Frame, scan: Scan, ids: dict[int, int]) -> bytes:
    body = b""
    for component, (dc, ac) in zip(scan.components, scan.tables, strict=True):
        if frame.progressive:  # G.1.1.1.1: a scan codes either DC or AC, and refined DC needs no table
            dc, ac = (dc if scan.start == 0 and not scan.high else 0), (ac if scan.start else 0)
        body += bytes((ids[component.id], dc << 4 | ac))
    return (
        struct.pack(">BBHB", 0xFF, 0xDA, 6 + len(body), len(scan.components))
        + body
        + bytes((scan.start, scan.end, scan.high << 4 | scan.low))
    )
