import io
import struct

import pytest
from PIL import Image, ImageCms

from photogate.errors import ImageRefused
from photogate.formats import icc


def srgb() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def transformed(profile: bytes) -> bytes:
    ramp = Image.new("RGB", (256, 3))
    ramp.putdata([(i, (i * 7) % 256, 255 - i) for _ in range(3) for i in range(256)])
    lab = ImageCms.createProfile("LAB")
    return ImageCms.profileToProfile(
        ramp, ImageCms.ImageCmsProfile(io.BytesIO(profile)), lab, outputMode="LAB"
    ).tobytes()


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


def test_a_tag_that_points_outside_is_no_profile():
    profile = bytearray(srgb())
    names = [bytes(profile[132 + 12 * i : 136 + 12 * i]) for i in range(struct.unpack_from(">I", profile, 128)[0])]
    struct.pack_into(">I", profile, 136 + 12 * names.index(b"rXYZ"), len(profile))
    assert icc.reduce(bytes(profile)) is None


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
