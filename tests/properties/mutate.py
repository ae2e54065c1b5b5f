"""Mutations that know a format's parts: segments, chunks, blocks, boxes, directory entries.

A changed byte seldom gets past a size or a CRC. So a file is cut into its parts, parts are doubled, dropped, moved,
resized, or taken from another file, and sizes around them (and CRCs of PNG) are set right again, most times.
"""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Callable

_SIZES = (0, 1, 2, 3, 7, 8, 9, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0xFFFF, 0x10000, 0x7FFFFFFF, 0xFFFFFFFF)
_BOXES = {
    b"meta": 4,
    b"iprp": 0,
    b"ipco": 0,
    b"iinf": 6,
    b"iref": 4,
    b"moov": 0,
    b"trak": 0,
    b"mdia": 0,
    b"minf": 0,
    b"stbl": 0,
    b"edts": 0,
    b"stsd": 8,
    b"dinf": 0,
}


def _jpeg(data: bytes) -> list[bytes]:
    found, at = [], 0
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        end = at + 2
        if not (marker in (0xD8, 0xD9, 1, 0xFF) or 0xD0 <= marker <= 0xD7):
            end += int.from_bytes(data[at + 2 : at + 4], "big")
        if marker == 0xDA:  # the entropy-coded data belongs to its scan header
            while end + 1 < len(data) and not (
                data[end] == 0xFF and data[end + 1] and not 0xD0 <= data[end + 1] <= 0xD7
            ):
                end += 1
        found.append(data[at:end])
        at = end
    return [*found, data[at:]]


def _chunks(data: bytes, start: int, order: str, around: int, even: int) -> list[bytes]:
    found, at = [data[:start]], start
    while at + 8 <= len(data):
        (size,) = struct.unpack_from(order + "I", data, at if order == ">" else at + 4)
        end = at + around + size + (size & even)
        found.append(data[at:end])
        at = end
    return [*found, data[at:]]


def _gif(data: bytes) -> list[bytes]:
    def table(flags: int) -> int:
        return 3 << (flags & 7) + 1 if flags & 0x80 else 0

    at = 13 + (table(data[10]) if len(data) > 10 else 0)
    found = [data[:at]]
    while at + 10 < len(data):
        end = at + {0x21: 2, 0x2C: 10}.get(data[at], 1)
        if data[at] == 0x2C:
            end += table(data[at + 9]) + 1
        if data[at] in (0x21, 0x2C):
            while end < len(data) and data[end]:
                end += 1 + data[end]
            end += 1
        found.append(data[at:end])
        at = end
    return [*found, data[at:]]


def _boxes(data: bytes) -> list[bytes]:
    found, at = [], 0
    while at + 8 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        if size == 1:
            size = int.from_bytes(data[at + 8 : at + 16], "big")
        end = at + max(size, 8) if size else len(data)
        found.append(data[at:end])
        at = end
    return [*found, data[at:]]


def _entries(data: bytes) -> list[bytes]:
    """The entries of a TIFF's first directory, each by itself."""
    order, wide = ("<" if data[:2] == b"II" else ">"), data[2:4] in (b"+\0", b"\0+")
    if len(data) < 16:
        return [data]
    (at,) = struct.unpack_from(order + ("Q" if wide else "I"), data, 8 if wide else 4)
    if at + 8 > len(data):
        return [data]
    (count,) = struct.unpack_from(order + ("Q" if wide else "H"), data, at)
    at += 8 if wide else 2
    step = 20 if wide else 12
    cuts = [at + i * step for i in range(min(count, 64) + 1)]
    return [data[:at], *(data[a : a + step] for a in cuts[:-1]), data[cuts[-1] :]]


def _profile(data: bytes) -> list[bytes]:
    count = min(int.from_bytes(data[128:132], "big"), 64)
    return [data[:132], *(data[132 + 12 * i : 144 + 12 * i] for i in range(count)), data[132 + 12 * count :]]


def _pieces(data: bytes) -> list[bytes]:
    return [data[i : i + 16] for i in range(0, len(data), 16)]


_SPLIT: dict[str, Callable[[bytes], list[bytes]]] = {
    "jpeg": _jpeg,
    "png": lambda data: _chunks(data, 8, ">", 12, 0),
    "webp": lambda data: _chunks(data, 12, "<", 8, 1),
    "gif": _gif,
    "heic": _boxes,
    "avif": _boxes,
    "tiff": _entries,
    "exif": _entries,
    "icc": _profile,
}


def split(kind: str, data: bytes) -> list[bytes]:
    """Cut a file into its parts, which are the file when joined."""
    return [part for part in _SPLIT.get(kind, _pieces)(data) if part]


def _changed(part: bytes, source: random.Random) -> bytes:
    """Change bytes, or a field, or the length, of one part."""
    data = bytearray(part)
    at = source.randrange(len(data) + 1)
    way = source.randrange(6)
    if way == 0 and data:
        data[at % len(data)] = source.choice((0, 1, 127, 128, 255, source.randrange(256)))
    elif way == 1:
        size = source.choice((2, 4, 8))
        value = source.choice(_SIZES) + source.choice((0, 0, 1, -1))
        data[at : at + size] = (value & (1 << 8 * size) - 1).to_bytes(size, source.choice(("big", "little")))
    elif way == 2:
        del data[at : at + source.choice((1, 2, 4, 12, 64))]
    elif way == 3:
        data[at:at] = source.randbytes(source.choice((1, 2, 4, 12, 64)))
    elif way == 4:
        data[at:at] = data[at : at + source.choice((1, 2, 4, 12, 64))]
    else:
        del data[at:]
    return bytes(data)


def _inner(kind: str, part: bytes, other: list[bytes], source: random.Random) -> bytes:
    """Go into a box, mostly, and set its size right behind."""
    if kind in ("heic", "avif") and part[4:8] in _BOXES and source.random() < 0.9:
        skip = 8 + _BOXES[part[4:8]]
        into = [p for p in other if p[4:8] == part[4:8]]
        body = part[:skip] + _shuffled(kind, _boxes(part[skip:]), _boxes(into[0][skip:]) if into else [], source)
        return body if source.random() < 0.05 else struct.pack(">I", len(body)) + body[4:]
    new = _changed(part, source)
    if source.random() < 0.7:
        new = _sized(kind, new)
    return new


def _sized(kind: str, part: bytes) -> bytes:
    """Set a part's own size field right."""
    if kind in ("heic", "avif") and len(part) >= 8:
        return struct.pack(">I", len(part)) + part[4:]
    if kind == "png" and len(part) >= 12 and part[:4] != b"\x89PNG":
        return struct.pack(">I", len(part) - 12) + part[4:]
    if kind == "webp" and len(part) >= 8 and part[:4] != b"RIFF":
        return part[:4] + struct.pack("<I", len(part) - 8) + part[8:] + bytes(len(part) & 1)
    if kind == "jpeg" and len(part) >= 4 and part[1] not in (0xD8, 0xD9, 0xDA):
        return part[:2] + struct.pack(">H", min(len(part) - 2, 0xFFFF)) + part[4:]
    return part


def _shuffled(kind: str, mine: list[bytes], other: list[bytes], source: random.Random) -> bytes:
    parts = [part for part in mine if part]
    for _ in range(source.choice((1, 1, 1, 2, 4))):
        if not parts:
            break
        i, j = source.randrange(len(parts)), source.randrange(len(parts))
        way = source.randrange(10)
        if way == 0:
            parts.insert(j, parts[i])
        elif way == 1 and len(parts) > 1:
            del parts[i]
        elif way == 2:
            parts[i], parts[j] = parts[j], parts[i]
        elif way == 3 and other:
            parts.insert(i, source.choice(other))
        elif way == 4 and other:
            parts[i] = source.choice(other)
        else:
            parts[i] = _inner(kind, parts[i], other, source)
    return b"".join(parts)


def mutate(kind: str, data: bytes, other: bytes, source: random.Random) -> bytes:
    """Change a file by its parts; `other` gives parts to splice in."""
    data = _shuffled(kind, split(kind, data), split(kind, other), source)
    if kind == "webp" and source.random() < 0.9:
        data = data[:4] + struct.pack("<I", max(len(data) - 8, 0)) + data[8:]
    return repaired(kind, data)


def repaired(kind: str, data: bytes) -> bytes:
    """Set the CRCs of a PNG right, so that a changed byte is looked at."""
    if kind != "png":
        return data
    parts = split(kind, data)
    return b"".join(
        part[:-4] + struct.pack(">I", zlib.crc32(part[4:-4])) if i and len(part) >= 12 else part
        for i, part in enumerate(parts)
    )
