"""`photogate process` and `photogate redact` on files: what is written, what is said, and how they end."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from photogate.cli import cli
from tests import photos


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One photo with a face, one without, and one file that is no photo."""
    found = tmp_path / "photos"
    found.mkdir()
    (found / "a.jpg").write_bytes(photos.encode(photos.picture("astronaut")))
    (found / "b.png").write_bytes(photos.encode(photos.picture("coffee").crop((0, 0, 200, 150)), "PNG"))
    (found / "c.jpg").write_bytes(b"no photo")
    return found


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [str(a) for a in arguments])


def lines_of(result: Result) -> dict[str, dict[str, Any]]:
    return {Path(line["file"]).name: line for line in map(json.loads, result.stdout.splitlines())}


def test_only_what_is_kept_is_written_and_every_file_has_its_line(folder: Path, tmp_path: Path) -> None:
    result = run("process", "--json", "--out", tmp_path / "out", folder)
    lines = lines_of(result)
    assert result.exit_code == 1
    assert {name: line["decision"] for name, line in lines.items()} == {
        "a.jpg": "RETAKE",
        "b.png": "ACCEPT",
        "c.jpg": "REJECT",
    }
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["b.png"]
    assert lines["a.jpg"]["out"] is None
    assert lines["b.png"]["out"] == str(tmp_path / "out" / "b.png")


def test_redact_hides_what_process_would_have_taken_again(folder: Path, tmp_path: Path) -> None:
    result = run("redact", "--json", "--out", tmp_path / "out", folder / "a.jpg")
    (line,) = lines_of(result).values()
    assert (result.exit_code, line["decision"]) == (0, "REDACT")
    x, y, width, height = line["findings"][0]["box"]
    hidden = np.asarray(Image.open(tmp_path / "out" / "a.jpg").convert("L"))[y : y + height, x : x + width]
    assert np.ptp(hidden) <= 4


def test_a_drawing_frames_what_was_found_in_the_photo_as_it_was(folder: Path, tmp_path: Path) -> None:
    result = run("redact", "--json", "--draw", "--out", tmp_path / "out", folder / "a.jpg")
    (line,) = lines_of(result).values()
    x, y, width, height = line["findings"][0]["box"]
    drawing = np.asarray(Image.open(tmp_path / "out" / "a.jpg.found.png"))
    assert drawing[y, x : x + width].tolist() == [[255, 0, 0]] * width
    before = np.asarray(Image.open(io.BytesIO((folder / "a.jpg").read_bytes())))
    centre = (y + height // 2, x + width // 2)
    assert np.abs(drawing[centre].astype(int) - before[centre]).max() <= 2


def test_people_read_one_aligned_row_a_photo(folder: Path, tmp_path: Path) -> None:
    result = run("process", "--out", tmp_path / "out", folder)
    rows = result.stdout.splitlines()
    assert [row.split()[0] for row in rows] == ["RETAKE", "ACCEPT", "REJECT"]
    assert len({row.index(str(folder)) for row in rows}) == 1


def test_a_name_that_occurs_twice_is_a_usage_error(folder: Path, tmp_path: Path) -> None:
    (folder / "deeper").mkdir()
    (folder / "deeper" / "a.jpg").write_bytes((folder / "a.jpg").read_bytes())
    assert run("process", "--out", tmp_path / "out", folder).exit_code == 2
    assert not (tmp_path / "out").exists()
