"""EraseSubject: go on with an erasure, as far as one invocation should."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from photogate.aws.key_probe import KeyProbe
from photogate.aws.world import World
from photogate.clock import system_clock
from photogate.config import ErasureSettings, load
from photogate.erasure import EraseSubject, Recovery
from photogate.observability import step


class Needs(ErasureSettings):
    """What this function reads of its environment."""


settings = load(Needs)
world = World(settings, "erase_subject")


@step("erase_subject")
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer with how far it came."""
    erasure_id = str(event["erasure_id"])
    erase = EraseSubject(
        store=world.erasures,
        uploads=world.owned_uploads,
        buckets=world.erasable(),
        probe=KeyProbe(world.subject_keys),
        trail=world.trail(erasure_id, context.function_version),
        clock=system_clock,
        wait=timedelta(seconds=settings.erasure_wait_seconds),
        recovery=Recovery(subjects_days=settings.subjects_recovery_days, tables_days=settings.tables_recovery_days),
    )
    return erase.run(str(event["tenant"]), erasure_id).plain()
