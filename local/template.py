"""Read ``template.yaml`` and translate it from SAM to CloudFormation, with the translator that AWS runs."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import boto3
import yaml
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.utils.py27hash_fix import undo_mark_unicode_str_in_template

from local.places import REGION

__all__ = ["LOCAL_BUCKET", "load", "local_path", "translate"]

# SAM wants code in S3 before it translates. This bucket does not exist: its keys are paths below the template.
LOCAL_BUCKET = "photogate-local-files"

PATH_PROPERTIES = {
    "AWS::Serverless::Function": "CodeUri",
    "AWS::Serverless::LayerVersion": "ContentUri",
    "AWS::Serverless::StateMachine": "DefinitionUri",
}


# The translator counts its own calls for AWS and warns that nobody collects the counts.
logging.getLogger("samtranslator.metrics").setLevel(logging.ERROR)


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short forms: ``!Ref x`` is ``{"Ref": "x"}``, ``!Sub x`` is ``{"Fn::Sub": "x"}``."""


def _short_form(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        assert isinstance(node, yaml.MappingNode)
        value = loader.construct_mapping(node, deep=True)
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {suffix if suffix in ("Ref", "Condition") else "Fn::" + suffix: value}


_Loader.add_multi_constructor("!", _short_form)
# "2012-10-17" is a policy's version, not a date.
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def load(path: Path) -> dict[str, Any]:
    """Read a template file."""
    return dict(yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader))  # noqa: S506 - a SafeLoader


def translate(template: Mapping[str, Any], parameters: Mapping[str, str]) -> dict[str, Any]:
    """Translate SAM resources to CloudFormation's.

    Parameters
    ----------
    template
        As `load` gives it. Local paths in it become keys of `LOCAL_BUCKET`.
    parameters
        Values of its parameters.
    """
    prepared = {**template, "Resources": {k: _with_s3_paths(r) for k, r in template["Resources"].items()}}
    translator = Translator({}, Parser(), boto_session=boto3.Session(region_name=REGION))
    translated = translator.translate(
        prepared, parameter_values=dict(parameters), get_managed_policy_map=_no_managed_policies
    )
    return dict(undo_mark_unicode_str_in_template(translated))


def local_path(location: Mapping[str, Any]) -> str:
    """Give the path below the template that a translated S3 location stands for."""
    bucket = location.get("S3Bucket", location.get("Bucket"))
    key = location.get("S3Key", location.get("Key"))
    if bucket != LOCAL_BUCKET or not key:
        raise ValueError(f"Expected code beside the template; found bucket {bucket!r}, key {key!r}")
    return str(key)


def _with_s3_paths(resource: Mapping[str, Any]) -> dict[str, Any]:
    name = PATH_PROPERTIES.get(resource["Type"])
    properties = dict(resource.get("Properties") or {})
    if name and isinstance(properties.get(name), str):
        properties[name] = f"s3://{LOCAL_BUCKET}/{properties[name].removeprefix('./').rstrip('/')}"
    return {**resource, "Properties": properties}


def _no_managed_policies() -> dict[str, str]:
    return {}
