"""The `meta` box of HEIF and AVIF, read: items, where their bytes are, what they refer to, and what describes them.

ISO/IEC 14496-12, 8.11 (meta, iloc, iinf, iref, pitm, idat); ISO/IEC 23008-12, 9.3 (ipma).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from photogate.formats.bmff_boxes import Box, Budget, Fields, boxes, only
from photogate.formats.container import refuse
from photogate.formats.hevc_units import HevcConfiguration, Used

__all__ = ["XMP_CONTENT", "Item", "Meta", "properties_of", "raw_bytes", "read_meta"]

XMP_CONTENT = b"application/rdf+xml"  # ISO 16684-1, of an item of type mime


@dataclass(slots=True)
class Item:
    """One item: its type, its extents as (offset, length) from `base`, and its properties in their order.

    `made` are bytes that are written for it, where the file holds none.
    """

    id: int
    kind: bytes = b""
    content: bytes = b""
    encoding: bytes = b""
    method: int = 0
    extents: list[tuple[int, int, int]] = field(default_factory=list)
    properties: list[int] = field(default_factory=list)
    essential: set[int] = field(default_factory=set)
    refused: str = ""
    made: bytes = b""


@dataclass(slots=True)
class Meta:
    """A parsed `meta` box.

    `used` tells for each HEVC configuration the parameter sets that kept pictures use; `alphas`, which item is the
    transparency of a kept one; `inputs`, what a kept one is derived of; `sizes`, those that items may be taken to have;
    `layered`, AV1 pictures with layers; `configurations`, those of HEVC that were read.
    """

    primary: int
    items: dict[int, Item]
    properties: list[Box]
    references: list[tuple[bytes, int, tuple[int, ...]]]
    idat: tuple[int, int]
    boxes: list[Box]
    used: dict[int, Used] = field(default_factory=dict)
    alphas: dict[int, int] = field(default_factory=dict)
    inputs: dict[int, list[int]] = field(default_factory=dict)
    sizes: dict[int, set[tuple[int, int]]] = field(default_factory=dict)
    layered: set[int] = field(default_factory=set)
    configurations: dict[int, HevcConfiguration] = field(default_factory=dict)


def read_meta(data: bytes, meta: Box, budget: Budget) -> Meta:
    """Read a `meta` box. Payloads are not touched."""
    found = boxes(data, meta.body + 4, meta.end, budget)
    if data[only(found, b"hdlr", meta.start).body + 8 :][:4] != b"pict":
        refuse("Expected the pict handler; found another", meta.start)
    fields = _fields(data, only(found, b"pitm", meta.start))
    version, _ = fields.version()
    primary = fields.uint(4 if version else 2)
    items: dict[int, Item] = {}
    _read_iinf(data, only(found, b"iinf", meta.start), items, budget)
    _read_iloc(_fields(data, only(found, b"iloc", meta.start)), items, budget)
    properties: list[Box] = []
    for iprp in [b for b in found if b.kind == b"iprp"][:1]:
        inner = boxes(data, iprp.body, iprp.end, budget)
        ipco = only(inner, b"ipco", iprp.start)
        properties = boxes(data, ipco.body, ipco.end, budget)
        for ipma in inner:
            if ipma.kind == b"ipma":
                _read_ipma(_fields(data, ipma), items, budget)
    references: list[tuple[bytes, int, tuple[int, ...]]] = []
    for iref in [b for b in found if b.kind == b"iref"][:1]:
        size = 4 if data[iref.body] else 2
        for entry in boxes(data, iref.body + 4, iref.end, budget):
            fields = _fields(data, entry)
            source, count = fields.uint(size), fields.uint(2)
            budget.spend(count, entry.start)
            references.append((entry.kind, source, tuple(fields.uint(size) for _ in range(count))))
    idat = next(((b.body, b.end) for b in found if b.kind == b"idat"), (0, 0))
    return Meta(primary, items, properties, references, idat, found)


def _fields(data: bytes, found: Box) -> Fields:
    return Fields(data, found.body, found.end)


def _read_iinf(data: bytes, iinf: Box, items: dict[int, Item], budget: Budget) -> None:
    fields = _fields(data, iinf)
    version, _ = fields.version()
    fields.uint(4 if version else 2)
    for infe in boxes(data, fields.at, iinf.end, budget):
        if infe.kind != b"infe":
            continue
        entry = _fields(data, infe)
        version, _ = entry.version()
        if version < 2:
            continue
        number = entry.uint(4 if version > 2 else 2)
        protected = entry.uint(2)
        item = Item(number, entry.raw(4))
        if item.kind == b"mime":
            entry.string()
            item.content = entry.string()
            item.encoding = entry.string()
        if protected:
            item.refused = "protected"
        if number in items:
            refuse("Expected each item once; found it twice", infe.start)
        items[number] = item


def _read_iloc(fields: Fields, items: dict[int, Item], budget: Budget) -> None:
    version, _ = fields.version()
    if version > 2:
        refuse("Expected version 0 to 2 of iloc; found another", fields.at)
    sizes = fields.uint(2)
    offset_size, length_size, base_size = sizes >> 12, sizes >> 8 & 15, sizes >> 4 & 15
    index_size = sizes & 15 if version else 0
    if not {offset_size, length_size, base_size, index_size} <= {0, 4, 8}:
        refuse("Expected fields of 0, 4 or 8 bytes in iloc; found others", fields.at)
    for _ in range(fields.uint(2 if version < 2 else 4)):
        at = fields.at
        number = fields.uint(2 if version < 2 else 4)
        method = fields.uint(2) & 15 if version else 0
        elsewhere = fields.uint(2)
        base = fields.uint(base_size)
        count = fields.uint(2)
        budget.spend(1 + count, at)
        extents = []
        for _ in range(count):
            index = fields.uint(index_size)
            offset, length = fields.uint(offset_size), fields.uint(length_size)
            extents.append((base + offset, length, index))
        item = items.get(number)
        if item is None:
            continue
        if item.extents:
            refuse("Expected each item's location once; found it twice", at)
        item.method, item.extents = method, extents
        if elsewhere:
            item.refused = "in another file"


def _read_ipma(fields: Fields, items: dict[int, Item], budget: Budget) -> None:
    version, flags = fields.version()
    for _ in range(fields.uint(4)):
        number = fields.uint(4 if version else 2)
        count = fields.uint(1)
        budget.spend(1 + count, fields.at)
        wide = bool(flags & 1)
        links = [fields.uint(2 if wide else 1) for _ in range(count)]
        if item := items.get(number):
            indices = [(link & (0x7FFF if wide else 0x7F)) - 1 for link in links]
            item.properties += [i for i in indices if i >= 0]
            item.essential |= {i for i, link in zip(indices, links, strict=True) if link >> (15 if wide else 7)}


def raw_bytes(data: bytes, meta: Meta, item: Item, most: int, depth: int = 0) -> memoryview:
    """Collect an item's extents (14496-12, 8.11.3), at most `most` bytes; a view of `data` where there is one."""
    if item.refused:
        refuse(f"Expected a picture within this file; found one that is {item.refused}")
    start, end, source = 0, len(data), memoryview(data)
    if item.method == 1:
        start, end = meta.idat
    elif item.method == 2:
        if depth:
            refuse("Expected items that do not refer on and on; found a chain")
        targets = next((to for kind, of, to in meta.references if kind == b"iloc" and of == item.id), ())
        pieces = []
        for offset, length, index in item.extents:
            other = targets[max(index, 1) - 1] if max(index, 1) <= len(targets) else 0
            if other not in meta.items:
                refuse("Expected an item that exists; found a reference to none")
            whole = raw_bytes(data, meta, meta.items[other], most, depth + 1)
            pieces.append(whole[offset : offset + length] if length else whole[offset:])
        return _bounded(pieces, most)
    elif item.method:
        refuse("Expected construction method 0, 1 or 2; found another")
    pieces = []
    total = 0
    for offset, length, _ in item.extents:
        at = start + offset
        stop = at + length if length else end
        total += stop - at
        if not start <= at <= stop <= end or total > most:
            refuse("Expected extents within the file, each byte once; found others", at)
        pieces.append(source[at:stop])
    return _bounded(pieces, most)


def _bounded(pieces: list[memoryview], most: int) -> memoryview:
    if sum(map(len, pieces)) > most:
        refuse("Expected extents that use each byte once; found more")
    return pieces[0] if len(pieces) == 1 else memoryview(b"".join(pieces))


def properties_of(meta: Meta, item: Item) -> list[Box]:
    """Give what describes an item, in the order of its associations (23008-12, 9.3.1)."""
    if any(i >= len(meta.properties) for i in item.properties):
        refuse("Expected associations with properties that exist; found others")
    return [meta.properties[i] for i in item.properties]
