"""Where markers stand in a JPEG's entropy-coded data (ITU-T T.81 B.1.1.2, B.1.1.5).

Data bytes of 0xFF are followed by a stuffed zero, so a marker is a 0xFF that no zero follows. Looking for it is what
stripping a JPEG costs. A regular expression reads 2 GB/s of photos, numpy 8 GB/s from 16 KiB on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from photogate.formats.vectors import numpy_for

if TYPE_CHECKING:
    import numpy as np

__all__ = ["find_end", "find_marker", "find_restarts"]

_MARKER = re.compile(rb"\xff[^\x00]")
_END = re.compile(rb"\xff[^\x00\xd0-\xd7]")
_FIRST_RESTART, _LAST_RESTART = 0xD0, 0xD7
# What numpy looks at in one go: small enough for a processor's cache.
_PIECE = 1 << 16
# Measured by bench/strip.py.
_WORTH_NUMPY = 1 << 14
_BYTES_A_SECOND = 2e9


def _numpy(size: int) -> Any:
    return numpy_for(size / _BYTES_A_SECOND) if size >= _WORTH_NUMPY else None


def _pieces(np: Any, data: bytes, at: int) -> Iterator[tuple[int, np.ndarray[Any, Any], np.ndarray[Any, Any]]]:
    """Look piece by piece; give those with markers: where the piece begins, where in it each 0xFF is, and its code."""
    whole = np.frombuffer(data, np.uint8)
    for start in range(at, len(data) - 1, _PIECE):
        piece = whole[start : start + _PIECE + 1]
        found = piece[:-1] == 0xFF
        np.logical_and(found, piece[1:], out=found)
        if found.any():
            places = np.flatnonzero(found)
            yield start, places, piece[places + 1]


def find_restarts(data: bytes, at: int, most: int) -> tuple[list[int], int]:
    """Find the restart markers of a scan, and what ends it: any other marker, or the file's length.

    A marker behind fill bytes counts as another: `find_marker` goes on from there. Once there are more than `most`, it
    does not matter how many.
    """
    restarts: list[int] = []
    if np := _numpy(len(data) - at):
        for start, places, codes in _pieces(np, data, at):
            others = np.flatnonzero((codes < _FIRST_RESTART) | (codes > _LAST_RESTART))
            if others.size:
                restarts += (places[: others[0]] + start).tolist()
                return restarts, start + int(places[others[0]])
            restarts += (places + start).tolist()
            if len(restarts) > most:
                break
        return restarts, len(data)
    for match in _MARKER.finditer(data, at):
        place = match.start()
        if not _FIRST_RESTART <= data[place + 1] <= _LAST_RESTART:
            return restarts, place
        restarts.append(place)
        if len(restarts) > most:
            break
    return restarts, len(data)


def find_marker(data: bytes, at: int) -> int:
    """Find the next 0xFF that no zero follows; the file's length where there is none."""
    match = _MARKER.search(data, at)
    return match.start() if match else len(data)


def find_end(data: bytes, at: int) -> int:
    """Find the marker that ends a scan: the next that is no restart; the file's length where there is none."""
    if np := _numpy(len(data) - at):
        for start, places, codes in _pieces(np, data, at):
            ends = places[(codes < _FIRST_RESTART) | (codes > _LAST_RESTART)]
            if ends.size:
                return start + int(ends[0])
        return len(data)
    match = _END.search(data, at)
    return match.start() if match else len(data)
