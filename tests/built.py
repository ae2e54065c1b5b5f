"""What `sam build` makes for x86_64, built once for all tests of a run, and the Python to run it with."""

from __future__ import annotations

import functools
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from layers import build
from tests.stack import ROOT

SAM = ROOT / ".tools" / "sam" / "bin" / "sam"

needs_sam = pytest.mark.skipif(not SAM.exists(), reason="`make build` installs SAM; it is not here yet")
needs_lambdas_python = pytest.mark.skipif(
    build.target_python() is None or platform.machine() != "x86_64",
    reason=f"what is built for x86_64 runs where there is a python{build.PYTHON} for it",
)


@functools.cache
def built() -> Path:
    """Run `sam build` as `make build ARCHITECTURE=x86_64` does, and give its folder."""
    folder = ROOT / ".aws-sam" / "x86_64"
    command = [str(SAM), "build", "--template", str(ROOT / "template.yaml"), "--build-dir", str(folder)]
    command += ["--region", "eu-central-1", "--parameter-overrides", "Architecture=x86_64"]
    environment = {"PYTHON": sys.executable, "PHOTOGATE_ARCHITECTURE": "x86_64", "SAM_CLI_TELEMETRY": "0"}
    answer = subprocess.run(
        command, cwd=ROOT, env=os.environ | environment, capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stderr[-4000:]
    return folder


@functools.cache
def runtime() -> Path:
    """Give the folder of what Lambda's own Python brings along."""
    folder = ROOT / ".aws-sam" / "runtime"
    if not folder.exists():
        build.build_runtime(folder)
    return folder


def lambdas_python() -> str:
    """Give the Python that the artefacts are built for."""
    found = build.target_python()
    assert found is not None
    return str(found)
