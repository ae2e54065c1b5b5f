"""The header and directories of a TIFF or BigTIFF (TIFF 6.0 section 2): read, within bounds, without values."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from photogate.errors import Reason
from photogate.formats import limits, xmp
from photogate.formats.container import refuse

__all__ = ["CODES", "SIZES", "XMP", "Entry", "File", "Page"]

# Bytes of a value by type, and the integer types' codes of `struct`.
SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
CODES = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 13: "I", 16: "Q", 17: "q", 18: "Q"}
XMP, _SUB, _DNG = 700, 330, 50706
_CFA = (32803, 34892)
# SGI's ImageDepth and TileDepth: planes behind the one that decoders of pages show.
_DEPTHS = (32997, 32998)


@dataclass(frozen=True, slots=True)
class Entry:
    type: int
    count: int
    at: int


@dataclass(slots=True)
class Page:
    offset: int
    size: int
    entries: dict[int, Entry]
    reduced: bool = False


class File:
    """A TIFF's header and directories."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.order = "<" if data[:2] == b"II" else ">"
        if data[:2] not in (b"II", b"MM") or len(data) < 8:
            refuse("Expected a TIFF header; found another", 0)
        (magic,) = struct.unpack_from(self.order + "H", data, 2)
        self.big = magic == 43
        if magic not in (42, 43) or (self.big and data[4:8] != struct.pack(self.order + "HH", 8, 0)):
            refuse("Expected version 42 or 43 of TIFF; found another", 2, Reason.UNSUPPORTED_FORMAT)
        self.wide, self.link = ("Q", 8) if self.big else ("I", 4)
        self.pages: list[Page] = []
        self._left = limits.MAX_TIFF_ENTRIES
        self._unread = limits.MAX_VALUE_READS * len(data) + limits.MAX_TEXT_SEARCHED
        (at,) = struct.unpack_from(self.order + self.wide, data, 8 if self.big else 4)
        seen: set[int] = set()
        # Files in use have chains that return to an earlier page; decoders end there, and so do we.
        while at and at not in seen:
            seen.add(at)
            if len(seen) > limits.MAX_IFDS:
                refuse(f"Expected at most {limits.MAX_IFDS} pages; found more", at)
            at = self._directory(at)
        if not self.pages:
            refuse("Expected a page; found none", 4)
        first = self.pages[0]
        if _DNG in first.entries or self.one(first, 262, 0) in _CFA or (first.reduced and _SUB in first.entries):
            refuse("Expected a picture; found a camera's raw data", first.offset, Reason.UNSUPPORTED_FORMAT)
        for page in self.pages[1:]:
            if self.one(page, 262, 0) in _CFA:
                refuse("Expected a picture; found a camera's raw data", page.offset, Reason.UNSUPPORTED_FORMAT)
        for page in self.kept():
            if max(self.one(page, tag, 1) for tag in _DEPTHS) > 1:
                refuse("Expected pages; found a volume", page.offset, Reason.UNSUPPORTED_FORMAT)

    def _directory(self, at: int) -> int:
        count_size, entry, next_size = (8, 20, 8) if self.big else (2, 12, 4)
        if at + count_size > len(self.data):
            if self.pages:
                return 0
            refuse("Expected a directory within the file; found an offset outside", at)
        (count,) = struct.unpack_from(self.order + ("Q" if self.big else "H"), self.data, at)
        end = at + count_size + entry * count
        if not 0 < count <= limits.MAX_PAGE_ENTRIES or end > len(self.data):
            if self.pages:
                return 0
            refuse("Expected a directory within the file; found one that leaves it", at)
        self._left -= count
        if self._left < 0:
            refuse(f"Expected at most {limits.MAX_TIFF_ENTRIES} entries in all directories; found more", at)
        entries: dict[int, Entry] = {}
        inline = 8 if self.big else 4
        for i in range(count):
            where = at + count_size + entry * i
            tag, kind, number = struct.unpack_from(self.order + "HH" + self.wide, self.data, where)
            place = where + entry - inline
            size = SIZES.get(kind, 0) * number
            if size > inline:
                (place,) = struct.unpack_from(self.order + self.wide, self.data, place)
            if not size or place + size > len(self.data):
                number = 0
            if tag in entries and tag in (256, 257, 273, 279, 324, 325):
                refuse("Expected each tag once; found one twice", where)
            entries.setdefault(tag, Entry(kind, number, place))  # of duplicates, decoders take the first
        page = Page(at, end - at, entries)
        page.reduced = bool(self.one(page, 254, 0) & 5) or self.one(page, 255, 1) == 2
        self.pages.append(page)
        if end + next_size > len(self.data):
            return 0
        return int(struct.unpack_from(self.order + self.wide, self.data, end)[0])

    def kept(self) -> list[Page]:
        """Give the first page, and every further one that is no thumbnail and no mask."""
        return [page for i, page in enumerate(self.pages) if i == 0 or not page.reduced]

    def many(self, page: Page, tag: int, most: int) -> list[int]:
        """Read a tag's integers, at most `most`; none where it is missing or of another type."""
        entry = page.entries.get(tag)
        if entry is None or entry.type not in CODES:
            return []
        count = min(entry.count, most)
        self._charge(count * SIZES[entry.type])
        return list(struct.unpack_from(f"{self.order}{count}{CODES[entry.type]}", self.data, entry.at))

    def one(self, page: Page, tag: int, default: int) -> int:
        """Read a tag's first integer."""
        return next(iter(self.many(page, tag, 1)), default)

    def raw(self, page: Page, tag: int, most: int | None = None) -> bytes:
        """Give a tag's bytes, or its first `most`."""
        entry = page.entries.get(tag)
        if entry is None:
            return b""
        size = entry.count * SIZES.get(entry.type, 0)
        size = size if most is None else min(size, most)
        self._charge(size)
        return self.data[entry.at : entry.at + size]

    def _charge(self, size: int) -> None:
        """Count what is read of values: pages may share them, but not for as long as they like."""
        self._unread -= size
        if self._unread < 0:
            refuse(f"Expected values that are read {limits.MAX_VALUE_READS} times at most; found pages that share them")

    def orientation(self, page: Page) -> int:
        """Read how a page is shown (Exif, 1-8): its tag, else XMP, which decoders honour too."""
        found: int | None = self.one(page, 274, 0)
        if not found and XMP in page.entries:
            found = xmp.orientation_of(self.raw(page, XMP))
        return found if found is not None and 1 <= found <= 8 else 1
