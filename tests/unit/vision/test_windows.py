import numpy as np
import pytest

from photogate.vision.tiles import padded_tensor, scaled, windows, within


@pytest.mark.parametrize(("width", "height"), [(1, 1), (100, 40), (101, 100), (333, 250), (1000, 99)])
def test_windows_cover_every_pixel_within_their_size(width, height):
    seen = np.zeros((height, width), bool)
    for left, top, right, bottom in windows(width, height, 100, 20):
        assert 0 < right - left <= 100
        assert 0 < bottom - top <= 100
        seen[top:bottom, left:right] = True
    assert seen.all()


def test_whatever_fits_the_overlap_lies_whole_in_a_window():
    spans = [(left, right) for left, _, right, _ in windows(333, 10, 100, 20)]
    for start in range(333 - 20):
        assert any(left <= start and start + 20 <= right for left, right in spans)


def test_a_picture_within_the_limit_is_not_copied():
    picture = np.zeros((30, 40, 3), np.uint8)
    same, factor = within(picture, 1200)
    assert same is picture
    assert factor == 1


def test_a_panorama_is_shrunk_by_its_area_and_not_by_its_length():
    copy, factor = within(np.zeros((100, 4000, 3), np.uint8), 100_000)
    assert factor == pytest.approx(0.5)
    assert copy.shape == (50, 2000, 3)


@pytest.mark.parametrize("longer", [1, 7, 33, 64, 200])
def test_a_scaled_picture_keeps_its_shape_and_its_mean(longer):
    picture = np.random.default_rng(1).integers(90, 110, (48, 64, 3), np.uint8)
    copy, factor = scaled(picture, longer)
    assert copy.shape[1] == longer
    assert factor == longer / 64
    assert abs(copy.mean() - picture.mean()) < 6


def test_a_tensor_is_padded_with_nothing_and_keeps_its_channels_in_order():
    picture = np.full((33, 64, 3), (10, 20, 30), np.uint8)
    tensor = padded_tensor(picture)
    assert tensor.shape == (1, 3, 64, 64)
    assert tensor[0, :, 32, 0].tolist() == [10, 20, 30]
    assert not tensor[0, :, 33:].any()
    assert padded_tensor(picture, rgb=True)[0, :, 0, 0].tolist() == [30, 20, 10]
