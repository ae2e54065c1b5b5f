"""Brings a translated template to life: in the order of its references, what does not wait on each other at once."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any

from local.deploy import (
    analysis,
    api,
    custom,
    dynamodb,
    events,
    functions,
    iam,
    kms,
    messaging,
    monitoring,
    s3,
    skipped,
    workflows,
)
from local.deploy.base import Context, Created, Handler, Properties
from local.intrinsics import Intrinsics, references

__all__ = ["HANDLERS", "DeploymentFailed", "Stack", "UnknownResource", "check", "deploy", "new_suffix", "wanted"]

HANDLERS: dict[str, Handler] = {}
for module in (
    analysis,
    api,
    custom,
    dynamodb,
    events,
    functions,
    iam,
    kms,
    messaging,
    monitoring,
    s3,
    skipped,
    workflows,
):
    HANDLERS.update(module.HANDLERS)

# Sections of a resource that say how CloudFormation treats it, and nothing about the resource.
RESOURCE_SECTIONS = {
    "Type",
    "Properties",
    "Condition",
    "DependsOn",
    "Metadata",
    "DeletionPolicy",
    "UpdateReplacePolicy",
}
WORKERS = 8


class UnknownResource(Exception):
    """The template has a resource that the deployer does not know how to create."""


class DeploymentFailed(Exception):
    """A resource could not be created; the message names it."""


@dataclass(frozen=True)
class Stack:
    """What stands after a deployment.

    Attributes
    ----------
    resources
        Physical id (what ``Ref`` gives) by logical id.
    types
        Resource type by logical id.
    arns
        Arn by logical id, of those that have one.
    outputs
        The template's outputs, and the SAM ones.
    """

    resources: dict[str, str]
    types: dict[str, str]
    arns: dict[str, str]
    outputs: dict[str, str]


def new_suffix() -> str:
    """Give the random end of physical names."""
    return secrets.token_hex(4)


def wanted(template: Mapping[str, Any], intrinsics: Intrinsics) -> dict[str, Mapping[str, Any]]:
    """Give the resources whose condition holds."""
    return {
        name: resource
        for name, resource in template["Resources"].items()
        if "Condition" not in resource or intrinsics.condition(resource["Condition"])
    }


def check(resources: Mapping[str, Mapping[str, Any]]) -> None:
    """Refuse a template that holds something that is not carried over.

    Raises
    ------
    UnknownResource
        With every type and section that is not known.
    """
    unknown = {f"{n} ({r['Type']})" for n, r in resources.items() if r["Type"] not in HANDLERS}
    unknown |= {f"{n}: {s}" for n, r in resources.items() for s in set(r) - RESOURCE_SECTIONS}
    if unknown:
        raise UnknownResource(f"Expected resources that local/deploy knows; found {', '.join(sorted(unknown))}")


def deploy(template: Mapping[str, Any], intrinsics: Intrinsics, context: Context) -> Stack:
    """Create every resource.

    Raises
    ------
    UnknownResource
        Before the first call, when a type is not known.
    DeploymentFailed
        When one could not be created.
    """
    resources = wanted(template, intrinsics)
    check(resources)
    waiting = {name: _needs(resource, set(resources) - {name}) for name, resource in resources.items()}
    made: dict[str, Created] = {}
    with ThreadPoolExecutor(WORKERS) as pool:
        running: dict[Future[Created], str] = {}
        while waiting or running:
            for name in [n for n, needs in waiting.items() if needs <= made.keys()]:
                del waiting[name]
                properties = Properties(name, intrinsics.resolve(resources[name].get("Properties", {})))
                running[pool.submit(_create, resources[name]["Type"], properties, context)] = name
            if not running:
                raise DeploymentFailed(f"Expected resources without a circle; found {sorted(waiting)}")
            finished, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in finished:
                name = running.pop(future)
                try:
                    made[name] = future.result()
                except Exception as error:
                    pool.shutdown(cancel_futures=True)
                    kind = type(error).__name__
                    raise DeploymentFailed(f"{name} ({resources[name]['Type']}): {kind}: {error}") from error
                intrinsics.define(name, made[name].ref, made[name].attributes)
    return Stack(
        resources={name: created.ref for name, created in made.items()},
        types={name: resource["Type"] for name, resource in resources.items()},
        arns={name: str(c.attributes["Arn"]) for name, c in made.items() if "Arn" in c.attributes},
        outputs={
            name: str(intrinsics.resolve(output["Value"]))
            for name, output in template.get("Outputs", {}).items()
            if "Condition" not in output or intrinsics.condition(output["Condition"])
        },
    )


def _create(kind: str, properties: Properties, context: Context) -> Created:
    created = HANDLERS[kind](context, properties)
    properties.done()
    return created


def _needs(resource: Mapping[str, Any], others: set[str]) -> set[str]:
    explicit = resource.get("DependsOn", [])
    named = {explicit} if isinstance(explicit, str) else set(explicit)
    return (references(resource.get("Properties", {})) | named) & others
