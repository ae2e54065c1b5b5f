"""Files that fuzzing starts from, made here: each kind of each format, with a mark in every place for metadata."""

from __future__ import annotations

import io
import struct
import zlib
from functools import cache
from typing import Any

from PIL import Image, ImageCms, PngImagePlugin

from photogate.formats import sniff, strip
from photogate.formats.bmff_boxes import box, full_box
from tests import hevc
from tests.heif_builder import Item, Layout, auxc, av1_item, exif_item, heif, hevc_item, mime_item
from tests.noise import noise

MARK = b"PlantedMark7f3a"
_C2PA = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
_XMP_UUID = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")


@cache
def exif(orientation: int = 6) -> bytes:
    tags = Image.Exif()
    tags[0x010F], tags[0x0112], tags[0x013B], tags[0x9286] = MARK.decode(), orientation, MARK.decode(), MARK
    tags.get_ifd(0x8825).update({1: "N", 2: (52.0, 31.0, 12.0), 29: MARK.decode()})
    tags.get_ifd(0x8769).update({0x9003: "2026:11:01 09:30:00", 0x927C: MARK})
    return tags.tobytes()[6:]


XMP = (
    b'<?xpacket begin=""?><x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/" '
    b'tiff:Orientation="8" tiff:Make="' + MARK + b'"><dc:creator><rdf:Seq><rdf:li>' + MARK + b"</rdf:li></rdf:Seq>"
    b"</dc:creator><Iptc4xmpExt:DigitalSourceType>http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture"
    b"</Iptc4xmpExt:DigitalSourceType></rdf:Description></rdf:RDF></x:xmpmeta>"
)
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def _table_profile() -> bytes:
    """A profile with curves and tables of both kinds, as printers have them."""
    curve = b"curv\0\0\0\0\0\0\0\2\0\0\xff\xff"
    para = b"para\0\0\0\0\0\3\0\0" + struct.pack(">5i", 157286, 62119, 3416, 5072, 2651)
    lut = b"mft1\0\0\0\0\3\3\2\0" + struct.pack(">9i", 65536, 0, 0, 0, 65536, 0, 0, 0, 65536) + bytes(range(256)) * 3
    lut += bytes(range(24)) + bytes(range(256)) * 3
    mab = b"mAB \0\0\0\0\3\3\0\0" + struct.pack(">5I", 32, 0, 0, 80, 128) + curve * 3
    mab += b"\2\2\2" + bytes(13) + b"\1\0\0\0" + bytes(range(24)) + bytes(4) + curve * 3
    tags = {b"desc": b"text\0\0\0\0" + MARK, b"A2B0": lut, b"A2B1": mab, b"B2A0": lut, b"zzzz": MARK}
    tags |= {b"wtpt": b"XYZ \0\0\0\0" + bytes(12), b"kTRC": para}
    at, table, body = 132 + 12 * len(tags), struct.pack(">I", len(tags)), b""
    for name, value in tags.items():
        value += bytes(-len(value) % 4)
        table += name + struct.pack(">II", at + len(body), len(value))
        body += value
    head = bytearray(128)
    head[0:4] = struct.pack(">I", at + len(body))
    head[8], head[12:24], head[36:40], head[80:88] = 4, b"prtrRGB Lab ", b"acsp", MARK[:8]
    return bytes(head) + table + body


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def jpegs() -> list[bytes]:
    found = []
    for mode, options in (
        ("RGB", {}),
        ("RGB", {"progressive": True}),
        ("RGB", {"restart_marker_rows": 1}),
        ("RGB", {"progressive": True, "restart_marker_blocks": 1}),
        ("L", {"optimize": True}),
        ("CMYK", {}),
        ("RGB", {"subsampling": 0}),
        ("RGB", {"icc_profile": PROFILE}),
    ):
        data = saved(noise((33, 21), mode), "JPEG", quality=60, comment=MARK, **options)
        more = b"".join(
            bytes((0xFF, marker)) + struct.pack(">H", len(body) + 2) + body
            for marker, body in (
                (0xE1, b"Exif\0\0" + exif()),
                (0xE1, b"http://ns.adobe.com/xap/1.0/\0" + XMP),
                (0xE2, b"MPF\0" + MARK),
                (0xEB, b"JP" + MARK),
                (0xED, b"Photoshop 3.0\0" + MARK),
            )
        )
        found.append(data[:2] + more + data[2:] + MARK)
    return found


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def pngs() -> list[bytes]:
    found = []
    for mode in ("RGB", "RGBA", "L", "LA", "1", "P", "I;16"):
        text = PngImagePlugin.PngInfo()
        text.add_text("Comment", MARK.decode())
        text.add_text("Artist", MARK.decode(), zip=True)
        text.add_itxt("XML:com.adobe.xmp", XMP.decode())
        image = noise((9, 7), "L").convert("I;16") if mode == "I;16" else noise((9, 7), mode)
        data = saved(image, "PNG", pnginfo=text, exif=exif(), dpi=(72, 72))
        data = data[:33] + _chunk(b"gAMA", struct.pack(">I", 45455)) + _chunk(b"prVt", MARK) + data[33:] + MARK
        found.append(data)
    frames = [noise((9, 9), seed=seed) for seed in (2, 3)]
    found.append(saved(noise((9, 9)), "PNG", save_all=True, append_images=frames, duration=70))
    found.append(saved(noise((9, 9)), "PNG", icc_profile=PROFILE, transparency=(1, 2, 3)))
    return found


def _riff(data: bytes, *more: tuple[bytes, bytes]) -> bytes:
    body = data[8:] + b"".join(k + struct.pack("<I", len(b)) + b + bytes(len(b) & 1) for k, b in more)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def webps() -> list[bytes]:
    found = []
    for mode, options in (("RGB", {}), ("RGB", {"lossless": True}), ("RGBA", {}), ("RGBA", {"lossless": True})):
        image = noise((18, 14), mode)
        if mode == "RGBA":
            image.putalpha(noise((18, 14), "L", seed=8))
        data = saved(image, "WEBP", exif=exif(), xmp=XMP, icc_profile=PROFILE, quality=40, **options)
        found += [_riff(data, (b"abcd", MARK), (b"C2PA", MARK)), saved(image, "WEBP", quality=40, **options)]
    frames = [noise((9, 9), seed=seed) for seed in (2, 3)]
    for options in ({}, {"lossless": True}):
        found.append(saved(noise((9, 9)), "WEBP", save_all=True, append_images=frames, duration=70, **options))
    return found


def gifs() -> list[bytes]:
    frames = [noise((9, 9), "P", seed=seed) for seed in (2, 3)]
    still = saved(noise((17, 11), "P"), "GIF", comment=MARK, transparency=3)
    moving = saved(noise((9, 9), "P"), "GIF", save_all=True, append_images=frames, duration=70, loop=2, comment=MARK)
    grey = saved(noise((17, 11), "L"), "GIF", interlace=1)
    application = b"\x21\xff\x0bXMP DataXMP" + MARK + b"\1\0"
    text = b"\x21\x01\x0c" + bytes(12) + bytes((len(MARK),)) + MARK + b"\0"
    return [still + MARK, moving, grey, still[:-1] + application + text + b";"]


def bmps() -> list[bytes]:
    found = [saved(noise((13, 9), mode), "BMP") for mode in ("1", "L", "P", "RGB", "RGBA")]
    (at,) = struct.unpack_from("<I", found[3], 10)
    found.append(found[3][:10] + struct.pack("<I", at + len(MARK)) + found[3][14:at] + MARK + found[3][at:] + MARK)
    palette = b"".join(bytes((i, 255 - i, i // 2, 0)) for i in range(256))
    for compression, depth, colours, codes in (
        (1, 8, 256, b"\4\x07\0\0\0\3\1\2\3s\0\2\1\0\2\5\0\1"),
        (2, 4, 16, b"\4\x37\0\0\0\4\x12\x34\0\1"),
    ):
        head = struct.pack("<IiiHHIIiiII", 40, 4, 2, 1, depth, compression, len(codes), 0, 0, colours, 0)
        start = 54 + 4 * colours
        found.append(
            struct.pack("<2sIHHI", b"BM", start + len(codes), 7, 7, start) + head + palette[: 4 * colours] + codes
        )
    masks = struct.pack("<4I", 0xF800, 0x7E0, 0x1F, 0)
    v5 = struct.pack("<IiiHHIIiiII", 124, 5, 3, 1, 16, 3, 36, 2835, 2835, 0, 0) + masks
    v5 += struct.pack("<I36x3IIIII", 0x4D424544, 0, 0, 0, 4, 124 + 36, len(PROFILE), 0)
    pixels = noise((6, 3), "RGB").tobytes()[:36]
    found.append(struct.pack("<2sIHHI", b"BM", 14 + 124 + 36 + len(PROFILE), 0, 0, 138) + v5 + pixels + PROFILE)
    return found


def tiffs() -> list[bytes]:
    found = []
    for mode, options in (
        ("RGB", {}),
        ("RGB", {"compression": "tiff_lzw"}),
        ("RGB", {"compression": "jpeg"}),
        ("RGB", {"compression": "packbits"}),
        ("RGB", {"big_tiff": True, "compression": "tiff_adobe_deflate"}),
        ("1", {"compression": "group4"}),
        ("1", {"compression": "group3"}),
        ("L", {"compression": "lzma"}),
        ("L", {"compression": "zstd"}),
        ("P", {}),
        ("CMYK", {"icc_profile": PROFILE}),
        ("F", {}),
    ):
        tags = {270: MARK.decode(), 305: MARK.decode(), 700: XMP, 33432: MARK.decode()}
        found.append(saved(noise((21, 13), mode), "TIFF", tiffinfo=tags, **options) + MARK)
    frames = [noise((9, 9), seed=seed) for seed in (2, 3)]
    found.append(saved(noise((9, 9)), "TIFF", save_all=True, append_images=frames))
    return found


def _jumbf() -> bytes:
    return box(b"jumb", box(b"jumd", MARK), b"http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia")


def _around(picture: Item, **layout: Any) -> bytes:
    """A picture with what phones and editors put beside it."""
    small = Item(picture.kind, picture.data, picture.properties, name=MARK)
    items = [picture, exif_item(exif()), mime_item(b"application/rdf+xml", XMP), small, Item(b"uri ", MARK, name=MARK)]
    references = [(b"cdsc", 2, (1,)), (b"cdsc", 3, (1,)), (b"thmb", 4, (1,))]
    form = Layout(
        brand=b"avif" if picture.kind == b"av01" else b"heic",
        gap=MARK,
        in_meta=(box(b"free", MARK),),
        after=(box(b"uuid", _C2PA, MARK), box(b"uuid", _XMP_UUID, XMP), box(b"free", MARK), box(b"skip", _jumbf())),
    )
    if picture.kind == b"hvc1":
        form.in_meta = (*form.in_meta, full_box(b"grpl", 0, 0, full_box(b"altr", 0, 0, struct.pack(">4I", 9, 2, 1, 4))))
    for name, value in layout.items():
        setattr(form, name, value)
    return heif(items, references, form)


def _grid(tile: Item, of: int = 2) -> bytes:
    side = 64
    items = [
        Item(
            b"grid",
            bytes((0, 0, 0, of - 1)) + struct.pack(">HH", side * of, side),
            (box(b"ispe", bytes(4), struct.pack(">II", side * of, side)),),
        )
    ]
    items += [Item(tile.kind, tile.data, tile.properties, hidden=True) for _ in range(of)]
    return heif(
        items,
        [(b"dimg", 1, range(2, 2 + of))],
        Layout(brand=b"avif" if tile.kind == b"av01" else b"heic", mdat_first=True),
    )


def heifs() -> list[bytes]:
    colour, grey = noise((16, 16)), noise((16, 16), "L")
    planted = hevc.Planted(MARK, MARK, MARK, timing=(1, 25))
    profile = box(b"colr", b"prof", PROFILE)
    found = []
    for code in (hevc_item, av1_item):
        picture = code(colour, box(b"irot", b"\1"), box(b"udes", MARK), profile)
        found += [
            _around(picture),
            _around(picture, mdat_first=True, iloc=1),
            _around(picture, mdat_first=True, iloc=2, infe=3, iinf=1, wide=True, large_mdat=True),
        ]
        inside = Item(picture.kind, picture.data, picture.properties, method=1)
        found.append(heif([inside], layout=Layout(iloc=1, brand=b"avif" if code is av1_item else b"heic")))
        found.append(_grid(code(noise((64, 64)))))
        alpha = code(grey, auxc())
        form = Layout(brand=b"avif" if code is av1_item else b"heic", mdat_first=True)
        found.append(
            heif(
                [code(colour), alpha, code(grey, auxc(b"urn:mpeg:hevc:2015:auxid:2"))],
                [(b"auxl", 2, (1,)), (b"auxl", 3, (1,))],
                form,
            )
        )
        canvas = bytes((0, 0)) + struct.pack(">8H", 0, 0, 0, 65535, 24, 24, 0, 0) + struct.pack(">HH", 8, 8)
        found.append(
            heif(
                [
                    Item(b"iovl", canvas, (full_box(b"ispe", 0, 0, struct.pack(">II", 24, 24)),)),
                    code(colour),
                    code(colour),
                ],
                [(b"dimg", 1, (2, 3))],
                form,
            )
        )
    found.append(heif([hevc_item(colour, planted=planted), exif_item(exif())]))
    found.append(heif([hevc_item(noise((40, 20), "L"))]))
    frames = [noise((9, 9), seed=seed) for seed in (2, 3)]
    found.append(saved(noise((9, 9)), "AVIF", save_all=True, append_images=frames, duration=70, speed=10))
    return found


@cache
def files() -> dict[str, list[bytes]]:
    """All of them, by format."""
    found: dict[str, list[bytes]] = {}
    for make in (jpegs, pngs, webps, gifs, bmps, tiffs, heifs):
        for data in make():
            found.setdefault(str(sniff(data)), []).append(data)
    return found


@cache
def parts() -> dict[str, list[bytes]]:
    """Seeds of the readers that stand within several containers."""
    return {
        "exif": [exif(), exif(1), exif()[:60], XMP],
        "icc": [PROFILE, _table_profile(), strip_of_icc(PROFILE)],
        "xmp": [XMP, XMP.replace(b"dc:creator", b"dc:rights").replace(b"rdf:Seq", b"rdf:Alt")],
    }


def strip_of_icc(profile: bytes) -> bytes:
    from photogate.formats import icc

    return icc.reduce(profile) or b""


@cache
def stripped(kind: str) -> list[bytes]:
    """What stripping makes of a format's files: what its second reader must know all of."""
    return [strip(data).data for data in files()[kind]]
