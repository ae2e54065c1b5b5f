"""Step Functions: state machines, from the same ASL file that AWS runs."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from local.deploy.base import Context, Created, Handler, Properties, document, lower_first, tags
from local.template import local_path

__all__ = ["HANDLERS", "substitute"]

PLACEHOLDER = re.compile(r"\$\{([A-Za-z0-9_]+)\}")


def substitute(definition: str, values: Mapping[str, Any]) -> str:
    """Replace ``${Name}`` as CloudFormation's DefinitionSubstitutions does; a name without a value is an error."""
    if missing := set(PLACEHOLDER.findall(definition)) - set(values):
        raise ValueError(f"Expected DefinitionSubstitutions for {sorted(missing)}; found none")
    return PLACEHOLDER.sub(lambda m: str(values[m.group(1)]), definition)


def state_machine(context: Context, properties: Properties) -> Created:
    """Create a state machine."""
    name = properties.take("StateMachineName", context.name(properties.logical_id, 80))
    if location := properties.take("DefinitionS3Location", None):
        text = (context.folder / local_path(location)).read_text(encoding="utf-8")
    else:
        found = properties.take("DefinitionString", None)
        text = document(found if found is not None else properties.take("Definition"))
    text = substitute(text, properties.take("DefinitionSubstitutions", {}))
    json.loads(text)
    arguments: dict[str, Any] = {"type": properties.take("StateMachineType", "STANDARD")}
    for ours in ("LoggingConfiguration", "TracingConfiguration", "EncryptionConfiguration"):
        if (value := properties.take(ours, None)) is not None:
            arguments[ours[:1].lower() + ours[1:]] = lower_first(value)
    made = context.client("stepfunctions").create_state_machine(
        name=name,
        definition=text,
        roleArn=properties.take("RoleArn"),
        tags=[{"key": t["Key"], "value": t["Value"]} for t in tags(properties.take("Tags", []))],
        **arguments,
    )
    arn = made["stateMachineArn"]
    return Created(arn, {"Arn": arn, "Name": name})


HANDLERS: dict[str, Handler] = {"AWS::StepFunctions::StateMachine": state_machine}
