"""What the planting of every format shares: the secret, pictures to hide it in, and how one looks for it."""

from __future__ import annotations

import io
import random
import re
import struct
import zlib
from collections.abc import Iterator

from PIL import Image, ImageSequence

SECRET = b"PLANTED5q2bK"
WIDE = SECRET.decode().encode("utf-16-be")
PACKED = zlib.compress(SECRET)
# Behind data that has an end: readable and not, short and long.
TAILS = (b"\x5a", b"\0\x01", SECRET, random.Random(1).randbytes(57), random.Random(2).randbytes(4096))

Carriers = Iterator[tuple[str, bytes]]


def photo(mode: str = "RGB", size: tuple[int, int] = (45, 37)) -> Image.Image:
    """A smooth picture with a little noise, so that every coding has something to do and some to spare."""
    across = Image.linear_gradient("L").resize(size)
    down = across.rotate(90).resize(size)
    noise = Image.frombytes("L", size, random.Random(3).randbytes(size[0] * size[1])).point(lambda v: v // 8)
    if mode == "L":
        return across
    if mode == "RGBA":
        return Image.merge("RGBA", (across, down, noise, down))
    return Image.merge("RGB", (across, down, noise)).convert(mode)


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    """Write a picture with Pillow."""
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def shown(data: bytes) -> list[object]:
    """What a decoder shows of each frame; nothing where it refuses the file."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            if image.format == "MPO":
                return [(image.mode, image.size, image.tobytes())]
            timed = image.format != "GIF" or image.is_animated  # of a still GIF nobody sees a duration
            return [
                (
                    f.size,
                    f.convert("RGBA").tobytes() if f.mode == "P" else f.tobytes(),
                    f.info.get("duration") if timed else None,
                )
                for f in ImageSequence.Iterator(image)
            ]
    except (OSError, SyntaxError, ValueError, TypeError, LookupError, struct.error):
        return []


def is_found(data: bytes) -> bool:
    """Look for the secret as bytes, as UTF-16, and in whatever a zlib header starts; and for what of a tail is long."""
    forms = (SECRET, WIDE, SECRET.decode().encode("utf-16-le"), TAILS[3][8:24], TAILS[4][200:216])
    return any(form in text for text in _texts(data) for form in forms)


def _texts(data: bytes) -> Iterator[bytes]:
    yield data
    if data[:4] == b"\x89PNG":
        at, joined = 8, b""
        while at + 8 <= len(data):
            size = int.from_bytes(data[at : at + 4], "big")
            if data[at + 4 : at + 8] == b"IDAT":
                joined += data[at + 8 : at + 8 + size]
            at += 12 + size
        yield zlib.decompressobj().decompress(joined)
        bits = "".join(f"{joined[m.start() - 1] >> 3:05b}" for m in re.finditer(b"\0\0\xff\xff", joined))
        yield from (_bytes(bits[shift:]) for shift in range(8))
    for at in range(len(data) - 1):
        if data[at] & 0x0F == 8 and int.from_bytes(data[at : at + 2], "big") % 31 == 0:
            try:
                yield zlib.decompressobj().decompress(data[at:], 1 << 20)
            except zlib.error:
                continue


def _bytes(bits: str) -> bytes:
    return bytes(int(bits[i : i + 8], 2) for i in range(0, len(bits) - 7, 8))
