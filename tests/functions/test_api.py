"""The API refuses clearly, tells nobody what is not theirs, and repeats nothing that was sent."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from photogate.policy import Action, Policy
from tests import photos
from tests.functions.cloud import TENANT, Account, measured

PERSONAL = "Erika-Mustermann-1970"
STAFF = "photos:read"


def request(consent: str, **changes: Any) -> dict[str, Any]:
    wanted = {"content_type": "image/jpeg", "size": 1000, "purpose": "proof_of_delivery", "consent_id": consent}
    return {**wanted, **changes}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"content_type": "image/svg+xml"}, "content_type"),
        ({"size": 0}, "size"),
        ({"size": 10**12}, "size"),
        ({"purpose": PERSONAL}, "purpose"),
        ({"consent_id": PERSONAL}, "consent_id"),
        ({"sha256": PERSONAL}, "sha256"),
        ({PERSONAL: 1}, "body"),
    ],
)
def test_a_bad_request_is_told_by_field_and_never_repeated(aws: Account, changes: dict[str, Any], field: str) -> None:
    status, problem = aws.http("request_upload", "POST", "/uploads", request("0" * 32, **changes))
    assert status == 400
    assert field in problem["detail"]
    assert PERSONAL not in json.dumps(problem)


@pytest.mark.parametrize("body", ["", "{", "[]", "null", '"x"', "\ud800"])
def test_a_body_that_is_no_request_is_refused(aws: Account, body: str) -> None:
    status, problem = aws.http("request_upload", "POST", "/uploads", body)
    assert status == 400
    assert problem["type"] == "urn:photogate:problem:RequestRefused"


def test_no_scope_no_upload(aws: Account) -> None:
    status, problem = aws.http("request_upload", "POST", "/uploads", request(aws.consent()), scopes="photos:read")
    assert status == 403
    assert "uploads:write" in problem["detail"]


@pytest.mark.parametrize("tenant", ["", "Acme", "acme/x", "a" * 41, "../acme"])
def test_a_token_without_a_proper_tenant_is_refused(aws: Account, tenant: str) -> None:
    status, _ = aws.http("request_upload", "POST", "/uploads", request("0" * 32), tenant=tenant)
    assert status == 403


def test_a_repeated_request_is_the_same_whatever_else_the_token_allows(aws: Account) -> None:
    wanted, again = request(aws.consent()), {"idempotency-key": "once"}
    first = aws.http("request_upload", "POST", "/uploads", wanted, headers=again)
    second = aws.http(
        "request_upload", "POST", "/uploads", wanted, headers=again, scopes="uploads:write photos:read policy:write"
    )
    assert (first[0], second[0]) == (201, 201)
    assert first[1]["id"] == second[1]["id"]
    [event] = aws.chain(first[1]["id"])
    assert event["actor"]["kind"] == "subject"


def test_who_tries_anothers_upload_is_known_in_the_log_by_pseudonym(aws: Account) -> None:
    upload = aws.upload(photos.face())
    aws.consent(caller="driver-18@example.com")

    code, _ = aws.http("read_upload", "GET", f"/uploads/{upload['id']}", caller="driver-18@example.com")
    denied = aws.audit.last(f"{TENANT}/tenant", 1)[0].fields

    assert (code, denied["name"]) == (404, "access.denied")
    assert denied["actor"]["kind"] == "subject"
    assert len(denied["actor"]["id"]) == 32
    stranger, _ = aws.http(
        "read_upload", "GET", f"/uploads/{upload['id']}", caller="nobody@example.com", request_id="2"
    )
    denied = aws.audit.last(f"{TENANT}/tenant", 1)[0].fields
    assert (stranger, denied["actor"]["kind"]) == (404, "service")


def test_an_unknown_tenant_has_no_policy(aws: Account) -> None:
    status, problem = aws.http("request_upload", "POST", "/uploads", request("0" * 32), tenant="unknown")
    assert (status, problem["reason"]) == (400, "policy_unknown")


def test_a_consent_of_somebody_else_does_not_count(aws: Account) -> None:
    theirs = aws.consent(caller="somebody-else")
    status, problem = aws.http("request_upload", "POST", "/uploads", request(theirs))
    assert (status, problem["reason"]) == (403, "no_consent")


def test_one_idempotency_key_is_one_upload(aws: Account) -> None:
    wanted, headers = request(aws.consent()), {"idempotency-key": "key-1"}
    first = aws.http("request_upload", "POST", "/uploads", wanted, headers=headers)[1]
    second = aws.http("request_upload", "POST", "/uploads", wanted, headers=headers, request_id="http-2")[1]
    other = aws.http("request_upload", "POST", "/uploads", {**wanted, "size": 5}, headers=headers)
    assert first["id"] == second["id"]
    assert second["post"]["fields"]["key"] == first["post"]["fields"]["key"]
    assert other[0] == 400
    assert aws.names(first["id"]) == ["upload.requested"]


def test_a_hash_gives_a_link_for_just_these_bytes(aws: Account) -> None:
    upload = aws.http("request_upload", "POST", "/uploads", request(aws.consent(), sha256="ab" * 32))[1]
    assert upload["put"]["headers"]["If-None-Match"] == "*"
    for signed in ("content-length", "content-type", "if-none-match", "x-amz-checksum-sha256"):
        assert signed in upload["put"]["url"]


@pytest.mark.parametrize("who", [{"caller": "somebody-else"}, {"tenant": "rival", "caller": "x", "scopes": STAFF}])
@pytest.mark.parametrize(("function", "path"), [("read_upload", "/uploads/"), ("read_photo", "/photos/")])
def test_what_is_not_theirs_looks_like_what_is_not_there(
    aws: Account, who: dict[str, str], function: str, path: str
) -> None:
    upload = aws.upload(photos.parcel())
    aws.process(upload)
    not_theirs = aws.http(function, "GET", path + upload["id"], **who)
    not_there = aws.http(function, "GET", path + "0" * 32, **who)
    assert not_theirs == not_there
    assert not_theirs[0] == 404


@pytest.mark.parametrize("upload_id", ["x", "0" * 31, "x#y", "%00", "../../policy", "0" * 32 + "/"])
def test_an_odd_id_is_an_unknown_id(aws: Account, upload_id: str) -> None:
    assert aws.http("read_upload", "GET", f"/uploads/{upload_id}")[0] == 404


def test_staff_see_their_tenants_photos_and_are_written_down(aws: Account) -> None:
    upload = aws.upload(photos.parcel())
    aws.process(upload)
    status, link = aws.http("read_photo", "GET", f"/photos/{upload['id']}", caller="reviewer-3", scopes=STAFF)
    assert status == 200
    assert "X-Amz-Expires=60" in link["url"]
    read = aws.chain(upload["id"])[-1]
    assert read["name"] == "photo.read"
    assert read["actor"]["kind"] == "staff"
    assert "reviewer-3" not in json.dumps(read)


def test_a_policy_is_changed_with_its_event_and_only_from_the_one_that_was_read(aws: Account) -> None:
    staff = {"scopes": "policy:write", "caller": "officer-1"}
    before = aws.http("manage_policy", "GET", "/policy", **staff)[1]["hash"]
    new = Policy(synthetic=Action.REJECT)
    document = new.document().decode()

    status, answer = aws.http("manage_policy", "PUT", "/policy", document, headers={"if-match": f'"{before}"'}, **staff)
    stale, _ = aws.http(
        "manage_policy", "PUT", "/policy", Policy().document().decode(), headers={"if-match": f'"{before}"'}, **staff
    )

    assert (status, answer["hash"]) == (200, new.hash)
    assert stale == 409
    event = aws.audit.last(f"{TENANT}/tenant", 1)[0].fields
    assert (event["name"], event["policy_hash"]) == ("policy.changed", new.hash)
    assert event["actor"]["kind"] == "staff"


def lose_the_policys_event(aws: Account) -> None:
    """Let the event of the policy in force expire, as TTL does."""
    current = aws.policies.current(TENANT)
    assert current is not None
    key = {"pk": {"S": f"{TENANT}/tenant"}, "sk": {"N": str(current.event_sequence)}}
    aws.dynamodb.delete_item(TableName="audit", Key=key)


def test_a_policy_whose_event_has_expired_is_brought_back_by_confirming_it(aws: Account) -> None:
    staff = {"scopes": "policy:write", "caller": "officer-1"}
    read = aws.http("manage_policy", "GET", "/policy", **staff)[1]
    upload = aws.upload(photos.encode(photos.picture("coffee")))
    lose_the_policys_event(aws)
    assert aws.http("manage_policy", "GET", "/policy", **staff)[0] == 400
    assert aws.process(upload)["outcome"] == {"status": "IN_REVIEW", "reason": "policy_unknown"}

    document = Policy().document().decode()
    status, answer = aws.http(
        "manage_policy", "PUT", "/policy", document, headers={"if-match": f'"{read["hash"]}"'}, **staff
    )

    assert (status, answer) == (200, {"hash": read["hash"], "revision": 2})
    event = aws.audit.last(f"{TENANT}/tenant", 1)[0].fields
    assert event["details"] == {"policy_after": read["hash"], "policy_before": read["hash"]}
    assert event["actor"]["kind"] == "staff"
    assert aws.http("manage_policy", "GET", "/policy", **staff)[1]["hash"] == read["hash"]
    upload = aws.upload(photos.encode(photos.picture("coffee")))
    assert aws.process(upload)["outcome"]["status"] == "ACCEPTED"


@pytest.mark.parametrize(("days", "due"), [(31, 0), (29, 1)])
def test_a_policy_that_must_soon_be_confirmed_is_told_to_the_alarm(
    aws: Account,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    days: int,
    due: int,
) -> None:
    upload = aws.upload(photos.encode(photos.picture("coffee")))
    until = aws.http("manage_policy", "GET", "/policy", scopes="policy:write")[1]["confirm_before"]
    now = datetime.fromisoformat(until) - timedelta(days=days)
    monkeypatch.delenv("POWERTOOLS_METRICS_DISABLED")
    monkeypatch.setattr(aws.function("admit_upload"), "system_clock", lambda: now)
    aws.call("admit_upload", aws.created(upload))
    assert measured(capsys.readouterr().out, "PolicyToConfirm") == due
    assert ("policy to confirm" in caplog.messages) == bool(due)


def test_a_policy_that_was_put_past_the_log_is_not_followed(aws: Account) -> None:
    """Somebody with write access to the table puts a lax policy in force; the log does not know it."""
    lax = Policy(findings={})
    upload = aws.upload(photos.face())
    aws.policies.put(TENANT, lax)
    aws.dynamodb.update_item(
        TableName="policies",
        Key={"pk": {"S": TENANT}, "sk": {"S": "current"}},
        UpdateExpression="SET policy_hash = :hash",
        ExpressionAttributeValues={":hash": {"S": lax.hash}},
    )
    assert aws.process(upload)["outcome"] == {"status": "IN_REVIEW", "reason": "policy_unknown"}


def test_the_log_is_asked_over_http_with_one_event_for_the_question(aws: Account) -> None:
    upload = aws.upload(photos.parcel())
    aws.process(upload)
    staff = {"scopes": "audit:read", "caller": "analyst-1"}
    event = aws.http("query_audit", "GET", "/audit/events", **staff)
    assert event[0] == 200
    names = [e["name"] for e in event[1]["events"]]
    assert "photo.stored" in names
    assert aws.audit.last(f"{TENANT}/tenant", 1)[0].fields["name"] == "audit.queried"
    assert aws.http("query_audit", "GET", "/audit/events")[0] == 403
