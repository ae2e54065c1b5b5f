"""Tell what a file is from its first bytes, and how large the picture is from its headers; never from its name."""

from __future__ import annotations

import re

from photogate.errors import ImageRefused, Reason
from photogate.formats.container import ImageFormat, Measure, check_measure, container_for, guarded

__all__ = ["ImageFormat", "Measure", "measure", "sniff"]

# ISO/IEC 23008-12 and the AVIF specification: brands of still pictures and sequences.
_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1", b"mif2"}
# Canon's CR2: the first directory at byte 16, behind "CR" and version 2.0.
_CANON = (b"\x10\0\0\0CR\2\0", b"\0\0\0\x10CR\2\0")
_AVIF_BRANDS = {b"avif", b"avis"}
_SVG = re.compile(rb"<svg[\s>]|<!DOCTYPE\s+svg", re.IGNORECASE)


def sniff(data: bytes) -> ImageFormat:
    """Name the format of a file.

    Parameters
    ----------
    data
        The file, or its first 4 KiB.

    Returns
    -------
    ImageFormat
        ``UNKNOWN`` for what has none of the signatures.
    """
    head = bytes(data[:4096])
    if head.startswith(b"\xff\xd8\xff"):
        return ImageFormat.JPEG
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return ImageFormat.PNG
    if head[:4] == b"RIFF":
        return ImageFormat.WEBP if head[8:12] == b"WEBP" else ImageFormat.VIDEO
    if head.startswith((b"GIF87a", b"GIF89a")):
        return ImageFormat.GIF
    if head[4:8] == b"ftyp":
        return _brand(head)
    if head.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")):
        return ImageFormat.RAW if head[4:12] in _CANON else ImageFormat.TIFF
    if head.startswith((b"IIRO", b"IIRS", b"IIU\0", b"MMOR", b"FUJIFILM", b"FOVb", b"\0MRM")):
        return ImageFormat.RAW
    if head.startswith((b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n")):
        return ImageFormat.JXL
    if head.startswith((b"\0\0\0\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51")):
        return ImageFormat.JP2
    if head.startswith(b"%PDF-"):
        return ImageFormat.PDF
    if head.startswith(b"8BPS"):
        return ImageFormat.PSD
    if head.startswith((b"\0\0\1\0", b"\0\0\2\0")):
        return ImageFormat.ICO
    if head.startswith((b"\x1a\x45\xdf\xa3", b"FLV\1", b"OggS", b"\0\0\1\xba", b"\0\0\1\xb3")):
        return ImageFormat.VIDEO
    if head.startswith((b"PK\3\4", b"\x1f\x8b", b"7z\xbc\xaf", b"Rar!", b"\xfd7zXZ")):
        return ImageFormat.ARCHIVE
    if head[4:8] in (b"moov", b"mdat", b"wide", b"free", b"skip") and head[:2] == b"\0\0":
        return ImageFormat.VIDEO
    if head[:2] == b"BM" and head[14:18] in _BMP_HEADERS:
        return ImageFormat.BMP
    if _SVG.search(head) and head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"<":
        return ImageFormat.SVG
    return ImageFormat.UNKNOWN


_BMP_HEADERS = {bytes((size, 0, 0, 0)) for size in (12, 16, 40, 52, 56, 64, 108, 124)}


def _brand(head: bytes) -> ImageFormat:
    size = min(max(int.from_bytes(head[:4], "big"), 12), len(head))
    brands = [head[8:12]] + [head[i : i + 4] for i in range(16, size - 3, 4)]
    if head[8:12] in (b"crx ",):
        return ImageFormat.RAW
    for brand in brands:  # the major brand first; `mif1` alone says neither, and the items decide
        if brand in _AVIF_BRANDS:
            return ImageFormat.AVIF
    if any(brand in _HEIC_BRANDS for brand in brands):
        return ImageFormat.HEIC
    return ImageFormat.VIDEO


def measure(data: bytes) -> Measure:
    """Read size, frames and orientation from the headers, and refuse bombs before anything is decoded.

    Returns
    -------
    Measure
        Width and height in pixels as stored, number of frames or pages, orientation (Exif, 1-8).

    Raises
    ------
    ImageRefused
        ``EMPTY``, ``NOT_AN_IMAGE``, ``UNSUPPORTED_FORMAT``, ``TOO_MANY_PIXELS``, ``TOO_MANY_FRAMES`` or ``MALFORMED``.
    """
    if not data:
        raise ImageRefused("Expected an image; found no bytes", offset=0, reason=Reason.EMPTY)
    container = container_for(sniff(data))
    with guarded():
        return check_measure(container.measure(data))
