"""ICC profiles (ICC.1): identity in the header, text tags of every kind, gaps, tails, numbers that nothing reads."""

from __future__ import annotations

import struct
from functools import cache

from PIL import ImageCms

from tests.unit.formats.carriers.kit import PACKED, SECRET, WIDE, Carriers


@cache
def srgb() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def tags(profile: bytes) -> dict[bytes, bytes]:
    count = int.from_bytes(profile[128:132], "big")
    rows = [struct.unpack_from(">4sII", profile, 132 + 12 * i) for i in range(count)]
    return {name: profile[at : at + size] for name, at, size in rows}


def built(new: dict[bytes, bytes], head: bytes = b"", gap: bytes = b"", tail: bytes = b"") -> bytes:
    """Write a profile of these tags, with bytes between and behind them."""
    at, table, body = 132 + 12 * len(new), b"", b""
    for name, value in new.items():
        padded = value + bytes(-len(value) % 4)
        table += struct.pack(">4sII", name, at + len(body) + len(gap), len(value))
        body += gap + padded
    head = head or srgb()[:128]
    return struct.pack(">I", at + len(body) + len(tail)) + head[4:] + struct.pack(">I", len(new)) + table + body + tail


def with_tag(name: bytes, value: bytes) -> bytes:
    return built({**tags(srgb()), name: value})


def mluc(*texts: bytes) -> bytes:
    at, rows, body = 16 + 12 * len(texts), b"", b""
    for i, text in enumerate(texts):
        rows += struct.pack(">2s2sII", b"en", b"%c%c" % (65 + i, 65), len(text), at + len(body))
        body += text
    return struct.pack(">4sIII", b"mluc", 0, len(texts), 12) + rows + body


def desc(text: bytes, wide: bytes = b"", script: bytes = b"") -> bytes:
    """Version 2's textDescriptionType: in ASCII, Unicode and ScriptCode."""
    out = b"desc\0\0\0\0" + struct.pack(">I", len(text) + 1) + text + b"\0"
    out += struct.pack(">II", 0, len(wide) // 2) + wide
    return out + struct.pack(">HB", 0, len(script)) + script.ljust(67, b"\0")


def profiles() -> Carriers:
    base = tags(srgb())
    for name in (b"desc", b"cprt", b"dmnd", b"dmdd", b"vued", b"dscm", b"mmod"):
        yield f"{name.decode()} in a second language", with_tag(name, mluc(b"\0x", WIDE))
    yield "desc in ASCII", with_tag(b"desc", desc(SECRET))
    yield "desc in Unicode", with_tag(b"desc", desc(b"x", WIDE))
    yield "desc in ScriptCode", with_tag(b"desc", desc(b"x", b"", SECRET))
    for name in (b"targ", b"cprt", b"ps2s", b"ps2i", b"psd0", b"tech", b"view", b"meas", b"calt", b"chrm", b"crdi"):
        yield f"{name.decode()} as text", with_tag(name, b"text\0\0\0\0" + SECRET + b"\0")
    for name in (b"vcgt", b"meta", b"MS00", b"ndin", b"ncl2", b"clrt", b"clro", b"pre0", b"gamt", b"lumi", b"bkpt"):
        yield f"{name.decode()} of anything", with_tag(name, name + bytes(4) + SECRET)
    yield "a private tag", with_tag(b"mine", SECRET)
    yield "a private tag of zlib", with_tag(b"mine", PACKED)
    yield "D2B0", with_tag(b"D2B0", b"mpet\0\0\0\0" + SECRET)
    yield "a gap between tags", built(base, gap=SECRET)
    yield "a tail within the size", built(base, tail=SECRET)
    yield "a tail behind the size", srgb() + SECRET
    for at, name in (
        (4, "CMM"),
        (40, "platform"),
        (48, "maker and model"),
        (80, "creator"),
        (84, "id"),
        (100, "reserved"),
    ):
        yield f"header: {name}", built(base, srgb()[:at] + SECRET[: 128 - at] + srgb()[at + len(SECRET) : 128])
    for name in (b"rXYZ", b"rTRC", b"chad"):
        yield f"tail of {name.decode()}", with_tag(name, base[name] + SECRET)
        yield f"reserved bytes of {name.decode()}", with_tag(name, base[name][:4] + SECRET[:4] + base[name][8:])
    yield "a tag twice", built(base)[:128] + _twice(base)
    yield "white point that is none", with_tag(b"wtpt", b"XYZ \0\0\0\0" + SECRET)
    yield "adaptation that is none", with_tag(b"chad", b"sf32\0\0\0\0" + SECRET * 3)
    curve = b"curv\0\0\0\0" + struct.pack(">I", 6) + SECRET
    yield "grey curve of a colour profile", with_tag(b"kTRC", curve)
    identity = struct.pack(">9i", *(65536 * (i % 4 == 0) for i in range(9)))
    ramp = bytes(range(256))
    table = b"mft1\0\0\0\0\4\3\2\0" + identity + ramp * 4 + bytes(48) + ramp * 3
    cmyk = srgb()[:12] + b"prtrCMYKLab " + srgb()[24:128]
    yield "matrix of a table that has none", built({b"A2B0": table[:12] + SECRET * 3 + table[48:]}, cmyk)
    yield "tail of a table", built({b"A2B0": table + SECRET}, cmyk)
    yield (
        "pad byte and reserved bytes of a table",
        built({b"A2B0": table[:4] + SECRET[:4] + table[8:11] + b"P" + table[12:]}, cmyk),
    )


def _twice(base: dict[bytes, bytes]) -> bytes:
    rows = len(base) + 1
    at, table, body = 132 + 12 * rows, b"", b""
    for name, value in [*base.items(), (b"rXYZ", b"XYZ \0\0\0\0" + SECRET)]:
        table += struct.pack(">4sII", name, at + len(body), len(value))
        body += value + bytes(-len(value) % 4)
    return struct.pack(">I", rows) + table + body
