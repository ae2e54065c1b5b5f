import cv2
import numpy as np
import pytest
import skimage

from photogate.config import VisionSettings
from photogate.errors import DetectionFailed, ModelRefused
from photogate.findings import FindingKind
from photogate.vision import calibration
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


def test_a_line_of_text_is_found_where_it_stands():
    picture = np.full((300, 500, 3), 230, np.uint8)
    cv2.putText(picture, "Sample 4711", (100, 160), cv2.FONT_HERSHEY_DUPLEX, 1.2, (20, 20, 20), 2, cv2.LINE_AA)
    (line,) = Detectors.load(VisionSettings(), [FindingKind.TEXT]).find(picture)
    assert line.kind is FindingKind.TEXT
    assert line.band == "act"
    assert covers(line.box, (100, 130, 330, 165))


def test_a_qr_code_is_found_where_it_stands():
    code = cv2.QRCodeEncoder.create().encode("https://example.com/1")
    code = cv2.resize(code, None, fx=4, fy=4, interpolation=cv2.INTER_NEAREST)
    picture = np.full((400, 500, 3), 200, np.uint8)
    picture[150 : 150 + len(code), 220 : 220 + len(code)] = code[:, :, None]
    findings = Detectors.load(VisionSettings(), [FindingKind.CODE]).find(picture)
    assert {finding.kind for finding in findings} == {FindingKind.CODE}
    assert covers(findings[0].box, (220, 150, 220 + len(code), 150 + len(code)))


def test_a_white_wall_has_neither_text_nor_code(detectors):
    everything = Detectors.load(VisionSettings())
    assert everything.find(np.full((300, 400, 3), 255, np.uint8)) == ()


def test_the_model_hash_tells_the_kinds_and_the_calibration_apart(monkeypatch):
    everything, faces = (
        Detectors.load(VisionSettings(), kinds).model_hash for kinds in (FindingKind, [FindingKind.FACE])
    )
    monkeypatch.setattr(calibration, "ACT", 0.9)
    stricter = Detectors.load(VisionSettings()).model_hash
    assert len({everything, faces, stricter}) == 3


def test_all_kinds_are_found_alike_on_one_and_on_two_threads(astronaut):
    one, two = (Detectors.load(VisionSettings(threads=threads)) for threads in (1, 2))
    picture = cv2.resize(astronaut, None, fx=2.5, fy=2.5)
    cv2.putText(picture, "Sample 4711", (60, 1200), cv2.FONT_HERSHEY_DUPLEX, 1.5, (255, 255, 255), 2, cv2.LINE_AA)
    found = one.find(picture)
    assert {finding.kind for finding in found} >= {FindingKind.FACE, FindingKind.TEXT}
    assert two.find(picture) == found
