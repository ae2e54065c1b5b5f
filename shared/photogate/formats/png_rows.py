"""Image data of a PNG: exactly the rows of the picture, and nothing in the bits of them that show nothing.

W3C PNG (third edition), 8 (interlacing), 9 (filtering), 10 (compression).
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

from photogate.errors import ImageRefused, Reason
from photogate.findings import MetadataCategory
from photogate.formats import deflate, limits
from photogate.formats.container import Context, refuse

__all__ = ["CHANNELS", "Colours", "Header", "Rows", "Work", "cleared", "exact", "unfiltered"]

# 11.2.1: samples a pixel, by colour type.
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
# 8.2: first column, first row, column step, row step of each pass.
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


@dataclass(frozen=True, slots=True)
class Header:
    """The fields of IHDR (11.2.1)."""

    width: int
    height: int
    depth: int
    colour: int
    interlace: int

    def passes(self, width: int, height: int) -> list[tuple[int, int]]:
        """Give the bits of a row and the number of rows, of each pass over a picture of this kind (8.1)."""
        bits = self.depth * CHANNELS[self.colour]
        steps = _ADAM7 if self.interlace else ((0, 0, 1, 1),)
        sizes = [(-(-(width - x) // dx), -(-(height - y) // dy)) for x, y, dx, dy in steps]
        return [(wide * bits, high) for wide, high in sizes if wide > 0 and high > 0]

    def size(self, width: int, height: int) -> int:
        """Bytes of filtered rows of a picture of this kind (9.2)."""
        return sum(rows * (1 + (bits + 7) // 8) for bits, rows in self.passes(width, height))

    def has_spare_bits(self, width: int, height: int) -> bool:
        """Whether rows end within a byte."""
        return any(bits % 8 for bits, _ in self.passes(width, height))


@dataclass(slots=True)
class Work:
    """What may still be done to the rows of a file, over all frames.

    Attributes
    ----------
    rows
        Rows of which the bits behind the last pixel are cleared one by one.
    filtered
        Bytes of filtered rows among them.
    followed
        Bytes of filtered rows that are decoded to see which colours they use.
    """

    rows: int = limits.MAX_CLEARED_ROWS
    filtered: int = limits.MAX_UNFILTERED
    followed: int = limits.MAX_FOLLOWED


@dataclass(slots=True)
class Colours:
    """Which indices of a palette the pixels of a file use, all frames together.

    Attributes
    ----------
    depth
        Bits a pixel.
    entries
        Entries of the palette.
    complete
        Whether all of them are in use, so that nothing is left to be found.
    """

    depth: int
    entries: int
    complete: bool = False
    _whole: bytes = b""
    _last: dict[int, set[int]] = field(default_factory=dict)

    def take(self, pixels: bytearray) -> None:
        """Look at bytes that hold nothing but pixels."""
        before = self._whole
        while new := pixels.translate(None, self._whole):
            self._whole += bytes(set(new[:_AT_ONCE]))  # a set of all takes forty times as long
        if self._whole != before:
            self._settle()

    def take_last(self, last: set[int], bits: int) -> None:
        """Look at bytes of which only the first bits are pixels."""
        known = self._last.setdefault(bits, set())
        if not last <= known:
            known |= last
            self._settle()

    def _settle(self) -> None:
        self.complete = self.complete or self.used() >= set(range(self.entries))

    def used(self) -> set[int]:
        """Give the indices in use."""
        shifts = range(8 - self.depth, -1, -self.depth)
        used = {byte >> shift for byte in self._whole for shift in shifts}
        for bits, last in self._last.items():
            used |= {byte >> shift for byte in last for shift in shifts[: bits // self.depth]}
        return {value & ((1 << self.depth) - 1) for value in used}


_AT_ONCE = 4096


class Rows:
    """Looks at rows as they are inflated: which colours they use, and whether bits behind their last pixel are set.

    Parameters
    ----------
    header, width, height
        The kind and size of the picture.
    colours, work
        The first is told the colours of a palette picture. Filters are then undone, as far as `work` allows; else of
        filtered rows nothing is told.

    Attributes
    ----------
    plain
        Whether all rows so far could be looked at.
    dirty
        Whether a bit behind the last pixel of a row is set.
    """

    def __init__(self, header: Header, width: int, height: int, colours: Colours | None, work: Work) -> None:
        self.plain, self.dirty = True, False
        self._colours, self._work = colours, work
        self._spare = header.has_spare_bits(width, height)
        self._passes = header.passes(width, height)
        self._buffer = bytearray()
        self._above = b""

    def take(self, data: bytes) -> None:
        """Look at the next inflated bytes.

        Raises
        ------
        ImageRefused
            Rows do not decode, or more are filtered than may be followed.
        """
        if self._colours is not None and self._colours.complete and not self._spare:
            return
        self._buffer += data
        while self.plain and self._passes:
            bits, rows = self._passes[0]
            stride = 1 + (bits + 7) // 8
            count = min(len(self._buffer) // stride, rows)
            if not count:
                return
            block = self._buffer[: count * stride]
            del self._buffer[: count * stride]
            self._look(block, stride, count, bits % 8)
            self._passes[0] = (bits, rows - count)
            if rows == count:
                del self._passes[0]
                self._above = b""

    def _look(self, block: bytearray, stride: int, count: int, rest: int) -> None:
        if block[::stride].count(0) == count:
            del block[::stride]
        elif self._colours is None:
            self.plain = False
            self._buffer.clear()
            return
        else:
            block = self._followed(block, stride)
        width = stride - 1
        self._above = bytes(block[-width:])
        if rest:
            last = set(block[width - 1 :: width])
            self.dirty |= any(byte & 0xFF >> rest for byte in last)
            del block[width - 1 :: width]
        if self._colours is None:
            return
        if rest:
            self._colours.take_last(last, rest)
        self._colours.take(block)

    def _followed(self, block: bytearray, stride: int) -> bytearray:
        self._work.followed -= len(block)
        if self._work.followed < 0:
            refuse(
                "Expected as many filtered rows of a palette picture as a file of this size may have; found more",
                reason=Reason.TOO_MANY_PIXELS,
            )
        return unfiltered(block, stride, self._above or bytes(stride - 1))


def exact(
    data: bytes, places: list[tuple[int, int]], expected: int, rows: Rows | None, context: Context
) -> list[memoryview]:
    """Give the compressed data cut to its zlib stream, which must inflate to exactly `expected` bytes.

    Parameters
    ----------
    data, places
        The file, and where in it the pieces of the stream stand.
    expected
        Bytes of all filtered rows.
    rows
        Looks at what is inflated.
    context
        Is told what goes.

    Raises
    ------
    ImageRefused
        The data is damaged, or too short.
    """
    view = memoryview(data)
    pieces = [view[start:end] for start, end in places]
    inflater = deflate.Inflater(*pieces)
    got = 0
    try:
        for block in inflater.blocks(expected + 1):
            got += len(block)
            if rows is not None and rows.plain:
                rows.take(block)
    except deflate.DeflateError:
        refuse("Expected image data that inflates; found damage", places[0][0])
    if got < expected:
        refuse(f"Expected image data of {expected} bytes; found {got}", places[0][0] if places else None)
    if got > expected or not inflater.ended:  # decoders need no end of the stream where they have all rows
        return _again(pieces, expected, context if got > expected else None)
    total = sum(map(len, pieces))
    need = inflater.used
    context.drop(MetadataCategory.OTHER, "bytes behind the image data's zlib stream", total - need)
    if _has_many_empty_blocks(data, places, need) or need > expected + expected // 1024 + 64:
        context.drop(MetadataCategory.OTHER, "blocks of nothing within the image data's zlib stream")
        return _again(pieces, expected, None)
    return _first(pieces, need)


def _has_many_empty_blocks(data: bytes, places: list[tuple[int, int]], size: int) -> bool:
    """Whether blocks of nothing may stand within the stream, up to seven bits of which no decoder looks at.

    Found by what they look like, so rows that look the same are coded again in vain. Pieces too short to be searched
    count as such blocks.
    """
    if len(places) > deflate.FLUSHES + size // 64:
        return True
    found = sum(data.count(deflate.EMPTY, start, end) for start, end in places)
    for (_, end), (start, _) in itertools.pairwise(places):
        found += deflate.EMPTY in data[end - 3 : end] + data[start : start + 3]
    return found > deflate.FLUSHES


def _first(pieces: list[memoryview], size: int) -> list[memoryview]:
    kept = []
    for piece in pieces:
        if size <= 0:
            break
        kept.append(piece[:size])
        size -= len(piece)
    return kept


def _again(pieces: list[memoryview], expected: int, context: Context | None) -> list[memoryview]:
    """Compress the picture's own rows again; what stands beyond them is left out."""
    if context is not None:
        context.drop(MetadataCategory.OTHER, "image data beyond the last row")
    deflater = deflate.compressobj(6)
    out = bytearray()
    for rows in deflate.Inflater(*pieces).blocks(expected):
        out += deflater.compress(rows)
    out += deflater.flush()
    return [memoryview(bytes(out))]


def cleared(
    pieces: list[memoryview], header: Header, width: int, height: int, work: Work, context: Context
) -> list[memoryview]:
    """Compress the rows again with the bits behind their last pixels zero; as they were, where those are zero already.

    A filter may hide them (9.2): the byte that they stand in is then coded as the difference that the filter wants.

    Raises
    ------
    ImageRefused
        More rows, or filtered bytes, than a bounded time allows.
    """
    deflater = deflate.compressobj(6)
    out, buffer = bytearray(), bytearray()
    source = deflate.Inflater(*pieces).blocks(header.size(width, height))
    changed = 0
    for bits, rows in header.passes(width, height):
        work.rows -= rows
        if work.rows < 0:
            refuse(f"Expected at most {limits.MAX_CLEARED_ROWS} rows with bits behind their last pixel; found more")
        stride, mask = 1 + (bits + 7) // 8, 0xFF << (-bits % 8) & 0xFF
        above, above_clean = bytes(stride - 1), 0
        for _ in range(rows):
            while len(buffer) < stride:
                buffer += next(source)
            row = buffer[:stride]
            del buffer[:stride]
            work.filtered -= stride if row[0] else 0
            if work.filtered < 0:
                refuse(
                    f"Expected at most {limits.MAX_UNFILTERED} bytes of filtered rows of less than 8 bits; found more"
                )
            raw = _unfiltered(row, above)
            clean = raw[-1] & mask
            left, corner = (raw[-2], above[-2]) if stride > 2 else (0, 0)
            row[-1] = clean - _predicted(row[0], left, above_clean, corner) & 0xFF
            changed += clean != raw[-1]
            above, above_clean = raw, clean
            out += deflater.compress(row)
    if not changed:
        return pieces
    context.drop(MetadataCategory.OTHER, "bits behind the last pixel of a row", changed)
    out += deflater.flush()
    return [memoryview(bytes(out))]


def _unfiltered(row: bytearray, above: bytes) -> bytes:
    """Undo a row's filter, for pixels of at most one byte (9.2)."""
    kind, coded = row[0], row[1:]
    if kind == 0:
        return bytes(coded)
    if kind == 1:
        return bytes(total & 0xFF for total in itertools.accumulate(coded))
    if kind == 2:
        return bytes(value + up & 0xFF for value, up in zip(coded, above, strict=True))
    raw = bytearray()
    left = corner = 0
    if kind == 3:
        for value, up in zip(coded, above, strict=True):
            left = value + (left + up) // 2 & 0xFF
            raw.append(left)
        return bytes(raw)
    if kind > 4:
        refuse("Expected a filter of 0 to 4; found another")
    for value, up in zip(coded, above, strict=True):  # what `_predicted` says, without the call
        to_left, to_up, to_corner = abs(up - corner), abs(left - corner), abs(left + up - corner - corner)
        if to_left > to_up or to_left > to_corner:
            left = up if to_up <= to_corner else corner
        left = left + value & 0xFF
        corner = up
        raw.append(left)
    return bytes(raw)


def _predicted(kind: int, left: int, up: int, corner: int) -> int:
    """Give what a filter predicts of a byte (9.2)."""
    if kind < 3:
        return (0, left, up)[kind]
    if kind == 3:
        return (left + up) // 2
    estimate = left + up - corner
    return min((left, up, corner), key=lambda neighbour: abs(estimate - neighbour))


def unfiltered(block: bytearray, stride: int, above: bytes) -> bytearray:
    """Undo the filters of whole rows, of pixels of at most one byte, and give the rows without their filters' numbers.

    Pillow does it, twenty times as fast as `_unfiltered`. A part of the rows of a picture is a picture too, if the row
    above stands before them: filters look no further (9.2).

    Raises
    ------
    ImageRefused
        A filter is none, or Pillow is not installed.
    """
    try:
        from PIL import Image
    except ImportError as error:
        raise ImageRefused(
            "Expected Pillow, to look for colours that no pixel uses; it is not installed", reason=Reason.STRIP_FAILED
        ) from error
    width, rows = stride - 1, len(block) // stride
    stored = deflate.compress(b"".join((b"\0", above, block)), 0)
    try:
        image = Image.frombytes("L", (width, rows + 1), stored, "zip", "L", 0)
    except (OSError, ValueError):
        refuse("Expected image data that decodes; found damage")
    return bytearray(image.tobytes())[width:]
