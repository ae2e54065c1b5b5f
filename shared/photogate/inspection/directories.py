"""Directories of TIFF (TIFF 6.0 section 2, BigTIFF) and Exif (CIPA DC-008): entries by name, and where values stand."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from photogate.findings import MetadataCategory
from photogate.formats import exif, limits
from photogate.formats.container import Part
from photogate.inspection import icc, names, photoshop, xmp
from photogate.inspection.budget import Budget
from photogate.inspection.tree import goes, stays, tiled, with_padding

__all__ = ["Directory", "Entry", "exif_block", "header", "parts_of", "walk"]

_C = MetadataCategory
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_CODES = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 13: "I", 16: "Q", 17: "q", 18: "Q"}
_SUB = {330: "SubIFD", 34665: "Exif IFD", 34853: "GPS IFD", 40965: "Interoperability IFD"}
_NAMES = {"GPS IFD": names.GPS, "Interoperability IFD": names.INTEROP}
_PREFIX = b"Exif\0\0"
# Entries whose value is only a count or a place, and tells nothing by itself.
_POINTERS = {34665, 34853, 40965}
_WITHIN = {
    700: xmp.packet,
    33723: photoshop.records,
    34377: photoshop.resources,
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry: where it stands, and where its value does, in bytes from the file's start."""

    tag: int
    type: int
    count: int
    where: int
    size: int
    place: int
    length: int

    @property
    def inline(self) -> bool:
        """Whether the value stands in the entry itself."""
        return self.where <= self.place < self.where + self.size


@dataclass(frozen=True, slots=True)
class Directory:
    """One directory; `page` counts the chain of pages, and sub-directories belong to the page that refers to them."""

    name: str
    page: int
    offset: int
    size: int
    entries: tuple[Entry, ...]

    def integers(self, data: bytes, order: str, tag: int, most: int = 1 << 17) -> list[int]:
        """Read a tag's integers; none where it is missing or of another type."""
        entry = next((e for e in self.entries if e.tag == tag), None)
        if entry is None or entry.type not in _CODES or not entry.length:
            return []
        count = min(entry.count, most)
        return list(struct.unpack_from(f"{order}{count}{_CODES[entry.type]}", data, entry.place))


def header(data: bytes, start: int) -> tuple[str, bool, int] | None:
    """Read byte order, whether it is BigTIFF, and where the first directory is; None where it is no TIFF."""
    order = {b"II": "<", b"MM": ">"}.get(data[start : start + 2])
    if order is None or len(data) < start + 8:
        return None
    (version,) = struct.unpack_from(order + "H", data, start + 2)
    if version == 42:
        return order, False, int(struct.unpack_from(order + "I", data, start + 4)[0])
    if version == 43 and len(data) >= start + 16:
        return order, True, int(struct.unpack_from(order + "Q", data, start + 8)[0])
    return None


def walk(
    data: bytes, start: int, end: int, pages: bool, most: int = limits.MAX_EXIF_ENTRIES * 16
) -> Iterator[Directory]:
    """Walk the chain of directories and those below them; what does not lie within ``[start, end)`` is left out.

    No more than `most` entries are read, of all directories together.
    """
    found = header(data, start)
    if found is None:
        return
    order, big, first = found
    wide, count_code, inline = ("Q", "Q", 8) if big else ("I", "H", 4)
    entry_size, count_size = 4 + 2 * inline, struct.calcsize("<" + count_code)
    todo = [("IFD0", 0, first)]
    seen: set[int] = set()
    left = min(most, limits.MAX_EXIF_ENTRIES * (16 if pages else 1))
    while todo and left > 0 and len(seen) < limits.MAX_IFDS:
        name, page, offset = todo.pop(0)
        at = start + offset
        if offset < 8 or at in seen or at + count_size > end:
            continue
        seen.add(at)
        (count,) = struct.unpack_from(order + count_code, data, at)
        count = min(count, (end - at - count_size) // entry_size, left)
        left -= count
        entries = []
        for i in range(count):
            where = at + count_size + i * entry_size
            tag, kind, number = struct.unpack_from(order + "HH" + wide, data, where)
            place = where + entry_size - inline
            length = _SIZES.get(kind, 1) * number
            if length > inline:
                place = start + struct.unpack_from(order + wide, data, place)[0]
                if place + length > end:
                    place, length = where, 0
            entry = Entry(tag, kind, number, where, entry_size, place, length)
            entries.append(entry)
            if tag in _SUB and kind in (4, 13, 16, 18) and length and len(todo) < limits.MAX_IFDS:
                few = min(number, 64)
                todo += [(_SUB[tag], page, o) for o in struct.unpack_from(f"{order}{few}{_CODES[kind]}", data, place)]
        close = at + count_size + count * entry_size
        size = min(close + inline, end) - at
        yield Directory(name, page, at, size, tuple(entries))
        if name.startswith("IFD") and close + inline <= end:
            (following,) = struct.unpack_from(order + wide, data, close)
            if following:
                todo.append((f"IFD{page + 1}", page + 1, following))


def parts_of(
    data: bytes, directory: Directory, keeps: Callable[[Directory, int], bool], kept: bool, budget: Budget
) -> Iterator[Part]:
    """Give a directory with its entries, as long as they are not too many; and then the values that stand elsewhere."""
    shows = not budget.spent
    budget.left -= len(directory.entries)
    inside = []
    values = []
    table = {**names.TIFF, **names.EXIF}
    table = _NAMES.get(directory.name, table)
    for entry in directory.entries:
        name = table.get(entry.tag, "unregistered tag")
        category = category_of(directory.name, entry.tag)
        stay = kept and keeps(directory, entry.tag)
        if shows:
            inside.append(
                stays(name, entry.where, entry.size) if stay else goes(name, entry.where, entry.size, category=category)
            )
        if entry.inline or not entry.length:
            continue
        shown = name if name.startswith("unregistered") else f"{name} value"
        within = _within(data, entry, stay, budget)
        if stay:
            values.append(stays(shown, entry.place, entry.length, children=within))
        else:
            values.append(goes(shown, entry.place, entry.length, children=within, category=category))
    make = stays if kept else goes
    entries: tuple[Part, ...] = ()
    if shows:
        claims = [*inside, *_frame(directory, make)]
        entries = tiled(claims, directory.offset, directory.offset + directory.size, "unread entries")
    yield make(directory.name, directory.offset, directory.size, _NOTES.get(directory.name.rstrip("0123456789"), ""),
               entries)  # fmt: skip
    yield from values


_NOTES = {"Exif IFD": "how and when it was taken", "GPS IFD": "where it was taken", "SubIFD": "a further picture"}


def _frame(directory: Directory, make: Callable[[str, int, int], Part]) -> Iterator[Part]:
    first = directory.entries[0].where if directory.entries else directory.offset + 2
    last = directory.entries[-1].where + directory.entries[-1].size if directory.entries else first
    yield make("entry count", directory.offset, first - directory.offset)
    yield make("next IFD", last, directory.offset + directory.size - last)


def _within(data: bytes, entry: Entry, stay: bool, budget: Budget) -> tuple[Part, ...]:
    if entry.tag == 34675:
        return icc.profile(data, entry.place, entry.place + entry.length, budget) if stay else ()
    reader = _WITHIN.get(entry.tag)
    return reader(data, entry.place, entry.place + entry.length, budget) if reader else ()


def category_of(directory: str, tag: int) -> MetadataCategory:
    """Say what kind of information an entry holds."""
    if directory == "GPS IFD":
        return _C.LOCATION
    return _C.THUMBNAIL if directory == "IFD1" else exif.category_of(tag)


def _among(tags: frozenset[int], _: Directory, tag: int) -> bool:
    return tag in tags


def exif_block(data: bytes, start: int, end: int, kept: frozenset[int], budget: Budget) -> tuple[Part, ...]:
    """List an Exif block.

    Parameters
    ----------
    data
        The file.
    start, end
        Where the block stands, with or without its ``Exif`` prefix.
    kept
        Tags of the first directory that stay: the orientation, and rights where they are kept.
    budget
        How many parts may still be shown; without any, the block is not looked into.
    """
    claims: list[Part] = []
    make = stays if kept else goes
    base = start
    if data[start : start + 6] == _PREFIX:
        claims.append(make("Exif identifier", start, 6))
        base += 6
    found = header(data, base)
    if found is None or budget.spent:
        return ()
    order = found[0]
    claims.append(make("TIFF header", base, 8))
    for directory in walk(data, base, end, pages=False, most=budget.left):
        tags = kept if directory.name == "IFD0" else frozenset[int]()
        claims += parts_of(data, directory, partial(_among, tags), bool(tags), budget)
        if directory.name == "IFD1":
            at, size = directory.integers(data, order, 513), directory.integers(data, order, 514)
            if at and size:
                claims.append(goes("thumbnail", base + at[0], size[0], "a small JPEG", category=_C.THUMBNAIL))
    # A maker's note may refer to what stands outside of it, so it is told after all that is known.
    claims.sort(key=lambda part: part.name == "MakerNote value")
    found_parts = tiled(claims, start, end, budget.rest("bytes that nothing refers to"))
    return with_padding(data, found_parts) if kept else found_parts
