"""The headers, palette and rows of a Windows bitmap."""

from __future__ import annotations

from collections.abc import Iterator

from photogate.formats.bmp_headers import profile_place, read_headers
from photogate.formats.bmp_runs import pixels_length
from photogate.formats.container import Part
from photogate.inspection import icc
from photogate.inspection.outcome import Outcome
from photogate.inspection.tree import goes, stays, tiled

__all__ = ["parts"]


def parts(data: bytes, outcome: Outcome) -> Iterator[Part]:
    """List headers, palette, gap, pixels, profile, and what stands behind them."""
    yield from tiled(_claims(data, outcome), 0, len(data), "bytes that no header names")


def _claims(data: bytes, outcome: Outcome) -> Iterator[Part]:
    if data[:2] == b"BM":
        fields = (
            stays("signature and size", 0, 6),
            goes("reserved fields", 6, 4),
            stays("offset of the pixels", 10, 4),
        )
        yield stays("file header", 0, 14, children=fields if any(data[6:10]) else ())
    header = read_headers(data)
    yield stays("information header", 14, header.palette - 14, "size, depth, compression, masks")
    if header.colours and header.depth <= 8:
        note = "colours that no pixel uses become black"
        palette = min(header.colours * header.entry, header.pixels - header.palette)  # or less, and pixels behind
        yield stays("palette", header.palette, palette, note)
    length = pixels_length(data, header)
    yield stays("pixels", header.pixels, length, "padding of rows becomes zero")
    end = header.pixels + length
    kind, place = profile_place(data, header)
    if place is not None:
        at, size = place
        inside = icc.profile(data, at, min(at + size, len(data)), outcome.budget) if kind == "embedded" else ()
        if inside and (not outcome.data or profile_place(outcome.data, read_headers(outcome.data))[1] is not None):
            yield stays("ICC profile", at, size, "colour; description, identity and dates go", inside)
        elif size:
            yield goes("linked profile" if kind == "linked" else "ICC profile", at, size, "a path" * (kind == "linked"))
    first = header.palette + (header.colours * header.entry if header.depth <= 8 else 0)
    if header.pixels > first:
        yield goes("gap before the pixels", first, header.pixels - first)
    if end < len(data):
        yield goes("trailing bytes", end, len(data) - end, "behind the pixels")
