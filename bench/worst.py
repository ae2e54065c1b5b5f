"""Measure the worst inputs that we can think of: CPU seconds and memory of stripping and inspecting each.

usage: PYTHONPATH=shared:. python bench/worst.py [PART OF A NAME...] [--size MIB]

Each input is made by code, in every format: many tiny parts, parts that inflate, parts that are searched, parts that
refer to one another. Each is read in a process of its own, which has stripped a small file of the same format first.
`strip` and `inspect` are CPU seconds; memory is the greatest resident set beyond what stood before, the answer
included, as MiB and as a multiple of the file. The bound: a second, and 8 times the file or 64 MiB.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import random
import resource
import struct
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from photogate.errors import ImageRefused
from photogate.formats import strip
from photogate.inspection import inspect

CASES: dict[str, Callable[[int], bytes]] = {}
SECONDS, TIMES, FIXED, LONGEST = 1.0, 8.0, 64 << 20, 30


def case(name: str) -> Callable[[Callable[[int], bytes]], Callable[[int], bytes]]:
    """Add a maker of an input of about so many bytes."""

    def add(make: Callable[[int], bytes]) -> Callable[[int], bytes]:
        CASES[name] = make
        return make

    return add


def noise(size: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(size)


def picture(kind: str, size: tuple[int, int] = (16, 16), mode: str = "RGB", **options: object) -> bytes:
    """A small file of Pillow's."""
    out = io.BytesIO()
    channels = {"RGB": 3, "RGBA": 4, "CMYK": 4}.get(mode, 1)
    image = Image.frombytes(mode, size, noise(size[0] * size[1] * channels)) if mode != "1" else Image.new("1", size)
    if mode == "P":
        image.putpalette(bytes(range(256)) * 3)
    image.save(out, kind, **options)
    return out.getvalue()


def repeat(part: bytes, size: int) -> bytes:
    return part * (size // len(part))


# JPEG


def segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, 2 + len(body)) + body


def jpeg_with(more: bytes, **options: object) -> bytes:
    jpeg = picture("JPEG", **options)  # type: ignore[arg-type]
    return jpeg[:2] + more + jpeg[2:]


def exif_block(size: int, tag: int = 0x0131, count: int = 4096) -> bytes:
    """A directory of one tag over and over, each time with the same 4 KiB."""
    entries = min((size - 4200) // 12, 4096)
    at = 8 + 2 + 12 * entries
    return (
        b"II*\0\x08\0\0\0"
        + struct.pack("<H", entries)
        + struct.pack("<HHII", tag, 2, count, at) * entries
        + b"x" * 4200
    )


@case("jpeg: fill bytes before a marker")
def _(size: int) -> bytes:
    return jpeg_with(b"\xff" * size)


@case("jpeg: stuffed pairs between segments")
def _(size: int) -> bytes:
    return jpeg_with(repeat(b"\xff\0", size))


@case("jpeg: restart markers before the frame")
def _(size: int) -> bytes:
    return jpeg_with(repeat(b"\xff\xd0", size))


@case("jpeg: 4,000 comments")
def _(size: int) -> bytes:
    return jpeg_with(repeat(segment(0xFE, noise(min(size // 4000, 65533))), size))


@case("jpeg: empty comments")
def _(size: int) -> bytes:
    return jpeg_with(repeat(b"\xff\xfe\0\2", size))


@case("jpeg: Exif blocks of 4,096 names of software")
def _(size: int) -> bytes:
    return jpeg_with(repeat(segment(0xE1, b"Exif\0\0" + exif_block(65000)), size))


@case("jpeg: Exif blocks behind a scan")
def _(size: int) -> bytes:
    jpeg = picture("JPEG", progressive=True)
    return jpeg[:-2] + repeat(segment(0xE1, b"Exif\0\0" + exif_block(65000)), size) + jpeg[jpeg.rindex(b"\xff\xc4") :]


@case("jpeg: XMP of names")
def _(size: int) -> bytes:
    packet = b"http://ns.adobe.com/xap/1.0/\0" + repeat(b" exif:A=''", 65000)
    return jpeg_with(repeat(segment(0xE1, packet), size))


@case("jpeg: XMP that signs and signs")
def _(size: int) -> bytes:
    packet = b"http://ns.adobe.com/xap/1.0/\0" + repeat(b"Credit>a<", 65000)
    return jpeg_with(repeat(segment(0xE1, packet), size))


@case("jpeg: XMP of half orientations")
def _(size: int) -> bytes:
    packet = b"http://ns.adobe.com/xmp/extension/\0" + repeat(b'tiff:Orientation="', 65000)
    return jpeg_with(repeat(segment(0xE1, packet), size))


@case("jpeg: C2PA of source types")
def _(size: int) -> bytes:
    return jpeg_with(repeat(segment(0xEB, b"c2pa" + repeat(b"digitalsourcetype/abc ", 65000)), size))


@case("jpeg: IPTC of empty data sets")
def _(size: int) -> bytes:
    body = repeat(b"\x1c\x02\x05\0\0", 65000)
    block = b"Photoshop 3.0\0" + b"8BIM\x04\x04\0\0" + struct.pack(">I", len(body)) + body
    return jpeg_with(repeat(segment(0xED, block), size))


@case("jpeg: Photoshop resources of nothing")
def _(size: int) -> bytes:
    return jpeg_with(repeat(segment(0xED, b"Photoshop 3.0\0" + repeat(b"8BIM\x0b\xb7\0\0\0\0\0\0", 65000)), size))


@case("jpeg: restart markers alone in a scan")
def _(size: int) -> bytes:
    jpeg = picture("JPEG", (4096, 4096), "L", restart_marker_blocks=1)
    at = jpeg.index(b"\xff\xda")
    at += 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big")
    return jpeg[:at] + repeat(b"".join(bytes((0xFF, 0xD0 + i)) for i in range(8)), size) + b"\xff\xd9"


@case("jpeg: bytes behind each of 30,000 intervals")
def _(size: int) -> bytes:
    jpeg = picture("JPEG", (1408, 1408), "L", restart_marker_blocks=1)
    at = jpeg.index(b"\xff\xda")
    out, hidden = bytearray(jpeg[:at]), b"\x55" * max(size // 31000, 1)
    previous = at
    place = at + 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big")
    while place + 1 < len(jpeg):
        if jpeg[place] == 0xFF and jpeg[place + 1]:
            out += jpeg[previous:place] + hidden
            previous = place
            place += 1
        place += 1
    return bytes(out + jpeg[previous:])


@case("jpeg: bytes behind the one MCU")
def _(size: int) -> bytes:
    return picture("JPEG")[:-2] + b"\x55" * size + b"\xff\xd9"


@case("jpeg: a large photo with one byte behind")
def _(size: int) -> bytes:
    side = int((size / 2.2) ** 0.5) // 16 * 16
    return picture("JPEG", (side, side), quality=90)[:-2] + b"\0\xff\xd9"


@case("jpeg: an honest noise photo")
def _(size: int) -> bytes:
    side = int((size / 2.2) ** 0.5) // 16 * 16
    return picture("JPEG", (side, side), quality=90)


@case("jpeg: an honest noise photo, progressive")
def _(size: int) -> bytes:
    side = int((size / 2.2) ** 0.5) // 16 * 16
    return picture("JPEG", (side, side), quality=90, progressive=True)


def progressive(side: int, refine: bool) -> bytes:
    """Scans of nothing: every band of a frame in grey, each in one run of ends of bands; then bit after bit."""
    head = b"\xff\xd8" + segment(0xDB, bytes(1) + b"\1" * 64)
    head += segment(0xC2, struct.pack(">BHHB", 8, side, side, 1) + b"\1\x11\0")
    head += segment(0xC4, b"\0\1" + bytes(15) + b"\0")
    head += segment(0xC4, b"\x10\1" + bytes(15) + b"\xe0")
    blocks = (side // 8) ** 2
    dc = segment(0xDA, b"\1\1\0\0\0\0") + bytes(-(-blocks // 8))
    runs = -(-blocks // (1 << 14))
    empty = b"\x00" * (runs * 15 // 8 + 2)
    scans = []
    bands = [(i, i) for i in range(1, 64)]
    for first, last in bands:
        top = 3 if refine else 0
        scans.append(segment(0xDA, bytes((1, 1, 0, first, last, top))) + empty)
        for low in range(top - 1, -1, -1):
            scans.append(segment(0xDA, bytes((1, 1, 0, first, last, (low + 1) << 4 | low))) + empty)
    return head + dc + b"".join(scans) + b"\xff\xd9"


@case("jpeg: 64 scans of nothing, 16 megapixels")
def _(size: int) -> bytes:
    return progressive(4096, False)


@case("jpeg: 250 scans that refine nothing, 1 megapixel")
def _(size: int) -> bytes:
    return progressive(1024, True)


@case("jpeg: 250 scans that refine nothing, 4 megapixels")
def _(size: int) -> bytes:
    return progressive(2048, True)


@case("jpeg: odd sampling, counted slowly")
def _(size: int) -> bytes:
    side = 2400
    jpeg = bytearray(picture("JPEG", (side, side), quality=90, subsampling=0))
    at = jpeg.index(b"\xff\xc0")
    jpeg[at + 11] = 0x31
    return bytes(jpeg)


@case("jpeg: a Huffman table of impossible codes")
def _(size: int) -> bytes:
    jpeg = picture("JPEG", (2000, 2000), "L")
    table = bytes((0x10, *bytes(7), 200, *bytes(8))) + bytes(255 - i for i in range(200))
    return jpeg[:2] + jpeg[2:].replace(b"\xff\xda", segment(0xC4, b"\x13" + table[1:]) + b"\xff\xda", 1)


def coded_alike(sof: int, components: int, side: int, interval: int, coded: bytes, scans: list[bytes]) -> bytes:
    """A JPEG of `side` rows of 64 MCUs whose restart intervals are all the same bytes, in every scan."""
    ids = [bytes((i, 0x11, 0)) for i in range(1, components + 1)]
    one, two = bytes((1, *bytes(15), 0)), bytes((0, 2, *bytes(14), 0, 1))
    head = segment(0xDB, bytes(1) + b"\1" * 64)
    head += segment(sof, struct.pack(">BHHB", 8, 8 * side, 512, components) + b"".join(ids))
    head += segment(0xC4, b"\0" + one + b"\x10" + (two if sof == 0xC0 else one)) + segment(
        0xDD, struct.pack(">H", interval)
    )
    count = 64 * side // interval
    data = b"".join(coded + bytes((0xFF, 0xD0 + i % 8)) for i in range(count))[:-2]
    return b"\xff\xd8" + head + b"".join(segment(0xDA, scan) + data for scan in scans) + b"\xff\xd9"


@case("jpeg: two components, which libjpeg has no colours for")
def _(size: int) -> bytes:
    coded = bytes.fromhex("24" + "924924" * 8) * 64  # 0 for DC, then 63 times a code of two bits with its bit
    return coded_alike(0xC0, 2, min(size // 3200, 2000), 64, coded, [b"\2\1\0\2\0\0\x3f\0"])


@case("jpeg: hidden bytes in each interval of scans that refine scans")
def _(size: int) -> bytes:
    steps = [(0, 10), *((high, high - 1) for high in range(10, 0, -1))]
    refined = [bytes((1, 1, 0, k, k, high << 4 | low)) for high, low in steps for k in range(1, 21)]
    return coded_alike(0xC2, 1, 1, 1, b"\x7fUUU", [b"\1\1\0\0\0\0", *refined])


@case("jpeg: hidden bytes in each of 16,384 intervals")
def _(size: int) -> bytes:
    return coded_alike(0xC0, 1, 256, 1, b"\x1f" + b"U" * 300, [b"\1\1\0\0\x3f\0"])


# PNG


def chunk(kind: bytes, body: bytes = b"") -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width: int, height: int, depth: int, colour: int, rows: bytes, *before: bytes, interlace: int = 0) -> bytes:
    return b"".join(
        (
            b"\x89PNG\r\n\x1a\n",
            chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace)),
            *before,
            chunk(b"IDAT", zlib.compress(rows, 9)),
            chunk(b"IEND"),
        )
    )


PALETTE = chunk(b"PLTE", bytes(range(256)) * 3)
TWO = chunk(b"PLTE", bytes(6))


@case("png: empty chunks")
def _(size: int) -> bytes:
    return png(1, 1, 8, 0, b"\0\0", repeat(chunk(b"prVt"), min(size, 131_000 * 12)))


@case("png: many texts")
def _(size: int) -> bytes:
    return png(1, 1, 8, 0, b"\0\0", repeat(chunk(b"tEXt", b"a\0" + b"x" * 110), size))


@case("png: many XMP texts")
def _(size: int) -> bytes:
    return png(1, 1, 8, 0, b"\0\0", repeat(chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0 exif:A='' tiff:B=''"), size))


@case("png: texts that inflate")
def _(size: int) -> bytes:
    return png(1, 1, 8, 0, b"\0\0", repeat(chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(1 << 20), 9)), size))


@case("png: labels without an end")
def _(size: int) -> bytes:
    return png(1, 1, 8, 0, b"\0\0", repeat(chunk(b"tEXt", b"a\0" + b"AIGC" * 4000), size))


@case("png: a profile of tables at one place")
def _(size: int) -> bytes:
    names = [b"A2B0", b"A2B1", b"A2B2", b"B2A0", b"B2A1", b"B2A2", b"rTRC", b"gTRC", b"bTRC"]
    at = 132 + 12 * len(names)
    body = bytearray(size - at)
    table = b""
    for i, name in enumerate(names):
        left = size - at - 256 * i
        table += struct.pack(">4sII", name, at + 256 * i, left)
        start = struct.pack(">4sII", b"curv", 0, (left - 12) // 2 - 8)
        body[256 * i : 256 * i + len(start)] = start
        if not name.endswith(b"TRC"):
            body[256 * i : 256 * i + 12] = b"mft2\0\0\0\0\3\3\2\0"
            body[256 * i + 48 : 256 * i + 52] = struct.pack(">HH", *[min(65_535, left // 12 - 20)] * 2)
    head = struct.pack(">I4xI12s", size, 0x04000000, b"mntrRGB Lab ").ljust(36, b"\0") + b"acsp"
    profile = head.ljust(128, b"\0") + struct.pack(">I", len(names)) + table + body
    return png(1, 1, 8, 2, bytes(4), chunk(b"iCCP", b"x\0\0" + zlib.compress(profile, 9)))


@case("png: palette pictures of filtered rows")
def _(size: int) -> bytes:
    side = 1400
    rows = zlib.compress((b"\1" + bytes(side)) * side, 9)
    control = struct.pack(">IIIIHHBB", side, side, 0, 0, 1, 10, 0, 0)
    frames = b"".join(
        chunk(b"fcTL", struct.pack(">I", 2 * i + 1) + control) + chunk(b"fdAT", struct.pack(">I", 2 * i + 2) + rows)
        for i in range(200)
    )
    before = (chunk(b"acTL", struct.pack(">II", 200, 0)), chunk(b"PLTE", bytes(768)))
    file = png(side, side, 8, 3, (b"\1" + bytes(side)) * side, *before)
    return file[:-12] + frames + file[-12:]


@case("png: a raw profile of no digits")
def _(size: int) -> bytes:
    text = b"Raw profile type exif\0\nexif\n 1\n" + b"z" * size
    return png(1, 1, 8, 0, b"\0\0", chunk(b"tEXt", text))


@case("png: an inflated raw profile of no digits")
def _(size: int) -> bytes:
    text = b"Raw profile type exif\0\0" + zlib.compress(b"\nexif\n 1\n" + b"z" * (16 << 20), 9)
    return png(1, 1, 8, 0, b"\0\0", chunk(b"zTXt", text))


@case("png: Exif blocks of 4,096 names of software")
def _(size: int) -> bytes:
    return png(1, 1, 8, 0, b"\0\0", repeat(chunk(b"eXIf", exif_block(65000)), size))


@case("png: raw profiles of 4,096 names of software")
def _(size: int) -> bytes:
    text = b"Raw profile type exif\0\nexif\n 1\n" + exif_block(65000).hex().encode()
    return png(1, 1, 8, 0, b"\0\0", repeat(chunk(b"tEXt", text), size))


@case("png: IDAT chunks of one byte")
def _(size: int) -> bytes:
    file = png(2000, 60, 8, 0, noise(2001 * 60))
    at = file.index(b"IDAT") - 4
    length = int.from_bytes(file[at : at + 4], "big")
    body = file[at + 8 : at + 8 + length]
    pieces = (chunk(b"IDAT", body[i : i + 1]) for i in range(len(body)))
    return file[:at] + b"".join(pieces) + chunk(b"IEND")


@case("png: a zlib bomb behind a pixel")
def _(size: int) -> bytes:
    return png(1, 1, 8, 0, bytes(64 * size))


@case("png: 402 MB of zeros in RGBA")
def _(size: int) -> bytes:
    return png(10_000, 10_000, 8, 6, bytes(40_001 * 10_000))


@case("png: 402 MB of filtered indices")
def _(size: int) -> bytes:
    return png(16_384, 16_000, 8, 3, (b"\2" + bytes(16_384)) * 16_000, PALETTE)


@case("png: filtered rows of one bit")
def _(size: int) -> bytes:
    return png(511, 60_000, 1, 0, (b"\4" + bytes(64)) * 60_000)


@case("png: filtered rows of one pixel")
def _(size: int) -> bytes:
    return png(1, 65_535, 1, 3, b"\4\0" * 65_535, TWO)


@case("png: dirty rows of one pixel, 1,000 frames")
def _(size: int) -> bytes:
    rows = zlib.compress(b"\0\x7f" * 65_535, 9)
    control = struct.pack(">IIIIHHBB", 1, 65_535, 0, 0, 1, 1, 0, 0)
    frames = b"".join(
        chunk(b"fcTL", struct.pack(">I", 2 * i + 1) + control) + chunk(b"fdAT", struct.pack(">I", 2 * i + 2) + rows)
        for i in range(1000)
    )
    file = png(1, 65_535, 1, 3, b"\0\x7f" * 65_535, TWO, chunk(b"acTL", struct.pack(">II", 1000, 0)))
    return file[:-12] + frames + chunk(b"IEND")


@case("png: interlaced rows of one bit")
def _(size: int) -> bytes:
    rows = bytes(30_000_000)
    return png(3001, 60_000, 1, 3, rows, TWO, interlace=1)


@case("png: 2,000 frames of 50 fdAT")
def _(size: int) -> bytes:
    rows = zlib.compress(b"\0\0")
    frames = b"".join(
        chunk(b"fcTL", struct.pack(">IIIIIHHBB", 0, 1, 1, 0, 0, 1, 1, 0, 0))
        + b"".join(chunk(b"fdAT", bytes(4) + rows[i : i + 1]) for i in range(len(rows)))
        + chunk(b"fdAT", bytes(4)) * 40
        for _ in range(1999)
    )
    file = png(1, 1, 8, 0, b"\0\0", chunk(b"acTL", struct.pack(">II", 1999, 0)))
    return file[:-12] + frames + chunk(b"IEND")


@case("png: a profile that inflates")
def _(size: int) -> bytes:
    return png(1, 1, 8, 0, b"\0\0", chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(16 << 20), 9)))


@case("png: honest noise")
def _(size: int) -> bytes:
    side = int((size / 3) ** 0.5)
    return picture("PNG", (side, side), compress_level=1)


# GIF


def gif(size: tuple[int, int], code_size: int, coded: bytes, step: int = 255) -> bytes:
    head = b"GIF89a" + struct.pack("<HHBBB", *size, 0xF7, 0, 0) + bytes(range(256)) * 3
    blocks = b"".join(bytes((len(coded[i : i + step]),)) + coded[i : i + step] for i in range(0, len(coded), step))
    return head + b"\x2c" + struct.pack("<HHHHB", 0, 0, *size, 0) + bytes((code_size,)) + blocks + b"\0;"


def codes(values: list[int], width: int) -> bytes:
    bits = "".join(f"{value:0{width}b}" for value in reversed(values))
    return int(bits, 2).to_bytes(-(-len(bits) // 8), "little")


@case("gif: 20 images of early clear codes")
def _(size: int) -> bytes:
    bits = "".join(f"{code:0{width}b}" for code, width in reversed([(4, 3), *([(0, 3)] * 3 + [(0, 4), (4, 4)]) * 8000]))
    file = gif((600, 600), 2, int(bits, 2).to_bytes(-(-len(bits) // 8), "little"))
    image = file.index(b"\x2c" + struct.pack("<HHHH", 0, 0, 600, 600))
    return file[:image] + file[image:-1] * 20 + b";"


@case("gif: images of codes of 2 bits")
def _(size: int) -> bytes:
    file = gif((4000, 4000), 1, b"\x22" * 1_000_000)
    image = file.index(b"\x2c" + struct.pack("<HHHH", 0, 0, 4000, 4000))
    return file[:image] + repeat(file[image:-1], size) + b";"


@case("gif: sub-blocks of one byte")
def _(size: int) -> bytes:
    return gif((65_000, 4_000), 8, bytes(size // 2), 1)


@case("gif: sub-blocks of two bytes in a comment")
def _(size: int) -> bytes:
    file = gif((1, 1), 8, b"\0\1\4")
    return file[:-1] + b"\x21\xfe" + repeat(b"\2ab", size) + b"\0;"


@case("gif: noise")
def _(size: int) -> bytes:
    side = int((size / 1.4) ** 0.5)
    return picture("GIF", (side, side), "P")


@case("gif: clear codes of 2 bits")
def _(size: int) -> bytes:
    return gif((100, 100), 1, b"\xaa" * size)


@case("gif: clear codes of 3 bits")
def _(size: int) -> bytes:
    return gif((100, 100), 2, repeat(codes([4] * 8, 3), size))


@case("gif: a clear code after every pixel")
def _(size: int) -> bytes:
    return gif((16_000, 16_000), 2, repeat(codes([4, 0] * 4, 3), size))


@case("gif: a clear code after every 6 pixels")
def _(size: int) -> bytes:
    # Three codes of 3 bits, then of 4 bits up to the clear code: 64 bits in all.
    bits = "".join(reversed([f"{4:03b}", *["000"] * 3, *["0000"] * 12, f"{4:04b}"]))
    return gif((16_000, 16_000), 2, repeat(int(bits, 2).to_bytes(8, "little"), size))


@case("gif: a clear code after every 300 pixels")
def _(size: int) -> bytes:
    bits = "".join(
        reversed([f"{256:09b}", *[f"{i % 256:09b}" for i in range(255)], *[f"{5:010b}"] * 44, f"{256:010b}"])
    )
    bits = bits.zfill(-(-len(bits) // 8) * 8)
    # Padding reads as one more code and a wrong width, so an end comes early; whole bytes make it repeat.
    count = 8
    whole = "".join([bits[-(9 * 256 + 450) :]] * count)
    return gif((16_000, 16_000), 8, repeat(int(whole, 2).to_bytes(-(-len(whole) // 8), "little"), size))


@case("gif: a full table and pixels of 12 bits")
def _(size: int) -> bytes:
    side = 4000
    return gif((side, side), 11, repeat(codes([1, 2], 12), size))


@case("gif: 2,000 frames")
def _(size: int) -> bytes:
    file = picture("GIF", (60, 60), "P")
    at = file.index(b",\0\0\0\0")
    return file[:at] + file[at:-1] * 1999 + b";"


@case("gif: 65,000 empty comments")
def _(size: int) -> bytes:
    file = gif((1, 1), 8, b"\0\1\4")
    return file[:-1] + b"\x21\xfe\0" * 65_000 + b";"


# WebP


def riff(*chunks: bytes) -> bytes:
    body = b"WEBP" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def part(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("<I", len(body)) + body + bytes(len(body) & 1)


@case("webp: empty chunks")
def _(size: int) -> bytes:
    file = picture("WEBP")
    return riff(part(b"VP8X", bytes(4) + b"\x0f\0\0\x0f\0\0"), file[12:], repeat(part(b"abcd", b""), 131_000 * 8))


@case("webp: lossless, largest, of one colour")
def _(size: int) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (16_383, 8_000)).save(out, "WEBP", lossless=True, method=0)
    return out.getvalue()


def one_colour(side: int, behind: int) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (side, side)).save(out, "WEBP", lossless=True, method=0)
    return riff(part(b"VP8L", out.getvalue()[20:] + b"x" * behind))


@case("webp: 16 megapixels of one colour, 5 kB behind")
def _(size: int) -> bytes:
    return one_colour(4_000, 5_000)


@case("webp: 25 megapixels of one colour, 175 kB behind")
def _(size: int) -> bytes:
    return one_colour(5_000, 175_000)


@case("webp: 25 megapixels of one colour, 2.8 MB behind")
def _(size: int) -> bytes:
    return one_colour(5_000, 2_800_000)


@case("webp: 500 frames of 1 megapixel, bytes behind each")
def _(size: int) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (1_024, 1_024)).save(out, "WEBP", lossless=True, method=0)
    coded = part(b"VP8L", out.getvalue()[20:] + b"x" * 500)
    frame = part(b"ANMF", bytes(6) + b"\xff\3\0\xff\3\0" + b"\x10\0\0\0" + coded)
    return riff(part(b"VP8X", b"\2\0\0\0\xff\3\0\xff\3\0"), part(b"ANIM", bytes(6)), frame * 500)


@case("webp: 2,000 frames of a pixel")
def _(size: int) -> bytes:
    coded = picture("WEBP", (1, 1), lossless=True)[12:]
    frame = part(b"ANMF", bytes(12) + b"\x10\0\0\0" + coded)
    return riff(part(b"VP8X", b"\2\0\0\0" + bytes(6)), part(b"ANIM", bytes(6)), frame * 2000)


@case("webp: XMP of names")
def _(size: int) -> bytes:
    file = picture("WEBP")
    packet = repeat(b" exif:A=''", size)
    return riff(part(b"VP8X", b"\4\0\0\0\x0f\0\0\x0f\0\0"), file[12:], part(b"XMP ", packet))


@case("webp: noise of 31 megapixels")
def _(size: int) -> bytes:
    out = io.BytesIO()
    Image.effect_noise((5_600, 5_600), 60).convert("RGB").save(out, "WEBP", quality=80, method=0)
    return out.getvalue()


@case("webp: an honest noise photo")
def _(size: int) -> bytes:
    return picture("WEBP", (3000, 2000), quality=80, method=0)


# TIFF


def tiff(entries: dict[int, tuple[int, int, int | bytes]], rest: bytes = b"", big: bool = False) -> bytes:
    """One page; values longer than a field follow, then `rest`, whose place is 8 + the value given as bytes."""
    wide, head = ("Q", b"II+\0\x08\0\0\0" + struct.pack("<Q", 16)) if big else ("I", b"II*\0" + struct.pack("<I", 8))
    inline = 8 if big else 4
    at = len(head) + (8 if big else 2) + (4 + 2 * inline) * len(entries) + inline
    table, tail = [], b""
    for tag, (kind, count, value) in sorted(entries.items()):
        if isinstance(value, bytes):
            value, tail = at + len(tail), tail + value
        table.append(struct.pack("<HH" + wide * 2, tag, kind, count, value))
    return head + struct.pack("<Q" if big else "<H", len(table)) + b"".join(table) + bytes(inline) + tail + rest


def page(width: int, height: int, compression: int, strips: list[bytes], rows: int, depth: int = 8) -> bytes:
    coded = b"".join(strips)
    count = len(strips)
    base = {256: (4, 1, width), 257: (4, 1, height), 258: (3, 1, depth), 259: (3, 1, compression), 262: (3, 1, 1)}
    base |= {277: (3, 1, 1), 278: (4, 1, rows)}
    if count == 1:
        at = 8 + 2 + 12 * 9 + 4
        return tiff(base | {273: (4, 1, at), 279: (4, 1, len(coded))}, coded)
    at = 8 + 2 + 12 * 9 + 4 + 8 * count
    offsets, counts = [], []
    for strip_ in strips:
        offsets.append(at)
        counts.append(len(strip_))
        at += len(strip_)
    more = {273: (4, count, struct.pack(f"<{count}I", *offsets)), 279: (4, count, struct.pack(f"<{count}I", *counts))}
    return tiff(base | more, coded)


@case("tiff: 131,000 strips of a byte")
def _(size: int) -> bytes:
    return page(1, 65_000, 1, [b"a"] * 65_000, 1)


@case("tiff: 65,000 deflated strips")
def _(size: int) -> bytes:
    return page(8, 65_000, 8, [zlib.compress(b"12345678")] * 65_000, 1)


@case("tiff: 65,000 PackBits strips")
def _(size: int) -> bytes:
    return page(8, 65_000, 32773, [b"\x07" + b"12345678"] * 65_000, 1)


@case("tiff: 30,000 LZW strips")
def _(size: int) -> bytes:
    return page(1, 30_000, 5, [b"\x80\x0b\x60\x50"] * 30_000, 1)


@case("tiff: 20,000 CCITT strips")
def _(size: int) -> bytes:
    return page(8, 20_000, 4, [b"\x80\x08\x00\x80\x08"] * 20_000, 1, 1)


@case("tiff: 169 megapixels of white in T.6")
def _(size: int) -> bytes:
    return picture("TIFF", (13_000, 13_000), "1", compression="group4")


@case("tiff: 161 MB of PackBits")
def _(size: int) -> bytes:
    return page(13_000, 13_000, 32773, [b"\x81\0" * (13_000 * 13_000 // 128 + 200)], 13_000)


@case("tiff: 161 MB of deflate")
def _(size: int) -> bytes:
    return page(13_000, 13_000, 8, [zlib.compress(bytes(13_000 * 13_000), 9)], 13_000)


@case("tiff: 161 MB of deflate, with a tail")
def _(size: int) -> bytes:
    return page(13_000, 13_000, 8, [zlib.compress(bytes(13_000 * 13_000 + 1), 9)], 13_000)


@case("tiff: 161 MB of LZW")
def _(size: int) -> bytes:
    out = io.BytesIO()
    Image.new("L", (13_000, 13_000)).save(out, "TIFF", compression="tiff_lzw", strip_size=1 << 30)
    return out.getvalue()


@case("tiff: 268 megapixels of CCITT")
def _(size: int) -> bytes:
    out = io.BytesIO()
    Image.new("1", (16_000, 16_000)).save(out, "TIFF", compression="group4", strip_size=1 << 30)
    return out.getvalue()


@case("tiff: 4,000 pages of 300 tags")
def _(size: int) -> bytes:
    pages = []
    at = 8
    count = 4000
    tags = 300
    for i in range(count):
        base = {256: (4, 1, 1), 257: (4, 1, 1), 258: (3, 1, 8), 259: (3, 1, 1), 262: (3, 1, 1), 273: (4, 1, 8)}
        base |= {279: (4, 1, 1)} | {40_000 + n: (4, 1, 0) for n in range(tags)}
        table = b"".join(struct.pack("<HHII", tag, *value) for tag, value in sorted(base.items()))
        length = 2 + len(table) + 4
        pages.append(struct.pack("<H", len(base)) + table + struct.pack("<I", at + length if i + 1 < count else 0))
        at += length
    return b"II*\0" + struct.pack("<I", 8) + b"".join(pages)


@case("tiff: 1,999 pages with one large XMP")
def _(size: int) -> bytes:
    return _shared(700, 7, size)


@case("tiff: 1,999 pages with one large ICC profile")
def _(size: int) -> bytes:
    return _shared(34675, 7, size)


@case("tiff: 1,999 pages with one large ImageDescription")
def _(size: int) -> bytes:
    return _shared(270, 2, size)


@case("tiff: 1,999 pages with one large IPTC")
def _(size: int) -> bytes:
    return _shared(33723, 7, size, b"\x1c\x02\x05\0\0")


@case("tiff: 1,999 pages with one large Photoshop")
def _(size: int) -> bytes:
    return _shared(34377, 7, size, b"8BIM\x0b\xb7\0\0\0\0\0\0")


@case("tiff: 1,999 pages with one large JPEGTables")
def _(size: int) -> bytes:
    return _shared(347, 7, size)


@case("tiff: 1,999 pages with one large Artist")
def _(size: int) -> bytes:
    return _shared(315, 2, size)


def _shared(tag: int, kind: int, size: int, part_: bytes = b" exif:A=''") -> bytes:
    count = 1999
    base = {256: (4, 1, 1), 257: (4, 1, 1), 258: (3, 1, 8), 259: (3, 1, 1), 262: (3, 1, 1), 273: (4, 1, 8)}
    length = 2 + 12 * 8 + 4
    value = repeat(part_, size)
    base |= {279: (4, 1, 1), tag: (kind, len(value), 8 + count * length)}
    table = b"".join(struct.pack("<HHII", t, *v) for t, v in sorted(base.items()))
    pages = [
        struct.pack("<H", 8) + table + struct.pack("<I", 8 + (i + 1) * length if i + 1 < count else 0)
        for i in range(count)
    ]
    return b"II*\0" + struct.pack("<I", 8) + b"".join(pages) + value


@case("tiff: tiles of one pixel of a wide page")
def _(size: int) -> bytes:
    count = 1
    base = {256: (4, 1, 30_000), 257: (4, 1, 1), 258: (3, 1, 1), 259: (3, 1, 1), 262: (3, 1, 1), 277: (3, 1, 1)}
    tiles = 30_000
    base |= {322: (4, 1, 1), 323: (4, 1, 60_000), 324: (4, tiles, struct.pack("<I", 8) * tiles)}
    return tiff(base | {325: (4, tiles, struct.pack("<I", 1) * tiles)}, bytes(60_000 * count))


@case("tiff: a tall tile of many rows beyond the picture")
def _(size: int) -> bytes:
    rows = size
    base = {256: (4, 1, 1), 257: (4, 1, min(rows, 16_000_000)), 258: (3, 1, 1), 259: (3, 1, 1), 262: (3, 1, 1)}
    base |= {277: (3, 1, 1), 278: (4, 1, rows), 273: (4, 1, 8), 279: (4, 1, rows)}
    return tiff(base, bytes(rows))


@case("tiff: bigtiff, honest noise")
def _(size: int) -> bytes:
    side = int((size / 3) ** 0.5)
    return picture("TIFF", (side, side), big_tiff=True)


@case("tiff: honest noise in LZW")
def _(size: int) -> bytes:
    side = int((size / 4.2) ** 0.5)
    return picture("TIFF", (side, side), compression="tiff_lzw")


@case("tiff: a palette with predictor")
def _(size: int) -> bytes:
    side = int(size**0.5)
    base = {256: (4, 1, side), 257: (4, 1, side), 258: (3, 1, 8), 259: (3, 1, 1), 262: (3, 1, 3), 277: (3, 1, 1)}
    base |= {278: (4, 1, side), 317: (3, 1, 2), 320: (3, 768, bytes(1536))}
    at = 8 + 2 + 12 * 11 + 4 + 1536
    return tiff(base | {273: (4, 1, at), 279: (4, 1, side * side)}, noise(side * side))


# BMP


def bmp(width: int, height: int, depth: int, compression: int, body: bytes) -> bytes:
    palette = bytes(range(256)) * 4 if depth == 8 else bytes(64) if depth == 4 else b""
    at = 54 + len(palette)
    head = struct.pack("<2sIHHI", b"BM", at + len(body), 0, 0, at)
    return (
        head
        + struct.pack("<IiiHHIIiiII", 40, width, height, 1, depth, compression, len(body), 0, 0, 0, 0)
        + palette
        + body
    )


@case("bmp: runs of one pixel")
def _(size: int) -> bytes:
    return bmp(16_000, 16_000, 8, 1, repeat(b"\1\2", size))


@case("bmp: ends of lines")
def _(size: int) -> bytes:
    return bmp(16_000, 16_000, 8, 1, repeat(b"\0\0", size))


@case("bmp: moves by nothing")
def _(size: int) -> bytes:
    return bmp(16_000, 16_000, 8, 1, repeat(b"\0\2\0\0", size))


@case("bmp: absolute runs of three")
def _(size: int) -> bytes:
    return bmp(16_000, 16_000, 4, 2, repeat(b"\0\3\x12\x30", size))


@case("bmp: rows of one bit")
def _(size: int) -> bytes:
    return bmp(1, 65_535, 8, 0, bytes(4 * 65_535))


@case("bmp: honest noise, 32 bits")
def _(size: int) -> bytes:
    side = int((size / 4) ** 0.5)
    return bmp(side, side, 32, 0, noise(4 * side * side))


# HEIC and AVIF


def box(kind: bytes, *body: bytes) -> bytes:
    content = b"".join(body)
    return struct.pack(">I", 8 + len(content)) + kind + content


def avif() -> bytes:
    return picture("AVIF", (16, 16), speed=10)


def heif_meta(*more: bytes, items: bytes = b"", count: int = 1) -> bytes:
    return box(b"ftyp", b"avif\0\0\0\0mif1") + box(b"meta", bytes(4), *more)


@case("avif: empty boxes")
def _(size: int) -> bytes:
    return avif() + repeat(box(b"free"), size)


@case("avif: boxes in a uuid")
def _(size: int) -> bytes:
    c2pa = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
    return avif() + box(b"uuid", c2pa, bytes(4), b"manifest\0", bytes(8), repeat(b"digitalsourcetype/abc ", size))


@case("avif: an XMP uuid of names")
def _(size: int) -> bytes:
    return avif() + box(b"uuid", bytes.fromhex("be7acfcb97a942e89c71999491e3afac"), repeat(b" exif:A=''", size))


def many_items(kind: bytes, count: int, extents: int, payload: bytes, refs: bytes = b"") -> bytes:
    """The primary AV1 item of a small file, and `count` more items of `kind`, each the same bytes."""
    file = avif()
    av1c = file[file.index(b"av1C") - 4 :][: int.from_bytes(file[file.index(b"av1C") - 4 :][:4], "big")]
    coded = file[file.index(b"mdat") + 4 :]
    total = count + 1
    name = b"application/rdf+xml\0" if kind == b"mime" else b""
    infos = [box(b"infe", b"\2\0\0\0", struct.pack(">HH", 1, 0), b"av01", b"\0")]
    infos += [box(b"infe", b"\2\0\0\0", struct.pack(">HH", i + 2, 0), kind, b"\0", name) for i in range(count)]
    ispe = box(b"ispe", bytes(4), struct.pack(">II", 16, 16))
    ipma = struct.pack(">IHB", 1, 1, 2) + b"\x81\x02"

    def build(at: int) -> bytes:
        rows = [struct.pack(">HHHII", 1, 0, 1, at, len(coded))]
        place = at + len(coded)
        rows += [
            struct.pack(">HHH", i + 2, 0, extents) + struct.pack(">II", place, len(payload)) * extents
            for i in range(count)
        ]
        return box(b"ftyp", b"avif\0\0\0\0mif1") + box(
            b"meta",
            bytes(4),
            box(b"hdlr", bytes(8), b"pict", bytes(13)),
            box(b"pitm", bytes(4), b"\0\1"),
            box(b"iloc", bytes(4), struct.pack(">HH", 0x4400, total), *rows),
            box(b"iinf", bytes(4), struct.pack(">H", total), *infos),
            *([box(b"iref", bytes(4), refs)] if refs else []),
            box(b"iprp", box(b"ipco", av1c, ispe), box(b"ipma", bytes(4), ipma)),
        )

    at = len(build(0)) + 8
    return build(at) + box(b"mdat", coded, payload)


def avif_of_one_colour(side: int, behind: int) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (side, side), "#345").save(out, "AVIF", speed=10)
    file = out.getvalue()
    coded = file[file.index(b"mdat") + 4 :]
    # The last unit of the picture is its frame; a longer size, and its bytes.
    at = next(i for i in range(len(coded)) if coded[i] >> 3 == 6)
    length = coded[at + 1] & 127 | (coded[at + 2] << 7 if coded[at + 1] & 128 else 0)
    start = at + 2 + (coded[at + 1] >> 7)
    frame = coded[start : start + length] + b"x" * behind
    new = coded[: at + 1] + bytes((len(frame) & 127 | 128, len(frame) >> 7 & 127 | 128, len(frame) >> 14)) + frame
    head = bytearray(file[: file.index(b"mdat") - 4])
    place = head.index(struct.pack(">I", len(coded)))
    head[place : place + 4] = struct.pack(">I", len(new))
    return bytes(head) + box(b"mdat", new)


@case("avif: 16 megapixels of one colour, 4 kB behind")
def _(size: int) -> bytes:
    return avif_of_one_colour(4_000, 4_096)


@case("avif: 16 megapixels of one colour, 1 MB behind")
def _(size: int) -> bytes:
    return avif_of_one_colour(4_000, 1_000_000)


@case("avif: 4,000 Exif items of the same bytes")
def _(size: int) -> bytes:
    return many_items(b"Exif", 4000, 1, bytes(4) + exif_block(65000))


@case("avif: 4,000 XMP items of the same bytes")
def _(size: int) -> bytes:
    return many_items(b"mime", 4000, 1, repeat(b" exif:A=''", size))


@case("avif: 2,000 XMP items about the picture")
def _(size: int) -> bytes:
    refs = b"".join(box(b"cdsc", struct.pack(">HHH", i + 2, 1, 1)) for i in range(2000))
    return many_items(b"mime", 2000, 1, repeat(b" exif:A=''", size), refs)


@case("tiff: 60 MB of a palette with predictor, deflated")
def _(size: int) -> bytes:
    rows = zlib.compress(b"\1" * 60_000_000, 9)
    base = {256: (4, 1, 6000), 257: (4, 1, 10_000), 258: (3, 1, 8), 259: (3, 1, 8), 262: (3, 1, 3), 277: (3, 1, 1)}
    base |= {278: (4, 1, 10_000), 317: (3, 1, 2), 320: (3, 768, bytes(1536))}
    at = 8 + 2 + 12 * 11 + 4 + 1536
    return tiff(base | {273: (4, 1, at), 279: (4, 1, len(rows))}, rows)


@case("tiff: 1,000 pages of one column of a tile")
def _(size: int) -> bytes:
    rows = zlib.compress(b"\xff\xff" * 65_520, 9)
    base = {256: 1, 257: 65_520, 258: 1, 259: 8, 262: 1, 277: 1, 322: 16, 323: 65_520, 324: 8, 325: len(rows)}
    length = 2 + 12 * len(base) + 4
    tables = []
    for i in range(1000):
        place = 8 + 1000 * length + i * len(rows)
        table = b"".join(struct.pack("<HHII", tag, 4, 1, place if tag == 324 else n) for tag, n in base.items())
        tables.append(struct.pack("<H", len(base)) + table + struct.pack("<I", 8 + (i + 1) * length if i < 999 else 0))
    return b"II*\0" + struct.pack("<I", 8) + b"".join(tables) + rows * 1000


@case("tiff: 8,000 JPEG tiles")
def _(size: int) -> bytes:
    jpeg = picture("JPEG", (16, 16), "L")
    scan = jpeg.index(b"\xff\xc0")
    tables = b"\xff\xd8" + segment(0xDB, b"".join(bytes((i % 4,)) + b"\1" * 64 for i in range(8))) + b"\xff\xd9"
    tile, many = b"\xff\xd8" + jpeg[scan:], 8_000
    base = {256: (4, 1, 16_000), 257: (4, 1, 128), 258: (3, 1, 8), 259: (3, 1, 7), 262: (3, 1, 1), 277: (3, 1, 1)}
    base |= {322: (4, 1, 16), 323: (4, 1, 16), 324: (4, many, b""), 325: (4, many, struct.pack("<I", len(tile)) * many)}
    base |= {347: (7, len(tables), tables)}
    at = len(tiff(base | {324: (4, many, bytes(4 * many))}))
    places = struct.pack(f"<{many}I", *(at + i * len(tile) for i in range(many)))
    return tiff(base | {324: (4, many, places)}, tile * many)


@case("avif: an Exif item of 10,000 extents of the same bytes")
def _(size: int) -> bytes:
    return many_items(b"Exif", 1, 10_000, bytes(4) + exif_block(65000))


@case("avif: 4,000 items refer to the primary one")
def _(size: int) -> bytes:
    refs = b"".join(box(b"auxl", struct.pack(">HHH", i + 2, 1, 1)) for i in range(4000))
    return many_items(b"av01", 4000, 1, bytes(64), refs)


@case("avif: a chain of 4,000 derivations")
def _(size: int) -> bytes:
    refs = b"".join(box(b"dimg", struct.pack(">HHH", i + 1, 1, i + 2)) for i in range(4000))
    return many_items(b"iden", 4000, 1, b"", refs)


@case("avif: 8 MB of OBUs of a byte")
def _(size: int) -> bytes:
    file = avif()
    at = file.index(b"mdat") - 4
    return _with_mdat(file, file[at + 8 :], b"\x7a\0", size)


@case("avif: tiny OBUs of padding in the item")
def _(size: int) -> bytes:
    file = avif()
    at = file.index(b"mdat") - 4
    return _with_mdat(file, file[at + 8 :], b"\x7a\1\0", size)


def _with_mdat(file: bytes, coded: bytes, unit: bytes, size: int) -> bytes:
    """Put `unit` over and over behind the coded picture, and grow the item by it."""
    at = file.index(b"mdat") - 4
    extra = repeat(unit, size)
    place = file.index(struct.pack(">I", len(coded)))
    head = bytearray(file[:at])
    head[place : place + 4] = struct.pack(">I", len(coded) + len(extra))
    return bytes(head) + box(b"mdat", coded, extra)


@case("avif: sequence of 2,000 frames")
def _(size: int) -> bytes:
    out = io.BytesIO()
    frames = [Image.new("L", (8, 8), i % 256) for i in range(200)]
    frames[0].save(out, "AVIF", save_all=True, append_images=frames[1:], speed=10)
    return out.getvalue()


@case("heic: HEVC units of a byte")
def _(size: int) -> bytes:
    from tests import heif_builder

    item = heif_builder.hevc_item(Image.new("RGB", (16, 16)))
    item.data += repeat(struct.pack(">I", 3) + b"\x4e\1\0", size)
    return heif_builder.heif([item])


@case("heic: parameter sets over and over")
def _(size: int) -> bytes:
    from tests import heif_builder

    item = heif_builder.hevc_item(Image.new("RGB", (16, 16)))
    hvcc = item.properties[0]
    first = 8 + 23
    length = int.from_bytes(hvcc[first + 3 : first + 5], "big")
    unit = hvcc[first + 5 : first + 5 + length]
    item.data = repeat(struct.pack(">I", len(unit)) + unit, size) + item.data
    return heif_builder.heif([item])


# How it is measured


def usage() -> tuple[int, int]:
    """The resident set now, and at its greatest since `clear_refs`, in bytes."""
    status = Path("/proc/self/status")
    if not status.exists():
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        return most, most
    fields = dict(line.split(":", 1) for line in status.read_text().splitlines() if ":" in line)
    return tuple(int(fields[name].split()[0]) * 1024 for name in ("VmRSS", "VmHWM"))  # type: ignore[return-value]


SMALL = {"jpeg": "JPEG", "png": "PNG", "gif": "GIF", "webp": "WEBP", "tiff": "TIFF", "bmp": "BMP", "avif": "AVIF"}


def measured(what: str, name: str, file: Path) -> dict[str, object]:
    """Run in a process of its own."""
    ask: Callable[[bytes], object] = strip if what == "strip" else inspect
    warm = SMALL.get(name.split(":")[0], "AVIF")
    ask(picture(warm, mode="P" if warm == "GIF" else "RGB"))
    data = file.read_bytes()
    clear = Path("/proc/self/clear_refs")
    if clear.exists():
        clear.write_text("5")
    before, _ = usage()
    start = time.process_time()
    outcome = "done"
    try:
        answer = ask(data)
    except ImageRefused as error:
        outcome = str(error)
        answer = None
    seconds = time.process_time() - start
    _, most = usage()
    del answer
    return {"seconds": seconds, "memory": max(most - before, 0), "outcome": outcome}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("names", nargs="*", help="only inputs whose name contains one of these")
    parser.add_argument("--size", type=float, default=16, help="MiB, where the size is what makes it slow")
    parser.add_argument("--only", choices=("strip", "inspect"), help="measure one of them")
    parser.add_argument("--child", nargs=3, metavar=("WHAT", "NAME", "FILE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        what, name, file = options.child
        print(json.dumps(measured(what, name, Path(file))))
        return
    print("| input | MiB | strip s | memory MiB | times | inspect s | memory MiB | times | |\n" + "|---" * 9 + "|")
    beyond = 0
    for name, make in CASES.items():
        if options.names and not any(part_ in name for part_ in options.names):
            continue
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "worst"
            file.write_bytes(make(int(options.size * (1 << 20))))
            size = file.stat().st_size
            row, outcome, over = [name, f"{size / (1 << 20):.2f}"], "", False
            for what in (options.only,) if options.only else ("strip", "inspect"):
                command = [sys.executable, __file__, "--child", what, name, str(file)]
                try:
                    run = subprocess.run(
                        command, capture_output=True, text=True, env=os.environ, check=False, timeout=LONGEST
                    )
                except subprocess.TimeoutExpired:
                    row += [f"> {LONGEST}", "", ""]
                    over = True
                    continue
                if run.returncode:
                    row += ["failed", "", ""]
                    outcome = run.stderr.strip().splitlines()[-1][:100]
                    continue
                told = json.loads(run.stdout)
                memory = told["memory"]
                row += [f"{told['seconds']:.2f}", f"{memory / (1 << 20):.0f}", f"{memory / size:.1f}"]
                over |= told["seconds"] > SECONDS or memory > max(TIMES * size, FIXED)
                outcome = outcome or told["outcome"][:70]
            beyond += over
            print("| " + " | ".join([*row, ("**beyond** " if over else "") + outcome]) + " |", flush=True)
    print(f"\n{beyond} beyond {SECONDS} s, or {TIMES:.0f} times the file and {FIXED >> 20} MiB")


if __name__ == "__main__":
    main()
