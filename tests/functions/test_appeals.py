"""An uploader appeals a redaction, once; the photo that was kept is never lost by it."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from photogate.findings import FindingKind
from photogate.policy import Action, Policy, ReviewRule, Rule, default_policy
from tests import photos
from tests.functions.cloud import Account
from tests.functions.test_reviews import DAY, REVIEWER, decided, listed, objects, opened, stored

FACE = np.s_[90:160, 190:250]


def rules(seal: bool = True) -> Policy:
    """Faces are redacted, and the original is kept for an appeal."""
    findings = {**default_policy().findings, FindingKind.FACE: Rule(act=Action.REDACT, review=Action.REDACT)}
    update = {"findings": findings, "seal_originals": seal, "review": ReviewRule(days=7)}
    return default_policy().model_copy(update=update)


def redacted(aws: Account, policy: Policy | None = None) -> str:
    """Give the id of an upload that was redacted."""
    aws.set_policy(policy or rules())
    upload = aws.upload(photos.encode(photos.picture("astronaut"), exif=photos.exif("CANARY")))
    assert aws.process(upload)["outcome"]["status"] == "REDACTED"
    return str(upload["id"])


def appeal(aws: Account, upload: str, **who: Any) -> tuple[int, Any]:
    return aws.http("appeal_redaction", "POST", f"/uploads/{upload}/appeal", **who)


def face_of(photo: bytes) -> Any:
    return np.asarray(Image.open(io.BytesIO(photo)), float)[FACE]


def test_the_original_is_sealed_beside_the_redacted_photo_where_the_policy_says_so(aws: Account) -> None:
    upload = redacted(aws)
    (original,) = aws.objects("quarantine")
    sealed = aws.s3.get_object(Bucket="quarantine", Key=original)["Body"].read()
    assert sealed.startswith(b"PGSEALED")
    assert b"CANARY" not in sealed
    assert aws.objects("incoming") == aws.objects("work") == []
    assert aws.status({"id": upload})["appealable"]
    assert aws.chain(upload)[-1]["details"]["bucket"] == "incoming"


def test_an_appeal_that_is_granted_replaces_the_photo_by_the_stripped_original(aws: Account) -> None:
    upload = redacted(aws)
    assert face_of(stored(aws)).std() < 3

    assert appeal(aws, upload) == (200, {"id": upload, "status": "IN_REVIEW"})
    (review,) = listed(aws)["reviews"]
    assert (review["id"], review["reason"], review["appeal"]) == (upload, "appealed", True)
    assert aws.http("read_photo", "GET", f"/photos/{upload}")[0] == 200
    opened(aws, upload)
    assert decided(aws, upload, "approve", "permitted")[1]["status"] == "ACCEPTED"

    assert face_of(stored(aws)).std() > 10
    assert b"CANARY" not in stored(aws)
    assert aws.objects("quarantine") == []
    appeals = [e for e in aws.chain(upload) if e["reason"] == "appealed"]
    assert [(e["name"], e["actor"]["kind"]) for e in appeals] == [
        ("review.opened", "subject"),
        ("review.opened", "staff"),
    ]


def test_an_appeal_that_is_turned_down_leaves_the_photo_as_it_was(aws: Account) -> None:
    upload = redacted(aws)
    before = stored(aws)
    appeal(aws, upload)
    opened(aws, upload)

    assert decided(aws, upload, "uphold", "face")[1]["status"] == "REDACTED"

    assert stored(aws) == before
    assert aws.objects("quarantine") == []
    assert aws.http("read_photo", "GET", f"/photos/{upload}")[0] == 200
    assert not aws.status({"id": upload})["appealable"]


def test_an_appeals_redaction_hides_what_the_reviewer_says_and_no_more(aws: Account) -> None:
    upload = redacted(aws)
    appeal(aws, upload)
    opened(aws, upload)
    frame = {"width": 512, "height": 512}
    decided(aws, upload, "redact", "text", boxes=[[300, 400, 100, 60]], frame=frame)
    assert face_of(stored(aws)).std() > 10
    assert np.asarray(Image.open(io.BytesIO(stored(aws))), float)[400:460, 300:400].std() < 3


def test_an_appeal_that_nobody_decides_is_upheld(aws: Account) -> None:
    upload = redacted(aws)
    before = stored(aws)
    appeal(aws, upload)

    assert aws.sweep_later(8 * DAY, "review_photos") == {"redacted": 1}

    view = aws.status({"id": upload})
    assert (view["status"], view["reason"]) == ("REDACTED", "review_overdue")
    assert stored(aws) == before
    assert aws.objects("quarantine") == []


def test_what_is_rejected_on_appeal_is_deleted_and_read_no_more(aws: Account) -> None:
    upload = redacted(aws)
    appeal(aws, upload)
    assert decided(aws, upload, "reject", "unlawful")[1]["status"] == "REJECTED"
    assert {name: keys for name, keys in objects(aws).items() if keys} == {}
    assert aws.http("read_photo", "GET", f"/photos/{upload}")[0] == 404


def test_an_appeal_is_made_once(aws: Account) -> None:
    upload = redacted(aws)
    assert appeal(aws, upload)[0] == appeal(aws, upload)[0] == 200
    assert aws.names(upload).count("review.opened") == 1
    opened(aws, upload)
    decided(aws, upload, "uphold", "face")
    assert appeal(aws, upload)[0] == 409


def test_nobody_appeals_for_another_or_without_an_original(aws: Account) -> None:
    upload = redacted(aws)
    assert appeal(aws, upload, caller="somebody-else")[0] == 404
    assert appeal(aws, upload, scopes="photos:read")[0] == 403
    assert appeal(aws, "0" * 32)[0] == 404
    assert aws.status({"id": upload})["status"] == "REDACTED"


def test_without_a_sealed_original_there_is_no_appeal(aws: Account) -> None:
    upload = redacted(aws, rules(seal=False))
    assert aws.objects("quarantine") == []
    assert not aws.status({"id": upload})["appealable"]
    assert appeal(aws, upload)[0] == 409


@pytest.mark.parametrize("verdict", ["approve", "uphold"])
def test_an_uploader_does_not_decide_their_own_appeal(aws: Account, verdict: str) -> None:
    upload = redacted(aws)
    appeal(aws, upload)
    body = {"verdict": verdict, "reason": "permitted" if verdict == "approve" else "face"}
    status, _ = aws.http("review_photos", "POST", f"/reviews/{upload}", body, scopes=REVIEWER["scopes"])
    assert status == 403
