"""sweep_uploads: end what nobody else will."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from photogate.audit.trail import Trail
from photogate.aws.world import World
from photogate.clock import system_clock
from photogate.config import (
    AuditSettings,
    ConsentsSettings,
    EventSettings,
    IncomingSettings,
    SealedSettings,
    SweepSettings,
    UploadsSettings,
    VaultSettings,
    WorkSettings,
    load,
)
from photogate.observability import logger, metrics, step
from photogate.workflow.keeping import Quarantine
from photogate.workflow.outcome import RecordOutcome
from photogate.workflow.sweeping import SweepUploads, failures


class Needs(
    UploadsSettings,
    ConsentsSettings,
    IncomingSettings,
    WorkSettings,
    VaultSettings,
    SealedSettings,
    EventSettings,
    AuditSettings,
    SweepSettings,
):
    """What this function reads of its environment."""


settings = load(Needs)
world = World(settings, "sweep_uploads")
patience, grace = timedelta(seconds=settings.patience_s), timedelta(seconds=settings.grace_s)


def not_ended(tenant: str, upload_id: str, error: Exception) -> None:
    """Say which upload stays open, and the class of what stood in the way."""
    found = {"tenant": tenant, "upload_id": upload_id, "error": type(error).__name__}
    logger.error("upload not ended", extra=found)


@step("sweep_uploads")
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer with how many uploads ended in which way."""

    def steps(run: str) -> tuple[Trail, Quarantine, RecordOutcome]:
        trail, w = world.trail(run, context.function_version), world
        quarantine = Quarantine(w.uploads, w.incoming, w.work, w.sealed, w.quarantine, w.subjects, trail, system_clock)
        return (
            trail,
            quarantine,
            RecordOutcome(w.uploads, w.incoming, w.work, w.vault, w.quarantine, w.bus, trail, system_clock),
        )

    sweep = SweepUploads(world.uploads, world.incoming, steps, not_ended, system_clock, patience, grace)
    ends = sweep.run()
    # At every run, also when there is none: an alarm over several runs needs each of them.
    metrics.add_metric("UploadsNotEnded", MetricUnit.Count, failures(ends))
    return ends
