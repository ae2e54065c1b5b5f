"""Codes of a Huffman table that no MCU uses (ITU-T T.81 F.1.2, G.1.2), where their symbols say that nobody needs them.

A table may hold symbols that no scan of 8 bits a sample can code, or one symbol twice. Encoders write neither, so such
symbols are tried: those become zero without which the picture is the same.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple

from photogate.errors import ImageRefused, Reason
from photogate.formats import limits
from photogate.formats.checked import digest
from photogate.formats.container import refuse
from photogate.formats.jpeg_scan import Scan

__all__ = ["clear"]

_DC = frozenset(range(12))  # F.1.2.1.2: differences of 8-bit samples have at most 11 bits
_RUNS = range(0, 256, 16)
_AC = frozenset({0x00, 0xF0} | {run | size for run in _RUNS for size in range(1, 11)})  # F.1.2.2.1
_FIRST = frozenset({*_AC, *_RUNS})  # G.1.2.2: runs of end of band
_REFINE = frozenset({*_RUNS, *(run | 1 for run in _RUNS)})  # G.1.2.3: one bit a coefficient


class _Code(NamedTuple):
    scan: Scan
    which: int
    place: int


@lru_cache(maxsize=64)
def _odd(content: bytes, possible: frozenset[int]) -> tuple[int, ...]:
    """Give the places in a table of symbols that are impossible, or stood before."""
    seen: set[int] = set()
    found = []
    for place, symbol in enumerate(content[16:], 16):
        if symbol and (symbol not in possible or symbol in seen):
            found.append(place)
        seen.add(symbol)
    return tuple(found)


def clear(scans: Sequence[Scan], progressive: bool, pixels: int, build: Callable[[], bytes]) -> int:
    """Set symbols to zero that no scan can code and no MCU uses; changes `scans` in place.

    Parameters
    ----------
    scans
        What was parsed of the file.
    progressive
        Whether the frame is.
    pixels
        Of the picture: what one decode costs.
    build
        Writes the picture with its tables as they are in `scans`.

    Returns
    -------
    int
        How many codes were cleared.

    Raises
    ------
    ImageRefused
        There are such symbols, and the picture does not decode, or only in more time than is bounded.
    """
    codes = []
    for scan in scans:
        for which, content in scan.huffman.items():
            possible = _DC if which < 16 else _AC if not progressive else _REFINE if scan.high else _FIRST
            codes += [_Code(scan, which, place) for place in _odd(content, possible)]
    if not codes:
        return 0
    left = limits.MAX_CHECKED_PIXELS
    picture = _shown(build())

    def cleared(group: list[_Code]) -> int:
        nonlocal left
        left -= pixels
        if left < 0:
            refuse(f"Expected at most {limits.MAX_CHECKED_PIXELS} pixels over all decodes; found more")
        before = [code.scan.huffman[code.which] for code in group]
        for scan, which, place in group:
            content = scan.huffman[which]
            scan.huffman[which] = content[:place] + b"\0" + content[place + 1 :]
        if _shown(build()) == picture:
            return len(group)
        for (scan, which, _), content in zip(reversed(group), reversed(before), strict=True):
            scan.huffman[which] = content
        half = len(group) // 2
        return cleared(group[:half]) + cleared(group[half:]) if half else 0

    unused = 0
    while codes and (found := cleared(codes)):  # in a damaged scan one code may be needed only beside another
        unused += found
        codes = [code for code in codes if code.scan.huffman[code.which][code.place]]
    return unused


def _shown(jpeg: bytes) -> bytes:
    """Give a digest of the pixels."""
    try:
        from PIL import Image
    except ImportError as error:
        raise ImageRefused(
            "Expected Pillow, to look at Huffman tables of impossible symbols; it is not installed",
            reason=Reason.STRIP_FAILED,
        ) from error
    try:
        with Image.open(io.BytesIO(jpeg), formats=["JPEG"]) as image:
            return digest(image)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return refuse("Expected a picture that decodes, to look at its Huffman tables; found damage")
