"""Strips and tiles of a TIFF: each coded again, or cut where its rows end, so that nothing rides behind them.

TIFF 6.0, sections 9 (PackBits), 10-11 (CCITT), 13 (LZW), 15 (tiles), 22 (JPEG); TIFF Technical Note 2 (JPEG);
Adobe Photoshop TIFF Technical Notes (deflate).
"""

from __future__ import annotations

import io
import itertools
import struct
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from photogate.errors import Reason
from photogate.formats import deflate, jpeg
from photogate.formats.container import Context, refuse

__all__ = ["FAX", "JPEG", "KNOWN", "OLD_JPEG", "Shape", "recode"]

RAW, OLD_JPEG, JPEG = 1, 6, 7
_DEFLATE = frozenset({8, 32946})
FAX = frozenset({2, 3, 4, 32771})
_RECODED = {5: "tiff_lzw", 32773: "packbits", 34925: "lzma", 50000: "zstd"}
_PREDICTED = frozenset({5, 34925, 50000})  # besides deflate; decoders pass over a predictor of the others
KNOWN = frozenset({RAW, OLD_JPEG, JPEG, *_DEFLATE, *FAX, *_RECODED})

# What one strip or tile may decode to, if that is more than 8 times the file: a page of 8,000 x 8,000 in RGB.
_MAX_DECODED = 192 * 1024 * 1024

# The most bytes that one coded byte can stand for: LZW's longest string in 12 bits, PackBits' longest run.
_RATIOS = {5: 2_731, 32773: 64, 8: 1_032, 32946: 1_032}

# FillOrder 2 (TIFF 6.0, section 8): decoders turn round each coded byte, except of JPEG.
_TURNED = bytes(int(f"{i:08b}"[::-1], 2) for i in range(256))


@dataclass(frozen=True, slots=True)
class Shape:
    """What a strip or tile decodes to: bytes of a row, rows, pixels of a row.

    Of a tile at the right or lower border only `seen_bits` of each row and `seen_rows` show in the picture. Every
    `step`th byte of a row is a colour of the palette, where the page has one.
    """

    stride: int
    rows: int
    width: int
    seen_bits: int = -1
    seen_rows: int = -1
    step: int = 1

    @property
    def size(self) -> int:
        """Bytes in all."""
        return self.stride * self.rows


def recode(
    data: bytes,
    compression: int,
    shape: Shape,
    tags: dict[int, int],
    tables: bytes,
    check_scan: bool,
    colours: set[int] | None = None,
) -> bytes:
    """Write one strip or tile with its own rows and nothing else.

    Parameters
    ----------
    data
        The coded bytes, possibly with a tail.
    compression
        TIFF tag 259, one of `KNOWN`.
    shape
        What it must decode to.
    tags
        FillOrder (266), T4Options (292), T6Options (293), Predictor (317), where the page has them.
    tables
        JPEGTables (347), or empty.
    check_scan
        Look behind the last MCU of JPEG data.
    colours
        Takes the bytes that the rows hold, where the page has a palette.

    Raises
    ------
    ImageRefused
        It does not decode to that many rows.
    """
    if compression in (JPEG, OLD_JPEG):
        return _jpeg(data, tables, check_scan)
    turned = tags.get(266) == 2
    predicted = compression in _DEFLATE or compression in _PREDICTED
    tags = {tag: value for tag, value in tags.items() if tag != 266 and (tag != 317 or predicted)}
    if compression == RAW:
        if len(data) < shape.size:
            refuse("Expected as many bytes as the rows need; found fewer")
        rows = data[: shape.size]
        if not turned:
            return _shown(rows, shape, tags, colours)
        return _shown(rows.translate(_TURNED), shape, tags, colours).translate(_TURNED)
    if turned:
        data = data.translate(_TURNED)
    if shape.size > min(max(_MAX_DECODED, 8 * len(data)), _RATIOS.get(compression, shape.size) * len(data)):
        refuse("Expected strips or tiles of a decoded size that fits; found more", reason=Reason.TOO_LARGE)
    if compression in _DEFLATE:
        return _deflate(data, shape, tags, colours)
    if compression in FAX:
        shape = replace(shape, stride=-(-shape.width // 8))
        return _through_libtiff(data, compression, shape, tags, 1, colours)
    shape = replace(shape, width=shape.stride)
    return _through_libtiff(data, compression, shape, tags, 8, colours)


def _shown(rows: bytes, shape: Shape, tags: dict[int, int], colours: set[int] | None) -> bytes:
    """Clear what the picture does not show: bits behind the last pixel of a row, a tile's columns and rows beyond it.

    With a predictor (section 14) zero says "as the pixel before".
    """
    new = _cleared(rows, shape, tags)
    if colours is not None:
        _collect(new, shape, tags.get(317, 1), colours)
    return new


def _cleared(rows: bytes, shape: Shape, tags: dict[int, int]) -> bytes:
    seen_bits = shape.seen_bits if shape.seen_bits >= 0 and tags.get(317, 1) < 3 else 8 * shape.stride
    seen_rows = shape.seen_rows if shape.seen_rows >= 0 else shape.rows
    if seen_bits >= 8 * shape.stride and seen_rows >= shape.rows:
        return rows
    new = bytearray(rows)
    new[seen_rows * shape.stride :] = bytes((shape.rows - seen_rows) * shape.stride)
    whole, rest = divmod(seen_bits, 8)
    if rest:
        mask = 0xFF << (8 - rest) & 0xFF
        new[whole :: shape.stride] = new[whole :: shape.stride].translate(bytes(i & mask for i in range(256)))
        whole += 1
    for start in range(0, seen_rows * shape.stride, shape.stride):
        new[start + whole : start + shape.stride] = bytes(shape.stride - whole)
    return bytes(new)


def _collect(rows: bytes, shape: Shape, predictor: int, colours: set[int]) -> None:
    if predictor == 1:
        if shape.stride % shape.step == 0:
            rows = rows[:: shape.step]
        colours.update(rows.translate(None, bytes(colours)))
        return
    for start in range(0, len(rows), shape.stride):
        row = rows[start : start + shape.stride : shape.step]
        colours.update(total & 0xFF for total in itertools.accumulate(row))


def _deflate(data: bytes, shape: Shape, tags: dict[int, int], colours: set[int] | None) -> bytes:
    """Cut behind the stream; where the stream holds more than is shown, deflate the rows again."""
    size = shape.size
    if colours is not None or shape.seen_bits >= 0 or shape.seen_rows >= 0:
        rows = b"".join(_inflated(deflate.decompressobj(), data, size))
        new = _shown(rows, shape, tags, colours)
        if new != rows:
            return deflate.compress(new, 6)
    inflater = deflate.decompressobj()
    for _ in _inflated(inflater, data, size):
        pass
    more = b"" if inflater.eof else inflater.decompress(inflater.unconsumed_tail, 1)
    if inflater.eof and not more:
        return data[: len(data) - len(inflater.unused_data)]
    deflater = deflate.compressobj(6)
    pieces = [deflater.compress(piece) for piece in _inflated(deflate.decompressobj(), data, size)]
    return b"".join((*pieces, deflater.flush()))


def _inflated(inflater: Any, data: bytes, size: int) -> Iterator[bytes]:
    """Give the first `size` bytes in pieces, so that a bomb costs time and no memory."""
    while size:
        piece = inflater.decompress(data, min(size, 1 << 20))
        data = inflater.unconsumed_tail
        size -= len(piece)
        yield piece
        if size and (inflater.eof or not (piece or data)):
            refuse("Expected as many bytes as the rows need; found fewer")


def _through_libtiff(
    data: bytes, compression: int, shape: Shape, tags: dict[int, int], bits: int, colours: set[int] | None
) -> bytes:
    """Decode one strip and code its rows again (CCITT as T.6): what is no row is not in the new one."""
    from PIL import Image

    entries = {
        256: shape.width,
        257: shape.rows,
        258: bits,
        259: compression,
        262: 1,
        273: 0,
        277: 1,
        278: shape.rows,
        279: len(data),
        **{tag: value for tag, value in tags.items() if tag in (292, 293)},
    }
    at = 8 + 2 + 12 * len(entries) + 4
    entries[273] = at
    table = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in sorted(entries.items()))
    alone = b"II*\0\x08\0\0\0" + struct.pack("<H", len(entries)) + table + bytes(4) + data
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(alone), formats=["TIFF"]) as image:
                image.load()
                out = io.BytesIO()
                rows = image.tobytes()
                if (new := _shown(rows, shape, tags, colours)) != rows:
                    image.frombytes(new)
                name = "group4" if bits == 1 else _RECODED[compression]
                image.save(out, "TIFF", compression=name, strip_size=max(shape.size, 1) + 1)
    except (OSError, SyntaxError, ValueError, RuntimeError, Image.DecompressionBombError) as error:
        refuse(f"Expected a strip or tile that decodes; found one that does not ({type(error).__name__})")
    written = out.getvalue()
    with Image.open(io.BytesIO(written)) as image:
        layout = image.tag_v2  # type: ignore[attr-defined]
        if len(layout[273]) != 1 or layout[262] != 1:
            refuse("Expected one strip from the encoder; found others")
        return written[layout[273][0] : layout[273][0] + layout[279][0]]


def _jpeg(data: bytes, tables: bytes, check_scan: bool) -> bytes:
    """Give a JPEG stream that stands for itself: its own tables, frame and scans (Technical Note 2)."""
    head = [b"\xff\xd8", *_segments(tables, False), *_segments(data, True)]
    context = Context(check_scan=check_scan)
    return jpeg.rewrite(b"".join(head), context).data


def _segments(data: bytes, whole: bool) -> list[bytes]:
    """Give the marker segments of a stream without APPn and COM, and all from the first SOS on."""
    found: list[bytes] = []
    if not data:
        return found
    if data[:2] != b"\xff\xd8":
        refuse("Expected a JPEG stream that starts with SOI; found another")
    at = 2
    while at + 4 <= len(data):
        if data[at] != 0xFF:
            refuse("Expected a JPEG marker; found another byte")
        marker = data[at + 1]
        if marker == 0xFF:
            at += 1
            continue
        if marker == 0xDA:
            return [*found, data[at:]] if whole else found
        if marker == 0xD9:
            break
        size = 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if at + size > len(data) or len(found) > 4096:
            refuse("Expected a JPEG segment within its stream; found one that leaves it")
        if not 0xE0 <= marker <= 0xEF and marker != 0xFE:
            found.append(data[at : at + size])
        at += size
    if whole:
        refuse("Expected a JPEG scan; found none")
    return found
