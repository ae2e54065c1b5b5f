"""Random bytes in every place of an HEVC picture that decoders pass over: none is in what comes out, at any bit."""

import io
import random
import struct

import pi_heif
import pytest
from PIL import Image

from photogate.errors import ImageRefused
from photogate.formats import strip
from photogate.formats.bmff_boxes import box, full_box
from photogate.formats.bmff_coded import Dropped
from photogate.formats.hevc_sets import parameter_set
from photogate.formats.hevc_units import Used, hvcc
from tests import hevc
from tests.heif_builder import Item, heif, hevc_item, ispe, pixi
from tests.noise import noise

pi_heif.register_heif_opener()
SECRET = random.Random(5).randbytes(24)
PICTURE = noise((34, 20))


def bits(data: bytes) -> str:
    return format(int.from_bytes(b"\1" + data.replace(b"\0\0\3", b"\0\0"), "big"), "b")[1:]


def holds_secret(data: bytes) -> bool:
    return bits(SECRET[:8]) in bits(data)


def look(data: bytes) -> tuple[str, tuple[int, int], bytes]:
    with Image.open(io.BytesIO(data)) as image:
        return image.mode, image.size, image.tobytes()


def with_units(before: bytes = b"", behind: bytes = b"", *more: tuple[int, bytes]) -> bytes:
    """The picture, with NAL units before and behind its slices, and further arrays in its configuration."""
    coded = hevc.encode(PICTURE)
    data = before + hevc.prefixed(*coded.slices) + behind
    return heif([Item(b"hvc1", data, (box(b"hvcC", coded.hvcc(*more)), ispe(*PICTURE.size), pixi(8, 8, 8)))])


CLEAN = with_units()


@pytest.mark.parametrize("image", [PICTURE, noise((18, 40), "L")])
@pytest.mark.parametrize("depth", [8, 10])
def test_a_picture_without_anything_to_remove_stays_byte_for_byte(image, depth):
    data = heif([hevc_item(image, depth=depth)])
    assert strip(data).data == data
    assert look(data)[1] == image.size


@pytest.mark.parametrize("place", ["vps_extension", "sps_extension", "pps_extension"])
def test_extension_data_of_a_parameter_set_goes(place):
    data = heif([hevc_item(PICTURE, planted=hevc.Planted(**{place: SECRET}))])
    assert holds_secret(data)
    assert strip(data).data == CLEAN


def test_extensions_of_slice_headers_go():
    data = heif([hevc_item(PICTURE, planted=hevc.Planted(slice_extension=SECRET))])
    assert holds_secret(data)
    stripped = strip(data).data
    assert not holds_secret(stripped)
    assert look(stripped) == look(data) == look(CLEAN)


def test_the_clock_of_the_usability_information_goes():
    ticks = (int.from_bytes(SECRET[:4], "big"), int.from_bytes(SECRET[4:8], "big"))
    data = heif([hevc_item(PICTURE, planted=hevc.Planted(timing=ticks))])
    assert holds_secret(data)
    stripped = strip(data).data
    assert not holds_secret(stripped)
    assert look(stripped) == look(CLEAN)


@pytest.mark.parametrize(
    "planted",
    [
        hevc.Planted(latency=0x53454352),
        hevc.Planted(level=0x53),
        hevc.Planted(vps_numbers=(0x5345, 0x4352, 0x4554)),
        hevc.Planted(references=(0x53, 0x45, 0x43, 0x52)),
    ],
)
def test_what_parameter_sets_say_that_the_picture_does_not_need_goes(planted):
    """Waiting times; of the VPS all but its number; references, which an IDR picture has none of."""
    data = heif([hevc_item(PICTURE, planted=planted)])
    assert data != CLEAN
    assert strip(data).data == CLEAN


def test_references_stay_where_a_picture_may_name_them():
    planted = hevc.Planted(references=(3, 5))
    coded = hevc.encode(PICTURE, planted=planted)
    known = parameter_set(coded.sets[hevc.SPS])
    assert known.unit == coded.sets[hevc.SPS]
    assert known.still == hevc.encode(PICTURE).sets[hevc.SPS]
    configuration = coded.hvcc()
    for still in (False, True):
        used = Used({(hevc.SPS, 0)}, still)
        assert (known.unit in hvcc(configuration, 0, len(configuration), Dropped(), used)) == (not still)


def test_the_shape_of_samples_is_told_in_lowest_terms():
    short, long = (heif([hevc_item(PICTURE, planted=hevc.Planted(shape=(4 * n, 3 * n)))]) for n in (1, 0x1234))
    assert strip(long).data == strip(short).data == short


def test_numbers_beyond_the_standards_bounds_are_refused():
    pps = hevc.Bits().ue(0, 0).u(2, 0).u(3, 0).u(2, 0).ue(0x53454352, 0, 0)
    with pytest.raises(ImageRefused, match="at most 14"):
        parameter_set(hevc.unit(hevc.PPS, pps.ended()))


def test_the_configuration_says_of_profile_and_level_what_the_parameter_set_says():
    data = bytearray(CLEAN)
    at = data.index(b"hvcC") + 4
    data[at + 1 : at + 13] = SECRET[:12]
    assert strip(bytes(data)).data == CLEAN


@pytest.mark.parametrize(("place", "value"), [(16, 0xFE), (17, 0xFA), (18, 0xFC)])
def test_a_configuration_of_another_depth_or_chroma_than_its_parameter_set_is_refused(place, value):
    """Found by fuzzing: libheif shows more bits than it decodes."""
    data = bytearray(CLEAN)
    data[data.index(b"hvcC") + 4 + place] = value
    with pytest.raises(ImageRefused, match="chroma and depth"):
        strip(bytes(data))


# Of H.265, table 7-1: reserved pictures, delimiter, ends, filler, SEI, reserved and unspecified units.
@pytest.mark.parametrize("kind", [10, 15, 22, 31, 35, 36, 37, 38, 39, 40, 41, 47, 48, 63])
def test_units_that_a_still_picture_does_not_need_go(kind):
    planted = hevc.prefixed(hevc.unit(kind, SECRET))
    assert strip(with_units(planted)).data == CLEAN
    assert strip(with_units(b"", planted)).data == CLEAN
    assert strip(with_units(b"", b"", (kind, hevc.unit(kind, SECRET)))).data == CLEAN


def test_units_of_other_layers_and_a_second_picture_go():
    assert strip(with_units(hevc.prefixed(hevc.unit(hevc.IDR, SECRET, layer=1)))).data == CLEAN
    assert strip(with_units(b"", hevc.prefixed(hevc.unit(hevc.IDR, b"\x80" + SECRET)))).data == CLEAN


# Of H.265, table 7-1: pictures between others, leading pictures, further random access pictures.
@pytest.mark.parametrize("kind", [0, 1, 2, 6, 8, 9, 16, 19, 21])
@pytest.mark.parametrize("lead", [b"\x40", b"\x20"])
def test_slices_of_another_type_than_the_first_go(kind, lead):
    planted = hevc.prefixed(hevc.unit(kind, lead + SECRET))
    data = with_units(b"", planted)
    assert strip(data).data == CLEAN
    assert look(data) == look(CLEAN)


def test_slices_out_of_order_are_refused():
    coded = hevc.encode(PICTURE)
    for slices in ([*coded.slices, coded.slices[-1]], [coded.slices[0], *coded.slices[:0:-1]]):
        item = Item(b"hvc1", hevc.prefixed(*slices), (box(b"hvcC", coded.hvcc()), ispe(*PICTURE.size)))
        with pytest.raises(ImageRefused, match="in their order"):
            strip(heif([item]))


def test_a_parameter_set_that_no_slice_uses_goes():
    pps = hevc.Bits().ue(5, 0).u(2, 0).u(3, 0).u(2, 0).ue(0, 0, 0).u(3, 0).ue(0, 0).u(10, 0).ue(0).u(2, 0)
    unused = hevc.unit(hevc.PPS, pps.ended())
    assert strip(with_units(hevc.prefixed(unused))).data == CLEAN
    assert strip(with_units(b"", b"", (hevc.PPS, unused))).data == CLEAN


@pytest.mark.parametrize("tail", [b"\0" * 9, b"\0\0\3" * 40, b"\0\0\3\0"])
def test_zero_words_behind_a_slice_go(tail):
    coded = hevc.encode(PICTURE)
    coded.slices[-1] += tail
    properties = (box(b"hvcC", coded.hvcc()), ispe(*PICTURE.size), pixi(8, 8, 8))
    assert strip(heif([Item(b"hvc1", hevc.prefixed(*coded.slices), properties)])).data == CLEAN


def test_hints_and_reserved_bits_of_the_configuration_become_what_says_nothing():
    data = bytearray(CLEAN)
    at = data.index(b"hvcC") + 4
    data[at + 7 : at + 12] = SECRET[:5]
    data[at + 13 : at + 16] = SECRET[5:8]
    data[at + 19 : at + 21] = SECRET[8:10]
    assert strip(bytes(data)).data == CLEAN


def test_a_slice_that_refers_to_no_parameter_set_is_refused():
    coded = hevc.encode(PICTURE)
    del coded.sets[hevc.PPS]
    properties = (box(b"hvcC", coded.hvcc()), ispe(*PICTURE.size))
    with pytest.raises(ImageRefused, match="parameter sets that are there"):
        strip(heif([Item(b"hvc1", hevc.prefixed(*coded.slices), properties)]))


def test_a_cut_parameter_set_is_refused():
    coded = hevc.encode(PICTURE)
    coded.sets[hevc.SPS] = coded.sets[hevc.SPS][:12]
    with pytest.raises(ImageRefused, match="complete header"):
        strip(heif([Item(b"hvc1", hevc.prefixed(*coded.slices), (box(b"hvcC", coded.hvcc()), ispe(*PICTURE.size)))]))


def track(coded: hevc.Coded, samples: list[bytes], *tables: bytes, size: tuple[int, int] = PICTURE.size) -> bytes:
    """A sequence of pictures in HEVC (23008-12, 7)."""
    entry = struct.pack(">6xH16xHHIIIH32xHh", 1, *size, 0x480000, 0x480000, 0, 1, 24, -1)
    ftyp = box(b"ftyp", b"hevc", bytes(4), b"msf1", b"hevc")
    unity = struct.pack(">9i", 65536, 0, 0, 0, 65536, 0, 0, 0, 0x40000000)

    def moov(at: int) -> bytes:
        table = box(
            b"stbl",
            full_box(b"stsd", 0, 0, struct.pack(">I", 1), box(b"hvc1", entry, box(b"hvcC", coded.hvcc()))),
            full_box(b"stts", 0, 0, struct.pack(">III", 1, len(samples), 10)),
            *tables,
            full_box(b"stsc", 0, 0, struct.pack(">IIII", 1, 1, len(samples), 1)),
            full_box(b"stsz", 0, 0, struct.pack(f">II{len(samples)}I", 0, len(samples), *map(len, samples))),
            full_box(b"stco", 0, 0, struct.pack(">II", 1, at)),
        )
        media = box(
            b"mdia",
            full_box(b"mdhd", 0, 0, struct.pack(">IIIIHH", 0, 0, 100, 10 * len(samples), 0x55C4, 0)),
            full_box(b"hdlr", 0, 0, bytes(4), b"pict", bytes(13)),
            box(b"minf", full_box(b"vmhd", 0, 1, bytes(8)), table),
        )
        duration = 10 * len(samples)
        shown = struct.pack(">HHHH", PICTURE.width, 0, PICTURE.height, 0)
        tkhd = full_box(b"tkhd", 0, 3, struct.pack(">IIIII16x", 0, 0, 1, 0, duration), unity, shown)
        mvhd = full_box(b"mvhd", 0, 0, struct.pack(">IIIIIH10x", 0, 0, 100, duration, 65536, 256), unity, bytes(28))
        return box(b"moov", mvhd, box(b"trak", tkhd, media))

    return ftyp + moov(len(ftyp) + len(moov(0)) + 8) + box(b"mdat", *samples)


def offsets(*numbers: int) -> bytes:
    return full_box(b"ctts", 0, 0, struct.pack(">I", len(numbers)), *(struct.pack(">II", 1, n) for n in numbers))


def test_a_sequence_keeps_its_pictures_and_loses_what_is_among_them():
    first, second = hevc.encode(PICTURE), hevc.encode(noise(PICTURE.size, seed=9))
    clean = strip(track(first, [hevc.prefixed(*each.slices) for each in (first, second)])).data
    assert clean.endswith(hevc.prefixed(*first.slices) + hevc.prefixed(*second.slices))
    planted = hevc.prefixed(hevc.unit(1, b"\x40" + SECRET))
    marked = [hevc.prefixed(*each.slices) + planted for each in (first, second)]
    data = track(first, marked, offsets(0x53454352, 0x4554), size=(0x53, 0x45))
    assert strip(data).data == clean
    assert strip(clean).data == clean


def test_references_and_offsets_of_composition_stay_in_a_sequence_of_which_pictures_refer_to_others():
    coded = hevc.encode(PICTURE, planted=hevc.Planted(references=(3, 5)))
    following = hevc.unit(1, hevc.Bits().u(1, 1).ue(0, 1).u(16, 0).ended() + b"\xff\x80")
    data = track(coded, [hevc.prefixed(*coded.slices), hevc.prefixed(following)], offsets(0, 7))
    stripped = strip(data).data
    assert coded.sets[hevc.SPS] in stripped
    assert offsets(0, 7) in stripped
    assert strip(stripped).data == stripped
