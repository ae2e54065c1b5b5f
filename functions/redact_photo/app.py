"""RedactPhoto: hide what the policy wants hidden."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from photogate.aws.world import World
from photogate.config import AuditSettings, PoliciesSettings, SubjectsSettings, WorkSettings, load
from photogate.observability import step
from photogate.redaction import redact
from photogate.workflow.redacting import RedactPhoto
from photogate.workflow.state import PhotoState


class Needs(WorkSettings, PoliciesSettings, SubjectsSettings, AuditSettings):
    """What this function reads of its environment."""


world = World(load(Needs), "redact_photo")


@step("redact_photo")
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer with the redacted file's hash."""
    state = PhotoState.parse(event)
    trail = world.trail(state.execution_id, context.function_version)
    return RedactPhoto(world.work, world.policies, world.subjects, trail, redact).run(state).plain()
