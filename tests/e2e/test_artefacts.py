"""What `make build` makes: small enough, for the right processor, and working on Lambda's Python where there is one.

SAM builds the whole for x86_64; of arm64 only the largest layer is built here.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from layers import build, size
from tests.built import LAMBDAS_PYTHON, PYTHON, built, needs_sam, runtime
from tests.photos import face
from tests.stack import functions, text, translated, written

# e_machine of an ELF file: 2 bytes at 18.
MACHINES = {"x86_64": 0x3E, "arm64": 0xB7}

pytestmark = needs_sam


def machines(folder: Path) -> set[int]:
    """Give the processors that the libraries in a folder are for."""
    libraries = [data for path in folder.rglob("*.so*") if (data := path.read_bytes())[:4] == b"\x7fELF"]
    assert len(libraries) > 10
    return {int.from_bytes(library[18:20], "little") for library in libraries}


def tree_hash(folder: Path) -> str:
    """Hash names, times, permissions and content of everything in a folder."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        found = path.stat()
        content = path.read_bytes() if path.is_file() else b""
        digest.update(repr((path.relative_to(folder), int(found.st_mtime), found.st_mode, content)).encode())
    return digest.hexdigest()


def layers_of(function: str) -> list[str]:
    everywhere = written()["Globals"]["Function"]["Layers"]
    own = written()["Resources"][function]["Properties"].get("Layers", [])
    return [text(layer) for layer in (*everywhere, *own)]


def setting(value: Any) -> str:
    """Give a setting as a deployed function would find it: a number's default, and some word for a name."""
    if isinstance(value, str):
        return value
    parameter = written()["Parameters"].get(value.get("Ref"), {})
    return str(parameter["Default"]) if parameter.get("Type") == "Number" else "set"


def run_what_is_built(function: str, program: str, *arguments: str) -> Any:
    """Run a program with a function's code and layers on the path, as Lambda lays them out, and nothing else."""
    folder = built()
    path = [folder / function, *(folder / layer / "python" for layer in layers_of(function)), runtime()]
    names = translated()[function]["Properties"]["Environment"]["Variables"]
    environment = {name: setting(value) for name, value in names.items()}
    environment |= {
        "PHOTOGATE_MODELS_DIR": str(folder / "VisionLayer" / "models"),
        "AWS_DEFAULT_REGION": "eu-central-1",
    }
    start = f"import sys; sys.path[:0] = {[str(p) for p in path]!r}\n"
    answer = subprocess.run(
        [PYTHON, "-I", "-c", start + program, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr[-4000:]
    return json.loads(answer.stdout.splitlines()[-1])


def test_every_function_leaves_five_megabytes_of_the_limit() -> None:
    found = size.sizes(built("x86_64") / "template.yaml")
    assert {measured.function for measured in found} == set(functions())
    for measured in found:
        assert measured.spare >= size.SPARE, f"{measured.function} has {measured.spare:,} bytes to spare"


def test_every_library_is_for_the_processor_that_was_asked_for(tmp_path: Path) -> None:
    build.build_layer("vision", tmp_path, "arm64")
    assert machines(tmp_path) == {MACHINES["arm64"]}
    assert machines(built("x86_64")) == {MACHINES["x86_64"]}


def test_licences_travel_with_what_is_deployed_and_tests_do_not() -> None:
    folder = built("x86_64")
    assert (folder / "VisionLayer" / "models" / "face_detection_yunet_2023mar.onnx").exists()
    assert list((folder / "VisionLayer" / "models").glob("*LICENSE*"))
    assert list((folder / "VisionLayer" / "python").glob("numpy-*.dist-info/**/LICENSE*"))
    assert not list(folder.glob("*Layer/python/**/tests"))
    assert not (folder / "PhotogateLayer" / "python" / "photogate" / "cli").exists()


def test_the_same_inputs_are_built_to_the_same_bytes(tmp_path: Path) -> None:
    build.build_layer("crypto", tmp_path / "again", "x86_64")
    assert tree_hash(tmp_path / "again") == tree_hash(built("x86_64") / "CryptoLayer")


@pytest.mark.parametrize("function", functions())
def test_every_function_starts_with_its_layers_alone(function: str) -> None:
    program = "import app, json, sys; print(json.dumps([callable(app.handler), sys.version_info[:2]]))"
    version = [3, 13] if LAMBDAS_PYTHON else list(sys.version_info[:2])
    assert run_what_is_built(function, program) == [True, version]


def test_the_built_detectors_find_the_astronauts_face(tmp_path: Path) -> None:
    (tmp_path / "astronaut.jpg").write_bytes(face())
    program = (
        "import app, json, pathlib\n"
        "look = app.detectors.look(pathlib.Path(sys.argv[1]).read_bytes())\n"
        "print(json.dumps([[f.kind, f.band] for f in look.findings if f.kind == 'face']))"
    )
    found = run_what_is_built("DetectFacesFunction", program, str(tmp_path / "astronaut.jpg"))
    assert found == [["face", "act"]]
