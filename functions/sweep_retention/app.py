"""sweep_retention: delete what has been kept as long as its purpose allows, and end consents whose time is over."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from photogate.aws.world import World
from photogate.clock import system_clock
from photogate.config import (
    AuditSettings,
    ConsentsSettings,
    QuarantineSettings,
    SubjectsSettings,
    UploadsSettings,
    VaultSettings,
    load,
)
from photogate.observability import logger, metrics, step
from photogate.retention import FAILED, SweepRetention

# What one photo may take, with every retry of a service that is slow.
ENOUGH_MS = 30_000


class Needs(UploadsSettings, ConsentsSettings, SubjectsSettings, VaultSettings, QuarantineSettings, AuditSettings):
    """What this function reads of its environment."""


settings = load(Needs)
world = World(settings, "sweep_retention")


def not_done(tenant: str, what: str, error: Exception) -> None:
    """Say which photo or consent stays, and the class of what stood in the way."""
    logger.error("not expired", extra={"tenant": tenant, "id": what, "error": type(error).__name__})


@step("sweep_retention")
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer with how many ended in which way."""
    sweep = SweepRetention(
        photos=world.retention,
        uploads=world.uploads,
        consents=world.consents,
        holds=world.subjects,
        buckets=(world.vault, world.quarantine),
        trail=world.trail(context.aws_request_id, context.function_version),
        clock=system_clock,
        time_left=lambda: context.get_remaining_time_in_millis() > ENOUGH_MS,
        not_done=not_done,
    )
    ends = sweep.run()
    failed = sum(count for end, count in ends.items() if end.startswith(FAILED))
    metrics.add_metric("RetentionFailed", MetricUnit.Count, failed)
    oldest = world.quarantine.oldest()
    hours = 0 if oldest is None else int((system_clock() - oldest) / timedelta(hours=1))
    metrics.add_metric("QuarantineAgeHours", MetricUnit.Count, max(hours, 0))
    return ends
