"""GIF (GIF89a): extensions of every label, tables, codes behind the last pixel, and bytes between blocks."""

from __future__ import annotations

import struct

from PIL import Image

from tests.unit.formats.carriers.kit import SECRET, TAILS, Carriers, photo, saved

Codes = list[tuple[int, int]]


def blocks(content: bytes) -> bytes:
    pieces = [content[i : i + 255] for i in range(0, len(content), 255)]
    return b"".join(bytes((len(p),)) + p for p in pieces) + b"\0"


def packed(codes: Codes) -> bytes:
    """Write codes of (value, bits), the lowest bit first."""
    total = at = 0
    for value, size in codes:
        total |= value << at
        at += size
    return total.to_bytes(-(-at // 8), "little")


def plain_codes(pixels: bytes) -> Codes:
    """Code pixels of 7 bits one by one: a clear code before each 100 keeps all codes at 8 bits."""
    codes: Codes = []
    for i, pixel in enumerate(pixels):
        if i % 100 == 0:
            codes.append((128, 8))
        codes.append((pixel, 8))
    return codes


PIXELS = bytes(i * 7 % 60 for i in range(200))
TABLE = bytes(range(64)) * 6  # 128 colours


def gif(
    data: bytes, before: bytes = b"", after: bytes = b"", *, table: bytes = TABLE, head: bytes = b"\xf6\0\0",
    local: bytes = b"",
    place: tuple[int, int, int, int] = (0, 0, 20, 10), flags: int = 0,
) -> bytes:  # fmt: skip
    """A picture of 20 x 10 pixels whose image data is `data`, in sub-blocks."""
    screen = b"GIF89a" + struct.pack("<HH", 20, 10) + head + table
    image = b"," + struct.pack("<HHHH", *place) + bytes((flags,)) + local + b"\7" + data
    return screen + before + image + after + b";"


CODES = blocks(packed([*plain_codes(PIXELS), (129, 8)]))
PLAIN = gif(CODES)


def carriers() -> Carriers:
    text = b"\x21\x01\x0c" + struct.pack("<HHHHBBBB", 0, 0, 20, 10, 8, 8, 1, 2)
    extensions = {
        "comment": b"\x21\xfe" + blocks(SECRET),
        "plain text": text + blocks(SECRET),
        "XMP": b"\x21\xff\x0bXMP DataXMP" + SECRET + b"\1" + bytes(range(255, -1, -1)) + b"\0",
        "profile": b"\x21\xff\x0bICCRGBG1012" + blocks(SECRET),
        "C2PA": b"\x21\xff\x0bC2PA_GIF\1\0\0" + blocks(SECRET),
        "name of an application": b"\x21\xff\x0b" + SECRET[:11] + blocks(SECRET),
        "loop count with a tail": b"\x21\xff\x0bNETSCAPE2.0" + blocks(b"\1\0\0" + SECRET),
        "loop count with further sub-blocks": b"\x21\xff\x0bNETSCAPE2.0\3\1\0\0" + blocks(SECRET),
        "two loop counts": b"\x21\xff\x0bNETSCAPE2.0\3\1\0\0\0" + b"\x21\xff\x0bNETSCAPE2.0" + blocks(b"\1" + SECRET),
        "buffer size of Netscape": b"\x21\xff\x0bNETSCAPE2.0" + blocks(b"\2" + SECRET[:4] + SECRET),
        "loop count of ANIMEXTS": b"\x21\xff\x0bANIMEXTS1.0" + blocks(b"\1\0\0" + SECRET),
        "graphic control with a tail": b"\x21\xf9" + blocks(b"\0\x0a\0\0" + SECRET),
        "graphic control with further sub-blocks": b"\x21\xf9\4\0\x0a\0\0" + blocks(SECRET),
        "two graphic controls": b"\x21\xf9" + blocks(b"\0\x0a\0\0" + SECRET) + b"\x21\xf9\4\0\x0a\0\0\0",
        "label 0x02": b"\x21\x02" + blocks(SECRET),
        "label 0x00": b"\x21\x00" + blocks(SECRET),
        "label 0x4D": b"\x21\x4d" + blocks(SECRET),
        "bytes between blocks": bytes(2) + SECRET,
    }
    for name, block in extensions.items():
        yield f"{name} before the image", gif(CODES, block)
        yield f"{name} behind the image", gif(CODES, b"", block)
    for i, tail in enumerate(TAILS):
        yield f"tail {i} behind the trailer", PLAIN + tail
        whole = packed([*plain_codes(PIXELS), (129, 8)])
        yield f"tail {i} behind the end code", gif(blocks(whole + tail))
        yield f"tail {i} behind the last pixel", gif(blocks(packed(plain_codes(PIXELS)) + tail))
        yield f"tail {i} as a sub-block", gif(blocks(whole)[:-1] + blocks(tail))
        early = packed([*plain_codes(PIXELS[:150]), (129, 8)])
        yield f"tail {i} behind an early end", gif(blocks(early + tail))
        broken = packed([*plain_codes(PIXELS[:150]), (128, 8), (255, 8)])
        yield f"tail {i} behind a code that is none", gif(blocks(broken + tail))
    yield "clear codes behind the last pixel", gif(blocks(packed([*plain_codes(PIXELS), *[(128, 8)] * 40]) + SECRET))
    yield "bits behind the end code", gif(blocks(packed([*plain_codes(PIXELS), (129, 8), (0x4B, 7)]) + SECRET))
    yield from _tables()
    yield from _frames()


def _tables() -> Carriers:
    yield "colours that no pixel uses", gif(CODES, table=TABLE[:-12] + SECRET)
    yield "global colours beside a local table", gif(CODES, table=SECRET * 32, local=TABLE, flags=0x86)
    yield "local colours that no pixel uses", gif(CODES, local=TABLE[:-12] + SECRET, flags=0x86)
    yield "sort flag and colour resolution", gif(CODES, before=b"\x21\xfe" + blocks(SECRET), head=b"\xfe\x05\x31")
    yield "a grey table and its rest", gif(CODES, table=bytes(v for i in range(128) for v in (i, i, i))[:-12] + SECRET)
    large = saved(photo().quantize(40), "GIF")
    at = 13 + (3 << (large[10] & 7) + 1)
    yield "colours of a table that Pillow wrote", large[: at - 12] + SECRET + large[at:]


def _frames() -> Carriers:
    second = b"," + struct.pack("<HHHH", 0, 0, 20, 10) + b"\0\7" + CODES
    yield "a comment between frames", gif(CODES, b"", b"\x21\xfe" + blocks(SECRET) + second)
    yield "bytes between frames", gif(CODES, b"", SECRET + second)
    yield "reserved flags of a frame", gif(CODES, b"", b"\x21\xfe" + blocks(SECRET), flags=0x38)
    yield "reserved flags of a control", gif(CODES, b"\x21\xf9\4\xe0\x0a\0\x4b\0" + b"\x21\xfe" + blocks(SECRET))
    yield (
        "colours of the second frame",
        gif(CODES, b"", b"," + struct.pack("<HHHH", 0, 0, 20, 10) + b"\x86" + TABLE[:-12] + SECRET + b"\7" + CODES),
    )
    yield "data behind the terminator", gif(CODES + SECRET)
    yield "GIF87a", b"GIF87a" + gif(CODES, b"\x21\xfe" + blocks(SECRET))[6:]
    image = Image.new("P", (20, 10))
    yield "a second GIF", saved(image, "GIF") + gif(CODES, b"\x21\xfe" + blocks(SECRET))
