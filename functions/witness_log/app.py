"""witness_log: in another account than the log's, cosign its newest checkpoint if the log only grew."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from photogate.audit.damage import DamageFound
from photogate.audit.note import parse_vkey
from photogate.audit.witness import Witness
from photogate.aws.checkpoint_key import CheckpointKey
from photogate.aws.ledger_bucket import LedgerBucket
from photogate.aws.session import make_client
from photogate.aws.witness_table import WitnessTable
from photogate.config import WitnessSettings, load
from photogate.observability import logger, metrics, step

NAME = "witness_log"


class Needs(WitnessSettings):
    """What this function reads of its environment."""


settings = load(Needs)
s3 = make_client("s3", settings)
vkey = parse_vkey(settings.log_vkey)
signer = CheckpointKey(make_client("kms", settings), settings.checkpoint_key, settings.log_origin)
memory = WitnessTable(make_client("dynamodb", settings), settings.witness_table, vkey.name)


@step(NAME)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer with the size that is cosigned now; the log line is the cosignature's time."""
    log, files = LedgerBucket(s3, settings.log_bucket), LedgerBucket(s3, settings.witness_bucket)
    try:
        looked = Witness(log, vkey, memory, files, signer).look()
    except DamageFound as found:
        metrics.add_metric("WitnessRefusals", MetricUnit.Count, 1)
        logger.error("checkpoint refused", extra={"damage": found.damage.title, "place": found.place})
        raise
    if looked is None:
        return {"size": 0, "grown": False}
    root = looked.checkpoint.root.hex()
    logger.info("checkpoint cosigned", extra={"tree_size": looked.checkpoint.size, "root": root, "grown": looked.grown})
    return {"size": looked.checkpoint.size, "grown": looked.grown}
