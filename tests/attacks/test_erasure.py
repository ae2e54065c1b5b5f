"""Claim: after erasure no original is read again, whatever was copied before, as long as the key's row is not put back;
and the certificate says until when a backup of that row can be."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from photogate.errors import Fenced, IntegrityError, NotFound, PhotogateError
from tests import photos
from tests.functions.cloud import TENANT, Account, account
from tests.functions.erasing import ORIGINAL, Stock, events_of, left_of, other_stock, rows_of, sealed_bucket, stock

BUCKETS = ("incoming", "work", "quarantine", "vault")
TABLES = ("uploads", "subjects", "consents", "policies", "audit")


def copy_of_everything(aws: Account) -> dict[str, Any]:
    """Take a copy of every object version and every row, as a thief or a backup has it."""
    objects = []
    for bucket in BUCKETS:
        for version in aws.s3.list_object_versions(Bucket=bucket).get("Versions", []):
            which = {"Bucket": bucket, "Key": version["Key"]}
            if version["VersionId"] != "null":
                which["VersionId"] = version["VersionId"]
            objects.append((bucket, version["Key"], aws.s3.get_object(**which)["Body"].read()))
    return {"objects": objects, "rows": {t: aws.dynamodb.scan(TableName=t)["Items"] for t in TABLES}}


def put_back(aws: Account, copy: dict[str, Any], tables: tuple[str, ...]) -> None:
    """Restore a copy: all objects, and the rows of some tables."""
    for bucket, key, body in copy["objects"]:
        aws.s3.put_object(Bucket=bucket, Key=key, Body=body)
    for table in tables:
        for row in copy["rows"][table]:
            aws.dynamodb.put_item(TableName=table, Item=row)


def without_keys(copy: dict[str, Any]) -> dict[str, Any]:
    """Give the copy without the wrapped keys: every other attribute of every row is there."""
    rows = copy["rows"]["subjects"]
    bare = [{name: value for name, value in row.items() if name != "wrapped_key"} for row in rows]
    return {**copy, "rows": {**copy["rows"], "subjects": bare}}


def erased_with_copy(aws: Account) -> tuple[Stock, dict[str, Any], str]:
    mine = stock(aws)
    assert sealed_bucket(aws).open(mine.uploads[0]) == ORIGINAL
    copy = copy_of_everything(aws)
    erasure = aws.ask_erasure()
    assert aws.erase(erasure) == "erased"
    return mine, copy, erasure


def test_everything_restored_but_the_key_reads_no_original(aws: Account) -> None:
    mine, copy, _ = erased_with_copy(aws)

    put_back(aws, without_keys(copy), TABLES)

    assert len(left_of(aws, mine)["quarantine"]) == 3
    for place in mine.uploads:
        with pytest.raises(NotFound, match="data key"):
            sealed_bucket(aws).open(place)
    for _, _, body in [o for o in copy["objects"] if o[0] == "quarantine"]:
        assert ORIGINAL[:32] not in body


def test_a_key_of_anybody_else_does_not_open_it_either(aws: Account) -> None:
    mine, copy, _ = erased_with_copy(aws)
    other = other_stock(aws)
    put_back(aws, without_keys(copy), TABLES)
    rows = {row["pk"]["S"]: row for row in aws.dynamodb.scan(TableName="subjects")["Items"]}
    theirs = rows[f"subject#{TENANT}#{other.subject}"]
    ours = rows[f"subject#{TENANT}#{mine.subject}"]
    stolen = {"wrapped_key": theirs["wrapped_key"], "key_id": theirs["key_id"]}
    aws.dynamodb.put_item(TableName="subjects", Item={**ours, **stolen})

    with pytest.raises(IntegrityError, match="wrapped for this subject"):
        sealed_bucket(aws).open(mine.uploads[0])


def test_the_subjects_table_restored_brings_the_key_back_and_the_certificate_says_until_when(aws: Account) -> None:
    mine, copy, erasure = erased_with_copy(aws)
    certificate = aws.http("manage_erasures", "GET", f"/erasures/{erasure}")[1]["certificate"]

    put_back(aws, copy, TABLES)

    # The copy was taken before the key was deleted; the table's own backups go back one day, so whoever restores at
    # the last moment that the certificate names gets a table as it was when the key was deleted, and no later one.
    assert sealed_bucket(aws).open(mine.uploads[0]) == ORIGINAL
    window = certificate["recovery"]["subjects_table"]
    gone, until = datetime.fromisoformat(certificate["key_deleted_at"]), datetime.fromisoformat(window["until"])
    assert until - gone == timedelta(days=window["days"]) == timedelta(days=1)
    last_event = events_of(aws, mine.subject)[-1]
    assert last_event["details"]["key_recoverable_until"] == int(until.timestamp())
    assert datetime.fromisoformat(last_event["time"]) <= until


def test_the_certificate_names_the_recovery_window_of_every_other_place(aws: Account) -> None:
    _, _, erasure = erased_with_copy(aws)
    certificate = aws.http("manage_erasures", "GET", f"/erasures/{erasure}")[1]["certificate"]
    recovery = certificate["recovery"]
    assert set(recovery["buckets"]) == set(BUCKETS)
    assert set(recovery) == {"buckets", "subjects_table", "uploads_table"}
    until = datetime.fromisoformat(recovery["uploads_table"]["until"])
    assert until - datetime.fromisoformat(certificate["key_deleted_at"]) == timedelta(days=35)
    assert certificate["unreadable_without_the_key"] == ["quarantine"]


def test_an_erasure_while_an_upload_runs_leaves_nothing_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The erasure is asked for and fences before each step of the workflow; it deletes after the workflow has ended."""
    small = photos.encode(photos.picture("coffee").resize((128, 128)))
    for at in range(5):
        with account(monkeypatch) as aws:
            monkeypatch.setenv("PHOTOGATE_ERASURE_WAIT_SECONDS", "3600")
            upload = aws.upload(small)
            subject = aws.pseudonym()
            asked = fenced_at_step(aws, at)

            aws.process(upload)

            assert len(asked) == 1
            monkeypatch.setenv("PHOTOGATE_ERASURE_WAIT_SECONDS", "0")
            aws.functions.pop("erase_subject")
            assert aws.erase(asked[0]) == "erased"
            assert {bucket: aws.objects(bucket) for bucket in BUCKETS} == {bucket: [] for bucket in BUCKETS}
            row = aws.dynamodb.scan(TableName="uploads")["Items"][0]
            assert row["status"]["S"] == "ERASED"
            assert [e["name"] for e in events_of(aws, subject)].count("subject.erased") == 1


def fenced_at_step(aws: Account, at: int) -> list[str]:
    """Have an erasure asked for and the fence set just before the nth step of the workflow."""
    asked: list[str] = []
    real, calls = aws.call, [0]

    def call(function: str, event: dict[str, Any]) -> dict[str, Any]:
        if not function.startswith(("manage_", "erase_", "read_", "request_")):
            if calls[0] == at:
                asked.append(aws.ask_erasure())
                progress = real("erase_subject", {"tenant": TENANT, "erasure_id": asked[0]})
                assert progress["status"] == "waiting"
            calls[0] += 1
        return real(function, event)

    aws.call = call  # type: ignore[method-assign]
    return asked


def test_an_execution_that_outlived_the_wait_cannot_store_for_an_erased_subject(aws: Account) -> None:
    upload = aws.upload(photos.encode(photos.picture("coffee").resize((128, 128))))
    state = aws.call("admit_upload", aws.created(upload))
    state["strip"] = aws.call("strip_metadata", state)
    state["detect"] = aws.call("detect_faces", state)
    assert aws.erase(aws.ask_erasure()) == "erased"

    with pytest.raises(Fenced):
        aws.call("store_photo", state)
    with pytest.raises(PhotogateError):
        aws.call("record_outcome", {**state, "retake": {"scene": {}}})

    row = aws.dynamodb.scan(TableName="uploads")["Items"][0]
    assert row["status"]["S"] == "ERASED"
    assert {bucket: aws.objects(bucket) for bucket in BUCKETS} == {bucket: [] for bucket in BUCKETS}


def test_no_row_of_an_erased_subject_leads_to_its_caller(aws: Account) -> None:
    mine, _, erasure = erased_with_copy(aws)
    record = next(
        item for item in aws.dynamodb.scan(TableName="subjects")["Items"] if item["pk"]["S"].startswith("erasure#")
    )
    assert record["pk"]["S"].endswith(erasure)
    held = json.dumps([*rows_of(aws, mine), *aws.dynamodb.scan(TableName="consents")["Items"]])
    assert "driver-17" not in held + record["record"]["S"]
    assert "mac" not in record["record"]["S"]
