"""CloudFormation's intrinsic functions, conditions and parameters.

Source: AWS CloudFormation User Guide, "Intrinsic function reference". What is not implemented raises.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from local.places import ACCOUNT, REGION

__all__ = ["Intrinsics", "UnknownIntrinsic", "parameter_values", "references"]

VARIABLE = re.compile(r"\$\{([^!}][^}]*)\}")
LITERAL = re.compile(r"\$\{!([^}]+)\}")
NO_VALUE = object()


class UnknownIntrinsic(Exception):
    """The template uses a function or a name that this resolver does not know."""


def parameter_values(declared: Mapping[str, Mapping[str, Any]], given: Mapping[str, str]) -> dict[str, Any]:
    """Give every parameter its value, checked against what the template allows.

    Raises
    ------
    ValueError
        When one has no value, has one that is not allowed, or is not declared.
    """
    if unknown := sorted(set(given) - set(declared)):
        raise ValueError(f"Expected parameters that the template declares; found {', '.join(unknown)}")
    values: dict[str, Any] = {}
    for name, rules in declared.items():
        if name not in given and "Default" not in rules:
            raise ValueError(f"Expected a value for the parameter {name}; found none")
        value = str(given.get(name, rules.get("Default")))
        allowed = [str(v) for v in rules.get("AllowedValues", [])]
        if allowed and value not in allowed:
            raise ValueError(f"Expected {name} to be one of {', '.join(allowed)}; found {value!r}")
        pattern = rules.get("AllowedPattern")
        if pattern and not re.fullmatch(pattern, value):
            raise ValueError(f"Expected {name} to match {pattern}; found {value!r}")
        values[name] = [v.strip() for v in value.split(",")] if "List" in rules.get("Type", "") else value
    return values


def references(value: Any) -> set[str]:
    """Give the logical names that a value needs: by Ref, GetAtt and Sub."""
    if isinstance(value, list):
        return set().union(*(references(v) for v in value)) if value else set()
    if not isinstance(value, Mapping):
        return set()
    found: set[str] = set()
    for key, inner in value.items():
        if key == "Ref":
            found.add(inner)
        elif key == "Fn::GetAtt":
            found.add(inner.split(".")[0] if isinstance(inner, str) else inner[0])
        elif key == "Fn::Sub":
            text, local = (inner[0], inner[1]) if isinstance(inner, list) else (inner, {})
            found |= {n.split(".")[0] for n in VARIABLE.findall(text) if n not in local} | references(local)
        else:
            found |= references(inner)
    return found


class Intrinsics:
    """Resolves the values of one stack.

    Parameters
    ----------
    template
        Translated; its conditions and mappings are read from here.
    parameters
        As `parameter_values` gives them.
    stack
        The stack's name.
    """

    def __init__(self, template: Mapping[str, Any], parameters: Mapping[str, Any], stack: str) -> None:
        self._conditions: Mapping[str, Any] = template.get("Conditions", {})
        self._mappings: Mapping[str, Any] = template.get("Mappings", {})
        self._refs: dict[str, Any] = {
            **parameters,
            "AWS::AccountId": ACCOUNT,
            "AWS::NoValue": NO_VALUE,
            "AWS::Partition": "aws",
            "AWS::Region": REGION,
            "AWS::StackId": f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/{stack}/local",
            "AWS::StackName": stack,
            "AWS::URLSuffix": "amazonaws.com",
        }
        self._attributes: dict[str, Mapping[str, Any]] = {}
        self._functions: dict[str, Callable[[Any], Any]] = {
            "Ref": self._ref,
            "Condition": self.condition,
            "Fn::And": lambda v: all(self.resolve(x) for x in v),
            "Fn::Base64": lambda v: base64.b64encode(self.resolve(v).encode()).decode(),
            "Fn::Equals": lambda v: self.resolve(v[0]) == self.resolve(v[1]),
            "Fn::FindInMap": self._find_in_map,
            "Fn::GetAtt": self._get_attribute,
            "Fn::If": lambda v: self.resolve(v[1] if self.condition(v[0]) else v[2]),
            "Fn::Join": lambda v: str(v[0]).join(str(x) for x in self.resolve(v[1])),
            "Fn::Length": lambda v: len(self.resolve(v)),
            "Fn::Not": lambda v: not self.resolve(v[0]),
            "Fn::Or": lambda v: any(self.resolve(x) for x in v),
            "Fn::Select": lambda v: self.resolve(v[1])[int(self.resolve(v[0]))],
            "Fn::Split": lambda v: self.resolve(v[1]).split(v[0]),
            "Fn::Sub": self._sub,
            "Fn::ToJsonString": lambda v: json.dumps(self.resolve(v)),
        }

    def define(self, logical_id: str, ref: str, attributes: Mapping[str, Any]) -> None:
        """Say what a created resource's Ref and attributes are."""
        self._refs[logical_id] = ref
        self._attributes[logical_id] = attributes

    def condition(self, name: str) -> bool:
        """Evaluate a named condition."""
        if name not in self._conditions:
            raise UnknownIntrinsic(f"Expected a condition that the template declares; found {name}")
        return bool(self.resolve(self._conditions[name]))

    def resolve(self, value: Any) -> Any:
        """Replace every function in a value by its result; what is ``AWS::NoValue`` falls out."""
        if isinstance(value, Mapping):
            if len(value) == 1:
                (key, inner) = next(iter(value.items()))
                if key in self._functions and not (key == "Condition" and not isinstance(inner, str)):
                    return self._functions[key](inner)
                if key.startswith("Fn::"):
                    raise UnknownIntrinsic(f"Expected a known intrinsic function; found {key}")
            resolved = {k: self.resolve(v) for k, v in value.items()}
            return {k: v for k, v in resolved.items() if v is not NO_VALUE}
        if isinstance(value, list):
            return [r for r in (self.resolve(v) for v in value) if r is not NO_VALUE]
        return value

    def _ref(self, name: str) -> Any:
        if name not in self._refs:
            raise UnknownIntrinsic(f"Expected a parameter, a pseudo parameter or a created resource; found {name}")
        return self._refs[name]

    def _get_attribute(self, where: str | list[str]) -> Any:
        logical_id, name = where.split(".", 1) if isinstance(where, str) else (where[0], self.resolve(where[1]))
        attributes = self._attributes.get(logical_id, {})
        if name not in attributes:
            raise UnknownIntrinsic(f"Expected an attribute that is known; found {logical_id}.{name}")
        return attributes[name]

    def _sub(self, value: str | list[Any]) -> str:
        text, given = (value, {}) if isinstance(value, str) else (value[0], self.resolve(value[1]))

        def replace(match: re.Match[str]) -> str:
            name = match.group(1)
            if name in given:
                return str(given[name])
            return str(self._get_attribute(name) if "." in name else self._ref(name))

        return LITERAL.sub(r"${\1}", VARIABLE.sub(replace, text))

    def _find_in_map(self, value: list[Any]) -> Any:
        name, first, second = (self.resolve(v) for v in value[:3])
        try:
            return self._mappings[name][first][second]
        except KeyError:
            raise UnknownIntrinsic(f"Expected a mapping {name}.{first}.{second}; found none") from None
