"""Erasure: everything of one subject goes, nothing of another does, and a certificate says what went."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta

import boto3
import pytest

from photogate.audit.canonical import canonical
from photogate.audit.receipt import check_receipt
from photogate.aws.erasures_table import DynamoErasures
from photogate.errors import Fenced, Held, NotFound
from photogate.subjects import HoldGround
from tests.functions.cloud import TENANT, Account
from tests.functions.erasing import (
    PRIVACY_OFFICER,
    events_of,
    left_of,
    other_stock,
    rows_of,
    sealed_bucket,
    stock,
    subject_keys,
    subject_rows,
)
from tests.ledger_builders import EcSigner

NOW = datetime(2026, 11, 1, tzinfo=UTC)


def holds(aws: Account) -> DynamoErasures:
    return DynamoErasures(aws.dynamodb, "subjects")


def test_everything_of_the_subject_goes_and_nothing_of_another(aws: Account) -> None:
    mine = stock(aws)
    other = other_stock(aws)
    before = left_of(aws, other)

    assert aws.erase(aws.ask_erasure()) == "erased"

    assert left_of(aws, mine) == {}
    assert not [key for key in subject_rows(aws) if mine.subject in key]
    assert [row["status"]["S"] for row in rows_of(aws, mine)] == ["ERASED"] * 3
    assert left_of(aws, other) == before
    assert [row["status"]["S"] for row in rows_of(aws, other)] == ["AWAITING_UPLOAD"]
    assert sealed_bucket(aws).open(other.uploads[0])


def test_the_mapping_and_the_key_are_gone_and_nothing_opens(aws: Account) -> None:
    mine = stock(aws)
    aws.erase(aws.ask_erasure())
    assert subject_rows(aws) == []
    with pytest.raises(NotFound):
        subject_keys().for_opening(TENANT, mine.subject)
    with pytest.raises(Fenced):
        subject_keys().for_sealing(TENANT, mine.subject)


def test_the_certificate_counts_what_was_there(aws: Account) -> None:
    mine = stock(aws)
    erasure = aws.ask_erasure()
    aws.erase(erasure)
    _, view = aws.http("manage_erasures", "GET", f"/erasures/{erasure}")
    assert view["status"] == "erased"
    assert view["certificate"]["deleted"]["buckets"] == {
        "incoming": {"versions": 6, "delete_markers": 0, "unfinished_uploads": 3},
        "work": {"versions": 3, "delete_markers": 0, "unfinished_uploads": 0},
        "quarantine": {"versions": 3, "delete_markers": 0, "unfinished_uploads": 0},
        "vault": {"versions": 3, "delete_markers": 3, "unfinished_uploads": 0},
    }
    assert view["certificate"]["deleted"]["upload_rows_reduced"] == 3
    assert view["certificate"]["verified"] == {
        "listed_empty": ["incoming", "work", "quarantine", "vault"],
        "asked_for_by_name": ["incoming", "quarantine", "vault", "work"],
        "decryption_failed": True,
    }
    assert mine.subject not in json.dumps(view)


def test_the_certificate_is_an_event_with_a_receipt_that_anyone_can_check(aws: Account) -> None:
    mine = stock(aws)
    erasure = aws.ask_erasure()
    aws.erase(erasure)
    assert aws.http("manage_erasures", "GET", f"/erasures/{erasure}")[1]["receipt"] is None
    aws.seal()

    _, view = aws.http("manage_erasures", "GET", f"/erasures/{erasure}", caller="whoever-has-the-id")

    body, _, _ = check_receipt(view["receipt"].encode(), EcSigner().key)
    event = json.loads(body)
    assert event["name"] == "subject.erased"
    certificate = canonical(view["certificate"])
    assert event["details"]["certificate_hash"] == hashlib.sha256(certificate).hexdigest() == view["certificate_sha256"]
    until = datetime.fromtimestamp(event["details"]["key_recoverable_until"], UTC)
    assert view["certificate"]["recovery"]["subjects_table"]["until"].startswith(until.strftime("%Y-%m-%dT%H:%M:%S"))
    assert view["certificate"]["subject_sha256"] == hashlib.sha256(f"{TENANT}/{mine.subject}".encode()).hexdigest()


def test_the_fence_and_the_certificate_are_the_subjects_events(aws: Account) -> None:
    mine = stock(aws)
    aws.erase(aws.ask_erasure(mine.subject, **PRIVACY_OFFICER))
    names = [event["name"] for event in events_of(aws, mine.subject)]
    assert names == ["consent.given", "subject.fenced", "subject.erased"]
    assert [e["actor"]["kind"] for e in events_of(aws, mine.subject)][1:] == ["staff", "staff"]


def test_an_erased_row_says_nothing_of_the_photo(aws: Account) -> None:
    mine = stock(aws)
    aws.erase(aws.ask_erasure())
    for row in rows_of(aws, mine):
        assert not set(row) & {"sha256", "photo_sha256", "claim_sha256", "photo_key", "scene", "owner", "open_shard"}
    status, view = aws.http("read_upload", "GET", f"/uploads/{mine.uploads[0].upload_id}", scopes="photos:read")
    assert (status, view["status"]) == (200, "ERASED")


def test_asking_again_is_the_same_erasure(aws: Account) -> None:
    mine = stock(aws)
    first = aws.ask_erasure()
    assert aws.ask_erasure() == aws.ask_erasure(mine.subject, **PRIVACY_OFFICER) == first
    executions = boto3.client("stepfunctions").list_executions(
        stateMachineArn=boto3.client("stepfunctions").list_state_machines()["stateMachines"][0]["stateMachineArn"]
    )["executions"]
    assert {execution["name"].rpartition("-")[0] for execution in executions} == {first}


def test_the_same_caller_starts_as_somebody_new(aws: Account) -> None:
    mine = stock(aws)
    aws.erase(aws.ask_erasure())
    again = stock(aws)
    assert again.subject != mine.subject
    assert left_of(aws, mine) == {}
    assert len(rows_of(aws, again)) == 3


def test_a_fenced_subject_uploads_nothing_until_it_is_forgotten(aws: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PHOTOGATE_ERASURE_WAIT_SECONDS", "300")
    stock(aws)
    erasure = aws.ask_erasure()
    progress = aws.call("erase_subject", {"tenant": TENANT, "erasure_id": erasure})
    assert progress["status"] == "waiting"
    until = datetime.fromisoformat(progress["until"])
    assert timedelta(seconds=280) < until - datetime.now(UTC) <= timedelta(seconds=300)
    request = {"content_type": "image/jpeg", "size": 10, "purpose": "proof_of_delivery", "consent_id": "0" * 32}
    status, problem = aws.http("request_upload", "POST", "/uploads", request)
    assert (status, problem["reason"]) == (409, "fenced")


def test_nothing_is_deleted_before_the_wait_is_over(aws: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PHOTOGATE_ERASURE_WAIT_SECONDS", "300")
    mine = stock(aws)
    before = left_of(aws, mine)
    erasure = aws.ask_erasure()
    for _ in range(3):
        assert aws.call("erase_subject", {"tenant": TENANT, "erasure_id": erasure})["status"] == "waiting"
    assert left_of(aws, mine) == before


def test_a_subject_without_a_photo_gets_a_certificate_too(aws: Account) -> None:
    aws.consent()
    erasure = aws.ask_erasure()
    assert aws.erase(erasure) == "erased"
    _, view = aws.http("manage_erasures", "GET", f"/erasures/{erasure}")
    assert view["certificate"]["verified"]["decryption_failed"] is False
    assert view["certificate"]["deleted"]["upload_rows_reduced"] == 0


# ------------------------------------------------------------------------------------------------------------- holds


def test_a_legal_hold_refuses_with_its_reason_and_is_an_event(aws: Account) -> None:
    mine = stock(aws)
    holds(aws).place_hold(TENANT, mine.subject, HoldGround.LITIGATION, NOW)
    status, problem = aws.http("manage_erasures", "POST", "/erasures", {})
    assert (status, problem["reason"]) == (409, "legal_hold")
    assert "litigation" in problem["detail"]
    refused = events_of(aws, mine.subject)[-1]
    assert (refused["name"], refused["outcome"], refused["details"]) == (
        "hold.refused",
        "refused",
        {"hold_ground": "litigation"},
    )
    assert set(left_of(aws, mine)) == {"incoming", "work", "quarantine", "vault"}


def test_a_hold_placed_between_request_and_fence_refuses_and_a_later_request_goes_through(aws: Account) -> None:
    mine = stock(aws)
    first = aws.ask_erasure()
    holds(aws).place_hold(TENANT, mine.subject, HoldGround.AUTHORITY, NOW)

    assert aws.erase(first) == "refused"

    assert [e["name"] for e in events_of(aws, mine.subject)] == ["consent.given", "hold.refused"]
    assert aws.http("manage_erasures", "GET", f"/erasures/{first}")[1]["status"] == "refused"
    holds(aws).lift_hold(TENANT, mine.subject)
    second = aws.ask_erasure()
    assert second != first
    assert aws.erase(second) == "erased"


def test_no_hold_is_placed_once_an_erasure_has_begun(aws: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PHOTOGATE_ERASURE_WAIT_SECONDS", "300")
    mine = stock(aws)
    aws.call("erase_subject", {"tenant": TENANT, "erasure_id": aws.ask_erasure()})
    with pytest.raises(Fenced):
        holds(aws).place_hold(TENANT, mine.subject, HoldGround.CLAIM, NOW)


def test_a_hold_on_nobody_is_refused(aws: Account) -> None:
    with pytest.raises(NotFound):
        holds(aws).place_hold(TENANT, "9" * 32, HoldGround.CLAIM, NOW)
    assert holds(aws).hold_of(TENANT, "9" * 32) is None


# ------------------------------------------------------------------------------------------------------------ access


def test_a_subject_erases_itself_and_nobody_else(aws: Account) -> None:
    mine = stock(aws)
    other = other_stock(aws)
    status, _ = aws.http("manage_erasures", "POST", "/erasures", {"subject": other.subject})
    assert status == 403
    assert aws.http("manage_erasures", "POST", "/erasures", {"subject": mine.subject})[0] == 202
    assert set(left_of(aws, other)) == {"incoming", "work", "quarantine", "vault"}


def test_a_token_without_a_scope_for_it_erases_nobody(aws: Account) -> None:
    stock(aws)
    assert aws.http("manage_erasures", "POST", "/erasures", {}, scopes="uploads:write")[0] == 403


def test_staff_of_another_tenant_finds_neither_subject_nor_erasure(aws: Account) -> None:
    mine = stock(aws)
    stranger = {**PRIVACY_OFFICER, "tenant": "other"}
    assert aws.http("manage_erasures", "POST", "/erasures", {"subject": mine.subject}, **stranger)[0] == 404
    erasure = aws.ask_erasure()
    assert aws.http("manage_erasures", "GET", f"/erasures/{erasure}", **stranger)[0] == 404
    assert aws.http("manage_erasures", "GET", "/erasures/" + "0" * 32)[0] == 404


def test_whoever_nobody_knows_has_nothing_to_erase(aws: Account) -> None:
    assert aws.http("manage_erasures", "POST", "/erasures", {}, caller="a-stranger")[0] == 404


def test_held_names_its_ground_and_nothing_else() -> None:
    assert str(Held("claim")) == "Expected a subject that may be erased; found a legal hold, on the ground claim"
