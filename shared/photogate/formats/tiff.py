"""TIFF and BigTIFF (TIFF 6.0): pages rebuilt from the tags that rendering needs, strips and tiles from their rows.

Every directory is written anew; what no kept tag refers to is not copied. Sub-images, thumbnails, masks, Exif and GPS
directories and all text go. Byte order, orientation, resolution and colour stay.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from fractions import Fraction

from photogate.errors import Reason
from photogate.findings import Keep, MetadataCategory
from photogate.formats import exif, icc, limits, xmp
from photogate.formats.container import Context, ImageFormat, Measure, Part, Rewritten, refuse
from photogate.formats.tiff_segments import FAX, JPEG, KNOWN, OLD_JPEG, Shape, recode

__all__ = ["measure", "parts", "rewrite", "verify"]

_C = MetadataCategory
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_CODES = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 13: "I", 16: "Q", 17: "q", 18: "Q"}
_MAX_SEGMENTS = 131_072
_MAX_RATIONAL = 1_000_000
_MAX_ENTRIES = 4_096

# Tags of one or more integers that stay, and how many values: -1 for one a sample (TIFF 6.0, sections 4-8, 14, 18, 21).
_INTEGERS = {
    254: 1, 256: 1, 257: 1, 258: -1, 259: 1, 262: 1, 266: 1, 274: 1, 277: 1, 278: 1, 284: 1, 296: 1, 317: 1,
    322: 1, 323: 1, 332: 1, 338: -2, 339: -1, 530: 2, 531: 1,
}  # fmt: skip
_LONG = (254, 256, 257, 278, 322, 323)
_RATIONALS = {282: 1, 283: 1, 318: 2, 319: 6, 529: 3, 532: 6}
_SPECIAL = frozenset({273, 279, 320, 324, 325, 347, 513, 514, 34675})
_STAYS = frozenset({*_INTEGERS, *_RATIONALS, *_SPECIAL})
_WRITTEN = _STAYS - {347, 513, 514}
_XMP, _IPTC, _PHOTOSHOP, _EXIF, _GPS, _SUB, _DNG = 700, 33723, 34377, 34665, 34853, 330, 50706
_NAMES = {_XMP: "XMP", _IPTC: "IPTC", _PHOTOSHOP: "Photoshop", _EXIF: "Exif IFD", _GPS: "GPS IFD", _SUB: "SubIFDs"}
_CATEGORIES = {_IPTC: _C.IDENTITY, _PHOTOSHOP: _C.OTHER, _EXIF: _C.OTHER, _GPS: _C.LOCATION, _SUB: _C.THUMBNAIL}
_CFA = (32803, 34892)


@dataclass(frozen=True, slots=True)
class _Entry:
    type: int
    count: int
    at: int


@dataclass(slots=True)
class _Page:
    offset: int
    size: int
    entries: dict[int, _Entry]
    reduced: bool = False


class _File:
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
        self.wide = "Q" if self.big else "I"
        self.pages: list[_Page] = []
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

    def _directory(self, at: int) -> int:
        count_size, entry, next_size = (8, 20, 8) if self.big else (2, 12, 4)
        if at + count_size > len(self.data):
            if self.pages:
                return 0
            refuse("Expected a directory within the file; found an offset outside", at)
        (count,) = struct.unpack_from(self.order + ("Q" if self.big else "H"), self.data, at)
        end = at + count_size + entry * count
        if not 0 < count <= _MAX_ENTRIES or end > len(self.data):
            if self.pages:
                return 0
            refuse("Expected a directory within the file; found one that leaves it", at)
        entries: dict[int, _Entry] = {}
        inline = 8 if self.big else 4
        for i in range(count):
            where = at + count_size + entry * i
            tag, kind, number = struct.unpack_from(self.order + "HH" + self.wide, self.data, where)
            place = where + entry - inline
            size = _SIZES.get(kind, 0) * number
            if size > inline:
                (place,) = struct.unpack_from(self.order + self.wide, self.data, place)
            if not size or place + size > len(self.data):
                number = 0
            if tag in entries and tag in (256, 257, 273, 279, 324, 325):
                refuse("Expected each tag once; found one twice", where)
            entries.setdefault(tag, _Entry(kind, number, place))  # of duplicates, decoders take the first
        page = _Page(at, end - at, entries)
        page.reduced = bool(self.one(page, 254, 0) & 5) or self.one(page, 255, 1) == 2
        self.pages.append(page)
        if end + next_size > len(self.data):
            return 0
        return int(struct.unpack_from(self.order + self.wide, self.data, end)[0])

    def kept(self) -> list[_Page]:
        """Give the first page, and every further one that is no thumbnail and no mask."""
        return [page for i, page in enumerate(self.pages) if i == 0 or not page.reduced]

    def many(self, page: _Page, tag: int, most: int) -> list[int]:
        """Read a tag's integers, at most `most`; none where it is missing or of another type."""
        entry = page.entries.get(tag)
        if entry is None or entry.type not in _CODES:
            return []
        count = min(entry.count, most)
        return list(struct.unpack_from(f"{self.order}{count}{_CODES[entry.type]}", self.data, entry.at))

    def one(self, page: _Page, tag: int, default: int) -> int:
        """Read a tag's first integer."""
        return next(iter(self.many(page, tag, 1)), default)

    def raw(self, page: _Page, tag: int) -> bytes:
        """Give a tag's bytes."""
        entry = page.entries.get(tag)
        return b"" if entry is None else self.data[entry.at : entry.at + entry.count * _SIZES.get(entry.type, 0)]


def measure(data: bytes) -> Measure:
    """Read size, pages and orientation from the directories."""
    file = _File(data)
    first, kept = file.pages[0], file.kept()
    sizes = [(file.one(p, 256, 0), file.one(p, 257, 0)) for p in kept]
    if any(not 0 < w * h <= limits.MAX_PIXELS for w, h in sizes):
        refuse(f"Expected pages of 1 to {limits.MAX_PIXELS} pixels; found another", reason=Reason.TOO_MANY_PIXELS)
    orientation = _orientation(file, first)
    return Measure(ImageFormat.TIFF, *sizes[0], len(kept), orientation)


def _orientation(file: _File, page: _Page) -> int:
    found: int | None = file.one(page, 274, 0)
    if not found and _XMP in page.entries:
        found = xmp.orientation_of(file.raw(page, _XMP))
    return found if found is not None and 1 <= found <= 8 else 1


def rewrite(data: bytes, context: Context) -> Rewritten:
    """Write the pages again, and nothing else."""
    file = _File(data)
    out = bytearray()
    out += data[:2] + struct.pack(
        file.order + ("HHHQ" if file.big else "HI"), *((43, 8, 0, 0) if file.big else (42, 0))
    )
    link = 8 if file.big else 4
    budget = [_MAX_SEGMENTS, 4 * len(data) + 65_536]
    for page in file.pages:
        _report(file, page, context)
    for page in file.kept():
        tags = _tags(file, page, out, context, budget)
        out += bytes(len(out) % 2)
        struct.pack_into(file.order + file.wide, out, link, len(out))
        link = _write_directory(file, tags, out)
    if len(out) >> 32 and not file.big:
        refuse("Expected a TIFF of less than 4 GiB; found more", reason=Reason.TOO_LARGE)
    return Rewritten(bytes(out), _orientation(file, file.pages[0]))


def _tags(
    file: _File, page: _Page, out: bytearray, context: Context, budget: list[int]
) -> dict[int, tuple[int, int, bytes]]:
    """Give a page's new tags as (type, count, value), its strips or tiles already in `out`."""
    order = file.order
    samples = file.one(page, 277, 1)
    if not 1 <= samples <= 64:
        refuse("Expected 1 to 64 samples a pixel; found others", page.offset)
    tags: dict[int, tuple[int, int, bytes]] = {}
    for tag, count in _INTEGERS.items():
        most = samples if count == -1 else max(samples, 1) if count == -2 else count
        values = file.many(page, tag, most)
        if not values or min(values) < 0 or (max(values) > 65535 and tag not in _LONG):
            continue
        kind = 4 if tag in _LONG else 3
        tags[tag] = (
            kind,
            len(values),
            struct.pack(f"{order}{len(values)}{_CODES[kind]}", *[v & 0xFFFFFFFF for v in values]),
        )
    # Said of every page that it is a picture: readers take JPEG pages for previews where the tag is missing or not 0.
    tags[254] = (4, 1, bytes(4))
    orientation = _orientation(file, page)
    if orientation != 1 or 274 in tags:
        tags[274] = (3, 1, struct.pack(order + "H", orientation))
    for tag, count in _RATIONALS.items():
        entry = page.entries.get(tag)
        raw = file.raw(page, tag)[: 8 * count] if entry is not None and entry.type == 5 else b""
        if len(raw) == 8 * count and (value := _rationals(file, raw)) is not None:
            tags[tag] = (5, count, value)
    depth = file.one(page, 258, 1)
    palette: list[int] = []
    if 320 in page.entries and file.one(page, 262, 0) == 3 and depth <= 16:
        palette = file.many(page, 320, 3 << depth)
    if 34675 in page.entries:
        profile = icc.reduce(file.raw(page, 34675))
        if profile != file.raw(page, 34675):
            context.drop(_C.DEVICE, "ICC profile: description, identity, dates")
        if profile is not None:
            tags[34675] = (7, len(profile), profile)
    for keep, tag in ((Keep.COPYRIGHT, 33432), (Keep.CREATOR, 315)):
        text = file.raw(page, tag).split(b"\0")[0][: limits.MAX_RIGHTS_BYTES]
        if keep in context.keep and text:
            tags[tag] = (2, len(text) + 1, text + b"\0")
    used: set[int] | None = set() if palette and depth <= 8 and samples == 1 else None
    _segments(file, page, samples, tags, out, context, budget, used)
    if palette:
        tags[320] = (
            3,
            len(palette),
            struct.pack(f"{order}{len(palette)}H", *_used_colours(palette, used, depth, context)),
        )
    return tags


def _rationals(file: _File, raw: bytes) -> bytes | None:
    """Write numbers again as short fractions; nothing where one is none, or is beyond any resolution in use."""
    numbers = struct.unpack(f"{file.order}{len(raw) // 4}I", raw)
    new: list[int] = []
    for over, under in zip(numbers[::2], numbers[1::2], strict=True):
        if not under or over > _MAX_RATIONAL * under:
            return None
        new += Fraction(over, under).limit_denominator(100_000).as_integer_ratio()
    return struct.pack(f"{file.order}{len(new)}I", *new)


def _used_colours(palette: list[int], used: set[int] | None, depth: int, context: Context) -> list[int]:
    """Blacken the colours that no pixel uses. `used` holds bytes of rows, each of one or more pixels."""
    if used is None:
        return palette
    shown = {byte >> shift & (1 << depth) - 1 for byte in used for shift in range(0, 8, depth)}
    new = [value if i % (1 << depth) in shown else 0 for i, value in enumerate(palette)]
    if new != palette:
        context.drop(_C.OTHER, "unused colours of ColorMap")
    return new


def _segments(
    file: _File,
    page: _Page,
    samples: int,
    tags: dict[int, tuple[int, int, bytes]],
    out: bytearray,
    context: Context,
    budget: list[int],
    colours: set[int] | None,
) -> None:
    """Write a page's strips or tiles, and the tags that say where they are."""
    order, data = file.order, file.data
    compression = file.one(page, 259, 1)
    if compression not in KNOWN:
        refuse(
            f"Expected a compression that TIFF 6.0 or its supplements define; found {compression}",
            page.offset,
            Reason.UNSUPPORTED_FORMAT,
        )
    shapes = _shapes(file, page, samples)
    tiled = 324 in page.entries or 322 in page.entries
    where, size = (324, 325) if 324 in page.entries else (273, 279)
    offsets = file.many(page, where, len(shapes))
    counts = file.many(page, size, len(shapes))
    tables = file.raw(page, 347) if compression == JPEG else b""
    if compression == OLD_JPEG:
        start = file.one(page, 513, 0) or (offsets[0] if len(offsets) == 1 else 0)
        if not start:
            refuse("Expected old-style JPEG in one stream; found loose parts", page.offset, Reason.UNSUPPORTED_FORMAT)
        length = max(file.one(page, 514, 0), counts[0] + offsets[0] - start if len(counts) == 1 and offsets else 0)
        offsets, counts, shapes = [start], [length or len(data) - start], shapes[:1]
        tags[278] = tags[257]
    if len(counts) < len(offsets):
        counts += [len(data)] * (len(offsets) - len(counts))
    if len(offsets) != len(shapes):
        refuse("Expected a place for each strip or tile; found others", page.offset)
    budget[0] -= len(offsets)
    if budget[0] < 0:
        refuse(f"Expected at most {_MAX_SEGMENTS} strips and tiles; found more", page.offset, Reason.TOO_LARGE)
    options: dict[int, int] = {tag: file.one(page, tag, 0) for tag in (266, 292, 293, 317) if tag in page.entries}
    new_offsets, new_counts = [], []
    cut = 0
    for start, count, shape in zip(offsets, counts, shapes, strict=True):
        stop = start + (shape.size if compression == 1 else count)
        if start > len(data):
            refuse("Expected strips and tiles within the file; found one outside", page.offset)
        new = recode(data[start:stop], compression, shape, options, tables, context.check_scan, colours)
        cut += max(0, min(count, len(data) - start) - len(new)) if compression == 1 else 0
        out += bytes(len(out) % 2)
        new_offsets.append(len(out))
        new_counts.append(len(new))
        out += new
        budget[1] -= len(new) - len(tables)
        if budget[1] < 0:
            refuse("Expected strips and tiles that use each byte once; found more", page.offset)
    context.drop(_C.OTHER, "bytes behind the rows of a strip", cut)
    kind = 16 if file.big else 4
    if max(new_offsets) >> 32 and not file.big:
        refuse("Expected a TIFF of less than 4 GiB; found more", reason=Reason.TOO_LARGE)
    for tag, values in ((324 if tiled else 273, new_offsets), (325 if tiled else 279, new_counts)):
        tags[tag] = (kind, len(values), struct.pack(f"{order}{len(values)}{_CODES[kind]}", *values))
    if compression in FAX:
        tags[259] = (3, 1, struct.pack(order + "H", 4))
    if compression != 1:
        tags.pop(266, None)


def _shapes(file: _File, page: _Page, samples: int) -> list[Shape]:
    """Work out what each strip or tile decodes to (TIFF 6.0, sections 3 and 15; 21 for subsampled YCbCr)."""
    width, height = file.one(page, 256, 0), file.one(page, 257, 0)
    if not 0 < width * height <= limits.MAX_PIXELS:
        refuse("Expected a page with pixels; found none, or too many", page.offset, Reason.TOO_MANY_PIXELS)
    depths = file.many(page, 258, samples) or [1]
    depths += [depths[-1]] * (samples - len(depths))
    planar = file.one(page, 284, 1) == 2 and samples > 1
    if any(not 1 <= d <= 64 for d in depths):
        refuse("Expected 1 to 64 bits a sample; found others", page.offset)
    planes = [[d] for d in depths] if planar else [depths]
    tiled = 324 in page.entries or 322 in page.entries
    if tiled:
        across, rows = file.one(page, 322, 0), file.one(page, 323, 0)
        if not 0 < across * rows <= limits.MAX_PIXELS:
            refuse("Expected tiles with pixels; found none, or too many", page.offset)
        number = -(-width // across) * -(-height // rows)
        columns = -(-width // across)
        places = ((i // columns, i % columns) for i in range(min(number, _MAX_SEGMENTS + 1)))
        sizes = [(rows, min(rows, height - rows * y), min(across, width - across * x)) for y, x in places]
    else:
        across, rows = width, min(file.one(page, 278, height) or height, height)
        number = -(-height // rows)
        talls = [min(rows, height - rows * i) for i in range(min(number, _MAX_SEGMENTS + 1))]
        sizes = [(tall, tall, width) for tall in talls]
    if number * len(planes) > _MAX_SEGMENTS:
        refuse(f"Expected at most {_MAX_SEGMENTS} strips and tiles; found more", page.offset, Reason.TOO_LARGE)
    found = []
    horizontal, vertical = [*file.many(page, 530, 2), 2, 2][:2]
    packed = file.one(page, 262, 0) == 6 and not planar and samples == 3 and file.one(page, 259, 1) not in (6, 7)
    if packed and (horizontal not in (1, 2, 4) or vertical not in (1, 2, 4)):
        refuse("Expected subsampling by 1, 2 or 4; found another", page.offset)
    for plane in planes:
        for tall, seen_rows, seen in sizes:
            if packed:
                units = -(-across // horizontal)
                found.append(Shape(units * (horizontal * vertical + 2), -(-tall // vertical), across))
                continue
            bits = across * sum(plane)
            whole = bits % 8 == 0 and (seen_rows, seen) == (tall, across)
            place = (-1, -1) if whole else (seen * sum(plane), seen_rows)
            found.append(Shape((bits + 7) // 8, tall, across, *place))
    return found


def _write_directory(file: _File, tags: dict[int, tuple[int, int, bytes]], out: bytearray) -> int:
    """Write a directory and its values at the end of `out`; give the place of its link to the next."""
    count, inline = ("Q", 8) if file.big else ("H", 4)
    at = len(out)
    entry = 4 + 2 * inline
    link = at + struct.calcsize("<" + count) + entry * len(tags)
    values_at = link + inline
    table, values = [struct.pack(file.order + count, len(tags))], []
    for tag, (kind, number, value) in sorted(tags.items()):
        field = value.ljust(inline, b"\0")
        if len(value) > inline:
            field = struct.pack(file.order + file.wide, values_at)
            values.append(value + bytes(len(value) % 2))
            values_at += len(values[-1])
        table.append(struct.pack(file.order + "HH" + file.wide, tag, kind, number) + field)
    out += b"".join((*table, bytes(inline), *values))
    return link


def _report(file: _File, page: _Page, context: Context) -> None:
    if page.reduced and page is not file.pages[0]:
        context.drop(_C.THUMBNAIL, "reduced page or mask")
    for tag in page.entries:
        if tag in _STAYS:
            continue
        if tag == _XMP:
            xmp.read(file.raw(page, tag), context, "XMP tag")
        else:
            if tag in (270, 305, 315):
                context.marks.text(b"", file.raw(page, tag)[:4096])
            context.drop(_CATEGORIES.get(tag, exif.category_of(tag)), _NAMES.get(tag, "tag of a page"))


def verify(data: bytes) -> None:
    """Accept only what `rewrite` writes: known tags, and each byte of the file where it would be written again.

    Raises
    ------
    ImageRefused
        With the place of what is not on the allow-list.
    """
    file = _File(data)
    for page in file.pages:
        for tag in page.entries:
            if tag not in _WRITTEN and tag not in (315, 33432):
                refuse("Expected tags that rendering needs; found another", page.offset)
    again = rewrite(data, Context(keep=frozenset(Keep), check_scan=False)).data
    if again != data:
        refuse("Expected nothing left to remove; found something", 0)


def parts(data: bytes) -> tuple[Part, ...]:
    """List pages and their tags."""
    file = _File(data)
    kept = {page.offset for page in file.kept()}
    found = [Part("header", 0, 16 if file.big else 8, True)]
    for page in file.pages:
        stays = page.offset in kept
        tags = tuple(
            Part(_NAMES.get(tag, f"tag {tag}"), e.at, e.count * _SIZES.get(e.type, 0), stays and tag in _STAYS)
            for tag, e in page.entries.items()
        )
        note = "thumbnail or mask" if page.reduced else "a page"
        found.append(Part("IFD", page.offset, page.size, stays, note, tags))
    return tuple(found)
