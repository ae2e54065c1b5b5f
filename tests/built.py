"""What `sam build` makes, built once for all tests of a run, and the Python to run it with.

What is built for x86_64 runs where the machine is one and has Lambda's Python. Elsewhere the same layers and functions
are built for this machine and this Python: other wheels, but the same template, pruning and layout.
"""

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
LAMBDAS_PYTHON = build.target_python() if (platform.system(), platform.machine()) == ("Linux", "x86_64") else None
# What is built to be run here, by what.
RUNS = "x86_64" if LAMBDAS_PYTHON else build.HERE
# Not the virtual environment's, whose packages would stand in for what a layer lacks.
PYTHON = LAMBDAS_PYTHON or str(Path(sys.executable).resolve())

needs_sam = pytest.mark.skipif(not SAM.exists(), reason="`make build` installs SAM; it is not here yet")


@functools.cache
def built(architecture: str = RUNS) -> Path:
    """Run `sam build` as `make build` does, and give its folder."""
    folder = ROOT / ".aws-sam" / architecture
    command = [str(SAM), "build", "--template", str(ROOT / "template.yaml"), "--build-dir", str(folder)]
    command += ["--region", "eu-central-1", "--parameter-overrides", "Architecture=x86_64"]
    environment = {"PYTHON": sys.executable, "PHOTOGATE_ARCHITECTURE": architecture, "SAM_CLI_TELEMETRY": "0"}
    answer = subprocess.run(
        command, cwd=ROOT, env=os.environ | environment, capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stderr[-4000:]
    return folder


@functools.cache
def runtime() -> Path:
    """Give the folder of what Lambda's own Python brings along."""
    folder = ROOT / ".aws-sam" / f"runtime-{RUNS}"
    if not folder.exists():
        build.build_runtime(folder, RUNS)
    return folder
