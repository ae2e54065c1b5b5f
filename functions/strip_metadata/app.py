"""StripMetadata: the file without what it says about people, places and devices."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from photogate.aws.world import World
from photogate.config import (
    AuditSettings,
    IncomingSettings,
    PoliciesSettings,
    SubjectsSettings,
    WorkSettings,
    load,
)
from photogate.observability import step
from photogate.workflow.state import PhotoState
from photogate.workflow.stripping import StripMetadata


class Needs(IncomingSettings, WorkSettings, PoliciesSettings, SubjectsSettings, AuditSettings):
    """What this function reads of its environment."""


world = World(load(Needs), "strip_metadata")


@step("strip_metadata")
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer with what was stripped, or that the file is refused."""
    state = PhotoState.parse(event)
    trail = world.trail(state.execution_id, context.function_version)
    return StripMetadata(world.incoming, world.work, world.policies, world.subjects, trail).run(state).plain()
