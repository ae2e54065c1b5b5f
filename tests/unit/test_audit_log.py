"""Appending: in order, linked, once, whatever is retried, lost or written by others."""

from __future__ import annotations

import hashlib
import json

import pytest

from photogate.audit.canonical import canonical
from photogate.audit.event import Actor, ActorKind, DetailKey, EventName, Outcome, photo_chain, tenant_chain
from photogate.audit.log import ATTEMPTS, WINDOW
from photogate.audit.row import EXCEPTIONS, SHARDS, Row, exception_kind, row_from_body
from photogate.errors import IntegrityError, Transient
from tests.audit_builders import STAFF, SUBJECT, TENANT, UPLOAD, MemoryStore, a_log, an_event, ticking_clock

CHAIN = photo_chain(TENANT, UPLOAD)


def test_events_of_a_chain_are_numbered_and_each_holds_the_leaf_before_it() -> None:
    store = MemoryStore()
    log = a_log(store)
    rows = [log.append(an_event(step)) for step in ("Admit", "Strip", "Detect")]
    assert [row.seq for row in rows] == [0, 1, 2]
    assert [row.fields["prev"] for row in rows] == [None, rows[0].leaf.hex(), rows[1].leaf.hex()]
    assert store.chain(CHAIN) == rows


def test_the_body_is_canonical_and_the_leaf_is_its_rfc6962_hash() -> None:
    row = a_log(MemoryStore()).append(an_event())
    assert canonical(json.loads(row.body)) == row.body
    assert row.leaf == hashlib.sha256(b"\x00" + row.body).digest()
    assert len(bytes.fromhex(row.fields["salt"])) == 16


def test_the_time_has_milliseconds_and_the_expiry_follows_from_it() -> None:
    row = a_log(MemoryStore(), retention_days=30).append(an_event())
    assert row.fields["time"] == "2026-11-01T09:30:00.000Z"
    assert row.expires_at == 1793525400 + 30 * 86400


def test_without_contention_an_append_is_one_read_and_one_write() -> None:
    store = MemoryStore()
    a_log(store).append(an_event())
    assert (store.reads, store.writes) == (1, 1)


def test_a_retry_adopts_the_row_of_the_first_attempt() -> None:
    store = MemoryStore()
    first = a_log(store).append(an_event())
    again = a_log(store, clock=ticking_clock(step_ms=9000)).append(an_event(duration_ms=99, function_version="8"))
    assert again == first
    assert store.writes == 1


def test_a_retry_finds_its_event_behind_those_of_others() -> None:
    store = MemoryStore()
    log = a_log(store)
    first = log.append(an_event("First"))
    for n in range(WINDOW - 1):
        log.append(an_event(f"Other{n}"))
    assert log.append(an_event("First")) == first
    assert len(store.chain(CHAIN)) == WINDOW


@pytest.mark.parametrize(
    "changed",
    [
        {"outcome": Outcome.FAILED},
        {"name": EventName.FACES_DETECTED},
        {"policy_hash": "0" * 64},
        {"details": {DetailKey.BYTES: 2}},
    ],
)
def test_an_id_with_another_content_is_an_integrity_error(changed: dict[str, object]) -> None:
    log = a_log(MemoryStore())
    log.append(an_event())
    with pytest.raises(IntegrityError, match="execution-1/StripMetadata"):
        log.append(an_event(**changed))


def test_whoever_loses_the_place_takes_the_next() -> None:
    store = MemoryStore()
    rival = a_log(store)

    def overtake(row: Row) -> None:
        store.before_put = lambda row: None
        rival.append(an_event("Rival"))

    store.before_put = overtake
    row = a_log(store).append(an_event("Mine"))
    assert [r.event_id for r in store.chain(CHAIN)] == ["execution-1/Rival", "execution-1/Mine"]
    assert row.fields["prev"] == store.chain(CHAIN)[0].leaf.hex()


def test_a_rival_that_writes_the_same_event_is_adopted() -> None:
    store = MemoryStore()
    rival = a_log(store)

    def overtake(row: Row) -> None:
        store.before_put = lambda row: None
        rival.append(an_event())

    store.before_put = overtake
    a_log(store).append(an_event())
    assert len(store.chain(CHAIN)) == 1


def test_endless_contention_ends_as_transient_with_growing_pauses() -> None:
    store, pauses = MemoryStore(), []
    rival = a_log(store)
    calls = iter(range(1000))
    busy = []

    def overtake(row: Row) -> None:
        if not busy:
            busy.append(True)
            rival.append(an_event(f"Rival{next(calls)}"))
            busy.clear()

    store.before_put = overtake
    with pytest.raises(Transient, match=str(ATTEMPTS)):
        a_log(store, sleep=pauses.append).append(an_event("Mine"))
    assert len(pauses) == ATTEMPTS
    assert min(pauses) >= 0
    assert max(pauses) <= 0.5


def test_the_index_keys_are_derived_from_the_body() -> None:
    row = a_log(MemoryStore()).append(an_event())
    day, shard = row.index_keys["gsi1pk"].rsplit("#", 1)
    assert day == "acme#2026-11-01"
    assert int(shard) in range(SHARDS)
    assert row.index_keys["gsi2pk"] == f"acme#{SUBJECT}"
    assert row.index_keys["gsi1sk"] == f"2026-11-01T09:30:00.000Z#{CHAIN}#0000000000"
    assert not {"gsi3pk", "gsi4pk"} & row.index_keys.keys()


def test_only_staff_is_indexed_by_actor() -> None:
    event = an_event(actor=Actor(ActorKind.STAFF, STAFF), chain=tenant_chain(TENANT), subject=None, upload_id=None)
    keys = a_log(MemoryStore()).append(event).index_keys
    assert keys["gsi4pk"] == f"acme#{STAFF}"
    assert "gsi2pk" not in keys


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"name": EventName.ACCESS_DENIED}, "deny"),
        ({"outcome": Outcome.DENIED}, "deny"),
        ({"name": EventName.AUDIT_EXPORTED}, "export"),
        ({"name": EventName.SUBJECT_ERASED}, "erase"),
        ({"name": EventName.INTEGRITY_ALERTED}, "tamper"),
        ({"name": EventName.REVIEW_OPENED}, "review"),
        ({"details": {DetailKey.DECISION: "RETAKE"}}, "retake"),
        ({"details": {DetailKey.STATUS: "REJECTED"}}, "reject"),
        ({"details": {DetailKey.STATUS: "ACCEPTED"}}, None),
        ({}, None),
    ],
)
def test_exceptions_are_few(changes: dict[str, object], kind: str | None) -> None:
    assert exception_kind(an_event(**changes).fields()) == kind
    assert kind is None or kind in EXCEPTIONS


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"chain":1,"seq":0,"time":"2026-01-01T00:00:00Z"}', b"\xff"])
def test_what_is_not_a_body_is_refused(body: bytes) -> None:
    with pytest.raises(IntegrityError):
        row_from_body(body)
