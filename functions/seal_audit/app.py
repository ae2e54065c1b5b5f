"""seal_audit: rows of the audit stream become leaves of the signed tree; an hourly call is the log's heartbeat."""

from __future__ import annotations

from collections import Counter
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from photogate.audit.alarms import fork_alarm, heartbeat_event, raise_alarm
from photogate.audit.event import EventName
from photogate.audit.log import AuditLog
from photogate.audit.seal import Sealer
from photogate.audit.stream import Alarm, Inserted, read_record
from photogate.aws.audit_table import AuditTable
from photogate.aws.checkpoint_key import CheckpointKey
from photogate.aws.ledger_bucket import LedgerBucket
from photogate.aws.ledger_table import LedgerTable
from photogate.aws.session import make_client
from photogate.config import SealSettings, load
from photogate.errors import IntegrityError, Transient
from photogate.observability import metrics, step

NAME = "seal_audit"
COUNTED = {
    EventName.ACCESS_DENIED: "AccessDenied",
    EventName.PHOTO_READ: "PhotosRead",
    EventName.AUDIT_EXPORTED: "LogExports",
}


class Needs(SealSettings):
    """What this function reads of its environment."""


settings = load(Needs)
dynamodb = make_client("dynamodb", settings)
log = AuditLog(AuditTable(dynamodb, settings.audit_table), retention_days=settings.audit_retention_days)
ledger = LedgerTable(dynamodb, settings.ledger_table)
files = LedgerBucket(make_client("s3", settings), settings.ledger_bucket)
signer = CheckpointKey(make_client("kms", settings), settings.checkpoint_key, settings.log_origin)


@step(NAME)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer with the first record that must be delivered again, if any."""
    version = context.function_version

    def alert(alarm: Alarm) -> None:
        raise_alarm(log, alarm, NAME, version)
        metrics.add_metric("IntegrityAlerts", MetricUnit.Count, 1)

    if "Records" not in event:
        log.append(heartbeat_event(event["id"], ledger.head(), NAME, version))
        metrics.add_metric("Heartbeats", MetricUnit.Count, 1)
        return {}
    inserted: list[Inserted] = []
    for record in event["Records"]:
        change = read_record(record)
        if isinstance(change, Inserted):
            inserted.append(change)
        elif isinstance(change, Alarm):
            alert(change)
    try:
        Sealer(ledger, files, signer, alert).seal(inserted)
    except Transient:
        return {"batchItemFailures": [{"itemIdentifier": event["Records"][0]["dynamodb"]["SequenceNumber"]}]}
    except IntegrityError:
        alert(fork_alarm(ledger.head()))
        raise
    _count(inserted)
    return {"batchItemFailures": []}


def _count(inserted: list[Inserted]) -> None:
    """Count what alarms look at: every row passes here, whoever wrote it."""
    names = Counter(str(record.row.fields["name"]) for record in inserted)
    for name, metric in COUNTED.items():
        if names[name]:
            metrics.add_metric(metric, MetricUnit.Count, names[name])
