"""docs/deploy.md and samconfig.toml speak of the template that there is."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest

from tests.stack import ROOT, written

PAGE = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")


def rows(heading: str) -> list[str]:
    section = PAGE[PAGE.index(f"## {heading}") :].split("\n## ")[0]
    return [line for line in section.splitlines() if line.startswith("| `")]


def shown(parameter: dict[str, Any]) -> str:
    return "" if "Default" not in parameter else f"`{parameter['Default']}`" if str(parameter["Default"]) else "empty"


def test_the_page_lists_every_parameter_with_its_default() -> None:
    expected = [
        f"| `{name}` | {shown(parameter)} | {parameter['Description']} |".replace("|  |", "| |")
        for name, parameter in written()["Parameters"].items()
    ]
    assert rows("Parameters") == expected


def test_the_page_lists_every_output() -> None:
    expected = [f"| `{name}` | {output['Description']} |" for name, output in written()["Outputs"].items()]
    assert rows("Outputs") == expected


@pytest.mark.parametrize("stage", ["dev", "prod"])
def test_samconfig_gives_the_template_parameters_that_it_has_and_all_that_it_wants(stage: str) -> None:
    configured = tomllib.loads((ROOT / "samconfig.toml").read_text(encoding="utf-8"))[stage]["deploy"]["parameters"]
    given = dict(pair.split("=", 1) for pair in configured["parameter_overrides"])
    assert set(given) <= set(written()["Parameters"])
    assert {name for name, parameter in written()["Parameters"].items() if "Default" not in parameter} <= set(given)
    assert given["Stage"] == stage
    assert configured["stack_name"] == f"photogate-{stage}"


def test_what_holds_evidence_outlives_the_stack() -> None:
    kept = {"AWS::S3::Bucket", "AWS::DynamoDB::Table", "AWS::KMS::Key"}
    for name, resource in written()["Resources"].items():
        if resource["Type"] in kept:
            assert resource["DeletionPolicy"] == "RetainExceptOnCreate", name
            assert resource["UpdateReplacePolicy"] == "Retain", name
