"""ConvertPhoto: an upright rendition of what the detectors cannot open."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from photogate.aws.world import World
from photogate.config import SubjectsSettings, WorkSettings, load
from photogate.conversion import render
from photogate.observability import step
from photogate.workflow.state import PhotoState
from photogate.workflow.stripping import ConvertPhoto


class Needs(WorkSettings, SubjectsSettings):
    """What this function reads of its environment."""


world = World(load(Needs), "convert_photo")


@step("convert_photo")
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer with the rendition's hash."""
    return ConvertPhoto(world.work, world.subjects, render).run(PhotoState.parse(event)).plain()
