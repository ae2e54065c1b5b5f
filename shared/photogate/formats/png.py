"""PNG and APNG (W3C PNG, third edition).

Kept, and rebuilt from parsed fields: header, palette, transparency, colour (gAMA, cHRM, sRGB, iCCP reduced, cICP, mDCV,
cLLI, sBIT), background, aspect, animation, the image data, and an eXIf of the orientation alone.

The image data is inflated once: it must give exactly the rows of the picture. What stands behind the zlib stream, or
beyond the last row (a cropped screenshot whose old end was left), goes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from photogate.errors import Reason
from photogate.findings import MetadataCategory
from photogate.formats import deflate, exif, icc, limits
from photogate.formats.container import Context, ImageFormat, Measure, Rewritten, check_measure, refuse
from photogate.formats.png_fields import (
    AFTER_PALETTE,
    BEFORE_PALETTE,
    PROFILE_NAME,
    SIGNATURE,
    read_header,
    settle,
)
from photogate.formats.png_fields import (
    field as plain_field,
)
from photogate.formats.png_rows import Colours, Header, Rows, Work, cleared, exact
from photogate.formats.png_text import Texts, read_text
from photogate.formats.png_verify import verify

__all__ = ["measure", "rewrite", "verify"]

_C = MetadataCategory
_MERGED = 0x7FFF_0000
_MOST_FRAMES = 0x8000_0000


class _Chunk(NamedTuple):
    type: bytes
    offset: int
    start: int
    end: int


@dataclass(slots=True)
class _Frame:
    """One frame of an animation: its control fields (11.3.6.2) and where its data stands."""

    control: bytes
    pieces: list[tuple[int, int]] = field(default_factory=list)


@dataclass(slots=True)
class _Picture:
    header: Header
    chunks: dict[bytes, bytes] = field(default_factory=dict)
    pieces: list[tuple[int, int]] = field(default_factory=list)
    first: bytes | None = None
    frames: list[_Frame] = field(default_factory=list)
    plays: int = 0
    declared: int | None = None
    colours: Colours | None = None
    texts: Texts = field(default_factory=Texts)
    work: Work = field(default_factory=Work)


def _chunks(data: bytes) -> Iterator[_Chunk]:
    """Walk the chunks up to IEND; a last one that the file cuts off is given as far as it goes."""
    at, size = 8, len(data)
    for _ in range(limits.MAX_CHUNKS):
        if at + 8 > size:
            return
        length = int.from_bytes(data[at : at + 4], "big")
        kind = data[at + 4 : at + 8]
        if not kind.isalpha():
            return
        yield _Chunk(kind, at, at + 8, min(at + 8 + length, size))
        at += 12 + length
        if kind == b"IEND":
            return
    refuse(f"Expected at most {limits.MAX_CHUNKS} chunks; found more", at)


def measure(data: bytes) -> Measure:
    """Read IHDR, acTL, and an eXIf that stands before the image data."""
    header = read_header(data)
    frames, orientation = 1, 1
    for chunk in _chunks(data):
        if chunk.type == b"acTL" and chunk.end - chunk.start >= 8:
            (frames,) = struct.unpack_from(">I", data, chunk.start)
            frames = frames if frames <= _MOST_FRAMES else 1
        elif chunk.type == b"eXIf":
            orientation = exif.orientation_of(data[chunk.start : chunk.end]) or 1
        elif chunk.type == b"IDAT":
            break
    return Measure(ImageFormat.PNG, header.width, header.height, max(frames, 1), orientation)


def rewrite(data: bytes, context: Context) -> Rewritten:
    """Write the picture again, and nothing else."""
    picture = _parse(data, context)
    header = picture.header
    orientation = picture.texts.settle()
    if block := exif.build(orientation, context.rights()):
        picture.chunks[b"eXIf"] = block
    out: list[bytes | memoryview] = [SIGNATURE]
    _put(
        out,
        b"IHDR",
        struct.pack(">IIBBBBB", header.width, header.height, header.depth, header.colour, 0, 0, header.interlace),
    )
    if picture.frames or picture.first is not None:
        count = len(picture.frames) + (picture.first is not None)
        picture.chunks[b"acTL"] = struct.pack(">II", count, picture.plays)
    sizes = [struct.unpack_from(">II", frame.control) for frame in picture.frames]
    inflated = header.size(header.width, header.height) + sum(header.size(*size) for size in sizes)
    if inflated > max(limits.MAX_INFLATED_IMAGE, limits.MAX_INFLATION * len(data)):
        refuse(
            f"Expected image data of at most {limits.MAX_INFLATED_IMAGE} bytes, or {limits.MAX_INFLATION} times the "
            f"file; found {inflated}",
            reason=Reason.TOO_MANY_PIXELS,
        )
    still = _image(data, picture, picture.pieces, (header.width, header.height), context)
    frames = [
        (frame.control, _image(data, picture, frame.pieces, size, context))
        for frame, size in zip(picture.frames, sizes, strict=True)
    ]
    if picture.colours is not None and context.check_scan:
        _used_colours(picture, picture.colours, context)
    for kind in (*BEFORE_PALETTE, b"PLTE", *AFTER_PALETTE):
        if kind in picture.chunks:
            _put(out, kind, picture.chunks[kind])
    number = 0
    if picture.first is not None:
        _put(out, b"fcTL", struct.pack(">I", number) + picture.first)
        number += 1
    _data(out, b"IDAT", still, None)
    for control, pieces in frames:
        _put(out, b"fcTL", struct.pack(">I", number) + control)
        _data(out, b"fdAT", pieces, number + 1)
        number += 2
    _put(out, b"IEND", b"")
    return Rewritten(b"".join(out), orientation)


def _image(
    data: bytes, picture: _Picture, places: list[tuple[int, int]], size: tuple[int, int], context: Context
) -> list[memoryview]:
    """Give one frame's compressed data, and note which colours it uses."""
    header = picture.header
    spare = header.has_spare_bits(*size)
    colours = picture.colours if context.check_scan else None
    rows = Rows(header, *size, colours, picture.work) if spare or colours else None
    pieces = exact(data, places, header.size(*size), rows, context)
    if rows is not None and spare and (rows.dirty or not rows.plain):
        return cleared(pieces, header, *size, picture.work, context)
    return pieces


def _used_colours(picture: _Picture, colours: Colours, context: Context) -> None:
    """Blacken the palette's entries that no pixel and no background uses."""
    used = colours.used() | set(picture.chunks.get(b"bKGD", b""))
    palette = bytearray(picture.chunks[b"PLTE"])
    unused = [i for i in range(len(palette) // 3) if i not in used]
    for i in unused:
        palette[3 * i : 3 * i + 3] = b"\0\0\0"
    if palette != picture.chunks[b"PLTE"]:
        context.drop(_C.OTHER, "unused colours of PLTE", len(unused))
    picture.chunks[b"PLTE"] = bytes(palette)
    if alpha := picture.chunks.get(b"tRNS"):
        picture.chunks[b"tRNS"] = bytes(value if i in used else 255 for i, value in enumerate(alpha))


def _put(out: list[bytes | memoryview], kind: bytes, body: bytes) -> None:
    out.append(
        b"".join(
            (struct.pack(">I", len(body)), kind, body, struct.pack(">I", deflate.crc32(body, deflate.crc32(kind))))
        )
    )


def _data(out: list[bytes | memoryview], kind: bytes, pieces: Sequence[memoryview], number: int | None) -> None:
    """Write one chunk of compressed data without joining its pieces."""
    head = kind + (b"" if number is None else struct.pack(">I", number))
    size = sum(map(len, pieces)) + len(head) - 4
    if size > _MERGED:
        refuse("Expected less than 2 GiB of image data; found more")
    crc = deflate.crc32(head)
    for piece in pieces:
        crc = deflate.crc32(piece, crc)
    out += [struct.pack(">I", size) + head, *pieces, struct.pack(">I", crc)]


def _parse(data: bytes, context: Context) -> _Picture:
    """Sort the chunks into what is kept and what goes."""
    work = Work(followed=limits.followed_bytes(len(data)))
    picture = _Picture(read_header(data), texts=Texts(context), work=work)
    check_measure(Measure(ImageFormat.PNG, picture.header.width, picture.header.height))
    current: _Frame | None = None
    seen_data = closed = ended = False
    last = 8
    for chunk in _chunks(data):
        kind, body = chunk.type, data[chunk.start : chunk.end] if chunk.type not in (b"IDAT", b"fdAT") else b""
        last = chunk.end + 4
        if kind == b"IDAT":
            if closed:
                context.drop(_C.OTHER, "IDAT apart from the image data")
            else:
                picture.pieces.append((chunk.start, chunk.end))
                seen_data = True
            continue
        closed = seen_data
        if kind == b"IEND":
            ended = True
        elif kind == b"fcTL":
            current = _control(picture, body, seen_data, context, chunk.offset)
        elif kind == b"fdAT":
            if current is None or chunk.end - chunk.start < 4:
                context.drop(_C.OTHER, "fdAT without a frame")
            else:
                current.pieces.append((chunk.start + 4, chunk.end))
        elif kind == b"IHDR":
            if chunk.offset != 8:  # Pillow takes the last, libpng the first
                refuse("Expected one IHDR; found a second", chunk.offset)
        elif not (not seen_data and _crc(data, chunk) and _keep(picture, kind, body, context)):
            read_text(kind, body, picture.texts)
    if not picture.pieces:
        refuse("Expected image data (IDAT); found none", last)
    before = dict(picture.chunks)
    settle(picture.header, picture.chunks)
    for kind in before:
        context.drop(_C.OTHER, f"{kind.decode('ascii')} chunk", before[kind] != picture.chunks.get(kind))
    if picture.header.colour == 3 and b"PLTE" not in picture.chunks:
        refuse("Expected a palette; found none", last)
    if picture.header.colour == 3:
        picture.colours = Colours(picture.header.depth, len(picture.chunks[b"PLTE"]) // 3)
    if ended:
        context.drop(_C.OTHER, "bytes after IEND", len(data) - last)
    declared = picture.declared or 0
    if declared == 0:
        picture.first = None
    complete = [f for f in picture.frames if f.pieces][: max(declared - (picture.first is not None), 0)]
    context.drop(_C.OTHER, "frames that the animation does not count", len(picture.frames) - len(complete))
    picture.frames = complete
    if len(complete) > limits.MAX_FRAMES:
        refuse(f"Expected at most {limits.MAX_FRAMES} frames; found more", reason=Reason.TOO_MANY_FRAMES)
    return picture


def _crc(data: bytes, chunk: _Chunk) -> bool:
    if deflate.crc32(data[chunk.start - 4 : chunk.end]) == int.from_bytes(data[chunk.end : chunk.end + 4], "big"):
        return True
    if chunk.type in (b"PLTE", b"tRNS"):
        refuse("Expected a chunk whose CRC holds; found another", chunk.offset)
    return False


def _control(picture: _Picture, body: bytes, seen_data: bool, context: Context, offset: int) -> _Frame | None:
    """Read fcTL (11.3.6.2) without its sequence number."""
    if len(body) < 26:
        refuse("Expected a frame control of 26 bytes; found fewer", offset)
    width, height, x, y, delay, per, dispose, blend = struct.unpack_from(">IIIIHHBB", body, 4)
    header = picture.header
    if not (0 < width <= header.width - x and 0 < height <= header.height - y) or dispose > 2 or blend > 1:
        refuse("Expected a frame within the picture; found another", offset)
    per = per if delay and per else 100  # 11.3.6.2: 0 stands for 100; and of no time the parts tell nothing
    control = struct.pack(">IIIIHHBB", width, height, x, y, delay, per, dispose, blend)
    if not seen_data:
        if (width, height, x, y) == (header.width, header.height, 0, 0):
            picture.first = control
        return None
    picture.frames.append(_Frame(control))
    return picture.frames[-1]


def _keep(picture: _Picture, kind: bytes, body: bytes, context: Context) -> bool:
    """Keep a chunk that stands before the image data, if it is on the allow-list."""
    header, chunks = picture.header, picture.chunks
    new: bytes | None = None
    if kind in chunks:
        if kind in (b"PLTE", b"tRNS") and header.colour == 3:
            refuse("Expected one palette; found a second")  # Pillow takes the last, libpng the first
        return False
    if kind == b"PLTE" and header.colour == 3:
        if len(body) % 3 or not body:
            refuse("Expected a palette of whole entries; found another")
        new = body[: 3 << header.depth]
    elif kind == b"tRNS" and header.colour == 3:
        new = body[:256] or None
    elif kind == b"iCCP":
        new = _profile(header, body, context)
    elif kind == b"acTL" and len(body) >= 8:
        count, picture.plays = struct.unpack_from(">II", body)
        # A second one, or a number that is none: decoders show the still picture.
        picture.declared = count if picture.declared is None and count <= _MOST_FRAMES else 0
        return len(body) == 8
    else:
        new = plain_field(header, kind, body)
    if new is None:
        return False
    chunks[kind] = new
    return True


def _profile(header: Header, body: bytes, context: Context) -> bytes | None:
    name, _, rest = body.partition(b"\0")
    inflater = deflate.decompressobj()
    try:
        whole = inflater.decompress(rest[1:], limits.MAX_ICC_BYTES)
    except deflate.DeflateError:
        return None
    new = icc.reduce(whole, 1 if header.colour in (0, 4) else 3)
    if new != whole or name != b"ICC" or inflater.unused_data:
        context.drop(_C.DEVICE, "iCCP: name, description, identity, dates")
    return None if new is None else PROFILE_NAME + deflate.compress(new, 6)
