"""What happens when a client, an event or a workflow does not behave: nothing is lost, doubled, kept or told."""

import json
import secrets
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from local.client import Client, send_form
from local.cloud import LocalCloud
from tests import photos

BUCKETS = ("IncomingBucket", "WorkBucket", "QuarantineBucket", "VaultBucket")


@pytest.fixture
def courier(cloud: LocalCloud, acme: str) -> Client:
    return cloud.as_caller(acme, f"courier-{secrets.token_hex(4)}")


def versions(cloud: LocalCloud, bucket: str, part_of_key: str) -> list[str]:
    page = cloud.client("s3").list_object_versions(Bucket=cloud.resources[bucket])
    return [v["Key"] for v in [*page.get("Versions", []), *page.get("DeleteMarkers", [])] if part_of_key in v["Key"]]


def executions(cloud: LocalCloud) -> list[dict[str, Any]]:
    found = cloud.client("stepfunctions").list_executions(
        stateMachineArn=cloud.resources["ProcessPhoto"], maxResults=1000
    )
    return list(found["executions"])


def events(cloud: LocalCloud, chain: str) -> list[dict[str, Any]]:
    rows = cloud.client("dynamodb").query(
        TableName=cloud.resources["AuditTable"],
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": chain}},
        ConsistentRead=True,
    )["Items"]
    return [json.loads(row["body"]["S"]) for row in rows]


def until_quiet(cloud: LocalCloud, before: int) -> list[dict[str, Any]]:
    """Wait until an execution more than `before` was started and all have ended."""
    for _ in range(300):
        found = executions(cloud)
        if len(found) > before and all(e["status"] != "RUNNING" for e in found):
            return found
        time.sleep(0.2)
    raise AssertionError("Expected the workflow to have ended; found it running")


def test_a_second_file_through_the_same_form_changes_nothing_and_is_deleted(cloud: LocalCloud, courier: Client) -> None:
    photo = photos.parcel()
    upload = courier.request_upload(photos.face() + b"\0" * 100_000, "image/jpeg", courier.consent())
    before = len(executions(cloud))

    assert send_form(courier.pool, upload["post"], photo).status == 204
    assert courier.wait(upload["id"])["status"] == "ACCEPTED"
    assert send_form(courier.pool, upload["post"], photos.face()).status == 204
    until_quiet(cloud, before + 1)

    assert courier.status(upload["id"])["status"] == "ACCEPTED"
    assert not versions(cloud, "IncomingBucket", upload["id"])
    assert len(versions(cloud, "VaultBucket", upload["id"])) == 1


def test_two_executions_for_one_object_end_as_one(cloud: LocalCloud, courier: Client, acme: str) -> None:
    upload = courier.upload(photos.parcel())
    workflows = cloud.client("stepfunctions")
    machine = cloud.resources["ProcessPhoto"]
    same = next(
        found
        for found in (workflows.describe_execution(executionArn=e["executionArn"]) for e in executions(cloud))
        if upload in found["input"]
    )
    before = len(executions(cloud))

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda _: workflows.start_execution(stateMachineArn=machine, input=same["input"]), range(3)))

    assert courier.wait(upload)["status"] == "ACCEPTED"
    found = until_quiet(cloud, before + 2)
    assert {e["status"] for e in found} == {"SUCCEEDED"}
    names = [e["name"] for e in events(cloud, f"{acme}/photo/{upload}")]
    assert len(names) == len(set(names))
    assert len(versions(cloud, "VaultBucket", upload)) == 1


@pytest.mark.parametrize(
    "key",
    [
        "stray",
        "../../etc/passwd",
        "acme/" + "0" * 32 + "/" + "0" * 32,
        "tenant-0/" + "0" * 32 + "/" + "ü" * 32,
        "a" * 1024,
    ],
    ids=["stray", "dots", "unknown-tenant", "unicode", "1024-bytes"],
)
def test_an_object_that_no_upload_announced_is_deleted_with_an_event(cloud: LocalCloud, key: str) -> None:
    before = len(executions(cloud))
    cloud.client("s3").put_object(Bucket=cloud.resources["IncomingBucket"], Key=key, Body=photos.parcel())

    found = until_quiet(cloud, before)

    assert {e["status"] for e in found} == {"SUCCEEDED"}
    assert not versions(cloud, "IncomingBucket", key)
    deleted = [e for e in events(cloud, "unassigned/tenant") if e["name"] == "original.deleted"]
    assert deleted


def test_a_consent_withdrawn_before_the_photo_arrives_keeps_nothing(cloud: LocalCloud, courier: Client) -> None:
    consent = courier.consent()
    upload = courier.request_upload(photos.parcel(), "image/jpeg", consent)
    assert courier.post(f"/consents/{consent}/withdraw").status == 200

    assert send_form(courier.pool, upload["post"], photos.parcel()).status == 204

    ended = courier.wait(upload["id"])
    # Withdrawal starts the erasure, whose fence may come before admission looks at the consent.
    assert ended["status"] == "REJECTED"
    assert ended["reason"] in ("no_consent", "fenced")
    for bucket in BUCKETS:
        assert not versions(cloud, bucket, upload["id"]), bucket


@pytest.fixture
def workflow_out_of_order(cloud: LocalCloud) -> Iterator[None]:
    """Keep S3's events from starting the workflow."""
    rules = cloud.client("events")
    rule = cloud.resources["ProcessPhotoUploaded"]
    rules.disable_rule(Name=rule)
    yield
    rules.enable_rule(Name=rule)


def an_hour_ago(cloud: LocalCloud, tenant: str, upload: str, *fields: str, only_where: str = "pk") -> None:
    """Date fields of an upload's row back, if it has the field that says that the upload is open."""
    then = (datetime.now(UTC) - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
    cloud.client("dynamodb").update_item(
        TableName=cloud.resources["UploadsTable"],
        Key={"pk": {"S": f"{tenant}#{upload}"}},
        UpdateExpression="SET " + ", ".join(f"{f} = :then" for f in fields),
        ConditionExpression=f"attribute_exists({only_where})",
        ExpressionAttributeValues={":then": {"S": then}},
    )


def test_what_a_workflow_left_half_done_is_swept_into_quarantine(
    cloud: LocalCloud, courier: Client, acme: str, workflow_out_of_order: None
) -> None:
    upload = courier.upload(photos.parcel())
    incoming = cloud.resources["IncomingBucket"]
    (key,) = versions(cloud, "IncomingBucket", upload)
    head = cloud.client("s3").head_object(Bucket=incoming, Key=key)
    admitted = cloud.invoke(
        "AdmitUploadFunction",
        {"bucket": incoming, "object": {"key": key, "version-id": head["VersionId"]}, "execution_id": "timed-out"},
    )
    assert admitted["admission"] == "admitted"
    assert courier.status(upload)["status"] == "PROCESSING"

    assert "in_review" not in cloud.invoke("SweepUploadsFunction", {})  # others may still be at work on it
    an_hour_ago(cloud, acme, upload, "claimed_at", "open_since")
    assert cloud.invoke("SweepUploadsFunction", {})["in_review"] == 1

    ended = courier.status(upload)
    assert (ended["status"], ended["reason"]) == ("IN_REVIEW", "timed_out")
    assert versions(cloud, "QuarantineBucket", upload)
    assert not versions(cloud, "IncomingBucket", upload)


def test_what_was_never_uploaded_expires(cloud: LocalCloud, courier: Client, acme: str) -> None:
    upload = courier.request_upload(photos.parcel(), "image/jpeg", courier.consent())["id"]
    an_hour_ago(cloud, acme, upload, "created_at", "open_since")

    assert cloud.invoke("SweepUploadsFunction", {})["expired"] == 1

    ended = courier.status(upload)
    assert (ended["status"], ended["reason"]) == ("EXPIRED", "never_uploaded")


def test_no_state_log_event_or_table_holds_a_value_of_the_photo_or_its_sender(cloud: LocalCloud, acme: str) -> None:
    planted = f"planted{secrets.token_hex(6)}"
    courier = cloud.as_caller(acme, f"caller-{planted}")
    consent = courier.consent()
    courier.post("/uploads", {"content_type": f"image/{planted}", planted: planted, "consent_id": planted})
    courier.post("/uploads", planted.encode(), {"idempotency-key": planted, "x-note": planted})
    courier.get(f"/uploads/{planted}")
    uploads = []
    for picture in ("coffee", "astronaut"):
        photo = photos.encode(photos.picture(picture), exif=photos.exif(planted))
        assert planted.encode() in photo
        uploads.append(courier.upload(photo, consent_id=consent))
        courier.wait(uploads[-1])
    courier.wait(courier.upload(f"not a picture, {planted}".encode(), consent_id=consent))

    found: dict[str, str] = {"logs": "\n".join(cloud.logs()), "server": cloud.places.log.read_text()}
    workflows = cloud.client("stepfunctions")
    for execution in executions(cloud):
        history = workflows.get_execution_history(executionArn=execution["executionArn"], maxResults=1000)
        found[execution["name"]] = json.dumps(history["events"], default=str)
    for name, kind in cloud.types.items():
        if kind == "AWS::DynamoDB::Table":
            found[name] = json.dumps(
                cloud.client("dynamodb").scan(TableName=cloud.resources[name])["Items"], default=str
            )
    for bucket in BUCKETS:
        s3, name = cloud.client("s3"), cloud.resources[bucket]
        for held in s3.list_objects_v2(Bucket=name).get("Contents", []):
            body = s3.get_object(Bucket=name, Key=held["Key"])["Body"].read()
            found[f"{bucket} {held['Key']}"] = body.decode("latin-1")

    # The search finds what may be there: the uploads' own ids.
    for upload in uploads:
        assert {"logs", "UploadsTable", "AuditTable"} <= {where for where, text in found.items() if upload in text}
    assert not [where for where, text in found.items() if planted in text]
