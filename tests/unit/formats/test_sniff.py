import pytest

from photogate.errors import ImageRefused, Reason
from photogate.formats import ImageFormat, measure, sniff, strip
from photogate.formats.container import Measure, check_measure


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"\xff\xd8\xff\xe0", ImageFormat.JPEG),
        (b"\x89PNG\r\n\x1a\n", ImageFormat.PNG),
        (b"RIFF\0\0\0\0WEBPVP8 ", ImageFormat.WEBP),
        (b"GIF89a", ImageFormat.GIF),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", ImageFormat.HEIC),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1avif", ImageFormat.AVIF),
        (b"\0\0\0\x18ftypisom\0\0\0\0mp42avc1", ImageFormat.VIDEO),
        (b"II*\0\x08\0\0\0", ImageFormat.TIFF),
        (b"MM\0+\0\x08\0\0", ImageFormat.TIFF),
        (b"II*\0\x10\0\0\0CR\2\0", ImageFormat.RAW),
        (b"BM" + bytes(12) + b"\x28\0\0\0", ImageFormat.BMP),
        (b"\xff\x0a", ImageFormat.JXL),
        (b"%PDF-1.7", ImageFormat.PDF),
        (b'<?xml version="1.0"?><svg xmlns="x">', ImageFormat.SVG),
        (b"hello", ImageFormat.UNKNOWN),
    ],
)
def test_a_format_is_told_by_its_first_bytes(head, kind):
    assert sniff(head) is kind


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", Reason.EMPTY),
        (b"hello", Reason.NOT_AN_IMAGE),
        (b"<svg ", Reason.UNSUPPORTED_FORMAT),
        (b"%PDF-1.7", Reason.UNSUPPORTED_FORMAT),
    ],
)
def test_what_is_no_photo_is_refused_with_the_reason(data, reason):
    for ask in (measure, strip):
        with pytest.raises(ImageRefused) as caught:
            ask(data)
        assert caught.value.refusal is reason


@pytest.mark.parametrize(
    ("size", "reason"),
    [
        ((100_000, 100_000, 1), Reason.TOO_MANY_PIXELS),
        ((1, 1, 10_000), Reason.TOO_MANY_FRAMES),
        ((16_000, 16_000, 100), Reason.TOO_MANY_PIXELS),
        ((0, 5, 1), Reason.MALFORMED),
    ],
)
def test_a_bomb_is_refused_from_its_headers(size, reason):
    with pytest.raises(ImageRefused) as caught:
        check_measure(Measure(ImageFormat.PNG, *size))
    assert caught.value.refusal is reason
