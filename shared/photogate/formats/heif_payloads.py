"""The bytes of items of HEIF and AVIF that stay: what a decoder needs of each, equal ones once.

ISO/IEC 14496-15, 8 (HEVC); AVIF, 2 (AV1, a1op, lsel); ISO/IEC 23008-12, 6.6.2 (derived images).
"""

from __future__ import annotations

from dataclasses import replace

from photogate.formats import xmp
from photogate.formats.av1_sequence import Sequence
from photogate.formats.av1_units import Layers, av1, av1c
from photogate.formats.bmff_boxes import Fields
from photogate.formats.bmff_coded import Dropped
from photogate.formats.checked import Budget as Scan
from photogate.formats.container import refuse
from photogate.formats.heif_derived import derived
from photogate.formats.heif_meta import Item, Meta, properties_of, raw_bytes
from photogate.formats.heif_properties import rebuild
from photogate.formats.heif_scan import without_tail
from photogate.formats.hevc_units import Used, hevc, hevc_configuration

__all__ = ["payloads"]

# What libavif decodes a picture by, the configuration first; without turns and crops, which would hide its end.
_DECODED_BY = (b"av1C", b"ispe", b"pixi")


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
            known[key] = _payload(data, meta, item, dropped, scan)
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


def _payload(data: bytes, meta: Meta, item: Item, dropped: Dropped, scan: Scan | None) -> bytes | memoryview:
    """Give an item's bytes with what a decoder needs only; with a budget `scan`, nothing behind the last block."""
    if item.made:
        return item.made
    raw = raw_bytes(data, meta, item, len(data))
    if item.kind == b"hvc1":
        return _hevc_item(data, meta, item, raw, dropped)
    if item.kind == b"av01":
        coded = _av1_item(data, meta, item, raw, dropped)
        return coded if scan is None else _without_tail(data, meta, item, coded, dropped, scan)
    if item.kind == b"mime":
        return xmp.build(xmp.orientation_of(bytes(raw)) or 1)
    new = derived(item.kind, raw, [_sizes(data, meta, meta.items[i]) for i in meta.inputs.get(item.id, ())])
    dropped.count += len(raw) > len(new)
    return new


def _hevc_item(data: bytes, meta: Meta, item: Item, raw: memoryview, dropped: Dropped) -> bytes | memoryview:
    """Give the slices of a picture, and note the parameter sets that they use."""
    config = [(i, p) for i, p in zip(item.properties, properties_of(meta, item), strict=True) if p.kind == b"hvcC"]
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


def _av1_item(data: bytes, meta: Meta, item: Item, raw: memoryview, dropped: Dropped) -> bytes | memoryview:
    """Give the layers that the item's properties choose: a1op the operating point, lsel the layer (AVIF 2.3.2)."""
    known: Sequence | None = None
    point, highest = 0, 0xFFFF
    for prop in properties_of(meta, item):
        if prop.kind == b"av1C":
            known = av1c(data, prop.body, prop.end, Dropped())[1]
        elif prop.kind == b"a1op":
            point = Fields(data, prop.body, prop.end).uint(1) & 31
        elif prop.kind == b"lsel":
            highest = Fields(data, prop.body, prop.end).uint(2)
    coded, known = av1(raw, known, dropped, Layers(point, highest))
    if known is not None and known.points[point]:
        meta.layered.add(item.id)
    return coded


def _without_tail(
    data: bytes, meta: Meta, item: Item, coded: bytes | memoryview, dropped: Dropped, scan: Scan
) -> bytes | memoryview:
    """Leave out what stands behind the last block of a picture in AV1, and count it."""
    needed = {p.kind: rebuild(data, p, Dropped()) for p in properties_of(meta, item) if p.kind in _DECODED_BY}
    new = without_tail(coded, [needed[kind] or b"" for kind in _DECODED_BY if needed.get(kind)], scan)
    dropped.count += new is not coded
    return new


def _sizes(data: bytes, meta: Meta, item: Item) -> set[tuple[int, int]]:
    """Give the sizes that an item may be taken to have: libheif crops and turns inputs, libavif does not."""
    if item.id in meta.sizes:
        return meta.sizes[item.id]
    across = down = 0
    stated: set[tuple[int, int]] = set()
    for prop in properties_of(meta, item):
        fields = Fields(data, prop.body, prop.end)
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
