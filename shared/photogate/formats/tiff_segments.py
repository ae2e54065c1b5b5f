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
from functools import lru_cache

from photogate.errors import Reason
from photogate.formats import deflate, limits, tiff_jpeg
from photogate.formats.container import refuse
from photogate.formats.tiff_file import File
from photogate.formats.tiff_work import Work
from photogate.formats.vectors import numpy_for

__all__ = ["FAX", "JPEG", "KNOWN", "OLD_JPEG", "Buffer", "Shape", "recode"]

# Bytes, of which those that stay as they are need not be copied.
Buffer = bytes | bytearray | memoryview

RAW, OLD_JPEG, JPEG, LZMA = 1, 6, 7, 34925
_DEFLATE = frozenset({8, 32946})
FAX = frozenset({2, 3, 4, 32771})
_RECODED = {5: "tiff_lzw", 32773: "packbits", 50000: "zstd"}
_PREDICTED = frozenset({5, LZMA, 50000})  # besides deflate; decoders pass over a predictor of the others
KNOWN = frozenset({RAW, OLD_JPEG, JPEG, LZMA, *_DEFLATE, *FAX, *_RECODED})

# Bytes of predicted rows that Python adds up.
_SUMMED_A_SECOND = 2e7
_SUMMED = 1 << 20

# Rows of strips that are decoded together, and of a strip that are held while they are looked at.
_AT_ONCE = 1024 * 1024

# Bytes of rows whose hidden bits are cleared together, and the first bits of a byte.
_MASKED = 1 << 16
_LEFT = bytes(0xFF << (8 - count) & 0xFF for count in range(8))

# The most bytes that one coded byte can stand for: LZW's longest string in 12 bits, PackBits' longest run.
_RATIOS = {5: 2_731, 32773: 64, 8: 1_032, 32946: 1_032}

# What decoders cost, in decoded bytes of LZW of 13 ns: a start of libtiff by Pillow (1 ms, twice), and of zlib's with
# rows that are looked at; a byte of LZMA, and its start.
_LIBTIFF_START, _LOOKED_START = 160_000, 9_000
_LZMA_PRICE, _LZMA_START = 2, 4_000

# What an .xz stream may make its decoder hold: its highest preset asks for 65 MiB.
_LZMA_MEMORY = 1 << 27

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
    work: Work | None = None,
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
    work
        What may still be decoded, if that is bounded.

    Raises
    ------
    ImageRefused
        One does not decode to that many rows.
    """
    turned = tags.get(266) == 2
    predicted = compression in _DEFLATE or compression in _PREDICTED
    tags = {tag: value for tag, value in tags.items() if tag != 266 and (tag != 317 or predicted)}
    shared = tiff_jpeg.tables(tables) if compression == JPEG else []
    waiting: list[Buffer] = []
    shapes: list[Shape] = []
    for data, shape in strips:
        if compression in (JPEG, OLD_JPEG):
            yield tiff_jpeg.written(bytes(data), shared, shape.width, shape.rows, check_scan, work)
            continue
        if compression == RAW:
            yield _raw(data, shape, turned, tags, colours)
            continue
        coded = bytes(data).translate(_TURNED) if turned else data
        if shape.size > min(limits.strip_bytes(len(coded)), _RATIOS.get(compression, shape.size) * len(coded)):
            refuse("Expected strips or tiles of a decoded size that fits; found more", reason=Reason.TOO_LARGE)
        if work:
            _charge(work, compression, shape, colours is not None, not shapes or not _together(shapes, shape))
        if compression in _DEFLATE:
            yield _deflate(coded, shape, tags, colours)
            continue
        if compression == LZMA:
            yield _lzma(coded, shape, tags, colours)
            continue
        if shapes and not _together(shapes, shape):
            yield from _through_libtiff(waiting, compression, shapes, tags, colours)
            waiting, shapes = [], []
        waiting.append(coded)
        shapes.append(shape)
    if shapes:
        yield from _through_libtiff(waiting, compression, shapes, tags, colours)


def _charge(work: Work, compression: int, shape: Shape, looks: bool, opens: bool) -> None:
    """Count what decoding a strip or tile costs; `looks` where its colours are, `opens` where libtiff starts for it."""
    if compression in _DEFLATE:
        if looks or shape.seen_bits >= 0 or shape.seen_rows >= 0:
            work.decode(shape.size, _LOOKED_START)
        else:
            work.inflate(shape.size)
    elif compression == LZMA:
        work.decode(_LZMA_PRICE * shape.size, _LZMA_START)
    elif compression in FAX:
        work.decode_fax(shape.width * shape.rows, _LIBTIFF_START * opens)
    else:
        work.decode(shape.size, _LIBTIFF_START * opens)


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
    kept = memoryview(rows)[: seen_rows * shape.stride]
    hidden = bytes((shape.rows - seen_rows) * shape.stride)
    if seen_bits >= 8 * shape.stride:
        return b"".join((kept, hidden))
    parts = _parts(kept, max(_MASKED // shape.stride, 1) * shape.stride)
    return b"".join((*(_masked(part, shape.stride, seen_bits) for part in parts), hidden))


def _parts(data: memoryview, size: int) -> Iterator[memoryview]:
    return (data[start : start + size] for start in range(0, len(data), size))


def _masked(rows: memoryview, stride: int, bits: int) -> bytes:
    """Clear all but the first bits of each row, of as many rows as one long number can hold at small cost."""
    whole, rest = divmod(bits, 8)
    if stride > _MASKED:
        byte = bytes((rows[whole] & _LEFT[rest],)) if rest else b""
        return bytes(rows[:whole]) + byte + bytes(stride - whole - len(byte))
    mask = _mask(stride, bits, len(rows))
    return (int.from_bytes(rows, "little") & mask).to_bytes(len(rows), "little")


@lru_cache(maxsize=8)
def _mask(stride: int, bits: int, size: int) -> int:
    whole, rest = divmod(bits, 8)
    row = b"\xff" * whole + (bytes((_LEFT[rest],)) if rest else b"")
    return int.from_bytes(row.ljust(stride, b"\0") * (size // stride), "little")


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
                size = shapes[0].size
                if colours is not None or any(shape.seen_bits >= 0 or shape.seen_rows >= 0 for shape in shapes):
                    old = image.tobytes()
                    pieces = [old[i * size : (i + 1) * size] for i in range(many)]
                    shown = [_shown(piece, shape, tags, colours) for piece, shape in zip(pieces, shapes, strict=True)]
                    if shown != pieces:
                        image.frombytes(b"".join(shown))
                name = "group4" if bits == 1 else _RECODED[compression]
                image.save(out, "TIFF", compression=name, strip_size=max(size, 1))
    except (OSError, SyntaxError, ValueError, RuntimeError, Image.DecompressionBombError) as error:
        refuse(f"Expected a strip or tile that decodes; found one that does not ({type(error).__name__})")
    written = out.getvalue()
    file = File(written)
    places, sizes = (file.many(file.pages[0], tag, many + 1) for tag in (273, 279))
    if len(places) != many or file.one(file.pages[0], 262, 0) != 1:
        refuse("Expected as many strips from the encoder; found others")
    return [written[at : at + length] for at, length in zip(places, sizes, strict=True)]


def _lzma(data: Buffer, shape: Shape, tags: dict[int, int], colours: set[int] | None) -> bytes:
    """Decode an .xz stream, and code its rows again as libtiff does, but for its effort: ten times as fast."""
    try:
        import lzma
    except ImportError:  # a Python that was built without it
        refuse("Expected a scheme that this Python decodes; found LZMA", reason=Reason.UNSUPPORTED_FORMAT)
    try:
        rows = lzma.LZMADecompressor(lzma.FORMAT_XZ, _LZMA_MEMORY).decompress(bytes(data), shape.size)
    except lzma.LZMAError:
        refuse("Expected a strip or tile that decodes; found one that does not (LZMA)")
    if len(rows) < shape.size:
        refuse("Expected as many bytes as the rows need; found fewer")
    filters = [{"id": lzma.FILTER_DELTA, "dist": 1}, {"id": lzma.FILTER_LZMA2, "preset": 0}]
    return lzma.compress(_shown(rows, shape, tags, colours), lzma.FORMAT_XZ, lzma.CHECK_NONE, filters=filters)


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
