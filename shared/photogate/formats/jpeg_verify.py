"""The second look at a JPEG: knows only what `jpeg.rewrite` writes, in the order in which it writes it."""

from __future__ import annotations

import struct

from photogate.formats import exif, icc
from photogate.formats.container import refuse
from photogate.formats.jpeg_markers import find_end

__all__ = ["ORDER", "verify"]

ORDER = {0xE0: 0, 0xE1: 1, 0xE2: 2, 0xEE: 3, 0xDB: 4, 0xC0: 5, 0xC1: 5, 0xC2: 5}


def verify(data: bytes) -> None:
    """Accept only SOI, JFIF without thumbnail, minimal Exif, reduced ICC, Adobe, tables, frame, scans, EOI.

    Raises
    ------
    ImageRefused
        At the first byte that is none of them.
    """
    if data[:2] != b"\xff\xd8":
        refuse("Expected SOI", 0)
    at, stage, profile, frame = 2, -1, [], False
    while True:
        if data[at : at + 1] != b"\xff" or at + 2 > len(data):
            refuse("Expected a marker", at)
        marker = data[at + 1]
        if marker == 0xD9:
            break
        size = int.from_bytes(data[at + 2 : at + 4], "big")
        body, end = at + 4, at + 2 + size
        if size < 2 or end > len(data):
            refuse("Expected a segment within the file", at)
        content = data[body:end]
        if marker in ORDER:
            if ORDER[marker] < stage or (ORDER[marker] == stage and marker not in (0xE2, 0xDB)):
                refuse(f"Expected each segment once and in order; found 0x{marker:02X}", at)
            stage = ORDER[marker]
            frame = frame or stage == 5
        elif not frame:
            refuse(f"Expected a segment of the allow-list; found 0x{marker:02X}", at)
        if marker == 0xE2:
            profile.append(content)
        else:
            _segment(marker, content, at)
        at = end
        if marker == 0xDA:
            at = find_end(data, at)
    if not frame or at + 2 != len(data):
        refuse("Expected EOI to be the end of the file; found more", at)
    _profile(profile)


def _segment(marker: int, content: bytes, at: int) -> None:
    fits = False
    if marker == 0xE0:
        fits = len(content) == 14 and content[:6] == b"JFIF\0\1" and content[7] < 3 and content[12:] == b"\0\0"
    elif marker == 0xE1:
        fits = content[:6] == b"Exif\0\0"
        exif.verify(content[6:], at)
    elif marker == 0xEE:
        fits = len(content) == 12 and content[:11] == b"Adobe\0\x64\0\0\0\0" and content[11] < 3
    elif marker == 0xDB:
        fits = content[0] & 0x0F < 4 and content[0] >> 4 < 2 and len(content) == 1 + (64 << (content[0] >> 4))
    elif marker == 0xC4:
        fits = content[0] & 0xEC == 0 and len(content) == 17 + sum(content[1:17])
    elif marker == 0xDD:
        fits = len(content) == 2
    elif marker in (0xC0, 0xC1, 0xC2):
        fits = content[0] == 8 and len(content) == 6 + 3 * content[5]
    elif marker == 0xDA:
        fits = len(content) == 4 + 2 * content[0]
    if not fits:
        refuse(f"Expected segment 0x{marker:02X} to hold its fields and no more", at)


def _profile(pieces: list[bytes]) -> None:
    for i, piece in enumerate(pieces):
        if piece[:14] != b"ICC_PROFILE\0" + struct.pack("BB", i + 1, len(pieces)):
            refuse("Expected ICC pieces in order")
    if pieces:
        icc.verify(b"".join(piece[14:] for piece in pieces))
