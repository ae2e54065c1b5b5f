"""Entropy-coded data of JPEG: where it ends, and whether anything hides behind its last MCU (ITU-T T.81 B.1.1.5, F, G).

A decoder stops reading an interval once its MCUs are complete; what stands between there and the next marker is never
looked at. libjpeg-turbo tells when data runs out: "premature end of data segment". So an interval ends where it must
exactly if it decodes without that warning, and with it once its last byte is cut off. One decode of the shortened
interval shows that nothing hides; only a file with hidden bytes is decoded again to find where they begin.

Intervals are decoded as small JPEGs of their own at an eighth of the size, so that hardly more than the entropy
decoder runs. Of a progressive picture each scan is decoded alone, over an empty DC scan; scans that refine
coefficients after those that they refine.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from photogate.errors import ImageRefused, Reason
from photogate.formats import limits
from photogate.formats.container import refuse
from photogate.formats.jpeg_entropy import bytes_needed

__all__ = ["Component", "Frame", "Scan", "trim"]


@dataclass(frozen=True, slots=True)
class Component:
    """One component of the frame header (B.2.2)."""

    id: int
    h: int
    v: int
    table: int


@dataclass(frozen=True, slots=True)
class Frame:
    """The frame header (B.2.2), 8 bits a sample."""

    progressive: bool
    marker: int
    width: int
    height: int
    components: tuple[Component, ...]

    def units(self, scan: Sequence[Component]) -> tuple[int, int]:
        """Columns and rows of MCUs of a scan: data units where it holds one component (A.2)."""
        hmax, vmax = max(c.h for c in self.components), max(c.v for c in self.components)
        if len(scan) == 1:
            wide, high = -(-self.width * scan[0].h // hmax), -(-self.height * scan[0].v // vmax)
            return -(-wide // 8), -(-high // 8)
        return -(-self.width // (8 * hmax)), -(-self.height // (8 * vmax))


@dataclass(slots=True)
class Scan:
    """One scan: its header's fields (B.2.3), the tables in force, and where its intervals stand in the file."""

    components: tuple[Component, ...]
    tables: tuple[tuple[int, int], ...]
    start: int
    end: int
    high: int
    low: int
    interval: int
    huffman: dict[int, bytes]
    offset: int
    intervals: list[tuple[int, int]] = field(default_factory=list)
    restarts: list[int] = field(default_factory=list)


def trim(data: bytes, frame: Frame, scans: Sequence[Scan], finished: bool) -> int:
    """Cut each interval of each scan down to the bytes that its MCUs need; changes `scans` in place.

    Parameters
    ----------
    data
        The file.
    frame, scans
        What was parsed of it.
    finished
        Whether EOI was found. Where it was not, the last interval must be complete, else the file is cut off.

    Returns
    -------
    int
        How many bytes were hidden.

    Raises
    ------
    ImageRefused
        The decoder is not installed, the data is damaged so that its end cannot be told, or there are more intervals
        than a bounded time allows.
    """
    try:
        import simplejpeg
    except ImportError as error:
        raise ImageRefused(
            "Expected simplejpeg, to look for bytes behind the last MCU; it is not installed",
            reason=Reason.STRIP_FAILED,
        ) from error
    hidden = 0
    decode = _Decoder(simplejpeg.decode_jpeg, left=limits.checked_pixels(len(data)))
    slow = limits.MAX_SLOW_SCAN
    if sum(_pixels(frame, scan) for scan in scans) > decode.left:
        refuse(f"Expected at most {decode.left} pixels over all scans; found more")
    for number, scan in enumerate(scans):
        columns, rows = frame.units(scan.components)
        total = columns * rows
        before = [s for s in scans[:number] if _refined_by(s, scan)] if scan.high > 0 else []
        if any(s.interval != scan.interval or len(s.intervals) != len(scan.intervals) for s in before):
            refuse("Expected one restart interval for all scans of a component; found several", scan.offset)
        prefixes: dict[int, bytes] = {}
        decode.colours, decode.scans = "CMYK" if len(scan.components) == 4 else "GRAY", 1 + len(before)
        first = _without_hidden(data, frame, scan, before, total, decode)
        for i, (start, end) in enumerate(scan.intervals[first:], first):
            several = len(scan.intervals) > 1
            count = min(scan.interval, total - i * scan.interval) if several else total
            if frame.progressive and scan.start == 0 and scan.high > 0:
                need = _refined_dc_length(data, start, end, scan, count)
            else:
                decode.pixels = (1 + len(before)) * count * _unit_pixels(scan)
                try:
                    if count not in prefixes:
                        shape = _shape(count, columns, scan) if several else None
                        if several and shape is None:
                            raise _Undecided  # a header cannot say so few or so many MCUs
                        prefixes[count] = _prefix(frame, scan, shape)
                    middle = [b"".join((_tables(s), _sos(s), data[slice(*s.intervals[i])])) for s in before]
                    build = _builder(b"".join((prefixes[count], *middle, _tables(scan), _sos(scan))))
                    need = _needed(data, start, end, build, decode)
                    if not finished and scan is scans[-1] and i == len(scan.intervals) - 1:
                        _must_be_complete(build(data[start:end]), decode, end)
                except _Undecided:
                    slow -= end - start
                    if slow < 0:
                        refuse("Expected entropy-coded data of usual sampling; found more than is read slowly", start)
                    need = _counted(data, start, end, frame, scan, count)
            hidden += end - start - need
            scan.intervals[i] = (start, start + need)
    return hidden


def _pixels(frame: Frame, scan: Scan) -> int:
    columns, rows = frame.units(scan.components)
    return columns * rows * _unit_pixels(scan)


def _unit_pixels(scan: Scan) -> int:
    """Pixels of all components in one MCU."""
    return 64 * (1 if len(scan.components) == 1 else sum(c.h * c.v for c in scan.components))


def _refined_by(earlier: Scan, scan: Scan) -> bool:
    """Whether `earlier` coded AC coefficients of the component that `scan` refines."""
    return earlier.start > 0 and earlier.components == scan.components


_PAD = 16


def _without_hidden(data: bytes, frame: Frame, scan: Scan, before: Sequence[Scan], total: int, decode: _Decoder) -> int:
    """Give how many of the scan's first intervals one decode shows to hide nothing: all that are full but one, or none.

    At a restart the decoder adds the whole bytes that it has read and not used to those that it skips, and warns of
    the sum once it must look for a marker. So the full intervals are decoded as one picture of one interval more. The
    last of them has known bytes behind it and then EOI, which can stand nowhere else: where the first warning is of
    those bytes alone, no interval before had too few or too many. The last itself is left to the caller.
    """
    full = min(total // scan.interval, len(scan.intervals)) if scan.interval else 0
    if full < 4 or (frame.progressive and scan.start == 0 and scan.high > 0):
        return 0
    shape = _shape(scan.interval * (full + 1), frame.units(scan.components)[0], scan)
    if shape is None:
        return 0
    parts: list[bytes | memoryview] = [
        _prefix(frame, scan, shape),
        b"\xff\xdd\0\x04" + struct.pack(">H", scan.interval),
    ]
    view = memoryview(data)
    for each in (*before, scan):
        parts += (_tables(each), _sos(each))
        for i, (start, end) in enumerate(each.intervals[:full]):
            parts += (view[start:end], _RESTARTS[i % 8])
        parts.append(view[slice(*each.intervals[0])])  # any will do for the one interval more
    parts[-2:] = [bytes(_PAD)]
    decode.pixels = (1 + len(before)) * scan.interval * (full + 1) * _unit_pixels(scan)
    warning = decode.warning(b"".join((*parts, b"\xff\xd9")))
    return full - 1 if f" {_PAD} extraneous bytes before marker 0xd9" in warning else 0


_RESTARTS = [bytes((0xFF, 0xD0 + i)) for i in range(8)]


def _shape(count: int, columns: int, scan: Scan) -> tuple[int, int] | None:
    """Lay `count` MCUs out as a rectangle that a frame header can hold; None where there is no such rectangle."""
    widest = 65_500 // (8 * max((c.h for c in scan.components), default=1))
    highest = 65_500 // (8 * max(c.v for c in scan.components))
    for wide in (columns, count):
        if wide <= widest and count % wide == 0 and count // wide <= highest:
            return wide, count // wide
    for wide in range(min(widest, count), 0, -1):
        if count % wide == 0 and count // wide <= highest:
            return wide, count // wide
    return None


def _refined_dc_length(data: bytes, start: int, end: int, scan: Scan, count: int) -> int:
    """A scan that refines DC has one bit for each data unit (G.1.2.1), so its length is known."""
    single = len(scan.components) == 1
    bits = count * (1 if single else sum(c.h * c.v for c in scan.components))
    plain = data[start:end].replace(b"\xff\0", b"\xff")
    need = plain[: -(-bits // 8)].replace(b"\xff", b"\xff\0")
    return min(len(need), end - start)


Builder = Callable[[bytes | memoryview], bytes]


def _builder(prefix: bytes) -> Builder:
    return lambda coded: b"".join((prefix, coded, b"\xff\xd9"))


def _prefix(frame: Frame, scan: Scan, shape: tuple[int, int] | None) -> bytes:
    """Make the start of a small JPEG of one scan: of the whole picture, or of `shape` MCUs (columns, rows)."""
    single = len(scan.components) == 1
    factors = [(1, 1) if single else (c.h, c.v) for c in scan.components]
    columns, rows = shape or frame.units(scan.components)
    wide, high = columns * 8 * max(h for h, _ in factors), rows * 8 * max(v for _, v in factors)
    if shape is None and len(scan.components) == len(frame.components) > 1:
        wide, high = frame.width, frame.height
    body = b"".join(bytes((i, h << 4 | v, 0)) for i, (h, v) in enumerate(factors, 1))
    marker = 0xC2 if frame.progressive else 0xC1
    head = [b"\xff\xd8\xff\xdb\0\x43\0" + b"\1" * 64]
    head.append(struct.pack(">BBHBHHB", 0xFF, marker, 8 + len(body), 8, high, wide, len(factors)) + body)
    if frame.progressive and scan.start > 0:
        # A DC scan of one table with one code, `0`, for "no difference".
        head.append(b"\xff\xc4\0\x14\0\1" + bytes(16))
        head.append(b"\xff\xda\0\x08\1\1\0\0\0\0" + bytes(-(-columns * rows // 8)))
    return b"".join(head)


def _tables(scan: Scan) -> bytes:
    return b"".join(
        b"\xff\xc4" + struct.pack(">HB", 3 + len(table), which) + table for which, table in scan.huffman.items()
    )


def _sos(scan: Scan) -> bytes:
    selectors = b"".join(bytes((i, dc << 4 | ac)) for i, (dc, ac) in enumerate(scan.tables, 1))
    return (
        struct.pack(">BBHB", 0xFF, 0xDA, 6 + len(selectors), len(scan.components))
        + selectors
        + bytes((scan.start, scan.end, scan.high << 4 | scan.low))
    )


class _Undecided(Exception):
    """The decoder complains of something else: sampling factors that it does not take, or damage."""


def _counted(data: bytes, start: int, end: int, frame: Frame, scan: Scan, count: int) -> int:
    """Count with our own decoder, which is slow and takes every sequential or DC scan."""
    if scan.start > 0:
        refuse("Expected entropy-coded data whose end can be told; found damage", start)
    blocks: list[tuple[bytes, bytes | None]] = []
    for component, (dc, ac) in zip(scan.components, scan.tables, strict=True):
        tables = scan.huffman.get(dc), None if frame.progressive else scan.huffman.get(0x10 | ac)
        if tables[0] is None or (tables[1] is None and not frame.progressive):
            refuse("Expected the scan's Huffman tables; found none", scan.offset)
        many = 1 if len(scan.components) == 1 else component.h * component.v
        blocks += [(tables[0], tables[1])] * many
    return bytes_needed(data[start:end], blocks, count)


def _needed(data: bytes, start: int, end: int, build: Builder, decode: _Decoder) -> int:
    """Give the least number of the interval's bytes that decode without running out."""
    view = memoryview(data)

    def runs_out(length: int) -> bool:
        stop = start + length
        if length and data[stop - 1] == 0xFF:
            stop -= 1  # half of a stuffed pair
        message = decode.warning(build(view[start:stop]))
        if message and "premature end" not in message and "extraneous bytes" not in message:
            raise _Undecided
        return "premature end" in message

    size = end - start
    if size == 0 or runs_out(size - 1):
        return size
    first = _EXTRANEOUS.search(decode.warning(build(view[start:end])))
    # What the decoder had read ahead, up to eight bytes, it does not count.
    enough = size - min(int(first[1]), size) if first else size - 1
    while enough > 0 and runs_out(enough):  # never true for a sound decoder
        enough = min(enough + 8, size)
    step = 8
    short = enough
    while short > 0:
        short = max(short - step, 0)
        step *= 2
        if short == 0 or runs_out(short):
            break
        enough = short
    while enough - short > 1:
        middle = (enough + short) // 2
        if runs_out(middle):
            short = middle
        else:
            enough = middle
    if data[start + enough - 1 : start + enough] == b"\xff" and enough < size:
        enough += 1  # the pair stays whole
    return enough


def _must_be_complete(jpeg: bytes, decode: _Decoder, end: int) -> None:
    if "premature end" in decode.warning(jpeg):
        refuse("Expected EOI; found the end of the file within the picture", end)


_EXTRANEOUS = re.compile(r"(\d+) extraneous bytes")


@dataclass(slots=True)
class _Decoder:
    """libjpeg-turbo at an eighth of the size, with a bound on all that it is asked to decode."""

    decode: Callable[..., Any]
    colours: str = "GRAY"
    scans: int = 1
    pixels: int = 0
    left: int = 0

    def warning(self, jpeg: bytes) -> str:
        """Decode; give the decoder's first warning, or nothing."""
        self.left -= self.pixels + self.scans * limits.PIXELS_A_SCAN_DECODE
        if self.left < 0:
            refuse("Expected fewer pixels over all scans, for the size of the file; found more than a second checks")
        try:
            self.decode(jpeg, colorspace=self.colours, min_height=1, min_width=1, min_factor=8, strict=True)
        except (ValueError, RuntimeError) as error:
            return str(error) or "failed"
        return ""
