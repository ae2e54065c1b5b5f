"""Sealing: every row once, only committed heads signed, nothing replaced unseen."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from photogate.audit.event import photo_chain
from photogate.audit.merkle import leaf_hash, root
from photogate.audit.note import Checkpoint, open_checkpoint, sign_checkpoint
from photogate.audit.row import Row
from photogate.audit.seal import MOST_ITEMS, checkpoint_path
from photogate.audit.stream import Alarm, Change, Expired, Inserted, read_record
from photogate.errors import IntegrityError, Transient
from tests.audit_builders import TENANT, UPLOAD, MemoryStore, a_log, an_event
from tests.ledger_builders import EcSigner, MemoryFiles, MemoryLedger, a_record, a_sealer, inserted


def rows_of(chains: int = 3, steps: int = 4) -> list[Row]:
    log = a_log(MemoryStore())
    uploads = [f"{n:032x}" for n in range(chains)]
    return [
        log.append(an_event(event_id=f"run-{u}/Step{n}", upload_id=u, chain=photo_chain(TENANT, u)))
        for n in range(steps)
        for u in uploads
    ]


def test_rows_become_leaves_in_order_and_the_head_is_signed() -> None:
    ledger, files, rows = MemoryLedger(), MemoryFiles(), rows_of()
    a_sealer(ledger, files).seal(inserted(rows))
    assert ledger.leaves == [row.leaf for row in rows]
    assert ledger.keys == [(row.chain, row.seq) for row in rows]
    signed = open_checkpoint(files.files[checkpoint_path(12)], EcSigner().key)
    assert (signed.size, signed.root) == (12, root(ledger.leaves))


def test_what_was_sealed_is_not_sealed_again() -> None:
    ledger, files, rows = MemoryLedger(), MemoryFiles(), rows_of()
    sealer = a_sealer(ledger, files)
    sealer.seal(inserted(rows[:7]))
    sealer.seal(inserted(rows[2:]))
    sealer.seal(inserted(rows))
    assert ledger.leaves == [row.leaf for row in rows]
    assert len(ledger.manifests) == 2


def test_more_chains_than_a_transaction_takes_are_several_commits() -> None:
    ledger, rows = MemoryLedger(), rows_of(chains=250, steps=2)
    a_sealer(ledger, MemoryFiles()).seal(inserted(rows))
    assert ledger.leaves == [row.leaf for row in rows]
    assert max(len({chain for chain, _ in m.keys}) for m in ledger.manifests) == MOST_ITEMS


def test_a_long_log_keeps_a_small_head() -> None:
    ledger, files, rows = MemoryLedger(), MemoryFiles(), rows_of(chains=50, steps=30)
    a_sealer(ledger, files).seal(inserted(rows))
    assert ledger.current.tree.settled().levels == ledger.current.tree.settled().settled().levels
    assert [len(level) for level in ledger.current.tree.settled().levels] == [1500 % 256, 1500 // 256]
    assert "tile/0/004" in files.files


def test_a_commit_that_was_never_signed_is_signed_by_the_next_call() -> None:
    ledger, files, rows = MemoryLedger(), MemoryFiles(), rows_of(chains=100, steps=6)

    def crash(operation: str) -> None:
        raise Transient("crashed")

    ledger.after = crash
    with pytest.raises(Transient):
        a_sealer(ledger, files).seal(inserted(rows[:500]))
    assert files.checkpoints == {}
    ledger.after = lambda operation: None
    a_sealer(ledger, files).seal([])
    assert list(files.checkpoints) == [checkpoint_path(ledger.current.tree.size)]
    assert "tile/0/000" in files.files or ledger.current.tree.size < 256


def test_another_root_for_a_size_stops_the_log() -> None:
    ledger, files, rows = MemoryLedger(), MemoryFiles(), rows_of()
    forged = sign_checkpoint(Checkpoint(EcSigner().key.name, 12, b"x" * 32), EcSigner())
    files.files[checkpoint_path(12)] = forged
    with pytest.raises(IntegrityError, match="size 12"):
        a_sealer(ledger, files).seal(inserted(rows))
    with pytest.raises(IntegrityError, match="size 12"):
        a_sealer(ledger, files).seal([])
    assert files.files[checkpoint_path(12)] == forged


def test_another_tile_than_the_committed_one_stops_the_log() -> None:
    files = MemoryFiles()
    files.files["tile/0/000.p/12"] = b"x"
    with pytest.raises(IntegrityError, match="tile/0/000"):
        a_sealer(MemoryLedger(), files).seal(inserted(rows_of()))


def test_sealers_that_are_always_late_end_as_transient() -> None:
    ledger, rows = MemoryLedger(), rows_of()
    rivals = iter(rows_of(chains=40, steps=1)[20:])

    def rival(operation: str) -> None:
        if operation == "commit":
            ledger.before = lambda operation: None
            a_sealer(ledger, MemoryFiles()).seal(inserted([next(rivals)]))
            ledger.before = rival

    ledger.before = rival
    with pytest.raises(Transient, match="other sealers"):
        a_sealer(ledger, MemoryFiles()).seal(inserted(rows))


def test_a_row_with_a_broken_link_is_sealed_and_alarmed() -> None:
    alarms: list[Alarm] = []
    ledger, rows = MemoryLedger(), rows_of(chains=1)
    a_sealer(ledger, MemoryFiles(), alarms).seal(inserted([rows[0], rows[2]]))
    assert [(alarm.change, alarm.seq) for alarm in alarms] == [(Change.FORKED, 2)]
    assert len(ledger.leaves) == 2


def test_another_row_at_a_sealed_place_is_alarmed_and_not_sealed() -> None:
    alarms: list[Alarm] = []
    ledger, files = MemoryLedger(), MemoryFiles()
    sealer = a_sealer(ledger, files, alarms)
    sealer.seal(inserted([a_log(MemoryStore()).append(an_event())]))
    sealer.seal(inserted([a_log(MemoryStore()).append(an_event("Other"))]))
    assert [alarm.change for alarm in alarms] == [Change.INSERTED]
    assert len(ledger.leaves) == 1


# ---- the stream


def a_row() -> Row:
    return a_log(MemoryStore(), retention_days=30).append(an_event())


TTL = {"userIdentity": {"type": "Service", "principalId": "dynamodb.amazonaws.com"}}


def test_an_insert_is_read_as_its_row() -> None:
    row = a_row()
    assert read_record(a_record(row)) == Inserted("100", row)


@pytest.mark.parametrize("attribute", ["body", "leaf", "expires_at", "gsi1pk", "gsi1sk", "gsi2pk", "gsi2sk"])
def test_an_insert_whose_attributes_are_not_its_body_s_is_an_alarm(attribute: str) -> None:
    record: dict[str, Any] = copy.deepcopy(a_record(a_row()))
    [(kind, value)] = record["dynamodb"]["NewImage"][attribute].items()
    record["dynamodb"]["NewImage"][attribute] = {kind: value + "0"}
    alarm = read_record(record)
    assert isinstance(alarm, Alarm)
    assert (alarm.change, alarm.chain) == (Change.INSERTED, photo_chain(TENANT, UPLOAD))


@pytest.mark.parametrize("changed", [" {}", "{} ", "[{}]", "{}{}", '"x"', "{{}", "NaN", ""])
def test_an_insert_whose_body_is_not_one_object_is_an_alarm(changed: str) -> None:
    record: dict[str, Any] = copy.deepcopy(a_record(a_row()))
    image = record["dynamodb"]["NewImage"]
    body = changed.replace("{}", image["body"]["S"])
    image["body"]["S"], image["leaf"]["S"] = body, leaf_hash(body.encode()).hex()
    assert isinstance(read_record(record), Alarm)


@pytest.mark.parametrize("attribute", ["pk", "sk", "body", "leaf", "expires_at", "gsi1pk"])
def test_an_insert_whose_attribute_is_of_another_type_is_an_alarm(attribute: str) -> None:
    record: dict[str, Any] = copy.deepcopy(a_record(a_row()))
    [value] = record["dynamodb"]["NewImage"][attribute].values()
    record["dynamodb"]["NewImage"][attribute] = {"B": value}
    assert isinstance(read_record(record), Alarm)


def test_an_insert_with_an_attribute_too_many_is_an_alarm() -> None:
    record = a_record(a_row())
    record["dynamodb"]["NewImage"]["gsi3pk"] = {"S": "acme#tamper#2026-11"}
    assert isinstance(read_record(record), Alarm)


def test_a_put_over_a_row_is_an_alarm() -> None:
    alarm = read_record(a_record(a_row(), "MODIFY"))
    assert isinstance(alarm, Alarm)
    assert alarm.change is Change.MODIFIED
    assert alarm.leaf_before == a_row().leaf.hex()


def test_a_removal_by_anybody_is_an_alarm() -> None:
    alarm = read_record(a_record(a_row(), "REMOVE"))
    assert isinstance(alarm, Alarm)
    assert alarm.change is Change.REMOVED


def test_a_removal_by_ttl_on_time_is_none() -> None:
    row = a_row()
    record = a_record(row, "REMOVE", **TTL)
    record["dynamodb"]["ApproximateCreationDateTime"] = row.expires_at + 3600.0
    assert read_record(record) == Expired("100")


def test_a_removal_by_ttl_before_its_time_is_an_alarm() -> None:
    row = a_row()
    record = a_record(row, "REMOVE", **TTL)
    record["dynamodb"]["ApproximateCreationDateTime"] = row.expires_at - 3600.0
    alarm = read_record(record)
    assert isinstance(alarm, Alarm)
    assert alarm.change is Change.EARLY_EXPIRY
