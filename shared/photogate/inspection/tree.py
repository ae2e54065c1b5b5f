"""Building the tree of a file: parts that cover every byte once."""

from __future__ import annotations

import bisect
from collections.abc import Iterable
from dataclasses import replace

from photogate.findings import MetadataCategory
from photogate.formats.container import Part

__all__ = ["Search", "compared", "covered", "goes", "stays", "tiled", "with_padding"]

OTHER = MetadataCategory.OTHER


def stays(name: str, offset: int, size: int, note: str = "", children: Iterable[Part] = ()) -> Part:
    """Describe a part that rendering needs."""
    return Part(name, offset, size, True, note, tuple(children))


def goes(
    name: str,
    offset: int,
    size: int,
    note: str = "",
    children: Iterable[Part] = (),
    category: MetadataCategory = OTHER,
) -> Part:
    """Describe a part that stripping drops, and what kind of information it holds."""
    return Part(name, offset, size, False, note, tuple(children), category)


def tiled(parts: Iterable[Part], start: int, end: int, rest: str = "bytes that nothing refers to") -> tuple[Part, ...]:
    """Cover ``[start, end)`` with the parts, each byte once, in the order of the file.

    Where parts overlap, the one that is given first has the bytes. What none covers is called `rest`, and goes.
    """
    taken: list[tuple[int, int]] = []  # ascending; what touches is one, so that many parts in one place cost little
    found: list[Part] = []
    for part in parts:
        first, last = max(part.offset, start), min(part.offset + part.size, end)
        for low, high in _claim(taken, first, last):
            whole = (low, high - low) == (part.offset, part.size)
            found.append(
                part if whole else Part(part.name, low, high - low, part.stays, part.note, category=part.category)
            )
    found += [goes(rest, low, high - low) for low, high in _claim(taken, start, end)]
    return tuple(sorted(found, key=lambda part: part.offset))


def covered(part: Part) -> Part:
    """Cover a part with its children: what stands before the first is its header, and shares its lot."""
    if not part.children:
        return part
    make = stays if part.stays else goes
    claims = [covered(child) for child in part.children]
    first = min(child.offset for child in claims)
    if first > part.offset:
        claims.append(make("header", part.offset, first - part.offset))
    return replace(
        part, children=tiled(claims, part.offset, part.offset + part.size, "padding" if part.stays else "bytes")
    )


class Search:
    """Looks for parts in the new file: most stand there one behind the other.

    `left` is how many bytes may still be searched for those that do not; what is beyond counts as not found.
    """

    def __init__(self, new: bytes, left: int) -> None:
        self._new, self._at, self._left = new, 0, left

    def finds(self, piece: bytes) -> bool:
        """Say whether the new file has these bytes."""
        if self._new.startswith(piece, self._at):
            self._at += len(piece)
            return True
        for start, end in ((self._at, len(self._new)), (0, self._at + len(piece))):
            if self._left < 0:
                return False
            place = self._new.find(piece, start, end)
            self._left -= (place if place >= 0 else len(self._new)) - start
            if place >= 0:
                self._at = place + len(piece)
                return True
        return False


def compared(part: Part, data: bytes, search: Search) -> Part:
    """Tell of what stays whether its bytes do, by looking for them in the new file."""
    if part.children:
        return replace(part, children=tuple(compared(child, data, search) for child in part.children))
    if not part.stays:
        return part
    return replace(part, rebuilt=not search.finds(data[part.offset : part.offset + part.size]))


def _claim(taken: list[tuple[int, int]], first: int, last: int) -> list[tuple[int, int]]:
    """Take ``[first, last)``, and give what of it was not taken yet."""
    if first >= last:
        return []
    i = bisect.bisect_left(taken, (first, first))
    if i and taken[i - 1][1] >= first:
        i -= 1
    free, at, begin, end, j = [], first, first, last, i
    while j < len(taken) and taken[j][0] <= last:
        low, high = taken[j]
        if low > at:
            free.append((at, low))
        at, begin, end = max(at, high), min(begin, low), max(end, high)
        j += 1
    if at < last:
        free.append((at, last))
    taken[i:j] = [(begin, end)]
    return free


def with_padding(data: bytes, parts: tuple[Part, ...], most: int = 1) -> tuple[Part, ...]:
    """Call zero bytes that only align what follows by their name: stripping writes such too."""
    return tuple(
        stays("padding", part.offset, part.size)
        if not part.stays
        and not part.children
        and part.size <= most
        and not any(_bytes(data, part))
        and part.name == "bytes that nothing refers to"
        else part
        for part in parts
    )


def _bytes(data: bytes, part: Part) -> bytes:
    return data[part.offset : part.offset + part.size]
