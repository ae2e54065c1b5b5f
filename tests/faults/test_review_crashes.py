"""Whatever breaks while a reviewer decides: the decision is carried out once, or not taken, and nothing is lost."""

from __future__ import annotations

from typing import Any

import pytest

from tests.faults.test_crashes import REVIEW_FACES, Lost, breakable, photo
from tests.functions.cloud import Account, account

REVIEWER: dict[str, Any] = {"caller": "reviewer-3", "scopes": "reviews:decide"}
FRAME = {"frame": {"width": 256, "height": 256}, "boxes": [[10, 150, 40, 40]]}
WAYS: dict[str, tuple[dict[str, Any], str]] = {
    "approve": ({"verdict": "approve", "reason": "permitted"}, "ACCEPTED"),
    "redact": ({"verdict": "redact", "reason": "face", **FRAME}, "REDACTED"),
    "retake": ({"verdict": "retake", "reason": "face"}, "RETAKE"),
    "reject": ({"verdict": "reject", "reason": "face"}, "REJECTED"),
}
LATE = 1200
OVERDUE = 15 * 86_400


def in_review(aws: Account) -> dict[str, Any]:
    """Give an upload that is in review, and that the reviewer has opened."""
    aws.set_policy(REVIEW_FACES)
    upload = aws.upload(photo("astronaut"))
    assert aws.process(upload)["outcome"]["status"] == "IN_REVIEW"
    assert aws.answer("review_photos", "GET", f"/reviews/{upload['id']}", **REVIEWER)["statusCode"] == 200
    return upload


def decide(aws: Account, upload: dict[str, Any], way: str, request: str) -> int:
    path = f"/reviews/{upload['id']}"
    return aws.http("review_photos", "POST", path, WAYS[way][0], request_id=request, **REVIEWER)[0]


def count_writes(monkeypatch: pytest.MonkeyPatch, way: str) -> int:
    with account(monkeypatch) as aws:
        upload = in_review(aws)
        with breakable(monkeypatch) as faults:
            assert decide(aws, upload, way, "decide-1") == 200
        return len(faults.writes)


def must_have_ended_once(aws: Account, upload: dict[str, Any], expected: str) -> None:
    status = aws.status(upload)["status"]
    assert status == expected
    events = aws.chain(upload["id"])
    ids = [event["id"] for event in events]
    assert len(ids) == len(set(ids))
    assert [event["seq"] for event in events] == list(range(len(events)))
    names = [event["name"] for event in events]
    assert names.count("review.decided") == 1
    assert names.count("decision.made") == 2  # the machine's, and the reviewers'
    assert names.count("upload.completed") == 2
    assert names[-1] == "original.deleted"
    kept = expected in ("ACCEPTED", "REDACTED")
    assert len(aws.objects("vault")) == kept
    assert aws.objects("quarantine") == aws.objects("work") == aws.objects("incoming") == []
    row = aws.dynamodb.get_item(TableName="uploads", Key={"pk": {"S": f"acme#{upload['id']}"}})["Item"]
    assert row["cleaned"]["BOOL"]
    assert not {"open_shard", "review_tenant"} & set(row)
    assert {t["status"] for t in aws.announced()} == {"IN_REVIEW", expected}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("lost", ["request", "response"])
def test_a_decision_that_breaks_at_any_write_is_carried_out_once(
    monkeypatch: pytest.MonkeyPatch, way: str, lost: str
) -> None:
    for at in range(count_writes(monkeypatch, way)):
        with account(monkeypatch) as aws:
            upload = in_review(aws)
            with breakable(monkeypatch) as faults:
                faults.at, faults.lost, faults.error = at, lost, Lost
                assert decide(aws, upload, way, "decide-1") == 500
            # The reviewer tries again, while the first try's claim still stands; then the schedules come by.
            assert decide(aws, upload, way, "decide-2") == 200
            aws.sweep_later(LATE, "review_photos")
            aws.sweep_later(LATE)
            must_have_ended_once(aws, upload, WAYS[way][1])


@pytest.mark.parametrize("lost", ["request", "response"])
def test_a_sweep_that_breaks_at_any_write_rejects_what_is_overdue_once(
    monkeypatch: pytest.MonkeyPatch, lost: str
) -> None:
    with account(monkeypatch) as aws:
        in_review(aws)
        with breakable(monkeypatch) as faults:
            assert aws.sweep_later(OVERDUE, "review_photos") == {"rejected": 1}
        writes = len(faults.writes)
    for at in range(writes):
        with account(monkeypatch) as aws:
            upload = in_review(aws)
            with breakable(monkeypatch) as faults:
                faults.at, faults.lost, faults.error = at, lost, Lost
                assert aws.sweep_later(OVERDUE, "review_photos") == {"failed_Lost": 1}
            aws.sweep_later(OVERDUE + LATE, "review_photos")
            aws.sweep_later(OVERDUE + 2 * LATE)
            view = aws.status(upload)
            assert (view["status"], view["reason"]) == ("REJECTED", "review_overdue")
            assert aws.names(upload["id"])[-3:] == ["decision.made", "upload.completed", "original.deleted"]
            assert aws.objects("quarantine") == aws.objects("vault") == []


def test_of_two_reviewers_at_once_one_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second reads the review before the first one's vote, and votes after it."""
    with account(monkeypatch) as aws:
        upload = in_review(aws)
        app = aws.function("review_photos")
        real = app.world.uploads.vote
        other = {"caller": "reviewer-4", "scopes": "reviews:decide"}
        answers: list[int] = []

        def vote_late(*words: Any) -> Any:
            app.world.uploads.vote = real
            path = f"/reviews/{upload['id']}"
            body = {"verdict": "reject", "reason": "face"}
            answers.append(aws.http("review_photos", "POST", path, body, request_id="decide-2", **other)[0])
            return real(*words)

        app.world.uploads.vote = vote_late
        answers.append(decide(aws, upload, "approve", "decide-1"))

        assert answers == [200, 409]
        must_have_ended_once(aws, upload, "REJECTED")


def test_a_sweep_beside_a_reviewer_does_not_decide_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time runs out between a reviewer's reading and the vote."""
    with account(monkeypatch) as aws:
        upload = in_review(aws)
        app = aws.function("review_photos")
        real = app.world.uploads.vote

        def vote_late(*words: Any) -> Any:
            app.world.uploads.vote = real
            assert aws.sweep_later(OVERDUE, "review_photos") == {"rejected": 1}
            return real(*words)

        app.world.uploads.vote = vote_late

        assert decide(aws, upload, "approve", "decide-1") == 409
        assert aws.status(upload)["reason"] == "review_overdue"
        assert aws.objects("vault") == aws.objects("quarantine") == []
