"""AdmitUpload: claim the upload, look at the file from outside, pin the policy."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from photogate.aws.world import World
from photogate.clock import system_clock
from photogate.config import (
    AuditSettings,
    ConsentsSettings,
    IncomingSettings,
    PoliciesSettings,
    SubjectsSettings,
    UploadsSettings,
    load,
)
from photogate.intake import MAX_UPLOAD_BYTES
from photogate.observability import logger, metrics, step
from photogate.tenants import NOTICE, InForce
from photogate.workflow.admission import AdmitUpload
from photogate.workflow.state import S3Event


class Needs(UploadsSettings, ConsentsSettings, SubjectsSettings, PoliciesSettings, IncomingSettings, AuditSettings):
    """What this function reads of its environment."""


world = World(load(Needs), "admit_upload")


def watch_policy(tenant: str, found: InForce) -> None:
    """Tell in time that a policy must be confirmed, before the log forgets who put it in force."""
    due = found.until - system_clock() < NOTICE
    metrics.add_metric("PolicyToConfirm", MetricUnit.Count, int(due))
    if due:
        logger.warning("policy to confirm", extra={"tenant": tenant})


@step("admit_upload")
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer with the photo's state."""
    created = S3Event.parse(event)
    admit = AdmitUpload(
        uploads=world.uploads,
        consents=world.consents,
        subjects=world.subjects,
        policies=world.policies,
        events=world.audit,
        incoming=world.incoming,
        trail=world.trail(created.execution_id, context.function_version),
        clock=system_clock,
        max_bytes=MAX_UPLOAD_BYTES,
        policy_found=watch_policy,
    )
    return admit.run(created.key, created.version_id, created.execution_id).plain()
