"""Building the tree of a file: parts that cover every byte once."""

from __future__ import annotations

import bisect
from collections.abc import Iterable
from dataclasses import replace

from photogate.findings import MetadataCategory
from photogate.formats.container import Part

__all__ = ["compared", "covered", "goes", "stays", "tiled", "with_padding"]

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
    taken: list[tuple[int, int]] = []  # ascending, disjoint
    found: list[Part] = []
    for part in parts:
        first, last = max(part.offset, start), min(part.offset + part.size, end)
        for low, high in _free(taken, first, last):
            whole = (low, high - low) == (part.offset, part.size)
            found.append(
                part if whole else Part(part.name, low, high - low, part.stays, part.note, category=part.category)
            )
            bisect.insort(taken, (low, high))
    found += [goes(rest, low, high - low) for low, high in _free(taken, start, end)]
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


def compared(part: Part, data: bytes, new: bytes, left: list[int]) -> Part:
    """Tell of what stays whether its bytes do, by looking for them in the new file.

    Parameters
    ----------
    left
        One number: how many bytes may still be searched. What is beyond it counts as rebuilt.
    """
    if part.children:
        return replace(part, children=tuple(compared(child, data, new, left) for child in part.children))
    if not part.stays:
        return part
    left[0] -= len(new)
    return replace(part, rebuilt=left[0] < 0 or data[part.offset : part.offset + part.size] not in new)


def _free(taken: list[tuple[int, int]], first: int, last: int) -> list[tuple[int, int]]:
    """Give what of ``[first, last)`` is not in `taken` yet."""
    free = []
    i = max(bisect.bisect_right(taken, (first, first)) - 1, 0)
    while first < last and i < len(taken) and taken[i][0] < last:
        low, high = taken[i]
        if low > first:
            free.append((first, low))
        first = max(first, high)
        i += 1
    if first < last:
        free.append((first, last))
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
