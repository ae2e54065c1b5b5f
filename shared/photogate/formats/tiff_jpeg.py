"""Strips and tiles of a TIFF in JPEG (TIFF Technical Note 2): each a stream of its own, no larger than what shows."""

from __future__ import annotations

from photogate.formats import jpeg, limits
from photogate.formats.container import Context, refuse
from photogate.formats.tiff_work import Work

__all__ = ["segments", "tables", "written"]

_SOF = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def tables(data: bytes) -> list[bytes]:
    """Give the marker segments of JPEGTables (347)."""
    found = segments(data, False)
    if sum(map(len, found)) > limits.MAX_JPEG_TABLES:
        refuse(f"Expected JPEG tables of at most {limits.MAX_JPEG_TABLES} bytes; found more")
    return found


def written(data: bytes, shared: list[bytes], width: int, rows: int, check_scan: bool, work: Work | None) -> bytes:
    """Give a stream that stands for itself: its own tables, frame and scans.

    Parameters
    ----------
    data
        The strip or tile.
    shared
        The segments of JPEGTables.
    width, rows
        What it shows. Its own frame may be larger by less than one MCU each way.
    check_scan
        Look behind the last MCU.
    work
        What may still be decoded, if that is bounded.

    Raises
    ------
    ImageRefused
        The stream is none, or holds rows or columns that no decoder shows.
    """
    parts = [*shared, *segments(data, True)]
    for part in parts:
        if part[1] in _SOF:
            _fits(part, width, rows)
            if work and check_scan:
                height = int.from_bytes(part[5:7], "big")
                work.decode(height * int.from_bytes(part[7:9], "big") * max(data.count(b"\xff\xda"), 1))
    return jpeg.rewrite(b"".join((b"\xff\xd8", *parts)), Context(check_scan=check_scan)).data


def _fits(frame: bytes, width: int, rows: int) -> None:
    """Refuse a frame (ITU-T T.81, B.2.2) that is larger by an MCU or more than what shows."""
    height, across = int.from_bytes(frame[5:7], "big"), int.from_bytes(frame[7:9], "big")
    factors = frame[11::3] if frame[9:10] != b"\1" else b"\x11"  # one component alone has MCUs of one block (A.2.2)
    wide, tall = 8 * max((f >> 4 for f in factors), default=1), 8 * max((f & 15 for f in factors), default=1)
    if across >= width + wide or height >= rows + tall:
        refuse(f"Expected a JPEG strip or tile of {width} x {rows} pixels; found one of {across} x {height}")


def segments(data: bytes, whole: bool) -> list[bytes]:
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
