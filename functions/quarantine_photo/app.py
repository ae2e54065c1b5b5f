"""Quarantine: the original where only a review can get at it, and why."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from photogate.aws.world import World
from photogate.clock import system_clock
from photogate.config import (
    AuditSettings,
    IncomingSettings,
    SealedSettings,
    UploadsSettings,
    WorkSettings,
    load,
)
from photogate.observability import step
from photogate.workflow.keeping import Quarantine
from photogate.workflow.state import Admission, Failed, PhotoState, S3Event


class Needs(UploadsSettings, IncomingSettings, WorkSettings, SealedSettings, AuditSettings):
    """What this function reads of its environment."""


world = World(load(Needs), "quarantine_photo")


@step("quarantine_photo")
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer with the photo's state, and where the original is now."""
    trail = world.trail(str(event["execution_id"]), context.function_version)
    w = world
    quarantine = Quarantine(w.uploads, w.incoming, w.work, w.sealed, w.quarantine, w.subjects, trail, system_clock)
    if "admission" in event:
        return quarantine.run(PhotoState.parse(event)).plain()
    # AdmitUpload failed before there was a photo's state.
    created, error = S3Event.parse(event), Failed.model_validate(event["error"])
    state = quarantine.claim(created.key, created.version_id, created.execution_id, error)
    return (quarantine.run(state) if state.admission is Admission.REVIEW else state).plain()
