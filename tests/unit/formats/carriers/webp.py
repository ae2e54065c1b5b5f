"""WebP (RFC 9649): chunks of every name and order, reserved bits, frames, and data behind the last pixel."""

from __future__ import annotations

import struct

from tests.unit.formats.carriers import icc
from tests.unit.formats.carriers.jpeg import exif_blocks
from tests.unit.formats.carriers.kit import SECRET, TAILS, Carriers, photo, saved

Chunk = tuple[bytes, bytes]


def chunk(kind: bytes, body: bytes, pad: bytes = b"\0") -> bytes:
    return kind + struct.pack("<I", len(body)) + body + pad * (len(body) & 1)


def split(data: bytes) -> list[Chunk]:
    found, at = [], 12
    while at < len(data):
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        found.append((data[at : at + 4], data[at + 8 : at + 8 + size]))
        at += 8 + size + (size & 1)
    return found


def riff(chunks: list[Chunk] | bytes, size: int | None = None) -> bytes:
    body = chunks if isinstance(chunks, bytes) else b"".join(chunk(*c) for c in chunks)
    return b"RIFF" + struct.pack("<I", 4 + len(body) if size is None else size) + b"WEBP" + body


LOSSY = saved(photo(), "WEBP")
LOSSLESS = saved(photo(), "WEBP", lossless=True)
ALPHA = saved(photo("RGBA"), "WEBP")
ANIMATION = saved(photo(), "WEBP", save_all=True, append_images=[photo().rotate(180)], duration=90)
KINDS = {"lossy": LOSSY, "lossless": LOSSLESS, "alpha": ALPHA}


def extended(data: bytes, flags: int = 0) -> list[Chunk]:
    """The chunks of a still picture with VP8X in front."""
    chunks = [c for c in split(data) if c[0] != b"VP8X"]
    flags |= 0x10 * any(kind == b"ALPH" for kind, _ in chunks)
    return [(b"VP8X", struct.pack("<I", flags) + struct.pack("<I", 44)[:3] + struct.pack("<I", 36)[:3]), *chunks]


def carriers() -> Carriers:
    for name, data in KINDS.items():
        chunks = extended(data)
        for kind in (
            b"EXIF",
            b"XMP ",
            b"ICCP",
            b"C2PA",
            b"LIST",
            b"JUNK",
            b"exif",
            b"xmp ",
            b"META",
            b"\0\0\0\0",
            b"FRGM",
            b"TEST",
        ):
            shown_as = kind.decode().replace("\0", "0")
            yield f"{shown_as} in {name}", riff([*chunks, (kind, SECRET)])
            yield f"{shown_as} in front in {name}", riff([chunks[0], (kind, SECRET), *chunks[1:]])
        for i, tail in enumerate(TAILS):
            yield f"tail {i} behind the RIFF of {name}", data + tail
            yield f"tail {i} within the RIFF of {name}", riff(data[12:] + tail)
            last = split(data)
            last[-1] = (last[-1][0], last[-1][1] + tail)
            yield f"tail {i} behind the last pixel of {name}", riff(last)
        yield f"simple format with EXIF, {name}", riff([*split(data), (b"EXIF", SECRET)])
        yield f"VP8X with a tail, {name}", riff([(b"VP8X", chunks[0][1] + SECRET), *chunks[1:]])
        yield (
            f"VP8X with reserved bits, {name}",
            riff(
                [
                    (b"VP8X", bytes((chunks[0][1][0] | 0xC1,)) + SECRET[:3] + chunks[0][1][4:]),
                    *chunks[1:],
                    (b"LIST", SECRET),
                ]
            ),
        )
        yield f"a second image, {name}", riff([*chunks, chunks[-1], (chunks[-1][0], chunks[-1][1] + SECRET)])
        yield f"a RIFF that says it is longer, {name}", riff(data[12:] + SECRET, len(data) + 900)
        yield f"a RIFF that says it is shorter, {name}", riff(data[12:] + SECRET, len(data) - 8)
    for name, block in exif_blocks():
        yield f"EXIF: {name}", riff([*extended(LOSSY, 8), (b"EXIF", block)])
    yield "two EXIF chunks", riff([*extended(LOSSY, 8), (b"EXIF", b"MM\0*\0\0\0\x08\0\0"), (b"EXIF", SECRET)])
    yield "EXIF without its flag", riff([*extended(LOSSY), (b"EXIF", b"Exif\0\0" + SECRET)])
    for name, profile in icc.profiles():
        chunks = extended(LOSSY, 0x20)
        yield f"profile: {name}", riff([chunks[0], (b"ICCP", profile), *chunks[1:]])
    chunks = extended(LOSSY, 0x20)
    yield "a second profile", riff([chunks[0], (b"ICCP", icc.srgb()), (b"ICCP", SECRET), *chunks[1:]])
    yield (
        "alpha of a lossless picture",
        riff([extended(LOSSLESS, 0x10)[0], (b"ALPH", b"\0" + SECRET * 200), split(LOSSLESS)[-1]]),
    )
    yield from _padding()
    yield from _frames()
    yield from _alpha()


def _padding() -> Carriers:
    body = b"".join(chunk(k, b) for k, b in extended(LOSSY))
    yield "pad byte", riff(body + chunk(b"EXIF", SECRET + b"!", b"K") + SECRET)
    first = split(LOSSY)[0][1]
    hints = first[:7] + bytes((first[7] | 0x40,)) + first[8:9] + bytes((first[9] | 0x80,)) + first[10:]
    yield "scaling hints", riff([(b"VP8 ", hints + SECRET)])
    size = int.from_bytes(first[:3], "little")
    for i, tail in enumerate(TAILS):
        cut = 10 + (size >> 5)
        longer = (size + (len(tail) << 5)).to_bytes(3, "little")
        yield f"tail {i} of the first partition", riff([(b"VP8 ", longer + first[3:cut] + tail + first[cut:])])


def _alpha() -> Carriers:
    chunks = split(ALPHA)
    at = next(i for i, c in enumerate(chunks) if c[0] == b"ALPH")
    for i, tail in enumerate(TAILS):
        yield f"tail {i} of ALPH", riff([*chunks[:at], (b"ALPH", chunks[at][1] + tail), *chunks[at + 1 :]])
        raw = b"\0" + bytes(i % 256 for i in range(45 * 37))
        yield f"tail {i} of raw ALPH", riff([*chunks[:at], (b"ALPH", raw + tail), *chunks[at + 1 :]])
    yield "a second ALPH", riff([*chunks[: at + 1], (b"ALPH", SECRET), *chunks[at + 1 :]])
    yield "ALPH behind the image", riff([*chunks, (b"ALPH", SECRET)])


def _frames() -> Carriers:
    chunks = split(ANIMATION)
    at = next(i for i, c in enumerate(chunks) if c[0] == b"ANMF")
    for kind in (b"EXIF", b"XMP ", b"JUNK", b"ICCP", b"ALPH", b"VP8 "):
        inner = chunks[at][1] + chunk(kind, SECRET)
        yield f"{kind.decode()} in a frame", riff([*chunks[:at], (b"ANMF", inner), *chunks[at + 1 :]])
        yield f"{kind.decode()} between frames", riff([*chunks[: at + 1], (kind, SECRET), *chunks[at + 1 :]])
    yield "a tail in a frame", riff([*chunks[:at], (b"ANMF", chunks[at][1] + SECRET), *chunks[at + 1 :]])
    flags = bytearray(chunks[at][1])
    flags[15] |= 0xA4
    yield (
        "reserved bits of a frame",
        riff([*chunks[:at], (b"ANMF", bytes(flags)), *chunks[at + 1 :], (b"JUNK", SECRET)]),
    )
    anim = next(i for i, c in enumerate(chunks) if c[0] == b"ANIM")
    yield "ANIM with a tail", riff([*chunks[:anim], (b"ANIM", chunks[anim][1] + SECRET), *chunks[anim + 1 :]])
    yield "ANIM of a still picture", riff([*extended(LOSSY), (b"ANIM", SECRET)])
    yield "ANMF of a still picture", riff([*extended(LOSSY), (b"ANMF", bytes(16) + SECRET)])
    yield "a still image beside frames", riff([*chunks, (b"VP8 ", split(LOSSY)[0][1] + SECRET)])
    inner = split(riff(chunks[at][1][16:]))
    for i, tail in enumerate(TAILS):
        tailed = b"".join(chunk(k, b + tail) for k, b in inner)
        yield (
            f"tail {i} of a frame's image",
            riff([*chunks[:at], (b"ANMF", chunks[at][1][:16] + tailed), *chunks[at + 1 :]]),
        )
