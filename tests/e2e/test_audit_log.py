"""The audit log of the running service: sealed from its stream, signed by KMS, verified offline."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from local.cloud import LocalCloud
from photogate.audit.damage import Damage
from photogate.config import REPOSITORY

PATIENCE_S = 60


def sealed_size(cloud: LocalCloud) -> int:
    item = (
        cloud.client("dynamodb").get_item(TableName=cloud.outputs["LedgerTable"], Key={"pk": {"S": "log"}}).get("Item")
    )
    return int(item["size"]["N"]) if item else 0


def signed(cloud: LocalCloud, size: int) -> bool:
    listed = cloud.client("s3").list_objects_v2(Bucket=cloud.outputs["LedgerBucket"], Prefix="checkpoint/")
    return f"checkpoint/{size:020d}" in {entry["Key"] for entry in listed.get("Contents", [])}


def settled(cloud: LocalCloud, at_least: int) -> int:
    """Wait until so many rows are sealed, and what is sealed is signed."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        size = sealed_size(cloud)
        if size >= at_least and signed(cloud, size):
            return size
        time.sleep(1)
    raise AssertionError(f"Expected {at_least} sealed rows within {PATIENCE_S} s; found {sealed_size(cloud)}")


def verify(out: Path, vkey: Path) -> subprocess.CompletedProcess[str]:
    words = [
        "audit",
        "verify",
        "--export",
        str(out),
        "--checkpoints",
        str(out / "ledger"),
        "--vkey",
        str(vkey),
        "--json",
    ]
    return subprocess.run(
        [sys.executable, "-m", "photogate", *words],
        env={"PYTHONPATH": str(REPOSITORY / "shared")},  # no credentials, no endpoint: files alone
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def exported(
    cloud: LocalCloud, acme: str, run_photogate: Callable[..., str], tmp_path_factory: Any
) -> tuple[Path, Path]:
    """Give an export of the running log, with its key."""
    cloud.invoke("SealAuditFunction", {"id": "schedule-1", "source": "aws.events"})
    settled(cloud, 2)  # the tenant's policy and the heartbeat, at least
    folder = tmp_path_factory.mktemp("audit")
    vkey = folder / "log.vkey"
    vkey.write_text(run_photogate("audit", "vkey"))
    run_photogate("audit", "export", "--tenant", acme, "--out", str(folder / "out"))
    return folder / "out", vkey


def test_the_running_log_verifies_offline_under_the_key_of_kms(exported: tuple[Path, Path]) -> None:
    result = verify(*exported)
    assert result.returncode == 0, result.stderr
    report = json.loads(result.stdout)
    assert report["rows"] == report["size"] >= 2
    assert report["heartbeats"] >= 1


def test_the_stack_publishes_the_key_that_kms_signs_with(cloud: LocalCloud, run_photogate: Callable[..., str]) -> None:
    assert cloud.outputs["Vkey"] == run_photogate("audit", "vkey").strip()


def test_an_event_of_the_running_log_is_proved_and_checked(
    exported: tuple[Path, Path], run_photogate: Callable[..., str], acme: str, tmp_path: Path
) -> None:
    receipt = tmp_path / "event.tlog-proof"
    run_photogate("audit", "prove", "tenant.0", "--tenant", acme, "--out", str(receipt))
    event = json.loads(run_photogate("audit", "check", str(receipt), "--vkey", str(exported[1])))
    assert (event["chain"], event["seq"]) == (f"{acme}/tenant", 0)


def test_the_daily_look_at_the_running_log_finds_it_whole(cloud: LocalCloud, exported: tuple[Path, Path]) -> None:
    assert cloud.invoke("VerifyAuditFunction", {"id": "day-1", "source": "aws.events"})["exit_code"] == 0
    rows = cloud.client("dynamodb").query(
        TableName=cloud.outputs["AuditTable"],
        KeyConditionExpression="pk = :chain",
        ExpressionAttributeValues={":chain": {"S": "photogate/tenant"}},
    )["Items"]
    assert "audit.verified" in {json.loads(row["body"]["S"])["name"] for row in rows}


def test_an_edited_row_of_it_is_named(exported: tuple[Path, Path], tmp_path: Path) -> None:
    out, vkey = exported
    file = next(out.glob("events-*.jsonl"))
    genuine = file.read_bytes()
    try:
        file.write_bytes(genuine.replace(b'"succeeded"', b'"refused"', 1))
        assert verify(out, vkey).returncode == Damage.EDITED
    finally:
        file.write_bytes(genuine)


def test_a_row_that_an_administrator_replaces_in_the_table_raises_an_alert(cloud: LocalCloud, acme: str) -> None:
    dynamodb, table = cloud.client("dynamodb"), cloud.outputs["AuditTable"]
    key = {"pk": {"S": f"{acme}/tenant"}, "sk": {"N": "0"}}
    item = dynamodb.get_item(TableName=table, Key=key)["Item"]
    forged = item | {"body": {"S": item["body"]["S"].replace('"succeeded"', '"refused"')}}
    dynamodb.put_item(TableName=table, Item=forged)
    try:
        # The tenant's own chain is damaged now, so the alert stands in the log's.
        end = time.monotonic() + PATIENCE_S
        alerts: list[Any] = []
        while not alerts and time.monotonic() < end:
            time.sleep(1)
            rows = dynamodb.query(
                TableName=table,
                KeyConditionExpression="pk = :chain",
                ExpressionAttributeValues={":chain": {"S": "photogate/tenant"}},
            )["Items"]
            events = [json.loads(row["body"]["S"]) for row in rows]
            alerts = [event["details"] for event in events if event["name"] == "integrity.alerted"]
        assert [(alert["change"], alert["sequence"]) for alert in alerts] == [("modified", 0)]
    finally:
        dynamodb.put_item(TableName=table, Item=item)
