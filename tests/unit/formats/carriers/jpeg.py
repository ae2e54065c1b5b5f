"""JPEG (ITU-T T.81, JFIF, CIPA DC-007 and DC-008): segments, tables, headers, and what no MCU reaches."""

from __future__ import annotations

import re
import struct

from tests.unit.formats.carriers import icc
from tests.unit.formats.carriers.kit import SECRET, TAILS, Carriers, photo, saved

PLAIN = saved(photo(), "JPEG", quality=60, subsampling=0)
PROGRESSIVE = saved(photo(), "JPEG", quality=60, progressive=True)
RESTARTS = saved(photo(), "JPEG", quality=60, restart_marker_blocks=2)
BOTH = saved(photo(), "JPEG", quality=60, progressive=True, restart_marker_rows=1)


def segment(marker: int, body: bytes) -> bytes:
    return bytes((0xFF, marker)) + struct.pack(">H", len(body) + 2) + body


def places(data: bytes) -> list[tuple[int, int, int]]:
    """Marker, start and end of each segment, scans with their data."""
    found, at = [], 2
    while data[at + 1] != 0xD9:
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if data[at + 1] == 0xDA:
            match = re.compile(rb"\xff[^\0\xd0-\xd7]").search(data, end)
            assert match is not None
            end = match.start()
        found.append((data[at + 1], at, end))
        at = end
    return found


def first(data: bytes, marker: int) -> tuple[int, int]:
    return next((start, end) for kind, start, end in places(data) if kind == marker)


def put(data: bytes, at: int, new: bytes, skip: int = 0) -> bytes:
    return data[:at] + new + data[at + skip :]


def longer(data: bytes, marker: int, tail: bytes) -> bytes:
    """Let a segment be longer than its fields."""
    start, _ = first(data, marker)
    size = int.from_bytes(data[start + 2 : start + 4], "big")
    body = data[start + 4 : start + 2 + size] + tail
    return put(data, start, segment(marker, body), 2 + size)


def stuffed(tail: bytes) -> bytes:
    return tail.replace(b"\xff", b"\xff\0")


def tiff_block(entries: list[tuple[int, int, int, bytes]], rest: bytes = b"", following: int = 0) -> bytes:
    table = b"".join(struct.pack(">HHI4s", tag, kind, count, value) for tag, kind, count, value in entries)
    return b"MM\0*\0\0\0\x08" + struct.pack(">H", len(entries)) + table + struct.pack(">I", following) + rest


def exif_blocks() -> Carriers:
    at = struct.pack(">I", 26)
    for name, tag in (("artist", 0x13B), ("description", 0x10E), ("maker note", 0x927C), ("XP comment", 0x9C9C)):
        yield f"Exif {name}", tiff_block([(tag, 2, len(SECRET), at)], SECRET)
    for name, tag in (("Exif IFD", 0x8769), ("GPS IFD", 0x8825), ("interoperability IFD", 0xA005), ("SubIFD", 0x14A)):
        inner = struct.pack(">HHHI4s", 1, 2, 2, len(SECRET), struct.pack(">I", 44)) + bytes(4) + SECRET
        yield name, tiff_block([(tag, 4, 1, at)], inner)
    yield "Exif bytes that no tag refers to", tiff_block([(0x112, 3, 1, b"\0\1\0\0")], SECRET)
    yield "IFD1", tiff_block([], struct.pack(">HHHI4s", 1, 0x201, 4, 12, b"\0\0\0\x30") + bytes(4) + SECRET, 14)
    yield "orientation with a tail", tiff_block([(0x112, 2, 13, at)], b"\1" + SECRET)
    yield "Exif that is none", SECRET


def carriers() -> Carriers:
    for n in range(16):
        yield f"APP{n}", put(PLAIN, 2, segment(0xE0 + n, SECRET))
    for marker in (0x02, 0xC8, 0xCC, 0xDC, 0xDE, 0xDF, 0xF0, 0xF6, 0xFD, 0xFE):
        yield f"segment 0x{marker:02X}", put(PLAIN, 2, segment(marker, SECRET))
    for marker in (0xDB, 0xC0, 0xC4, 0xDA):
        yield f"COM before 0x{marker:02X}", put(PLAIN, first(PLAIN, marker)[0], segment(0xFE, SECRET))
    for i, (_, start, _) in enumerate([p for p in places(PROGRESSIVE) if p[0] == 0xDA][1:], 2):
        yield f"COM before scan {i}", put(PROGRESSIVE, start, segment(0xFE, SECRET))
        yield f"bytes before scan {i}", put(PROGRESSIVE, start, SECRET)
    end = len(PLAIN) - 2
    yield "COM before EOI", put(PLAIN, end, segment(0xFE, SECRET))
    yield "bytes behind SOI", put(PLAIN, 2, SECRET)
    yield "bytes between segments", put(PLAIN, first(PLAIN, 0xC0)[0], SECRET)
    yield "a length of fill bytes", put(PLAIN, first(PLAIN, 0xC4)[0], b"\xff" * 77)
    yield "a picture within", put(PLAIN, 2, b"\xff\xd8" + segment(0xE1, b"Exif\0\0" + SECRET))
    yield "a second picture", PLAIN + put(PLAIN, 2, segment(0xFE, SECRET))
    yield "a video behind EOI", PLAIN + b"\0\0\0\x14ftypmp42" + SECRET
    yield "no EOI", PLAIN[:-2] + SECRET
    for name, block in exif_blocks():
        yield name, put(PLAIN, 2, segment(0xE1, b"Exif\0\0" + block))
    yield "XMP", put(PLAIN, 2, segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<x>" + SECRET))
    extended = b"http://ns.adobe.com/xmp/extension/\0" + b"0" * 32 + struct.pack(">II", 12, 0)
    yield "extended XMP", put(PLAIN, 2, segment(0xE1, extended + SECRET))
    yield (
        "JFIF thumbnail",
        put(PLAIN, 2, segment(0xE0, b"JFIF\0\1\2\0\0\1\0\1\2\2" + SECRET), first(PLAIN, 0xE0)[1] - 2),
    )
    for kind in (0x10, 0x11, 0x13):
        yield (
            f"JFXX 0x{kind:02X}",
            put(PLAIN, first(PLAIN, 0xE0)[1], segment(0xE0, b"JFXX\0" + bytes((kind,)) + SECRET)),
        )
    yield "a second JFIF", put(PLAIN, 2, segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0" + SECRET))
    yield "JFIF density", put(PLAIN, 2, segment(0xE0, b"JFIF\0\1\1" + SECRET[:7]), first(PLAIN, 0xE0)[1] - 2)
    yield "Photoshop thumbnail", put(PLAIN, 2, segment(0xED, b"Photoshop 3.0\x008BIM\4\x0c\0\0\0\0\0\x0c" + SECRET))
    yield "gain map", put(PLAIN, 2, segment(0xE2, b"urn:iso:std:iso:ts:21496:-1\0" + SECRET))
    yield "MPF", put(PLAIN, 2, segment(0xE2, b"MPF\0" + tiff_block([], SECRET)))
    adobe = b"Adobe\0\x64" + SECRET[:4] + b"\1"
    yield "Adobe flags and tail", put(PLAIN, 2, segment(0xEE, adobe + SECRET))
    yield "two Adobe segments", put(PLAIN, 2, segment(0xEE, adobe + SECRET) + segment(0xEE, b"Adobe\0\x64\0\0\0\0\1"))
    yield from _tables()
    yield from _headers()
    yield from _scans()
    for name, profile in icc.profiles():
        yield f"profile: {name}", put(PLAIN, 2, segment(0xE2, b"ICC_PROFILE\0\1\1" + profile))
    whole = icc.srgb()
    half = [b"ICC_PROFILE\0\1\2" + whole[:300], b"ICC_PROFILE\0\2\2" + whole[300:]]
    yield "profile piece twice", put(PLAIN, 2, b"".join(segment(0xE2, p) for p in (*half, half[1][:14] + SECRET)))
    yield (
        "profile piece too many",
        put(PLAIN, 2, b"".join(segment(0xE2, p) for p in (*half, b"ICC_PROFILE\0\3\2" + SECRET))),
    )
    yield "profile piece 0", put(PLAIN, 2, b"".join(segment(0xE2, p) for p in (*half, b"ICC_PROFILE\0\0\2" + SECRET)))
    yield (
        "profile pieces out of order",
        put(
            PLAIN,
            2,
            b"".join(segment(0xE2, p) for p in (half[1], half[0] + b"")) + segment(0xE2, b"ICC_PROFILE\0" + SECRET),
        ),
    )


def _tables() -> Carriers:
    frame, scan = first(PLAIN, 0xC0)[0], first(PLAIN, 0xDA)[0]
    for which, table in ((3, SECRET.ljust(64, b"\1")), (0x12, (SECRET + b"\1").ljust(128, b"\1"))):
        yield f"unused DQT 0x{which:02X}", put(PLAIN, frame, segment(0xDB, bytes((which,)) + table))
    yield "DQT that is defined again", put(PLAIN, 2, segment(0xDB, b"\0" + SECRET.ljust(64, b"\1")))
    counts = bytes(7) + b"\x0c" + bytes(8)
    for which in (2, 3, 0x12, 0x13):
        yield f"unused DHT 0x{which:02X}", put(PLAIN, scan, segment(0xC4, bytes((which,)) + counts + SECRET))
    yield "DHT that is defined again", put(PLAIN, first(PLAIN, 0xC4)[0], segment(0xC4, b"\x10" + counts + SECRET))
    yield "DHT behind the last scan", put(PLAIN, len(PLAIN) - 2, segment(0xC4, b"\x10" + counts + SECRET))
    yield "tail of DHT", longer(PLAIN, 0xC4, SECRET)
    # The last codes of the standard's table (K.3.3.2) stand for runs that a smooth picture does not have.
    for which in (0x10, 0x11):
        at = PLAIN.index(b"\xff\xc4\0\xb5" + bytes((which,))) + 21
        yield f"symbols of DHT 0x{which:02X} that no MCU uses", put(PLAIN, at + 140, SECRET, len(SECRET))


def _headers() -> Carriers:
    for marker in (0xC0, 0xDA):
        yield f"tail of 0x{marker:02X}", longer(PLAIN, marker, SECRET)
    yield "tail of SOS, progressive", longer(PROGRESSIVE, 0xDA, SECRET)
    yield "DRI without restarts and its tail", put(PLAIN, first(PLAIN, 0xDA)[0], segment(0xDD, b"\x7f\xff" + SECRET))
    yield "tail of DRI", longer(RESTARTS, 0xDD, SECRET)


def named(data: bytes, names: bytes) -> bytes:
    """Give the components other names."""
    new = bytearray(data)
    frame = next(start for kind, start, _ in places(data) if kind in (0xC0, 0xC2))
    for i, name in enumerate(names):
        old, new[frame + 10 + 3 * i] = data[frame + 10 + 3 * i], name
        for kind, start, _ in places(data):
            if kind == 0xDA:
                for j in range(data[start + 4]):
                    if data[start + 5 + 2 * j] == old:
                        new[start + 5 + 2 * j] = name
    return bytes(new)


def _scans() -> Carriers:
    for i, tail in enumerate(TAILS):
        yield f"tail {i} behind the last MCU", put(PLAIN, len(PLAIN) - 2, stuffed(tail))
        for number, (_, _, end) in enumerate([p for p in places(PROGRESSIVE) if p[0] == 0xDA], 1):
            if i > 1:
                yield f"tail {i} behind progressive scan {number}", put(PROGRESSIVE, end, stuffed(tail))
        for data, name in ((RESTARTS, "interval"), (BOTH, "progressive interval")):
            for number in (0, 3):
                at = data.index(bytes((0xFF, 0xD0 + number)), first(data, 0xDA)[0])
                yield f"tail {i} of {name} {number}", put(data, at, stuffed(tail))
