"""The template as tests look at it: as it is written, and translated to CloudFormation."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from local.template import load, translate

ROOT = Path(__file__).resolve().parents[1]
PARAMETERS = {
    "JwtIssuer": "https://issuer.example.com/",
    "JwtAudience": "photogate",
    "PageOrigin": "https://photos.example.com",
}


@dataclass(frozen=True)
class Statement:
    """One statement that a role has, in an inline policy or one of the stack's own managed policies."""

    sid: str
    effect: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    condition: str


@cache
def written() -> dict[str, Any]:
    """Give template.yaml as it is written."""
    return load(ROOT / "template.yaml")


@cache
def translated() -> dict[str, Any]:
    """Give the resources as CloudFormation gets them."""
    # The translator writes into what it is given.
    parameters = {name: p["Default"] for name, p in written()["Parameters"].items() if "Default" in p}
    resources: dict[str, Any] = translate(deepcopy(written()), {**parameters, **PARAMETERS})["Resources"]
    return resources


def of_type(kind: str) -> dict[str, dict[str, Any]]:
    """Give the properties of every resource of a type, by logical id."""
    return {n: r.get("Properties", {}) for n, r in translated().items() if r["Type"] == kind}


@cache
def machine(name: str = "process_photo") -> dict[str, Any]:
    """Give a state machine's definition."""
    definition: dict[str, Any] = json.loads((ROOT / "functions" / f"{name}.asl.json").read_text())
    return definition


def functions() -> dict[str, str]:
    """Give each function's name, as its folder has it, by logical id."""
    return {
        name: Path(resource["Properties"]["CodeUri"]).name
        for name, resource in written()["Resources"].items()
        if resource["Type"] == "AWS::Serverless::Function"
    }


def text(value: Any) -> str:
    """Write an intrinsic as the short text of what it names: ``AuditTable.Arn``, ``${WorkBucket.Arn}/*``."""
    if isinstance(value, str):
        return value
    if "Ref" in value:
        return str(value["Ref"])
    if "Fn::GetAtt" in value:
        got = value["Fn::GetAtt"]
        return got if isinstance(got, str) else ".".join(got)
    return str(value["Fn::Sub"])


def statements(document: dict[str, Any]) -> Iterator[Statement]:
    """Give the statements of a policy document."""
    for s in document["Statement"]:
        s = s["Fn::If"][1] if "Fn::If" in s else s
        actions, resources = s.get("Action", []), s.get("Resource", [])
        yield Statement(
            sid=s.get("Sid", ""),
            effect=s["Effect"],
            actions=tuple(actions) if isinstance(actions, list) else (actions,),
            resources=tuple(text(r) for r in (resources if isinstance(resources, list) else [resources])),
            condition=json.dumps(s.get("Condition", {}), sort_keys=True),
        )


def statements_of_role(role: str) -> list[Statement]:
    """Give everything that a role is allowed by the stack itself."""
    properties = translated()[role]["Properties"]
    documents = [policy["PolicyDocument"] for policy in properties.get("Policies", [])]
    for attached in properties.get("ManagedPolicyArns", []):
        if isinstance(attached, dict) and "Ref" in attached:
            documents.append(translated()[attached["Ref"]]["Properties"]["PolicyDocument"])
    return [statement for document in documents for statement in statements(document)]


def amazon_policies_of_role(role: str) -> list[str]:
    """Give the names of Amazon's own managed policies that a role has."""
    attached = translated()[role]["Properties"].get("ManagedPolicyArns", [])
    return [re.sub(r"^arn:[^/]*policy/(service-role/)?", "", arn) for arn in attached if isinstance(arn, str)]


def role_of(function: str) -> str:
    """Give the logical id of a function's role."""
    return str(translated()[function]["Properties"]["Role"]["Fn::GetAtt"][0])
