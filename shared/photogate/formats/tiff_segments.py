"""Strips and tiles of a TIFF: each coded again, or cut where its rows end, so that nothing rides behind them.

TIFF 6.0, sections 9 (PackBits), 10-11 (CCITT), 13 (LZW), 15 (tiles), 22 (JPEG); TIFF Technical Note 2 (JPEG);
Adobe Photoshop TIFF Technical Notes (deflate).
"""

from __future__ import annotations

import io
import itertools
import struct
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache

from photogate.errors import Reason
from photogate.formats import deflate, jpeg, limits
from photogate.formats.container import Context, refuse
from photogate.formats.vectors import numpy_for

__all__ = ["FAX", "JPEG", "KNOWN", "OLD_JPEG", "Buffer", "Shape", "recode"]

# Bytes, of which those that stay as they are need not be copied.
Buffer = bytes | bytearray | memoryview

RAW, OLD_JPEG, JPEG = 1, 6, 7
_DEFLATE = frozenset({8, 32946})
FAX = frozenset({2, 3, 4, 32771})
_RECODED = {5: "tiff_lzw", 32773: "packbits", 34925: "lzma", 50000: "zstd"}
_PREDICTED = frozenset({5, 34925, 50000})  # besides deflate; decoders pass over a predictor of the others
KNOWN = frozenset({RAW, OLD_JPEG, JPEG, *_DEFLATE, *FAX, *_RECODED})

# Bytes of predicted rows that Python adds up.
_SUMMED_A_SECOND = 2e7
_SUMMED = 1 << 20

# Rows of strips that are decoded together, and of a strip that are held while they are looked at.
_AT_ONCE = 1024 * 1024

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
    strips: Iterable[tuple[Buffer, Shape]],
    compression: int,
    tags: dict[int, int],
    tables: bytes,
    check_scan: bool,
    colours: set[int] | None = None,
) -> Iterator[Buffer]:
    """Write strips or tiles with their own rows and nothing else.

    Parameters
    ----------
    strips
        The coded bytes of each, possibly with a tail, and what they must decode to.
    compression
        TIFF tag 259, one of `KNOWN`.
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
        One does not decode to that many rows.
    """
    turned = tags.get(266) == 2
    predicted = compression in _DEFLATE or compression in _PREDICTED
    tags = {tag: value for tag, value in tags.items() if tag != 266 and (tag != 317 or predicted)}
    shared = _segments(tables, False) if compression == JPEG else []
    if sum(map(len, shared)) > limits.MAX_JPEG_TABLES:
        refuse(f"Expected JPEG tables of at most {limits.MAX_JPEG_TABLES} bytes; found more")
    waiting: list[Buffer] = []
    shapes: list[Shape] = []
    for data, shape in strips:
        if compression in (JPEG, OLD_JPEG):
            yield _jpeg(bytes(data), shared, check_scan)
            continue
        if compression == RAW:
            yield _raw(data, shape, turned, tags, colours)
            continue
        coded = bytes(data).translate(_TURNED) if turned else data
        if shape.size > min(limits.strip_bytes(len(coded)), _RATIOS.get(compression, shape.size) * len(coded)):
            refuse("Expected strips or tiles of a decoded size that fits; found more", reason=Reason.TOO_LARGE)
        if compression in _DEFLATE:
            yield _deflate(coded, shape, tags, colours)
            continue
        if shapes and not _together(shapes, shape):
            yield from _through_libtiff(waiting, compression, shapes, tags, colours)
            waiting, shapes = [], []
        waiting.append(coded)
        shapes.append(shape)
    if shapes:
        yield from _through_libtiff(waiting, compression, shapes, tags, colours)


def _together(shapes: Sequence[Shape], more: Shape) -> bool:
    """Whether libtiff may take one more strip with the others: opening a file takes as long as decoding 30 KB."""
    first = shapes[0]
    same = (more.stride, more.rows, more.width) == (first.stride, first.rows, first.width)
    return same and (len(shapes) + 1) * more.size <= _AT_ONCE


def _raw(data: Buffer, shape: Shape, turned: bool, tags: dict[int, int], colours: set[int] | None) -> Buffer:
    if len(data) < shape.size:
        refuse("Expected as many bytes as the rows need; found fewer")
    rows = data[: shape.size]
    if not turned:
        return _shown(rows, shape, tags, colours)
    return bytes(_shown(bytes(rows).translate(_TURNED), shape, tags, colours)).translate(_TURNED)


def _shown(rows: Buffer, shape: Shape, tags: dict[int, int], colours: set[int] | None) -> Buffer:
    """Clear what the picture does not show: bits behind the last pixel of a row, a tile's columns and rows beyond it.

    With a predictor (section 14) zero says "as the pixel before".
    """
    new = _cleared(rows, shape, tags)
    if colours is not None:
        _collect(new, shape, tags.get(317, 1), colours)
    return new


def _cleared(rows: Buffer, shape: Shape, tags: dict[int, int]) -> Buffer:
    seen_bits = shape.seen_bits if shape.seen_bits >= 0 and tags.get(317, 1) < 3 else 8 * shape.stride
    seen_rows = shape.seen_rows if shape.seen_rows >= 0 else shape.rows
    if seen_bits >= 8 * shape.stride and seen_rows >= shape.rows:
        return rows
    new = bytearray(rows)
    new[seen_rows * shape.stride :] = bytes((shape.rows - seen_rows) * shape.stride)
    whole, rest = divmod(seen_bits, 8)
    if rest:
        new[whole :: shape.stride] = new[whole :: shape.stride].translate(_first_bits(rest))
        whole += 1
    if shape.stride - whole < seen_rows:  # by columns or by rows, whichever are fewer
        for column in range(whole, shape.stride):
            new[column :: shape.stride] = bytes(shape.rows)
    else:
        for start in range(0, seen_rows * shape.stride, shape.stride):
            new[start + whole : start + shape.stride] = bytes(shape.stride - whole)
    return new


@cache
def _first_bits(count: int) -> bytes:
    """Give a table in which only the first bits of each byte are left."""
    mask = 0xFF << (8 - count) & 0xFF
    return bytes(i & mask for i in range(256))


def _collect(rows: Buffer, shape: Shape, predictor: int, colours: set[int]) -> None:
    if predictor == 1:
        step = shape.step if shape.stride % shape.step == 0 else 1
        at_once = step * (_SUMMED // step)
        for start in range(0, len(rows), at_once):
            colours.update(bytes(rows[start : start + at_once : step]).translate(None, bytes(colours)))
        return
    if np := numpy_for(len(rows) / _SUMMED_A_SECOND):
        table = np.frombuffer(rows, np.uint8).reshape(-1, shape.stride)[:, :: shape.step]
        at_once = max(_SUMMED // shape.stride, 1)
        for first in range(0, len(table), at_once):
            summed = np.cumsum(table[first : first + at_once], axis=1, dtype=np.uint8)
            colours.update(np.flatnonzero(np.bincount(summed.reshape(-1), minlength=1)).tolist())
        return
    for start in range(0, len(rows), shape.stride):
        row = rows[start : start + shape.stride : shape.step]
        colours.update(total & 0xFF for total in itertools.accumulate(row))


def _deflate(data: Buffer, shape: Shape, tags: dict[int, int], colours: set[int] | None) -> Buffer:
    """Cut behind the stream; where the stream holds more than is shown, deflate the rows again."""
    size = shape.size
    same = True
    if colours is not None or shape.seen_bits >= 0 or shape.seen_rows >= 0:
        held = list(_rows(data, shape)) if size <= _AT_ONCE else None
        for rows, of in held or _rows(data, shape):
            same &= _shown(rows, of, tags, colours) == rows
            if not same and colours is None:
                break
        if not same:
            deflater = deflate.compressobj(6)
            cleared = (deflater.compress(_cleared(rows, of, tags)) for rows, of in held or _rows(data, shape))
            return b"".join((*cleared, deflater.flush()))
    inflater = deflate.Inflater(data)
    got = sum(map(len, inflater.blocks(size + 1)))
    if got < size:
        refuse("Expected as many bytes as the rows need; found fewer")
    if got == size and inflater.ended and not _spends(data, inflater.used, size):
        return data[: inflater.used]
    deflater = deflate.compressobj(6)
    pieces = [deflater.compress(piece) for piece in deflate.Inflater(data).blocks(size)]
    return b"".join((*pieces, deflater.flush()))


def _spends(data: Buffer, used: int, size: int) -> bool:
    """Whether a stream of `used` bytes for `size` is longer than any encoder's, or has room in blocks of nothing."""
    if used > size + size // 1024 + 64:
        return True
    found = 0
    for start in range(0, used, _AT_ONCE):
        found += bytes(data[start : min(start + _AT_ONCE + 3, used)]).count(deflate.EMPTY)
    return found > deflate.FLUSHES


def _rows(data: Buffer, shape: Shape) -> Iterator[tuple[bytes, Shape]]:
    """Inflate whole rows, some at once, each time with the shape that they have."""
    first, held = 0, bytearray()
    for piece in deflate.Inflater(data).blocks(shape.size):
        held += piece
        if many := len(held) // shape.stride:
            seen = shape.seen_rows if shape.seen_rows < 0 else min(max(shape.seen_rows - first, 0), many)
            yield bytes(held[: many * shape.stride]), replace(shape, rows=many, seen_rows=seen)
            del held[: many * shape.stride]
            first += many
    if first < shape.rows:
        refuse("Expected as many bytes as the rows need; found fewer")


def _through_libtiff(
    strips: Sequence[Buffer], compression: int, shapes: Sequence[Shape], tags: dict[int, int], colours: set[int] | None
) -> list[bytes]:
    """Decode strips of as many rows each, and code their rows again (CCITT as T.6): what is no row does not come."""
    from PIL import Image

    bits = 1 if compression in FAX else 8
    rows, many = shapes[0].rows, len(strips)
    width = shapes[0].width if bits == 1 else shapes[0].stride
    shapes = [replace(shape, stride=-(-width * bits // 8), width=width) for shape in shapes]
    alone = _page(strips, compression, width, rows, bits, {tag: tags[tag] for tag in (292, 293) if tag in tags})
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(alone), formats=["TIFF"]) as image:
                image.load()
                out = io.BytesIO()
                old, size = image.tobytes(), shapes[0].size
                pieces = [old[i * size : (i + 1) * size] for i in range(many)]
                shown = [_shown(piece, shape, tags, colours) for piece, shape in zip(pieces, shapes, strict=True)]
                if shown != pieces:
                    image.frombytes(b"".join(shown))
                name = "group4" if bits == 1 else _RECODED[compression]
                image.save(out, "TIFF", compression=name, strip_size=max(size, 1))
    except (OSError, SyntaxError, ValueError, RuntimeError, Image.DecompressionBombError) as error:
        refuse(f"Expected a strip or tile that decodes; found one that does not ({type(error).__name__})")
    written = out.getvalue()
    with Image.open(io.BytesIO(written)) as image:
        layout = image.tag_v2  # type: ignore[attr-defined]
        if len(layout[273]) != many or layout[262] != 1:
            refuse("Expected as many strips from the encoder; found others")
        return [written[at : at + length] for at, length in zip(layout[273], layout[279], strict=True)]


def _page(
    strips: Sequence[Buffer], compression: int, width: int, rows: int, bits: int, options: dict[int, int]
) -> bytes:
    """Make a TIFF of the strips alone, each of `rows` rows."""
    many = len(strips)
    entries = {256: width, 257: rows * many, 258: bits, 259: compression, 262: 1, 277: 1, 278: rows, **options}
    lists = 8 + 2 + 12 * (len(entries) + 2) + 4
    at = lists + (8 * many if many > 1 else 0)
    counts = tuple(map(len, strips))
    places = tuple(itertools.accumulate(counts[:-1], initial=at))
    table = [struct.pack("<HHII", tag, 4, 1, value) for tag, value in entries.items()]
    if many == 1:
        table += [struct.pack("<HHII", 273, 4, 1, at), struct.pack("<HHII", 279, 4, 1, counts[0])]
        values = b""
    else:
        table += [struct.pack("<HHII", 273, 4, many, lists), struct.pack("<HHII", 279, 4, many, lists + 4 * many)]
        values = struct.pack(f"<{2 * many}I", *places, *counts)
    table.sort(key=lambda entry: struct.unpack_from("<H", entry))
    return b"".join((b"II*\0\x08\0\0\0", struct.pack("<H", len(table)), *table, bytes(4), values, *strips))


def _jpeg(data: bytes, tables: list[bytes], check_scan: bool) -> bytes:
    """Give a JPEG stream that stands for itself: its own tables, frame and scans (Technical Note 2)."""
    head = [b"\xff\xd8", *tables, *_segments(data, True)]
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
