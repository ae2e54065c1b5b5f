"""RecordOutcome: one transaction for the status, then nothing of the original stays."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from photogate.aws.world import World
from photogate.clock import system_clock
from photogate.config import (
    AuditSettings,
    ConsentsSettings,
    EventSettings,
    IncomingSettings,
    QuarantineSettings,
    SubjectsSettings,
    UploadsSettings,
    VaultSettings,
    WorkSettings,
    load,
)
from photogate.observability import step
from photogate.workflow.outcome import RecordOutcome
from photogate.workflow.state import PhotoState


class Needs(
    UploadsSettings,
    ConsentsSettings,
    SubjectsSettings,
    IncomingSettings,
    WorkSettings,
    VaultSettings,
    QuarantineSettings,
    EventSettings,
    AuditSettings,
):
    """What this function reads of its environment."""


world = World(load(Needs), "record_outcome")


@step("record_outcome")
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer with the status that was recorded."""
    state = PhotoState.parse(event)
    trail = world.trail(state.execution_id, context.function_version)
    record = RecordOutcome(
        world.uploads, world.incoming, world.work, world.vault, world.quarantine, world.bus, trail, system_clock
    )
    return record.run(state)
