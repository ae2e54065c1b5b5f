"""verify_audit: once a day, verify what was sealed since the last verification, and write the result into the log."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from photogate.audit.alarms import damage_event, last_verified, verified_event
from photogate.audit.damage import Damage, DamageFound
from photogate.audit.event import LOG_TENANT, tenant_chain
from photogate.audit.incremental import Verified, unsealed_rows, verify_since
from photogate.audit.log import AuditLog
from photogate.audit.query import AuditReader, Question
from photogate.aws.audit_table import AuditTable
from photogate.aws.checkpoint_key import CheckpointKey
from photogate.aws.ledger_bucket import LedgerBucket
from photogate.aws.ledger_table import LedgerTable
from photogate.aws.session import make_client
from photogate.clock import system_clock
from photogate.config import SealSettings, load
from photogate.observability import logger, metrics, step

NAME = "verify_audit"
LOOK_BACK = 500  # rows of the log's own chain, two or three weeks of heartbeats
UNSEALED_DAYS = timedelta(hours=26)


class Needs(SealSettings):
    """What this function reads of its environment."""


settings = load(Needs)
dynamodb = make_client("dynamodb", settings)
audit = AuditTable(dynamodb, settings.audit_table)
ledger = LedgerTable(dynamodb, settings.ledger_table)
files = LedgerBucket(make_client("s3", settings), settings.ledger_bucket)
signer = CheckpointKey(make_client("kms", settings), settings.checkpoint_key, settings.log_origin)
log = AuditLog(audit, retention_days=settings.audit_retention_days)


@step(NAME)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer with an exit code of the verifier: 0, or that of the damage, which is alerted."""
    run, version = event["id"], context.function_version
    own = audit.last(tenant_chain(LOG_TENANT), LOOK_BACK)
    done = next((row for row in own if row.event_id == f"{run}/Verified"), None)
    if done is not None:  # Lambda delivers an event more than once
        return {"exit_code": done.fields["details"]["exit_code"]}
    try:
        since = last_verified(own, signer.key.name)
        found = verify_since(audit, ledger, files.get, signer.key, since, system_clock())
        _check_unsealed(found)
    except DamageFound as damage:
        metrics.add_metric("DamageFound", MetricUnit.Count, 1)
        logger.error("log damaged", extra={"damage": damage.damage.title, "place": damage.place})
        log.append(damage_event(run, damage, NAME, version))
        log.append(verified_event(run, damage, NAME, version))
        return {"exit_code": int(damage.damage)}
    log.append(verified_event(run, found, NAME, version))
    return {"exit_code": 0, "rows": found.rows}


def _check_unsealed(found: Verified) -> None:
    now = system_clock()
    for tenant in sorted(found.tenants | {LOG_TENANT}):
        question = Question(tenant=tenant, since=now - UNSEALED_DAYS, until=now)
        for row in unsealed_rows(ledger, AuditReader(audit).rows(question), now):
            message = "Expected every row to be sealed within minutes; found one that is not"
            raise DamageFound(Damage.UNSEALED, f"row {row.seq} of its chain", message)
