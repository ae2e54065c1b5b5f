"""Which items of HEIF and AVIF stay: the picture, what it is made of, its transparency, and rights where they are kept.

ISO/IEC 14496-12, 8.11.4 (primary item); ISO/IEC 23008-12, 6.4 (roles of items), 6.5.8 (auxC), 6.6 (derived images) and
A.2.1 (Exif).
"""

from __future__ import annotations

from functools import cache

from photogate.errors import ImageRefused, Reason
from photogate.formats import exif, xmp
from photogate.formats.bmff_boxes import text
from photogate.formats.container import refuse
from photogate.formats.heif_derived import DERIVED
from photogate.formats.heif_meta import XMP_CONTENT, Item, Meta, properties_of, raw_bytes
from photogate.formats.heif_properties import KNOWN, says_alpha
from photogate.formats.rights import Rights

__all__ = ["add_rights", "kept_items", "transparencies", "turned_by_xmp"]

_CODED = frozenset({b"hvc1", b"av01"})
_CONFIGURATIONS = {b"hvc1": b"hvcC", b"av01": b"av1C"}
_DEEPEST = 5


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


def transparencies(meta: Meta) -> set[int]:
    """Give the items that transparency is made of."""
    found = set(meta.alphas.values())
    for _ in range(_DEEPEST):
        found |= {source for of in found for source in meta.inputs.get(of, ())}
    return found


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
        if item.id not in about or (item.kind != b"Exif" and item.content != XMP_CONTENT):
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
    for prop in properties_of(meta, item):
        if prop.kind == b"auxC":
            return says_alpha(data, prop.body + 4, prop.end)
    return False
