"""Copyright and creator: which carriers are read, which of several is believed, and what is written of them."""

import hashlib
import io
import struct

import pytest
from PIL import Image, PngImagePlugin, TiffImagePlugin

from photogate.errors import ImageRefused
from photogate.findings import Keep, MetadataCategory
from photogate.formats import exif, strip
from photogate.formats.container import Context, container_for
from photogate.formats.rights import Rights, decoded
from photogate.formats.sniff import sniff

BOTH = frozenset(Keep)
SECRET = b"SecretCaption"


def data_set(number: int, value: bytes, record: int = 2) -> bytes:
    return b"\x1c" + bytes((record, number)) + struct.pack(">H", len(value)) + value


def resource(number: int, content: bytes) -> bytes:
    return b"8BIM" + struct.pack(">HHI", number, 0, len(content)) + content + bytes(len(content) % 2)


IIM = data_set(80, b"By IPTC") + data_set(116, b"(c) IPTC") + data_set(120, SECRET) + data_set(90, b"Paris")
XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description xmlns:dc="http://purl.org/dc/elements/1.1/">'
    b"<dc:creator><rdf:Seq><rdf:li>By XMP</rdf:li><rdf:li>Second</rdf:li></rdf:Seq></dc:creator>"
    b'<dc:rights><rdf:Alt><rdf:li xml:lang="x-default">(c) XMP</rdf:li><rdf:li xml:lang="de">(c) DE</rdf:li></rdf:Alt>'
    b"</dc:rights></rdf:Description></rdf:RDF></x:xmpmeta>"
)


def segment(marker: int, body: bytes) -> bytes:
    return bytes((0xFF, marker)) + struct.pack(">H", len(body) + 2) + body


def jpeg(*segments: bytes, **options: object) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (16, 16), "teal").save(file, "JPEG", **options)
    data = file.getvalue()
    return data[:2] + b"".join(segments) + data[2:]


def photoshop(records: bytes = IIM, digest: bytes | None = None) -> bytes:
    blocks = resource(0x0404, records) + (resource(0x0425, digest) if digest is not None else b"")
    return segment(0xED, b"Photoshop 3.0\0" + blocks)


def xmp_segment() -> bytes:
    return segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + XMP)


def exif_of(creator: str = "By Exif", rights: str = "(c) Exif") -> Image.Exif:
    made = Image.Exif()
    made[0x013B], made[0x8298] = creator, rights
    return made


def kept(data: bytes, keep: frozenset[Keep] = BOTH) -> tuple[str, str]:
    """Give creator and copyright as Pillow reads them from the stripped file."""
    with Image.open(io.BytesIO(strip(data, keep=keep).data)) as image:
        if isinstance(image, TiffImagePlugin.TiffImageFile):
            return image.tag_v2.get(315, ""), image.tag_v2.get(33432, "")
        found = image.getexif()
        return found.get(0x013B, ""), found.get(0x8298, "")


def test_by_default_nothing_is_kept():
    data = jpeg(photoshop(), xmp_segment(), exif=exif_of())
    new = strip(data).data
    for text in (b"IPTC", b"XMP", b"Exif"):
        assert text not in new


def test_exif_is_believed_first_then_xmp_then_iptc():
    assert kept(jpeg(photoshop(), xmp_segment(), exif=exif_of())) == ("By Exif", "(c) Exif")
    assert kept(jpeg(photoshop(), xmp_segment())) == ("By XMP; Second", "(c) XMP")
    assert kept(jpeg(photoshop())) == ("By IPTC", "(c) IPTC")


def test_each_field_is_settled_by_itself():
    assert kept(jpeg(photoshop(), exif=exif_of(rights=""))) == ("By Exif", "(c) IPTC")
    assert kept(jpeg(photoshop()), frozenset({Keep.COPYRIGHT})) == ("", "(c) IPTC")


def test_iptc_that_was_changed_after_xmp_is_believed_before_it():
    current = hashlib.md5(IIM).digest()
    assert kept(jpeg(photoshop(digest=current), xmp_segment())) == ("By XMP; Second", "(c) XMP")
    assert kept(jpeg(photoshop(digest=bytes(16)), xmp_segment())) == ("By IPTC", "(c) IPTC")


def test_nothing_else_of_the_carriers_stays():
    new = strip(jpeg(photoshop(), xmp_segment()), keep=BOTH).data
    assert SECRET not in new
    assert b"Paris" not in new
    assert b"8BIM" not in new


def tiff(**tags: object) -> bytes:
    info, file = TiffImagePlugin.ImageFileDirectory_v2(), io.BytesIO()
    for tag, (kind, value) in tags.items():
        number = int(tag[1:])
        info.tagtype[number] = kind
        info[number] = value
    Image.new("RGB", (16, 16), "teal").save(file, "TIFF", tiffinfo=info)
    return file.getvalue()


def test_tiff_has_its_own_tags_and_reads_iptc_and_xmp():
    assert kept(tiff(t315=(2, "By tag"), t33432=(2, "(c) tag"))) == ("By tag", "(c) tag")
    assert kept(tiff(t33723=(7, IIM))) == ("By IPTC", "(c) IPTC")
    assert kept(tiff(t34377=(7, resource(0x0404, IIM)))) == ("By IPTC", "(c) IPTC")
    assert kept(tiff(t700=(7, XMP))) == ("By XMP; Second", "(c) XMP")


def test_iptc_that_a_tiff_holds_as_swapped_numbers_is_read():
    padded = IIM + bytes(-len(IIM) % 4)
    swapped = b"".join(padded[i : i + 4][::-1] for i in range(0, len(padded), 4))
    assert kept(tiff(t33723=(7, swapped))) == ("By IPTC", "(c) IPTC")


def test_png_reads_its_texts_last():
    info, file = PngImagePlugin.PngInfo(), io.BytesIO()
    info.add_text("Author", "By text")
    info.add_text("Copyright", "(c) text")
    image = Image.new("RGB", (16, 16), "teal")
    image.save(file, "PNG", pnginfo=info)
    assert kept(file.getvalue()) == ("By text", "(c) text")
    info.add_itxt("XML:com.adobe.xmp", XMP.decode())
    file = io.BytesIO()
    image.save(file, "PNG", pnginfo=info)
    assert kept(file.getvalue()) == ("By XMP; Second", "(c) XMP")


def test_png_reads_iptc_from_a_raw_profile():
    block = resource(0x0404, IIM)
    info, file = PngImagePlugin.PngInfo(), io.BytesIO()
    info.add_text("Raw profile type iptc", f"\niptc\n{len(block):8}\n{block.hex()}\n", zip=True)
    Image.new("RGB", (16, 16), "teal").save(file, "PNG", pnginfo=info)
    assert kept(file.getvalue()) == ("By IPTC", "(c) IPTC")


def test_webp_reads_exif_before_xmp_whatever_their_order():
    file = io.BytesIO()
    Image.new("RGB", (16, 16), "teal").save(file, "WEBP", exif=exif_of(), xmp=XMP)
    assert kept(file.getvalue()) == ("By Exif", "(c) Exif")


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"Z\xc3\xbcrich", "Zürich"),
        (b"Z\xfcrich", "Zürich"),
        (b"Photographer\0Editor\0", "Photographer; Editor"),
        (b"cut \xc3", "cut "),
    ],
)
def test_text_is_read_as_utf_8_or_else_latin_1(raw: bytes, text: str):
    assert decoded(raw) == text


def test_what_is_kept_is_one_short_line_of_printable_text():
    rights = Rights("a\tb\x00c\u202ed\u200be\n\nf", "x" * 10_000).cleaned()
    assert rights.copyright == "a b c d e f"
    assert len(rights.creator.encode()) == 4_095
    assert rights.cleaned() == rights


@pytest.mark.parametrize("text", ["two  blanks", "a\u202eb", " leading"])
def test_the_second_look_refuses_rights_that_were_not_cleaned(text: str):
    block = exif.build(6, Rights(copyright=text))
    with pytest.raises(ImageRefused, match="rights"):
        exif.verify(block)
    assert exif.verify(exif.build(6, Rights(copyright=text).cleaned())) == 6


def test_the_second_look_knows_kept_rights_in_each_format():
    for data in (jpeg(photoshop()), tiff(t33723=(7, IIM))):
        new = strip(data, keep=BOTH).data
        container_for(sniff(new)).verify(new)
        assert strip(new, keep=BOTH).data == new
        assert b"(c) IPTC" not in strip(new).data


def test_iptc_is_counted_by_what_its_fields_say():
    context = Context()
    container_for(sniff(jpeg())).rewrite(jpeg(photoshop()), context)
    found = {removed.category: removed.count for removed in context.tally.removed()}
    assert found == {MetadataCategory.IDENTITY: 2, MetadataCategory.COMMENT: 1, MetadataCategory.LOCATION: 1}
