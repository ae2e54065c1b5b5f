"""Where the strips and tiles of a TIFF page stand, what they decode to, and how they are written again.

TIFF 6.0, sections 3 (strips), 15 (tiles), 21 (subsampled YCbCr), 22 and Technical Note 2 (JPEG).
"""

from __future__ import annotations

import struct
from typing import Protocol

from photogate.errors import Reason
from photogate.findings import MetadataCategory
from photogate.formats import limits
from photogate.formats.container import Context, refuse
from photogate.formats.tiff_file import CODES, File, Page
from photogate.formats.tiff_old_jpeg import joined
from photogate.formats.tiff_segments import FAX, JPEG, KNOWN, OLD_JPEG, Buffer, Shape, recode
from photogate.formats.tiff_work import Work

__all__ = ["Buffer", "Output", "Tags", "shapes", "write_segments"]

_C = MetadataCategory

# A page's new tags: (type, count, value).
Tags = dict[int, tuple[int, int, bytes]]


class Output(Protocol):
    """Where a new file is written: to memory, or against what stands there already."""

    def tell(self) -> int: ...

    def seek(self, at: int, /) -> int: ...

    def write(self, piece: Buffer, /) -> int: ...


def write_segments(
    file: File,
    page: Page,
    samples: int,
    tags: Tags,
    out: Output,
    context: Context,
    work: Work,
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
    places = shapes(file, page, samples)
    tiled = 324 in page.entries or 322 in page.entries
    where, size = (324, 325) if 324 in page.entries else (273, 279)
    offsets = file.many(page, where, len(places))
    counts = file.many(page, size, len(places))
    tables = file.raw(page, 347) if compression == JPEG else b""
    source: Buffer = data
    if compression == OLD_JPEG:
        start = file.one(page, 513, 0) or (offsets[0] if len(offsets) == 1 else 0)
        length = max(file.one(page, 514, 0), counts[0] + offsets[0] - start if len(counts) == 1 and offsets else 0)
        if 519 in page.entries and data[start : start + 2] != b"\xff\xd8":
            source = joined(file, page, samples, list(zip(offsets, counts, strict=False)))
            start, length = 0, len(source)
        elif not start:
            refuse("Expected old-style JPEG in one stream; found loose parts", page.offset, Reason.UNSUPPORTED_FORMAT)
        offsets, counts = [start], [length or len(data) - start]
        places = [Shape(0, file.one(page, 257, 0), file.one(page, 256, 0))]
        tags[278] = tags[257]
    if len(counts) < len(offsets):
        counts += [len(data)] * (len(offsets) - len(counts))
    if len(offsets) != len(places):
        refuse("Expected a place for each strip or tile; found others", page.offset)
    work.place(len(offsets) * (limits.MAX_STRIPS // limits.MAX_JPEG_STRIPS if compression == JPEG else 1), page.offset)
    options: dict[int, int] = {tag: file.one(page, tag, 0) for tag in (266, 292, 293, 317) if tag in page.entries}
    new_offsets, new_counts = [], []
    cut = 0
    if any(start > len(source) for start in offsets):
        refuse("Expected strips and tiles within the file; found one outside", page.offset)
    stops = [
        start + (shape.size if compression == 1 else count)
        for start, count, shape in zip(offsets, counts, places, strict=True)
    ]
    source = memoryview(source)
    sparse = [compression == 1 and not start and not count for start, count in zip(offsets, counts, strict=True)]
    blank = sum(shape.size for shape, empty in zip(places, sparse, strict=True) if empty)
    if blank > work.written:
        refuse("Expected strips and tiles that are there; found a sparse page", page.offset, Reason.TOO_LARGE)
    strips = (
        (bytes(shape.size) if empty else source[start:stop], shape)  # GDAL's and tifffile's sparse tiles are zero
        for start, stop, shape, empty in zip(offsets, stops, places, sparse, strict=True)
    )
    recoded = recode(strips, compression, options, tables, context.check_scan, colours, work)
    for start, count, new in zip(offsets, counts, recoded, strict=True):
        cut += max(0, min(count, len(data) - start) - len(new)) if compression == 1 else 0
        out.write(bytes(out.tell() % 2))
        new_offsets.append(out.tell())
        new_counts.append(len(new))
        out.write(new)
        work.write(len(new) - len(tables), page.offset)
    context.drop(_C.OTHER, "bytes behind the rows of a strip", cut)
    kind = 16 if file.big else 4
    if max(new_offsets) >> 32 and not file.big:
        refuse("Expected a TIFF of less than 4 GiB; found more", reason=Reason.TOO_LARGE)
    for tag, values in ((324 if tiled else 273, new_offsets), (325 if tiled else 279, new_counts)):
        tags[tag] = (kind, len(values), struct.pack(f"{order}{len(values)}{CODES[kind]}", *values))
    if compression in FAX:
        tags[259] = (3, 1, struct.pack(order + "H", 4))
    if compression != 1:
        tags.pop(266, None)


def shapes(file: File, page: Page, samples: int) -> list[Shape]:
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
        places = ((i // columns, i % columns) for i in range(min(number, limits.MAX_STRIPS + 1)))
        sizes = [(rows, min(rows, height - rows * y), min(across, width - across * x)) for y, x in places]
    else:
        across, rows = width, min(file.one(page, 278, height) or height, height)
        number = -(-height // rows)
        jpeg = file.one(page, 259, 1) == JPEG  # scanners code the last strip as high as the others
        talls = [rows if jpeg else min(rows, height - rows * i) for i in range(min(number, limits.MAX_STRIPS + 1))]
        sizes = [(tall, tall, width) for tall in talls]
    if number * len(planes) > limits.MAX_STRIPS:
        refuse(f"Expected at most {limits.MAX_STRIPS} strips and tiles; found more", page.offset, Reason.TOO_LARGE)
    found = []
    horizontal, vertical = [*file.many(page, 530, 2), 2, 2][:2]
    compression = file.one(page, 259, 1)
    packed = file.one(page, 262, 0) == 6 and not planar and samples == 3 and compression not in (6, 7)
    if packed and 530 not in page.entries:  # writers leave it out, and mean one colour a pixel
        packed = sum(file.many(page, 325 if tiled else 279, limits.MAX_STRIPS)) < 3 * width * height
        if not packed and compression != 1:  # then the bytes do not tell
            refuse("Expected compressed YCbCr with its subsampling; found none", page.offset)
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
            step = samples if plane == [8] * samples else 1
            found.append(Shape((bits + 7) // 8, tall, across, *place, step=step))
    return found
