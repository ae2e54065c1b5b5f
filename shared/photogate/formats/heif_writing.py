"""The `meta` box of HEIF and AVIF, written: of the items that stay their entries, places, references and properties.

ISO/IEC 14496-12, 8.11 (meta, iloc, iinf, iref, pitm); ISO/IEC 23008-12, 6.4 (hidden items), 6.5 (properties) and 9.3
(ipma).
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Mapping

from photogate.formats.bmff_boxes import Box, box, full_box, text
from photogate.formats.bmff_coded import Dropped
from photogate.formats.container import refuse
from photogate.formats.heif_derived import DERIVED
from photogate.formats.heif_items import transparencies
from photogate.formats.heif_meta import XMP_CONTENT, Item, Meta, properties_of
from photogate.formats.heif_properties import ESSENTIAL, rebuild

__all__ = ["write_meta"]

_DESCRIBING = frozenset({b"mime", b"Exif"})
# Properties of pictures in another code, and of those with layers.
_OTHER_CODES = {b"hvc1": {b"av1C"}, b"av01": {b"hvcC"}, **{kind: {b"hvcC", b"av1C"} for kind in DERIVED}}
_OF_LAYERS = frozenset({b"a1op", b"lsel"})
_TRANSFORMS = frozenset({b"irot", b"imir", b"clap"})
# What readers ask of a tile, and of transparency: how to decode it, its size, and how it is cropped and turned.
_OF_PARTS = frozenset({b"hvcC", b"av1C", b"ispe", b"pixi", b"irot", b"imir", b"clap", b"auxC", b"lsel", b"a1op"})


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
            XMP_CONTENT + b"\0" if item.kind == b"mime" else b"",
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


def _described(data: bytes, meta: Meta, kept: list[Item], dropped: Dropped) -> dict[int, list[bytes]]:
    """Write the properties of each kept picture again, those alone that a reader asks it for."""
    grids = [meta.items[of] for of in meta.inputs if meta.items[of].kind == b"grid"]
    tiles = {tile for grid in grids for tile in meta.inputs[grid.id]}
    # libheif takes the colour of a grid, and where that has none the first tile's
    says = {of.id: {_colour(data, p) for p in properties_of(meta, of) if p.kind == b"colr"} for of in grids}
    coloured = {tile: says[grid.id] for grid in grids for tile in meta.inputs[grid.id]}
    parts = transparencies(meta)
    cache: dict[int, bytes | None] = {}
    found: dict[int, list[bytes]] = {}
    for item in kept:
        if item.kind in _DESCRIBING:
            continue
        properties_of(meta, item)
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
