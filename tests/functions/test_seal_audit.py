"""seal_audit against tables and a bucket: rows are sealed and signed, tampering raises an event, and nothing is lost.

moto's KMS signs with keys that nobody can verify, so the signer here is our own; the e2e tests sign with a real one.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from moto import mock_aws

from photogate.audit.alarms import LOG_TENANT
from photogate.audit.event import photo_chain, tenant_chain
from photogate.audit.log import AuditLog
from photogate.audit.merkle import root
from photogate.audit.note import Checkpoint, open_checkpoint, sign_checkpoint
from photogate.audit.row import Row
from photogate.audit.seal import Head, Sealed, checkpoint_path
from photogate.aws.audit_table import AuditTable
from photogate.aws.ledger_bucket import LedgerBucket
from photogate.aws.ledger_table import LedgerTable
from photogate.errors import Conflict, IntegrityError, Transient
from tests.audit_builders import TENANT, UPLOAD, a_log, an_event
from tests.functions.test_audit_cli import create_audit_table
from tests.ledger_builders import ORIGIN, EcSigner, a_record

CONTEXT = SimpleNamespace(aws_request_id="request-1", function_version="7")


@dataclass
class Sealing:
    """The function in an account, with the adapters that the test looks through."""

    app: Any
    audit: AuditTable
    ledger: LedgerTable
    files: LedgerBucket
    log: AuditLog

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


@pytest.fixture
def sealing(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sealing]:
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


def test_rows_are_sealed_in_one_commit_and_signed(sealing: Sealing) -> None:
    rows = sealing.append(3)
    assert sealing.deliver(*map(a_record, rows)) == {"batchItemFailures": []}
    checkpoint = sealing.checkpoint(3)
    assert checkpoint.root == root([row.leaf for row in rows])
    assert sealing.ledger.head() == Head(1, sealing.ledger.head().tree)
    manifest = sealing.ledger.manifest(1)
    assert manifest is not None
    assert manifest.keys == tuple((row.chain, row.seq) for row in rows)
    assert sealing.ledger.sealed([rows[0].chain, "acme/tenant"]) == {rows[0].chain: Sealed(2, rows[2].leaf)}


def test_the_tree_goes_on_over_calls_and_redelivery(sealing: Sealing) -> None:
    rows = sealing.append(4) + sealing.append(3, "9" * 32)
    sealing.deliver(*map(a_record, rows[:3]))
    sealing.deliver(*map(a_record, rows[1:6]))
    sealing.deliver(*map(a_record, rows))
    assert sealing.checkpoint(7).root == root([row.leaf for row in rows])
    assert list(sealing.files.paths("checkpoint/")) == [checkpoint_path(n) for n in (3, 6, 7)]


def test_a_commit_from_an_old_head_is_a_conflict(sealing: Sealing) -> None:
    rows = sealing.append(2)
    sealing.deliver(a_record(rows[0]))
    head = sealing.ledger.head()
    manifest = sealing.ledger.manifest(1)
    assert manifest is not None
    with pytest.raises(Conflict):
        sealing.ledger.commit(head, manifest, {})
    assert sealing.ledger.head() == head


def test_a_put_over_a_row_raises_an_alert_event_once(sealing: Sealing) -> None:
    row = sealing.append(1)[0]
    record = a_record(row, "MODIFY")
    sealing.deliver(record)
    sealing.deliver(record)
    [alert] = sealing.alerts()
    assert alert == {
        "change": "modified",
        "sequence": 0,
        "leaf": row.leaf.hex(),
        "leaf_before": row.leaf.hex(),
    }


def test_a_removal_before_its_time_raises_an_alert_event(sealing: Sealing) -> None:
    row = sealing.append(1)[0]
    sealing.deliver(a_record(row, "REMOVE"))
    ttl = {"userIdentity": {"type": "Service", "principalId": "dynamodb.amazonaws.com"}, "eventID": "f" * 32}
    sealing.deliver(a_record(row, "REMOVE", **ttl))
    assert [alert["change"] for alert in sealing.alerts()] == ["early_expiry", "removed"]


def test_a_row_that_somebody_else_wrote_raises_an_alert_and_takes_nothing_of_it(sealing: Sealing) -> None:
    record = a_record(sealing.append(1)[0])
    record["dynamodb"]["Keys"] = {"pk": {"S": "Jane Doe"}, "sk": {"N": "-5"}}
    record["dynamodb"]["NewImage"]["pk"] = {"S": "Jane Doe"}
    record["dynamodb"]["NewImage"]["leaf"] = {"S": "jane@example.com"}
    sealing.deliver(record)
    assert sealing.alerts(LOG_TENANT) == [{"change": "inserted"}]
    assert sealing.ledger.head() == Head()


def test_a_signed_root_that_was_not_committed_halts_and_alarms_once(sealing: Sealing) -> None:
    forged = sign_checkpoint(Checkpoint(ORIGIN, 2, b"x" * 32), EcSigner())
    sealing.files.put_new(checkpoint_path(2), forged)
    rows = sealing.append(3)
    for _ in range(2):
        with pytest.raises(IntegrityError):
            sealing.deliver(*map(a_record, rows[:2]))
    with pytest.raises(IntegrityError):
        sealing.deliver(a_record(rows[2]))
    assert [alert["change"] for alert in sealing.alerts(LOG_TENANT)] == ["forked"]
    assert sealing.ledger.head().tree.size == 2


def test_a_service_that_does_not_answer_has_the_batch_delivered_again(
    sealing: Sealing, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise Transient("no answer")

    rows = sealing.append(2)
    with monkeypatch.context() as patched:
        patched.setattr(LedgerTable, "commit", refuse)
        answer = sealing.deliver(*map(a_record, rows))
    assert answer == {"batchItemFailures": [{"itemIdentifier": "100"}]}
    assert sealing.deliver(*map(a_record, rows)) == {"batchItemFailures": []}
    assert sealing.checkpoint(2).root == root([row.leaf for row in rows])


def test_the_heartbeat_is_one_event_and_sealing_adds_none(sealing: Sealing) -> None:
    sealing.app.handler({"id": "schedule-1", "source": "aws.events"}, CONTEXT)
    sealing.app.handler({"id": "schedule-1", "source": "aws.events"}, CONTEXT)
    [row] = sealing.audit.last(tenant_chain(LOG_TENANT), 10)
    assert (row.fields["name"], row.fields["details"]["tree_size"]) == ("log.sealed", 0)
    sealing.deliver(a_record(row))
    assert len(sealing.audit.last(tenant_chain(LOG_TENANT), 10)) == 1


def test_a_long_stream_makes_tiles(sealing: Sealing) -> None:
    rows = [row for n in range(30) for row in sealing.append(10, f"{n:032x}")]
    for first in range(0, 300, 60):
        sealing.deliver(*map(a_record, rows[first : first + 60]))
    assert {"tile/0/000", "tile/0/001.p/44", "tile/1/000.p/1"} <= set(sealing.files.paths("tile/"))
    assert sealing.checkpoint(300).root == root([row.leaf for row in rows])
