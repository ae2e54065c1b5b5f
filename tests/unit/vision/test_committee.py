import ast
import dataclasses
from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage

from photogate.config import VisionSettings
from photogate.errors import DetectionFailed
from photogate.findings import Band, Finding
from photogate.vision import centerface, yunet
from photogate.vision.boxes import turned
from photogate.vision.centerface import CenterFace
from photogate.vision.committee import FLOOR, Evidence, FaceCommittee, probability
from photogate.vision.models import CENTERFACE, YUNET, read_model
from photogate.vision.onnx import open_session, with_free_shapes
from photogate.vision.yunet import YuNet


@pytest.fixture(scope="module")
def models():
    folder = VisionSettings().models_dir
    return read_model(YUNET, folder), read_model(CENTERFACE, folder)


@pytest.fixture(scope="module")
def faces(models):
    return FaceCommittee(YuNet(models[0], 1, FLOOR), CenterFace(models[1], 1, FLOOR))


@pytest.fixture(scope="module")
def astronaut():
    return np.ascontiguousarray(skimage.data.astronaut()[:, :, ::-1])


def chance(yunet_score, centerface_score):
    scores = (np.array([score], np.float32) for score in (yunet_score, centerface_score))
    return float(probability(Evidence(np.zeros((1, 5), np.float32), *scores, plainly=0.0))[0])


def test_more_evidence_from_either_detector_never_makes_a_face_less_likely():
    steps = np.linspace(0, 1, 21)
    table = np.array([[chance(y, c) for c in steps] for y in steps])
    assert (np.diff(table, axis=0) >= 0).all()
    assert (np.diff(table, axis=1) >= 0).all()


def test_moderate_evidence_from_both_counts_for_more_than_from_one():
    assert chance(0.6, 0.4) > max(chance(0.6, 0), chance(0, 0.4))


@pytest.mark.parametrize("quarters", [0, 1, 2, 3])
def test_a_face_is_found_in_a_photo_that_lies_on_its_side_or_upside_down(faces, astronaut, quarters):
    (face,) = faces.find(turned(astronaut, quarters))
    mask = np.zeros(astronaut.shape[:2], np.uint8)
    mask[90:165, 195:250] = 1  # eyes, nose and mouth
    rows, columns = np.nonzero(np.rot90(mask, quarters))
    assert face.band == Band.ACT
    assert face.box.x <= columns.min()
    assert face.box.y <= rows.min()
    assert face.box.right > columns.max()
    assert face.box.bottom > rows.max()
    assert face.box.width * face.box.height < 4 * len(rows)


@pytest.mark.parametrize("side", [24, 40, 90, 400, 1600, 3000])
def test_a_face_is_found_whether_small_in_the_background_or_filling_the_frame(faces, astronaut, side):
    face = astronaut[50:200, 150:300]
    picture = np.full((max(480, side), max(640, side), 3), 120, np.uint8)
    kernel = cv2.INTER_AREA if side < len(face) else cv2.INTER_CUBIC
    picture[:side, -side:] = cv2.resize(face, (side, side), interpolation=kernel)
    surest = max(faces.find(picture), key=lambda finding: finding.score)
    left = picture.shape[1] - side
    assert surest.band == Band.ACT
    assert surest.box.x >= left - side * 0.1
    assert surest.box.bottom <= side * 1.1
    assert surest.box.width * surest.box.height > 0.2 * side * side


@pytest.mark.parametrize("quarters", [0, 1])
@pytest.mark.parametrize("side", [32, 60])
def test_a_small_face_is_found_in_a_photo_of_twelve_megapixels(faces, astronaut, side, quarters):
    face = cv2.resize(astronaut[50:200, 150:300], (side, side), interpolation=cv2.INTER_AREA)
    picture = np.full((3000, 4000, 3), 120, np.uint8)
    picture[2000 : 2000 + side, 3100 : 3100 + side] = face
    if quarters:  # what says that the photo lies on its side
        picture[200:1000, 300:1100] = cv2.resize(astronaut[50:200, 150:300], (800, 800))
    (small,) = (f for f in faces.find(turned(picture, quarters)) if f.box.width < 200)
    assert small.band == Band.ACT
    back = picture.shape[1] - small.box.bottom if quarters else small.box.x
    assert abs(back - 3100) < side


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (700, 2), (3, 5000), (31, 33)])
def test_pictures_of_odd_shapes_have_no_face_and_do_no_harm(faces, shape):
    assert faces.find(np.full((*shape, 3), 127, np.uint8)) == []


@pytest.mark.parametrize("detector", ["yunet", "centerface"])
def test_numbers_that_are_not_finite_are_a_failure(models, astronaut, detector):
    class Broken:
        def __init__(self, session):
            self.session = session

        def run(self, outputs, inputs):
            return [np.full_like(answer, np.nan) for answer in self.session.run(outputs, inputs)]

    found = YuNet(models[0], 1, FLOOR) if detector == "yunet" else CenterFace(models[1], 1, FLOOR)
    found._session = Broken(found._session)
    with pytest.raises(DetectionFailed, match="finite"):
        found.find(astronaut)


def test_free_shapes_change_no_answer(models):
    fixed, free = open_session(models[0], 1), open_session(with_free_shapes(models[0]), 1)
    tensor = np.random.default_rng(1).uniform(0, 255, (1, 3, 640, 640)).astype(np.float32)
    for before, after in zip(fixed.run(None, {"input": tensor}), free.run(None, {"input": tensor}), strict=True):
        np.testing.assert_array_equal(before, after)


def test_a_finding_has_a_kind_a_place_a_score_and_a_band_and_nothing_else():
    assert [field.name for field in dataclasses.fields(Finding)] == ["kind", "box", "score", "band"]


def test_landmarks_are_never_asked_of_a_network(models):
    landmarks = {"kps_8", "kps_16", "kps_32", "540"}
    named = {output.name for model in models for output in open_session(with_free_shapes(model), 1).get_outputs()}
    assert landmarks <= named
    assert landmarks.isdisjoint(yunet.OUTPUTS)
    assert landmarks.isdisjoint(centerface.OUTPUTS)


def test_detectors_write_nothing_and_log_nothing():
    for path in Path(yunet.__file__).parent.glob("*.py"):
        called = {
            node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Call)
        }
        assert called.isdisjoint(
            {"print", "open", "write", "write_bytes", "write_text", "imwrite", "info", "debug", "warning"}
        )
