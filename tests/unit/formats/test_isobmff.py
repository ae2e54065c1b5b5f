import io
import struct
from collections.abc import Iterable, Iterator

import pytest
from PIL import Image

from photogate.errors import ImageRefused
from photogate.findings import MetadataCategory, Synthetic
from photogate.formats import measure, strip
from photogate.formats.av1_units import av1
from photogate.formats.bmff_boxes import box, full_box
from photogate.formats.bmff_coded import Dropped
from photogate.formats.container import Part
from photogate.formats.heif_report import XMP
from photogate.inspection import inspect
from tests.unit.formats.carriers import heif as carriers

SECRET = b"CANARY-of-this-test"
TRAINED = b"http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"


def picture(side: int = 64, mode: str = "RGB") -> Image.Image:
    image = Image.linear_gradient("L").resize((side, side)).convert("RGB")
    if mode == "RGBA":
        image.putalpha(Image.radial_gradient("L").resize((side, side)))
    return image


def avif(image: Image.Image | None = None, **options: object) -> bytes:
    out = io.BytesIO()
    (image or picture()).save(out, "AVIF", speed=10, **options)
    return out.getvalue()


def frames(data: bytes) -> list[bytes]:
    image = Image.open(io.BytesIO(data))
    found = []
    for number in range(getattr(image, "n_frames", 1)):
        image.seek(number)
        found.append(image.tobytes() + repr((image.mode, image.size, image.info.get("duration"))).encode())
    return found


def with_secret_exif() -> bytes:
    exif = Image.Exif()
    exif[0x010E] = SECRET.decode()
    return exif.tobytes()


def obu(kind: int, payload: bytes) -> bytes:
    return bytes((kind << 3 | 2, len(payload))) + payload


def test_pixels_and_transparency_stay_and_exif_and_xmp_go() -> None:
    data = avif(picture(mode="RGBA"), exif=with_secret_exif(), xmp=b"<x:xmpmeta>" + SECRET + b"</x:xmpmeta>")
    assert SECRET in data
    new = strip(data)
    assert SECRET not in new.data
    assert frames(new.data) == frames(data)
    assert {"Exif item IFD0", "XMP item"} <= {r.where for r in new.removed}


def test_an_animation_keeps_its_frames_and_their_times() -> None:
    data = avif(picture(), save_all=True, append_images=[picture().rotate(90), picture().rotate(180)], duration=70)
    new = strip(data)
    assert len(frames(new.data)) == 3
    assert frames(new.data) == frames(data)
    assert measure(new.data).frames == 3


@pytest.mark.parametrize("orientation", range(2, 9))
def test_the_picture_stays_turned_as_it_was(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = avif(picture(), exif=exif.tobytes())
    new = strip(data)
    assert new.orientation == orientation
    assert Image.open(io.BytesIO(new.data)).getexif()[0x0112] == orientation


@pytest.mark.parametrize(
    "tail",
    [box(b"free", SECRET), box(b"uuid", bytes(16), SECRET), box(b"skip", SECRET), SECRET, box(b"zzzz", SECRET)],
    ids=["free", "uuid", "skip", "no box", "unknown"],
)
def test_what_follows_the_picture_goes(tail: bytes) -> None:
    data = avif()
    new = strip(data + tail)
    assert new.data == strip(data).data
    assert new.removed


def test_bytes_of_mdat_that_no_item_refers_to_go() -> None:
    data = avif()
    at = data.index(b"mdat") - 4
    size = struct.unpack_from(">I", data, at)[0]
    grown = data[:at] + struct.pack(">I", size + len(SECRET)) + data[at + 4 :] + SECRET
    assert strip(grown).data == strip(data).data


def test_names_of_handlers_and_items_go() -> None:
    data = strip(avif()).data
    assert b"libavif" not in data
    assert b"Color" not in data


def test_stripping_twice_changes_nothing() -> None:
    for data in (avif(picture(mode="RGBA")), avif(save_all=True, append_images=[picture().rotate(90)])):
        once = strip(data).data
        assert strip(once).data == once


def test_an_icc_profile_loses_its_description() -> None:
    from PIL import ImageCms

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    new = strip(avif(icc_profile=profile)).data
    kept = Image.open(io.BytesIO(new)).info["icc_profile"]
    name = "sRGB built-in".encode("utf-16-be")
    assert name in profile
    assert name not in kept
    assert kept[16:20] == b"RGB "


def test_metadata_and_padding_obus_go() -> None:
    data = avif()
    at = data.index(b"mdat") + 4
    clean, known = av1(data[at:], None, Dropped())
    dropped = Dropped()
    dirty, _ = av1(obu(5, b"\4" + SECRET) + obu(15, SECRET) + data[at:] + obu(15, SECRET), None, dropped)
    assert dirty == clean
    assert dropped.count >= 3
    assert known is not None


def test_bytes_behind_the_sequence_header_go() -> None:
    data = avif()
    at = data.index(b"mdat") + 4
    clean, _ = av1(data[at:], None, Dropped())
    head = clean[1]
    grown = clean[:1] + bytes((head + len(SECRET),)) + clean[2 : 2 + head] + SECRET + clean[2 + head :]
    assert av1(grown, None, Dropped())[0] == clean


def test_a_box_that_leaves_its_surroundings_is_refused_with_its_place() -> None:
    data = bytearray(avif())
    at = data.index(b"iloc") - 4
    data[at : at + 4] = b"\x7f\xff\xff\xff"
    with pytest.raises(ImageRefused) as refused:
        strip(bytes(data))
    assert refused.value.offset == at


def test_every_truncation_is_refused_or_stripped() -> None:
    data = avif(picture(16))
    for size in range(len(data)):
        try:
            strip(data[:size])
        except ImageRefused:
            continue
        pytest.fail(f"expected a file of {size} of {len(data)} bytes to be refused")


def test_a_grid_that_refers_to_itself_is_refused() -> None:
    meta = full_box(
        b"meta",
        0,
        0,
        full_box(b"hdlr", 0, 0, bytes(4), b"pict", bytes(13)),
        full_box(b"pitm", 0, 0, b"\0\1"),
        full_box(b"iinf", 0, 0, b"\0\1", full_box(b"infe", 2, 0, b"\0\1\0\0grid\0")),
        full_box(b"iloc", 0, 0, b"\x44\0\0\1", struct.pack(">HHHII", 1, 0, 1, 0, 8)),
        full_box(b"iref", 0, 0, box(b"dimg", struct.pack(">HHH", 1, 1, 1))),
        box(
            b"iprp",
            box(b"ipco", full_box(b"ispe", 0, 0, struct.pack(">II", 8, 8))),
            full_box(b"ipma", 0, 0, struct.pack(">IHBB", 1, 1, 1, 1)),
        ),
    )
    with pytest.raises(ImageRefused, match="circle"):
        strip(box(b"ftyp", b"avif", bytes(4), b"avif") + meta + box(b"mdat", bytes(8)))


def test_inspect_tells_which_items_stay() -> None:
    found = inspect(avif(exif=with_secret_exif())).parts
    meta = next(part for part in found if part.name == "meta")
    items = next(part for part in meta.children if part.name == "iinf")
    assert {(p.name, p.stays, p.note) for p in items.children if p.name.startswith("infe")} == {
        ("infe item 1 av01", True, "the picture"),
        ("infe item 2 Exif", False, "describes the picture"),
    }


def test_a_byte_behind_a_sequence_vanishes() -> None:
    frames = [Image.new("RGB", (32, 32), (shade, 90, 30)) for shade in (0, 120, 240)]
    out = io.BytesIO()
    frames[0].save(out, "AVIF", save_all=True, append_images=frames[1:], duration=100)
    for tail in (b"\x01", bytes(7), b"\x00\x00\x00\x01free\x00", b"behind the end"):
        assert strip(out.getvalue() + tail).data == strip(out.getvalue()).data


def test_offsets_of_composition_go_from_av1_which_shows_frames_in_the_order_of_samples() -> None:
    rows = struct.pack(">I", 2) + b"".join(struct.pack(">I4s", 1, SECRET[i : i + 4]) for i in (0, 4))
    data = carriers.sequence(b"trak mdia minf stbl stsz", more=full_box(b"ctts", 0, 0, rows))
    assert strip(data).data == strip(carriers.sequence(b"mvhd")).data
    assert frames(strip(data).data) == frames(data)


def test_the_size_of_a_sample_entry_is_that_of_its_sequence_header() -> None:
    def marked(stsd: bytes) -> bytes:
        return stsd[:40] + SECRET[:4] + stsd[44:]

    data = carriers.sequence(b"trak mdia minf stbl stsd", marked)
    assert SECRET[:4] in data
    assert strip(data).data == strip(carriers.sequence(b"mvhd")).data
    assert frames(strip(data).data) == frames(data)


def test_transparency_has_the_times_of_its_pictures() -> None:
    data = avif(picture(mode="RGBA"), save_all=True, append_images=[picture(mode="RGBA").rotate(90)], duration=70)
    marked = bytearray(data)
    times = data.index(b"stts", data.index(b"stts") + 4)
    clock = data.index(b"mdhd", data.index(b"mdhd") + 4)
    marked[times + 16 : times + 20] = SECRET[:4]
    marked[clock + 24 : clock + 28] = SECRET[4:8]
    assert strip(bytes(marked)).data == strip(data).data
    assert frames(bytes(marked)) == frames(data)


def test_what_goes_of_a_movie_whose_pictures_stay_is_noted_and_its_provenance_read() -> None:
    packet = b'<x:xmpmeta><rdf:Description Iptc4xmpExt:DigitalSourceType="' + TRAINED + b'"/></x:xmpmeta>'
    more = box(b"udta", SECRET) + box(b"uuid", XMP, packet)
    for path in (b"mvhd", b"trak tkhd"):
        new = strip(carriers.sequence(path, more=more))
        assert ("udta box", MetadataCategory.OTHER) in [(r.where, r.category) for r in new.removed]
        assert "uuid box XMP" in {r.where for r in new.removed}
        assert new.provenance.synthetic is Synthetic.YES
        assert new.data == strip(carriers.sequence(b"mvhd")).data


def flat(parts: Iterable[Part]) -> Iterator[Part]:
    for part in parts:
        yield part
        yield from flat(part.children)


@pytest.mark.parametrize("kind", [b"av01", b"hvc1", b"jpeg", b"grid", b"avc1"])
def test_a_further_picture_that_goes_is_a_thumbnail_to_the_report_and_in_the_tree(kind: bytes) -> None:
    data = carriers.with_item(kind, SECRET)
    removed = strip(data).removed
    assert (f"{kind.decode()} item", MetadataCategory.THUMBNAIL) in [(r.where, r.category) for r in removed]
    shown = [part for part in flat(inspect(data).parts) if f"item 2 {kind.decode()}" in part.name]
    assert [part.name.split()[0] for part in shown] == ["infe", "item"]
    assert {(part.note, part.category) for part in shown} == {("a further picture", MetadataCategory.THUMBNAIL)}


def test_an_item_that_is_no_picture_is_no_thumbnail() -> None:
    data = carriers.with_item(b"zzzz", SECRET)
    assert ("zzzz item", MetadataCategory.OTHER) in [(r.where, r.category) for r in strip(data).removed]
    assert {p.category for p in flat(inspect(data).parts) if "item 2" in p.name} == {MetadataCategory.OTHER}
