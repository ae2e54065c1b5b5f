"""Old-style JPEG in TIFF whose parts stand apart (TIFF 6.0, section 22): put together to one stream."""

from __future__ import annotations

import struct

from photogate.errors import Reason
from photogate.formats.container import refuse
from photogate.formats.tiff_file import File, Page

__all__ = ["joined"]

_PROCESS, _INTERVAL, _QUANTIZATION, _DC, _AC = 512, 515, 519, 520, 521


def joined(file: File, page: Page, samples: int, places: list[tuple[int, int]]) -> bytes:
    """Put a page's tables and strips together, as decoders do before they hand them to a JPEG decoder.

    Parameters
    ----------
    file, page
        The page has compression 6 and no JPEGInterchangeFormat.
    samples
        Components, 1 to 4.
    places
        (offset, size) of the strips in bytes; each is one restart interval of the stream.

    Raises
    ------
    ImageRefused
        ``UNSUPPORTED_FORMAT`` for tiles and the lossless process; ``MALFORMED`` for tables that are none.
    """
    if 324 in page.entries or file.one(page, _PROCESS, 1) != 1 or not 1 <= samples <= 4 or not places:
        refuse("Expected old-style JPEG in strips of the baseline process; found another", page.offset,
               Reason.UNSUPPORTED_FORMAT)  # fmt: skip
    width, height = file.one(page, 256, 0), file.one(page, 257, 0)
    rows = file.one(page, 278, height) or height
    across, down = [*file.many(page, 530, 2), 2, 2][:2] if samples == 3 and file.one(page, 262, 0) == 6 else (1, 1)
    if across not in (1, 2, 4) or down not in (1, 2, 4) or max(width, height) > 65_535:
        refuse("Expected subsampling by 1, 2 or 4 and sides that a JPEG has; found others", page.offset)
    interval = file.one(page, _INTERVAL, 0)
    if len(places) > 1:
        if interval or rows % (8 * down):
            refuse("Expected strips of whole MCUs without restarts of their own; found others", page.offset,
                   Reason.UNSUPPORTED_FORMAT)  # fmt: skip
        interval = -(-width // (8 * across)) * (rows // (8 * down))
    if sum(max(min(size, len(file.data) - at), 0) for at, size in places) > len(file.data):
        refuse("Expected strips that use each byte once; found more", page.offset)
    out, frame, scan = [b"\xff\xd8"], b"", b""
    for i in range(samples):
        out.append(_segment(0xDB, bytes((i,)) + _table(file, page, _QUANTIZATION, i, samples)))
        for kind, tag in ((0, _DC), (0x10, _AC)):
            out.append(_segment(0xC4, bytes((kind | i,)) + _table(file, page, tag, i, samples)))
        frame += bytes((i + 1, (across << 4 | down) if i == 0 else 0x11, i))
        scan += bytes((i + 1, i << 4 | i))
    out.append(_segment(0xC0, struct.pack(">BHHB", 8, height, width, samples) + frame))
    if interval > 65_535:
        refuse("Expected strips of at most 65,535 MCUs; found more", page.offset)
    if interval:
        out.append(_segment(0xDD, struct.pack(">H", interval)))
    out.append(_segment(0xDA, bytes((samples,)) + scan + b"\0\x3f\0"))
    for number, (at, size) in enumerate(places):
        if number:
            out.append(bytes((0xFF, 0xD0 | (number - 1) & 7)))
        out.append(file.data[at : at + size])
    return b"".join((*out, b"\xff\xd9"))


def _segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, 2 + len(body)) + body


def _table(file: File, page: Page, tag: int, which: int, samples: int) -> bytes:
    """Read the table of one component: 64 numbers, or 16 counts and the symbols that they count."""
    at = [*file.many(page, tag, samples), *[len(file.data)] * samples][which]
    size = 64 if tag == _QUANTIZATION else 16 + sum(file.data[at : at + 16])
    if size > 272 or at + size > len(file.data):
        refuse("Expected a table for each component; found none", page.offset)
    return file.data[at : at + size]
