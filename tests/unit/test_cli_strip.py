import hashlib
import io
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from photogate.cli import cli
from photogate.formats import strip as strip_bytes
from tests.noise import noise


def photo(kind: str = "JPEG") -> bytes:
    made = Image.Exif()
    made[0x010F] = "Maker"
    file = io.BytesIO()
    noise((40, 30)).save(file, kind, exif=made)
    return file.getvalue()


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


def test_each_input_gives_one_json_line(tmp_path: Path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.jpg").write_bytes(photo())
    (tmp_path / "in" / "b.svg").write_bytes(b"<svg xmlns='x'/>")
    result = run("strip", "--json", "--out", tmp_path / "out", tmp_path / "in")
    assert result.exit_code == 1
    stripped, refused = (json.loads(line) for line in result.stdout.splitlines())
    assert list(stripped) == [
        "file",
        "format",
        "status",
        "reason",
        "removed",
        "kept",
        "orientation",
        "provenance",
        "sha256_in",
        "sha256_out",
        "out",
    ]
    assert (stripped["format"], stripped["status"], stripped["reason"]) == ("jpeg", "stripped", None)
    assert stripped["removed"] == [{"category": "device", "where": "APP1 Exif IFD0", "count": 1}]
    assert stripped["sha256_in"] == hashlib.sha256(photo()).hexdigest()
    assert stripped["sha256_out"] == hashlib.sha256((tmp_path / "out" / "a.jpg").read_bytes()).hexdigest()
    assert (refused["status"], refused["reason"], refused["out"]) == ("refused", "unsupported_format", None)
    assert not (tmp_path / "out" / "b.svg").exists()
    assert "Render the drawing to PNG" in result.stderr


def test_without_a_place_for_results_nothing_is_done(tmp_path: Path):
    file = tmp_path / "a.jpg"
    file.write_bytes(photo())
    assert run("strip", file).exit_code == 2
    assert run("strip", "--out", tmp_path, file).exit_code == 2
    assert file.read_bytes() == photo()


def test_in_place_replaces_the_file(tmp_path: Path):
    file = tmp_path / "a.png"
    file.write_bytes(photo("PNG"))
    result = run("strip", "--in-place", file)
    assert result.exit_code == 0
    assert "removed device 1" in result.stdout
    assert b"Maker" not in file.read_bytes()
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]


def test_two_inputs_of_one_name_are_a_usage_error(tmp_path: Path):
    for folder in ("x", "y"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.jpg").write_bytes(photo())
    assert run("strip", "--out", tmp_path / "out", tmp_path / "x", tmp_path / "y").exit_code == 2


def test_many_files_are_stripped_by_several_processes_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("photogate.cli.strip.FILES_WORTH_A_PROCESS", 130)
    (tmp_path / "in").mkdir()
    for i in range(130):
        (tmp_path / "in" / f"{i:03}.jpg").write_bytes(photo())
    result = run("strip", "--json", "--jobs", 2, "--out", tmp_path / "out", tmp_path / "in")
    names = [Path(json.loads(line)["out"]).name for line in result.stdout.splitlines()]
    assert names == [f"{i:03}.jpg" for i in range(130)]


def test_what_is_kept_is_said_by_field_and_never_by_value(tmp_path: Path):
    exif, file = Image.Exif(), io.BytesIO()
    exif[0x8298], exif[0x013B] = "(c) Agency", "By Somebody"
    Image.new("RGB", (8, 8)).save(file, "JPEG", exif=exif)
    (tmp_path / "a.jpg").write_bytes(file.getvalue())
    arguments = ("strip", "--keep", "copyright,creator", "--out", tmp_path / "out", tmp_path / "a.jpg")
    said = run(*arguments).stdout
    assert said.endswith("a.jpg: jpeg, removed identity 2, kept copyright and creator\n")
    assert json.loads(run(*arguments, "--json").stdout)["kept"] == ["copyright", "creator"]
    assert json.loads(run("strip", "--json", *arguments[3:]).stdout)["kept"] == []


@pytest.mark.parametrize("keep", ["copyright", "creator,copyright", ""])
def test_keep_takes_the_names_of_rights_fields(tmp_path: Path, keep: str):
    (tmp_path / "a.jpg").write_bytes(photo())
    assert run("strip", "--keep", keep, "--out", tmp_path / "out", tmp_path / "a.jpg").exit_code == 0
    assert run("strip", "--keep", "gps", "--out", tmp_path / "out", tmp_path / "a.jpg").exit_code == 2


def test_inspect_shows_the_tree_without_values(tmp_path: Path):
    file = tmp_path / "a.jpg"
    file.write_bytes(photo())
    shown = run("inspect", file)
    assert shown.exit_code == 0
    assert "APP1 Exif" in shown.stdout
    assert "Maker" not in shown.stdout
    tree = json.loads(run("inspect", "--json", file).stdout)
    assert tree["format"] == "jpeg"
    assert tree["parts"][0] == {
        "name": "SOI",
        "offset": 0,
        "size": 2,
        "stays": True,
        "rebuilt": False,
        "category": None,
        "note": "start of image",
        "children": [],
    }


def test_a_fault_of_ours_refuses_one_file_and_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / name).write_bytes(photo())
    answers = iter([RuntimeError("secret"), None])

    def faulty(data: bytes, **options: object) -> object:
        if (error := next(answers)) is not None:
            raise error
        return strip_bytes(data)

    monkeypatch.setattr("photogate.cli.strip.strip_bytes", faulty)
    result = run("strip", "--json", "--out", tmp_path / "out", tmp_path / "a.jpg", tmp_path / "b.jpg")
    assert [json.loads(line)["reason"] for line in result.stdout.splitlines()] == ["internal", None]
    assert "secret" not in result.stderr
