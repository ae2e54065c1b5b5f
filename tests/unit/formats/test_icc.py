import io
import struct

import pytest
from PIL import Image, ImageCms

from photogate.errors import ImageRefused
from photogate.formats import icc, limits, strip
from tests.noise import noise


def srgb() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def transformed(profile: bytes) -> bytes:
    ramp = Image.new("RGB", (256, 3))
    ramp.putdata([(i, (i * 7) % 256, 255 - i) for _ in range(3) for i in range(256)])
    lab = ImageCms.createProfile("LAB")
    return ImageCms.profileToProfile(
        ramp, ImageCms.ImageCmsProfile(io.BytesIO(profile)), lab, outputMode="LAB"
    ).tobytes()


def xyz(*numbers: int) -> bytes:
    return struct.pack(">4sI3i", b"XYZ ", 0, *numbers)


CURVE = b"curv" + struct.pack(">IIH", 0, 1, 0x0233)
RGB = {
    b"rXYZ": xyz(0x9C18, 0x4FA5, 0x04FC),
    b"gXYZ": xyz(0x348D, 0xA02C, 0x0F95),
    b"bXYZ": xyz(0x2631, 0x102F, 0xBE9C),
    b"rTRC": CURVE,
    b"gTRC": CURVE,
    b"bTRC": CURVE,
}
JUNK = b"junk" + bytes(30)


def table(inputs: int = 3, outputs: int = 3, kind: bytes = b"mft1") -> bytes:
    """Make a table of two points a side, that turns the first channels round."""
    identity = struct.pack(">9i", *(0x10000 * (i % 4 == 0) for i in range(9)))
    sides = [[number >> i % inputs & 1 for i in range(outputs)] for number in range(2**inputs)]
    points = bytes(255 - 255 * side for row in sides for side in row)
    ramp = bytes(range(256))
    return kind + bytes(4) + bytes((inputs, outputs, 2, 0)) + identity + ramp * inputs + points + ramp * outputs


def built(tags: dict[bytes, bytes], version: int = 0x0210, kind: bytes = b"mntrRGB XYZ ") -> bytes:
    at, rows, body = 132 + 12 * len(tags), b"", b""
    for name, value in tags.items():
        rows += struct.pack(">4sII", name, at + len(body), len(value))
        body += value + bytes(-len(value) % 4)
    head = struct.pack(">I4xH2x12s12x4s88x", at + len(body), version, kind, b"acsp")
    return head + struct.pack(">I", len(tags)) + rows + body


def shown(profile: bytes | None, mode: str = "RGB", intent: int = 0) -> bytes | None:
    """Show some colours as lcms does; None where it makes no transform of the profile."""
    values = noise((16, 16), {"LAB": "RGB"}.get(mode, mode)).tobytes()
    try:
        opened = ImageCms.ImageCmsProfile(io.BytesIO(profile or b""))
        transform = ImageCms.buildTransform(opened, ImageCms.createProfile("sRGB"), mode, "RGB", intent)
    except (OSError, ImageCms.PyCMSError):
        return None
    return ImageCms.applyTransform(Image.frombytes(mode, (16, 16), values), transform).tobytes()


BAD_TAGS = {
    "chad of another type": {b"chad": xyz(1, 2, 3)},
    "chad too short": {b"chad": b"sf32" + bytes(30)},
    "white point of another type": {b"wtpt": JUNK},
    "code points too few": {b"cicp": b"cicp" + bytes(6)},
    "code points that are none": {b"cicp": b"cicp\0\0\0\0HIDE"},
    "code points of no RGB": {b"cicp": b"cicp\0\0\0\0\1\1\1\1"},
    "A2B1 of other channels": {b"A2B1": table(inputs=4)},
    "B2A0 of other channels": {b"B2A0": table(outputs=4)},
    **{f"{name.decode()} broken": {name: JUNK} for name in (b"B2A0", b"B2A1", b"B2A2", b"A2B1", b"A2B2")},
    "B2A0 cut": {b"B2A0": table()[:-1]},
    "A2B0 empty": {b"A2B0": b""},
}


@pytest.mark.parametrize("bad", BAD_TAGS)
def test_a_bad_tag_that_a_transform_does_not_read_goes_alone(bad):
    profile = built({**RGB, **BAD_TAGS[bad]})
    assert shown(profile) is not None
    assert shown(icc.reduce(profile)) == shown(profile)
    assert icc.reduce(profile) == icc.reduce(built(RGB))


def test_code_points_of_rgb_stay():
    assert b"cicp\0\0\0\0\x09\x10\0\1" in (icc.reduce(built({**RGB, b"cicp": b"cicp\0\0\0\0\x09\x10\0\1"})) or b"")


@pytest.mark.parametrize("name", [b"chad", b"wtpt", b"A2B0", b"A2B1", b"B2A0", b"cicp"])
def test_a_tag_that_points_outside_goes_alone(name):
    profile = pointing_outside(built({**RGB, name: table()}), name)
    assert shown(profile) is not None
    assert shown(icc.reduce(profile)) == shown(profile)
    assert icc.reduce(profile) == icc.reduce(built(RGB))


@pytest.mark.parametrize("name", [*RGB, b"A2B1", b"A2B2"])
def test_beside_a_table_a_bad_tag_goes_alone(name):
    profile = built({b"A2B0": table(), **RGB, name: JUNK})
    assert shown(profile) is not None
    assert shown(icc.reduce(profile)) == shown(profile)


@pytest.mark.parametrize(
    "tags",
    [
        {**RGB, b"A2B0": JUNK},
        {**RGB, b"A2B0": table(kind=b"mBA ")},
        *({**RGB, name: JUNK} for name in RGB),
        {b"wtpt": RGB[b"rXYZ"]},
        {b"A2B0": table(inputs=4)},
        {**RGB, b"A2B0": table(outputs=4)},
        {b"B2A0": table()},
    ],
)
def test_a_profile_that_lacks_what_a_transform_reads_is_left_out(tags):
    assert shown(built(tags)) is None
    assert icc.reduce(built(tags)) is None


@pytest.mark.parametrize(
    ("kind", "tags"),
    [
        *((kind + b"RGB XYZ ", RGB) for kind in (b"link", b"abst")),
        *((kind + b"RGB RGB ", {b"A2B0": table()}) for kind in (b"link", b"mntr")),
        *((b"mntrRGB " + pcs, {**RGB, b"A2B0": table()}) for pcs in (b"RGB ", b"CMYK", b"YCbr")),
    ],
)
def test_a_class_or_pcs_that_no_engine_applies_to_a_picture_is_left_out(kind, tags):
    assert shown(built(tags, kind=kind)) is None
    assert icc.reduce(built(tags, kind=kind)) is None


@pytest.mark.parametrize("intent", range(4))
def test_a_profile_without_a_class_is_one_of_a_device(intent):
    profile = built({**RGB, b"wtpt": xyz(0xF000, 0x10000, 0x9000)}, kind=bytes(4) + b"RGB XYZ ")
    once = icc.reduce(profile)
    assert shown(once, intent=intent) == shown(profile, intent=intent) is not None
    assert icc.reduce(once or b"") == once


@pytest.mark.parametrize("kind", [b"linkRGB XYZ ", b"linkRGB Lab ", b"abstRGB Lab "])
def test_of_a_link_that_lcms_applies_the_tables_stay(kind):
    profile = built({b"A2B0": table(), **RGB, b"B2A0": table()}, kind=kind)
    assert shown(profile) is not None
    assert shown(icc.reduce(profile)) == shown(profile)
    assert icc.tags_of(icc.reduce(profile) or b"") == {b"desc", b"cprt", b"A2B0"}


OF_SPACES = {
    b"GRAY": {b"kTRC": CURVE},
    b"RGB ": RGB,
    **{space: {b"A2B0": table()} for space in (b"Lab ", b"CMY ", b"3CLR")},
    **{space: {b"A2B0": table(inputs=4)} for space in (b"CMYK", b"4CLR")},
}


@pytest.mark.parametrize("space", OF_SPACES)
@pytest.mark.parametrize(("mode", "channels"), [("L", 1), ("RGB", 3), ("CMYK", 4)])
def test_a_profile_stays_with_pictures_that_lcms_shows_by_it(space, mode, channels):
    profile = built(OF_SPACES[space], kind=b"mntr" + space + b"XYZ ")
    takes = shown(profile, mode) is not None or (space, mode) == (b"RGB ", "L")
    assert (icc.reduce(profile, channels) is not None) is takes
    assert icc.reduce(profile) is not None


@pytest.mark.parametrize("version", [0, 0x0100, 0x0110, 0x0300, 0x0345, 0x0500])
@pytest.mark.parametrize("intent", range(4))
def test_versions_that_lcms_takes_stay_as_those_of_the_standard(version, intent):
    profile = built({**RGB, b"wtpt": xyz(0xF000, 0x10000, 0x9000)}, version)
    once = icc.reduce(profile)
    assert once is not None
    assert once[8] == (4 if version == 0x0500 else 2)
    assert shown(once, intent=intent) == shown(profile, intent=intent) is not None
    assert icc.reduce(once) == once


@pytest.mark.parametrize("version", [0x0510, 0x0600, 0xFF00])
def test_versions_that_lcms_does_not_take_are_left_out(version):
    assert shown(built(RGB, version)) is None
    assert icc.reduce(built(RGB, version)) is None


def test_reducing_a_profile_does_not_move_a_colour():
    reduced = icc.reduce(srgb())
    assert reduced is not None
    assert transformed(reduced) == transformed(srgb())


def test_identity_fields_of_the_header_are_zero():
    profile = bytearray(srgb())
    profile[48:56] = b"APPLPHNE"
    profile[80:84] = b"me  "
    profile[84:100] = bytes(range(16))
    reduced = icc.reduce(bytes(profile))
    assert reduced is not None
    assert reduced[4:8] == bytes(4)
    assert reduced[40:64] == bytes(24)
    assert reduced[80:128] == bytes(48)


def test_a_secret_in_any_text_or_gap_or_tail_is_gone():
    profile = bytearray(srgb())
    for needle in (b"sRGB", "sRGB".encode("utf-16-be")):
        profile = bytearray(bytes(profile).replace(needle, b"secret"[: len(needle)].ljust(len(needle), b"x")))
    reduced = icc.reduce(bytes(profile) + b"secret tail")
    assert reduced is not None
    assert b"secre" not in reduced
    assert b"tail" not in reduced


def test_reducing_twice_changes_nothing():
    once = icc.reduce(srgb())
    assert once is not None
    assert icc.reduce(once) == once
    icc.verify(once)


@pytest.mark.parametrize("broken", [b"", b"short", bytes(200), srgb()[:140], srgb()[:36] + b"nope" + srgb()[40:]])
def test_a_profile_that_does_not_parse_is_left_out(broken):
    assert icc.reduce(broken) is None


def pointing_outside(profile: bytes, name: bytes) -> bytes:
    out = bytearray(profile)
    names = [bytes(out[132 + 12 * i : 136 + 12 * i]) for i in range(struct.unpack_from(">I", out, 128)[0])]
    struct.pack_into(">I", out, 136 + 12 * names.index(name), len(out))
    return bytes(out)


@pytest.mark.parametrize("name", [b"rXYZ", b"bTRC"])
def test_a_colorant_or_curve_that_points_outside_is_no_profile(name):
    profile = pointing_outside(built(RGB), name)
    assert shown(profile) is None
    assert icc.reduce(profile) is None


def test_the_second_look_refuses_a_profile_with_more():
    with pytest.raises(ImageRefused, match="rendering tags only"):
        icc.verify(srgb())


def with_tag(profile: bytes, name: bytes, value: bytes) -> bytes:
    (count,) = struct.unpack_from(">I", profile, 128)
    table = [list(struct.unpack_from(">4sII", profile, 132 + 12 * i)) for i in range(count)]
    end = 132 + 12 * count
    moved = b"".join(struct.pack(">4sII", tag, at + 12, size) for tag, at, size in table)
    new = struct.pack(">4sII", name, len(profile) + 12, len(value))
    body = profile[:128] + struct.pack(">I", count + 1) + moved + new + profile[end:] + value
    return struct.pack(">I", len(body)) + body[4:]


@pytest.mark.parametrize("name", [b"kTRC", b"bkpt", b"gamt", b"DevS"])
def test_a_tag_that_nothing_reads_in_such_a_profile_goes(name):
    value = {b"bkpt": b"XYZ \0\0\0\0hidden place"}.get(name, b"curv\0\0\0\0\0\0\0\6hidden place")
    assert icc.reduce(with_tag(srgb(), name, value)) == icc.reduce(srgb())


def overlapping(names: list[bytes], size: int, step: int) -> bytes:
    """Make a profile whose curves share one place (`step` 0), or begin at places a step apart in the same bytes."""
    profile = bytearray(built({**RGB, **dict.fromkeys(names, CURVE), b"mine": bytes(size)}))
    start = len(profile) - size
    for i in range(len(names)):
        head = b"curv" + struct.pack(">II", 0, (size - 12 * len(names)) // 2)
        profile[start + step * i : start + step * i + 12] = head
        entry = profile.index(names[i], 132)
        struct.pack_into(">II", profile, entry + 4, start + step * i, size - step * i)
    return bytes(profile)


CURVES = [b"rTRC", b"gTRC", b"bTRC"]


def test_tags_that_share_a_place_are_rebuilt_once_and_share_one_again(monkeypatch):
    profile = overlapping(CURVES, 4000, 0)
    read = []
    through = icc._typed
    monkeypatch.setattr(icc, "_typed", lambda kind, value: (read.append(kind), through(kind, value))[1])
    once = icc.reduce(profile)
    assert once is not None
    assert read.count(b"curv") == 1
    assert len(once) < len(profile) + 200  # two texts more
    assert shown(once) == shown(profile)
    assert icc.reduce(once) == once


def test_tags_that_overlap_without_end_are_no_profile():
    assert icc.reduce(overlapping(CURVES, 4000, 12)) is None


CURVE_OF_A_TABLE = b"curv" + struct.pack(">II", 0, 1280) + bytes(range(256)) * 10


def table_of_curves(*sets: int, curves: int = 9) -> bytes:
    """Make a lutAToBType (10.12) of so many curves, of which its B, M and A curves begin at those of `sets`."""
    grid = 32 + curves * len(CURVE_OF_A_TABLE)
    b, m, a = (32 + n * len(CURVE_OF_A_TABLE) for n in sets)
    clut = bytes((2, 2, 2)) + bytes(13) + b"\1\0\0\0" + bytes(255 * (i % 3 == i // 3 % 2) for i in range(24))
    matrix = struct.pack(">12i", *(0x10000 * (i % 4 == 0 and i < 9) for i in range(12)))
    head = b"mAB \0\0\0\0\3\3\0\0" + struct.pack(">5I", b, grid + len(clut), m, grid, a)
    return head + CURVE_OF_A_TABLE * curves + clut + matrix


@pytest.mark.parametrize("sets", [(0, 3, 6), (0, 0, 6), (0, 0, 0)])
def test_curves_of_a_table_may_share_a_place(sets):
    profile = built({b"A2B0": table_of_curves(*sets)}, 0x0420, b"mntrRGB Lab ")
    once = icc.reduce(profile)
    assert once is not None
    assert shown(once) == shown(profile) is not None
    assert once.count(CURVE_OF_A_TABLE) == 3 * len(set(sets))
    assert icc.reduce(once) == once


def test_curves_of_a_table_that_overlap_without_end_are_no_profile():
    profile = built({b"A2B0": table_of_curves(0, 1, 2, curves=5)}, 0x0420, b"mntrRGB Lab ")
    assert icc.reduce(profile) is None


def test_a_profile_that_would_be_too_large_to_be_read_again_is_left_out(monkeypatch):
    profile = built({**RGB, **dict.fromkeys(CURVES, b"curv" + struct.pack(">II", 0, 40_000) + bytes(80_000))})
    monkeypatch.setattr(limits, "MAX_ICC_BYTES", len(icc.reduce(profile) or b"") - 1)
    assert icc.reduce(profile) is None


@pytest.mark.parametrize("space", OF_SPACES)
@pytest.mark.parametrize(
    ("kind", "mode"),
    [
        *(("JPEG", mode) for mode in ("L", "RGB", "CMYK")),
        *(("PNG", mode) for mode in ("L", "LA", "P", "RGB", "RGBA")),
        *(("TIFF", mode) for mode in ("1", "L", "P", "RGB", "RGBA", "CMYK", "LAB")),
        ("WEBP", "RGB"),
    ],
)
def test_every_format_keeps_the_profiles_that_lcms_applies_to_its_pictures(space, kind, mode):
    picture, file = Image.new(mode, (16, 16), 1), io.BytesIO()
    picture.save(file, kind, icc_profile=built(OF_SPACES[space], kind=b"mntr" + space + b"XYZ "))
    with Image.open(io.BytesIO(strip(file.getvalue()).data)) as image:
        kept = image.info.get("icc_profile")
    channels = {"1": (b"GRAY", b"RGB "), "L": (b"GRAY", b"RGB "), "LA": (b"GRAY", b"RGB "), "CMYK": (b"CMYK",)}
    assert (kept is not None) is (space in channels.get(mode, (b"RGB ",)) or mode == "LAB")
