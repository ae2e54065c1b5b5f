"""Claims: nobody decides on their own photo, no other tenant sees a review, and a review keeps no more than it may."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from tests import photos
from tests.attacks.test_withdrawal import fence, withdraw
from tests.functions.cloud import CALLER, Account
from tests.functions.test_reviews import NOTHING, REVIEWER, decided, in_review, listed, objects, opened

APPROVE = {"verdict": "approve", "reason": "clean"}


@pytest.mark.parametrize("scopes", ["reviews:decide", "reviews:decide photos:read policy:write uploads:write"])
def test_an_uploader_with_a_staff_token_neither_opens_nor_decides_their_own_photo(aws: Account, scopes: str) -> None:
    """The same person, known by the same pseudonym whichever scopes the token has."""
    upload = in_review(aws)
    own: dict[str, Any] = {"caller": CALLER, "scopes": scopes}
    path = f"/reviews/{upload}"

    assert aws.http("review_photos", "GET", path, **own)[0] == 403
    assert aws.http("review_photos", "POST", path, APPROVE, request_id="http-2", **own)[0] == 403
    assert aws.http("review_photos", "POST", path, {"verdict": "reject", "reason": "face"}, **own)[0] == 403

    assert listed(aws)["reviews"][0]["votes"] == 0
    assert "review.decided" not in aws.names(upload)
    denied = [row.fields for row in aws.audit.last("acme/tenant", 10) if row.fields["name"] == "access.denied"]
    assert {event["details"]["route"] for event in denied} == {"reviews"}
    assert CALLER not in json.dumps(denied)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_another_tenants_reviewer_gets_what_an_unknown_id_gets(aws: Account, method: str) -> None:
    upload = in_review(aws)
    rival: dict[str, Any] = {**REVIEWER, "tenant": "rival"}
    theirs = aws.http("review_photos", method, f"/reviews/{upload}", APPROVE, **rival)
    unknown = aws.http("review_photos", method, f"/reviews/{'0' * 32}", APPROVE, **rival)
    assert theirs == unknown
    assert theirs[0] == 404
    assert listed(aws, tenant="rival")["reviews"] == []


def test_a_cursor_of_another_tenant_shows_nothing_of_it(aws: Account) -> None:
    in_review(aws, request_id="http-1")
    in_review(aws, request_id="http-2")
    cursor = listed(aws, query={"limit": "1"})["next"]
    assert listed(aws, tenant="rival", query={"after": cursor})["reviews"] == []


@pytest.mark.parametrize("scopes", ["", "uploads:write consents:write", "photos:read policy:write audit:read"])
@pytest.mark.parametrize(("method", "path"), [("GET", "/reviews"), ("GET", "/reviews/{}"), ("POST", "/reviews/{}")])
def test_without_the_scope_there_is_no_review(aws: Account, scopes: str, method: str, path: str) -> None:
    upload = in_review(aws)
    where = path.format(upload)
    assert aws.http("review_photos", method, where, APPROVE, caller="analyst-1", scopes=scopes)[0] == 403


def test_a_rendition_holds_nothing_that_the_file_said(aws: Account) -> None:
    upload = in_review(aws, photos.encode(photos.picture("astronaut"), exif=photos.exif("CANARY")))
    answer = aws.answer("review_photos", "GET", f"/reviews/{upload}", **REVIEWER)
    jpeg = base64.b64decode(answer["body"])
    assert b"CANARY" not in jpeg
    assert b"Exif" not in jpeg
    assert b"ICC_PROFILE" not in jpeg
    assert answer["headers"]["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("verdict", "more"),
    [("approve", {}), ("redact", {"boxes": [[0, 0, 50, 50]], "frame": {"width": 512, "height": 512}})],
)
@pytest.mark.parametrize("what", [withdraw, fence])
def test_consent_withdrawn_or_a_fence_set_between_opening_and_deciding_stores_nothing(
    aws: Account, verdict: str, more: dict[str, Any], what: Any
) -> None:
    upload = in_review(aws)
    opened(aws, upload)
    what(aws)

    status, answer = decided(aws, upload, verdict, "clean" if verdict == "approve" else "face", **more)

    if what is withdraw:
        assert (status, answer["status"], answer["reason"]) == (200, "REJECTED", "no_consent")
        assert objects(aws) == NOTHING
    else:
        assert status == 409  # erasure, which set the fence, deletes what is there
        assert aws.objects("vault") == []


@pytest.mark.parametrize("what", [withdraw, fence])
def test_consent_withdrawn_or_a_fence_set_at_the_last_moment_stores_nothing(aws: Account, what: Any) -> None:
    """Between the vote and the transaction: the photo lies in the vault already, and is taken back."""
    upload = in_review(aws)
    opened(aws, upload)
    vault = aws.function("review_photos").world.vault
    put = vault.put

    def put_then(*words: Any) -> str:
        version: str = put(*words)
        what(aws)
        return version

    vault.put = put_then
    status, answer = decided(aws, upload, "approve", "clean")

    assert (status, answer["status"]) == (200, "REJECTED")
    assert objects(aws) == NOTHING


def test_after_consent_is_withdrawn_nobody_looks_any_more(aws: Account) -> None:
    upload = in_review(aws)
    withdraw(aws)
    status, problem = aws.http("review_photos", "GET", f"/reviews/{upload}", **REVIEWER)
    assert (status, problem["reason"]) == (403, "no_consent")


def test_an_original_that_was_exchanged_in_the_bucket_is_not_shown_or_kept(aws: Account) -> None:
    upload = in_review(aws, request_id="http-1")
    other = in_review(aws, photos.encode(photos.picture("astronaut").rotate(3)), request_id="http-2")
    keys = {key.rpartition("/")[2]: key for key in aws.objects("quarantine") if not key.endswith(".json")}
    sealed = aws.s3.get_object(Bucket="quarantine", Key=keys[other])["Body"].read()
    aws.s3.put_object(Bucket="quarantine", Key=keys[upload], Body=sealed)

    assert aws.http("review_photos", "GET", f"/reviews/{upload}", **REVIEWER)[0] == 500
    assert aws.objects("vault") == []


def test_no_state_event_or_row_says_who_reviewed_or_what_they_wrote(aws: Account) -> None:
    upload = in_review(aws)
    opened(aws, upload)
    decided(aws, upload, "approve", "clean")
    tables = [aws.dynamodb.scan(TableName=table)["Items"] for table in ("uploads", "audit", "subjects")]
    assert "reviewer-3" not in json.dumps(tables, default=str)
