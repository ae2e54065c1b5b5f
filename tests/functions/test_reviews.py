"""A person decides: the list, the picture, the decision and what becomes of the photo, through the real handlers."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from photogate.errors import Reason
from photogate.findings import FindingKind
from photogate.policy import Action, Policy, ReviewRule, Rule, default_policy
from photogate.review import REASONS, Verdict
from tests import photos
from tests.functions.cloud import CALLER, Account, sha256

REVIEWER: dict[str, Any] = {"caller": "reviewer-3", "scopes": "reviews:decide"}
COLLEAGUE: dict[str, Any] = {"caller": "reviewer-4", "scopes": "reviews:decide"}
DAY = 86_400
NOTHING: dict[str, list[str]] = {b: [] for b in ("incoming", "work", "quarantine", "vault")}


def rules(reviewers: int = 1) -> Policy:
    """Faces go to review."""
    findings = {**default_policy().findings, FindingKind.FACE: Rule(act=Action.REVIEW, review=Action.REVIEW)}
    review = ReviewRule(reviewers=reviewers, days=7)  # type: ignore[arg-type]
    return default_policy().model_copy(update={"findings": findings, "review": review})


def in_review(aws: Account, photo: bytes | None = None, *, reviewers: int = 1, **who: Any) -> str:
    """Give the id of an upload that is in review."""
    if aws.policies.current("acme").policy_hash != rules(reviewers).hash:  # type: ignore[union-attr]
        aws.set_policy(rules(reviewers))
    upload = aws.upload(photos.face() if photo is None else photo, **who)
    assert aws.process(upload, f"execution-{upload['id']}")["outcome"]["status"] == "IN_REVIEW"
    return str(upload["id"])


def listed(aws: Account, **more: Any) -> dict[str, Any]:
    status, page = aws.http("review_photos", "GET", "/reviews", **{**REVIEWER, **more})
    assert status == 200, page
    return dict(page)


def opened(aws: Account, upload: str, query: dict[str, str] | None = None, **who: Any) -> Image.Image:
    who = who or REVIEWER
    request = sha256(f"open {who['caller']} {upload}".encode())
    answer = aws.answer("review_photos", "GET", f"/reviews/{upload}", query=query, request_id=request, **who)
    assert (answer["statusCode"], answer["isBase64Encoded"]) == (200, True), answer
    return Image.open(io.BytesIO(base64.b64decode(answer["body"])))


def decided(aws: Account, upload: str, verdict: str, reason: str, **more: Any) -> tuple[int, Any]:
    who = more.pop("who", REVIEWER)
    body = {"verdict": verdict, "reason": reason, **more}
    return aws.http("review_photos", "POST", f"/reviews/{upload}", body, request_id=f"decide-{verdict}", **who)


def objects(aws: Account) -> dict[str, list[str]]:
    return {bucket: aws.objects(bucket) for bucket in NOTHING}


def stored(aws: Account) -> bytes:
    (key,) = aws.objects("vault")
    data: bytes = aws.s3.get_object(Bucket="vault", Key=key)["Body"].read()
    return data


# -------------------------------------------------------------------------------------------------------------- list


def test_the_list_tells_why_since_when_under_which_rules_and_what_was_seen(aws: Account) -> None:
    upload = in_review(aws)

    (review,) = listed(aws)["reviews"]

    assert (review["id"], review["reason"], review["purpose"]) == (upload, "face", "proof_of_delivery")
    assert review["policy_hash"] == rules().hash
    assert review["counts"] == {"face_act": 1}
    assert 0 <= review["age_s"] < 60
    assert review["since"] < review["until"]
    assert (review["reviewers"], review["votes"], review["appeal"]) == (1, 0, False)


def test_reviews_are_listed_oldest_first_and_by_pages(aws: Account) -> None:
    uploads = [in_review(aws, request_id=f"http-{n}") for n in range(3)]

    first = listed(aws, query={"limit": "2"})
    second = listed(aws, query={"limit": "2", "after": first["next"]})

    assert [r["id"] for r in first["reviews"] + second["reviews"]] == uploads
    assert second["next"] is None


@pytest.mark.parametrize("query", [{"limit": "0"}, {"limit": "101"}, {"after": "x"}, {"order": "newest"}])
def test_a_list_that_cannot_be_given_is_refused(aws: Account, query: dict[str, str]) -> None:
    assert aws.http("review_photos", "GET", "/reviews", query=query, **REVIEWER)[0] == 400


def test_what_was_decided_is_on_the_list_no_more(aws: Account) -> None:
    upload = in_review(aws)
    decided(aws, upload, "reject", "unusable")
    assert listed(aws)["reviews"] == []


# -------------------------------------------------------------------------------------------------------------- open


def test_what_is_opened_is_upright_without_metadata_and_within_four_megabytes(aws: Account) -> None:
    tags = photos.exif("CANARY")
    tags[photos.EXIF_ORIENTATION] = 6
    upload = in_review(aws, photos.encode(photos.picture("astronaut").transpose(Image.Transpose.ROTATE_90), exif=tags))

    answer = aws.answer("review_photos", "GET", f"/reviews/{upload}", **REVIEWER)

    jpeg = base64.b64decode(answer["body"])
    seen = Image.open(io.BytesIO(jpeg))
    assert (seen.format, seen.info.keys() & {"exif", "icc_profile", "comment"}) == ("JPEG", set())
    assert b"CANARY" not in jpeg
    assert len(jpeg) <= 4_000_000
    upright = np.asarray(photos.picture("astronaut"), float)
    assert np.abs(np.asarray(seen, float) - upright).mean() < 5
    headers = answer["headers"]
    assert (headers["Cache-Control"], headers["Photogate-Width"]) == ("no-store", "512")


def test_opening_is_an_event_by_the_reviewers_pseudonym_and_comes_before_the_picture(aws: Account) -> None:
    upload = in_review(aws)

    opened(aws, upload)

    event = aws.chain(upload)[-1]
    assert (event["name"], event["actor"]["kind"], event["outcome"]) == ("review.opened", "staff", "succeeded")
    assert "reviewer-3" not in str(event)


def test_the_machines_findings_are_drawn_when_they_are_asked_for(aws: Account) -> None:
    upload = in_review(aws)
    plain, drawn = opened(aws, upload), opened(aws, upload, {"outlines": "true"})
    changed = np.abs(np.asarray(plain, int) - np.asarray(drawn, int)).max(axis=2) > 60
    assert 0 < changed.mean() < 0.05


def test_nothing_of_the_original_is_written_anywhere_when_it_is_opened(aws: Account) -> None:
    upload = in_review(aws)
    before = objects(aws)
    opened(aws, upload)
    assert objects(aws) == before


# ------------------------------------------------------------------------------------------------------------ decide


def test_what_is_approved_is_kept_stripped_and_never_as_it_was_sent(aws: Account) -> None:
    original = photos.encode(photos.picture("astronaut"), exif=photos.exif("CANARY"))
    upload = in_review(aws, original)
    opened(aws, upload)

    status, answer = decided(aws, upload, "approve", "permitted")

    assert (status, answer["status"], answer["reason"]) == (200, "ACCEPTED", "permitted")
    kept = stored(aws)
    assert b"CANARY" not in kept
    assert kept != original
    assert Image.open(io.BytesIO(kept)).tobytes() == Image.open(io.BytesIO(original)).tobytes()
    assert objects(aws) == {**NOTHING, "vault": aws.objects("vault")}
    assert aws.status({"id": upload})["photo"] == f"/photos/{upload}"


def test_the_chain_tells_who_opened_and_decided_and_what_became_of_it(aws: Account) -> None:
    upload = in_review(aws)
    aws.announced()
    opened(aws, upload)
    decided(aws, upload, "approve", "false_alarm")

    events = aws.chain(upload)[-6:]

    assert [e["name"] for e in events] == [
        "review.opened",
        "review.decided",
        "photo.stored",
        "decision.made",
        "upload.completed",
        "original.deleted",
    ]
    assert events[0]["actor"] == events[1]["actor"]
    assert {e["reason"] for e in events[4:]} == {"false_alarm"}
    assert [(t["upload_id"], t["status"]) for t in aws.announced()] == [(upload, "ACCEPTED")]


def test_what_is_redacted_hides_the_reviewers_boxes_and_what_the_machine_was_sure_of(aws: Account) -> None:
    upload = in_review(aws)
    opened(aws, upload)

    status, answer = decided(
        aws, upload, "redact", "text", boxes=[[300, 400, 100, 60]], frame={"width": 512, "height": 512}
    )

    assert (status, answer["status"]) == (200, "REDACTED")
    after = np.asarray(Image.open(io.BytesIO(stored(aws))), float)
    before = np.asarray(photos.picture("astronaut"), float)
    drawn, face, elsewhere = np.s_[400:460, 300:400], np.s_[90:160, 190:250], np.s_[300:380, 20:120]
    assert after[drawn].std() < 3 < before[drawn].std()
    assert after[face].std() < 3 < before[face].std()
    assert np.abs(after[elsewhere] - before[elsewhere]).mean() < 3
    (redacted,) = [e for e in aws.chain(upload) if e["name"] == "photo.redacted"]
    assert redacted["details"]["boxes"] == 2


def test_boxes_are_drawn_in_the_frame_that_was_seen_and_grow_outwards(aws: Account) -> None:
    large = photos.picture("coffee").resize((6000, 4000))
    large.paste(photos.picture("astronaut").resize((2000, 2000)), (100, 100))
    upload = in_review(aws, photos.encode(large))
    frame = opened(aws, upload).size
    assert max(frame) < 6000
    across = 6000 / frame[0]
    box = [int(4000 / across), int(2000 / across), int(1000 / across), int(1000 / across)]

    answer = decided(aws, upload, "redact", "text", boxes=[box], frame={"width": frame[0], "height": frame[1]})

    assert answer[1]["status"] == "REDACTED"
    after = np.asarray(Image.open(io.BytesIO(stored(aws))), float)
    assert after[2000:3000, 4000:5000].std() < 3


@pytest.mark.parametrize(("verdict", "status"), [("retake", "RETAKE"), ("reject", "REJECTED")])
def test_what_is_refused_leaves_nothing(aws: Account, verdict: str, status: str) -> None:
    upload = in_review(aws)

    answer = decided(aws, upload, verdict, "face")

    assert (answer[0], answer[1]["status"], answer[1]["reason"]) == (200, status, "face")
    assert objects(aws) == NOTHING
    view = aws.status({"id": upload})
    assert (view["status"], view["photo"]) == (status, None)
    assert view["message"]


@pytest.mark.parametrize("verdict", [v for v in Verdict if v is not Verdict.UPHOLD])
def test_a_verdict_takes_its_own_reasons_only(aws: Account, verdict: Verdict) -> None:
    upload = in_review(aws)
    more: dict[str, Any] = (
        {"boxes": [[0, 0, 9, 9]], "frame": {"width": 512, "height": 512}} if verdict is Verdict.REDACT else {}
    )
    for reason in {r for known in REASONS.values() for r in known} - set(REASONS[verdict]) | {Reason.INTERNAL}:
        assert decided(aws, upload, verdict.value, reason.value, **more)[0] == 400
    assert listed(aws)["reviews"][0]["votes"] == 0


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"verdict": "approve"},
        {"reason": "clean"},
        {"verdict": "approve", "reason": "clean", "comment": "Erika looks fine"},
        {"verdict": "approve", "reason": "looks fine"},
        {"verdict": "uphold", "reason": "face"},
        {"verdict": "redact", "reason": "face"},
        {"verdict": "redact", "reason": "face", "boxes": [[0, 0, 10, 10]]},
        {"verdict": "redact", "reason": "face", "boxes": [[0, 0, 0, 10]], "frame": {"width": 512, "height": 512}},
        {"verdict": "redact", "reason": "face", "boxes": [[500, 0, 20, 10]], "frame": {"width": 512, "height": 512}},
        {"verdict": "redact", "reason": "face", "boxes": [[0, 0, 10, 10]], "frame": {"width": 512, "height": 300}},
        {"verdict": "redact", "reason": "face", "boxes": [[0, 0, 10, 10]], "frame": {"width": 1024, "height": 1024}},
        {"verdict": "reject", "reason": "face", "boxes": [[0, 0, 10, 10]], "frame": {"width": 512, "height": 512}},
        {"verdict": "reject", "reason": "face", "missed": {"erika": 1}},
        {"verdict": "reject", "reason": "face", "wrong": {"face": -1}},
    ],
    ids=str,
)
def test_a_decision_that_does_not_hold_together_is_refused_and_the_review_stays_open(
    aws: Account, body: dict[str, Any]
) -> None:
    upload = in_review(aws)
    opened(aws, upload)

    status, problem = aws.http("review_photos", "POST", f"/reviews/{upload}", body, **REVIEWER)

    assert status == 400
    assert "erika" not in str(problem).lower()
    assert listed(aws)["reviews"][0]["votes"] == 0


def test_nobody_keeps_what_they_have_not_opened(aws: Account) -> None:
    upload = in_review(aws)
    opened(aws, upload, None, **COLLEAGUE)

    assert decided(aws, upload, "approve", "clean")[0] == 400
    assert decided(aws, upload, "approve", "clean", who=COLLEAGUE)[1]["status"] == "ACCEPTED"


def test_the_same_decision_again_changes_nothing_and_another_is_refused(aws: Account) -> None:
    upload = in_review(aws)
    opened(aws, upload)
    first = decided(aws, upload, "approve", "clean")
    names = aws.names(upload)

    assert decided(aws, upload, "approve", "clean") == first
    assert decided(aws, upload, "reject", "face")[0] == 409
    assert decided(aws, upload, "reject", "face", who=COLLEAGUE)[0] == 409
    assert aws.names(upload) == names


def test_an_upload_that_is_not_in_review_is_no_review(aws: Account) -> None:
    upload = aws.upload(photos.parcel())
    aws.process(upload)
    for method in ("GET", "POST"):
        body = {"verdict": "reject", "reason": "face"}
        assert aws.http("review_photos", method, f"/reviews/{upload['id']}", body, **REVIEWER)[0] == 404


def test_marks_are_in_the_event(aws: Account) -> None:
    upload = in_review(aws)
    decided(aws, upload, "reject", "face", missed={"face": 2, "text": 0}, wrong={"code": 1})
    (event,) = [e for e in aws.chain(upload) if e["name"] == "review.decided"]
    assert event["details"] == {"decision": "REJECT", "missed_face": 2, "wrong_code": 1}


def test_what_a_rendition_does_not_show_whole_cannot_be_kept(aws: Account) -> None:
    frames = [photos.picture("astronaut").resize((256, 256)), photos.picture("astronaut").resize((256, 256)).rotate(5)]
    out = io.BytesIO()
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:])
    aws.set_policy(rules())
    upload = aws.upload(out.getvalue(), "image/gif")
    assert aws.process(upload)["outcome"]["status"] == "IN_REVIEW"
    opened(aws, upload["id"])

    status, problem = decided(aws, upload["id"], "approve", "clean")

    assert (status, "several frames" in problem["detail"]) == (400, True)
    assert decided(aws, upload["id"], "reject", "unusable")[1]["status"] == "REJECTED"


# ---------------------------------------------------------------------------------------------------- two reviewers


def test_where_the_policy_asks_for_two_the_first_decision_waits_for_another_reviewers(aws: Account) -> None:
    upload = in_review(aws, reviewers=2)
    opened(aws, upload)
    opened(aws, upload, None, **COLLEAGUE)

    first = decided(aws, upload, "approve", "clean")[1]
    again = decided(aws, upload, "approve", "clean")[1]

    assert first == again == {**first, "status": "IN_REVIEW", "votes": 1, "reviewers": 2}
    assert aws.objects("vault") == []
    second = decided(aws, upload, "approve", "permitted", who=COLLEAGUE)[1]
    assert (second["status"], second["votes"]) == ("ACCEPTED", 2)
    deciders = {e["actor"]["id"] for e in aws.chain(upload) if e["name"] == "review.decided"}
    assert len(deciders) == 2


@pytest.mark.parametrize(
    ("first", "second", "status"),
    [
        (("approve", "clean"), ("reject", "face"), "REJECTED"),
        (("reject", "face"), ("approve", "clean"), "REJECTED"),
        (("retake", "face"), ("approve", "clean"), "RETAKE"),
        (("retake", "face"), ("reject", "unlawful"), "REJECTED"),
    ],
)
def test_of_two_the_stricter_wins(aws: Account, first: tuple[str, str], second: tuple[str, str], status: str) -> None:
    upload = in_review(aws, reviewers=2)
    opened(aws, upload)
    opened(aws, upload, None, **COLLEAGUE)
    decided(aws, upload, *first)
    assert decided(aws, upload, *second, who=COLLEAGUE)[1]["status"] == status


def test_what_either_of_two_hides_is_hidden(aws: Account) -> None:
    upload = in_review(aws, reviewers=2)
    opened(aws, upload)
    opened(aws, upload, None, **COLLEAGUE)
    frame = {"width": 512, "height": 512}
    decided(aws, upload, "redact", "text", boxes=[[300, 400, 100, 60]], frame=frame)
    answer = decided(aws, upload, "redact", "text", boxes=[[20, 300, 100, 80]], frame=frame, who=COLLEAGUE)
    assert answer[1]["status"] == "REDACTED"
    after = np.asarray(Image.open(io.BytesIO(stored(aws))), float)
    assert after[400:460, 300:400].std() < 3
    assert after[300:380, 20:120].std() < 3


# ---------------------------------------------------------------------------------------------------------- schedule


def test_a_review_that_nobody_touched_is_rejected_and_deleted_after_the_policys_days(aws: Account) -> None:
    upload = in_review(aws)

    assert aws.sweep_later(6 * DAY, "review_photos") == {"waiting": 1}
    assert aws.sweep_later(6 * DAY, "review_photos") == {}
    assert aws.status({"id": upload})["status"] == "IN_REVIEW"
    assert aws.sweep_later(7 * DAY + 60, "review_photos") == {"rejected": 1}

    view = aws.status({"id": upload})
    assert (view["status"], view["reason"]) == ("REJECTED", "review_overdue")
    assert objects(aws) == NOTHING
    assert aws.names(upload)[-3:] == ["decision.made", "upload.completed", "original.deleted"]
    assert listed(aws)["reviews"] == []


def test_one_vote_of_two_does_not_keep_a_review_open_for_ever(aws: Account) -> None:
    upload = in_review(aws, reviewers=2)
    opened(aws, upload)
    decided(aws, upload, "approve", "clean")
    aws.sweep_later(8 * DAY, "review_photos")
    assert aws.status({"id": upload})["reason"] == "review_overdue"
    assert objects(aws) == NOTHING


def test_the_stored_photo_is_what_the_log_says(aws: Account) -> None:
    upload = in_review(aws)
    opened(aws, upload)
    decided(aws, upload, "approve", "clean")
    (event,) = [e for e in aws.chain(upload) if e["name"] == "photo.stored"]
    assert event["details"]["sha256"] == sha256(stored(aws))


def test_the_uploader_is_told_nothing_of_who_decided(aws: Account) -> None:
    upload = in_review(aws)
    decided(aws, upload, "reject", "face")
    view = aws.status({"id": upload}, caller=CALLER)
    assert set(view) == {"id", "status", "created_at", "message", "language", "reason", "photo", "appealable"}


def test_time_alone_deletes_nothing_of_a_subject_under_a_legal_hold(aws: Account) -> None:
    upload = in_review(aws)
    (original, *_) = aws.objects("quarantine")
    subject = {"pk": {"S": f"subject#acme#{original.split('/')[1]}"}}
    held = {":now": {"S": "2026-11-01T00:00:00.000Z"}}
    aws.dynamodb.update_item(
        TableName="subjects", Key=subject, UpdateExpression="SET held_at = :now", ExpressionAttributeValues=held
    )

    assert aws.sweep_later(8 * DAY, "review_photos") == {"held": 1}
    assert original in aws.objects("quarantine")
    aws.dynamodb.update_item(TableName="subjects", Key=subject, UpdateExpression="REMOVE held_at")
    assert aws.sweep_later(10 * DAY, "review_photos") == {"rejected": 1}
    assert aws.status({"id": upload})["reason"] == "review_overdue"
