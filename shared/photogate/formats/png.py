"""PNG and APNG (W3C PNG, third edition).

Kept, and rebuilt from parsed fields: header, palette, transparency, colour (gAMA, cHRM, sRGB, iCCP reduced, cICP, mDCV,
cLLI, sBIT), background, aspect, animation, the image data, and an eXIf of the orientation alone.

The image data is inflated once: it must give exactly the rows of the picture. What stands behind the zlib stream, or
beyond the last row (a cropped screenshot whose old end was left), goes.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from photogate.errors import ImageRefused, Reason
from photogate.findings import MetadataCategory
from photogate.formats import exif, icc, limits
from photogate.formats.container import Context, ImageFormat, Measure, Part, Rewritten, check_measure, refuse
from photogate.formats.png_text import Texts, read_text

__all__ = ["measure", "parts", "rewrite", "verify"]

_C = MetadataCategory
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
# 11.2.1: samples a pixel and the bit depths allowed, by colour type.
_TYPES = {0: (1, (1, 2, 4, 8, 16)), 2: (3, (8, 16)), 3: (1, (1, 2, 4, 8)), 4: (2, (8, 16)), 6: (4, (8, 16))}
# Chunks of fixed length before the palette, in the order in which they are written (5.6).
_COLOUR = {b"cICP": 4, b"mDCV": 24, b"cLLI": 8, b"sRGB": 1, b"gAMA": 4, b"cHRM": 32}
_BEFORE_PALETTE = (b"cICP", b"mDCV", b"cLLI", b"iCCP", b"sRGB", b"gAMA", b"cHRM", b"sBIT")
_AFTER_PALETTE = (b"tRNS", b"bKGD", b"pHYs", b"eXIf", b"acTL")
_PROFILE_NAME = b"ICC\0\0"
# 8.2: first column, first row, column step, row step of each pass.
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
_MERGED = 0x7FFF_0000
_STEP = 1 << 16


class _Chunk(NamedTuple):
    type: bytes
    offset: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class _Header:
    """The fields of IHDR (11.2.1)."""

    width: int
    height: int
    depth: int
    colour: int
    interlace: int

    def size(self, width: int, height: int) -> int:
        """Bytes of filtered rows of a picture of this kind (8.1, 9.2)."""
        bits = self.depth * _TYPES[self.colour][0]
        if not self.interlace:
            return height * (1 + (width * bits + 7) // 8)
        total = 0
        for x, y, dx, dy in (
            (0, 0, 8, 8),
            (4, 0, 8, 8),
            (0, 4, 4, 8),
            (2, 0, 4, 4),
            (0, 2, 2, 4),
            (1, 0, 2, 2),
            (0, 1, 1, 2),
        ):
            wide, high = -(-(width - x) // dx), -(-(height - y) // dy)
            if wide > 0 and high > 0:
                total += high * (1 + (wide * bits + 7) // 8)
        return total


@dataclass(slots=True)
class _Frame:
    """One frame of an animation: its control fields (11.3.6.2) and where its data stands."""

    control: bytes
    pieces: list[tuple[int, int]] = field(default_factory=list)


@dataclass(slots=True)
class _Picture:
    header: _Header
    chunks: dict[bytes, bytes] = field(default_factory=dict)
    pieces: list[tuple[int, int]] = field(default_factory=list)
    first: bytes | None = None
    frames: list[_Frame] = field(default_factory=list)
    plays: int = 0
    declared: int = 0
    texts: Texts = field(default_factory=Texts)


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


def _header(data: bytes) -> _Header:
    if data[8:16] != b"\0\0\0\x0dIHDR" or len(data) < 33:
        refuse("Expected IHDR as the first chunk; found another", 8)
    width, height, depth, colour, compression, filtering, interlace = struct.unpack_from(">IIBBBBB", data, 16)
    if colour not in _TYPES or depth not in _TYPES[colour][1] or compression or filtering or interlace > 1:
        refuse("Expected a colour type and bit depth of the standard; found others", 24)
    return _Header(width, height, depth, colour, interlace)


def measure(data: bytes) -> Measure:
    """Read IHDR, acTL, and an eXIf that stands before the image data."""
    header = _header(data)
    frames, orientation = 1, 1
    for chunk in _chunks(data):
        if chunk.type == b"acTL" and chunk.end - chunk.start == 8:
            (frames,) = struct.unpack_from(">I", data, chunk.start)
        elif chunk.type == b"eXIf":
            orientation = exif.orientation_of(data[chunk.start : chunk.end]) or 1
        elif chunk.type == b"IDAT":
            break
    return Measure(ImageFormat.PNG, header.width, header.height, max(frames, 1), orientation)


def rewrite(data: bytes, context: Context) -> Rewritten:
    """Write the picture again, and nothing else."""
    picture = _parse(data, context)
    header = picture.header
    orientation, rights = picture.texts.settle()
    if block := exif.build(orientation, rights.only(context.keep)):
        picture.chunks[b"eXIf"] = block
    out: list[bytes | memoryview] = [_SIGNATURE]
    _put(
        out,
        b"IHDR",
        struct.pack(">IIBBBBB", header.width, header.height, header.depth, header.colour, 0, 0, header.interlace),
    )
    if picture.frames or picture.first is not None:
        count = len(picture.frames) + (picture.first is not None)
        picture.chunks[b"acTL"] = struct.pack(">II", count, picture.plays)
    if header.colour == 3 and context.check_scan and not picture.frames:
        _used_colours(data, picture, context)
    for kind in (*_BEFORE_PALETTE, b"PLTE", *_AFTER_PALETTE):
        if kind in picture.chunks:
            _put(out, kind, picture.chunks[kind])
    number = 0
    if picture.first is not None:
        _put(out, b"fcTL", struct.pack(">I", number) + picture.first)
        number += 1
    _data(out, b"IDAT", _exact(data, picture.pieces, header.size(header.width, header.height), context), None)
    for frame in picture.frames:
        _put(out, b"fcTL", struct.pack(">I", number) + frame.control)
        width, height = struct.unpack_from(">II", frame.control)
        pieces = _exact(data, frame.pieces, header.size(width, height), context)
        _data(out, b"fdAT", pieces, number + 1)
        number += 2
    _put(out, b"IEND", b"")
    return Rewritten(b"".join(out), orientation)


def _used_colours(data: bytes, picture: _Picture, context: Context) -> None:
    """Blacken the palette's entries that no pixel and no background uses."""
    try:
        from PIL import Image
    except ImportError as error:
        raise ImageRefused(
            "Expected Pillow, to look for colours that no pixel uses; it is not installed", reason=Reason.STRIP_FAILED
        ) from error
    try:
        with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
            counts = image.histogram()
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        refuse("Expected image data that decodes; found damage")
    background = picture.chunks.get(b"bKGD", b"")
    palette = bytearray(picture.chunks[b"PLTE"])
    unused = [i for i in range(len(palette) // 3) if not counts[i] and i not in background]
    for i in unused:
        palette[3 * i : 3 * i + 3] = b"\0\0\0"
    if palette != picture.chunks[b"PLTE"]:
        context.drop(_C.OTHER, "unused colours of PLTE", len(unused))
    picture.chunks[b"PLTE"] = bytes(palette)
    if alpha := picture.chunks.get(b"tRNS"):
        picture.chunks[b"tRNS"] = bytes(value if counts[i] or i in background else 255 for i, value in enumerate(alpha))


def _put(out: list[bytes | memoryview], kind: bytes, body: bytes) -> None:
    out.append(
        b"".join((struct.pack(">I", len(body)), kind, body, struct.pack(">I", zlib.crc32(body, zlib.crc32(kind)))))
    )


def _data(out: list[bytes | memoryview], kind: bytes, pieces: Sequence[memoryview], number: int | None) -> None:
    """Write one chunk of compressed data without joining its pieces."""
    head = kind + (b"" if number is None else struct.pack(">I", number))
    size = sum(map(len, pieces)) + len(head) - 4
    if size > _MERGED:
        refuse("Expected less than 2 GiB of image data; found more")
    crc = zlib.crc32(head)
    for piece in pieces:
        crc = zlib.crc32(piece, crc)
    out += [struct.pack(">I", size) + head, *pieces, struct.pack(">I", crc)]


def _exact(data: bytes, places: list[tuple[int, int]], expected: int, context: Context) -> list[memoryview]:
    """Give the compressed data cut to its zlib stream, which must inflate to exactly `expected` bytes."""
    view = memoryview(data)
    pieces = [view[start:end] for start, end in places]
    inflater = zlib.decompressobj()
    got = used = 0
    for piece in pieces:
        for i in range(0, len(piece), _STEP):
            block: bytes | memoryview = piece[i : i + _STEP]
            used += len(block)
            while block and not inflater.eof:
                try:
                    got += len(inflater.decompress(block, _STEP * 4))
                except zlib.error:
                    refuse("Expected image data that inflates; found damage", places[0][0])
                block = inflater.unconsumed_tail
                if got > expected:
                    return _shortened(pieces, expected, context)
            if inflater.eof:
                break
        if inflater.eof:
            break
    while not inflater.eof and got <= expected and (more := inflater.decompress(b"", _STEP * 4)):
        got += len(more)
    if got < expected or not inflater.eof:
        refuse(f"Expected image data of {expected} bytes; found {got}", places[0][0] if places else None)
    if got > expected:
        return _shortened(pieces, expected, context)
    total = sum(map(len, pieces))
    need = used - len(inflater.unused_data)
    context.drop(_C.OTHER, "bytes behind the image data's zlib stream", total - need)
    return _first(pieces, need)


def _first(pieces: list[memoryview], size: int) -> list[memoryview]:
    kept = []
    for piece in pieces:
        if size <= 0:
            break
        kept.append(piece[:size])
        size -= len(piece)
    return kept


def _shortened(pieces: list[memoryview], expected: int, context: Context) -> list[memoryview]:
    """Compress the picture's own rows again; what stands beyond them is left out."""
    context.drop(_C.OTHER, "image data beyond the last row")
    inflater, deflater = zlib.decompressobj(), zlib.compressobj(6)
    out = bytearray()
    left = expected
    for piece in pieces:
        block: bytes | memoryview = piece
        while block and left:
            rows = inflater.decompress(block, min(_STEP * 4, left))
            block = inflater.unconsumed_tail
            left -= len(rows)
            out += deflater.compress(rows)
    out += deflater.flush()
    return [memoryview(bytes(out))]


def _parse(data: bytes, context: Context) -> _Picture:
    """Sort the chunks into what is kept and what goes."""
    picture = _Picture(_header(data), texts=Texts(context))
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
        elif kind == b"IHDR" and chunk.offset == 8:
            continue
        elif not (not seen_data and _crc(data, chunk) and _keep(picture, kind, body, context)):
            read_text(kind, body, picture.texts)
    if not picture.pieces:
        refuse("Expected image data (IDAT); found none", last)
    if picture.header.colour == 3 and b"PLTE" not in picture.chunks:
        refuse("Expected a palette; found none", last)
    if ended:
        context.drop(_C.OTHER, "bytes after IEND", len(data) - last)
    if picture.declared == 0:
        picture.first = None
    complete = [f for f in picture.frames if f.pieces][: max(picture.declared - (picture.first is not None), 0)]
    context.drop(_C.OTHER, "frames that the animation does not count", len(picture.frames) - len(complete))
    picture.frames = complete
    if len(complete) > limits.MAX_FRAMES:
        refuse(f"Expected at most {limits.MAX_FRAMES} frames; found more", reason=Reason.TOO_MANY_FRAMES)
    return picture


def _crc(data: bytes, chunk: _Chunk) -> bool:
    if zlib.crc32(data[chunk.start - 4 : chunk.end]) == int.from_bytes(data[chunk.end : chunk.end + 4], "big"):
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
        return False
    if kind in _COLOUR:
        new = body if len(body) == _COLOUR[kind] else None
    elif kind == b"PLTE" and header.colour == 3:
        if len(body) % 3 or not body:
            refuse("Expected a palette of whole entries; found another")
        new = body[: 3 << header.depth]
    elif kind == b"tRNS":
        new = _transparency(header, chunks, body)
    elif kind == b"sBIT":
        samples = 3 if header.colour == 3 else _TYPES[header.colour][0]
        new = body if len(body) == samples else None
    elif kind == b"bKGD":
        new = body if len(body) == {0: 2, 4: 2, 2: 6, 6: 6, 3: 1}[header.colour] else None
    elif kind == b"pHYs" and len(body) == 9:
        new = body[:8] + bytes((body[8] & 1,))
    elif kind == b"iCCP":
        new = _profile(body, context)
    elif kind == b"acTL" and len(body) == 8:
        picture.declared, picture.plays = struct.unpack(">II", body)
        return True
    if new is None:
        return False
    chunks[kind] = new
    return True


def _transparency(header: _Header, chunks: dict[bytes, bytes], body: bytes) -> bytes | None:
    if header.colour == 3:
        return body[: len(chunks.get(b"PLTE", b"")) // 3] or None
    need = {0: 2, 2: 6}.get(header.colour, 0)
    return body if need and len(body) == need else None


def _profile(body: bytes, context: Context) -> bytes | None:
    name, _, rest = body.partition(b"\0")
    inflater = zlib.decompressobj()
    try:
        whole = inflater.decompress(rest[1:], limits.MAX_ICC_BYTES)
    except zlib.error:
        return None
    new = icc.reduce(whole)
    if new != whole or name != b"ICC" or inflater.unused_data:
        context.drop(_C.DEVICE, "iCCP: name, description, identity, dates")
    return None if new is None else _PROFILE_NAME + zlib.compress(new, 6)


def verify(data: bytes) -> None:
    """Accept only the chunks that `rewrite` writes, in order, with nothing behind IEND.

    Raises
    ------
    ImageRefused
        At the first byte that is on no allow-list.
    """
    if data[:8] != _SIGNATURE:
        refuse("Expected the PNG signature", 0)
    header = _header(data)
    order = [b"IHDR", *_BEFORE_PALETTE, b"PLTE", *_AFTER_PALETTE]
    at, stage, number, images = 8, -1, 0, 0
    view = memoryview(data)
    while True:
        if at + 12 > len(data):
            refuse("Expected a chunk", at)
        size = int.from_bytes(data[at : at + 4], "big")
        kind = data[at + 4 : at + 8]
        end = at + 12 + size
        if end > len(data) or zlib.crc32(view[at + 4 : end - 4]) != int.from_bytes(data[end - 4 : end], "big"):
            refuse("Expected a chunk within the file whose CRC holds", at)
        if kind == b"IEND":
            break
        if kind in (b"fcTL", b"fdAT"):
            if int.from_bytes(data[at + 8 : at + 12], "big") != number or (kind == b"fcTL" and size != 30 - 4):
                refuse("Expected frames in sequence", at)
            number += 1
        elif kind == b"IDAT":
            images += 1
        elif images or kind not in order or order.index(kind) <= stage:
            refuse("Expected a chunk of the allow-list, once and in order", at)
        else:
            stage = order.index(kind)
            _verify_chunk(header, kind, data[at + 8 : end - 4], at)
        at = end
    if images != 1 or size or end != len(data):
        refuse("Expected one image and an empty IEND at the end", at)


def _verify_chunk(header: _Header, kind: bytes, body: bytes, at: int) -> None:
    fixed = {**_COLOUR, b"IHDR": 13, b"acTL": 8, b"pHYs": 9}
    fits = True
    if kind in fixed:
        fits = len(body) == fixed[kind]
    elif kind == b"iCCP":
        inflater = zlib.decompressobj()
        profile = inflater.decompress(body[5:], limits.MAX_ICC_BYTES)
        fits = body[:5] == _PROFILE_NAME and inflater.eof and not inflater.unused_data
        icc.verify(profile, at)
    elif kind == b"eXIf":
        exif.verify(body, at)
    elif kind == b"PLTE":
        fits = header.colour == 3 and len(body) % 3 == 0 and len(body) <= 3 << header.depth
    elif kind == b"tRNS":
        fits = len(body) <= 256 if header.colour == 3 else len(body) == {0: 2, 2: 6}.get(header.colour)
    else:
        fits = len(body) <= 6
    if not fits:
        refuse("Expected a chunk to hold its fields and no more", at)


_NOTES = {
    b"IHDR": "size and kind of pixels",
    b"PLTE": "palette",
    b"IDAT": "the picture; what follows its last row goes",
    b"IEND": "end",
    b"iCCP": "colour; name, description, identity and dates go",
    b"eXIf": "only the orientation stays",
    b"tRNS": "transparency",
    b"acTL": "animation",
    b"fcTL": "animation",
    b"fdAT": "animation",
    b"tEXt": "text",
    b"zTXt": "text",
    b"iTXt": "text or XMP; an orientation moves to eXIf",
    b"tIME": "time of the last change",
    b"caBX": "provenance (C2PA)",
    b"pHYs": "aspect",
}


def parts(data: bytes) -> tuple[Part, ...]:
    """List the chunks, and what stands behind them."""
    _header(data)
    found = [Part("signature", 0, 8, True)]
    known = {b"IHDR", b"PLTE", b"IDAT", b"IEND", b"fcTL", b"fdAT", *_BEFORE_PALETTE, *_AFTER_PALETTE}
    last = 8
    for chunk in _chunks(data):
        last = min(chunk.end + 4, len(data))
        name = chunk.type.decode("ascii")
        note = _NOTES.get(chunk.type, "" if chunk.type in known else "not needed to show the picture")
        found.append(Part(name, chunk.offset, last - chunk.offset, chunk.type in known, note))
    if last < len(data):
        found.append(Part("trailing bytes", last, len(data) - last, False, "behind the end of the image"))
    return tuple(found)
