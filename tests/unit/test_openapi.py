"""The checked-in OpenAPI document: current, well-formed, and of the same routes as the template."""

import json
import re
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from docs import make_openapi
from local.template import load
from photogate.config import REPOSITORY

DOCUMENT = json.loads(make_openapi.OPENAPI.read_text())
OPERATIONS = [
    (path, method, operation) for path, methods in DOCUMENT["paths"].items() for method, operation in methods.items()
]
NAMES = [f"{method.upper()} {path}" for path, method, _ in OPERATIONS]


def references(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
        return own + [r for value in node.values() for r in references(value)]
    return [r for value in node for r in references(value)] if isinstance(node, list) else []


def test_the_document_is_current() -> None:
    assert make_openapi.OPENAPI.read_text() == make_openapi.text(), "Run `make docs`."


def test_the_page_s_table_of_routes_is_current() -> None:
    assert make_openapi.PAGE.read_text() == make_openapi.page(), "Run `make docs`."


def test_its_routes_are_the_template_s() -> None:
    events = [
        event["Properties"]
        for resource in load(REPOSITORY / "template.yaml")["Resources"].values()
        if resource["Type"] == "AWS::Serverless::Function"
        for event in resource["Properties"].get("Events", {}).values()
        if event["Type"] == "HttpApi"
    ]

    assert sorted(NAMES) == sorted(f"{e['Method']} {re.sub(r'{[^}]+}', '{id}', e['Path'])}" for e in events)


def test_every_reference_leads_somewhere() -> None:
    found = references(DOCUMENT)

    assert len(found) > 50
    for reference in found:
        node = DOCUMENT
        for step in reference.removeprefix("#/").split("/"):
            node = node[step]


def test_nothing_is_defined_that_nothing_refers_to() -> None:
    named = {r.rpartition("/")[2] for r in references(DOCUMENT)}

    assert set(DOCUMENT["components"]["schemas"]) | set(DOCUMENT["components"]["responses"]) == named


@pytest.mark.parametrize("name", sorted(DOCUMENT["components"]["schemas"]))
def test_every_schema_is_one_of_json_schema_2020_12(name: str) -> None:
    Draft202012Validator.check_schema(DOCUMENT["components"]["schemas"][name])


@pytest.mark.parametrize(("path", "method", "operation"), OPERATIONS, ids=NAMES)
def test_every_operation_declares_its_path_s_places_and_what_can_go_wrong(
    path: str, method: str, operation: dict[str, Any]
) -> None:
    declared = [p["name"] for p in operation.get("parameters", []) if p["in"] == "path"]

    assert declared == re.findall(r"{(\w+)}", path)
    assert {"401", "403", "404", "429", "500", "503"} <= set(operation["responses"])
    assert ("requestBody" in operation) == (method in {"put", "post"} and not path.endswith(("/withdraw", "/appeal")))


def test_every_operation_has_a_name_of_its_own() -> None:
    names = [operation["operationId"] for _, _, operation in OPERATIONS]

    assert len(set(names)) == len(names)
