"""The `meta` box of HEIF and AVIF: items, where their bytes are, what they refer to, and what describes them.

ISO/IEC 14496-12, 8.11 (meta, iloc, iinf, iref, pitm, idat); ISO/IEC 23008-12, 6 (image items) and 9.3 (ipma).
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache

from photogate.errors import ImageRefused, Reason
from photogate.formats import exif, xmp
from photogate.formats.av1_sequence import Sequence
from photogate.formats.av1_units import Layers, av1, av1c
from photogate.formats.bmff_boxes import Box, Budget, Fields, box, boxes, full_box, only, text
from photogate.formats.bmff_coded import Dropped
from photogate.formats.checked import Budget as Scan
from photogate.formats.container import refuse
from photogate.formats.heif_derived import DERIVED, derived
from photogate.formats.heif_properties import ESSENTIAL, KNOWN, rebuild, says_alpha
from photogate.formats.heif_scan import without_tail
from photogate.formats.hevc_units import HevcConfiguration, Used, hevc, hevc_configuration
from photogate.formats.rights import Rights

__all__ = [
    "Item",
    "Meta",
    "add_rights",
    "kept_items",
    "payloads",
    "raw_bytes",
    "read_meta",
    "turned_by_xmp",
    "write_meta",
]

_CODED = frozenset({b"hvc1", b"av01"})
_XMP = b"application/rdf+xml"
_CONFIGURATIONS = {b"hvc1": b"hvcC", b"av01": b"av1C"}
_DESCRIBING = frozenset({b"mime", b"Exif"})
# Properties of pictures in another code, and of those with layers.
_OTHER_CODES = {b"hvc1": {b"av1C"}, b"av01": {b"hvcC"}, **{kind: {b"hvcC", b"av1C"} for kind in DERIVED}}
_OF_LAYERS = frozenset({b"a1op", b"lsel"})
_DEEPEST = 5
_TRANSFORMS = frozenset({b"irot", b"imir", b"clap"})


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


def kept_items(data: bytes, meta: Meta) -> list[Item]:
    """Choose the primary item, what it is derived from, and its transparency; in the order of the file."""
    if meta.primary not in meta.items:
        refuse("Expected a primary item; found none")
    todo = [(meta.primary, False)]
    seen = set(todo)
    sources: dict[int, list[int]] = {}
    aux: dict[int, list[int]] = {}
    for kind, of, targets in meta.references:
        if kind == b"dimg" and of in meta.items and meta.items[of].kind in DERIVED:
            sources.setdefault(of, []).extend(targets)
        elif kind == b"auxl" and of in meta.items:
            for target in targets:
                aux.setdefault(target, []).append(of)

    @cache
    def alphas(number: int) -> list[int]:
        return [of for of in dict.fromkeys(aux.get(number, ())) if _is_alpha(data, meta, meta.items[of])]

    while todo:
        number, transparency = todo.pop()
        if number not in meta.items:
            refuse("Expected a tile that exists; found a reference to none")
        item = meta.items[number]
        _check_picture(meta, item)
        following = [(source, transparency) for source in sources.get(number, ())]
        if item.kind in DERIVED and not following:
            refuse("Expected a derived picture with its inputs; found none")  # decoders show another picture, or none
        if not transparency:
            own = alphas(number)
            _check_alpha(own, [alphas(tile) for tile in sources.get(number, ()) if item.kind == b"grid"])
            if own:
                meta.alphas[number] = own[0]
            following += [(alpha, True) for alpha in own]
        todo += [one for one in dict.fromkeys(following) if one not in seen]
        seen.update(following)
    _check_depth(meta, sources)
    wanted = {number for number, _ in seen}
    meta.inputs = {number: sources[number] for number in sources if number in wanted}
    return [item for item in meta.items.values() if item.id in wanted]


def _check_picture(meta: Meta, item: Item) -> None:
    if item.kind not in DERIVED | _CODED:
        refuse(f"Expected pictures coded as HEVC or AV1; found {text(item.kind)}", reason=Reason.UNSUPPORTED_FORMAT)
    if what := _unreadable(meta, item):
        refuse(f"Expected a picture that decoders show; found one {what}", reason=Reason.UNSUPPORTED_FORMAT)


def _check_alpha(own: list[int], tiles: list[list[int]]) -> None:
    """Refuse transparency in which readers differ.

    Of several libavif takes the first and libheif the last; of a grid's and its tiles' libavif takes the grid's and
    libheif the tiles', and only libheif that of some tiles.
    """
    if len(own) > 1:
        refuse("Expected one transparency of a picture; found several")
    if any(tiles) and (own or not all(tiles)):
        refuse("Expected transparency of a grid or of all its tiles; found both, or that of some")


def _check_depth(meta: Meta, sources: dict[int, list[int]]) -> None:
    """Refuse derivations that refer to themselves, or go deeper than a grid of identity crops."""
    level = {meta.primary}
    for _ in range(_DEEPEST + 1):
        level = {t for of in level for t in sources.get(of, ())}
        if not level:
            return
    refuse(f"Expected derived pictures at most {_DEEPEST} deep; found more, or a circle")


def turned_by_xmp(data: bytes, meta: Meta) -> Item | None:
    """Give the XMP item that turns an AVIF picture for Pillow: where neither irot nor imir nor Exif says how.

    The standard knows no orientation in XMP; libavif, libheif and browsers take none from there. Pillow does
    (`Image.getexif`), so a packet of the orientation alone stays for it. Of several items libavif gives it the last.
    """
    kinds = {meta.properties[i].kind for i in meta.items[meta.primary].properties if i < len(meta.properties)}
    if kinds & {b"irot", b"imir"}:
        return None
    said, found, unread = None, None, 2 * len(data)
    about = {of for kind, of, to in meta.references if kind == b"cdsc" and meta.primary in to}
    for item in meta.items.values():
        if item.id not in about or (item.kind != b"Exif" and item.content != _XMP):
            continue
        try:
            raw = bytes(raw_bytes(data, meta, item, unread))
        except ImageRefused:
            continue
        unread -= len(raw)
        if item.kind == b"Exif":
            said = exif.orientation_of(raw[4 + int.from_bytes(raw[:4], "big") :])
        else:
            found = item if (xmp.orientation_of(raw) or 1) > 1 else None
    return found if said is None else None


def add_rights(meta: Meta, rights: Rights) -> list[Item]:
    """Make the Exif item (23008-12, A.2.1) of the rights that are kept; none where there are none.

    It says no orientation: `irot` and `imir` do, and Pillow asks an Exif without one no further than XMP.
    """
    block = exif.build(rights=rights)
    if not block:
        return []
    item = Item(max(meta.items) + 1, b"Exif", made=bytes(4) + block)
    meta.references.append((b"cdsc", item.id, (meta.primary,)))
    return [item]


def _unreadable(meta: Meta, item: Item) -> str:
    """Say why readers pass an item over (23008-12, 9.3.1); empty where they do not."""
    kinds = {meta.properties[i].kind: i in item.essential for i in item.properties if i < len(meta.properties)}
    unknown = [kind for kind, essential in kinds.items() if essential and kind not in KNOWN]
    if unknown:
        return f"with the essential property {text(unknown[0])}"
    if item.kind in _CODED and _CONFIGURATIONS[item.kind] not in kinds:
        return f"without {text(_CONFIGURATIONS[item.kind])}"
    return ""


def _is_alpha(data: bytes, meta: Meta, item: Item) -> bool:
    if _unreadable(meta, item):
        return False
    for prop in _properties(meta, item):
        if prop.kind == b"auxC":
            return says_alpha(data, prop.body + 4, prop.end)
    return False


def _properties(meta: Meta, item: Item) -> list[Box]:
    if any(i >= len(meta.properties) for i in item.properties):
        refuse("Expected associations with properties that exist; found others")
    return [meta.properties[i] for i in item.properties]


# What libavif decodes a picture by, the configuration first; without turns and crops, which would hide its end.
_DECODED_BY = (b"av1C", b"ispe", b"pixi")


def payload(data: bytes, meta: Meta, item: Item, dropped: Dropped, scan: Scan | None) -> bytes | memoryview:
    """Give an item's bytes with what a decoder needs only; with a budget `scan`, nothing behind the last block."""
    if item.made:
        return item.made
    raw = raw_bytes(data, meta, item, len(data))
    if item.kind == b"hvc1":
        config = [(i, p) for i, p in zip(item.properties, _properties(meta, item), strict=True) if p.kind == b"hvcC"]
        if len({i for i, _ in config}) != 1:
            refuse("Expected one HEVC configuration; found none, or several")
        index, found = config[0]
        if index not in meta.configurations:
            reading = Dropped()  # what of it goes is counted where it is written
            meta.configurations[index] = hevc_configuration(data, found.body, found.end, reading)
            dropped.read(reading.units, reading.sets)
        configuration = meta.configurations[index]
        new, used = hevc(raw, replace(configuration, sets=dict(configuration.sets)), dropped)
        meta.used.setdefault(index, Used()).add(used)
        return new
    if item.kind == b"av01":
        coded = _av1_item(data, meta, item, raw, dropped)
        if scan is None:
            return coded
        needed = {p.kind: rebuild(data, p, Dropped()) for p in _properties(meta, item) if p.kind in _DECODED_BY}
        new = without_tail(coded, [needed[kind] or b"" for kind in _DECODED_BY if needed.get(kind)], scan)
        dropped.count += new is not coded
        return new
    if item.kind == b"mime":
        return xmp.build(xmp.orientation_of(bytes(raw)) or 1)
    new = derived(item.kind, raw, [_sizes(data, meta, meta.items[i]) for i in meta.inputs.get(item.id, ())])
    dropped.count += len(raw) > len(new)
    return new


def _av1_item(data: bytes, meta: Meta, item: Item, raw: memoryview, dropped: Dropped) -> bytes | memoryview:
    """Give the layers that the item's properties choose: a1op the operating point, lsel the layer (AVIF 2.3.2)."""
    known: Sequence | None = None
    point, highest = 0, 0xFFFF
    for prop in _properties(meta, item):
        if prop.kind == b"av1C":
            known = av1c(data, prop.body, prop.end, Dropped())[1]
        elif prop.kind == b"a1op":
            point = _fields(data, prop).uint(1) & 31
        elif prop.kind == b"lsel":
            highest = _fields(data, prop).uint(2)
    coded, known = av1(raw, known, dropped, Layers(point, highest))
    if known is not None and known.points[point]:
        meta.layered.add(item.id)
    return coded


def _sizes(data: bytes, meta: Meta, item: Item) -> set[tuple[int, int]]:
    """Give the sizes that an item may be taken to have: libheif crops and turns inputs, libavif does not."""
    if item.id in meta.sizes:
        return meta.sizes[item.id]
    across = down = 0
    stated: set[tuple[int, int]] = set()
    for prop in _properties(meta, item):
        fields = _fields(data, prop)
        if prop.kind == b"ispe":
            fields.version()
            across, down = fields.many("II")
            stated.add((across, down))
        elif prop.kind == b"clap":
            width, by, height, over = fields.many("IIII")
            across, down = width // max(by, 1), height // max(over, 1)
        elif prop.kind == b"irot" and fields.uint(1) & 1:
            across, down = down, across
    if not stated:
        refuse("Expected inputs that have a size; found one without")
    meta.sizes[item.id] = stated | {(across, down)}
    return meta.sizes[item.id]


def payloads(
    data: bytes, meta: Meta, kept: list[Item], dropped: Dropped, scan: Scan | None = None
) -> tuple[list[bytes | memoryview], list[tuple[int, int]]]:
    """Give the bytes of all kept items, equal ones once, and each item's (offset, size) in what they make together."""
    alike: dict[tuple[object, ...], tuple[object, ...]] = {}
    known: dict[tuple[object, ...], bytes | memoryview] = {}
    first: dict[tuple[object, ...], int] = {}
    places: dict[bytes | memoryview, int] = {}
    extents = []
    total = read = at = 0
    for item in kept:
        derived_of = tuple(meta.inputs.get(item.id, ()))
        place = (item.kind, item.method, tuple(item.extents), tuple(item.properties), item.made, derived_of)
        if place not in alike:
            raw = b"" if item.made else raw_bytes(data, meta, item, len(data))
            read += len(raw)
            if read > 2 * len(data):
                refuse("Expected items that use each byte once; found more")
            alike[place] = (item.kind, raw, *place[3:])
        key = alike[place]
        if key not in known:
            known[key] = payload(data, meta, item, dropped, scan)
            total += len(known[key])
            if total > 2 * len(data):
                refuse("Expected items that use each byte once; found more")
            first[key] = item.id
        elif first[key] in meta.layered:
            meta.layered.add(item.id)
        new = known[key]
        if new not in places:
            places[new] = at
            at += len(new)
        extents.append((places[new], len(new)))
    return list(places), extents


def _references(meta: Meta, kept: Mapping[int, bytes]) -> dict[tuple[bytes, int], list[int]]:
    """Give the references between kept items that say something, those of a type and item together.

    Inputs come in their order, and may come again; all else is said once.
    """
    found: dict[tuple[bytes, int], list[int]] = {}
    for kind, of, targets in meta.references:
        for to in targets:
            says = (
                of in kept
                and to in kept
                and (
                    (kind == b"dimg" and of in meta.inputs)
                    or (kind == b"auxl" and meta.alphas.get(to) == of)
                    or (kind == b"prem" and meta.alphas.get(of) == to)
                    or (kind == b"cdsc" and to == meta.primary and kept[of] in _DESCRIBING)
                )
            )
            mine = found.setdefault((kind, of), []) if says else []
            if says and (kind == b"dimg" or to not in mine):
                mine.append(to)
    return found


# What readers ask of a tile, and of transparency: how to decode it, its size, and how it is cropped and turned.
_OF_PARTS = frozenset({b"hvcC", b"av1C", b"ispe", b"pixi", b"irot", b"imir", b"clap", b"auxC", b"lsel", b"a1op"})


def _described(data: bytes, meta: Meta, kept: list[Item], dropped: Dropped) -> dict[int, list[bytes]]:
    """Write the properties of each kept picture again, those alone that a reader asks it for."""
    grids = [meta.items[of] for of in meta.inputs if meta.items[of].kind == b"grid"]
    tiles = {tile for grid in grids for tile in meta.inputs[grid.id]}
    # libheif takes the colour of a grid, and where that has none the first tile's
    says = {of.id: {_colour(data, p) for p in _properties(meta, of) if p.kind == b"colr"} for of in grids}
    coloured = {tile: says[grid.id] for grid in grids for tile in meta.inputs[grid.id]}
    parts = _transparencies(meta)
    cache: dict[int, bytes | None] = {}
    found: dict[int, list[bytes]] = {}
    for item in kept:
        if item.kind in _DESCRIBING:
            continue
        _properties(meta, item)
        once: dict[bytes, bytes] = {}
        for index, times in Counter(item.properties).items():
            prop = meta.properties[index]
            kind = prop.kind
            part = item.id in tiles or item.id in parts
            colour = kind == b"colr" and item.id not in parts and _colour(data, prop) not in coloured.get(item.id, ())
            layers = item.id in meta.layered or kind not in _OF_LAYERS
            if (part and kind not in _OF_PARTS and not colour) or kind in _OTHER_CODES[item.kind] or not layers:
                continue
            if index not in cache:
                cache[index] = rebuild(data, prop, dropped, meta.used.get(index))
            new = cache[index]
            if new is None:
                continue
            # One colr may hold a profile and one numbers (MIAF 7.3.6.4); all else describes an item once. libheif turns
            # twice what is told to turn twice, be it by the same box.
            name = new[4:12] if kind == b"colr" else kind
            again = name in once or times > 1
            if again and (once.get(name, new) != new or kind in _TRANSFORMS):
                refuse(f"Expected one {text(kind)} property of an item; found several")
            once[name] = new
        found[item.id] = list(once.values())
    for grid in grids:
        if len({tuple(n for n in found[tile] if n[4:8] == b"colr") for tile in meta.inputs[grid.id]}) > 1:
            refuse("Expected tiles of one colour space; found several")
    return found


def _colour(data: bytes, prop: Box) -> bytes:
    """Tell numbers (nclx) from a profile."""
    kind = data[prop.body : prop.body + 4]
    return b"prof" if kind == b"rICC" else kind


def _transparencies(meta: Meta) -> set[int]:
    """Give the items that transparency is made of."""
    found = set(meta.alphas.values())
    for _ in range(_DEEPEST):
        found |= {source for of in found for source in meta.inputs.get(of, ())}
    return found


def write_meta(
    data: bytes, meta: Meta, kept: list[Item], extents: list[tuple[int, int]], mdat: int, dropped: Dropped
) -> bytes:
    """Write a `meta` box for `kept`; their bytes stand at `extents` (offset, size) from byte `mdat` of the new file."""
    number = {item.id: i + 1 for i, item in enumerate(kept)}
    tiles = {tile for targets in meta.inputs.values() for tile in targets}
    # 23008-12, 6.4.2: flag 1 hides what is shown as part of another picture only
    infos = [
        full_box(
            b"infe",
            2,
            int(item.id in tiles),
            struct.pack(">HH4sB", number[item.id], 0, item.kind, 0),
            _XMP + b"\0" if item.kind == b"mime" else b"",
        )
        for item in kept
    ]
    places = [
        struct.pack(">HHHII", number[item.id], 0, 1, mdat + at, size)
        for item, (at, size) in zip(kept, extents, strict=True)
    ]
    refs = [
        box(kind, struct.pack(f">HH{len(to)}H", number[of], len(to), *(number[t] for t in to)))
        for (kind, of), to in _references(meta, {item.id: item.kind for item in kept}).items()
    ]
    table: dict[bytes, int] = {}
    links: list[tuple[int, list[int]]] = []
    for item_id, names in _described(data, meta, kept, dropped).items():
        if names:
            mine = [table.setdefault(n, len(table) + 1) | (0x8000 if n[4:8] in ESSENTIAL else 0) for n in names]
            links.append((number[item_id], mine))
    wide = len(table) > 127
    rows = []
    for owner, mine in links:
        row = [m if wide else (m & 0x7F) | (m >> 8 & 0x80) for m in mine]
        rows.append(struct.pack(f">HB{len(row)}{'H' if wide else 'B'}", owner, len(row), *row))
    return full_box(
        b"meta",
        0,
        0,
        full_box(b"hdlr", 0, 0, bytes(4), b"pict", bytes(13)),
        full_box(b"pitm", 0, 0, struct.pack(">H", number[meta.primary])),
        full_box(b"iloc", 0, 0, struct.pack(">HH", 0x4400, len(kept)), *places),
        full_box(b"iinf", 0, 0, struct.pack(">H", len(kept)), *infos),
        *([full_box(b"iref", 0, 0, *refs)] if refs else []),
        box(
            b"iprp",
            box(b"ipco", *table),
            full_box(b"ipma", 0, 1 if wide else 0, struct.pack(">I", len(links)), *rows),
        ),
    )
