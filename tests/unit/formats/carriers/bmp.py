"""BMP: headers of every version, gaps, palettes, masks, paddings, run-length codes and profiles."""

from __future__ import annotations

import struct

from tests.unit.formats.carriers import icc
from tests.unit.formats.carriers.kit import SECRET, TAILS, Carriers

_SIDE = 6


def bmp(
    depth: int = 24, *, size: int = 40, compression: int = 0, extra: bytes = b"", palette: bytes = b"",
    gap: bytes = b"",
    rows: bytes | None = None, tail: bytes = b"", colours: int = 0, important: int = 0, reserved: bytes = bytes(4),
    height: int = _SIDE, total: int | None = None, resolution: bytes = bytes(8),
) -> bytes:  # fmt: skip
    """A bitmap of 6 x 6 pixels. `extra` fills the header from byte 40 on, or stands behind one of 40 bytes."""
    stride = (_SIDE * depth + 31) // 32 * 4
    if rows is None:
        rows = b"".join(
            bytes((x * 5 + y) % 256 for x in range(_SIDE * depth // 8)).ljust(stride, b"\0") for y in range(_SIDE)
        )
    head = struct.pack("<IiiHHII", size, _SIDE, height, 1, depth, compression, len(rows))
    head += resolution + struct.pack("<II", colours, important)
    if size == 12:
        head = struct.pack("<IHHHH", size, _SIDE, _SIDE, 1, depth)
    head += extra.ljust(max(size - 40, 0), b"\0")
    at = 14 + len(head) + len(palette) + len(gap)
    whole = at + len(rows) + len(tail)
    first = struct.pack("<2sI4sI", b"BM", whole if total is None else total, reserved, at)
    return first + head + palette + gap + rows + tail


GREYS = b"".join(bytes((i, 255 - i, i, 0)) for i in range(256))
SRGB = struct.pack("<I", 0x73524742)
MASKS = struct.pack("<IIII", 0xFF0000, 0xFF00, 0xFF, 0)


def spread(width: int, stride: int) -> bytes:
    """Rows whose padding holds the secret, as much as fits."""
    return b"".join(bytes(width) + SECRET[: stride - width] for _ in range(_SIDE))


def carriers() -> Carriers:
    for depth in (24, 32, 8):
        palette = GREYS if depth == 8 else b""
        yield f"gap before {depth} bits", bmp(depth, palette=palette, gap=SECRET)
        for i, tail in enumerate(TAILS):
            yield f"tail {i} behind {depth} bits", bmp(depth, palette=palette, tail=tail)
    yield "tail behind the file's size", bmp(total=14 + 40 + 20 * _SIDE) + SECRET
    yield (
        "reserved fields, size and important colours",
        bmp(reserved=SECRET[:4], total=0x41424344, important=0x4B4B4B4B, tail=SECRET),
    )
    yield "resolution", bmp(resolution=SECRET[:8], tail=SECRET)
    yield "a palette that colours do not need", bmp(24, palette=SECRET, colours=3)
    yield "top down", bmp(height=-_SIDE, tail=SECRET)
    yield "core header", bmp(24, size=12, gap=SECRET)
    yield "palette entries that no pixel uses", bmp(8, palette=GREYS[:-12] + SECRET)
    yield (
        "reserved bytes of a palette",
        bmp(8, palette=b"".join(GREYS[4 * i : 4 * i + 3] + SECRET[i % 12 :][:1] for i in range(256)), gap=SECRET),
    )
    yield "more colours than the depth has", bmp(1, palette=bytes(8) + SECRET, rows=bytes(24), colours=5)
    yield "padding of rows, 24 bits", bmp(24, rows=b"".join(bytes(18) + SECRET[i : i + 2] for i in range(0, 12, 2)))
    yield (
        "padding of rows, 8 bits",
        bmp(8, palette=GREYS, rows=b"".join(bytes(6) + SECRET[i : i + 2] for i in range(0, 12, 2))),
    )
    yield (
        "padding of rows, 1 bit",
        bmp(1, palette=bytes(8), rows=b"".join(b"\0" + SECRET[i : i + 3] for i in (0, 3, 6, 9, 0, 3))),
    )
    alpha = b"".join(bytes((i, i, i, SECRET[i % 12])) for i in range(36))
    yield "unused alpha", bmp(32, rows=alpha, gap=SECRET)
    yield "unused alpha of masks", bmp(32, compression=3, extra=MASKS[:12], rows=alpha, gap=SECRET)
    yield from _headers()
    yield from _runs()


def _headers() -> Carriers:
    yield "OS/2 header", bmp(size=64, extra=SECRET * 2)
    for size in (52, 56, 108, 124):
        yield f"masks that a header of {size} bytes does not use", bmp(32, size=size, extra=(SECRET * 2)[:16])
    high = struct.pack("<IIII", 0x7C00 | 0x504C0000, 0x3E0 | 0x414E0000, 0x1F | 0x54450000, 0)
    yield "masks beyond 16 bits", bmp(16, compression=3, size=56, extra=high, tail=SECRET)
    yield "masks that are none", bmp(32, compression=3, size=56, extra=SECRET + bytes(4))
    yield "masks of 24 bits", bmp(24, compression=3, extra=SECRET)
    for space, name in (
        (b"BGRs", "sRGB"),
        (b"\0\0\0\0", "calibrated"),
        (b" niW", "Windows"),
        (b"KNIL", "linked"),
        (b"ABCD", "unknown"),
    ):
        fields = bytes(16) + space + (SECRET * 4)[:48]
        yield f"endpoints and gamma of {name} colour", bmp(32, size=108, extra=fields)
        v5 = fields + struct.pack("<I4s4s", 0x504C414E, SECRET[:4], SECRET[4:8]) + SECRET[8:]
        yield f"version 5 fields of {name} colour", bmp(32, size=124, extra=v5, tail=SECRET)
    linked = bytes(16) + b"KNIL" + bytes(48) + struct.pack("<IIII", 4, 124 + 144, len(SECRET), 0)
    yield "path of a linked profile", bmp(32, size=124, extra=linked, tail=SECRET)
    for name, profile in icc.profiles():
        embedded = bytes(16) + b"DEBM" + bytes(48) + struct.pack("<IIII", 4, 124 + 144, len(profile), 0)
        yield f"profile: {name}", bmp(32, size=124, extra=embedded, tail=profile + SECRET)


def _runs() -> Carriers:
    rows = b"".join(bytes((_SIDE, y)) + b"\0\0" for y in range(_SIDE))
    codes = {
        "behind the end of the bitmap": rows + b"\0\1" + SECRET,
        "behind the last pixel": rows + b"\0\x0c" + SECRET + b"\0\1",
        "without an end": rows + SECRET,
        "padding of an absolute run": b"\0\5\1\2\3\4\5K\1\6" + b"\0\0" + rows[4:] + b"\0\1" + SECRET,
        "deltas behind the last pixel": rows + b"\0\2" + SECRET + b"\0\1",
        "runs that leave their row": rows[:-4] + b"\xff\5\0\0" + b"\0\1" + SECRET,
    }
    for name, content in codes.items():
        yield f"run-length codes: {name}", bmp(8, compression=1, palette=GREYS, rows=content)
    yield "run-length codes: unused colours", bmp(8, compression=1, palette=GREYS[:-12] + SECRET, rows=rows + b"\0\1")
    nibbles = b"".join(bytes((_SIDE, 0x12)) + b"\0\0" for _ in range(_SIDE))
    yield (
        "run-length codes of 4 bits",
        bmp(4, compression=2, palette=GREYS[:52] + SECRET, rows=nibbles + b"\0\1" + SECRET),
    )
