"""AskRetake: nothing of the photo is kept but a few counts, from which the uploader is told what to do."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from photogate.aws.world import World
from photogate.config import SubjectsSettings, WorkSettings, load
from photogate.guidance import Scene
from photogate.observability import step
from photogate.workflow.keeping import AskRetake
from photogate.workflow.state import PhotoState


class Needs(WorkSettings, SubjectsSettings):
    """What this function reads of its environment."""


world = World(load(Needs), "ask_retake")


@step("ask_retake")
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer with the scene."""
    ask = AskRetake(world.work, world.subjects, lambda *seen: Scene.from_findings(*seen).to_dict())
    return ask.run(PhotoState.parse(event)).plain()
