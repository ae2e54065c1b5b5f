"""Lambda: functions, layers, permissions, event source mappings.

Functions run on this machine as ``provided.al2023``: a ``bootstrap`` that starts the genuine ``awslambdaric`` under
this environment's Python, with the function's folder and ``shared/`` on its path, or with the layers that were built
for Lambda where the template is the one that ``sam build`` wrote. MiniStack's own ``python3.x`` runtime
loses the names of custom errors, on which Retry and Catch depend. Layers exist as resources; what they hold comes from
the environment that runs the functions, unless they are built.
"""

from __future__ import annotations

import io
import os
import shlex
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from local.deploy.base import Context, Created, Handler, Properties, tags
from local.places import REPOSITORY
from local.template import local_path

__all__ = ["HANDLERS", "bootstrap"]


def bootstrap(python: str, path: list[Path], handler: str, variables: Mapping[str, str]) -> str:
    """Give the script that MiniStack starts for an execution environment."""
    joined = os.pathsep.join(str(p) for p in path)
    settings = {"PYTHONPATH": joined, "PYTHONDONTWRITEBYTECODE": "1", **variables}
    return (
        "#!/bin/sh\n"
        + "".join(f"export {name}={shlex.quote(value)}\n" for name, value in settings.items())
        + f"exec {shlex.quote(python)} -m awslambdaric {shlex.quote(handler)}\n"
    )


def function(context: Context, properties: Properties) -> Created:
    """Create a function, and its log group's settings with it."""
    name = properties.take("FunctionName", context.name(properties.logical_id))
    folder = context.folder / local_path(properties.take("Code"))
    if not folder.is_dir():
        raise FileNotFoundError(f"Expected the code of {properties.logical_id} at {folder}")
    handler = properties.take("Handler")
    properties.take("Runtime")  # provided.al2023 instead, as the module's text says
    properties.take("Architectures", None)  # this machine's own
    properties.take("PackageType", None)
    arguments: dict[str, Any] = properties.take_all(
        "DeadLetterConfig",
        "Description",
        "EphemeralStorage",
        "KMSKeyArn",
        "KmsKeyArn",
        "Layers",
        "LoggingConfig",
        "MemorySize",
        "Role",
        "Timeout",
        "TracingConfig",
    )
    if "KmsKeyArn" in arguments:
        arguments["KMSKeyArn"] = arguments.pop("KmsKeyArn")
    variables = properties.take("Environment", {"Variables": {}})["Variables"]
    layers = [context.layers[arn] for arn in arguments.get("Layers", [])]
    arguments["Environment"] = {"Variables": {k: _from_layer(layers, str(v)) for k, v in variables.items()}}
    arguments["Tags"] = {t["Key"]: t["Value"] for t in tags(properties.take("Tags", []))}
    reserved = properties.take("ReservedConcurrentExecutions", None)
    properties.take("RecursiveLoop", None)  # AWS's default is Terminate; no function here calls another
    packages = [REPOSITORY / "shared"]
    if context.runtime is not None:
        packages = [*(layer / "python" for layer in layers), context.runtime]
    logging = _log_format(arguments.get("LoggingConfig", {}))
    script = bootstrap(context.python, [folder, *packages], handler, logging)
    client = context.client("lambda")
    made = client.create_function(
        FunctionName=name,
        Runtime="provided.al2023",
        Handler=handler,
        Code={"ZipFile": _zip({"bootstrap": script})},
        **arguments,
    )
    if reserved is not None:
        client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=reserved)
    return Created(name, {"Arn": made["FunctionArn"]})


def layer(context: Context, properties: Properties) -> Created:
    """Publish a layer: a marker, for functions here take their packages from the environment."""
    name = properties.take("LayerName", context.name(properties.logical_id))
    folder = local_path(properties.take("Content"))
    arguments = properties.take_all("CompatibleRuntimes", "CompatibleArchitectures", "Description", "LicenseInfo")
    content = {"ZipFile": _zip({"README": f"Stands for {folder}.\n"})}
    made = context.client("lambda").publish_layer_version(LayerName=name, Content=content, **arguments)
    context.layers[made["LayerVersionArn"]] = context.folder / folder
    return Created(made["LayerVersionArn"], {"LayerVersionArn": made["LayerVersionArn"]})


def permission(context: Context, properties: Properties) -> Created:
    """Let a service invoke a function."""
    arguments = properties.take_all("Action", "Principal", "SourceArn", "SourceAccount", "EventSourceToken")
    target = properties.take("FunctionName")
    context.client("lambda").add_permission(FunctionName=target, StatementId=properties.logical_id, **arguments)
    return Created(properties.logical_id)


def event_source_mapping(context: Context, properties: Properties) -> Created:
    """Let a stream or queue drive a function."""
    arguments = properties.take_all(
        "BatchSize",
        "BisectBatchOnFunctionError",
        "DestinationConfig",
        "Enabled",
        "EventSourceArn",
        "FilterCriteria",
        "FunctionName",
        "FunctionResponseTypes",
        "MaximumBatchingWindowInSeconds",
        "MaximumRecordAgeInSeconds",
        "MaximumRetryAttempts",
        "ParallelizationFactor",
        "ScalingConfig",
        "StartingPosition",
        "TumblingWindowInSeconds",
    )
    made = context.client("lambda").create_event_source_mapping(**arguments)
    return Created(made["UUID"], {"Id": made["UUID"]})


def invoke_config(context: Context, properties: Properties) -> Created:
    """Say how often an asynchronous invocation is retried, and where its failures go."""
    name, qualifier = properties.take("FunctionName"), properties.take("Qualifier", "$LATEST")
    arguments = properties.take_all("MaximumEventAgeInSeconds", "MaximumRetryAttempts", "DestinationConfig")
    qualified = {} if qualifier == "$LATEST" else {"Qualifier": qualifier}
    context.client("lambda").put_function_event_invoke_config(FunctionName=name, **qualified, **arguments)
    return Created(properties.logical_id)


def _from_layer(layers: list[Path], value: str) -> str:
    """Give a path of a layer, ``/opt/...`` in Lambda, where it is on this machine."""
    if not value.startswith("/opt/"):
        return value
    found = [path for layer in layers if (path := layer / value.removeprefix("/opt/")).exists()]
    if len(found) != 1:
        raise FileNotFoundError(f"Expected one layer that holds {value}; found {len(found)}. Run `make setup`")
    return str(found[0])


def _log_format(logging: Mapping[str, str]) -> dict[str, str]:
    """Give the variables by which Lambda tells a runtime how to log; MiniStack does not set them."""
    names = {"LogFormat": "AWS_LAMBDA_LOG_FORMAT", "ApplicationLogLevel": "AWS_LAMBDA_LOG_LEVEL"}
    return {variable: logging[key] for key, variable in names.items() if key in logging}


def _zip(files: dict[str, str]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, text in files.items():
            info = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            info.external_attr = 0o755 << 16
            archive.writestr(info, text)
    return target.getvalue()


HANDLERS: dict[str, Handler] = {
    "AWS::Lambda::Function": function,
    "AWS::Lambda::LayerVersion": layer,
    "AWS::Lambda::Permission": permission,
    "AWS::Lambda::EventSourceMapping": event_source_mapping,
    "AWS::Lambda::EventInvokeConfig": invoke_config,
}
