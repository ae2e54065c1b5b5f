"""The boxes of HEIC, HEIF and AVIF (ISO/IEC 14496-12), items with type and role (23008-12), and coded units."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from photogate.errors import ImageRefused
from photogate.findings import MetadataCategory
from photogate.formats import exif, heif_report, isobmff
from photogate.formats.av1_units import obus
from photogate.formats.bmff_boxes import Box, Budget, boxes
from photogate.formats.bmff_coded import Dropped
from photogate.formats.container import Part
from photogate.formats.heif_meta import XMP_CONTENT, Item, Meta
from photogate.formats.heif_properties import rebuild
from photogate.inspection import icc, jumbf, xmp
from photogate.inspection.directories import exif_block
from photogate.inspection.outcome import Outcome
from photogate.inspection.tree import goes, stays, tiled

__all__ = ["parts"]

_C = MetadataCategory
_NOTES = {
    b"ftyp": "brands", b"meta": "items", b"mdat": "data of items and tracks", b"moov": "tracks",
    b"hdlr": "handler; its name goes", b"pitm": "which item is shown", b"iloc": "where items are",
    b"iinf": "which items there are", b"iref": "what items are made of", b"iprp": "properties", b"ipco": "properties",
    b"ipma": "which item has which property", b"idat": "data of items", b"dinf": "data references",
    b"grpl": "groups of items", b"uuid": "", b"free": "free space", b"skip": "free space", b"udta": "user data",
    b"ispe": "size", b"pixi": "bits", b"colr": "colour", b"pasp": "aspect", b"clap": "crop", b"irot": "orientation",
    b"imir": "orientation", b"hvcC": "HEVC configuration", b"av1C": "AV1 configuration", b"auxC": "auxiliary type",
    b"clli": "light level", b"mdcv": "mastering display", b"mvhd": "times; dates become zero", b"trak": "track",
    b"tkhd": "times; dates become zero", b"mdia": "media", b"mdhd": "times; dates become zero",
    b"stbl": "samples", b"mebx": "timed metadata", b"meco": "further meta boxes",
}  # fmt: skip
# Four-character codes of the boxes and items that MP4's registration authority lists and that photos hold.
_REGISTERED = frozenset(_NOTES) | frozenset(
    b"iods stsd stts ctts stss stsc stsz stco co64 elst edts minf vmhd smhd nmhd dref tref sgpd sbgp saio saiz sdtp "
    b"cslg infe Exif mime hvc1 av01 grid iovl iden tmap jpeg avc1 j2k1 unci hvt1 lhv1 dimg thmb auxl cdsc prem altr "
    b"ster cclv amve a1op a1lx lsel udes crtt mdft rloc oinf tols lhvC ccst auxi wide pnot meta cmex cmin vexu".split()
) | {b"uri ", b"url "}  # fmt: skip
_LEAF_SKIP = {b"meta": 4, b"iinf": 6, b"iref": 4, b"dref": 8, b"stsd": 8}
_CONTAINERS = frozenset(
    {
        b"meta",
        b"iprp",
        b"ipco",
        b"iinf",
        b"iref",
        b"moov",
        b"trak",
        b"mdia",
        b"minf",
        b"stbl",
        b"edts",
        b"dinf",
        b"udta",
    }
)
_NAL = {32: "VPS", 33: "SPS", 34: "PPS", 35: "delimiter", 36: "end of sequence", 37: "end of bitstream", 38: "filler",
        39: "SEI", 40: "SEI"}  # fmt: skip
_OBU = {1: "sequence header", 2: "temporal delimiter", 3: "frame header", 4: "tile group", 5: "metadata", 6: "frame",
        7: "redundant frame header", 8: "tile list", 15: "padding"}  # fmt: skip
_KEPT_OBU = frozenset({1, 3, 4, 6})


@dataclass(slots=True)
class _Tree:
    """What is known of the file while its boxes are walked.

    `kept` are ids of items, `rights` the tags of an Exif item among them, `scenes` items that show the scene again.
    """

    data: bytes
    outcome: Outcome
    meta: Meta | None = None
    kept: frozenset[int] = frozenset()
    rights: frozenset[int] = frozenset()
    roles: dict[int, str] = field(default_factory=dict)
    scenes: frozenset[int] = frozenset()
    tracks: dict[int, str] = field(default_factory=dict)
    samples: list[tuple[int, int]] = field(default_factory=list)
    properties: frozenset[int] = frozenset()
    budget: Budget = field(default_factory=Budget)


def parts(data: bytes, outcome: Outcome) -> Iterator[Part]:
    """List the boxes, items with their types and roles, and the ranges of `mdat` that something refers to."""
    tree = _Tree(data, outcome)
    try:
        file = isobmff.read(data)
        top = file.top
        tree.meta = file.meta
        tree.kept = frozenset(item.id for item in file.kept)
        if file.meta is not None:
            tree.roles = _roles(file.meta)
            tree.scenes = frozenset(of for kind, of, _ in file.meta.references if kind in (b"thmb", b"auxl"))
        _keep_rights(tree)
        tree.properties = frozenset(i for item in file.kept for i in item.properties)
        tree.tracks = {track.start: "kept" for track in file.tracks}
        tree.samples = [place for track in file.tracks for place in track.places]
    except ImageRefused:
        top = isobmff.top_boxes(data, Budget())
    for found in top:
        yield _box(tree, found, b"", not outcome.data)
    if top[-1].end < len(data):
        yield goes("trailing bytes", top[-1].end, len(data) - top[-1].end, "behind the boxes")


def _keep_rights(tree: _Tree) -> None:
    """Note which tags of the first Exif item stay: rights that were asked for, never a turn, which `irot` says."""
    items = tree.meta.items.values() if tree.meta is not None and tree.outcome.keep else ()
    item = next((item for item in items if item.kind == b"Exif"), None)
    if item is None or item.method or len(item.extents) != 1:
        return
    ((at, size, _),) = item.extents
    tree.rights = tree.outcome.kept_tags(tree.data[_tiff_header(tree.data, at) : at + size]) - {exif.ORIENTATION}
    if tree.rights:
        tree.kept |= {item.id}


def _tiff_header(data: bytes, at: int) -> int:
    """Say where the TIFF header of an Exif item at `at` stands (23008-12, A.2.1)."""
    return at + 4 + int.from_bytes(data[at : at + 4], "big")


def _name(kind: bytes) -> str:
    return kind.decode("latin-1").strip() if kind in _REGISTERED else "unregistered box"


def _box(tree: _Tree, found: Box, parent: bytes, lenient: bool) -> Part:
    kind, size = found.kind, found.end - found.start
    note, category = _NOTES.get(kind, ""), _C.OTHER
    stay = _stays(tree, found, parent)
    inside: tuple[Part, ...] = ()
    name = _name(kind)
    if kind == b"mdat" or (kind == b"idat" and tree.meta is not None):
        return _data_box(tree, found)
    if kind == b"uuid":
        return _uuid(tree, found)
    if kind in _CONTAINERS and not (kind == b"udta" and stay):
        inside = _children(tree, found, stay, lenient)
    elif kind == b"infe":
        return _info(tree, found)
    elif kind == b"colr" and stay and tree.data[found.body : found.body + 4] in (b"prof", b"rICC"):
        inner = icc.profile(tree.data, found.body + 4, found.end, tree.outcome.budget)
        inside = (stays("box header", found.start, found.body + 4 - found.start), *inner) if inner else ()
        note = "ICC profile; description, identity and dates go"
    if stay:
        return stays(name, found.start, size, note, inside)
    if kind == b"trak":
        note = "a further track: sound, text or metadata"
    return goes(name, found.start, size, note, inside, category)


def _stays(tree: _Tree, found: Box, parent: bytes) -> bool:
    kind = found.kind
    if not parent:
        return kind in (b"ftyp", b"mdat") or (kind == b"meta" and (tree.meta is not None or not tree.outcome.data)) or (
            kind == b"moov" and (bool(tree.tracks) or not tree.outcome.data)
        )  # fmt: skip
    allowed = isobmff.INSIDE.get(parent)
    if allowed is None:
        return parent in (b"dinf", b"dref", b"stsd")
    if kind not in allowed[1] and not (kind in (b"co64",) and parent == b"stbl"):
        return False
    if parent == b"moov" and kind == b"trak" and tree.outcome.data:
        return found.start in tree.tracks
    if parent == b"ipco" and tree.meta is not None and tree.outcome.data:
        index = next((i for i, p in enumerate(tree.meta.properties) if p.start == found.start), -1)
        return index in tree.properties and rebuild(tree.data, found, Dropped()) is not None
    return True


def _children(tree: _Tree, found: Box, stay: bool, lenient: bool) -> tuple[Part, ...]:
    skip = _LEAF_SKIP.get(found.kind, 0)
    if found.kind == b"iinf" and tree.data[found.body : found.body + 1] != b"\0":
        skip = 8
    try:
        inner = boxes(tree.data, found.body + skip, found.end, tree.budget)
    except ImageRefused:
        if not lenient and stay:
            raise
        return ()
    if not inner:
        return ()
    head = (stays if stay else goes)("box header", found.start, found.body + skip - found.start)
    kids = []
    for box in inner:
        part = _box(tree, box, found.kind, lenient)
        kids.append(part if stay else _dropped(part))
    return tiled([head, *kids], found.start, found.end, "padding")


def _dropped(part: Part) -> Part:
    """Say of a part and of all within it that it goes, since what it stands in goes."""
    category = part.category or _C.OTHER
    inside = tuple(_dropped(child) for child in part.children)
    return goes(part.name, part.offset, part.size, part.note.split(";")[0], inside, category)


def _uuid(tree: _Tree, found: Box) -> Part:
    kind = tree.data[found.body : found.body + 16]
    size = found.end - found.start
    if kind == heif_report.C2PA:
        # C2PA 2.1, A.5.1: version and flags, purpose, an offset, then the manifest store
        at = tree.data.find(b"\0", found.body + 20, found.end) + 9
        inside = jumbf.boxes(tree.data, at, found.end, tree.outcome.budget)
        head = goes("box header", found.start, at - found.start, category=_C.PROVENANCE)
        return goes("uuid C2PA", found.start, size, "provenance", (head, *inside) if inside else (), _C.PROVENANCE)
    if kind == heif_report.XMP:
        inside = xmp.packet(tree.data, found.body + 16, found.end, tree.outcome.budget)
        head = goes("box header", found.start, found.body + 16 - found.start)
        return goes("uuid XMP", found.start, size, "properties", (head, *inside) if inside else ())
    return goes("uuid", found.start, size, "unregistered")


_ROLES = {
    b"thmb": "thumbnail",
    b"auxl": "auxiliary: alpha, depth, gain map or matte",
    b"cdsc": "describes the picture",
}


def _roles(meta: Meta) -> dict[int, str]:
    """Say of each item that a reference names what it is to the picture; the first that names it counts."""
    roles = {meta.primary: "the picture"}
    for kind, of, targets in meta.references:
        if kind == b"dimg":
            for target in targets:
                roles.setdefault(target, "a tile or input of another picture")
        elif kind in _ROLES:
            roles.setdefault(of, _ROLES[kind])
    return roles


def _role(tree: _Tree, item: Item) -> str:
    return tree.roles.get(item.id) or ("a further picture" if item.kind in heif_report.PICTURES else "")


def _category(tree: _Tree, item: Item) -> MetadataCategory:
    """Say what an item that goes counts as: what shows a scene is a thumbnail, as in the report."""
    return _C.THUMBNAIL if item.id in tree.scenes or item.kind in heif_report.PICTURES else _C.OTHER


def _item_name(item: Item) -> str:
    kind = "XMP" if item.content == XMP_CONTENT else item.kind.decode("latin-1").strip()
    return f"item {item.id} {kind if item.kind in _REGISTERED else 'unregistered'}"


def _info(tree: _Tree, found: Box) -> Part:
    """Show an item's entry: its type and role; its name is nobody's business."""
    version = tree.data[found.body] if found.body < found.end else 0
    wide = 4 if version > 2 else 2
    number = int.from_bytes(tree.data[found.body + 4 : found.body + 4 + wide], "big")
    item = tree.meta.items.get(number) if tree.meta is not None else None
    size = found.end - found.start
    if tree.meta is None or item is None:
        return (goes if tree.outcome.data else stays)("infe", found.start, size)
    role = _role(tree, item)
    if item.id in tree.kept:
        return stays(f"infe {_item_name(item)}", found.start, size, role)
    return goes(f"infe {_item_name(item)}", found.start, size, role, category=_category(tree, item))


def _data_box(tree: _Tree, found: Box) -> Part:
    """Show which ranges of `mdat` or `idat` belong to which item or track, and which to none."""
    make = stays
    claims = [make("box header", found.start, found.body - found.start)]
    dropped = []
    for item in tree.meta.items.values() if tree.meta is not None else ():
        if item.method != (1 if found.kind == b"idat" else 0):
            continue
        base = found.body if item.method == 1 and tree.meta is not None else 0
        for at, size, _ in item.extents:
            if not size:
                size = found.end - base - at
            if found.body <= base + at and base + at + size <= found.end and size > 0:
                if item.id in tree.kept:
                    claims.append(_item(tree, item, base + at, size))
                else:
                    dropped.append(_item(tree, item, base + at, size))
    claims += [stays("sample", at, size, "a frame") for at, size in tree.samples if found.body <= at < found.end]
    known = tree.meta is not None or tree.samples
    inside = tiled([*claims, *dropped], found.start, found.end, "bytes that no item refers to") if known else ()
    name, size = found.kind.decode("latin-1"), found.end - found.start
    if inside and not any(part.stays for part in inside[1:]):
        return goes(name, found.start, size, _NOTES[found.kind], tuple(_dropped(part) for part in inside))
    return stays(name, found.start, size, _NOTES[found.kind], inside)


def _item(tree: _Tree, item: Item, at: int, size: int) -> Part:
    name, role = _item_name(item), _role(tree, item)
    whole = len(item.extents) == 1
    inside: tuple[Part, ...]
    if item.kind == b"Exif" and whole and size > 8:
        start, tags = _tiff_header(tree.data, at), tree.rights if item.id in tree.kept else frozenset[int]()
        make = stays if tags else goes
        inside = exif_block(tree.data, start, at + size, tags, tree.outcome.budget) if start < at + size else ()
        if inside:
            inside = tiled([make("offset of the TIFF header", at, start - at), *inside], at, at + size)
        return stays(name, at, size, "rights", inside) if tags else goes(name, at, size, role, inside)
    if item.id in tree.kept:
        inside = ()
        if whole and item.kind == b"hvc1":
            inside = _nal_units(tree.data, at, at + size)
        elif whole and item.kind == b"av01":
            inside = _obus(tree.data, at, at + size)
        return stays(name, at, size, role, inside if any(not part.stays for part in inside) else ())
    inside = ()
    if item.content == XMP_CONTENT and whole:
        inside = xmp.packet(tree.data, at, at + size, tree.outcome.budget)
    return goes(name, at, size, role, inside, _category(tree, item))


def _nal_units(data: bytes, start: int, end: int) -> tuple[Part, ...]:
    found: list[Part] = []
    at = start
    while at + 6 <= end:  # lengths are of four bytes in all that is in use
        stop = at + 4 + int.from_bytes(data[at : at + 4], "big")
        if stop > end or len(found) > 4096:
            return ()
        kind = data[at + 4] >> 1 & 63
        name = _NAL.get(kind, "slice" if kind < 32 else "unregistered NAL unit")
        found.append((stays if kind < 35 else goes)(f"NAL {name}", at, stop - at))
        at = stop
    return tiled(found, start, end)


def _obus(data: bytes, start: int, end: int) -> tuple[Part, ...]:
    found: list[Part] = []
    at = start
    for kind, _, _, stop in obus(data[start:end]):
        name = _OBU.get(kind, "reserved")
        found.append((stays if kind in _KEPT_OBU else goes)(f"OBU {name}", at, start + stop - at))
        at = start + stop
    return tiled(found, start, end)
