"""seal_audit in an account in process, with the adapters that tests look through.

moto's KMS signs with keys that nobody can verify, so the signer here is our own; the e2e tests sign with a real one.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from moto import mock_aws

from photogate.audit.event import photo_chain, tenant_chain
from photogate.audit.log import AuditLog
from photogate.audit.note import Checkpoint, open_checkpoint
from photogate.audit.row import Row
from photogate.audit.seal import checkpoint_path
from photogate.aws.audit_table import AuditTable
from photogate.aws.ledger_bucket import LedgerBucket
from photogate.aws.ledger_table import LedgerTable
from tests.audit_builders import TENANT, UPLOAD, a_log, an_event
from tests.functions.test_audit_cli import create_audit_table
from tests.ledger_builders import ORIGIN, EcSigner

CONTEXT = SimpleNamespace(aws_request_id="request-1", function_version="7")


@dataclass
class Sealing:
    """The function in an account, with the adapters that the test looks through."""

    app: Any
    audit: AuditTable
    ledger: LedgerTable
    files: LedgerBucket
    log: AuditLog
    verifier: Any = None

    def append(self, steps: int, upload: str = UPLOAD) -> list[Row]:
        events = [
            an_event(f"Step{upload[-4:]}{n}", upload_id=upload, chain=photo_chain(TENANT, upload)) for n in range(steps)
        ]
        return [self.log.append(event) for event in events]

    def deliver(self, *records: dict[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any] = self.app.handler({"Records": list(records)}, CONTEXT)
        return answer

    def alerts(self, tenant: str = TENANT) -> list[dict[str, Any]]:
        rows = self.audit.last(tenant_chain(tenant), 10)
        return [row.fields["details"] for row in rows if row.fields["name"] == "integrity.alerted"]

    def checkpoint(self, size: int) -> Checkpoint:
        note = self.files.get(checkpoint_path(size))
        assert note is not None
        return open_checkpoint(note, EcSigner().key)


@contextmanager
def sealing_account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sealing]:
    variables = {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "POWERTOOLS_METRICS_NAMESPACE": "Photogate",
        "PHOTOGATE_AUDIT_TABLE": "audit",
        "PHOTOGATE_LEDGER_TABLE": "ledger",
        "PHOTOGATE_LEDGER_BUCKET": "ledger",
        "PHOTOGATE_CHECKPOINT_KEY": "unused",
        "PHOTOGATE_LOG_ORIGIN": ORIGIN,
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with mock_aws():
        dynamodb, s3 = boto3.client("dynamodb"), boto3.client("s3")
        create_audit_table(dynamodb, "audit")
        dynamodb.create_table(
            TableName="ledger",
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        )
        s3.create_bucket(Bucket="ledger", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
        sys.modules.pop("functions.seal_audit.app", None)
        app = importlib.import_module("functions.seal_audit.app")
        monkeypatch.setattr(app, "signer", EcSigner())
        audit = AuditTable(dynamodb, "audit")
        yield Sealing(app, audit, LedgerTable(dynamodb, "ledger"), LedgerBucket(s3, "ledger"), a_log(audit))
