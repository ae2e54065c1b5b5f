"""StorePhoto: the result into the vault, and the original, sealed, where an appeal is possible."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from photogate.aws.world import World
from photogate.config import AuditSettings, IncomingSettings, SealedSettings, VaultSettings, WorkSettings, load
from photogate.observability import step
from photogate.workflow.keeping import StorePhoto
from photogate.workflow.state import PhotoState


class Needs(IncomingSettings, WorkSettings, VaultSettings, SealedSettings, AuditSettings):
    """What this function reads of its environment."""


world = World(load(Needs), "store_photo")


@step("store_photo")
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer with the stored object's key, version and hash."""
    state = PhotoState.parse(event)
    w, trail = world, world.trail(state.execution_id, context.function_version)
    return StorePhoto(w.incoming, w.work, w.vault, w.sealed, w.subjects, trail).run(state).plain()
