"""TIFF 6.0 and BigTIFF: tags, directories, strips and tiles in each compression, and bytes that no tag refers to."""

from __future__ import annotations

import io
import struct
import zlib

from PIL import Image

from tests.unit.formats.carriers import icc, kit
from tests.unit.formats.carriers.jpeg import PLAIN as JPEG
from tests.unit.formats.carriers.jpeg import put, segment, stuffed
from tests.unit.formats.carriers.kit import SECRET, TAILS, Carriers, photo, saved

Tags = dict[int, tuple[int, int, bytes]]
SIDE = 8
ROWS = bytes(x * 9 + y * 3 for y in range(SIDE) for x in range(SIDE))


def short(*values: int, order: str = "<") -> tuple[int, int, bytes]:
    return 3, len(values), struct.pack(f"{order}{len(values)}H", *values)


def long(*values: int, order: str = "<") -> tuple[int, int, bytes]:
    return 4, len(values), struct.pack(f"{order}{len(values)}I", *values)


def text(value: bytes) -> tuple[int, int, bytes]:
    return 2, len(value), value


def directory(tags: Tags, at: int, big: bool, order: str) -> bytes:
    """Write a directory that stands at `at`, its values behind it."""
    inline, count, wide = (8, "Q", "Q") if big else (4, "H", "I")
    head = struct.pack(order + count, len(tags))
    values_at = at + len(head) + len(tags) * (4 + 2 * inline) + inline
    values = b""
    for tag, (kind, number, value) in sorted(tags.items()):
        field = value.ljust(inline, b"\0")
        if len(value) > inline:
            field = struct.pack(order + wide, values_at + len(values))
            values += value + bytes(len(value) & 1)
        head += struct.pack(order + "HH" + wide, tag, kind, number) + field
    return head + bytes(inline) + values


def tiff(
    data: bytes = ROWS, more: Tags | None = None, *, big: bool = False, order: str = "<", gap: bytes = b"",
    tail: bytes = b"",
    said: int | None = None, without: tuple[int, ...] = (),
) -> bytes:  # fmt: skip
    """A page of 8 x 8 grey pixels whose one strip is `data`."""
    start = 16 if big else 8
    page: Tags = {
        256: short(SIDE, order=order), 257: short(SIDE, order=order), 258: short(8, order=order),
        259: short(1, order=order), 262: short(1, order=order), 277: short(1, order=order),
        278: short(SIDE, order=order), 273: long(start, order=order),
        279: long(len(data) if said is None else said, order=order), **(more or {}),
    }  # fmt: skip
    page = {tag: value for tag, value in page.items() if tag not in without}
    at = start + len(data) + len(gap)
    at += at & 1
    mark = b"II" if order == "<" else b"MM"
    head = mark + struct.pack(order + ("HHHQ" if big else "HI"), *((43, 8, 0, at) if big else (42, at)))
    return (head + data + gap).ljust(at, b"\0") + directory(page, at, big, order) + tail


PRIVATE = {
    "DocumentName": 269, "ImageDescription": 270, "Make": 271, "Model": 272, "PageName": 285, "Software": 305,
    "DateTime": 306,
    "Artist": 315, "HostComputer": 316, "InkNames": 333, "TargetPrinter": 337, "XMP": 700, "Copyright": 33432,
    "IPTC": 33723,
    "Photoshop": 34377, "GeoAsciiParams": 34737, "GDAL metadata": 42112, "GDAL no data": 42113, "ImageJ": 50839,
    "LSM": 34412,
    "NDPI": 65449, "ImageSourceData": 37724, "Annotations": 50255, "XPTitle": 40091, "XPAuthor": 40093,
    "UserComment": 37510,
    "MakerNote": 37500, "ImageID": 32781, "ClipPath": 343, "JPEGTables": 347, "FreeOffsets": 288, "HalftoneHints": 321,
    "TransferFunction": 301, "GrayResponseCurve": 291, "DotRange": 336, "a private tag": 65000,
    "Wang annotation": 32932,
    "SMinSampleValue": 340, "Indexed": 346, "StripRowCounts": 559, "PageNumber": 297, "ColorResponseUnit": 300,
    "SGI": 32997, "MD file": 33445, "MD user": 33449, "ICC as text": 34675, "ExposureTime": 33434, "Threshholding": 263,
}  # fmt: skip

# Tags that stay, and a secret in the values that they do not need.
KEPT = {
    "NewSubfileType": (254, long(0x504C4158)), "FillOrder": (266, short(0x504C)), "ExtraSamples": (338, (3, 6, SECRET)),
    "SampleFormat": (339, (3, 6, SECRET)), "ResolutionUnit": (296, (3, 6, SECRET)), "InkSet": (332, (3, 6, SECRET)),
    "PlanarConfiguration": (284, (3, 6, b"\1\0" + SECRET[:10])), "Orientation": (274, (3, 7, b"\1\0" + SECRET)),
    "BitsPerSample": (258, (3, 7, b"\x08\0" + SECRET)), "Compression": (259, (3, 7, b"\1\0" + SECRET)),
    "YCbCrSubSampling": (530, (3, 6, SECRET)), "YCbCrPositioning": (531, (3, 6, SECRET)),
    "XResolution": (282, (5, 1, SECRET[:8])), "XResolution as text": (282, text(SECRET)),
    "WhitePoint": (318, (5, 2, (SECRET * 2)[:16])), "PrimaryChromaticities": (319, (5, 6, SECRET * 4)),
    "ReferenceBlackWhite": (532, (5, 6, SECRET * 4)), "ColorMap": (320, (3, 768, SECRET * 128)),
    "YCbCrCoefficients": (529, (5, 3, SECRET * 2)), "Predictor": (317, (3, 6, b"\1\0" + SECRET[:10])),
    "StripOffsets": (273, (4, 4, struct.pack("<I", 8) + SECRET)), "StripByteCounts": (279, (4, 4, struct.pack("<I",
    64) + SECRET)),
    "RowsPerStrip": (278, (4, 4, struct.pack("<I", 8) + SECRET)), "ImageWidth": (256, (4, 4, struct.pack("<I",
    8) + SECRET)),
    "Orientation as text": (274, text(SECRET)), "ResolutionUnit as bytes": (296, (7, 12, SECRET)),
    "SamplesPerPixel": (277, (3, 7, b"\1\0" + SECRET)),
}  # fmt: skip


def carriers() -> Carriers:
    for name, tag in PRIVATE.items():
        yield name, tiff(more={tag: (7 if tag == 700 else 2, len(SECRET), SECRET)})
    for name, tag in (("DocumentName", 269), ("a private tag", 65000), ("XMP", 700)):
        for kind in (1, 3, 4, 5, 7, 12, 13, 99):
            yield (
                f"{name} as type {kind}",
                tiff(more={tag: (kind, 12 // {3: 2, 4: 4, 5: 8, 12: 8, 13: 4}.get(kind, 1), SECRET)}),
            )
        yield f"{name}, big", tiff(more={tag: (7, 12, SECRET)}, big=True)
        yield f"{name}, big endian", tiff(more={tag: (7, 12, SECRET)}, order=">")
    for name, (tag, value) in KEPT.items():
        yield f"values of {name}", tiff(more={tag: value})
    for big in (False, True):
        kind = "big" if big else "classic"
        for i, tail in enumerate(TAILS):
            yield f"tail {i} of the file, {kind}", tiff(big=big, tail=tail)
            yield f"tail {i} of the strip, {kind}", tiff(ROWS + tail, big=big)
        yield f"bytes that no tag refers to, {kind}", tiff(big=big, gap=SECRET)
        yield f"a strip that says it is longer, {kind}", tiff(big=big, gap=SECRET, said=len(ROWS) + 12)
    yield from _directories()
    yield from _coded()
    yield from _colours()
    yield from _jpegs()
    for name, profile in icc.profiles():
        yield f"profile: {name}", tiff(more={34675: (7, len(profile), profile)})


def _directories() -> Carriers:
    base = tiff()
    inner = directory({270: text(SECRET)}, len(base) + 200, False, "<")
    for tag, name in (
        (330, "SubIFDs"),
        (34665, "Exif IFD"),
        (34853, "GPS IFD"),
        (40965, "interoperability IFD"),
        (400, "GlobalParametersIFD"),
    ):
        whole = tiff(more={tag: long(len(base) + 200)})
        yield name, whole.ljust(len(base) + 200, b"\0") + inner
    out = io.BytesIO()
    thumb = photo("L", (8, 8))
    thumb.save(out, "TIFF", save_all=True, append_images=[thumb], tiffinfo={270: SECRET.decode()})
    yield "description of pages", out.getvalue()
    link = len(base) - 4
    for kind in (1, 4):  # small copies and masks of the first page, which Pillow would count as pages
        at = len(base) + (len(base) & 1)
        second = {
            256: short(3),
            257: short(4),
            254: long(kind),
            258: short(8),
            262: short(1),
            273: long(at + 300),
            279: long(12),
            278: short(4),
        }
        whole = base[:link] + struct.pack("<I", at)
        yield (
            f"a page of NewSubfileType {kind}",
            (whole.ljust(at, b"\0") + directory(second, at, False, "<")).ljust(at + 300, b"\0") + SECRET,
        )
    yield "a chain that leaves the file", base[:link] + struct.pack("<I", 1 << 20) + SECRET


def _coded() -> Carriers:
    """Tails of strips in each scheme that Pillow writes."""
    schemes = {
        "LZW": "tiff_lzw",
        "deflate": "tiff_adobe_deflate",
        "PackBits": "packbits",
        "LZMA": "lzma",
        "Zstandard": "zstd",
    }
    for name, scheme in schemes.items():
        yield from _tailed(name, saved(photo("L", (40, 30)), "TIFF", compression=scheme))
    for name, scheme in {"T.4": "group3", "T.6": "group4", "CCITT": "tiff_ccitt"}.items():
        yield from _tailed(name, saved(photo("L", (40, 30)).convert("1"), "TIFF", compression=scheme))
    rows = ROWS + SECRET
    yield "rows beyond the strip, deflate", tiff(zlib.compress(rows), {259: short(8)})
    yield "rows beyond the strip, PackBits", tiff(b"\x3f" + ROWS + b"\x0b" + SECRET, {259: short(32773)})
    yield "runs of PackBits that do nothing", tiff(b"\x80" * 9 + b"\x3f" + ROWS + b"\x80" + SECRET, {259: short(32773)})
    narrow = {256: short(5), 258: short(1), 262: short(1)}
    yield "bits behind the last pixel", tiff(SECRET[:8], narrow, gap=SECRET)
    tile = {322: short(16), 323: short(16), 324: long(8), 325: long(256)}
    rows = b"".join((ROWS[8 * y : 8 * y + 8] if y < 8 else b"").ljust(16, b"\0")[:4] + SECRET for y in range(16))
    yield "a tile beyond the picture", _tiled(rows, tile)
    yield "a tile's tail", _tiled(rows + SECRET, tile)
    yield "a tile beyond the picture, T.6", fax_tile(rows)
    yield "a tile beyond the picture, deflate", _tiled(zlib.compress(rows), {**tile, 259: short(8)})


def fax_tile(rows: bytes) -> bytes:
    """A picture of 4 x 8 pixels in one tile of 128 x 16, coded as T.6: what hides in it shows by decoding alone."""
    tile = {322: short(128), 323: short(16), 324: long(8), 258: short(1), 259: short(4)}
    return _tiled(_fax(rows), tile)


def _fax(rows: bytes) -> bytes:
    data = saved(Image.frombytes("1", (128, len(rows) // 16), rows), "TIFF", compression="group4")
    with Image.open(io.BytesIO(data)) as image:
        at, size = image.tag_v2[273][0], image.tag_v2[279][0]
    return data[at : at + size]


def _tiled(data: bytes, tags: Tags) -> bytes:
    return tiff(data, {**tags, 325: long(len(data)), 256: short(4)}, without=(273, 278, 279))


def _tailed(name: str, data: bytes) -> Carriers:
    """Move the one strip to the end, with a tail that its byte count includes."""
    with Image.open(io.BytesIO(data)) as image:
        places, sizes = image.tag_v2[273], image.tag_v2[279]
    if len(places) != 1:
        return
    for i, tail in enumerate(TAILS):
        strip = data[places[0] : places[0] + sizes[0]] + tail
        new = bytearray(data + bytes(len(data) & 1))
        (at,) = struct.unpack_from("<I", new, 4)
        for entry in range(struct.unpack_from("<H", new, at)[0]):
            tag = struct.unpack_from("<H", new, at + 2 + 12 * entry)[0]
            if tag in (273, 279):
                value = len(new) if tag == 273 else len(strip)
                struct.pack_into("<HII", new, at + 4 + 12 * entry, 4, 1, value)
        yield f"tail {i} of a strip, {name}", bytes(new) + strip


def _colours() -> Carriers:
    plain = [v * 257 for i in range(256) for v in (i,)] * 3
    table = struct.pack("<768H", *plain)
    yield "colours that no pixel uses", tiff(more={262: short(3), 320: (3, 768, table[:-12] + SECRET)})
    yield "colours of a grey picture", tiff(more={320: (3, 768, SECRET * 128)})
    yield (
        "colours and a further sample",
        tiff(
            bytes(v for p in ROWS for v in (p, 255)),
            {262: short(3), 277: short(2), 258: short(8, 8), 338: short(2), 320: (3, 768, table[:-12] + SECRET)},
        ),
    )
    bits = saved(photo("L", (8, 8)).convert("1"), "TIFF", compression="group4")
    with Image.open(io.BytesIO(bits)) as image:
        at, size = image.tag_v2[273][0], image.tag_v2[279][0]
    two = {258: short(1), 259: short(4), 262: short(3), 320: short(0, 65535, 0, 65535, 0, 30000)}
    yield "a picture of two colours in T.6", tiff(bits[at : at + size] + SECRET, two)
    wide = tiff(
        b"".join(bytes((p, p, p, 9)) for p in ROWS),
        {277: short(4), 258: short(8, 8, 8, 8), 262: short(2), 338: (3, 4, b"\0\0" + SECRET[:6])},
    )
    yield "ExtraSamples of a colour picture", wide + SECRET


def _jpegs() -> Carriers:
    whole = {
        256: short(45),
        257: short(37),
        277: short(3),
        258: short(8, 8, 8),
        262: short(6),
        259: short(7),
        278: short(37),
        530: short(1, 1),
    }
    yield "comment in a JPEG strip", tiff(put(JPEG, 2, segment(0xFE, SECRET)), whole)
    yield "APP1 in a JPEG strip", tiff(put(JPEG, 2, segment(0xE1, SECRET)), whole)
    yield "bytes behind EOI in a JPEG strip", tiff(JPEG + SECRET, whole)
    yield (
        "unused tables in JPEGTables",
        tiff(
            JPEG,
            {
                **whole,
                347: (
                    7,
                    86,
                    b"\xff\xd8"
                    + segment(0xDB, b"\3" + SECRET.ljust(64, b"\1"))
                    + segment(0xFE, SECRET[:9])
                    + b"\xff\xd9",
                ),
            },
        ),
    )
    for i, tail in enumerate(TAILS):
        yield f"tail {i} behind the last MCU of a JPEG strip", tiff(put(JPEG, len(JPEG) - 2, stuffed(tail)), whole)


def shown(data: bytes) -> list[object]:
    """The pages that are no reduced copies and no masks of others."""
    found = kit.shown(data)
    if not found:
        return found
    with Image.open(io.BytesIO(data)) as image:
        for number in range(len(found) - 1, 0, -1):
            image.seek(number)
            if image.tag_v2.get(254, 0) & 5:
                del found[number]
    return found
