import pytest
from PIL import Image

from photogate.errors import ImageRefused
from photogate.findings import MetadataCategory, Removed
from photogate.formats import exif
from photogate.formats.container import Context, Rights


def block(**tags: object) -> bytes:
    made = Image.Exif()
    made[0x0112] = 6
    made[0x010F] = "Maker"
    made[0x013B] = "Somebody"
    made.get_ifd(0x8825)[1] = "N"
    made.get_ifd(0x8825)[2] = (52.0, 30.0, 0.0)
    made.get_ifd(0x8769)[0x9003] = "2026:01:02 03:04:05"
    return made.tobytes()


def test_the_orientation_is_read():
    assert exif.read(block(), Context()).orientation == 6


def test_what_it_holds_is_counted_by_category_without_values():
    context = Context()
    exif.read(block(), context, "APP1 Exif")
    removed = context.tally.removed()
    assert Removed(MetadataCategory.LOCATION, "APP1 Exif GPS IFD", 2) in removed
    assert Removed(MetadataCategory.TIME, "APP1 Exif Exif IFD", 1) in removed
    assert Removed(MetadataCategory.DEVICE, "APP1 Exif IFD0", 1) in removed
    assert "Somebody" not in repr(removed)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_what_is_built_reads_back_as_built(orientation):
    rights = Rights(copyright="© Somebody", creator="A")
    built = exif.build(orientation, rights)
    again = exif.read(built, Context())
    assert (again.orientation or 1, again.rights) == (orientation, rights)
    assert exif.verify(built) == orientation


def test_an_upright_picture_without_rights_needs_no_exif():
    assert exif.build(1) == b""


def test_the_second_look_refuses_a_tail_and_a_further_tag():
    with pytest.raises(ImageRefused):
        exif.verify(exif.build(6) + b"tail")
    with pytest.raises(ImageRefused):
        exif.verify(block())


def test_directories_that_point_at_each_other_end():
    looping = b"MM\0*\0\0\0\x08" + b"\0\1" + b"\x87\x69\0\4\0\0\0\1\0\0\0\x08" + b"\0\0\0\x08"
    assert exif.read(looping, Context()).orientation is None


@pytest.mark.parametrize("broken", [b"", b"Exif\0\0", b"MM\0*", b"II*\0\xff\xff\xff\xff", b"II*\0\x08\0\0\0\xff\xff"])
def test_a_block_that_does_not_parse_turns_nothing(broken):
    assert exif.read(broken, Context()).orientation is None


@pytest.mark.parametrize(("kind", "value"), [(3, b"\0\0"), (3, b"\0\x09"), (1, b"\6\0")])
def test_an_orientation_that_turns_nothing_hides_the_one_in_xmp(kind, value):
    found = exif.read(b"MM\0*\0\0\0\x08\0\1\x01\x12\0" + bytes((kind,)) + b"\0\0\0\1" + value + bytes(6), Context())
    assert found.orientation == 1
