"""seal_audit against tables and a bucket: rows are sealed and signed, tampering raises an event, and nothing is lost.

moto's KMS signs with keys that nobody can verify, so the signer here is our own; the e2e tests sign with a real one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from photogate.audit.event import LOG_TENANT, EventName, tenant_chain
from photogate.audit.merkle import root
from photogate.audit.note import Checkpoint, sign_checkpoint
from photogate.audit.seal import Head, Sealed, checkpoint_path
from photogate.aws.audit_table import item_of
from photogate.aws.ledger_table import LedgerTable
from photogate.errors import Conflict, IntegrityError, Transient
from tests.audit_builders import TENANT, an_event
from tests.functions.sealing import CONTEXT, Sealing, sealing_account
from tests.ledger_builders import ORIGIN, EcSigner, a_record


@pytest.fixture
def sealing(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sealing]:
    with sealing_account(monkeypatch) as made:
        yield made


def test_rows_are_sealed_in_one_commit_and_signed(sealing: Sealing) -> None:
    rows = sealing.append(3)
    assert sealing.deliver(*map(a_record, rows)) == {"batchItemFailures": []}
    checkpoint = sealing.checkpoint(3)
    assert checkpoint.root == root([row.leaf for row in rows])
    assert sealing.ledger.head() == Head(1, sealing.ledger.head().tree)
    manifest = sealing.ledger.manifest(1)
    assert manifest is not None
    assert manifest.keys == tuple((row.chain, row.seq) for row in rows)
    assert sealing.ledger.sealed([rows[0].chain, "acme/tenant"]) == {
        rows[0].chain: Sealed(2, rows[2].leaf, ((0, 0), (1, 1), (2, 2)))
    }


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
        sealing.ledger.commit(head, manifest, {}, {})
    assert sealing.ledger.head() == head


def test_a_put_over_a_row_raises_an_alert_event_once(sealing: Sealing, capsys: pytest.CaptureFixture[str]) -> None:
    row = sealing.append(1)[0]
    record = a_record(row, "MODIFY")
    sealing.deliver(record)
    assert '"IntegrityAlerts":[1.0]' in capsys.readouterr().out.replace(" ", "")
    sealing.deliver(record)
    [alert] = sealing.alerts()
    assert alert == {
        "change": "modified",
        "sequence": 0,
        "leaf": row.leaf.hex(),
        "leaf_before": row.leaf.hex(),
    }


def test_an_alert_about_a_chain_that_nothing_can_be_appended_to_goes_to_the_log_s_own(sealing: Sealing) -> None:
    event = an_event("Denied", upload_id=None, subject=None, chain=tenant_chain(TENANT))
    item = item_of(sealing.log.append(event))
    item["body"]["S"] = item["body"]["S"].replace('"succeeded"', '"refused"')
    boto3.client("dynamodb").put_item(TableName="audit", Item=item)
    record = a_record(sealing.append(1)[0], "MODIFY")
    record["dynamodb"]["Keys"] = {"pk": item["pk"], "sk": item["sk"]}
    sealing.deliver(record)
    assert [alert["change"] for alert in sealing.alerts(LOG_TENANT)] == ["modified"]


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


def test_what_alarms_look_at_is_counted_from_the_rows_themselves(
    sealing: Sealing, capsys: pytest.CaptureFixture[str]
) -> None:
    sealing.app.handler({"id": "schedule-1", "source": "aws.events"}, CONTEXT)
    names = [EventName.ACCESS_DENIED, EventName.PHOTO_READ, EventName.PHOTO_READ, EventName.AUDIT_EXPORTED]
    rows = [sealing.log.append(an_event(f"Step{n}", name=name)) for n, name in enumerate(names)]
    sealing.deliver(*map(a_record, [*rows, *sealing.append(1, "9" * 32)]))
    printed = capsys.readouterr().out.replace(" ", "")
    for metric in ('"Heartbeats":[1.0]', '"AccessDenied":[1.0]', '"PhotosRead":[2.0]', '"LogExports":[1.0]'):
        assert metric in printed


def test_a_long_stream_makes_tiles(sealing: Sealing) -> None:
    rows = [row for n in range(30) for row in sealing.append(10, f"{n:032x}")]
    for first in range(0, 300, 60):
        sealing.deliver(*map(a_record, rows[first : first + 60]))
    assert {"tile/0/000", "tile/0/001.p/44", "tile/1/000.p/1"} <= set(sealing.files.paths("tile/"))
    assert sealing.checkpoint(300).root == root([row.leaf for row in rows])
