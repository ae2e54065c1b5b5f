"""The way of a photo through the real template: each decision, and who may see it."""

import hashlib
import io
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image

from local.client import Client, send_form, send_put
from local.cloud import LocalCloud
from photogate.findings import FindingKind
from tests import photos

EVERY_KIND_REDACTED = {kind.value: {"act": "redact", "review": "redact"} for kind in FindingKind}
FACE = (slice(80, 140), slice(200, 250))  # rows and columns of the astronaut's face, well inside
FAR_FROM_FACE = (slice(400, 500), slice(20, 120))


@pytest.fixture
def courier(cloud: LocalCloud, acme: str) -> Client:
    return cloud.as_caller(acme, "courier-1")


def stored_photo(client: Client, upload_id: str) -> bytes:
    link = client.get(f"/photos/{upload_id}").json
    return bytes(client.pool.request("GET", link["url"]).data)


def objects(cloud: LocalCloud, bucket: str, upload_id: str) -> list[str]:
    page = cloud.client("s3").list_object_versions(Bucket=cloud.resources[bucket])
    return [v["Key"] for v in page.get("Versions", []) if upload_id in v["Key"]]


def pixels(photo: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(photo)).convert("RGB"), dtype=np.int16)


def test_a_photo_without_people_is_accepted_and_kept_without_its_metadata(cloud: LocalCloud, courier: Client) -> None:
    photo = photos.encode(photos.picture("coffee"), exif=photos.exif("planted-7f3a"))
    assert b"planted-7f3a" in photo

    upload = courier.upload(photo)
    ended = courier.wait(upload)

    assert (ended["status"], ended["reason"]) == ("ACCEPTED", "clean")
    kept = stored_photo(courier, upload)
    assert b"planted-7f3a" not in kept
    assert np.array_equal(pixels(kept), pixels(photo))
    assert objects(cloud, "VaultBucket", upload)
    assert not objects(cloud, "IncomingBucket", upload)
    assert not objects(cloud, "WorkBucket", upload)


def test_a_photo_with_a_face_is_asked_to_be_retaken_and_nothing_of_it_stays(cloud: LocalCloud, courier: Client) -> None:
    upload = courier.upload(photos.face())
    ended = courier.wait(upload)

    assert (ended["status"], ended["reason"]) == ("RETAKE", "face")
    assert ended["message"]
    assert courier.get(f"/photos/{upload}").status == 404
    for bucket in ("IncomingBucket", "WorkBucket", "QuarantineBucket", "VaultBucket"):
        assert not objects(cloud, bucket, upload), bucket


def test_a_face_is_hidden_where_the_tenants_policy_says_so(cloud: LocalCloud, new_tenant: Callable[..., str]) -> None:
    client = cloud.as_caller(new_tenant(findings=EVERY_KIND_REDACTED), "courier-1")

    upload = client.upload(photos.face())
    ended = client.wait(upload)

    assert (ended["status"], ended["reason"]) == ("REDACTED", "face")
    before, after = pixels(photos.face()), pixels(stored_photo(client, upload))
    assert before.shape == after.shape
    assert after[FACE].std() < 3 < before[FACE].std()
    assert np.abs(after[FAR_FROM_FACE] - before[FAR_FROM_FACE]).mean() < 1.5  # encoded once more, no more than that
    assert not objects(cloud, "IncomingBucket", upload)


def test_a_face_goes_to_review_where_the_tenants_policy_says_so(
    cloud: LocalCloud, new_tenant: Callable[..., str]
) -> None:
    rules = {kind.value: {"act": "review", "review": "review"} for kind in FindingKind}
    client = cloud.as_caller(new_tenant(findings=rules), "courier-1")

    upload = client.upload(photos.face())

    assert client.wait(upload)["status"] == "IN_REVIEW"
    assert objects(cloud, "QuarantineBucket", upload)
    assert not objects(cloud, "VaultBucket", upload)
    assert client.get(f"/photos/{upload}").status == 404


@pytest.mark.parametrize(
    ("photo", "content_type", "reason"),
    [
        pytest.param(b"just words, no picture" * 10, "image/jpeg", "not_an_image", id="not-an-image"),
        pytest.param(photos.parcel(), "image/png", "type_mismatch", id="another-type-than-declared"),
        pytest.param(photos.parcel()[:400], "image/jpeg", "malformed", id="cut-off-in-its-header"),
        pytest.param(photos.parcel()[:20000], "image/jpeg", "malformed", id="cut-off-in-its-scan"),
        pytest.param(b"\xff\xd8\xff\xd9", "image/jpeg", "malformed", id="no-picture-inside"),
    ],
)
def test_what_is_no_photo_is_rejected_with_its_reason_and_deleted(
    cloud: LocalCloud, courier: Client, photo: bytes, content_type: str, reason: str
) -> None:
    upload = courier.upload(photo, content_type)
    ended = courier.wait(upload)

    assert (ended["status"], ended["reason"]) == ("REJECTED", reason)
    for bucket in ("IncomingBucket", "WorkBucket", "QuarantineBucket", "VaultBucket"):
        assert not objects(cloud, bucket, upload), bucket


def test_nobody_without_a_token_gets_anything(cloud: LocalCloud) -> None:
    nobody = cloud.without_token()

    for answer in (
        nobody.post("/uploads", {}),
        nobody.get("/uploads/" + "0" * 32),
        nobody.get("/photos/" + "0" * 32),
        nobody.post("/consents", {}),
        nobody.get("/policy"),
        nobody.get("/audit/events"),
    ):
        assert answer.status == 401


def test_another_subject_and_another_tenant_see_the_same_404_as_for_an_unknown_id(
    cloud: LocalCloud, courier: Client, acme: str, new_tenant: Callable[..., str]
) -> None:
    upload = courier.upload(photos.parcel())
    assert courier.wait(upload)["status"] == "ACCEPTED"
    unknown = courier.get("/uploads/" + "0" * 32)
    assert unknown.status == 404

    strangers = (cloud.as_caller(acme, "courier-2"), cloud.as_caller(new_tenant(), "courier-1"))
    for stranger in strangers:
        for path in (f"/uploads/{upload}", f"/photos/{upload}"):
            answer = stranger.get(path)
            assert (answer.status, answer.json) == (404, {**unknown.json, **_same_words(answer.json)})

    staff = cloud.as_caller(acme, "reviewer-1", ["photos:read"])
    assert staff.get(f"/uploads/{upload}").json["status"] == "ACCEPTED"


def _same_words(problem: dict[str, Any]) -> dict[str, Any]:
    """Give what may differ between two problems: nothing but the words on what was looked for."""
    return {"detail": problem["detail"]}


def test_no_upload_is_issued_without_consent(courier: Client) -> None:
    body = {"content_type": "image/jpeg", "size": 100, "purpose": "proof_of_delivery", "consent_id": "0" * 32}

    answer = courier.post("/uploads", body)

    assert (answer.status, answer.json["reason"]) == (403, "no_consent")


def test_a_withdrawn_consent_issues_no_upload(cloud: LocalCloud, acme: str) -> None:
    courier = cloud.as_caller(acme, "courier-who-withdraws")
    consent = courier.consent()
    assert courier.post(f"/consents/{consent}/withdraw").json["state"] == "withdrawn"

    body = {"content_type": "image/jpeg", "size": 100, "purpose": "proof_of_delivery", "consent_id": consent}

    # Withdrawal starts the erasure: before its fence the consent is missing, behind it the subject is closed.
    refused = courier.post("/uploads", body)
    assert (refused.status, refused.json["reason"]) in {(403, "no_consent"), (409, "fenced")}


def test_one_idempotency_key_gives_one_upload(courier: Client) -> None:
    body = {
        "content_type": "image/jpeg",
        "size": 100,
        "purpose": "proof_of_delivery",
        "consent_id": courier.consent(),
    }
    key = {"idempotency-key": "order-4711"}

    first, second = courier.post("/uploads", body, key), courier.post("/uploads", body, key)

    assert first.json["id"] == second.json["id"]
    assert courier.post("/uploads", {**body, "size": 101}, key).status in (400, 409)


@pytest.mark.parametrize(
    "change",
    [{"size": 0}, {"size": 10**12}, {"content_type": "image/svg+xml"}, {"purpose": "fun"}, {"tenant": "other"}],
)
def test_a_request_that_asks_for_too_much_is_a_problem_document(courier: Client, change: dict[str, Any]) -> None:
    body = {
        "content_type": "image/jpeg",
        "size": 100,
        "purpose": "proof_of_delivery",
        "consent_id": courier.consent(),
    }

    answer = courier.post("/uploads", {**body, **change})

    assert answer.status == 400
    assert answer.headers["content-type"] == "application/problem+json"


def test_s3_itself_refuses_a_photo_that_is_larger_than_announced(courier: Client) -> None:
    upload = courier.request_upload(b"x" * 100, "image/jpeg", courier.consent())

    answer = send_form(courier.pool, upload["post"], b"x" * 101)

    assert (answer.status, b"EntityTooLarge" in answer.body) == (400, True)
    assert courier.status(upload["id"])["status"] == "AWAITING_UPLOAD"


def test_a_put_link_takes_exactly_the_announced_bytes_once(courier: Client) -> None:
    photo = photos.parcel()
    upload = courier.request_upload(photo, "image/jpeg", courier.consent(), sha256=hashlib.sha256(photo).hexdigest())
    other = photo[:-1] + b"\x00"

    assert send_put(courier.pool, upload["put"], other).status == 400
    assert send_put(courier.pool, upload["put"], photo).status == 200
    assert send_put(courier.pool, upload["put"], photo).status in (403, 412)
    assert courier.wait(upload["id"])["status"] == "ACCEPTED"


def test_every_step_of_a_photo_is_in_the_log_in_order(cloud: LocalCloud, courier: Client, acme: str) -> None:
    upload = courier.upload(photos.parcel())
    courier.wait(upload)

    table = cloud.client("dynamodb")
    rows = table.query(
        TableName=cloud.resources["AuditTable"],
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": f"{acme}/photo/{upload}"}},
        ConsistentRead=True,
    )["Items"]

    names = [json.loads(row["body"]["S"])["name"] for row in rows]
    assert names == [
        "upload.requested",
        "upload.received",
        "photo.admitted",
        "metadata.stripped",
        "faces.detected",
        "decision.made",
        "photo.stored",
        "upload.completed",
        "original.deleted",
    ]
