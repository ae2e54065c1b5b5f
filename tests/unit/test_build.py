"""The layers' locks, for Lambda's Python and for the one that runs this."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from layers import build
from tests.stack import ROOT


@pytest.mark.parametrize("name", ["photogate", "vision", "formats", "crypto", "runtime"])
def test_every_package_of_a_layer_is_pinned_and_hashed_for_this_python_too(name: str) -> None:
    layer = (ROOT / "requirements" / f"{name}.txt").read_text()
    pinned = build.locked_here(name)
    assert set(re.findall(r"^([\w.-]+)==", layer, re.M)) == set(re.findall(r"^([\w.-]+)(?:\[.*\])?==", pinned, re.M))
    assert all("--hash=sha256:" in pin for pin in re.split(r"\n(?=\S)", pinned))


def test_a_package_that_is_not_pinned_for_this_python_stops_the_build(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements" / "crypto.txt").write_text("cffi==2.1.1 \\\n    --hash=sha256:aa\nnew==1 \\\n")
    (tmp_path / "requirements" / "dev.txt").write_text("cffi==2.1.1 \\\n    --hash=sha256:aa\n    # via new\n")
    monkeypatch.setattr(build, "REPOSITORY", tmp_path)
    with pytest.raises(SystemExit, match=r"crypto\.txt; found no new"):
        build.locked_here("crypto")
