import numpy as np
import pytest
import skimage

from photogate.config import VisionSettings
from photogate.errors import DetectionFailed, ModelRefused
from photogate.findings import FindingKind
from photogate.vision.detector import Detectors
from photogate.vision.models import YUNET

FACE_OF_THE_ASTRONAUT = (170, 60, 270, 190)  # left, top, right, bottom


@pytest.fixture(scope="module")
def detectors():
    return Detectors.load(VisionSettings(), [FindingKind.FACE])


@pytest.fixture(scope="module")
def astronaut():
    return np.ascontiguousarray(skimage.data.astronaut()[:, :, ::-1])


def covers(box, area):
    left, top, right, bottom = area
    return box.x <= left + 25 and box.y <= top + 25 and box.right >= right - 25 and box.bottom >= bottom - 25


def test_a_face_is_found_where_it_is(detectors, astronaut):
    (face,) = detectors.find(astronaut)
    assert face.kind is FindingKind.FACE
    assert face.band == "act"
    assert covers(face.box, FACE_OF_THE_ASTRONAUT)


def test_a_photo_of_a_coffee_cup_has_no_face(detectors):
    assert detectors.find(np.ascontiguousarray(skimage.data.coffee()[:, :, ::-1])) == ()


def test_one_and_two_threads_find_the_same(detectors, astronaut):
    two = Detectors.load(VisionSettings(threads=2), [FindingKind.FACE])
    assert two.find(astronaut) == detectors.find(astronaut)


def test_a_model_with_one_changed_byte_is_refused(tmp_path):
    data = bytearray((VisionSettings().models_dir / YUNET.file).read_bytes())
    data[1000] ^= 1
    (tmp_path / YUNET.file).write_bytes(data)
    with pytest.raises(ModelRefused, match="SHA-256"):
        Detectors.load(VisionSettings(models_dir=tmp_path))


def test_a_detector_that_raises_is_a_failure_and_its_message_stays_inside():
    class Broken:
        def find(self, image):
            raise RuntimeError("a personal value")

    with pytest.raises(DetectionFailed, match="found RuntimeError") as failed:
        Detectors((Broken(),), "").find(np.zeros((8, 8, 3), np.uint8))
    assert "personal" not in str(failed.value)
