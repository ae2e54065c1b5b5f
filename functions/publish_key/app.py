"""publish_key: CloudFormation asks for the log's verifier key, so that the stack can publish it as an output."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from photogate.aws.checkpoint_key import CheckpointKey
from photogate.aws.custom_resource import answer_cloudformation
from photogate.aws.session import make_client
from photogate.config import OriginSettings, load
from photogate.observability import step


class Needs(OriginSettings):
    """What this function reads of its environment."""


settings = load(Needs)
signer = CheckpointKey(make_client("kms", settings), settings.checkpoint_key, settings.log_origin)


@step("publish_key")
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Give the verifier key (C2SP vkey) of the stack's checkpoint key."""
    return {"status": answer_cloudformation(event, settings.log_origin, lambda: {"Vkey": str(signer.key)})}
