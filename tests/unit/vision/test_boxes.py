import numpy as np
import pytest

from photogate.errors import DetectionFailed
from photogate.findings import Box
from photogate.vision.boxes import checked, iou, suppress, to_box, turned_back


def candidates(*rows):
    return np.array(rows, np.float32)


def test_half_overlapping_squares_share_a_third_of_their_union():
    assert iou(candidates((0, 0, 10, 10, 1)), candidates((5, 0, 15, 10, 1)))[0, 0] == pytest.approx(1 / 3)


def test_suppression_keeps_the_best_of_what_overlaps_and_all_that_does_not():
    found = candidates((0, 0, 10, 10, 0.5), (1, 0, 11, 10, 0.9), (50, 50, 60, 60, 0.1))
    assert suppress(found, 0.4)[:, 4].tolist() == pytest.approx([0.9, 0.1])


@pytest.mark.parametrize("quarters", [0, 1, 2, 3])
def test_a_box_found_in_a_turned_picture_is_given_back_where_it_is(quarters):
    picture = np.zeros((30, 50), np.uint8)
    picture[4:9, 20:32] = 1
    turned = np.rot90(picture, quarters)
    rows, columns = np.nonzero(turned)
    found = candidates((columns.min(), rows.min(), columns.max() + 1, rows.max() + 1, 1))
    assert turned_back(found, quarters, 50, 30)[0].tolist() == [20, 4, 32, 9, 1]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_an_answer_that_is_no_number_is_a_failure_and_not_an_empty_picture(value):
    with pytest.raises(DetectionFailed, match="finite"):
        checked(candidates((0, 0, value, 1, 0.9)), "YuNet")


def test_boxes_are_rounded_outwards_and_kept_within_the_picture():
    assert to_box(candidates((-3.5, 2.4, 7.1, 99, 1))[0], 20, 10) == Box(0, 2, 8, 8)


def test_a_candidate_outside_the_picture_still_has_one_pixel():
    assert to_box(candidates((25, 12, 30, 15, 1))[0], 20, 10) == Box(19, 9, 1, 1)
