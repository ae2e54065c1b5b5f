"""The pages of a TIFF or BigTIFF: directories, values, strips and tiles, and what none of them refers to."""

from __future__ import annotations

from collections.abc import Iterator

from photogate.errors import ImageRefused
from photogate.findings import MetadataCategory
from photogate.formats import deflate, tiff
from photogate.formats.container import Part, refuse
from photogate.formats.tiff_file import File, Page
from photogate.formats.tiff_layout import shapes
from photogate.formats.tiff_work import Work
from photogate.inspection.directories import Directory, header, parts_of, walk
from photogate.inspection.outcome import Outcome
from photogate.inspection.tree import goes, stays, tiled, with_padding

__all__ = ["parts"]

_C = MetadataCategory
_RAW, _DEFLATE = 1, (8, 32946)


def parts(data: bytes, outcome: Outcome) -> Iterator[Part]:
    """List header, directories with their entries, values, and image data, in the order of the file."""
    yield from with_padding(data, tiled(_claims(data, outcome), 0, len(data)))


def _claims(data: bytes, outcome: Outcome) -> Iterator[Part]:
    found = header(data, 0)
    if found is None:
        refuse("Expected a TIFF header; found another", 0)
    order, big, _ = found
    yield stays("TIFF header", 0, 16 if big else 8, "BigTIFF" if big else "")
    try:
        file = File(data)
    except ImageRefused:
        file = None
    written = [frozenset(page.entries) for page in File(outcome.data).pages] if outcome.data else []
    kept = {page.offset: i for i, page in enumerate(file.kept())} if file is not None else {}
    pages = {page.offset: page for page in file.pages} if file is not None else {}
    work = Work(len(data))
    images: list[Part] = []
    places: dict[tuple[int, int], Part] = {}
    for directory in walk(data, 0, len(data), pages=True):
        number = kept.get(directory.offset) if directory.name.startswith("IFD") else None
        tags = written[number] if number is not None and number < len(written) else tiff.STAYS

        def keeps(_: Directory, tag: int, tags: frozenset[int] = tags) -> bool:
            return tag in tags

        for part in parts_of(data, directory, keeps, number is not None, outcome.budget):
            if part.offset == directory.offset:
                yield part
            else:  # several values may stand in one place; one that stays has it
                place = (part.offset, part.size)
                if place not in places or part.stays:
                    places[place] = part
        if number is None:
            images += _image(data, order, directory)
        elif file is not None:
            yield from _rows(data, file, pages[directory.offset], directory, work)
    yield from sorted(places.values(), key=lambda part: not part.stays)
    yield from images


def _runs(found: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Join strips that follow one another, over the byte that aligns them."""
    runs: list[tuple[int, int]] = []
    for at, size in sorted(found):
        if runs and runs[-1][0] + runs[-1][1] <= at <= runs[-1][0] + runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], at + size - runs[-1][0])
        else:
            runs.append((at, size))
    return runs


def _places(data: bytes, order: str, directory: Directory) -> tuple[str, list[int], list[int]]:
    name = "tiles" if any(entry.tag == 324 for entry in directory.entries) else "strips"
    where, size = (324, 325) if name == "tiles" else (273, 279)
    return name, directory.integers(data, order, where), directory.integers(data, order, size)


def _image(data: bytes, order: str, directory: Directory) -> Iterator[Part]:
    """Give the image data of a directory that goes."""
    name, offsets, counts = _places(data, order, directory)
    for at, size in _runs([(o, c) for o, c in zip(offsets, counts, strict=False) if c]):
        yield goes(f"{directory.name} {name}", at, size, "a thumbnail, mask or further picture", category=_C.THUMBNAIL)
    at_, size_ = directory.integers(data, order, 513), directory.integers(data, order, 514)
    if at_ and size_:
        yield goes(f"{directory.name} JPEG", at_[0], size_[0], "a small JPEG", category=_C.THUMBNAIL)


def _rows(data: bytes, file: File, page: Page, directory: Directory, work: Work) -> Iterator[Part]:
    """Give the image data of a page that stays, and what rides behind its rows."""
    name, offsets, counts = _places(data, file.order, directory)
    compression = file.one(page, 259, 1)
    if compression == 6:
        start = file.one(page, 513, 0) or (offsets[0] if offsets else 0)
        size = file.one(page, 514, 0) or (sum(counts) + offsets[0] - start if offsets and counts else 0)
        yield stays(f"{directory.name} JPEG", start, size or len(data) - start, "the picture")
        return
    samples = file.one(page, 277, 1)
    sizes = [shape.size for shape in shapes(file, page, samples)] if 1 <= samples <= 64 else []
    counts += [len(data)] * (len(offsets) - len(counts)) if compression == _RAW else []
    kept, behind = [], []
    for at, count, size in zip(offsets, counts, sizes, strict=False):
        used = count
        if compression == _RAW:
            used = size
        elif compression in _DEFLATE:
            used = _deflated(memoryview(data)[at : at + count], size, work)
        kept.append((at, used))
        if count > used and at + used < len(data):
            behind.append((at + used, min(count, len(data) - at) - used))
    for at, size in _runs(kept):
        yield stays(f"{directory.name} {name}", at, size, "the picture")
    for at, size in _runs(behind):
        yield goes(f"bytes behind the rows of {directory.name}", at, size)


def _deflated(strip: memoryview, size: int, work: Work) -> int:
    """Give how much of a strip its zlib stream is; all of it where that holds more than its rows, or too much."""
    inflater = deflate.Inflater(strip)
    try:
        work.inflate(size)
        for _ in inflater.blocks(size + 1):
            pass
    except (deflate.DeflateError, ImageRefused):
        return len(strip)
    return inflater.used if inflater.ended else len(strip)
