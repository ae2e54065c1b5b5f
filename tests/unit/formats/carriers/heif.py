"""HEIF and AVIF (ISO/IEC 14496-12, 23008-12): boxes, items, properties, tracks, and units of the coded picture."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache, partial

from PIL import Image

from tests.unit.formats.carriers import icc
from tests.unit.formats.carriers.jpeg import exif_blocks
from tests.unit.formats.carriers.kit import PACKED, SECRET, TAILS, Carriers, photo, saved


def box(kind: bytes, *body: bytes) -> bytes:
    return struct.pack(">I4s", 8 + sum(map(len, body)), kind) + b"".join(body)


def full(kind: bytes, version: int, flags: int, *body: bytes) -> bytes:
    return box(kind, struct.pack(">I", version << 24 | flags), *body)


def inside(data: bytes, *path: bytes) -> bytes:
    """The body of a box, down a path of names; a full box's version is skipped where it holds boxes."""
    for kind in path:
        at = 0
        while data[at + 4 : at + 8] != kind:
            at += int.from_bytes(data[at : at + 4], "big")
        data = data[at + 8 : at + int.from_bytes(data[at : at + 4], "big")]
        data = data[4:] if kind == b"meta" else data
    return data


@cache
def coded(mode: str = "RGB") -> tuple[bytes, bytes]:
    """An AV1 configuration and picture, as Pillow writes them."""
    data = saved(photo(mode), "AVIF", speed=10, subsampling="4:4:4")
    return inside(data, b"meta", b"iprp", b"ipco", b"av1C"), inside(data, b"mdat")


@dataclass
class Item:
    """One item: its type and bytes, its properties as places from 1, and what stands behind its type."""

    kind: bytes
    data: bytes
    properties: tuple[int, ...] = ()
    name: bytes = b""
    more: bytes = b""
    flags: int = 0
    protection: int = 0


@dataclass
class File:
    """A file of items, and where bytes that no decoder needs may be put into it."""

    items: list[Item]
    properties: list[bytes]
    references: list[bytes] = field(default_factory=list)
    handler: bytes = bytes(13)
    brands: bytes = b"avifmif1miaf"
    minor: bytes = bytes(4)
    in_meta: bytes = b""
    in_ipco: bytes = b""
    before: bytes = b""
    behind: bytes = b""
    gap: bytes = b""
    idat: bytes = b""
    kind: bytes = b"avif"

    def written(self) -> bytes:
        """Lay the file out: ftyp, what comes before, meta, mdat, what comes behind."""
        ftyp = box(b"ftyp", self.kind, self.minor, self.brands)
        meta = self._meta(0)
        at = len(ftyp) + len(self.before) + len(meta) + 8 + len(self.gap)
        body = self.gap + b"".join(i.data + self.gap for i in self.items)
        return ftyp + self.before + self._meta(at) + box(b"mdat", body) + self.behind

    def _meta(self, at: int) -> bytes:
        infos, places, links = [], [], []
        for number, item in enumerate(self.items, 1):
            body = struct.pack(">HH4s", number, item.protection, item.kind) + item.name + b"\0" + item.more
            infos.append(full(b"infe", 2, item.flags, body))
            places.append(struct.pack(">HHHII", number, 0, 1, at, len(item.data)))
            at += len(item.data) + len(self.gap)
            if item.properties:
                links.append(struct.pack(">HB", number, len(item.properties)) + bytes(item.properties))
        refs = [full(b"iref", 0, 0, *self.references)] if self.references else []
        return full(
            b"meta", 0, 0,
            full(b"hdlr", 0, 0, bytes(4), b"pict", self.handler), full(b"pitm", 0, 0, b"\0\1"),
            full(b"iloc", 0, 0, struct.pack(">HH", 0x4400, len(places)), *places),
            full(b"iinf", 0, 0, struct.pack(">H", len(infos)), *infos), *refs,
            box(b"iprp", box(b"ipco", *self.properties, self.in_ipco), full(b"ipma", 0, 0, struct.pack(">I",
            len(links)), *links)),
            *([box(b"idat", self.idat)] if self.idat else []), self.in_meta,
        )  # fmt: skip


ISPE = full(b"ispe", 0, 0, struct.pack(">II", 45, 37))


def base() -> File:
    config, picture = coded()
    properties = [box(b"av1C", config), ISPE, full(b"pixi", 0, 0, b"\3\x08\x08\x08")]
    return File([Item(b"av01", picture, (0x81, 2, 3))], properties)


def with_item(kind: bytes, data: bytes, how: bytes = b"", more: bytes = b"", **fields: object) -> bytes:
    file = base()
    file.items.append(Item(kind, data, more=more, **fields))  # type: ignore[arg-type]
    if how:
        file.references.append(box(how, struct.pack(">HHH", 2, 1, 1)))
    return file.written()


def with_property(*new: bytes) -> bytes:
    """Give the picture further properties."""
    file = base()
    file.properties += new
    file.items[0].properties += tuple(range(4, 4 + len(new)))
    return file.written()


def changed(**fields: object) -> bytes:
    file = base()
    for name, value in fields.items():
        setattr(file, name, value)
    return file.written()


def carriers() -> Carriers:
    uuid = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
    mime = b"application/rdf+xml\0"
    for name, data in (
        ("Exif", with_item(b"Exif", bytes(4) + SECRET, b"cdsc")),
        ("XMP", with_item(b"mime", b"<x>" + SECRET, b"cdsc", mime)),
        ("XMP, deflated", with_item(b"mime", PACKED, b"cdsc", mime + b"deflate\0")),
        ("a content type", with_item(b"mime", b"x", b"cdsc", SECRET + b"\0")),
        ("a content encoding", with_item(b"mime", b"x", b"cdsc", mime + SECRET + b"\0")),
        ("an item's name", with_item(b"mime", b"x", b"cdsc", mime, name=SECRET)),
        ("a URI item", with_item(b"uri ", SECRET, b"cdsc", b"urn:" + SECRET + b"\0")),
        ("an unknown item", with_item(b"hide", SECRET)),
        ("a hidden item", with_item(b"hide", SECRET, flags=1)),
        ("a protected item", with_item(b"hide", SECRET, protection=1)),
        ("a JUMBF item", with_item(b"jumb", SECRET)),
        ("a tmap item", with_item(b"tmap", SECRET, b"dimg")),
        ("the handler's name", changed(handler=bytes(12) + SECRET + b"\0")),
        ("the handler's reserved fields", changed(handler=SECRET + b"\0")),
        ("the minor version and a brand", changed(minor=SECRET[:4], brands=b"avifmif1" + SECRET)),
        ("bytes between items", changed(gap=SECRET)),
        ("idat that no item uses", changed(idat=SECRET)),
        ("a property that no item has", changed(in_ipco=box(b"udes", SECRET))),
    ):
        yield name, data
    for kind in (b"thmb", b"auxl", b"prem", b"cdsc", b"base", b"exbl", b"mine"):
        yield (
            f"a picture as {kind.decode()}",
            with_item(b"av01", coded()[1] + obu(5, SECRET), kind, properties=(0x81, 2, 3)),
        )
    for kind in (
        b"uuid",
        b"free",
        b"skip",
        b"udta",
        b"mdat",
        b"moof",
        b"sidx",
        b"meco",
        b"pdin",
        b"styp",
        b"ftyp",
        b"jumb",
        b"mine",
        b"wide",
        b"prft",
        b"emsg",
        b"ssix",
    ):
        name = kind.decode()
        body = uuid * (kind == b"uuid") + SECRET
        if kind != b"ftyp":
            yield f"{name} box in front", changed(before=box(kind, body))
        yield f"{name} box behind", changed(behind=box(kind, body))
        yield f"{name} box in meta", changed(in_meta=box(kind, body))
        yield f"{name} box in ipco", changed(in_ipco=box(kind, body))
    yield "a size of 64 bits", changed(behind=struct.pack(">I4sQ", 1, b"free", 16 + len(SECRET)) + SECRET)
    yield "a box without a size", changed(behind=struct.pack(">I4s", 0, b"free") + SECRET)
    for kind in (b"ipro", b"grpl", b"xml ", b"bxml", b"iprt", b"dinf", b"fiin", b"mere"):
        yield f"{kind.decode()} box in meta", changed(in_meta=full(kind, 0, 0, SECRET))
    for i, tail in enumerate(TAILS):
        yield f"tail {i} of the file", changed(behind=tail)
    yield from _properties()
    yield from _units()
    yield from _tracks()
    yield from _tables()
    for name, profile in icc.profiles():
        yield f"profile: {name}", with_property(box(b"colr", b"prof", profile))
    for name, block in exif_blocks():
        yield f"Exif: {name}", with_item(b"Exif", bytes(4) + block, b"cdsc")


def _properties() -> Carriers:
    for kind in (
        b"udes",
        b"altt",
        b"crtt",
        b"mdft",
        b"auxC",
        b"rref",
        b"rloc",
        b"ccdc",
        b"cmin",
        b"cmex",
        b"wipe",
        b"fade",
        b"aebr",
        b"iscl",
        b"mine",
        b"uuid",
        b"free",
        b"subs",
        b"tols",
        b"oinf",
        b"reve",
        b"ndwt",
        b"hvcC",
    ):
        if kind != b"hvcC":
            yield f"property {kind.decode()}", with_property(full(kind, 0, 0, SECRET + b"\0"))
    yield "tail of ispe", with_property(full(b"ispe", 0, 0, struct.pack(">II", 45, 37) + SECRET))
    for kind, fits in ((b"pasp", 8), (b"clli", 4), (b"mdcv", 24), (b"cclv", 25), (b"amve", 8), (b"lsel", 2)):
        yield f"tail of {kind.decode()}", with_property(box(kind, bytes(fits) + SECRET))
    for kind, fits in ((b"pasp", 8), (b"clli", 4), (b"mdcv", 24), (b"amve", 8)):
        yield f"{kind.decode()} of anything", with_property(box(kind, (SECRET * 2)[:fits]))
    yield "cclv of anything", with_property(box(b"cclv", b"\x3c" + SECRET * 3))
    yield "pixi of twelve channels", with_property(full(b"pixi", 0, 0, b"\x0c" + SECRET))
    yield "tail of pixi", with_property(full(b"pixi", 0, 0, b"\3\x08\x08\x08" + SECRET))
    yield "nclx with a tail", with_property(box(b"colr", b"nclx" + struct.pack(">HHHB", 1, 13, 6, 0xFF) + SECRET))
    yield "colr of another kind", with_property(box(b"colr", b"mine" + SECRET))
    yield "tail of irot", with_property(box(b"irot", b"\0" + SECRET))
    yield "clap of anything", with_property(box(b"clap", (SECRET * 3)[:32]))


def obu(kind: int, payload: bytes) -> bytes:
    return bytes((kind << 3 | 2, len(payload))) + payload


def with_tail(picture: bytes, tail: bytes) -> bytes:
    """Let the last OBU be longer."""
    at = start = 0
    while at < len(picture):
        size, shift, start, at = 0, 0, at, at + 1
        while True:
            byte, at = picture[at], at + 1
            size, shift = size | (byte & 127) << shift, shift + 7
            if byte < 128:
                break
        body, at = picture[at : at + size], at + size
    size += len(tail)
    length = bytes((size & 127 | 128, size >> 7 & 127 | 128, size >> 14))
    return picture[: start + 1] + length + body + tail


def _units() -> Carriers:
    config, picture = coded()
    for i, tail in enumerate(TAILS):
        file = base()
        file.items[0].data = with_tail(picture, tail)
        yield f"tail {i} behind the last block", file.written()
    for kind, name in ((5, "metadata"), (15, "padding"), (9, "reserved"), (2, "temporal delimiter"), (8, "tile list")):
        unit = obu(kind, b"\4" + SECRET if kind == 5 else SECRET)
        file = base()
        file.items[0].data = picture + unit
        yield f"{name} OBU behind the picture", file.written()
        file.items[0].data = unit + picture
        yield f"{name} OBU in front of the picture", file.written()
        file.properties[0] = box(b"av1C", config + unit)
        yield f"{name} OBU in av1C", file.written()
    header = obu(1, picture[2 : 2 + picture[1]] + SECRET)
    if picture[0] == 0x0A:
        file = base()
        file.items[0].data = header + picture[2 + picture[1] :]
        yield "tail of the sequence header", file.written()
    file = base()
    file.items[0].data = picture + picture + obu(5, SECRET)
    yield "a second picture", file.written()


def _tracks() -> Carriers:
    frames = [photo(), photo().rotate(180)]
    out = io.BytesIO()
    frames[0].save(out, "AVIF", speed=10, save_all=True, append_images=frames[1:], duration=100)
    data = out.getvalue()
    for tail in (SECRET, box(b"free", SECRET), box(b"udta", SECRET)):
        yield f"sequence with {tail[4:8].decode()} behind", data + tail
    dated = bytearray(data)
    for kind in (b"mvhd", b"tkhd", b"mdhd"):
        at = data.index(kind) + 8
        dated[at : at + 8] = SECRET[:8]
    yield "dates of a sequence", bytes(dated) + SECRET
    named = bytearray(data)
    at = data.index(b"av01", data.index(b"stsd")) + 4 + 42
    named[at : at + 32] = b"\x0c" + SECRET.ljust(31, b"\0")
    yield "name of the compressor", bytes(named)
    at = data.index(b"hdlr", data.index(b"mdia")) + 16
    end = data.index(b"\0", at + 13)
    if end - at - 12 >= len(SECRET):
        yield "name of a track's handler", data[: at + 12] + SECRET + data[at + 12 + len(SECRET) :]


def edited(body: bytes, path: tuple[bytes, ...], change: Callable[[bytes], bytes], more: bytes) -> bytes:
    """Change the body of the box down a path, and put `more` beside it."""
    out, at = b"", 0
    while at < len(body):
        end = at + int.from_bytes(body[at : at + 4], "big")
        kind, inner = body[at + 4 : at + 8], body[at + 8 : end]
        if kind == path[0]:
            inner = edited(inner, path[1:], change, more) if path[1:] else change(inner)
            out += more if not path[1:] else b""
        out += box(kind, inner)
        at = end
    return out


def sequence(path: bytes, change: Callable[[bytes], bytes] = bytes, more: bytes = b"") -> bytes:
    """A sequence of two pictures with a changed `moov`, which stands at the end so that samples stay where they are."""
    frames = [photo(), photo().rotate(180)]
    data = saved(frames[0], "AVIF", speed=10, save_all=True, append_images=frames[1:], duration=100)
    moov = box(b"moov", edited(inside(data, b"moov"), tuple(path.split()), change, more))
    return data.replace(b"moov", b"free", 1) + moov


def _longer(table: bytes, rows: int) -> bytes:
    return table[:4] + struct.pack(">I", int.from_bytes(table[4:8], "big") + rows) + table[8:] + SECRET * 2


def _overwritten(body: bytes, at: int, size: int) -> bytes:
    return body[:at] + SECRET[:size] + body[at + size :] + SECRET


def _tables() -> Carriers:
    table = b"trak mdia minf stbl "
    for kind, size in (
        (b"stts", 8),
        (b"stss", 4),
        (b"ctts", 8),
        (b"sdtp", 4),
        (b"cslg", 4),
        (b"sgpd", 4),
        (b"sbgp", 4),
    ):
        new = full(kind, 0, 0, struct.pack(">I", 24 // size), SECRET * 2)
        if kind in (b"stts", b"stss"):
            longer = partial(_longer, rows=24 // size)
            yield f"rows of {kind.decode()} that no sample has", sequence(table + kind, longer)
        else:
            yield f"{kind.decode()} of anything", sequence(table + b"stsz", more=new)
    for rows in (1, 3):
        edits = box(b"edts", full(b"elst", 0, 0, struct.pack(">I", rows), SECRET * rows))
        yield f"edit list of {rows} rows", sequence(b"trak mdia", more=edits)
    for kind, at, size in (
        (b"tkhd", 84, 8),
        (b"tkhd", 28, 8),
        (b"tkhd", 52, 12),
        (b"tkhd", 36, 8),
        (b"mdhd", 24, 8),
        (b"mdhd", 32, 4),
    ):
        path = b"trak mdia mdhd" if kind == b"mdhd" else b"trak tkhd"
        yield f"{size} bytes at {at} of {kind.decode()}", sequence(path, partial(_overwritten, at=at, size=size))
    for path in (
        b"mvhd",
        b"trak tkhd",
        b"trak mdia mdhd",
        b"trak mdia hdlr",
        b"trak mdia minf vmhd",
        table + b"stsd",
        table + b"stsz",
        table + b"stts",
        table + b"stco",
        table + b"stsc",
    ):
        yield f"tail of {path.split()[-1].decode()}", sequence(path, lambda old: old + SECRET)
        for kind in (b"udta", b"free", b"uuid", b"meta"):
            yield (
                f"{kind.decode()} beside {path.split()[-1].decode()}",
                sequence(path, more=box(kind, bytes(16) + SECRET)),
            )
    text = box(b"trak", box(b"mdia", full(b"hdlr", 0, 0, bytes(4) + b"text" + bytes(12) + SECRET), box(b"minf")))
    yield "a text track", sequence(b"trak", more=text)


def shown(data: bytes) -> list[object]:
    """What libavif shows of each frame."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            found: list[object] = []
            for number in range(getattr(image, "n_frames", 1)):
                image.seek(number)
                found.append((image.mode, image.size, image.tobytes()))
            return found
    except (OSError, SyntaxError, ValueError, RuntimeError):
        return []
