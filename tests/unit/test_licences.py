"""docs/licences.md names every dependency and every model, as the locks and the installed metadata have them."""

from __future__ import annotations

import pytest

from docs import make_licences
from photogate.vision.models import MODELS
from tests.stack import ROOT

PAGE = (ROOT / "docs" / "licences.md").read_text(encoding="utf-8")
ROWS = {tuple(cell.strip() for cell in line.split("|")[1:4]) for line in PAGE.splitlines() if line.startswith("| ")}
LOCKS = ("photogate", "vision", "formats", "crypto", "dev", "sam", "checkov")


@pytest.mark.parametrize("lock", LOCKS)
def test_every_locked_package_is_on_the_page_with_its_version(lock: str) -> None:
    expected = {(name, ", ".join(versions)) for name, versions in make_licences.locked(lock).items()}
    deployed = {name for layer in LOCKS[:4] for name in make_licences.locked(layer)}
    if lock == "dev":
        expected = {row for row in expected if row[0] not in deployed}
    assert expected <= {row[:2] for row in ROWS}, "run `make licences`"


def test_the_page_names_nothing_that_is_not_locked() -> None:
    locked = {(name, ", ".join(versions)) for lock in LOCKS for name, versions in make_licences.locked(lock).items()}
    models = {(model.file, model.wheel) for model in MODELS}
    headings = {("package", "version"), ("file", "from")}
    assert {row[:2] for row in ROWS} - headings == models | (locked & {row[:2] for row in ROWS})


def test_every_licence_is_the_one_that_the_installed_package_states() -> None:
    compared = 0
    here = make_licences.installed()
    for name, versions, stated in ROWS:
        if name in here and here[name].version in versions.split(", ") and name not in ("package",):
            assert stated == make_licences.licence(name, here[name]), name
            compared += 1
    assert compared > 50


def test_every_model_has_its_licence_on_the_page() -> None:
    for model in MODELS:
        assert (model.file, model.wheel, model.licence) in ROWS
        assert f"`{model.sha256}`" in PAGE


def test_nothing_that_is_deployed_is_copyleft_but_what_is_named() -> None:
    deployed = PAGE[PAGE.index("## Deployed: the layers") : PAGE.index("## On a developer's machine only")]
    licensed = [line.split("|")[3] for line in deployed.splitlines() if line.startswith("| ")]
    assert not [cell for cell in licensed if "GPL" in cell]
