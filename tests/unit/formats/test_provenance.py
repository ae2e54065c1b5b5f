"""What a file says of its own origin, mark by mark."""

import io
import json
import struct
import zlib

import pytest
from PIL import Image, PngImagePlugin

from photogate.findings import Evidence, Synthetic
from photogate.formats import strip
from photogate.formats.provenance import Marks

CAMERA = "http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture"
MODEL = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"


def packet(inside: str = "", attributes: str = "") -> bytes:
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'<rdf:Description rdf:about="" {attributes}>{inside}</rdf:Description></rdf:RDF></x:xmpmeta>'
    ).encode()


def jpeg(**options: object) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (16, 16), "teal").save(file, "JPEG", **options)
    return file.getvalue()


def png(**texts: str) -> bytes:
    info, file = PngImagePlugin.PngInfo(), io.BytesIO()
    for keyword, text in texts.items():
        info.add_text(keyword, text)
    Image.new("RGB", (16, 16), "teal").save(file, "PNG", pnginfo=info)
    return file.getvalue()


def exif(tag: int, value: str | bytes) -> bytes:
    made = Image.Exif()
    if tag == 0x9286:
        made.get_ifd(0x8769)[tag] = value
    else:
        made[tag] = value
    return jpeg(exif=made)


def said(data: bytes) -> tuple[Synthetic, tuple[Evidence, ...]]:
    found = strip(data).provenance
    return found.synthetic, found.evidence


@pytest.mark.parametrize(
    ("kind", "answer"),
    [
        (MODEL, Synthetic.YES),
        ("trainedAlgorithmicMedia", Synthetic.YES),
        ("compositeWithTrainedAlgorithmicMedia", Synthetic.YES),
        (CAMERA, Synthetic.NO),
        ("digitalCapture", Synthetic.NO),
    ],
)
@pytest.mark.parametrize("form", ["attribute", "element", "resource"])
def test_iptc_digital_source_type_is_read_in_each_form(kind: str, answer: Synthetic, form: str):
    name = "Iptc4xmpExt:DigitalSourceType"
    made = {
        "attribute": packet(attributes=f'{name}="{kind}"'),
        "element": packet(f"<{name}>{kind}</{name}>"),
        "resource": packet(f'<{name} rdf:resource="{kind}"/>'),
    }[form]
    assert said(jpeg(xmp=made)) == (answer, (Evidence.IPTC,))


def test_a_source_type_that_says_neither_is_no_evidence():
    assert said(jpeg(xmp=packet(attributes='Iptc4xmpExt:DigitalSourceType="digitalCreation"'))) == (
        Synthetic.UNKNOWN,
        (),
    )


def test_the_name_of_an_ai_system_is_evidence():
    made = packet("<Iptc4xmpExt:AISystemUsed>Some model</Iptc4xmpExt:AISystemUsed>")
    assert said(jpeg(xmp=made)) == (Synthetic.YES, (Evidence.IPTC,))


@pytest.mark.parametrize(
    "text",
    [
        packet("<photoshop:Credit>Made with Google AI</photoshop:Credit>"),
        packet(attributes='photoshop:Credit="Edited with Google AI"'),
        packet(attributes='xmp:CreatorTool="Adobe Firefly 3"'),
    ],
)
def test_a_generator_that_signs_in_xmp_is_known(text: bytes):
    assert said(jpeg(xmp=text)) == (Synthetic.YES, (Evidence.GENERATOR,))


@pytest.mark.parametrize(
    "texts",
    [
        {"parameters": "a cat\nSteps: 20, Sampler: Euler a"},
        {"prompt": '{"3": {}}'},
        {"workflow": '{"nodes": []}'},
        {"invokeai_metadata": "{}"},
        {"Software": "NovelAI"},
        {"fooocus_scheme": "a1111"},
    ],
)
def test_a_generator_that_signs_in_a_text_of_png_is_known(texts: dict[str, str]):
    assert said(png(**texts)) == (Synthetic.YES, (Evidence.GENERATOR,))


@pytest.mark.parametrize(
    ("tag", "value"),
    [
        (0x0131, "Stable Diffusion XL"),
        (0x010E, "a cat, made by Midjourney"),
        (0x010F, 'workflow:{"nodes": []}'),
        (0x0110, 'prompt:{"3": {}}'),
        (0x9286, b"UNICODE\0" + "a cat\nNegative prompt: dogs\nSteps: 20".encode("utf-16-be")),
        (0x9286, b"ASCII\0\0\0a cat\nNegative prompt: dogs"),
    ],
)
def test_a_generator_that_signs_in_exif_is_known(tag: int, value: str | bytes):
    assert said(exif(tag, value)) == (Synthetic.YES, (Evidence.GENERATOR,))


LABEL = json.dumps({"Label": "1", "ContentProducer": "somebody", "ProduceID": "7"})


@pytest.mark.parametrize(
    "data",
    [
        jpeg(xmp=packet(f"<TC260:AIGC>{LABEL}</TC260:AIGC>", 'xmlns:TC260="http://www.tc260.org.cn/ns/AIGC/1.0/"')),
        jpeg(xmp=packet(attributes=f'TC260:AIGC="{LABEL.replace(chr(34), "&quot;")}"')),
        jpeg(xmp=packet("<AIGC:Label>1</AIGC:Label>", 'xmlns:AIGC="http://www.tc260.org.cn/ns/AIGC/1.0/"')),
        png(AIGC=LABEL),
        exif(0x9286, b"ASCII\0\0\0" + json.dumps({"AIGC": json.loads(LABEL)}).encode()),
    ],
)
def test_the_label_of_gb_45438_is_read_where_the_guide_puts_it(data: bytes):
    assert said(data) == (Synthetic.YES, (Evidence.AIGC,))


@pytest.mark.parametrize("value", ["2", "3"])
def test_a_label_that_only_suspects_is_evidence_and_no_answer(value: str):
    assert said(png(AIGC=LABEL.replace('"1"', f'"{value}"'))) == (Synthetic.UNKNOWN, (Evidence.AIGC,))


def jumbf(content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), b"jumb") + content


def test_a_manifest_tells_its_source_types_and_what_else_it_holds():
    store = jumbf(b"c2pa\0" + b"c2pa.thumbnail.claim.jpeg\0dc:titleinstanceID" + MODEL.encode())
    body = b"caBX" + store
    chunk = struct.pack(">I", len(store)) + body + struct.pack(">I", zlib.crc32(body))
    data = png()
    found = strip(data[:33] + chunk + data[33:])
    assert found.provenance.c2pa
    assert (found.provenance.synthetic, found.provenance.evidence) == (Synthetic.YES, (Evidence.C2PA,))
    assert {str(removed.category) for removed in found.removed} == {"provenance", "thumbnail", "comment", "identity"}


def test_a_mark_of_a_machine_outweighs_a_claim_of_a_camera():
    both = packet(attributes=f'Iptc4xmpExt:DigitalSourceType="{CAMERA}" photoshop:Credit="Made with Google AI"')
    assert said(jpeg(xmp=both)) == (Synthetic.YES, (Evidence.GENERATOR, Evidence.IPTC))


def test_an_ordinary_photo_says_nothing():
    assert said(exif(0x0131, "Camera firmware 1.2")) == (Synthetic.UNKNOWN, ())
    assert said(png(Title="My cat", Software="GIMP 2.10")) == (Synthetic.UNKNOWN, ())


@pytest.mark.parametrize("following", [b"", b"msoftwareAgent", b"kdescription", b"dwhen", b"jparameters"])
def test_a_source_type_in_cbor_ends_where_the_next_text_begins(following: bytes):
    """RFC 8949, 3: the header of a text of 1 to 23 bytes is a letter or its neighbour."""
    marks = Marks()
    marks.c2pa(b"qdigitalSourceTypexH" + MODEL.encode() + following)
    assert marks.provenance().synthetic is Synthetic.YES
    marks = Marks()
    marks.c2pa(b"qdigitalSourceTypex?" + CAMERA.encode() + following)
    assert marks.provenance().synthetic is Synthetic.NO


@pytest.mark.parametrize(
    "text", ["The Dalles, Oregon", "Chinese ideogram on a wall", "Rue de la Dalle", "Palais de la Medalle"]
)
def test_a_place_or_a_word_is_no_generator(text: str):
    assert said(exif(0x010E, text)) == (Synthetic.UNKNOWN, ())


@pytest.mark.parametrize("text", ["DALLE-3", "made with dalle2", "Ideogram AI"])
def test_a_generator_is_known_by_its_whole_name(text: str):
    assert said(exif(0x0131, text)) == (Synthetic.YES, (Evidence.GENERATOR,))


def test_a_generator_that_signs_in_a_comment_of_jpeg_is_known():
    data = jpeg(comment=b"a cat\nNegative prompt: dogs\nSteps: 20, Sampler: Euler a, CFG scale: 7")
    assert said(data) == (Synthetic.YES, (Evidence.GENERATOR,))


def test_a_photo_editor_s_workflow_is_no_generator_s():
    assert said(png(Workflow="darktable")) == (Synthetic.UNKNOWN, ())


def test_a_label_whose_quotes_are_numbers_is_read():
    made = packet(attributes=f'TC260:AIGC="{LABEL.replace(chr(34), "&#34;")}"')
    assert said(jpeg(xmp=made)) == (Synthetic.YES, (Evidence.AIGC,))


def test_a_label_far_from_its_name_is_another_s():
    assert said(png(AIGC="x" * 600 + LABEL)) == (Synthetic.UNKNOWN, ())
