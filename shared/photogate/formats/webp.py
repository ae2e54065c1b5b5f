"""WebP (RFC 9649): lossy, lossless and animated.

Kept, and rebuilt from parsed fields: VP8X with flags that say what follows, ICCP reduced, ANIM, frames with their alpha
and image data, and an EXIF of the orientation alone. Every other chunk goes, known or not, also within frames.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from photogate.errors import Reason
from photogate.findings import MetadataCategory
from photogate.formats import c2pa, exif, icc, limits, xmp
from photogate.formats.checked import Budget
from photogate.formats.container import (
    Context,
    ImageFormat,
    Measure,
    Rewritten,
    check_measure,
    refuse,
)
from photogate.formats.webp_scan import least_price, needed

__all__ = ["measure", "rewrite", "verify"]

_C = MetadataCategory
_ICC_FLAG, _ALPHA_FLAG, _EXIF_FLAG, _XMP_FLAG, _ANIMATION_FLAG = 0x20, 0x10, 0x08, 0x04, 0x02
_IMAGES = (b"VP8 ", b"VP8L")
# Bits of ANMF's last byte (RFC 9649 2.7.1.1), and of the fifth byte of VP8L (3.4).
_NO_BLENDING, _ALPHA_IS_USED = 2, 0x10
# How many bytes an encoder writes to flush (RFC 6386 7.3), for each of two partitions.
_FLUSH = 8


class _Chunk(NamedTuple):
    type: bytes
    offset: int
    start: int
    end: int


class _Image(NamedTuple):
    """Coded picture data: its size in pixels, its alpha, where its image stands, and that image if it was changed."""

    width: int
    height: int
    alpha: bytes | None
    chunk: _Chunk
    coded: bytes | None = None


@dataclass(slots=True)
class _File:
    canvas: tuple[int, int] | None = None
    flags: int = 0
    profile: bytes | None = None
    animation: bytes | None = None
    image: _Image | None = None
    frames: list[tuple[bytes, _Image]] = field(default_factory=list)
    exif: exif.Exif | None = None
    xmp: int | None = None


def _riff_end(data: bytes) -> int:
    if data[:4] != b"RIFF" or data[8:12] != b"WEBP":
        refuse("Expected RIFF and WEBP; found others", 0)
    return min(8 + int.from_bytes(data[4:8], "little"), len(data))


def _chunks(data: bytes, at: int, end: int, left: Iterator[int] | None = None) -> Iterator[_Chunk]:
    """Walk chunks; `left` counts them over a file and its frames."""
    left = iter(range(limits.MAX_CHUNKS)) if left is None else left
    while at + 8 <= end:
        if next(left, None) is None:
            refuse(f"Expected at most {limits.MAX_CHUNKS} chunks; found more", at)
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        yield _Chunk(data[at : at + 4], at, at + 8, min(at + 8 + size, end))
        at += 8 + size + (size & 1)


def _size(data: bytes, chunk: _Chunk) -> tuple[int, int]:
    """Read the size of a VP8 key frame (RFC 6386 9.1) or a VP8L image (RFC 9649 3.4)."""
    head = data[chunk.start : min(chunk.start + 10, chunk.end)]
    if chunk.type == b"VP8 ":
        if len(head) < 10 or head[0] & 1 or head[3:6] != b"\x9d\x01\x2a":
            refuse("Expected a VP8 key frame; found another", chunk.offset)
        width, height = struct.unpack_from("<HH", head, 6)
        return width & 0x3FFF, height & 0x3FFF
    if len(head) < 5 or head[0] != 0x2F:
        refuse("Expected a VP8L image; found another", chunk.offset)
    bits = int.from_bytes(head[1:5], "little")
    return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1


def _triple(raw: bytes) -> int:
    return int.from_bytes(raw, "little")


def measure(data: bytes) -> Measure:
    """Read VP8X or the first image's header, count frames, and read an EXIF chunk's orientation."""
    end = _riff_end(data)
    size: tuple[int, int] | None = None
    frames, orientation, extended = 0, 1, False
    for chunk in _chunks(data, 12, end):
        if chunk.type == b"VP8X" and chunk.end - chunk.start >= 10 and size is None:
            extended = bool(data[chunk.start] & _EXIF_FLAG)
            size = _canvas(data, chunk)
        elif chunk.type in _IMAGES and size is None:
            size = _size(data, chunk)
        elif chunk.type == b"ANMF":
            frames += 1
        elif chunk.type == b"EXIF" and extended:
            orientation = exif.orientation_of(data[chunk.start : chunk.end]) or 1
    if size is None:
        refuse("Expected VP8X or an image; found none", 12)
    return Measure(ImageFormat.WEBP, *size, max(frames, 1), orientation)


def _canvas(data: bytes, chunk: _Chunk) -> tuple[int, int]:
    at = chunk.start
    return _triple(data[at + 4 : at + 7]) + 1, _triple(data[at + 7 : at + 10]) + 1


def rewrite(data: bytes, context: Context) -> Rewritten:
    """Write the picture or animation again, and nothing else."""
    file = _parse(data, context)
    if context.check_scan:
        budget = _budget(len(data), file)
        if file.image is not None:
            file.image = _trimmed(data, file.image, file, context, budget)
        file.frames = [(control, _trimmed(data, image, file, context, budget)) for control, image in file.frames]
    orientation = 1
    if file.canvas is not None:  # decoders look for metadata where VP8X says that it is there
        turned = file.exif.orientation if file.exif is not None and file.flags & _EXIF_FLAG else None
        orientation = turned or (file.xmp if file.flags & _XMP_FLAG else None) or 1
    block = exif.build(orientation, context.rights())
    body: list[bytes | memoryview] = []
    if file.canvas is not None or block:
        size = file.canvas or (file.image.width, file.image.height) if file.image else file.canvas
        if size is None:
            refuse("Expected a canvas; found none")
        flags = file.flags & _ALPHA_FLAG
        flags |= _ICC_FLAG if file.profile else 0
        flags |= _EXIF_FLAG if block else 0
        flags |= _ANIMATION_FLAG if file.frames else 0
        head = struct.pack("<I", flags) + struct.pack("<I", size[0] - 1)[:3] + struct.pack("<I", size[1] - 1)[:3]
        _put(body, b"VP8X", head)
        if file.profile:
            _put(body, b"ICCP", file.profile)
    view = memoryview(data)
    if file.frames:
        _put(body, b"ANIM", file.animation or bytes(6))
        for control, image in file.frames:
            inner: list[bytes | memoryview] = [control]
            _put_image(inner, image, view)
            size_of = sum(map(len, inner))
            body += [b"ANMF" + struct.pack("<I", size_of), *inner]
    elif file.image is not None:
        _put_image(body, file.image, view)
    if block:
        _put(body, b"EXIF", block)
    return Rewritten(b"".join((b"RIFF", struct.pack("<I", 4 + sum(map(len, body))), b"WEBP", *body)), orientation)


def _put(out: list[bytes | memoryview], kind: bytes, body: bytes | memoryview) -> None:
    out += [kind + struct.pack("<I", len(body)), body]
    if len(body) & 1:
        out.append(b"\0")


def _put_image(out: list[bytes | memoryview], image: _Image, view: memoryview) -> None:
    if image.alpha is not None:
        _put(out, b"ALPH", image.alpha)
    coded = view[image.chunk.start : image.chunk.end] if image.coded is None else image.coded
    _put(out, image.chunk.type, coded)


def _budget(size: int, file: _File) -> Budget:
    """Refuse, before anything is decoded, what takes too much memory or time for the size of the file."""
    budget, price = Budget(size, limits.checked_webp_pixels), 0
    for image in (file.image, *(image for _, image in file.frames)):
        if image is not None:
            pixels = image.width * image.height
            if pixels > limits.coded_pixels(image.chunk.end - image.chunk.start):
                refuse("Expected fewer pixels, for the bytes of their image; found more", image.chunk.offset)
            price += least_price(image.chunk.type, pixels)
    budget.plan(price)
    return budget


def _trimmed(data: bytes, image: _Image, file: _File, context: Context, budget: Budget) -> _Image:
    """Leave out bytes that no pixel depends on; an arithmetic decoder finds zeros where it reads ahead."""
    chunk = image.chunk
    coded = data[chunk.start : chunk.end]
    new, alpha = needed(
        chunk.type, coded, image.alpha, (image.width, image.height), budget, not file.flags & _ALPHA_FLAG
    )
    if len(coded) - len(new) > (_FLUSH if chunk.type == b"VP8 " else 0):
        context.drop(_C.OTHER, "bytes behind the last macroblock or pixel", len(coded) - len(new))
    if image.alpha is not None:
        context.drop(_C.OTHER, "bytes behind the alpha", len(image.alpha) - alpha)
        image = image._replace(alpha=image.alpha[:alpha])
    return image._replace(coded=new)


def _parse(data: bytes, context: Context) -> _File:
    file, end = _File(), _riff_end(data)
    context.drop(_C.OTHER, "bytes after RIFF", len(data) - end - (len(data) - end == 1 and data[end:] == b"\0"))
    alpha: bytes | None = None
    first, left = True, iter(range(limits.MAX_CHUNKS))
    for chunk in _chunks(data, 12, end, left):
        kind, size = chunk.type, chunk.end - chunk.start
        if kind == b"VP8X" and first and size >= 10:
            file.canvas, file.flags = _canvas(data, chunk), data[chunk.start]
        elif kind == b"ICCP" and file.flags & _ICC_FLAG and file.profile is None:
            _profile(file, data[chunk.start : chunk.end], context)
        elif kind == b"ANIM" and size >= 6 and file.animation is None and file.flags & _ANIMATION_FLAG:
            file.animation = data[chunk.start : chunk.start + 6]
        elif kind == b"ANMF" and file.flags & _ANIMATION_FLAG:
            file.frames.append(_frame(data, chunk, file, context, left))
        elif kind == b"ALPH" and file.canvas and file.image is None:
            alpha = data[chunk.start : chunk.end]
            if not file.flags & _ALPHA_FLAG:  # decoders show an opaque picture
                context.drop(_C.OTHER, "alpha that VP8X does not name")
                alpha = None
        elif kind in _IMAGES and file.image is None and not file.flags & _ANIMATION_FLAG:
            width, height = _size(data, chunk)
            file.image = _Image(width, height, _alpha(alpha, width, height, kind), chunk)
        else:
            _drop(file, kind, data[chunk.start : chunk.end], context)
        first = False
    if file.flags & _ANIMATION_FLAG and not file.frames:
        refuse("Expected frames of an animation; found none", end)
    if not file.frames and file.image is None:
        refuse("Expected an image; found none", end)
    if len(file.frames) > limits.MAX_FRAMES:
        refuse(f"Expected at most {limits.MAX_FRAMES} frames; found more", reason=Reason.TOO_MANY_FRAMES)
    if not file.flags & _ALPHA_FLAG:
        _opaque(data, file, context)
    if file.image is not None:
        check_measure(Measure(ImageFormat.WEBP, file.image.width, file.image.height))
        if file.canvas and file.canvas != (file.image.width, file.image.height):
            refuse("Expected an image of the canvas's size; found another", file.image.chunk.offset)
    return file


def _frame(data: bytes, chunk: _Chunk, file: _File, context: Context, left: Iterator[int]) -> tuple[bytes, _Image]:
    """Rebuild a frame's control fields (RFC 9649 2.7.1.1) and find its image.

    libwebp does not go by the frame's size: it takes what follows the image for chunks of the file.
    """
    if chunk.end - chunk.start < 16 or file.canvas is None:
        refuse("Expected a frame of 16 bytes and its image; found fewer", chunk.offset)
    control = data[chunk.start : chunk.start + 15] + bytes((data[chunk.start + 15] & 3,))
    alpha: bytes | None = None
    image: _Image | None = None
    behind = chunk.end
    for inner in _chunks(data, chunk.start + 16, chunk.end, left):
        size = int.from_bytes(data[inner.offset + 4 : inner.start], "little")
        behind = inner.start + size + (size & 1)
        if image is not None and (inner.type == b"ANMF" or inner.start + size > chunk.end):
            refuse("Expected whole chunks behind the image of a frame; found others", inner.offset)
        if inner.type == b"ALPH" and image is None and alpha is None:
            alpha = data[inner.start : inner.end]
        elif inner.type in _IMAGES and image is None:
            width, height = _size(data, inner)
            image = _Image(width, height, _alpha(alpha, width, height, inner.type), inner)
        elif inner.type in (b"EXIF", b"XMP "):
            _drop(file, inner.type, data[inner.start : inner.end], context)
        else:
            context.drop(_C.OTHER, "unknown chunk in ANMF")
    if image is None:
        refuse("Expected an image in the frame; found none", chunk.offset)
    if behind < chunk.end:
        refuse("Expected whole chunks behind the image of a frame; found others", behind)
    x, y = 2 * _triple(control[:3]), 2 * _triple(control[3:6])
    if x + image.width > file.canvas[0] or y + image.height > file.canvas[1]:
        refuse("Expected a frame within the canvas; found another", chunk.offset)
    if (image.width, image.height) != (_triple(control[6:9]) + 1, _triple(control[9:12]) + 1):
        refuse("Expected an image of the frame's size; found another", chunk.offset)
    return control, image


def _opaque(data: bytes, file: _File, context: Context) -> None:
    """Leave out alpha where VP8X names none: decoders show opaque frames, and use it only to blend one with others.

    The first has nothing to be blended with.
    """
    last = -1
    for i, (control, image) in enumerate(file.frames):
        used = image.alpha is not None or (image.chunk.type == b"VP8L" and data[image.chunk.start + 4] & _ALPHA_IS_USED)
        if i and used and not control[15] & _NO_BLENDING:
            last = i
    for i, (control, image) in enumerate(file.frames):
        if i > last and image.alpha is not None:
            context.drop(_C.OTHER, "alpha that VP8X does not name")
            file.frames[i] = control, image._replace(alpha=None)


def _alpha(alpha: bytes | None, width: int, height: int, kind: bytes) -> bytes | None:
    """Rebuild ALPH (RFC 9649 2.7.1.2): reserved bits zero; raw values exactly as many as pixels."""
    if not alpha or kind == b"VP8L":
        return None
    if alpha[0] & 3 == 0:
        alpha = alpha[: 1 + width * height]
    return bytes((alpha[0] & 0x3F,)) + alpha[1:]


def _profile(file: _File, profile: bytes, context: Context) -> None:
    file.profile = icc.reduce(profile, 3)
    if file.profile != profile:
        context.drop(_C.DEVICE, "ICCP: description, identity, dates")


def _drop(file: _File, kind: bytes, body: bytes, context: Context) -> None:
    if kind == b"EXIF":
        found = exif.read(body, context, "EXIF chunk")
        file.exif = file.exif or found
    elif kind == b"XMP ":
        xmp.read(body, context, "XMP chunk")
        file.xmp = file.xmp or xmp.orientation_of(body)
    elif kind == b"C2PA":
        c2pa.read(body, context, "C2PA chunk")
    elif kind == b"LIST":
        context.drop(_C.COMMENT, "LIST chunk")
    else:
        context.drop(_C.OTHER, "unknown chunk")


def verify(data: bytes) -> None:
    """Accept only what `rewrite` writes: chunks of the allow-list in order, exact sizes, zero padding, no tail.

    Raises
    ------
    ImageRefused
        At the first byte that is on no allow-list.
    """
    if data[:4] != b"RIFF" or data[8:12] != b"WEBP" or 8 + int.from_bytes(data[4:8], "little") != len(data):
        refuse("Expected RIFF to span the file", 0)
    chunks = list(_strict(data, 12, len(data)))
    kinds = [chunk.type for chunk in chunks]
    if kinds[:1] != [b"VP8X"]:
        if kinds not in ([b"VP8 "], [b"VP8L"]):
            refuse("Expected one image", 12)
        return
    flags = data[20]
    if chunks[0].end - chunks[0].start != 10 or flags & 0xC5 or any(data[21:24]):
        refuse("Expected VP8X with known flags", 12)
    want = [b"VP8X"] + [b"ICCP"] * bool(flags & _ICC_FLAG)
    rest = kinds[len(want) :]
    if flags & _EXIF_FLAG:
        if rest[-1:] != [b"EXIF"]:
            refuse("Expected EXIF at the end", len(data))
        exif.verify(data[chunks[-1].start : chunks[-1].end], chunks[-1].offset)
        rest = rest[:-1]
    if kinds[: len(want)] != want:
        refuse("Expected the chunks that VP8X names", 30)
    if flags & _ICC_FLAG:
        icc.verify(data[chunks[1].start : chunks[1].end], chunks[1].offset)
    if flags & _ANIMATION_FLAG:
        if rest[0] != b"ANIM" or set(rest[1:]) != {b"ANMF"}:
            refuse("Expected ANIM and frames", 30)
        for chunk in chunks:
            if chunk.type == b"ANMF":
                inner = [c.type for c in _strict(data, chunk.start + 16, chunk.end)]
                if inner not in ([b"VP8 "], [b"VP8L"], [b"ALPH", b"VP8 "]) or data[chunk.start + 15] & 0xFC:
                    refuse("Expected a frame of one image", chunk.offset)
            elif chunk.type == b"ANIM" and chunk.end - chunk.start != 6:
                refuse("Expected ANIM of 6 bytes", chunk.offset)
    elif rest not in ([b"VP8 "], [b"VP8L"], [b"ALPH", b"VP8 "]):
        refuse("Expected one image", 30)


def _strict(data: bytes, at: int, end: int) -> Iterator[_Chunk]:
    while at < end:
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        stop = at + 8 + size
        if at + 8 > end or stop + (size & 1) > end or (size & 1 and data[stop]):
            refuse("Expected a chunk within its container, and zero padding", at)
        yield _Chunk(data[at : at + 4], at, at + 8, stop)
        at = stop + (size & 1)
