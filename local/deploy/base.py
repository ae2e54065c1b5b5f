"""What the modules of this package share."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.model import ListShape, MapShape, OperationModel, Shape, StructureShape

__all__ = ["Context", "Created", "Handler", "Properties", "UnknownProperty", "document", "lower_first", "tags", "typed"]

MISSING = object()


class UnknownProperty(Exception):
    """The template sets a property that the deployer does not carry over."""


@dataclass(frozen=True)
class Created:
    """A resource that exists now.

    Attributes
    ----------
    ref
        What ``Ref`` gives.
    attributes
        What ``Fn::GetAtt`` gives, by name.
    """

    ref: str
    attributes: Mapping[str, Any] = field(default_factory=dict)


class Properties:
    """The resolved properties of one resource, each to be taken exactly once.

    Parameters
    ----------
    logical_id
        For error messages.
    values
        The properties.
    """

    def __init__(self, logical_id: str, values: Mapping[str, Any]) -> None:
        self.logical_id = logical_id
        self._left = dict(values)

    def take(self, name: str, default: Any = MISSING) -> Any:
        """Give a property, and remember that it was carried over.

        Raises
        ------
        UnknownProperty
            When it is required and not there.
        """
        if name in self._left:
            return self._left.pop(name)
        if default is MISSING:
            raise UnknownProperty(f"Expected {self.logical_id} to set {name}; found nothing")
        return default

    def take_all(self, *names: str, rename: Callable[[str], str] = str) -> dict[str, Any]:
        """Give those of the named properties that are there, as arguments of an API call."""
        return {rename(n): self._left.pop(n) for n in names if n in self._left}

    def done(self) -> None:
        """Raise `UnknownProperty` if something was not taken."""
        if self._left:
            raise UnknownProperty(
                f"Expected properties of {self.logical_id} that local/deploy carries over; found {sorted(self._left)}"
            )


class Context:
    """What a handler works with.

    Parameters
    ----------
    session, endpoint, ca
        The administrator's credentials, the server's address and the certificate to trust.
    stack
        The stack's name; physical names begin with it.
    suffix
        Random; physical names end with it.
    folder
        Where the template is; code is beside it.
    python
        The interpreter that runs functions.
    runtime
        What Lambda's own Python brings along, where what the template names is built for Lambda: functions then have
        their layers and this folder on their path, and nothing of this environment.
    """

    def __init__(
        self,
        session: boto3.Session,
        endpoint: str,
        ca: Path,
        stack: str,
        suffix: str,
        folder: Path,
        python: str,
        runtime: Path | None = None,
    ) -> None:
        self.stack = stack
        self.suffix = suffix
        self.folder = folder
        self.python = python
        self.runtime = runtime
        # Folder of each layer, by the ARN of the version that was published.
        self.layers: dict[str, Path] = {}
        self.endpoint = endpoint
        self._session = session
        self._ca = ca
        self._clients: dict[str, Any] = {}
        self._lock = threading.Lock()

    def client(self, service: str) -> Any:
        """Give a client of the administrator; boto3's clients may be shared between threads."""
        with self._lock:
            if service not in self._clients:
                made = self._session.client(
                    service,
                    endpoint_url=self.endpoint,
                    verify=str(self._ca),
                    config=Config(
                        signature_version="s3v4" if service == "s3" else None,
                        s3={"addressing_style": "path"} if service == "s3" else None,
                        retries={"mode": "standard", "total_max_attempts": 2},
                        max_pool_connections=32,
                    ),
                )
                made.meta.events.register("provide-client-params.*.*", _typed_arguments)
                self._clients[service] = made
            return self._clients[service]

    def name(self, logical_id: str, limit: int = 64) -> str:
        """Give a physical name as CloudFormation would: stack, logical id, something random."""
        return f"{self.stack}-{logical_id}"[: limit - len(self.suffix) - 1] + "-" + self.suffix


def typed(value: Any, shape: Shape) -> Any:
    """Give a value the type that an API wants: CloudFormation takes ``"7"`` for 7 and ``"false"`` for false."""
    if isinstance(shape, StructureShape) and isinstance(value, Mapping):
        return {k: typed(v, shape.members[k]) if k in shape.members else v for k, v in value.items()}
    if isinstance(shape, ListShape) and isinstance(value, list):
        return [typed(v, shape.member) for v in value]
    if isinstance(shape, MapShape) and isinstance(value, Mapping):
        return {k: typed(v, shape.value) for k, v in value.items()}
    kind = shape.type_name
    if isinstance(value, str) and kind == "boolean" and value.lower() in ("true", "false"):
        return value.lower() == "true"
    if isinstance(value, str) and kind in ("integer", "long"):
        return int(value)
    if isinstance(value, str) and kind in ("double", "float"):
        return float(value)
    if kind == "string" and isinstance(value, bool):
        return str(value).lower()
    if kind == "string" and isinstance(value, int | float):
        return str(value)
    return value


def _typed_arguments(params: dict[str, Any], model: OperationModel, **_: Any) -> Any:
    return typed(params, model.input_shape) if model.input_shape else params


Handler = Callable[[Context, Properties], Created]


def tags(value: Any) -> list[dict[str, str]]:
    """Give tags as a list of Key and Value, whichever of CloudFormation's two forms they come in."""
    if isinstance(value, Mapping):
        return [{"Key": k, "Value": str(v)} for k, v in value.items()]
    return [dict(t) for t in value or []]


def lower_first(value: Any) -> Any:
    """Give a structure with every key's first letter lower, as some APIs want what CloudFormation capitalises."""
    if isinstance(value, Mapping):
        return {k[:1].lower() + k[1:]: lower_first(v) for k, v in value.items()}
    if isinstance(value, list):
        return [lower_first(v) for v in value]
    return value


def document(value: Any) -> str:
    """Give a policy or definition as JSON text."""
    return value if isinstance(value, str) else json.dumps(value)
