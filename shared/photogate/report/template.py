"""Reading a SAM template: the one that was deployed, or the file that would be.

Only reading: nothing is translated, and no condition is evaluated. An intrinsic that cannot be told without the account
is written as the short text of what it names (``AuditTable.Arn``, ``${WorkBucket.Arn}/*``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from photogate.errors import RequestRefused

__all__ = ["Statement", "Template", "parse_template", "statements", "text"]


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of a policy, whoever has it."""

    sid: str
    effect: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    condition: Mapping[str, Any]
    principal: str = ""

    def touches(self, name: str) -> bool:
        """Tell whether a resource of the stack is meant, by its logical name."""
        return any(resource.startswith((name, f"${{{name}")) for resource in self.resources)


@dataclass(frozen=True, slots=True)
class Template:
    """A template with its parameters' values.

    Attributes
    ----------
    given
        Parameters as they were deployed; for the others the defaults count.
    """

    document: Mapping[str, Any]
    given: Mapping[str, str]

    def of_type(self, kind: str) -> dict[str, Mapping[str, Any]]:
        """Give the properties of every resource of a type, by logical name."""
        resources: Mapping[str, Any] = self.document["Resources"]
        return {n: r.get("Properties") or {} for n, r in resources.items() if r.get("Type") == kind}

    def value(self, found: Any) -> Any:
        """Give a parameter's value for a reference to it, and anything else as it stands."""
        if isinstance(found, Mapping) and set(found) == {"Ref"}:
            name = found["Ref"]
            declared = (self.document.get("Parameters") or {}).get(name)
            if declared is not None:
                return self.given.get(name, declared.get("Default"))
        return found

    def number(self, found: Any) -> int:
        """Give a whole number; 0 where there is none."""
        try:
            return int(self.value(found) or 0)
        except (TypeError, ValueError):
            return 0


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short forms: ``!Ref x`` is ``{"Ref": "x"}``, ``!Sub x`` is ``{"Fn::Sub": "x"}``."""


def _short_form(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    found: Any
    if isinstance(node, yaml.ScalarNode):
        found = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        found = loader.construct_sequence(node, deep=True)
    elif isinstance(node, yaml.MappingNode):
        found = loader.construct_mapping(node, deep=True)
    return {suffix if suffix in ("Ref", "Condition") else "Fn::" + suffix: found}


_Loader.add_multi_constructor("!", _short_form)
# "2012-10-17" is a policy's version, not a date.
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def parse_template(source: bytes, given: Mapping[str, str] | None = None) -> Template:
    """Read a template from YAML or JSON.

    Raises
    ------
    RequestRefused
        If it is no template.
    """
    try:
        document = yaml.load(source, Loader=_Loader)  # noqa: S506 - a SafeLoader
    except (yaml.YAMLError, UnicodeDecodeError):
        raise RequestRefused("Expected a CloudFormation template; found something else") from None
    resources = document.get("Resources") if isinstance(document, dict) else None
    if not isinstance(resources, dict) or not all(isinstance(r, dict) for r in resources.values()):
        raise RequestRefused("Expected a CloudFormation template with resources; found none")
    return Template(document, dict(given or {}))


def text(found: Any) -> str:
    """Write an intrinsic as the short text of what it names."""
    if isinstance(found, Mapping):
        if "Ref" in found:
            return str(found["Ref"])
        if "Fn::GetAtt" in found:
            got = found["Fn::GetAtt"]
            return got if isinstance(got, str) else ".".join(got)
        if "Fn::Sub" in found:
            return text(found["Fn::Sub"])
    if isinstance(found, list):
        return text(found[0]) if found else ""
    return str(found)


def statements(policy: Mapping[str, Any]) -> Iterator[Statement]:
    """Give the statements of a policy document; one that depends on a condition counts as if it held."""
    found = policy.get("Statement", [])
    for given in found if isinstance(found, list) else [found]:
        s = given["Fn::If"][1] if "Fn::If" in given else given
        actions, resources = s.get("Action", s.get("NotAction", "*")), s.get("Resource", s.get("NotResource", "*"))
        yield Statement(
            sid=str(s.get("Sid", "")),
            effect=str(s.get("Effect", "Allow")),
            actions=tuple(map(str, actions if isinstance(actions, list) else [actions])),
            resources=tuple(map(text, resources if isinstance(resources, list) else [resources])),
            condition=s.get("Condition") or {},
            principal=str(s.get("Principal", "")),
        )
