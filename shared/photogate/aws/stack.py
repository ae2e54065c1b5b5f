"""A deployed CloudFormation stack: the template that it was made from, and its parameters."""

from __future__ import annotations

import json
from typing import Any

from botocore.exceptions import ClientError

from photogate.aws.session import error_code, translated
from photogate.errors import NotFound

__all__ = ["deployed_template"]


def deployed_template(client: Any, stack: str) -> tuple[bytes, dict[str, str]]:
    """Give the template of a stack as it was submitted, and the parameters' values.

    Parameters
    ----------
    client
        A boto3 CloudFormation client.

    Raises
    ------
    NotFound
        If there is no such stack.
    """
    try:
        with translated():
            body = client.get_template(StackName=stack, TemplateStage="Original")["TemplateBody"]
            described = client.describe_stacks(StackName=stack)["Stacks"][0]
    except ClientError as error:
        if error_code(error) != "ValidationError":
            raise
        raise NotFound("Expected a stack of this name in the account and region; found none") from None
    source = body if isinstance(body, str) else json.dumps(body)
    return source.encode(), {p["ParameterKey"]: p["ParameterValue"] for p in described.get("Parameters", [])}
