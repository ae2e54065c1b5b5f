"""Build what Lambda runs: a layer's or a function's folder, for the template's Python and processor.

usage: build.py LOGICAL_ID FOLDER

`sam build` calls it through ``layers/Makefile`` with the resource's logical id in the template, such as `VisionLayer`
or `AdmitUploadFunction`, and ``PHOTOGATE_ARCHITECTURE``: arm64 (unless set), x86_64, or, for tests, `here`: this
machine and the Python that runs this. Nothing is compiled here and no Docker is used: pip takes the wheels of the
target from a locked, hashed requirement file, whatever Python runs this. What a Lambda never reads is left out, because
a function and its layers may have 262,144,000 bytes at most.
The same inputs give the same files with the same times.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
PYTHON = "3.13"
MACHINES = {"arm64": "aarch64", "x86_64": "x86_64"}
# Not for Lambda: the same layers for this machine and this Python, so that they can run where there is no 3.13.
HERE = "here"
# Lambda's python3.13 runs on Amazon Linux 2023, whose glibc is 2.34. pip takes each tag literally: 2_28 alone would
# not let a 2_17 wheel in.
GLIBC = ("manylinux_2_28", "manylinux_2_27", "manylinux_2_26", "manylinux_2_24", "manylinux_2_17", "manylinux2014")
# Times before 1980 do not fit into a ZIP file.
SOME_TIME = 315_532_800

# What no function reads, by layer; globs below the folder of packages.
UNREAD_EVERYWHERE = ("bin", "**/tests", "**/*.pyi", "**/*.pxd", "**/*.h", "**/*.a", "**/*.exe", "**/*.dist-info/RECORD")
UNREAD = {
    "photogate": (
        "pydantic/v1",
        *(
            f"aws_lambda_powertools/utilities/{name}"
            for name in (
                *("auth_alpha", "batch", "circuit_breaker", "data_masking", "feature_flags", "idempotency"),
                *("kafka", "parameters", "parser", "streaming", "validation"),
            )
        ),
    ),
    "vision": (
        # A copy of what is linked into onnxruntime_pybind11_state; nothing opens it.
        "onnxruntime/capi/libonnxruntime.so.*",
        "onnxruntime/backend",
        "onnxruntime/datasets",
        "onnxruntime/quantization",
        "onnxruntime/tools",
        "onnxruntime/transformers",
        # onnxruntime asks for them, for its tools alone.
        "flatbuffers*",
        "google",
        "packaging*",
        "protobuf*",
        "cv2/data",
        "cv2/gapi",
        # numpy imports these when they are asked for, and no detector does.
        *(f"numpy/{name}" for name in ("f2py", "fft", "ma", "polynomial", "random", "testing")),
        *(f"numpy/_core/_{name}.*" for name in ("*_tests", "simd")),
        "numpy/_pyinstaller",
    ),
    "formats": ("numpy/f2py", "numpy/_pyinstaller"),
    "crypto": ("cffi", "cffi-*", "pycparser", "pycparser-*"),
}
# The command line needs packages that no layer has.
NOT_IN_LAMBDA = ("cli", "__main__.py", "__pycache__")


def locked_here(name: str) -> str:
    """Give a lock's packages as the lock of all Pythons, ``dev.txt``, pins them: text of a requirement file.

    The layers' own locks are for Lambda's Python alone, and a release of it need not have a wheel for another.
    """
    layer, everywhere = ((REPOSITORY / "requirements" / f"{lock}.txt").read_text() for lock in (name, "dev"))
    # A pin and its indented hashes; one for each range of Pythons where releases differ.
    pins = re.findall(r"^([a-z0-9._-]+)((?:\[[^\]]*\])?==.*(?:\n    .*)*)", everywhere, re.MULTILINE)
    wanted = re.findall(r"^([a-z0-9._-]+)==", layer, re.MULTILINE)
    missing = set(wanted) - {package for package, _ in pins}
    if missing:
        sys.exit(f"Expected requirements/dev.txt to pin all of {name}.txt; found no {', '.join(sorted(missing))}")
    return "".join(f"{package}{pin}\n" for package, pin in pins if package in wanted)


def install(name: str, folder: Path, architecture: str) -> None:
    """Put the wheels of a lock into a folder.

    The lock is complete and made for the target, so pip resolves nothing and does not compare with its own Python.
    """
    requirements = REPOSITORY / "requirements" / f"{name}.txt"
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"]
    command += ["--no-deps", "--require-hashes", "--only-binary=:all:", "--target", str(folder)]
    if architecture == HERE:
        requirements = folder.with_name(f"{name}-here.txt")
        requirements.write_text(locked_here(name))
    else:
        command += ["--ignore-requires-python", "--implementation", "cp", "--python-version", PYTHON]
        for abi in ("cp313", "abi3", "none"):
            command += ["--abi", abi]
        for tag in GLIBC:
            command += ["--platform", f"{tag}_{MACHINES[architecture]}"]
    subprocess.run([*command, "--requirement", str(requirements)], check=True)


def prune(folder: Path, patterns: tuple[str, ...]) -> None:
    """Remove what no function reads. Licences and package metadata stay."""
    for pattern in patterns:
        for path in sorted(folder.glob(pattern)):
            if path.is_dir():
                shutil.rmtree(path)
            elif path.exists():
                path.unlink()


def target_python() -> str | None:
    """Find the target's Python, whose byte code is the only one that fits; None where the machine has none."""
    installed = sorted(Path.home().glob(f".pyenv/versions/{PYTHON}.*/bin/python"))
    candidates = [shutil.which(f"python{PYTHON}"), *map(str, installed)]
    for candidate in filter(None, candidates):
        probe = [candidate, "-c", "import sys; print(*sys.version_info[:2], sep='.')"]
        answer = subprocess.run(probe, capture_output=True, text=True, check=False)
        if answer.stdout.strip() == PYTHON:
            return candidate
    return None


def compile_all(folder: Path, architecture: str) -> None:
    """Ship byte code: numpy's import falls from about 1 s to 0.4 s, and Lambda cannot write it beside the source.

    Hash-based and unchecked, because the times of the files are not those of the sources.
    """
    python = sys.executable if architecture == HERE else target_python()
    if python is None:
        print(f"no python{PYTHON} here: shipping without byte code, so cold starts are slower", file=sys.stderr)
        return
    command = [python, "-m", "compileall", "-q", "-f", "--invalidation-mode", "unchecked-hash", "-s", str(folder)]
    subprocess.run([*command, str(folder)], check=True)


def settle(folder: Path) -> None:
    """Give every file the same time and plain permissions, so that equal content makes an equal archive."""
    for path in sorted(folder.rglob("*")):
        path.chmod(0o755 if path.is_dir() or path.suffix == ".so" or ".so." in path.name else 0o644)
        os.utime(path, (SOME_TIME, SOME_TIME))


def copy_source(source: Path, target: Path, leave_out: tuple[str, ...] = ()) -> None:
    """Copy a package of ours."""
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"), dirs_exist_ok=True)
    prune(target, leave_out)


def build_layer(name: str, folder: Path, architecture: str) -> None:
    """Build one layer: ``python/`` is on the path of every function that has it."""
    packages = folder / "python"
    with tempfile.TemporaryDirectory() as scratch:
        installed = Path(scratch) / "packages"
        install(name, installed, architecture)
        prune(installed, UNREAD_EVERYWHERE + UNREAD[name])
        shutil.copytree(installed, packages)
    if name == "photogate":
        copy_source(REPOSITORY / "shared" / "photogate", packages / "photogate", NOT_IN_LAMBDA)
    compile_all(packages, architecture)
    if name == "vision":
        shutil.copytree(REPOSITORY / "layers" / "vision" / "models", folder / "models")
    settle(folder)


def build_runtime(folder: Path, architecture: str) -> None:
    """Put together what Lambda's own Python brings along, to run on this machine what was built for it."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    install("runtime", folder, architecture)


def build_function(name: str, folder: Path, architecture: str) -> None:
    """Build one function: its own few files; the rest are layers."""
    copy_source(REPOSITORY / "functions" / name, folder)
    compile_all(folder, architecture)
    settle(folder)


def main() -> None:
    """Build one thing."""
    architecture = os.environ.get("PHOTOGATE_ARCHITECTURE", "arm64")
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    if architecture not in (*MACHINES, HERE):
        sys.exit(f"Expected PHOTOGATE_ARCHITECTURE to be arm64, x86_64 or here; found {architecture}")
    what = re.fullmatch(r"(\w+)(Layer|Function)", sys.argv[1])
    if what is None:
        sys.exit(f"Expected the logical id of a layer or a function; found {sys.argv[1]}")
    name = re.sub(r"(?<!^)(?=[A-Z])", "_", what[1]).lower()
    if what[2] == "Layer":
        build_layer(name, Path(sys.argv[2]), architecture)
    else:
        build_function(name, Path(sys.argv[2]), architecture)


if __name__ == "__main__":
    main()
