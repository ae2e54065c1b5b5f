"""HEIF and AVIF files from parts, in every form that ISO/IEC 14496-12, 8.11 and ISO/IEC 23008-12 allow."""

from __future__ import annotations

import io
import struct
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image

from photogate.formats.bmff_boxes import box, full_box
from tests import hevc


@dataclass
class Item:
    """One item; its id is its place in the list, from 1."""

    kind: bytes
    data: bytes = b""
    properties: Sequence[bytes] = ()
    content: bytes = b""
    hidden: bool = False
    name: bytes = b""
    method: int = 0
    pieces: int = 1
    protected: int = 0


@dataclass
class Layout:
    """How the file is written, where the standards leave a choice."""

    brand: bytes = b"heic"
    brands: Sequence[bytes] = (b"mif1",)
    primary: int = 1
    iloc: int = 0
    infe: int = 2
    iinf: int = 0
    wide: bool = False
    mdat_first: bool = False
    large_mdat: bool = False
    open_mdat: bool = False
    gap: bytes = b""
    in_meta: Sequence[bytes] = ()
    before: Sequence[bytes] = ()
    after: Sequence[bytes] = ()
    essential: Sequence[bytes] = ()


_ESSENTIAL = (b"hvcC", b"av1C", b"irot", b"imir", b"clap")


def ispe(width: int, height: int) -> bytes:
    return full_box(b"ispe", 0, 0, struct.pack(">II", width, height))


def pixi(*depths: int) -> bytes:
    return full_box(b"pixi", 0, 0, bytes((len(depths), *depths)))


def auxc(name: bytes = b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha", tail: bytes = b"") -> bytes:
    return full_box(b"auxC", 0, 0, name, b"\0", tail)


def hevc_item(image: Image.Image, *more: bytes, depth: int = 8, planted: hevc.Planted | None = None) -> Item:
    """A picture coded as HEVC."""
    coded = hevc.encode(image, depth=depth, planted=planted)
    depths = [depth] * (1 if coded.grey else 3)
    properties = (box(b"hvcC", coded.hvcc()), ispe(*image.size), pixi(*depths), *more)
    return Item(b"hvc1", hevc.prefixed(*coded.slices), properties)


def av1_item(image: Image.Image, *more: bytes) -> Item:
    """A picture coded as AV1, by Pillow's encoder."""
    out = io.BytesIO()
    image.save(out, "AVIF", speed=10)
    data = out.getvalue()
    found = {kind: data.index(kind) - 4 for kind in (b"av1C", b"pixi", b"mdat")}
    parts = {k: data[at : at + int.from_bytes(data[at : at + 4], "big")] for k, at in found.items()}
    return Item(b"av01", parts[b"mdat"][8:], (parts[b"av1C"], ispe(*image.size), parts[b"pixi"], *more))


def exif_item(block: bytes) -> Item:
    return Item(b"Exif", bytes(4) + block)


def mime_item(content: bytes, data: bytes) -> Item:
    return Item(b"mime", data, content=content)


def heif(
    items: Sequence[Item], references: Sequence[tuple[bytes, int, Sequence[int]]] = (), layout: Layout | None = None
) -> bytes:
    """Write a file of `items`; `references` are (kind, from, to)."""
    layout = layout or Layout()
    ftyp = box(b"ftyp", layout.brand, bytes(4), layout.brand, *layout.brands)
    size = 4 if layout.infe > 2 else 2

    def infe(number: int, item: Item) -> bytes:
        head = number.to_bytes(size, "big") + item.protected.to_bytes(2, "big") + item.kind + item.name + b"\0"
        return full_box(b"infe", layout.infe, int(item.hidden), head, item.content + b"\0" if item.content else b"")

    def iloc(at: int, in_idat: int) -> bytes:
        count = "I" if layout.iloc > 1 else "H"
        field_size, code = (8, "Q") if layout.wide else (4, "I")
        body = bytes((field_size << 4 | field_size, (field_size << 4 | field_size) if layout.iloc else 0))
        body += struct.pack(">" + count, len(items))
        for number, item in enumerate(items, 1):
            body += struct.pack(">" + count, number)
            if layout.iloc:
                body += item.method.to_bytes(2, "big")
            body += bytes(2)
            base = {0: at, 1: in_idat, 2: 0}[item.method]
            if layout.iloc:
                body += struct.pack(">" + code, base)
            step = -(-len(item.data) // item.pieces)
            body += struct.pack(">H", item.pieces)
            for piece in range(item.pieces):
                offset = piece * step
                if layout.iloc:
                    body += struct.pack(">" + code, 1)
                length = min(step, len(item.data) - offset)
                body += struct.pack(">" + 2 * code, offset if layout.iloc else base + offset, length)
            at += len(item.data) + len(layout.gap) if item.method == 0 else 0
            in_idat += len(item.data) if item.method == 1 else 0
        return full_box(b"iloc", layout.iloc, 0, body)

    table: list[bytes] = []
    links = b""
    for number, item in enumerate(items, 1):
        places = []
        for each in item.properties:
            if each not in table:
                table.append(each)
            places.append(table.index(each) + 1 | (0x80 if each[4:8] in (*_ESSENTIAL, *layout.essential) else 0))
        links += number.to_bytes(size, "big") + bytes((len(places), *places))
    idat = b"".join(item.data for item in items if item.method == 1)
    refs = [
        box(kind, struct.pack(f">{'I' if size > 2 else 'H'}H{len(to)}{'I' if size > 2 else 'H'}", of, len(to), *to))
        for kind, of, to in references
    ]  # fmt: skip

    def meta(at: int) -> bytes:
        return full_box(
            b"meta",
            0,
            0,
            full_box(b"hdlr", 0, 0, bytes(4), b"pict", bytes(12), b"\0"),
            full_box(b"pitm", int(size > 2), 0, layout.primary.to_bytes(size, "big")),
            iloc(at, 0),
            full_box(b"iinf", layout.iinf, 0, len(items).to_bytes(4 if layout.iinf else 2, "big"),
                     *(infe(n, i) for n, i in enumerate(items, 1))),
            *([full_box(b"iref", int(size > 2), 0, *refs)] if refs else []),
            box(b"iprp", box(b"ipco", *table),
                full_box(b"ipma", int(size > 2), 0, struct.pack(">I", len(items)), links)),
            *([box(b"idat", idat)] if idat else []),
            *layout.in_meta,
        )  # fmt: skip

    body = b"".join(item.data + layout.gap for item in items if item.method == 0)
    head = struct.pack(">I4s", 0 if layout.open_mdat else 8 + len(body), b"mdat")
    if layout.large_mdat:
        head = struct.pack(">I4sQ", 1, b"mdat", 16 + len(body))
    start = ftyp + b"".join(layout.before)
    if layout.mdat_first:
        return start + head + body + meta(len(start) + len(head)) + b"".join(layout.after)
    at = len(start) + len(meta(0)) + len(head)
    return (
        start
        + meta(at)
        + b"".join(layout.after if layout.open_mdat else ())
        + head
        + body
        + (b"" if layout.open_mdat else b"".join(layout.after))
    )
