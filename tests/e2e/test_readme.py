"""Every command of the README runs."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
COMMANDS = [
    line.strip()
    for block in re.findall(r"```sh\n(.*?)```", README, re.S)
    for line in block.splitlines()
    if line.strip() and not line.startswith("#")
]
SAM = ROOT / ".tools" / "sam" / "bin" / "sam"
# Run where they belong: by .ci/run, and by the test that builds for Lambda.
ELSEWHERE = {"make test": (".ci/run", "make test"), "make size": ("tests/e2e/test_artefacts.py", "size.sizes(")}


def run(words: list[str]) -> subprocess.CompletedProcess[str]:
    """Run a command as a reader would, with the interpreter that runs the tests."""
    binaries = str(Path(sys.executable).parent)
    if words[0] == "make":
        # The environment is there: it runs this test.
        words = ["make", "-o", ".venv/.ready", f"BIN={binaries}", *words[1:]]
    elif words[0] == ".venv/bin/photogate":
        words = [sys.executable, "-m", "photogate", *words[1:]]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "shared"), "NO_COLOR": "1"}
    return subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=600, check=False)


def test_the_readme_has_commands() -> None:
    assert "make demo" in COMMANDS
    assert len(COMMANDS) > 8


def test_the_chapters_are_in_the_order_of_a_readers_questions() -> None:
    assert re.findall(r"^## (.*)$", README, re.M) == [
        "Try it in 60 seconds",
        "What it does, and what it does not promise",
        "How it fits together",
        "For security teams",
        "Deploy, and tear down",
        "Numbers",
        "Security model",
        "Limits, and when to pick something else",
        "Development",
    ]
    # One sentence and the pictures come before them all.
    assert README.index("](docs/before-after.jpg)") < README.index("docs/uploader-retake.png") < README.index("## ")


@pytest.mark.parametrize("command", [c for c in COMMANDS if c not in ELSEWHERE and not c.startswith(".tools/")])
def test_a_command_of_the_readme_runs(command: str) -> None:
    done = run(shlex.split(command))
    assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"


@pytest.mark.parametrize("command", [c for c in COMMANDS if c in ELSEWHERE])
def test_a_command_that_runs_elsewhere_does(command: str) -> None:
    file, call = ELSEWHERE[command]
    assert call in (ROOT / file).read_text()


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith(".tools/")])
def test_a_command_that_needs_an_account_has_only_options_that_exist(command: str) -> None:
    if not SAM.exists():
        pytest.skip("the SAM environment is not set up: make lint does it")
    words = shlex.split(command)
    known = subprocess.run([SAM, words[1], "--help"], capture_output=True, text=True, timeout=120, check=True).stdout
    for option in (w for w in words if w.startswith("--")):
        assert option in known


def test_the_pictures_and_pages_that_it_names_are_there() -> None:
    targets = re.findall(r"\]\(([^)#]+?)\)", README) + re.findall(r'src="([^"]+)"', README)
    assert [t for t in targets if "://" not in t and not (ROOT / t).exists()] == []
