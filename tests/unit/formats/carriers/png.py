"""PNG and APNG (W3C PNG, third edition): chunks of every kind, the zlib stream, and bits that no pixel has."""

from __future__ import annotations

import struct
import zlib

from PIL import Image

from tests.unit.formats.carriers import icc
from tests.unit.formats.carriers.jpeg import exif_blocks
from tests.unit.formats.carriers.kit import PACKED, SECRET, TAILS, Carriers, photo, saved

Chunk = tuple[bytes, bytes]
SIGNATURE = b"\x89PNG\r\n\x1a\n"


def split(data: bytes) -> list[Chunk]:
    found, at = [], 8
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        found.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + size]))
        at += 12 + size
    return found


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def joined(chunks: list[Chunk]) -> bytes:
    return SIGNATURE + b"".join(chunk(kind, body) for kind, body in chunks)


def index(chunks: list[Chunk], kind: bytes) -> int:
    return next(i for i, (name, _) in enumerate(chunks) if name == kind)


def put(data: bytes, at: bytes, *new: Chunk) -> bytes:
    """Put chunks before the first of a kind."""
    chunks = split(data)
    place = index(chunks, at)
    return joined([*chunks[:place], *new, *chunks[place:]])


def changed(data: bytes, kind: bytes, body: bytes) -> bytes:
    """Give the first chunk of a kind another body."""
    chunks = split(data)
    chunks[index(chunks, kind)] = (kind, body)
    return joined(chunks)


def body(data: bytes, kind: bytes) -> bytes:
    return b"".join(content for name, content in split(data) if name == kind)


def drawn(depth: int, colour: int, width: int, height: int, rows: bytes, *before: Chunk, interlace: int = 0) -> bytes:
    """Write a picture of these filtered rows."""
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace)
    return joined([(b"IHDR", head), *before, (b"IDAT", zlib.compress(rows)), (b"IEND", b"")])


PLAIN = saved(photo(), "PNG")
ALPHA = saved(photo("RGBA"), "PNG")
PALETTE = saved(photo().quantize(20), "PNG", bits=8)
ANIMATION = saved(photo(), "PNG", save_all=True, append_images=[photo().rotate(90).resize((45, 37))], duration=80)
HDR = ((b"cICP", b"\x09\x10\0\1"),)


def carriers() -> Carriers:
    wide = SECRET.decode().encode("utf-16-be")
    texts = [
        (b"tEXt", b"Comment\0" + SECRET),
        (b"tEXt", SECRET + b"\0"),
        (b"zTXt", b"Comment\0\0" + PACKED),
        (b"zTXt", b"Comment\0\0" + zlib.compress(b"x") + PACKED),
        (b"iTXt", b"Comment\0\0\0\0\0" + SECRET),
        (b"iTXt", b"Comment\0\1\0en\0\0" + PACKED),
        (b"iTXt", b"Comment\0\0\0" + SECRET + b"\0" + SECRET + b"\0x"),
        (b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0<x>" + SECRET),
        (b"tEXt", b"Raw profile type iptc\0\niptc\n 12\n" + SECRET.hex().encode() + b"\n" + SECRET),
        (b"tIME", b"\7\xea\1\1\0\0\0" + SECRET),
    ]
    for i, text in enumerate(texts):
        yield f"{text[0].decode()} {i} before the image", put(PLAIN, b"IDAT", text)
        yield f"{text[0].decode()} {i} behind the image", put(PLAIN, b"IEND", text)
    for kind in (
        b"hIST sPLT pCAL sCAL oFFs gIFg gIFt gIFx sTER dSIG fRAc iDOT CgBI vpAg prVt caBX cmOD cmPP mkBF mkTS eXIF exIf"
    ).split():
        yield f"{kind.decode()} chunk", put(PLAIN, b"IDAT", (kind, SECRET))
    for kind, fits in (
        (b"sBIT", 3), (b"gAMA", 4), (b"cHRM", 32), (b"sRGB", 1), (b"cICP", 4), (b"mDCV", 24), (b"cLLI", 8), (b"bKGD",
        6),
        (b"tRNS", 6), (b"pHYs", 9), (b"PLTE", 12), (b"acTL", 8), (b"eXIf", 12),
    ):  # fmt: skip
        yield f"{kind.decode()} of anything", put(PLAIN, b"IDAT", (kind, (SECRET * 3)[:fits]))
        yield f"{kind.decode()} with a tail", put(PLAIN, b"IDAT", (kind, bytes(fits - 1) + b"\1" + SECRET))
    yield "mDCV beside PQ", put(PLAIN, b"IDAT", *HDR, (b"mDCV", SECRET * 2))
    yield (
        "mDCV luminance beside PQ",
        put(
            PLAIN,
            b"IDAT",
            *HDR,
            (b"mDCV", struct.pack(">8H", 34000, 16000, 13250, 34500, 7500, 3000, 15635, 16450) + SECRET[:8]),
        ),
    )
    yield "cLLI beside PQ", put(PLAIN, b"IDAT", *HDR, (b"cLLI", SECRET[:8]))
    yield "tRNS where alpha is", put(ALPHA, b"IDAT", (b"tRNS", SECRET[:6]))
    yield "PLTE where colour is", put(ALPHA, b"IDAT", (b"PLTE", SECRET))
    yield "two tRNS", put(PLAIN, b"IDAT", (b"tRNS", bytes(6)), (b"tRNS", SECRET[:6]))
    yield "a critical chunk", put(PLAIN, b"IDAT", (b"CODE", SECRET))
    yield "wrong CRC", put(PLAIN, b"IDAT", (b"gAMA", b"\0\0\xb1\x8f")).replace(b"gAMA", b"gama")
    yield "chunk of no letters", put(PLAIN, b"IEND", (b"\1\2\3\4", SECRET))
    for name, block in exif_blocks():
        yield f"eXIf: {name}", put(PLAIN, b"IDAT", (b"eXIf", block))
    for name, profile in icc.profiles():
        yield f"profile: {name}", put(PLAIN, b"IDAT", (b"iCCP", b"x\0\0" + zlib.compress(profile)))
    packed = zlib.compress(icc.srgb())
    yield "name of the profile", put(PLAIN, b"IDAT", (b"iCCP", SECRET + b"\0\0" + packed))
    yield "behind the profile's zlib stream", put(PLAIN, b"IDAT", (b"iCCP", b"x\0\0" + packed + SECRET))
    yield "a second profile", put(PLAIN, b"IDAT", (b"iCCP", b"x\0\0" + packed), (b"iCCP", b"y\0\0" + packed + SECRET))
    yield from _ends()
    yield from _stream()
    yield from _palettes()
    yield from _bits()
    yield from _animations()
    yield "text in UTF-16", put(PLAIN, b"IDAT", (b"teXt", wide))


def _ends() -> Carriers:
    for i, tail in enumerate(TAILS):
        yield f"tail {i} behind IEND", PLAIN + tail
    yield "IEND that is not empty", changed(PLAIN, b"IEND", SECRET)
    yield "a chunk behind IEND", PLAIN + chunk(b"tEXt", b"a\0" + SECRET)
    yield "a picture behind IEND", PLAIN + put(PLAIN, b"IDAT", (b"tEXt", b"a\0" + SECRET))


def _deflated(rows: bytes, *blocks: bytes) -> bytes:
    """A zlib stream whose rows stand in one stored block each 60,000 bytes, with other blocks in front."""
    pieces = [rows[i : i + 60_000] for i in range(0, len(rows), 60_000)]
    out = b"".join(b"\0" + struct.pack("<HH", len(p), len(p) ^ 0xFFFF) + p for p in pieces)
    return b"\x78\x01" + b"".join(blocks) + out + b"\1\0\0\xff\xff" + struct.pack(">I", zlib.adler32(rows))


def empty_blocks(secret: bytes) -> bytes:
    """Stored blocks of length 0, with the secret in the five bits of each that align it."""
    bits = "".join(f"{byte:08b}" for byte in secret)
    return b"".join(
        bytes((int(bits[i : i + 5].ljust(5, "0"), 2) << 3,)) + b"\0\0\xff\xff" for i in range(0, len(bits), 5)
    )


def aligned(secret: bytes) -> bytes:
    """The rows of the plain picture behind such blocks."""
    return _deflated(zlib.decompress(body(PLAIN, b"IDAT")), empty_blocks(secret))


def _stream() -> Carriers:
    data = body(PLAIN, b"IDAT")
    rows = zlib.decompress(data)
    for i, tail in enumerate(TAILS):
        yield f"tail {i} behind the zlib stream", changed(PLAIN, b"IDAT", data + tail)
        yield f"tail {i} behind the last row", changed(PLAIN, b"IDAT", zlib.compress(rows + tail))
    yield "a second zlib stream", changed(PLAIN, b"IDAT", data + PACKED)
    yield "checksum", changed(PLAIN, b"IDAT", data[:-4] + SECRET[:4] + SECRET)
    yield "IDAT behind another chunk", put(PLAIN, b"IEND", (b"tEXt", b"a\0b"), (b"IDAT", SECRET))
    split_up = [(b"IDAT", piece) for i in range(0, len(data), 9) for piece in (data[i : i + 9], b"")]
    chunks = split(PLAIN)
    yield "IDAT of no bytes", joined([*chunks[: index(chunks, b"IDAT")], *split_up, (b"IDAT", SECRET), (b"IEND", b"")])
    yield "stored rows", changed(PLAIN, b"IDAT", _deflated(rows) + SECRET)
    empty = aligned(SECRET)
    yield "bits that align empty blocks", changed(PLAIN, b"IDAT", empty)
    chunks = split(PLAIN)
    short = [(b"IDAT", empty[i : i + 3]) for i in range(0, len(empty), 3)]
    yield (
        "bits that align empty blocks, in short pieces",
        joined([*chunks[: index(chunks, b"IDAT")], *short, (b"IEND", b"")]),
    )
    yield "filter of the last row", changed(PLAIN, b"IDAT", zlib.compress(rows + b"\4" + SECRET))


def _palettes() -> Carriers:
    colours = body(PALETTE, b"PLTE")
    yield "colours that no pixel uses", changed(PALETTE, b"PLTE", colours.ljust(60, b"\0") + SECRET)
    yield "more colours than the depth has", changed(PALETTE, b"PLTE", colours.ljust(768, b"\0") + SECRET)
    clear = (b"tRNS", b"\x80" * 20 + SECRET)
    yield "transparency of no colour", put(PALETTE, b"IDAT", clear)
    longer = changed(PALETTE, b"PLTE", colours.ljust(60, b"\0") + SECRET)
    yield "transparency of colours that no pixel uses", put(longer, b"IDAT", (b"tRNS", b"\x80" * 20 + SECRET[:4]))
    yield "histogram", put(PALETTE, b"IDAT", (b"hIST", SECRET.ljust(len(colours) // 3 * 2, b"\0")))
    yield "suggested palette", put(PLAIN, b"IDAT", (b"PLTE", SECRET), (b"hIST", SECRET[:8]), (b"sPLT", SECRET))
    small = Image.new("P", (5, 4))
    small.putpalette([0, 0, 0, 9, 9, 9])
    small.putdata([i % 2 for i in range(20)])
    yield "colours of one bit", changed(saved(small, "PNG", bits=1), b"PLTE", bytes(6) + SECRET)
    filtered = b"".join(b"\1" + bytes((i, 1, 1, 1, 1)) for i in range(4))
    used = bytes(range(30))
    yield "colours of filtered rows", drawn(8, 3, 5, 4, filtered, (b"PLTE", used + SECRET))
    yield "colours of interlaced rows", changed(saved(photo().quantize(20), "PNG", bits=8), b"PLTE", colours + SECRET)


def _bits() -> Carriers:
    """A byte of the secret in each row, behind its last pixel: 1 bit of 8 shows."""
    spread = b"".join(b"\0" + bytes((byte & 0x7F,)) for byte in SECRET)
    yield "bits behind the last pixel", drawn(1, 0, 1, len(SECRET), spread)
    yield "bits behind the last pixel, filtered", drawn(1, 0, 1, 12, b"".join(b"\2" + bytes((b,)) for b in SECRET))
    yield "bits behind the last pixel, indexed", drawn(1, 3, 1, 12, spread, (b"PLTE", bytes(6)))
    yield "bits behind the last pixel, interlaced", drawn(2, 0, 3, 2, b"\0\x3f\0\x3f\0\x3f\0\x03", interlace=1)


def _animations() -> Carriers:
    chunks = split(ANIMATION)
    control = index(chunks, b"fdAT") - 1
    number = len(chunks)
    extra = [(b"fcTL", chunks[control][1]), (b"fdAT", struct.pack(">I", 9) + SECRET)]
    yield "a frame that acTL does not count", joined([*chunks[:-1], *extra, chunks[-1]])
    yield "fdAT without a frame", put(PLAIN, b"IEND", (b"fdAT", struct.pack(">I", 0) + SECRET))
    yield "fdAT before its frame", put(ANIMATION, b"IDAT", (b"fdAT", struct.pack(">I", 0) + SECRET))
    yield "fcTL with a tail", joined([(k, b + SECRET if k == b"fcTL" else b) for k, b in chunks])
    yield "text between frames", put(ANIMATION, b"fdAT", (b"tEXt", b"a\0" + SECRET))
    for i, tail in enumerate(TAILS):
        tailed = [(k, b + tail if k == b"fdAT" and n == number - 2 else b) for n, (k, b) in enumerate(chunks)]
        yield f"tail {i} behind a frame's zlib stream", joined(tailed)
    yield (
        "sequence numbers",
        joined([(k, SECRET[:4] + b[4:] if k in (b"fcTL", b"fdAT") else b) for k, b in chunks] + [(b"tEXt", SECRET)]),
    )
    hidden = [(k, struct.pack(">II", 1, 0) if k == b"acTL" else b) for k, b in chunks]
    yield "a frame too many", joined([(k, b[:4] + zlib.compress(SECRET * 9) if k == b"fdAT" else b) for k, b in hidden])
    yield "no acTL", joined([*[c for c in chunks[:-1] if c[0] != b"acTL"], (b"fdAT", SECRET), chunks[-1]])
