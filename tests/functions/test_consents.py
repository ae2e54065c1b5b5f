"""Consent through the API: all five events, each in the log, and none of them anybody else's."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

import pytest

from photogate.audit.receipt import check_receipt
from photogate.aws.consents_table import DynamoConsents
from photogate.errors import Transient
from photogate.policy import Policy, Purpose, default_policy
from tests import photos
from tests.functions.cloud import CALLER, TENANT, Account
from tests.ledger_builders import EcSigner

PURPOSE = "proof_of_delivery"


def overview(aws: Account, **who: Any) -> dict[str, Any]:
    status, found = aws.http("manage_consents", "GET", "/consents", **who)
    assert status == 200, found
    return found


def notice(aws: Account) -> str:
    return str(overview(aws)["purposes"][PURPOSE]["notice_hash"])


def answer_notice(aws: Account, decision: str, **more: Any) -> dict[str, Any]:
    body = {"purpose": PURPOSE, "notice_hash": notice(aws), "decision": decision, **more}
    status, consent = aws.http("manage_consents", "POST", "/consents", body)
    assert status == 201, consent
    return consent


def act(aws: Account, consent: str, verb: str, **who: Any) -> tuple[int, dict[str, Any]]:
    body = {"notice_hash": notice(aws)} if verb == "reconfirm" else None
    return aws.http("manage_consents", "POST", f"/consents/{consent}/{verb}", body, **who)


def at(aws: Account, **later: int) -> None:
    """Let the functions think that so much time has passed."""
    moment = datetime.now(UTC) + timedelta(**later)
    for name in ("manage_consents", "request_upload"):
        aws.function(name).system_clock = lambda: moment  # type: ignore[attr-defined]


def may_upload(aws: Account, consent: str) -> bool:
    wanted = {"content_type": "image/jpeg", "size": 10, "purpose": PURPOSE, "consent_id": consent}
    status, problem = aws.http("request_upload", "POST", "/uploads", wanted)
    assert status == 201 or problem["reason"] == "no_consent", problem
    return status == 201


def subject(aws: Account) -> str:
    rows = aws.dynamodb.scan(TableName="subjects")["Items"]
    return next(r["pk"]["S"].rpartition("#")[2] for r in rows if r["pk"]["S"].startswith("subject#"))


def logged(aws: Account) -> list[dict[str, Any]]:
    """Give the events of the one subject's chain, in order."""
    return [row.fields for row in reversed(aws.audit.last(f"{TENANT}/subject/{subject(aws)}", 100))]


def test_a_consent_is_given_reconfirmed_and_withdrawn_and_each_is_an_event(aws: Account) -> None:
    consent = answer_notice(aws, "given", capacity="guardian")["id"]
    at(aws, days=30)
    status, reconfirmed = act(aws, consent, "reconfirm")
    assert (status, reconfirmed["state"], may_upload(aws, consent)) == (200, "reconfirmed", True)
    status, withdrawn = act(aws, consent, "withdraw")

    assert (status, withdrawn["valid"], may_upload(aws, consent)) == (200, False, False)
    assert [e["state"] for e in withdrawn["events"]] == ["given", "reconfirmed", "withdrawn"]
    events = [e for e in logged(aws) if e["name"].startswith("consent.")]
    assert [e["name"] for e in events] == ["consent.given", "consent.reconfirmed", "consent.withdrawn"]
    assert {e["details"]["capacity"] for e in events} == {"guardian"}
    assert [e["details"].get("consent_days") for e in events] == [365, 365, None]
    assert {e["details"]["notice_hash"] for e in events} == {notice(aws)}


def test_a_refusal_is_recorded_and_allows_nothing(aws: Account) -> None:
    refused = answer_notice(aws, "refused")

    assert (refused["state"], refused["valid"]) == ("refused", False)
    assert not may_upload(aws, refused["id"])
    assert [e["name"] for e in logged(aws)] == ["consent.refused"]
    assert act(aws, refused["id"], "reconfirm")[0] == 409


def test_nobody_consents_by_leaving_the_decision_out(aws: Account) -> None:
    status, problem = aws.http("manage_consents", "POST", "/consents", {"purpose": PURPOSE, "notice_hash": notice(aws)})

    assert (status, "decision" in problem["detail"]) == (400, True)
    assert overview(aws)["consents"] == []


def test_a_consent_whose_time_is_over_allows_nothing_until_it_is_reconfirmed(aws: Account) -> None:
    consent = answer_notice(aws, "given")["id"]

    at(aws, days=364)
    assert may_upload(aws, consent)
    at(aws, days=366)
    assert not may_upload(aws, consent)
    assert overview(aws)["consents"][0]["valid"] is False
    assert act(aws, consent, "reconfirm")[0] == 200
    assert may_upload(aws, consent)


def test_a_withdrawn_consent_is_not_reconfirmed(aws: Account) -> None:
    consent = answer_notice(aws, "given")["id"]
    act(aws, consent, "withdraw")

    status, problem = act(aws, consent, "reconfirm")

    assert (status, problem["type"]) == (409, "urn:photogate:problem:Conflict")
    assert not may_upload(aws, consent)


def test_a_consent_to_an_earlier_notice_is_not_reconfirmed_to_another(aws: Account) -> None:
    consent = answer_notice(aws, "given")["id"]
    earlier = notice(aws)
    aws.set_policy(Policy(purposes={PURPOSE: Purpose(notice="Another notice.")}))

    status, problem = act(aws, consent, "reconfirm")
    assert (status, "Give a new consent" in problem["detail"]) == (409, True)
    status, _ = aws.http("manage_consents", "POST", f"/consents/{consent}/reconfirm", {"notice_hash": earlier})
    assert status == 400


def test_a_purpose_s_own_days_say_how_long_a_consent_holds(aws: Account) -> None:
    aws.set_policy(Policy(purposes={PURPOSE: Purpose(notice="For a week.", consent_days=7)}))
    consent = answer_notice(aws, "given")["id"]

    at(aws, days=6)
    assert may_upload(aws, consent)
    at(aws, days=8)
    assert not may_upload(aws, consent)


def test_a_consent_to_one_purpose_is_none_to_another(aws: Account) -> None:
    other = {"claims": Purpose(notice="For claims.")}
    aws.set_policy(default_policy().model_copy(update={"purposes": {**default_policy().purposes, **other}}))
    consent = answer_notice(aws, "given")["id"]
    wanted = {"content_type": "image/jpeg", "size": 10, "purpose": "claims", "consent_id": consent}

    status, problem = aws.http("request_upload", "POST", "/uploads", wanted)

    assert (status, problem["reason"]) == (403, "no_consent")


def test_a_caller_finds_its_own_consents_again_and_nobody_else_s(aws: Account) -> None:
    first = answer_notice(aws, "given")["id"]
    at(aws, minutes=1)
    second = answer_notice(aws, "refused")["id"]
    at(aws, minutes=2)
    third = answer_notice(aws, "given")["id"]

    assert [c["id"] for c in overview(aws)["consents"]] == [third, first, second]
    assert overview(aws, caller="somebody-else")["consents"] == []
    assert overview(aws)["older_consents"] == 0


@pytest.mark.parametrize("verb", ["withdraw", "reconfirm"])
def test_nobody_acts_on_another_s_consent(aws: Account, verb: str) -> None:
    mine = answer_notice(aws, "given")["id"]
    aws.consent(caller="somebody-else")

    assert act(aws, mine, verb, caller="somebody-else")[0] == 404
    assert act(aws, mine, verb, scopes="uploads:write")[0] == 403
    assert overview(aws)["consents"][0]["state"] == "given"


def test_a_consent_that_the_log_does_not_have_allows_nothing_until_it_does(
    aws: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = {"purpose": PURPOSE, "notice_hash": notice(aws), "decision": "given"}
    with monkeypatch.context() as broken:
        broken.setattr(type(aws.audit), "put", lambda *_: (_ for _ in ()).throw(Transient("Expected; found")))
        assert aws.http("manage_consents", "POST", "/consents", wanted)[0] == 503
    (row,) = aws.dynamodb.scan(TableName="consents")["Items"]
    consent = row["sk"]["S"]

    assert not may_upload(aws, consent)
    assert logged(aws) == []
    assert overview(aws)["consents"][0]["valid"] is True
    assert [e["name"] for e in logged(aws)] == ["consent.given"]
    assert may_upload(aws, consent)


def test_a_withdrawal_holds_at_once_even_where_the_log_does_not_answer(
    aws: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    consent = answer_notice(aws, "given")["id"]
    with monkeypatch.context() as broken:
        broken.setattr(type(aws.audit), "put", lambda *_: (_ for _ in ()).throw(Transient("Expected; found")))
        assert act(aws, consent, "withdraw")[0] == 503

    assert not may_upload(aws, consent)
    assert act(aws, consent, "withdraw")[0] == 200
    assert [e["name"] for e in logged(aws)] == ["consent.given", "consent.withdrawn"]


def test_a_withdrawal_is_not_lost_to_a_reconfirmation_at_the_same_moment(
    aws: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    consent = answer_notice(aws, "given")["id"]
    read, done = DynamoConsents.get, []

    def read_before_another_writes(self: DynamoConsents, *key: str) -> Any:
        found = read(self, *key)
        if not done:
            done.append(True)
            assert act(aws, consent, "reconfirm")[0] == 200
        return found

    monkeypatch.setattr(DynamoConsents, "get", read_before_another_writes)
    status, withdrawn = act(aws, consent, "withdraw")

    assert status == 200
    assert [e["state"] for e in withdrawn["events"]] == ["given", "reconfirmed", "withdrawn"]


def test_a_reconfirmed_consent_stands_until_the_end_of_a_photo_s_way(aws: Account) -> None:
    consent = answer_notice(aws, "given")["id"]
    act(aws, consent, "reconfirm")
    upload = aws.upload(photos.parcel(), consent_id=consent)

    aws.process(upload)

    assert aws.status(upload)["status"] == "ACCEPTED"


def test_no_row_of_the_table_holds_who_the_caller_is(aws: Account) -> None:
    answer_notice(aws, "given")

    assert CALLER not in str(aws.dynamodb.scan(TableName="consents")["Items"])


def receipt(aws: Account, path: str, **who: Any) -> tuple[int, Any]:
    """Ask for a receipt by its path, as the listing gives it."""
    path, _, query = path.partition("?")
    return aws.http("manage_consents", "GET", path, query=dict(parse_qsl(query, True)), **who)


def test_a_subject_gets_a_receipt_of_each_event_that_anyone_with_the_key_can_check(aws: Account) -> None:
    consent = answer_notice(aws, "given")["id"]
    act(aws, consent, "reconfirm")
    withdrawn = act(aws, consent, "withdraw")[1]
    aws.seal()

    proved = []
    for event in withdrawn["events"]:
        status, text = receipt(aws, event["receipt"])
        assert status == 200
        proved.append(json.loads(check_receipt(text.encode(), EcSigner().key)[0]))
    assert [e["name"] for e in proved] == ["consent.given", "consent.reconfirmed", "consent.withdrawn"]
    assert {e["details"]["consent_id"] for e in proved} == {consent}
    assert receipt(aws, f"/consents/{consent}/receipt") == receipt(aws, f"/consents/{consent}/receipt?event=2")


def test_an_event_that_is_not_sealed_yet_has_no_receipt_yet(aws: Account) -> None:
    consent = answer_notice(aws, "given")["id"]
    path = f"/consents/{consent}/receipt"

    assert receipt(aws, path)[0] == 503
    aws.seal()
    assert receipt(aws, path)[0] == 200


@pytest.mark.parametrize("event", ["1", "-1", "00", "x", ""])
def test_there_is_no_receipt_of_an_event_that_is_none(aws: Account, event: str) -> None:
    consent = answer_notice(aws, "given")["id"]
    aws.seal()
    assert receipt(aws, f"/consents/{consent}/receipt?event={event}")[0] == 404


@pytest.mark.parametrize("path", ["/consents/{}/receipt", "/consents/{}/receipt?subject={}"])
def test_nobody_gets_the_receipt_of_another_s_consent(aws: Account, path: str) -> None:
    mine = answer_notice(aws, "given")["id"]
    aws.seal()
    theirs = receipt(aws, path.format(mine, subject(aws)), caller="somebody-else")
    assert theirs == receipt(aws, f"/consents/{'0' * 32}/receipt")
    assert theirs[0] == 404


def test_whoever_was_erased_still_gets_the_receipt_of_its_withdrawal_by_its_path(aws: Account) -> None:
    mine = answer_notice(aws, "given")["id"]
    path = act(aws, mine, "withdraw")[1]["events"][-1]["receipt"]
    aws.seal()
    for item in aws.dynamodb.scan(TableName="subjects")["Items"]:
        aws.dynamodb.delete_item(TableName="subjects", Key={"pk": item["pk"]})

    assert receipt(aws, f"/consents/{mine}/receipt")[0] == 404
    status, text = receipt(aws, path)
    assert status == 200
    assert json.loads(check_receipt(text.encode(), EcSigner().key)[0])["name"] == "consent.withdrawn"
    assert receipt(aws, path, tenant="other")[0] == 404
    assert receipt(aws, path.replace(mine, "0" * 32))[0] == 404
