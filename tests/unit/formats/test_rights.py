"""Copyright and creator: which carriers are read, which of several is believed, and what is written of them."""

import hashlib
import io
import struct

import pi_heif
import pytest
from PIL import Image, ImageOps, PngImagePlugin, TiffImagePlugin

from photogate.errors import ImageRefused
from photogate.findings import Keep, MetadataCategory
from photogate.formats import exif, strip
from photogate.formats.container import Context, container_for
from photogate.formats.rights import Rights, decoded
from photogate.formats.sniff import sniff
from photogate.inspection import inspect
from tests.heif_builder import Layout, av1_item, exif_item, heif, hevc_item, mime_item
from tests.noise import noise

pi_heif.register_heif_opener()
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


def test_the_default_language_counts_wherever_it_stands():
    german_first = XMP.replace(
        b'<rdf:li xml:lang="x-default">(c) XMP</rdf:li><rdf:li xml:lang="de">(c) DE</rdf:li>',
        b'<rdf:li xml:lang="de">(c) DE</rdf:li><rdf:li xml:lang="x-default">(c) XMP</rdf:li>',
    )
    assert german_first != XMP
    assert kept(jpeg(segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + german_first)))[1] == "(c) XMP"


def test_who_made_an_ingredient_is_not_the_creator():
    within = (
        b'<xmpMM:Pantry xmlns:xmpMM="http://ns.adobe.com/xap/1.0/mm/"><rdf:Bag><rdf:li rdf:parseType="Resource">'
        b"<dc:creator><rdf:Seq><rdf:li>Another</rdf:li></rdf:Seq></dc:creator></rdf:li></rdf:Bag></xmpMM:Pantry>"
    )
    packet = XMP.replace(b"<dc:creator>", within + b"<dc:creator>", 1)
    assert kept(jpeg(segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + packet)))[0] == "By XMP; Second"


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


CODES = {b"heic": hevc_item, b"avif": av1_item}


def heif_of(brand: bytes, *items: object) -> bytes:
    """A picture that each of the items describes."""
    references = [(b"cdsc", 2 + i, (1,)) for i in range(len(items))]
    return heif([CODES[brand](noise((16, 16))), *items], references, Layout(brand=brand))  # type: ignore[list-item]


def described(creator: str = "By Exif", rights: str = "(c) Exif", **more: object) -> bytes:
    made = exif_of(creator, rights)
    made[0x010E], made[0x0112] = SECRET.decode(), more.get("orientation", 1)
    return made.tobytes()[6:]


PACKET = mime_item(b"application/rdf+xml", XMP)


@pytest.mark.parametrize("brand", CODES)
def test_heif_keeps_rights_in_an_exif_item_of_nothing_else(brand: bytes):
    data = heif_of(brand, exif_item(described()), PACKET)
    assert kept(data) == ("By Exif", "(c) Exif")
    assert kept(heif_of(brand, PACKET)) == ("By XMP; Second", "(c) XMP")
    assert kept(data, frozenset({Keep.CREATOR})) == ("By Exif", "")
    new = strip(data, keep=BOTH).data
    assert SECRET not in new
    assert strip(new, keep=BOTH).data == new
    assert strip(new).data == strip(data).data == strip(heif_of(brand)).data


@pytest.mark.parametrize("brand", CODES)
def test_rights_in_heif_turn_nothing(brand: bytes):
    turning = b'<x:xmpmeta><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
    for items in ([exif_item(described(orientation=6))], [PACKET, mime_item(b"application/rdf+xml", turning)]):
        data = heif_of(brand, *items)
        with Image.open(io.BytesIO(data)) as before, Image.open(io.BytesIO(strip(data, keep=BOTH).data)) as after:
            assert after.info["exif"]
            assert ImageOps.exif_transpose(after).tobytes() == ImageOps.exif_transpose(before).tobytes()


@pytest.mark.parametrize("brand", CODES)
def test_the_second_look_at_heif_refuses_an_exif_item_of_more(brand: bytes):
    look = container_for(sniff(heif_of(brand))).verify
    new = strip(heif_of(brand, exif_item(described())), keep=BOTH).data
    look(new)
    for wrong in (b"By\tExif", b"By Ex\0f"):
        with pytest.raises(ImageRefused):
            look(new.replace(b"By Exif", wrong))
    more = exif.build(6, Rights("(c)"))
    other = strip(heif_of(brand, exif_item(exif.build(rights=Rights("12345678 (c)")))), keep=BOTH).data
    assert len(more) <= len(exif.build(rights=Rights("12345678 (c)")))
    block = exif.build(rights=Rights("12345678 (c)"))
    with pytest.raises(ImageRefused):
        look(other.replace(block, more.ljust(len(block), b"\0")))


def test_inspect_shows_the_rights_of_a_heif_that_stay():
    data = heif_of(b"heic", exif_item(described()))
    for keep, stays in ((BOTH, True), (frozenset[Keep](), False)):
        (mdat,) = [part for part in inspect(data, keep=keep).parts if part.name == "mdat"]
        (item,) = [part for part in mdat.children if part.name == "item 2 Exif"]
        assert item.stays is stays


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
