"""Reject: unreadable, not an image, no consent."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from photogate.aws.world import World
from photogate.config import AuditSettings, load
from photogate.observability import step
from photogate.workflow.keeping import Reject
from photogate.workflow.state import PhotoState


class Needs(AuditSettings):
    """What this function reads of its environment."""


world = World(load(Needs), "reject_upload")


@step("reject_upload")
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer with the reason."""
    state = PhotoState.parse(event)
    return Reject(world.trail(state.execution_id, context.function_version)).run(state).plain()
