"""Each way that a photo can end, through the real handlers."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from photogate.findings import FindingKind, Keep
from photogate.policy import Action, Rule, default_policy
from tests import photos
from tests.functions.cloud import TENANT, Account, sha256

REDACT_FACES = default_policy().model_copy(
    update={
        "findings": {
            **default_policy().findings,
            FindingKind.FACE: Rule(act=Action.REDACT, review=Action.REDACT),
        }
    }
)


def test_a_photo_without_people_is_accepted_and_stored_without_its_metadata(aws: Account) -> None:
    upload = aws.upload(photos.encode(photos.picture("coffee"), exif=photos.exif("CANARY")))

    state = aws.process(upload)

    assert state["outcome"] == {"status": "ACCEPTED", "reason": "clean"}
    stored = aws.s3.get_object(Bucket="vault", Key=state["stored"]["key"])["Body"].read()
    assert sha256(stored) == state["stored"]["sha256"]
    assert b"CANARY" not in stored
    assert Image.open(io.BytesIO(stored)).tobytes() == Image.open(io.BytesIO(photos.parcel())).tobytes()
    assert aws.status(upload)["status"] == "ACCEPTED"
    assert aws.objects("incoming") == aws.objects("work") == aws.objects("quarantine") == []


def test_rights_that_the_policy_keeps_stay_and_the_log_says_so(aws: Account) -> None:
    aws.set_policy(default_policy().model_copy(update={"keep": frozenset({Keep.COPYRIGHT})}))
    tags = photos.exif("CANARY")
    tags[0x8298], tags[0x013B] = "(c) Agency", "By Somebody"
    upload = aws.upload(photos.encode(photos.picture("coffee"), exif=tags))

    state = aws.process(upload)

    stored = aws.s3.get_object(Bucket="vault", Key=state["stored"]["key"])["Body"].read()
    assert dict(Image.open(io.BytesIO(stored)).getexif()) == {0x8298: "(c) Agency"}
    (event,) = [e for e in aws.chain(upload["id"]) if e["name"] == "metadata.stripped"]
    assert {k: v for k, v in event["details"].items() if k.startswith("kept")} == {"kept_copyright": 1}
    assert "Agency" not in str(event)


def test_the_chain_tells_the_whole_way(aws: Account) -> None:
    upload = aws.upload(photos.parcel())

    aws.process(upload)

    assert aws.names(upload["id"]) == [
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
    told = aws.announced()
    assert [(t["upload_id"], t["status"]) for t in told] == [(upload["id"], "ACCEPTED")]


def test_a_face_is_asked_to_be_retaken_and_nothing_is_kept(aws: Account) -> None:
    upload = aws.upload(photos.face())

    state = aws.process(upload)

    assert state["outcome"] == {"status": "RETAKE", "reason": "face"}
    assert [aws.objects(b) for b in ("incoming", "work", "quarantine", "vault")] == [[], [], [], []]
    view = aws.status(upload, headers={"accept-language": "de"})
    assert view["language"] == "de"
    assert view["message"]
    assert view["photo"] is None


def test_a_face_is_redacted_where_the_policy_says_so(aws: Account) -> None:
    aws.set_policy(REDACT_FACES)
    upload = aws.upload(photos.face())

    state = aws.process(upload)

    assert state["outcome"] == {"status": "REDACTED", "reason": "face"}
    assert state["second"]["verdict"] == "clean"
    before = Image.open(io.BytesIO(photos.face())).convert("RGB")
    after = Image.open(io.BytesIO(aws.s3.get_object(Bucket="vault", Key=state["stored"]["key"])["Body"].read()))
    assert after.size == before.size
    assert after.convert("RGB").tobytes() != before.tobytes()


def test_a_photo_for_review_keeps_its_original_in_quarantine_only(aws: Account) -> None:
    review = {**default_policy().findings, FindingKind.FACE: Rule(act=Action.REVIEW, review=Action.REVIEW)}
    aws.set_policy(default_policy().model_copy(update={"findings": review}))
    upload = aws.upload(photos.face())

    state = aws.process(upload)

    assert state["outcome"] == {"status": "IN_REVIEW", "reason": "face"}
    assert aws.objects("quarantine") == [upload["key"], upload["key"] + "/findings.json"]
    assert aws.objects("vault") == aws.objects("incoming") == aws.objects("work") == []


@pytest.mark.parametrize(
    ("data", "content_type", "reason"),
    [
        (b"not an image at all", "image/jpeg", "not_an_image"),
        (photos.parcel(), "image/png", "type_mismatch"),
        (photos.parcel()[:200], "image/jpeg", "malformed"),
        (b"", "image/jpeg", "empty"),
    ],
)
def test_what_is_no_photo_is_rejected_with_its_reason(
    aws: Account, data: bytes, content_type: str, reason: str
) -> None:
    upload = aws.upload(data, content_type)

    state = aws.process(upload)

    assert state["outcome"] == {"status": "REJECTED", "reason": reason}
    assert [aws.objects(b) for b in ("incoming", "work", "quarantine", "vault")] == [[], [], [], []]
    assert aws.names(upload["id"])[-3:] == ["decision.made", "upload.completed", "original.deleted"]


def test_the_same_event_twice_is_processed_once(aws: Account) -> None:
    upload = aws.upload(photos.parcel())
    aws.process(upload, "execution-1")

    again = aws.process(upload, "execution-2")

    assert again["admission"] == "duplicate"
    assert aws.names(upload["id"]).count("upload.completed") == 1


def test_two_executions_for_one_object_leave_one_the_claim(aws: Account) -> None:
    upload = aws.upload(photos.parcel())
    first = aws.call("admit_upload", aws.created(upload, "execution-1"))

    second = aws.call("admit_upload", aws.created(upload, "execution-2"))

    assert (first["admission"], second["admission"]) == ("admitted", "duplicate")
    assert aws.call("admit_upload", aws.created(upload, "execution-1"))["admission"] == "admitted"


def test_a_second_upload_through_the_same_link_is_deleted_with_an_event(aws: Account) -> None:
    upload = aws.upload(photos.parcel())
    aws.call("admit_upload", aws.created(upload))
    later = aws.s3.put_object(Bucket="incoming", Key=upload["key"], Body=photos.face())["VersionId"]

    state = aws.process({**upload, "version": later}, "execution-2")

    assert state["outcome"] == {"status": "IGNORED"}
    assert aws.s3.head_object(Bucket="incoming", Key=upload["key"])["VersionId"] == upload["version"]
    assert aws.audit.last(f"{TENANT}/tenant", 1)[0].fields["name"] == "original.deleted"


@pytest.mark.parametrize("key", ["acme/../x", "a" * 1024, "acme/ü/1", f"{TENANT}/{'0' * 32}/{'1' * 32}"])
def test_an_object_that_nobody_announced_is_deleted_with_an_event(aws: Account, key: str) -> None:
    version = aws.s3.put_object(Bucket="incoming", Key=key, Body=b"x")["VersionId"]

    state = aws.process({"key": key, "version": version})

    assert state["outcome"] == {"status": "IGNORED"}
    assert aws.objects("incoming") == []
