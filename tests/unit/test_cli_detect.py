import json

import cv2
import numpy as np
import pytest
import skimage
from click.testing import CliRunner
from PIL import Image

from photogate.cli import cli
from photogate.vision.models import YUNET

ORIENTATION_TAG = 0x0112


@pytest.fixture
def folder(tmp_path):
    photos = tmp_path / "photos"
    (photos / "deeper").mkdir(parents=True)
    Image.fromarray(skimage.data.astronaut()).save(photos / "a.jpg", quality=90)
    Image.fromarray(skimage.data.coffee()[:200, :300]).save(photos / "deeper" / "b.png")
    return photos


def run(*arguments):
    return CliRunner().invoke(cli, ["detect", *map(str, arguments)])


def test_each_photo_of_a_folder_gives_one_json_line(folder):
    result = run("--json", "--kinds", "face", folder)
    face, none = map(json.loads, result.stdout.splitlines())
    assert result.exit_code == 0
    assert set(face) == {"file", "width", "height", "findings", "ms"}
    assert face["file"] == str(folder / "a.jpg")
    assert (face["width"], face["height"]) == (512, 512)
    (finding,) = face["findings"]
    assert set(finding) == {"kind", "box", "score", "band"}
    assert finding["kind"] == "face"
    assert finding["band"] == "act"
    assert len(finding["box"]) == 4
    assert none["findings"] == []


def test_boxes_are_in_pixels_of_the_upright_picture(folder):
    exif = Image.Exif()
    exif[ORIENTATION_TAG] = 6
    lying = Image.fromarray(skimage.data.astronaut()[:400]).rotate(90, expand=True)
    lying.save(folder / "a.jpg", exif=exif, quality=90)
    (line,) = run("--json", "--kinds", "face", folder / "a.jpg").stdout.splitlines()
    look = json.loads(line)
    x, y, width, height = look["findings"][0]["box"]
    assert (look["width"], look["height"]) == (512, 400)
    assert x < 200 < 245 < x + width
    assert y < 90 < 160 < y + height


def test_what_is_no_photo_is_refused_and_the_others_are_still_looked_at(folder):
    (folder / "a.txt").write_text("no photo")
    result = run("--json", "--kinds", "face", folder)
    first, second, third = map(json.loads, result.stdout.splitlines())
    assert result.exit_code == 1
    assert "findings" in first
    assert second == {"file": str(folder / "a.txt"), "error": "ImageRefused", "reason": "not_an_image"}
    assert "findings" in third
    assert "a.txt: refused (not_an_image)" in result.stderr


def test_a_drawing_frames_what_was_found(folder, tmp_path):
    out = tmp_path / "drawn"
    result = run("--draw", "--out", out, "--kinds", "face", folder / "a.jpg")
    picture = cv2.imread(str(out / "a.jpg.png"))
    assert result.exit_code == 0
    assert "face  act" in result.stdout
    assert (picture == (0, 0, 255)).all(axis=2).sum() > 100


def test_a_wrong_model_file_ends_the_command_before_any_photo(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("PHOTOGATE_MODELS_DIR", str(tmp_path))
    (tmp_path / YUNET.file).write_bytes(b"not the model")
    result = run("--json", folder)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert "ModelRefused" in result.stderr


@pytest.mark.parametrize("arguments", [("--draw",), ("--out", "x"), ("--kinds", "dog")])
def test_arguments_that_make_no_sense_are_a_usage_error(folder, arguments):
    assert run(*arguments, folder).exit_code == 2


def test_an_animation_is_looked_at_frame_by_frame(tmp_path):
    empty = Image.fromarray(np.full((512, 512, 3), 90, np.uint8))
    empty.save(tmp_path / "a.gif", save_all=True, append_images=[Image.fromarray(skimage.data.astronaut())])
    (line,) = run("--json", "--kinds", "face", tmp_path / "a.gif").stdout.splitlines()
    assert [finding["kind"] for finding in json.loads(line)["findings"]] == ["face"]
