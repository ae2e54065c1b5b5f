"""DetectFaces and SecondLook: see, decide, and look again at what was redacted."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from photogate.aws.world import World
from photogate.config import (
    AuditSettings,
    PoliciesSettings,
    SubjectsSettings,
    VisionSettings,
    WorkSettings,
    load,
)
from photogate.observability import step
from photogate.vision.detector import Detectors
from photogate.workflow.detection import DetectFaces
from photogate.workflow.state import PhotoState


class Needs(WorkSettings, PoliciesSettings, SubjectsSettings, AuditSettings, VisionSettings):
    """What this function reads of its environment."""


settings = load(Needs)
world = World(settings, "detect_faces")
# A model whose checksum is wrong stops the function here, at cold start.
detectors = Detectors.load(settings)


@step("detect_faces")
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer with the first look, or with the second where something was redacted."""
    state = PhotoState.parse(event)
    trail = world.trail(state.execution_id, context.function_version)
    return DetectFaces(world.work, world.policies, world.subjects, detectors, trail).run(state).plain()
