"""Retention: what a purpose's time is over for is deleted whole, once, with an event; and nothing else is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from photogate.aws.s3 import Bucket
from photogate.aws.subjects_table import DynamoSubjects
from photogate.errors import NotPermitted
from photogate.policy import Policy, Purpose
from tests import photos
from tests.functions.cloud import CALLER, TENANT, Account

PURPOSE = "proof_of_delivery"


def keep_for(aws: Account, days: int, **more: Any) -> None:
    aws.set_policy(Policy(purposes={PURPOSE: Purpose(notice="A notice.", retention_days=days, **more)}))


def stored(aws: Account, **who: Any) -> dict[str, Any]:
    """Store a photo."""
    upload = aws.upload(photos.parcel(), **who)
    aws.process(upload)
    assert aws.status(upload, **({"caller": who["caller"]} if "caller" in who else {}))["status"] == "ACCEPTED"
    return upload


def sweep(aws: Account, *, left_ms: int = 600_000, **later: float) -> dict[str, Any]:
    """Run the sweep as if so much time had passed."""
    app = aws.function("sweep_retention")
    moment = datetime.now(UTC) + timedelta(**later)
    app.system_clock = lambda: moment  # type: ignore[attr-defined]
    context = SimpleNamespace(
        function_version="1", aws_request_id="sweep-1", get_remaining_time_in_millis=lambda: left_ms
    )
    found: dict[str, Any] = app.handler({}, context)
    return found


def row(aws: Account, upload: dict[str, Any]) -> dict[str, Any] | None:
    found = aws.dynamodb.get_item(TableName="uploads", Key={"pk": {"S": f"{TENANT}#{upload['id']}"}})
    item: dict[str, Any] | None = found.get("Item")
    return item


def mark_subject(aws: Account, attribute: str) -> None:
    for item in aws.dynamodb.scan(TableName="subjects")["Items"]:
        if item["pk"]["S"].startswith("subject#"):
            aws.dynamodb.update_item(
                TableName="subjects",
                Key={"pk": item["pk"]},
                UpdateExpression=f"SET {attribute} = :now",
                ExpressionAttributeValues={":now": {"S": "2026-11-01T00:00:00.000Z"}},
            )


def test_a_photo_whose_time_is_over_is_deleted_with_every_version_its_row_and_an_event(aws: Account) -> None:
    keep_for(aws, 30)
    upload = stored(aws)
    # An older version and a delete marker are of the photo too.
    (key,) = aws.objects("vault")
    aws.s3.put_object(Bucket="vault", Key=key, Body=b"again")
    aws.s3.delete_object(Bucket="vault", Key=key)

    assert sweep(aws, days=29) == {}
    assert row(aws, upload) is not None
    assert sweep(aws, days=31) == {"photo_expired": 1}

    left = aws.s3.list_object_versions(Bucket="vault")
    assert "Versions" not in left
    assert "DeleteMarkers" not in left
    assert row(aws, upload) is None
    expired = aws.chain(upload["id"])[-1]
    assert (expired["name"], expired["details"]["retention_days"]) == ("photo.expired", 30)
    assert aws.http("read_photo", "GET", f"/photos/{upload['id']}")[0] == 404


def test_another_photo_of_the_same_subject_stays(aws: Account) -> None:
    keep_for(aws, 30)
    first = stored(aws)
    keep_for(aws, 60)
    second = stored(aws)

    assert sweep(aws, days=31) == {"photo_expired": 1}

    assert row(aws, first) is None
    assert row(aws, second) is not None
    assert len(aws.objects("vault")) == 1


def test_what_was_promised_holds_though_the_policy_changes(aws: Account) -> None:
    keep_for(aws, 30)
    upload = stored(aws)
    keep_for(aws, 365)
    assert sweep(aws, days=31) == {"photo_expired": 1}

    keep_for(aws, 60)
    upload = stored(aws)
    keep_for(aws, 1)
    assert sweep(aws, days=31) == {}
    assert row(aws, upload) is not None


def test_a_kept_photo_s_row_has_no_ttl_and_any_other_has_its_purpose_s(aws: Account) -> None:
    keep_for(aws, 30)
    kept, retaken = stored(aws), aws.upload(photos.face())
    aws.process(retaken)

    assert "expires_at" not in (row(aws, kept) or {})
    left = row(aws, retaken) or {}
    assert left["status"]["S"] == "RETAKE"
    assert "due_at" not in left
    days = (datetime.fromtimestamp(int(left["expires_at"]["N"]), UTC) - datetime.now(UTC)) / timedelta(days=1)
    assert 29.9 < days <= 30


def test_a_photo_under_legal_hold_stays_until_the_hold_is_lifted(aws: Account) -> None:
    keep_for(aws, 30)
    stored(aws)
    mark_subject(aws, "held_at")

    assert sweep(aws, days=31) == {"held": 1}
    assert sweep(aws, days=31, hours=1) == {}
    assert len(aws.objects("vault")) == 1
    assert sweep(aws, days=32, hours=1) == {"held": 1}
    for item in aws.dynamodb.scan(TableName="subjects")["Items"]:
        aws.dynamodb.update_item(TableName="subjects", Key={"pk": item["pk"]}, UpdateExpression="REMOVE held_at")
    assert sweep(aws, days=34) == {"photo_expired": 1}
    assert aws.objects("vault") == []


@pytest.mark.parametrize("broken", ["delete", "append", "forget"])
def test_a_sweep_that_breaks_off_is_gone_on_with_and_leaves_one_event(
    aws: Account, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    keep_for(aws, 30)
    upload = stored(aws)
    app = aws.function("sweep_retention")
    target, name = {
        "delete": (Bucket, "delete"),
        "append": (type(aws.audit), "put"),
        "forget": (type(app.world.retention), "forget"),
    }[broken]
    with monkeypatch.context() as patched:
        patched.setattr(target, name, lambda *_: (_ for _ in ()).throw(NotPermitted("Expected; found")))
        assert sweep(aws, days=31) == {"failed_NotPermitted": 1}

    # Not at once again, so that many that fail do not stop those behind them; but soon.
    assert sweep(aws, days=31, minutes=30) == {}
    assert sweep(aws, days=31, hours=2) == {"photo_expired": 1}
    assert aws.names(upload["id"]).count("photo.expired") == 1
    assert row(aws, upload) is None


def test_one_that_cannot_be_deleted_does_not_keep_the_others_waiting(
    aws: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_for(aws, 30)
    uploads = [stored(aws) for _ in range(3)]
    real = Bucket.delete

    def fail_for_the_first(self: Bucket, key: str, version_id: str | None = None) -> None:
        if uploads[0]["id"] in key:
            raise NotPermitted("Expected; found")
        real(self, key, version_id)

    monkeypatch.setattr(Bucket, "delete", fail_for_the_first)
    assert sweep(aws, days=31) == {"failed_NotPermitted": 1, "photo_expired": 2}
    assert [uploads[0]["id"] in key for key in aws.objects("vault")] == [True]


def test_a_run_is_bounded_in_number_and_in_time_and_the_next_goes_on(
    aws: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_for(aws, 30)
    for _ in range(3):
        stored(aws)
    app = aws.function("sweep_retention")
    whole = app.SweepRetention

    assert sweep(aws, days=31, left_ms=1000) == {"left_for_the_next_run": 1}
    assert len(aws.objects("vault")) == 3
    monkeypatch.setattr(app, "SweepRetention", lambda **given: whole(**given, most=2))
    assert sweep(aws, days=31) == {"photo_expired": 2, "left_for_the_next_run": 1}
    assert sweep(aws, days=31) == {"photo_expired": 1}


def test_what_is_in_review_or_appealed_is_left_to_the_review(aws: Account) -> None:
    keep_for(aws, 30)
    upload = stored(aws)
    aws.dynamodb.update_item(
        TableName="uploads",
        Key={"pk": {"S": f"{TENANT}#{upload['id']}"}},
        UpdateExpression="SET #s = :review",
        ExpressionAttributeNames={"#s": "status"},
        ExpressionAttributeValues={":review": {"S": "IN_REVIEW"}},
    )

    assert sweep(aws, days=31) == {"in_review": 1}
    assert len(aws.objects("vault")) == 1


def test_a_consent_whose_time_is_over_expires_once_with_an_event(aws: Account) -> None:
    keep_for(aws, 365, consent_days=7)
    aws.consent()

    assert sweep(aws, days=6) == {}
    assert sweep(aws, days=8) == {"consent_expired": 1}
    assert sweep(aws, days=9) == {}

    (mine,) = aws.http("manage_consents", "GET", "/consents")[1]["consents"]
    assert ([e["state"] for e in mine["events"]], mine["valid"]) == (["given", "expired"], False)
    subjects = aws.function("manage_consents").world.identity
    subject = subjects.known(SimpleNamespace(tenant=TENANT, caller_id=CALLER))
    expired = aws.audit.last(f"{TENANT}/subject/{subject}", 1)[0].fields
    assert (expired["name"], expired["actor"]) == ("consent.expired", {"kind": "service", "id": "sweep_retention"})


def test_an_expired_consent_that_is_reconfirmed_expires_again(aws: Account) -> None:
    keep_for(aws, 365, consent_days=7)
    consent = aws.consent()
    sweep(aws, days=8)
    notice = aws.http("manage_consents", "GET", "/consents")[1]["purposes"][PURPOSE]["notice_hash"]
    app = aws.function("manage_consents")
    moment = datetime.now(UTC) + timedelta(days=10)
    app.system_clock = lambda: moment  # type: ignore[attr-defined]
    status, _ = aws.http("manage_consents", "POST", f"/consents/{consent}/reconfirm", {"notice_hash": notice})
    assert status == 200

    assert sweep(aws, days=16) == {}
    assert sweep(aws, days=18) == {"consent_expired": 1}


def test_a_withdrawn_or_refused_consent_does_not_expire(aws: Account) -> None:
    keep_for(aws, 365, consent_days=7)
    aws.http("manage_consents", "POST", f"/consents/{aws.consent()}/withdraw")

    assert sweep(aws, days=8) == {}


def test_an_event_that_the_log_did_not_get_is_written_by_the_sweep(
    aws: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    consent = aws.consent()
    with monkeypatch.context() as broken:
        broken.setattr(type(aws.audit), "put", lambda *_: (_ for _ in ()).throw(NotPermitted("Expected; found")))
        assert aws.http("manage_consents", "POST", f"/consents/{consent}/withdraw")[0] == 403

    assert sweep(aws, minutes=1) == {"consent_settled": 1}
    assert sweep(aws, minutes=2) == {}
    aws.seal()
    assert aws.http("manage_consents", "GET", f"/consents/{consent}/receipt")[0] == 200


def test_no_hold_is_found_where_there_is_no_subject(aws: Account) -> None:
    assert not DynamoSubjects(aws.dynamodb, "subjects").is_held(TENANT, "0" * 32)


@pytest.mark.parametrize(("days", "status"), [(2556, 200), (2557, 400)])
def test_no_policy_keeps_a_photo_longer_than_its_evidence(aws: Account, days: int, status: int) -> None:
    policy = Policy(purposes={PURPOSE: Purpose(notice="A notice.", retention_days=days)})

    found, answer = aws.http("manage_policy", "PUT", "/policy", policy.document().decode(), scopes="policy:write")

    assert found == status, answer
