"""Consent, retention and subject access on the running service, under its own roles."""

import json
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from local.client import Answer, Client
from local.cloud import LocalCloud
from photogate.audit.note import parse_vkey
from photogate.audit.receipt import check_receipt
from tests import photos

PATIENCE_S = 60


@pytest.fixture
def caller() -> str:
    return f"courier-{os.urandom(4).hex()}@example.com"


@pytest.fixture
def courier(cloud: LocalCloud, acme: str, caller: str) -> Client:
    return cloud.as_caller(acme, caller)


def sealed(client: Client, path: str) -> Answer:
    """Ask for a receipt until its event is sealed."""
    end = time.monotonic() + PATIENCE_S
    while (answer := client.get(path)).status == 503 and time.monotonic() < end:
        time.sleep(1)
    return answer


def stamp_back(cloud: LocalCloud, table: str, key: dict[str, Any], *attributes: str) -> None:
    """Let what an index has as due in a year be due since an hour ago."""
    past = (datetime.now(UTC) - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    cloud.client("dynamodb").update_item(
        TableName=cloud.resources[table],
        Key=key,
        UpdateExpression="SET " + ", ".join(f"{a} = :past" for a in attributes),
        ExpressionAttributeValues={":past": {"S": past}},
    )


def versions(cloud: LocalCloud, part_of_key: str) -> list[str]:
    page = cloud.client("s3").list_object_versions(Bucket=cloud.resources["VaultBucket"])
    return [v["Key"] for v in [*page.get("Versions", []), *page.get("DeleteMarkers", [])] if part_of_key in v["Key"]]


def test_each_event_of_a_consent_has_a_receipt_that_checks_with_the_published_key(
    courier: Client, run_photogate: Callable[..., str]
) -> None:
    consent = courier.consent()
    notice = courier.get("/consents").json["purposes"]["proof_of_delivery"]["notice_hash"]
    assert courier.post(f"/consents/{consent}/reconfirm", {"notice_hash": notice}).status == 200
    withdrawn = courier.post(f"/consents/{consent}/withdraw")
    assert (withdrawn.status, withdrawn.json["state"]) == (200, "withdrawn")
    vkey = parse_vkey(run_photogate("audit", "vkey").strip())

    answers = [sealed(courier, event["receipt"]) for event in withdrawn.json["events"]]

    assert [answer.status for answer in answers] == [200, 200, 200]
    proved = [json.loads(check_receipt(answer.body, vkey)[0]) for answer in answers]
    assert [e["name"] for e in proved] == ["consent.given", "consent.reconfirmed", "consent.withdrawn"]
    assert {e["details"]["consent_id"] for e in proved} == {consent}


def test_what_is_due_is_listed_and_swept_by_a_role_that_cannot_read_it(
    cloud: LocalCloud, courier: Client, acme: str, run_photogate: Callable[..., str]
) -> None:
    upload = courier.upload(photos.parcel())
    assert courier.wait(upload)["status"] == "ACCEPTED"
    assert versions(cloud, upload)
    assert cloud.invoke("SweepRetentionFunction", {}).get("photo_expired") is None
    stamp_back(cloud, "UploadsTable", {"pk": {"S": f"{acme}#{upload}"}}, "retain_until", "due_at")
    listed = run_photogate("retention", "due", "--tenant", acme, "--format", "json").splitlines()
    assert [(p["photo"], p["state"]) for p in map(json.loads, listed)] == [(upload, "due")]

    assert cloud.invoke("SweepRetentionFunction", {})["photo_expired"] == 1

    assert versions(cloud, upload) == []
    assert courier.get(f"/uploads/{upload}").status == 404
    assert run_photogate("retention", "due", "--tenant", acme, "--format", "json") == ""


def test_an_expired_consent_is_swept_and_allows_nothing(
    cloud: LocalCloud, courier: Client, acme: str, caller: str, run_photogate: Callable[..., str]
) -> None:
    consent = courier.consent()
    subject = run_photogate("subject", "find", "--tenant", acme, "--caller-id-file", "-", stdin=caller).strip()
    key = {"pk": {"S": f"{acme}#{subject}"}, "sk": {"S": consent}}
    stamp_back(cloud, "ConsentsTable", key, "valid_until", "due_at", "events[0].valid_until")

    assert cloud.invoke("SweepRetentionFunction", {})["consent_expired"] == 1

    (mine,) = courier.get("/consents").json["consents"]
    assert ([e["state"] for e in mine["events"]], mine["valid"]) == (["given", "expired"], False)
    wanted = {"content_type": "image/jpeg", "size": 10, "purpose": "proof_of_delivery", "consent_id": consent}
    assert courier.post("/uploads", wanted).json["reason"] == "no_consent"


def test_a_subject_is_found_and_given_all_that_is_kept(
    courier: Client, acme: str, caller: str, run_photogate: Callable[..., str], tmp_path: Path
) -> None:
    kept, refused = courier.upload(photos.parcel()), courier.upload(photos.face())
    assert (courier.wait(kept)["status"], courier.wait(refused)["status"]) == ("ACCEPTED", "RETAKE")
    mine = courier.get("/consents").json["consents"]
    assert sealed(courier, mine[0]["events"][0]["receipt"]).status == 200
    subject = run_photogate("subject", "find", "--tenant", acme, "--caller-id-file", "-", stdin=caller + "\n").strip()

    run_photogate("subject", "export", subject, "--tenant", acme, "--out", str(tmp_path / "out"))
    run_photogate("consent", "export", subject, "--tenant", acme, "--out", str(tmp_path / "consents"))

    document = json.loads((tmp_path / "out" / "subject.json").read_text())
    files = {u["id"]: u["file"] for u in document["uploads"]}
    assert files == {kept: f"photos/{kept}.jpg", refused: None}
    assert (tmp_path / "out" / "photos" / f"{kept}.jpg").read_bytes()[:3] == b"\xff\xd8\xff"
    vkey = tmp_path / "log.vkey"
    vkey.write_text(run_photogate("audit", "vkey"))
    receipts = sorted((tmp_path / "out" / "receipts").iterdir())
    assert len(receipts) > 8
    checked = json.loads(run_photogate("audit", "check", str(receipts[0]), "--vkey", str(vkey)))
    assert checked["subject"] == subject
    records = json.loads((tmp_path / "consents" / "consents.json").read_text())
    assert {r["header"]["record_id"] for r in records} == {c["id"] for c in mine}
    assert caller not in "".join(f.read_text() for f in (tmp_path / "out").iterdir() if f.is_file())
