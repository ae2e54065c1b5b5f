"""`photogate strip` among files: folders, links, permissions, and what happens where something cannot be written."""

import errno
import json
import os
import re
import resource
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from photogate.cli import photo_files
from tests.unit.test_cli_strip import photo, run


def tree(top: Path) -> Path:
    for name in ("a.jpg", "2024/a.jpg", "2024/trip/b.jpg", ".hidden.jpg", ".thumbs/c.jpg"):
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_bytes(photo())
    return top


def names(top: Path) -> set[str]:
    return {str(path.relative_to(top)) for path in top.rglob("*") if path.is_file()}


def test_a_folder_keeps_its_sub_folders(tmp_path: Path):
    assert run("strip", "--out", tmp_path / "out", tree(tmp_path / "in")).exit_code == 0
    assert names(tmp_path / "out") == {"a.jpg", "2024/a.jpg", "2024/trip/b.jpg"}


def test_two_results_of_one_name_are_refused_before_anything_is_written(tmp_path: Path):
    result = run("strip", "--out", tmp_path / "out", tree(tmp_path / "in"), tree(tmp_path / "other"))
    assert result.exit_code == 2
    assert "3 results" in result.stderr
    assert not (tmp_path / "out").exists()


def test_results_within_the_folder_of_photos_are_not_stripped_again(tmp_path: Path):
    top = tree(tmp_path / "in")
    for _ in range(2):
        assert run("strip", "--out", top / "safe", top).exit_code == 0
    assert names(top / "safe") == {"a.jpg", "2024/a.jpg", "2024/trip/b.jpg"}


def test_a_result_never_replaces_its_photo_by_out(tmp_path: Path):
    top = tree(tmp_path / "in")
    assert run("strip", "--out", top, top).exit_code == 2
    assert run("strip", "--out", top / "2024", top / "2024" / "a.jpg").exit_code == 2
    assert (top / "2024" / "a.jpg").read_bytes() == photo()


def test_in_place_replaces_what_a_link_points_to(tmp_path: Path):
    (tmp_path / "real.jpg").write_bytes(photo())
    (tmp_path / "link.jpg").symlink_to("real.jpg")
    assert run("strip", "--in-place", tmp_path / "link.jpg").exit_code == 0
    assert (tmp_path / "link.jpg").is_symlink()
    assert b"Maker" not in (tmp_path / "real.jpg").read_bytes()


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o444])
@pytest.mark.parametrize("place", ["--in-place", "--out"])
def test_permissions_stay_and_the_time_of_the_last_change_does_not(tmp_path: Path, mode: int, place: str):
    file = tmp_path / "a.jpg"
    file.write_bytes(photo())
    file.chmod(mode)
    os.utime(file, (86_400, 86_400))
    result = run("strip", file, *([place] if place == "--in-place" else [place, tmp_path / "out"]))
    assert result.exit_code == 0
    new = (file if place == "--in-place" else tmp_path / "out" / "a.jpg").stat()
    assert stat.S_IMODE(new.st_mode) == mode
    assert new.st_mtime > 86_400


def test_extended_attributes_are_not_taken_over(tmp_path: Path):
    file = tmp_path / "a.jpg"
    file.write_bytes(photo())
    try:
        os.setxattr(file, "user.xdg.origin.url", b"https://example.org/where-it-came-from")
    except (OSError, AttributeError):
        pytest.skip("this file system has no extended attributes")
    assert run("strip", "--in-place", file).exit_code == 0
    assert os.listxattr(file) == []


def test_a_full_disk_leaves_the_photo_and_no_half_of_a_result(tmp_path: Path):
    (tmp_path / "in").mkdir()
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / "in" / name).write_bytes(photo())
    limit = "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
    limit += f"resource.setrlimit(resource.RLIMIT_FSIZE, (100, {resource.getrlimit(resource.RLIMIT_FSIZE)[1]})); "
    command = f"import sys; {limit} from photogate.cli import main; main(args=sys.argv[1:])"
    for place in (["--in-place"], ["--out", str(tmp_path / "out")]):
        done = subprocess.run(
            [sys.executable, "-c", command, "strip", *place, str(tmp_path / "in")],
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONDONTWRITEBYTECODE": "1"},
            check=False,
        )
        assert done.returncode == 1
        assert done.stderr.count("cannot be written: File too large") == 2
        assert "Traceback" not in done.stderr
    assert names(tmp_path) == {"in/a.jpg", "in/b.jpg"}
    assert (tmp_path / "in" / "a.jpg").read_bytes() == photo()


def test_a_photo_that_vanishes_is_said_and_the_others_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / name).write_bytes(photo())
    listed = photo_files.pairs

    def vanishing(*arguments: object) -> object:
        found = listed(*arguments)
        (tmp_path / "a.jpg").unlink()
        return found

    monkeypatch.setattr("photogate.cli.strip.pairs", vanishing)
    result = run("strip", "--json", "--out", tmp_path / "out", tmp_path / "a.jpg", tmp_path / "b.jpg")
    assert result.exit_code == 1
    assert [json.loads(line)["status"] for line in result.stdout.splitlines()] == ["refused", "stripped"]
    assert "cannot be read: No such file" in result.stderr


def test_a_folder_that_cannot_be_listed_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    top = tree(tmp_path / "in")
    scan = os.scandir

    def denied(path: str) -> object:
        if str(path).endswith("trip"):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", denied)
    result = run("strip", "--out", tmp_path / "out", top)
    assert result.exit_code == 1
    assert "trip: cannot be listed: Permission denied" in result.stderr
    assert names(tmp_path / "out") == {"a.jpg", "2024/a.jpg"}


def test_a_place_for_results_that_cannot_be_made_is_a_usage_error(tmp_path: Path):
    (tmp_path / "a.jpg").write_bytes(photo())
    (tmp_path / "file").write_bytes(b"")
    result = run("strip", "--out", tmp_path / "file" / "out", tmp_path / "a.jpg")
    assert result.exit_code == 2
    assert "--out cannot be made: Not a directory" in result.stderr


def test_a_name_of_the_greatest_length_can_be_written(tmp_path: Path):
    file = tmp_path / ("x" * 251 + ".jpg")
    file.write_bytes(photo())
    assert run("strip", "--in-place", file).exit_code == 0
    assert names(tmp_path) == {file.name}


@pytest.mark.parametrize("encoding", ["utf-8:strict", "ascii:strict"])
def test_a_name_that_is_no_text_stops_nothing(tmp_path: Path, encoding: str):
    for name in (b"a\xff.jpg", "ä.jpg".encode(), b"z.txt\xff"):
        (tmp_path / os.fsdecode(name)).write_bytes(b"no image" if name.startswith(b"z") else photo())
    for command in (["strip", "--out", tmp_path / "out", tmp_path], ["inspect", tmp_path / os.fsdecode(b"a\xff.jpg")]):
        done = subprocess.run(
            [sys.executable, "-m", "photogate", *map(str, command)],
            capture_output=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONIOENCODING": encoding},
            check=False,
        )
        assert b"Traceback" not in done.stderr
        assert re.search(rb"a(\\udcff|\?)\.jpg: jpeg", done.stdout)
    assert sorted(os.fsencode(name) for name in names(tmp_path / "out")) == [b"a\xff.jpg", "ä.jpg".encode()]
