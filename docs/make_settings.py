"""Write `docs/settings.md`: every environment variable that a function reads, from `photogate.config` and the template.

Run it as ``python -m docs.make_settings``; a test says when the file is no longer current.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic_core import PydanticUndefined

from local.template import load
from photogate import config
from photogate.config import REPOSITORY, Settings, setting_name

SETTINGS = REPOSITORY / "docs" / "settings.md"
HEAD = """\
# Settings

Every setting is an environment variable of a function, set by `template.yaml`, or by `witness.yaml` for a witness;
`photogate.config` reads it, typed, at cold start. What is missing or out of range stops the function there, with the
setting's name and without its value. The command line takes the same variables, or a stack's outputs.

What a deployment chooses are the template's parameters, further below.

"""


@dataclass(frozen=True)
class Setting:
    """One setting: its variable, what it may be, its default (None: required), and what it is."""

    variable: str
    kind: str
    default: str | None
    description: str


def settings() -> Iterator[Setting]:
    """Give every field of every model in `photogate.config`, once."""
    seen = set()
    for model in (getattr(config, name) for name in config.__all__):
        if not (isinstance(model, type) and issubclass(model, Settings)):
            continue
        schema = model.model_json_schema()["properties"]
        for name, field in model.model_fields.items():
            if name not in seen:
                seen.add(name)
                default = None if field.default is PydanticUndefined else _default(name, field.default)
                yield Setting(setting_name(name), _kind(schema[name]), default, field.description or "")


def _kind(schema: Mapping[str, Any]) -> str:
    if schema.get("type") == "integer":
        span = (schema.get("minimum"), schema.get("maximum"))
        return f"{span[0]} to {span[1]}" if None not in span else f"at least {span[0]}"
    return "path" if schema.get("format") == "path" else "text"


def _default(name: str, value: object) -> str:
    if name == "models_dir":
        return "`layers/vision/models`"  # Beside the code; the layer sets its own.
    return "unset" if value is None else f"`{value}`"


def users(template: Mapping[str, Any]) -> dict[str, list[str]]:
    """Give, for each variable, the functions that the template sets it for."""
    everywhere = set(template["Globals"]["Function"]["Environment"]["Variables"])
    found: dict[str, list[str]] = {variable: ["every function"] for variable in everywhere}
    for resource in template["Resources"].values():
        if resource["Type"] != "AWS::Serverless::Function":
            continue
        properties = resource["Properties"]
        function = str(properties["CodeUri"]).strip("/").rpartition("/")[2]
        for variable in properties.get("Environment", {}).get("Variables", {}):
            if variable not in everywhere:
                found.setdefault(variable, []).append(f"`{function}`")
    return found


def text() -> str:
    """Give the file's text."""
    template = load(REPOSITORY / "template.yaml")
    used = users(template)
    for variable, functions in users(load(REPOSITORY / "witness.yaml")).items():
        used[variable] = sorted({*used.get(variable, []), *functions})
    lines = [HEAD, "## Environment variables\n\n"]
    lines.append("| variable | what it is | may be | default | set for |\n|---|---|---|---|---|\n")
    for s in sorted(settings(), key=lambda s: s.variable):
        nobody = "none: the default holds" if s.default else "none: the command line alone"
        who = ", ".join(sorted(used.get(s.variable, []))) or nobody
        lines.append(f"| `{s.variable}` | {s.description} | {s.kind} | {s.default or 'required'} | {who} |\n")
    lines.append(
        "\n## Parameters of the template\n\n| parameter | what it is | may be | default |\n|---|---|---|---|\n"
    )
    for name, parameter in template["Parameters"].items():
        lines.append(
            f"| `{name}` | {parameter['Description']} | {_range(parameter)} | {_parameter_default(parameter)} |\n"
        )
    return "".join(lines)


def _range(parameter: Mapping[str, Any]) -> str:
    if values := parameter.get("AllowedValues"):
        return ", ".join(f"`{v}`" for v in values)
    if pattern := parameter.get("AllowedPattern"):
        return "`" + str(pattern).replace("|", "\\|") + "`"
    return f"at least {parameter['MinValue']}" if "MinValue" in parameter else "text"


def _parameter_default(parameter: Mapping[str, Any]) -> str:
    if "Default" not in parameter:
        return "required"
    return f"`{parameter['Default']}`" if parameter["Default"] != "" else "empty"


if __name__ == "__main__":
    SETTINGS.write_text(text())
