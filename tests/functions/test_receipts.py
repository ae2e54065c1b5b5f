"""Receipts of events of a log in operation: over the API, for the tenant's own staff, in a bounded number of reads."""

from __future__ import annotations

import json

import pytest

from photogate.audit.event import photo_chain, subject_chain, tenant_chain
from photogate.audit.note import open_checkpoint
from photogate.audit.receipt import check_receipt
from photogate.audit.receipts import Receipts, event_reference, place_of
from photogate.errors import IntegrityError, NotFound
from tests import photos
from tests.audit_builders import SUBJECT, TENANT, UPLOAD, MemoryStore, a_log, an_event
from tests.functions.cloud import Account
from tests.ledger_builders import EcSigner, MemoryFiles, MemoryLedger, a_sealer, inserted

STAFF = {"scopes": "audit:read", "caller": "analyst-1"}
KEY = EcSigner().key


def test_every_event_of_a_photo_can_be_proved_over_http(aws: Account) -> None:
    upload = aws.upload(photos.parcel())
    aws.process(upload)
    aws.seal()
    for event in aws.chain(upload["id"]):
        path = f"/audit/events/{event_reference(event['chain'], event['seq'])}/receipt"
        status, receipt = aws.http("query_audit", "GET", path, request_id=f"http-{event['seq']}", **STAFF)
        assert status == 200
        body, _, _ = check_receipt(receipt.encode(), KEY)
        assert json.loads(body) == event


def test_asking_for_a_receipt_is_one_event(aws: Account) -> None:
    upload = aws.upload(photos.parcel())
    aws.seal()
    aws.http("query_audit", "GET", f"/audit/events/photo.{upload['id']}.0/receipt", **STAFF)
    asked = aws.audit.last(tenant_chain(TENANT), 1)[0].fields
    assert (asked["name"], asked["details"], asked["actor"]["kind"]) == (
        "audit.queried",
        {"query": "prove", "rows": 1},
        "staff",
    )


def test_an_event_that_is_not_sealed_yet_is_asked_for_again(aws: Account) -> None:
    upload = aws.upload(photos.parcel())
    path = f"/audit/events/photo.{upload['id']}.0/receipt"
    assert aws.http("query_audit", "GET", path, **STAFF)[0] == 503
    aws.seal()
    assert aws.http("query_audit", "GET", path, request_id="http-2", **STAFF)[0] == 200


@pytest.mark.parametrize("reference", ["photo.{}.99", "photo.{}.00", "photo.{}", "subject.{}.0", "tenant.99", "x"])
def test_what_is_not_an_event_is_the_same_404_as_another_tenant_s(aws: Account, reference: str) -> None:
    upload = aws.upload(photos.parcel())
    aws.seal()
    other = aws.http(
        "query_audit", "GET", f"/audit/events/photo.{upload['id']}.0/receipt", **{**STAFF, "tenant": "other"}
    )
    found = aws.http("query_audit", "GET", f"/audit/events/{reference.format(upload['id'])}/receipt", **STAFF)
    assert found == other
    assert found[0] == 404


def test_subjects_get_neither_receipts_nor_checkpoints(aws: Account) -> None:
    upload = aws.upload(photos.parcel())
    aws.seal()
    for path in (f"/audit/events/photo.{upload['id']}.0/receipt", "/audit/checkpoint"):
        assert aws.http("query_audit", "GET", path)[0] == 403


def test_the_newest_checkpoint_is_the_log_s_own(aws: Account) -> None:
    assert aws.http("query_audit", "GET", "/audit/checkpoint", **STAFF)[0] == 404
    aws.upload(photos.parcel())
    aws.seal()
    status, note = aws.http("query_audit", "GET", "/audit/checkpoint", **STAFF)
    assert (status, open_checkpoint(note.encode(), KEY).size) == (
        200,
        len(aws.dynamodb.scan(TableName="audit")["Items"]),
    )


# ---- in memory


class Counting(MemoryFiles):
    """Counts what is read."""

    reads = 0

    def get(self, path: str) -> bytes | None:
        self.reads += 1
        return super().get(path)


def test_a_head_that_is_not_signed_yet_does_with_the_checkpoint_before() -> None:
    store, ledger, files = MemoryStore(), MemoryLedger(), MemoryFiles()
    log = a_log(store)
    rows = [log.append(an_event(f"Step{n}")) for n in range(5)]
    a_sealer(ledger, files).seal(inserted(rows[:3]))
    published = dict(files.files)
    a_sealer(ledger, files).seal(inserted(rows[3:]))
    files.files = published
    receipts = Receipts(store, ledger, files.get)
    assert open_checkpoint(receipts.newest(), KEY).size == 3
    assert receipts.of(rows[2].chain, 2) is not None
    assert receipts.of(rows[4].chain, 4) is None


def test_every_row_of_a_chain_of_many_blocks_is_found() -> None:
    store, ledger, files = MemoryStore(), MemoryLedger(), MemoryFiles()
    log = a_log(store)
    rows = [log.append(an_event(f"Step{n}")) for n in range(150)]
    for first in range(0, 150, 7):
        a_sealer(ledger, files).seal(inserted(rows[first : first + 7]))
    receipts = Receipts(store, ledger, files.get)
    for seq in (0, 31, 32, 63, 64, 127, 128, 149):
        receipt = receipts.of(rows[0].chain, seq)
        assert receipt is not None
        assert check_receipt(receipt.data, KEY)[:2] == (rows[seq].body, seq)


def test_more_blocks_than_a_transaction_takes_are_several_commits() -> None:
    store, ledger, files = MemoryStore(), MemoryLedger(), MemoryFiles()
    log = a_log(store)
    uploads = [f"{n:032x}" for n in range(90)]
    rows = [
        log.append(an_event(f"Step{n}", event_id=f"run-{u}/Step{n}", upload_id=u, chain=photo_chain(TENANT, u)))
        for n in range(33)
        for u in uploads
    ]
    a_sealer(ledger, files).seal(inserted(rows[: 90 * 32]))
    before = len(ledger.manifests)
    a_sealer(ledger, files).seal(inserted(rows[90 * 32 :]))
    assert [len(manifest.keys) for manifest in ledger.manifests[before:]] == [49, 41]
    assert [ledger.place(row.chain, row.seq) for row in rows] == list(range(len(rows)))


def test_a_receipt_takes_a_handful_of_reads_however_long_the_log_is() -> None:
    reads = []
    for size in (600, 6000):
        store, ledger, files = MemoryStore(), MemoryLedger(), Counting()
        log = a_log(store)
        rows = [log.append(an_event(f"Step{n}")) for n in range(size)]
        a_sealer(ledger, files).seal(inserted(rows))
        files.reads = store.reads = 0
        assert Receipts(store, ledger, files.get).of(rows[0].chain, 100) is not None
        reads.append(files.reads + store.reads)
    assert reads == [reads[0], reads[0]]


def test_a_row_that_is_not_the_one_that_was_sealed_gets_no_receipt() -> None:
    store, ledger, files = MemoryStore(), MemoryLedger(), MemoryFiles()
    a_sealer(ledger, files).seal(inserted([a_log(store).append(an_event())]))
    forged = MemoryStore()
    chain = a_log(forged).append(an_event("Other")).chain
    with pytest.raises(IntegrityError):
        Receipts(forged, ledger, files.get).of(chain, 0)


@pytest.mark.parametrize("chain", [photo_chain(TENANT, UPLOAD), subject_chain(TENANT, SUBJECT), tenant_chain(TENANT)])
def test_a_reference_names_a_place_of_the_asker_s_own_tenant(chain: str) -> None:
    assert place_of(TENANT, event_reference(chain, 17)) == (chain, 17)
    assert place_of("other", event_reference(chain, 17))[0].startswith("other/")
    with pytest.raises(NotFound):
        place_of(TENANT, f"{TENANT}/{event_reference(chain, 17)}")
