"""TIFF and BigTIFF (TIFF 6.0): pages rebuilt from the tags that rendering needs, strips and tiles from their rows.

Every directory is written anew; what no kept tag refers to is not copied. Sub-images, thumbnails, masks, Exif and GPS
directories and all text go. Byte order, orientation, resolution and colour stay.
"""

from __future__ import annotations

import io
import struct
from fractions import Fraction

from photogate.errors import Reason
from photogate.findings import Keep, MetadataCategory
from photogate.formats import icc, limits
from photogate.formats.container import Context, ImageFormat, Measure, Rewritten, refuse
from photogate.formats.rights import Rights, decoded
from photogate.formats.tiff_file import CODES, File, Page
from photogate.formats.tiff_layout import Buffer, Output, Tags, write_segments
from photogate.formats.tiff_report import report
from photogate.formats.tiff_segments import JPEG, OLD_JPEG
from photogate.formats.tiff_work import Work

__all__ = ["STAYS", "measure", "rewrite", "verify"]

_C = MetadataCategory
_MAX_RESOLUTION, _FINE_RESOLUTION = 1_000_000, 10_000

# Tags of one or more integers that stay, and how many values: -1 for one a sample (TIFF 6.0, sections 4-8, 14, 18, 21).
_INTEGERS = {
    254: 1, 256: 1, 257: 1, 258: -1, 259: 1, 262: 1, 266: 1, 274: 1, 277: 1, 278: 1, 284: 1, 296: 1, 317: 1,
    322: 1, 323: 1, 332: 1, 338: -2, 339: -1, 530: 2, 531: 1,
}  # fmt: skip
# What their values may be, where the standard names few; a tag of other values goes.
_VALUES = {
    266: (1, 2), 274: tuple(range(1, 9)), 284: (1, 2), 296: (1, 2, 3), 332: (1, 2), 338: (0, 1, 2),
    317: (1, 2, 3, 34892, 34893, 34894, 34895),  # the last four by DNG 1.5
    339: tuple(range(1, 7)), 530: (1, 2, 4), 531: (1, 2),
}  # fmt: skip
# Samples of a colour by PhotometricInterpretation; further ones are ExtraSamples.
_COLOURS = {2: 3, 5: 4, 6: 3, 8: 3, 9: 3, 10: 3}
_YCBCR = 6
_ONLY_YCBCR = frozenset({529, 530, 531, 532})
_LONG = (254, 256, 257, 278, 322, 323)
_RATIONALS = {282: 1, 283: 1, 318: 2, 319: 6, 529: 3, 532: 6}
_SPECIAL = frozenset({273, 279, 320, 324, 325, 347, 513, 514, 34675})
STAYS = frozenset({*_INTEGERS, *_RATIONALS, *_SPECIAL})
_WRITTEN = STAYS - {347, 513, 514}


def measure(data: bytes) -> Measure:
    """Read size, pages and orientation from the directories."""
    file = File(data)
    first, kept = file.pages[0], file.kept()
    sizes = [(file.one(p, 256, 0), file.one(p, 257, 0)) for p in kept]
    if any(not 0 < w * h <= limits.MAX_PIXELS for w, h in sizes):
        refuse(f"Expected pages of 1 to {limits.MAX_PIXELS} pixels; found another", reason=Reason.TOO_MANY_PIXELS)
    if (total := sum(w * h for w, h in sizes)) > limits.MAX_FRAME_PIXELS_TOTAL:
        refuse(
            f"Expected at most {limits.MAX_FRAME_PIXELS_TOTAL} pixels over all pages; found {total}",
            reason=Reason.TOO_MANY_PIXELS,
        )
    orientation = file.orientation(first)
    return Measure(ImageFormat.TIFF, *sizes[0], len(kept), orientation)


def rewrite(data: bytes, context: Context) -> Rewritten:
    """Write the pages again, and nothing else."""
    out = io.BytesIO()
    orientation = _write(data, context, out)
    return Rewritten(out.getvalue(), orientation)


def _write(data: bytes, context: Context, out: Output) -> int:
    """Write the pages to `out`; give the orientation of the first."""
    file = File(data)
    out.write(data[:2] + struct.pack(file.order + ("HHH" if file.big else "H"), *((43, 8, 0) if file.big else (42,))))
    link = out.tell()
    out.seek(link + file.link)
    work = Work(len(data), limits.MAX_STRIPS)
    report(file, STAYS, context)
    for page in file.kept():
        tags = _tags(file, page, out, context, work)
        out.write(bytes(out.tell() % 2))
        at = out.tell()
        _put(out, link, struct.pack(file.order + file.wide, at))
        link = _write_directory(file, tags, out)
    size = out.tell()
    _put(out, link, bytes(file.link))
    if size >> 32 and not file.big:
        refuse("Expected a TIFF of less than 4 GiB; found more", reason=Reason.TOO_LARGE)
    return file.orientation(file.pages[0])


def _put(out: Output, at: int, piece: bytes) -> None:
    """Write at a place that was left out, and return."""
    end = out.tell()
    out.seek(at)
    out.write(piece)
    out.seek(end)


def _tags(file: File, page: Page, out: Output, context: Context, work: Work) -> Tags:
    """Give a page's new tags as (type, count, value), its strips or tiles already in `out`."""
    order = file.order
    samples = file.one(page, 277, 1)
    if not 1 <= samples <= 64:
        refuse("Expected 1 to 64 samples a pixel; found others", page.offset)
    photometric = file.one(page, 262, 0)
    tags: Tags = {}
    for tag, count in _INTEGERS.items():
        if tag in _ONLY_YCBCR and photometric != _YCBCR:
            continue
        most = {-1: samples, -2: max(samples - _COLOURS.get(photometric, 1), 0)}.get(count, count)
        values = file.many(page, tag, most)
        if tag in _VALUES and not set(values) <= set(_VALUES[tag]):
            continue
        if not values or min(values) < 0 or (max(values) > 65535 and tag not in _LONG):
            continue
        kind = 4 if tag in _LONG else 3
        tags[tag] = (
            kind,
            len(values),
            struct.pack(f"{order}{len(values)}{CODES[kind]}", *[v & 0xFFFFFFFF for v in values]),
        )
    # Said of every page that it is a picture: readers take JPEG pages for previews where the tag is missing or not 0.
    tags[254] = (4, 1, bytes(4))
    orientation = file.orientation(page)
    if orientation != 1 or 274 in tags:
        tags[274] = (3, 1, struct.pack(order + "H", orientation))
    _strip_rows(file, page, tags)
    depth = file.one(page, 258, 1)
    for tag, count in _RATIONALS.items():
        if tag in _ONLY_YCBCR and photometric != _YCBCR:
            continue
        entry = page.entries.get(tag)
        raw = file.raw(page, tag, 8 * count) if entry is not None and entry.type == 5 else b""
        if len(raw) == 8 * count and (value := _rationals(file, raw, tag, depth)) is not None:
            tags[tag] = (5, count, value)
    palette: list[int] = []
    if 320 in page.entries and photometric == 3 and depth <= 16:
        palette = file.many(page, 320, 3 << depth)
    if 34675 in page.entries:
        profile = icc.reduce(
            file.raw(page, 34675),
            {0: 1, 1: 1, 2: 3, 3: 3, 5: 4 if file.one(page, 332, 1) == 1 else None, 6: 3}.get(photometric),
        )
        if profile != file.raw(page, 34675):
            context.drop(_C.DEVICE, "ICC profile: description, identity, dates")
        if profile is not None:
            tags[34675] = (7, len(profile), profile)
    own = Rights(*(decoded(file.raw(page, tag, limits.MAX_RIGHTS_BYTES)) for tag in (33432, 315)))
    kept = context.rights(own)
    for tag, said in ((33432, kept.copyright), (315, kept.creator)):
        if said:
            text = said.encode("utf-8") + b"\0"
            tags[tag] = (2, len(text), text)
    looks = file.one(page, 259, 1) not in (JPEG, OLD_JPEG)  # rows of these are not seen
    used: set[int] | None = set() if palette and depth <= 8 and looks else None
    write_segments(file, page, samples, tags, out, context, work, used)
    if palette:
        tags[320] = (
            3,
            len(palette),
            struct.pack(f"{order}{len(palette)}H", *_used_colours(palette, used, depth, context)),
        )
    return tags


def _strip_rows(file: File, page: Page, tags: Tags) -> None:
    """Leave of RowsPerStrip, TileLength and Predictor what is read; numbers beyond the page's rows mean the same."""
    tiled = 322 in page.entries or 324 in page.entries
    tags.pop(278 if tiled else 323, None)
    if 278 in tags:
        rows = min(file.one(page, 278, 0), file.one(page, 257, 0))
        tags[278] = (4, 1, struct.pack(file.order + "I", max(rows, 0)))
    if file.one(page, 259, 1) in (JPEG, OLD_JPEG):
        tags.pop(317, None)


def _rationals(file: File, raw: bytes, tag: int, depth: int) -> bytes | None:
    """Write numbers again, no finer than what they are for; nothing where one is none, or cannot be meant.

    Resolutions have three decimals up to 10,000 and one beyond, chromaticities and coefficients (0 to 1) have five, and
    ReferenceBlackWhite, which is in units of the samples, has two.
    """
    numbers = struct.unpack(f"{file.order}{len(raw) // 4}I", raw)
    most = {282: _MAX_RESOLUTION, 283: _MAX_RESOLUTION, 532: (1 << max(min(depth, 32), 0)) - 1}.get(tag, 1)
    new: list[int] = []
    for over, under in zip(numbers[::2], numbers[1::2], strict=True):
        if not under or over > most * under:
            return None
        fine = 1000 if over < _FINE_RESOLUTION * under else 10
        steps = {282: fine, 283: fine, 532: 100}.get(tag, 100_000)
        number = round(Fraction(over * steps, under))
        if over and not number and tag in (282, 283):
            return None
        new += Fraction(number, steps).as_integer_ratio()
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


def _write_directory(file: File, tags: Tags, out: Output) -> int:
    """Write a directory and its values at the end of `out`; give the place of its link to the next, left out."""
    count, inline = ("Q", 8) if file.big else ("H", 4)
    at = out.tell()
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
    out.write(b"".join(table))
    out.seek(link + inline)
    out.write(b"".join(values))
    return link


def verify(data: bytes) -> None:
    """Accept only what `rewrite` writes: known tags, and each byte of the file where it would be written again.

    Raises
    ------
    ImageRefused
        With the place of what is not on the allow-list.
    """
    file = File(data)
    for page in file.pages:
        for tag in page.entries:
            if tag not in _WRITTEN and tag not in (315, 33432):
                refuse("Expected tags that rendering needs; found another", page.offset)
    again = _Again(data)
    _write(data, Context(keep=frozenset(Keep), check_scan=False), again)
    if again.tell() != len(data):
        refuse("Expected nothing behind the last page; found more", again.tell())


class _Again:
    """Takes what stands in a file, and nothing else: a file is not held twice to compare it."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def tell(self) -> int:
        return self._at

    def seek(self, at: int) -> int:
        self._at = at
        return at

    def write(self, piece: Buffer) -> int:
        if not self._data.startswith(piece, self._at):
            refuse("Expected nothing left to remove; found something", self._at)
        self._at += len(piece)
        return len(piece)
