"""Every form that HEIF allows: stripped with equal pixels and without the secret, or refused by name."""

import io
import struct
import zlib
from collections.abc import Callable

import pi_heif
import pytest
from PIL import Image, ImageOps

from photogate.errors import ImageRefused, Reason
from photogate.findings import Evidence, MetadataCategory, Synthetic
from photogate.formats import heif_payloads, isobmff, limits, strip, xmp
from photogate.formats.bmff_boxes import box, full_box
from photogate.formats.container import Context
from tests import hevc
from tests.heif_builder import (
    Item,
    Layout,
    auxc,
    av1_item,
    exif_item,
    heif,
    hevc_item,
    ispe,
    mime_item,
    pixi,
)
from tests.noise import noise

pi_heif.register_heif_opener()
SECRET = b"CANARY-of-this-test"
CODES = {"heic": hevc_item, "avif": av1_item}
C2PA = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
TRAINED = b"http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
CAPTURED = b"http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture"
MANIFEST = box(
    b"jumb", box(b"jumd", b"c2pa\0\x11\0\x10\x80\0\0\xaa\0\x38\x9b\x71\3c2pa\0"), b"digitalSourceType" + TRAINED
)


def look(data: bytes) -> tuple[str, tuple[int, int], bytes]:
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        return image.mode, image.size, image.tobytes()


def kept_as_it_looks(data: bytes) -> bytes:
    """Strip; the picture must stay, the secret must go, and a second time must change nothing."""
    stripped = strip(data).data
    assert look(stripped) == look(data)
    assert SECRET not in stripped
    assert strip(stripped).data == stripped
    return stripped


def layout(brand: str, **more: object) -> Layout:
    return Layout(brand=brand.encode(), **more)  # type: ignore[arg-type]


@pytest.fixture(params=["heic", "avif"])
def brand(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def code(brand: str) -> Callable[..., Item]:
    return CODES[brand]


PLACES = {
    "iloc 0": {},
    "iloc 1": {"iloc": 1},
    "iloc 2 and wide fields": {"iloc": 2, "infe": 3, "iinf": 1, "wide": True},
    "mdat before meta": {"mdat_first": True},
    "64-bit mdat": {"large_mdat": True, "mdat_first": True},
    "mdat to the end": {"open_mdat": True},
    "gaps in mdat": {"gap": SECRET},
    "free, skip and unknown boxes before": {"before": [box(kind, SECRET) for kind in (b"free", b"skip", b"zzzz")]},
    "groups and free in meta": {"in_meta": (box(b"free", SECRET), full_box(b"zzzz", 0, 0, SECRET))},
}  # fmt: skip


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("pieces", [1, 3])
def test_wherever_the_bytes_lie_the_same_file_comes_out(brand, code, place, pieces):
    picture = code(noise((16, 16)))
    plain = heif([picture], layout=layout(brand))
    picture.pieces, picture.name = pieces, SECRET
    data = heif([picture], layout=layout(brand, **PLACES[place]))
    assert kept_as_it_looks(data) == strip(plain).data


def test_bytes_in_idat_and_bytes_of_another_item_are_found(brand, code):
    picture = code(noise((16, 16)))
    plain = strip(heif([picture], layout=layout(brand))).data
    inside = Item(picture.kind, picture.data, picture.properties, method=1)
    assert kept_as_it_looks(heif([inside], layout=layout(brand, iloc=1))) == plain
    source = Item(b"uri ", picture.data + SECRET)
    pointing = Item(picture.kind, picture.data, picture.properties, method=2)
    data = heif([pointing, source], [(b"iloc", 1, (2,))], layout(brand, iloc=1))
    assert strip(data).data == plain


def grid(brand: str, code: Callable[..., Item], columns: int, *more: bytes) -> tuple[list[Item], list[tuple]]:
    size = ispe(64 * columns, 64)
    data = bytes((0, 0, 0, columns - 1)) + struct.pack(">HH", 64 * columns, 64)
    tiles = [code(noise((64, 64), seed=seed)) for seed in range(columns)]
    for tile in tiles:
        tile.hidden = True
    return [Item(b"grid", data, (size, pixi(8, 8, 8), *more)), *tiles], [(b"dimg", 1, range(2, 2 + columns))]


def test_a_grid_keeps_its_tiles_and_loses_their_thumbnails(brand, code):
    items, references = grid(brand, code, 2)
    plain = kept_as_it_looks(heif(items, references, layout(brand)))
    items += [code(noise((16, 16))), code(noise((16, 16), seed=9))]
    references += [(b"thmb", 4, (1,)), (b"thmb", 5, (2,))]
    stripped = strip(heif(items, references, layout(brand)))
    assert stripped.data == plain
    assert ("thumbnail item", 2) in [(r.where, r.count) for r in stripped.removed]


def test_equal_tiles_are_read_once(brand, code, monkeypatch):
    """Found by measuring: each of 2,000 tiles of one colour was decoded by itself."""
    looked: list[object] = []
    name = "without_tail" if brand == "avif" else "hevc"
    real = getattr(heif_payloads, name)
    monkeypatch.setattr(heif_payloads, name, lambda coded, *more: looked.append(coded) or real(coded, *more))
    items, references = grid(brand, code, 4)
    for tile in items[2:]:
        tile.data = items[1].data
    monkeypatch.setattr(isobmff, "verify", lambda _: None)
    strip(heif(items, references, layout(brand)))
    assert len(looked) == 1


def test_a_configuration_that_tiles_share_is_read_once(monkeypatch):
    """Found by measuring: 1,000 tiles had its parameter sets rebuilt each by itself."""
    read: list[int] = []
    real = heif_payloads.hevc_configuration
    monkeypatch.setattr(
        heif_payloads, "hevc_configuration", lambda data, start, *more: read.append(start) or real(data, start, *more)
    )
    items, references = grid("heic", hevc_item, 4)
    isobmff.rewrite(heif(items, references), Context())
    assert len(read) == 1


def test_units_are_counted_over_all_pictures_of_a_file(brand, code, monkeypatch):
    items, references = grid(brand, code, 4)
    filler = hevc.prefixed(hevc.unit(38, b"\xff")) if brand == "heic" else b"\x7a\0"
    for tile in items[1:]:
        tile.data += 8 * filler
    data = heif(items, references, layout(brand))
    monkeypatch.setattr(limits, "MAX_UNITS", 40)  # a tile has 24 in HEVC, 11 in AV1
    strip(heif([tile], layout=layout(brand)))
    with pytest.raises(ImageRefused, match="fewer units"):
        strip(data)


def test_parameter_sets_are_counted_over_all_pictures_of_a_file(monkeypatch):
    items, references = grid("heic", hevc_item, 4)
    sets = hevc.prefixed(*hevc.encode(noise((64, 64))).sets.values())
    for tile in items[1:]:
        tile.data = sets + tile.data
    data = heif(items, references)
    kept_as_it_looks(data)
    monkeypatch.setattr(limits, "MAX_PARAMETER_SETS", 14)
    with pytest.raises(ImageRefused, match="fewer units"):
        strip(data)


def test_each_decode_has_a_price_beside_its_pixels(monkeypatch):
    items, references = grid("avif", av1_item, 4)
    data = heif(items, references, layout("avif"))
    strip(data)
    monkeypatch.setattr(limits, "CHECKED_OPENING", limits.MAX_CHECKED_WHOLE // 4)
    with pytest.raises(ImageRefused, match="more than may be checked"):
        strip(data)


def test_bytes_behind_the_fields_of_a_grid_go(brand, code):
    items, references = grid(brand, code, 2)
    plain = strip(heif(items, references, layout(brand))).data
    items[0].data += SECRET
    assert strip(heif(items, references, layout(brand))).data == plain


def test_an_overlay_and_an_identity_keep_what_they_are_made_of():
    overlay = bytes(2) + struct.pack(">8H", 0, 0, 0, 65535, 32, 24, 0, 0) + struct.pack(">HH", 8, 4)
    inputs = [hevc_item(noise((16, 16))), hevc_item(noise((16, 16), seed=9))]
    for item in inputs:
        item.hidden = True
    data = heif([Item(b"iovl", overlay + SECRET, (ispe(32, 24),)), *inputs], [(b"dimg", 1, (2, 3))])
    assert look(data)[1] == (32, 24)
    kept_as_it_looks(data)
    turned = Item(b"iden", SECRET, (ispe(16, 16), box(b"irot", b"\1")))
    source = hevc_item(noise((16, 24)))
    source.hidden = True
    kept_as_it_looks(heif([turned, source], [(b"dimg", 1, (2,))]))


@pytest.mark.parametrize("kind", [b"iovl", b"iden", b"grid"])
def test_a_derived_picture_of_nothing_is_refused_even_beside_others(kind):
    """Found by fuzzing: decoders show one of the others then, or nothing."""
    content = {b"iovl": bytes(10) + struct.pack(">HH", 16, 16), b"grid": bytes(4) + struct.pack(">HH", 16, 16)}
    others = [hevc_item(noise((16, 16))), hevc_item(noise((16, 16), seed=9))]
    with pytest.raises(ImageRefused, match="with its inputs"):
        strip(heif([Item(kind, content.get(kind, b""), (ispe(16, 16),)), *others]))


def test_transparency_stays_and_depth_gain_maps_and_mattes_go(brand, code):
    picture, alpha = code(noise((16, 16))), code(noise((16, 16), "L"), auxc(tail=SECRET))
    plain = kept_as_it_looks(heif([picture, alpha], [(b"auxl", 2, (1,))], layout(brand)))
    assert look(plain)[0] == "RGBA"
    names = (
        b"urn:mpeg:hevc:2015:auxid:2",
        b"urn:com:apple:photo:2020:aux:hdrgainmap",
        b"urn:com:apple:photo:2018:aux:" + SECRET,
    )
    others = [code(noise((16, 16), "L", seed=9), auxc(name)) for name in names]
    references = [(b"auxl", n, (1,)) for n in range(2, 6)]
    stripped = strip(heif([picture, alpha, *others], references, layout(brand)))
    assert stripped.data == plain
    assert ("auxiliary item", 3) in [(r.where, r.count) for r in stripped.removed]


def test_transparency_has_none_itself(brand, code):
    items = [code(noise((16, 16))), code(noise((16, 16), "L"), auxc())]
    plain = strip(heif(items, [(b"auxl", 2, (1,))], layout(brand))).data
    hidden = code(noise((16, 16), "L", seed=9), auxc())
    data = heif([*items, hidden], [(b"auxl", 2, (1,)), (b"auxl", 3, (2,))], layout(brand))
    assert look(data) == look(plain)
    assert strip(data).data == plain


def test_a_second_transparency_is_refused_as_readers_take_another_one(brand, code):
    items = [code(noise((16, 16))), *(code(noise((16, 16), "L", seed=seed), auxc()) for seed in (1, 2))]
    with pytest.raises(ImageRefused, match="one transparency"):
        strip(heif(items, [(b"auxl", 2, (1,)), (b"auxl", 3, (1,))], layout(brand)))


def test_transparency_of_all_tiles_stays_and_that_of_some_or_beside_the_grids_is_refused(brand, code):
    items, references = grid(brand, code, 2)
    alphas = [code(noise((64, 64), "L", seed=seed), auxc()) for seed in (5, 6)]
    of_tiles = [(b"auxl", 4, (2,)), (b"auxl", 5, (3,))]
    assert look(kept_as_it_looks(heif([*items, *alphas], references + of_tiles, layout(brand))))[0] == "RGBA"
    with pytest.raises(ImageRefused, match="that of some"):
        strip(heif([*items, alphas[0]], references + of_tiles[:1], layout(brand)))
    whole = code(noise((128, 64), "L"), auxc())
    with pytest.raises(ImageRefused, match="found both"):
        strip(heif([*items, *alphas, whole], [*references, *of_tiles, (b"auxl", 6, (1,))], layout(brand)))


def test_a_grid_of_more_tiles_than_cells_is_refused(brand, code):
    items, _ = grid(brand, code, 2)
    hidden = code(noise((64, 64), seed=9))
    with pytest.raises(ImageRefused, match="2 tiles of a grid; found 3"):
        strip(heif([*items, hidden], [(b"dimg", 1, (2, 3, 4))], layout(brand)))


@pytest.mark.parametrize("canvas", [(64, 64), (63, 64), (129, 64), (128, 65)])
def test_a_grid_of_which_tiles_lie_outside_or_that_tiles_do_not_cover_is_refused(brand, code, canvas):
    items, references = grid(brand, code, 2)
    items[0].data = items[0].data[:4] + struct.pack(">HH", *canvas)
    items[0].properties = (ispe(*canvas), pixi(8, 8, 8))
    with pytest.raises(ImageRefused, match="are seen in it"):
        strip(heif(items, references, layout(brand)))


@pytest.mark.parametrize("place", [(32, 0), (0, 24), (-16, 0), (0, -16), (20_000, -20_000)])
def test_an_input_outside_of_an_overlay_is_refused(place):
    overlay = bytes(10) + struct.pack(">HH4h", 32, 24, 0, 0, *place)
    inputs = [hevc_item(noise((16, 16))), hevc_item(noise((16, 16), seed=9))]
    with pytest.raises(ImageRefused, match="outside"):
        strip(heif([Item(b"iovl", overlay, (ispe(32, 24),)), *inputs], [(b"dimg", 1, (2, 3))]))


def test_an_identity_of_several_pictures_is_refused(brand, code):
    inputs = [code(noise((16, 16))), code(noise((16, 16), seed=9))]
    with pytest.raises(ImageRefused, match="identity of one"):
        strip(heif([Item(b"iden", b"", (ispe(16, 16),)), *inputs], [(b"dimg", 1, (2, 3))], layout(brand)))


def nclx(primaries: int) -> bytes:
    return box(b"colr", b"nclx", struct.pack(">HHHB", primaries, 13, 6, 0x80))


@pytest.mark.parametrize("prop", [box(b"pasp", struct.pack(">II", 7, 5)), box(b"clli", b"\1\0\0\7"), nclx(9)])
def test_of_tiles_goes_what_no_reader_asks_them_for(brand, code, prop):
    items, references = grid(brand, code, 2, nclx(1))
    plain = strip(heif(items, references, layout(brand))).data
    items[1].properties = (*items[1].properties, prop)
    data = heif(items, references, layout(brand))
    assert look(data) == look(plain)
    assert strip(data).data == plain


def test_colour_that_tiles_alone_have_stays_where_it_is_one(brand, code):
    items, references = grid(brand, code, 2)
    for tile in items[1:]:
        tile.properties = (*tile.properties, nclx(9))
    assert nclx(9) in kept_as_it_looks(heif(items, references, layout(brand)))
    items[1].properties = (*items[1].properties[:-1], nclx(1))
    with pytest.raises(ImageRefused, match="one colour space"):
        strip(heif(items, references, layout(brand)))


@pytest.mark.parametrize("prop", [box(b"pasp", struct.pack(">II", 7, 5)), box(b"clli", b"\1\0\0\7"), nclx(9)])
def test_of_transparency_goes_what_no_reader_asks_it_for(brand, code, prop):
    items = [code(noise((16, 16))), code(noise((16, 16), "L"), auxc())]
    plain = strip(heif(items, [(b"auxl", 2, (1,))], layout(brand))).data
    items[1].properties = (*items[1].properties, prop)
    data = heif(items, [(b"auxl", 2, (1,))], layout(brand))
    assert look(data) == look(plain)
    assert strip(data).data == plain


def test_the_shape_of_samples_is_told_in_lowest_terms(brand, code):
    long, short = (box(b"pasp", struct.pack(">II", 2 * n, n)) for n in (0x4142, 1))
    plain = strip(heif([code(noise((16, 16)), short)], layout=layout(brand))).data
    assert strip(heif([code(noise((16, 16)), long)], layout=layout(brand))).data == plain


def test_selection_of_layers_goes_from_pictures_in_hevc():
    code = hevc_item
    plain = strip(heif([code(noise((16, 16)))])).data
    assert strip(heif([code(noise((16, 16)), box(b"lsel", b"HO"), box(b"a1op", b"\5"))])).data == plain


@pytest.mark.parametrize("kind", [b"irot", b"imir"])
def test_one_turn_told_twice_is_refused(brand, code, kind):
    """libheif turns twice."""
    turn = box(kind, b"\1")
    with pytest.raises(ImageRefused, match=f"one {kind.decode()} property"):
        strip(heif([code(noise((16, 16)), turn, turn)], layout=layout(brand)))


def test_references_between_kept_items_are_told_once_and_where_they_say_something(brand, code):
    items = [code(noise((16, 16))), code(noise((16, 16), "L"), auxc())]
    alpha = (b"auxl", 2, (1,))
    plain = strip(heif(items, [alpha, (b"prem", 1, (2,))], layout(brand))).data
    pattern = (2, 1, 1, 2, 1, 2, 2, 1)
    noisy = [(b"auxl", 2, (1, 1, 1)), (b"prem", 1, (2, 2)), (b"cdsc", 2, pattern), (b"prem", 2, pattern)]
    noisy += [(b"cdsc", 1, pattern), (b"dimg", 1, (2, 2))]
    assert strip(heif(items, noisy, layout(brand))).data == plain


def test_a_tone_map_and_its_gain_map_go_and_the_base_stays(brand, code):
    picture, gain = code(noise((16, 16))), code(noise((16, 16), "L"))
    gain.hidden = True
    plain = strip(heif([picture], layout=layout(brand))).data
    group = full_box(b"grpl", 0, 0, full_box(b"altr", 0, 0, struct.pack(">4I", 9, 2, 3, 1)))
    items = [picture, gain, Item(b"tmap", b"\0" + SECRET, (ispe(16, 16),))]
    data = heif(items, [(b"dimg", 3, (1, 2))], layout(brand, in_meta=(group,)))
    assert strip(data).data == plain


@pytest.mark.parametrize(
    "more",
    [
        box(b"irot", b"\1"),
        box(b"imir", b"\0"),
        box(b"pasp", struct.pack(">II", 2, 1)),
        box(b"clap", struct.pack(">8I", 8, 1, 8, 1, 0, 1, 0, 1)),
        box(b"clli", struct.pack(">HH", 1000, 400)),
        box(b"mdcv", struct.pack(">8H2I", 13250, 34500, 7500, 3000, 34000, 16000, 15635, 16450, 10_000_000, 50)),
        box(b"colr", b"nclx", struct.pack(">HHHB", 1, 13, 6, 0x80)),
    ],
)
def test_a_property_that_rendering_needs_stays_without_its_tail(brand, code, more):
    plain = heif([code(noise((16, 16)), more)], layout=layout(brand))
    assert more in kept_as_it_looks(plain)
    longer = struct.pack(">I", len(more) + len(SECRET)) + more[4:] + SECRET
    assert strip(heif([code(noise((16, 16)), longer)], layout=layout(brand))).data == strip(plain).data


@pytest.mark.parametrize("kind", [b"udes", b"crtt", b"mdft", b"altt", b"amve", b"cclv", b"rref", b"uuid", b"zzzz"])
def test_a_property_that_rendering_does_not_need_goes(brand, code, kind):
    plain = heif([code(noise((16, 16)))], layout=layout(brand))
    data = heif([code(noise((16, 16)), full_box(kind, 0, 0, SECRET))], layout=layout(brand))
    assert strip(data).data == strip(plain).data


def test_the_configuration_of_another_codec_goes(brand, code):
    plain = heif([code(noise((16, 16)))], layout=layout(brand))
    other = CODES["avif" if brand == "heic" else "heic"](noise((16, 16))).properties[0]
    assert strip(heif([code(noise((16, 16)), other)], layout=layout(brand))).data == strip(plain).data


@pytest.mark.parametrize("kind", [b"irot", b"imir", b"clap"])
def test_a_second_turn_of_one_item_is_refused(brand, code, kind):
    aperture = kind == b"clap"
    first, second = (box(kind, struct.pack(">8I", *[n] * 8) if aperture else bytes((n - 1,))) for n in (1, 2))
    with pytest.raises(ImageRefused, match=f"one {kind.decode()} property"):
        strip(heif([code(noise((16, 16)), first, second)], layout=layout(brand)))


def test_equal_properties_in_two_boxes_stay_once(brand, code):
    """Found by fuzzing: the second look met an association twice."""
    plain = strip(heif([code(noise((16, 16)))], layout=layout(brand))).data
    size = box(b"ispe", bytes(4), struct.pack(">II", 16, 16), SECRET)
    assert strip(heif([code(noise((16, 16)), size)], layout=layout(brand))).data == plain


@pytest.mark.parametrize("kind", [b"jpeg", b"unci", b"j2k1", b"vvc1", b"avc1", b"lhv1", b"hvt1", b"tmap", b"mski"])
def test_pictures_in_other_codes_are_refused_by_name(kind):
    with pytest.raises(ImageRefused, match=kind.decode()) as refused:
        strip(heif([Item(kind, b"data", (ispe(16, 16),))], layout=Layout(brand=b"mif1", brands=(b"heic",))))
    assert refused.value.refusal is Reason.UNSUPPORTED_FORMAT


def test_a_protected_picture_is_refused(brand, code):
    picture = code(noise((16, 16)))
    picture.protected = 1
    with pytest.raises(ImageRefused, match="protected"):
        strip(heif([picture], layout=layout(brand, in_meta=(full_box(b"ipro", 0, 0, b"\0\1"),))))


MANIFESTS = {
    "uuid box": {"after": (box(b"uuid", C2PA, bytes(4), b"manifest\0", bytes(8), MANIFEST),)},
    "uuid box before meta": {"before": (box(b"uuid", C2PA, bytes(4), b"manifest\0", bytes(8), MANIFEST),)},
    "uuid box in meta": {"in_meta": (box(b"uuid", C2PA, bytes(4), b"manifest\0", bytes(8), MANIFEST),)},
    "jumb box": {"after": (MANIFEST,)},
    "jumb box in meta": {"in_meta": (MANIFEST,)},
}


@pytest.mark.parametrize("place", MANIFESTS)
def test_provenance_is_read_from_boxes_before_they_go(brand, code, place):
    plain = strip(heif([code(noise((16, 16)))], layout=layout(brand)))
    stripped = strip(heif([code(noise((16, 16)))], layout=layout(brand, **MANIFESTS[place])))
    assert stripped.data == plain.data
    assert stripped.provenance.c2pa
    assert stripped.provenance.synthetic is Synthetic.YES
    assert stripped.provenance.evidence == (Evidence.C2PA,)
    assert MetadataCategory.PROVENANCE in {r.category for r in stripped.removed}


@pytest.mark.parametrize(
    "item",
    [
        mime_item(b"application/c2pa", MANIFEST),
        mime_item(b"application/x-c2pa-manifest-store", MANIFEST),
        mime_item(b"application/octet-stream", MANIFEST),
        Item(b"jumb", MANIFEST),
        Item(b"uri ", MANIFEST),
    ],
)
def test_provenance_is_read_from_items_before_they_go(brand, code, item):
    plain = strip(heif([code(noise((16, 16)))], layout=layout(brand)))
    stripped = strip(heif([code(noise((16, 16))), item], [(b"cdsc", 2, (1,))], layout(brand)))
    assert stripped.data == plain.data
    assert stripped.provenance.c2pa
    assert stripped.provenance.synthetic is Synthetic.YES
    assert ("JUMBF item", MetadataCategory.PROVENANCE) in [(r.where, r.category) for r in stripped.removed]


def test_exif_and_xmp_items_tell_generator_and_source_type(brand, code):
    software = Image.Exif()
    software[0x0131] = "Stable Diffusion 3"
    data = heif([code(noise((16, 16))), exif_item(software.tobytes()[6:])], [(b"cdsc", 2, (1,))], layout(brand))
    assert strip(data).provenance.evidence == (Evidence.GENERATOR,)
    packet = b'<x:xmpmeta><rdf:Description Iptc4xmpExt:DigitalSourceType="' + CAPTURED + b'"/></x:xmpmeta>'
    for item in (
        mime_item(b"application/rdf+xml", packet),
        mime_item(b"application/rdf+xml\0deflate", zlib.compress(packet)),
    ):
        found = strip(heif([code(noise((16, 16))), item], [(b"cdsc", 2, (1,))], layout(brand))).provenance
        assert found.synthetic is Synthetic.NO
        assert found.evidence == (Evidence.IPTC,)


def turned(orientation: int) -> tuple[Item, Item]:
    """An Exif and an XMP item that say so."""
    tags = Image.Exif()
    tags[0x0112] = orientation
    packet = b'<x:xmpmeta><rdf:Description tiff:Make="%b" tiff:Orientation="%d"/></x:xmpmeta>' % (SECRET, orientation)
    return exif_item(tags.tobytes()[6:]), mime_item(b"application/rdf+xml", packet)


def seen(data: bytes) -> tuple[tuple[int, int], bytes]:
    """The picture as Pillow's users show it."""
    with Image.open(io.BytesIO(data)) as image:
        shown = ImageOps.exif_transpose(image)
        return shown.size, shown.tobytes()


@pytest.mark.parametrize("irot", [(), (box(b"irot", b"\1"),)])
@pytest.mark.parametrize("which", [(0,), (1,), (0, 1)])
def test_the_picture_is_seen_as_before_whatever_exif_and_xmp_say(brand, code, irot, which):
    """23008-12, 6.5.10: irot and imir decide. Exif in HEIF is informative (A.2.1), and so is XMP."""
    items = [turned(6)[i] for i in which]
    references = [(b"cdsc", 2 + i, (1,)) for i in range(len(items))]
    data = heif([code(noise((64, 32)), *irot), *items], references, layout(brand))
    stripped = strip(data)
    assert seen(stripped.data) == seen(data)
    assert stripped.orientation == (8 if irot else 1)
    kept_as_it_looks(data)


def test_of_several_items_the_last_turns_an_avif_for_pillow():
    plain = mime_item(b"application/rdf+xml", b"<x:xmpmeta/>")
    nothing = exif_item(b"II*\0\x08\0\0\0" + bytes(6))
    exif_1, xmp_3, xmp_6 = turned(1)[0], turned(3)[1], turned(6)[1]
    for items in ([xmp_6, plain], [plain, xmp_6], [xmp_6, xmp_3], [nothing, exif_1, xmp_6], [exif_1, nothing, xmp_6]):
        data = heif(
            [av1_item(noise((64, 32))), *items], [(b"cdsc", 2 + i, (1,)) for i in range(len(items))], layout("avif")
        )
        assert seen(strip(data).data) == seen(data)


def test_of_xmp_that_alone_turns_an_avif_for_pillow_the_orientation_stays_and_nothing_else():
    data = heif([av1_item(noise((64, 32))), turned(6)[1]], [(b"cdsc", 2, (1,))], layout("avif"))
    assert seen(data)[0] == (32, 64)
    stripped = strip(data)
    assert {"XMP item"} <= {r.where for r in stripped.removed}
    assert xmp.build(6) in stripped.data
    assert stripped.data.count(b"xmpmeta") == 2
    assert xmp.build(6) not in strip(heif([hevc_item(noise((64, 32))), turned(6)[1]], [(b"cdsc", 2, (1,))])).data


@pytest.mark.parametrize("kind", [b"iscl", b"zzzz"])
def test_a_picture_with_an_essential_property_that_nobody_knows_is_refused_and_such_transparency_goes(
    brand, code, kind
):
    unknown = box(kind, SECRET)
    with pytest.raises(ImageRefused, match="essential"):
        strip(heif([code(noise((16, 16)), unknown)], layout=layout(brand, essential=(kind,))))
    items = [code(noise((16, 16))), code(noise((16, 16), "L"), auxc(), unknown)]
    stripped = strip(heif(items, [(b"auxl", 2, (1,))], layout(brand, essential=(kind,)))).data
    assert stripped == strip(heif(items[:1], layout=layout(brand))).data


def test_transparency_without_a_configuration_goes(brand, code):
    """Found by fuzzing: libavif passes it over, and refused the file that kept it without."""
    alpha = code(noise((16, 16), "L"), auxc())
    alpha.properties = alpha.properties[1:]
    plain = heif([code(noise((16, 16)))], layout=layout(brand))
    data = heif([code(noise((16, 16))), alpha], [(b"auxl", 2, (1,))], layout(brand))
    assert strip(data).data == strip(plain).data


def test_transparency_whose_type_breaks_off_goes(brand, code):
    """Found by fuzzing: libheif shows none where the type has no zero byte; the rebuilt one had it."""
    open_ended = full_box(b"auxC", 0, 0, b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha")
    plain = heif([code(noise((16, 16)))], layout=layout(brand))
    data = heif([code(noise((16, 16))), code(noise((16, 16), "L"), open_ended)], [(b"auxl", 2, (1,))], layout(brand))
    assert strip(data).data == strip(plain).data


def test_units_between_slices_of_a_tile_go():
    coded = hevc.encode(noise((32, 16)))
    parts = [coded.slices[0], hevc.unit(40, SECRET), coded.slices[1]]
    properties = (box(b"hvcC", coded.hvcc()), ispe(32, 16), pixi(8, 8, 8))
    kept_as_it_looks(heif([Item(b"hvc1", hevc.prefixed(*parts), properties)]))
