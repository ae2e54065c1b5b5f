"""From a deployed log to an auditor's desk: export, verify, prove, check; resumed, in every format."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import botocore.client
import duckdb
import pytest
from click.testing import CliRunner, Result

from photogate.audit import export as exporting
from photogate.audit.damage import Damage
from photogate.audit.event import EventName, tenant_chain
from photogate.audit.ocsf import CLASSES
from photogate.cli import audit_table_export, cli
from tests.audit_builders import TENANT, a_log, an_event, ticking_clock
from tests.functions.sealing import Sealing, sealing_account
from tests.ledger_builders import EcSigner, a_record


@pytest.fixture
def sealing(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sealing]:
    with sealing_account(monkeypatch) as made:
        key = boto3.client("kms").create_key(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")
        monkeypatch.setenv("PHOTOGATE_PSEUDONYM_KEY", key["KeyMetadata"]["KeyId"])
        monkeypatch.setenv("PHOTOGATE_TENANT", TENANT)
        monkeypatch.setattr(exporting, "ROWS_IN_FILE", 10)
        start = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=40)
        made.log = a_log(made.audit, clock=ticking_clock(start))
        rows = [row for n in range(9) for row in made.append(3, f"{n:032x}")]
        for first in range(0, 27, 9):
            made.deliver(*map(a_record, rows[first : first + 9]))
        yield made


@pytest.fixture
def vkey(tmp_path: Path) -> Path:
    path = tmp_path / "log.vkey"
    path.write_text(str(EcSigner().key) + "\n")
    return path


def run(*arguments: Any) -> Result:
    return CliRunner().invoke(cli, ["audit", *map(str, arguments)])


def verified(out: Path, vkey: Path) -> Result:
    return run("verify", "--export", out, "--checkpoints", out / "ledger", "--vkey", vkey, "--json")


def test_an_export_verifies(sealing: Sealing, tmp_path: Path, vkey: Path) -> None:
    out = tmp_path / "out"
    assert run("export", "--out", out).exit_code == 0
    assert sorted(path.name for path in out.glob("events-*")) == [f"events-0000{n}.jsonl" for n in range(3)]
    result = verified(out, vkey)
    assert result.exit_code == 0, result.stderr
    report = json.loads(result.stdout)
    assert (report["rows"], report["chains"], report["checkpoints"]) == (27, 9, 3)


def test_an_export_is_one_event_of_the_one_who_made_it(sealing: Sealing, tmp_path: Path) -> None:
    run("export", "--out", tmp_path / "out")
    [row] = sealing.audit.last(tenant_chain(TENANT), 10)
    assert (row.fields["name"], row.fields["details"]["rows"]) == ("audit.exported", 27)
    assert row.fields["actor"]["kind"] == "staff"
    assert "gsi3pk" in row.index_keys


def test_an_export_that_was_stopped_goes_on(sealing: Sealing, tmp_path: Path, vkey: Path) -> None:
    out = tmp_path / "out"
    run("export", "--out", out)
    kept = (out / "events-00000.jsonl").stat().st_mtime_ns
    (out / "events-00001.jsonl").unlink()
    sealing.deliver(*map(a_record, sealing.append(4, "e" * 32)))
    result = run("export", "--out", out)
    assert "31 rows in out, 21 of them written now" in result.stderr
    assert (out / "events-00000.jsonl").stat().st_mtime_ns == kept
    assert json.loads(verified(out, vkey).stdout)["rows"] == 31


def test_a_row_that_was_edited_in_the_table_is_named(sealing: Sealing, tmp_path: Path, vkey: Path) -> None:
    out = tmp_path / "out"
    run("export", "--out", out)
    file = out / "events-00001.jsonl"
    file.write_bytes(file.read_bytes().replace(b"succeeded", b"refused", 1))
    result = verified(out, vkey)
    assert result.exit_code == Damage.EDITED
    assert json.loads(result.stdout) == {"ok": False, "damage": "edited", "place": "row 10"}


def test_rows_that_are_gone_before_their_time_are_missed(sealing: Sealing, tmp_path: Path, vkey: Path) -> None:
    key = {"pk": {"S": f"acme/photo/{0:032x}"}, "sk": {"N": "1"}}
    boto3.client("dynamodb").delete_item(TableName="audit", Key=key)
    out = tmp_path / "out"
    run("export", "--out", out)
    result = verified(out, vkey)
    assert result.exit_code == Damage.DELETED
    assert json.loads(result.stdout)["place"] == "row 1"


def test_rows_that_the_stream_never_brought_are_missed(sealing: Sealing, tmp_path: Path, vkey: Path) -> None:
    start = datetime.now(UTC) - timedelta(hours=1)
    sealing.log = a_log(sealing.audit, clock=ticking_clock(start))
    sealing.append(1, "f" * 32)
    out = tmp_path / "out"
    run("export", "--out", out)
    assert verified(out, vkey).exit_code == Damage.UNSEALED


def test_rows_of_another_tenant_that_the_stream_never_brought_are_missed_too(
    sealing: Sealing, tmp_path: Path, vkey: Path
) -> None:
    chain = tenant_chain("other")
    theirs = [
        sealing.log.append(an_event(f"Their{n}", tenant="other", upload_id=None, subject=None, chain=chain))
        for n in range(2)
    ]
    sealing.deliver(a_record(theirs[0]))
    sealing.log = a_log(sealing.audit, clock=ticking_clock(datetime.now(UTC) - timedelta(minutes=1)))
    sealing.deliver(*map(a_record, sealing.append(1, "d" * 32)))
    out = tmp_path / "out"
    run("export", "--out", out)
    assert verified(out, vkey).exit_code == Damage.UNSEALED
    left = [json.loads(line)["id"] for line in (out / "unsealed.jsonl").read_bytes().splitlines()]
    assert theirs[1].event_id in left
    assert theirs[0].event_id not in left


def test_a_receipt_proves_one_event(sealing: Sealing, tmp_path: Path, vkey: Path) -> None:
    out, receipt = tmp_path / "out", tmp_path / "event.tlog-proof"
    run("export", "--out", out)
    ledger = ["--export", out, "--checkpoints", out / "ledger", "--vkey", vkey]
    event = json.loads((out / "events-00001.jsonl").read_bytes().splitlines()[4])
    assert run("prove", event["id"], *ledger, "--out", receipt).exit_code == 0
    checked = run("check", receipt, "--vkey", vkey)
    assert (checked.exit_code, json.loads(checked.stdout)) == (0, event)
    assert "Row 14 of 27" in checked.stderr
    receipt.write_bytes(receipt.read_bytes().replace(b"index 14", b"index 15"))
    assert run("check", receipt, "--vkey", vkey).exit_code == 5
    assert run("prove", "no-such/Event", *ledger).exit_code == 1


def test_csv_and_parquet_hold_the_same_rows(sealing: Sealing, tmp_path: Path) -> None:
    for format in ("csv", "parquet"):
        assert run("export", "--format", format, "--out", tmp_path / format).exit_code == 0
    lines = [row for path in sorted((tmp_path / "csv").iterdir()) for row in csv.DictReader(path.open())]
    table = duckdb.sql(f"select index, id, seq, leaf from '{tmp_path}/parquet/*.parquet' order by index").fetchall()
    assert [(int(line["index"]), line["id"], int(line["seq"]), line["leaf"]) for line in lines] == table
    assert [row[0] for row in table] == list(range(27))


def test_ocsf_events_have_their_class_and_can_be_found_again(sealing: Sealing, tmp_path: Path) -> None:
    run("export", "--format", "ocsf", "--out", tmp_path / "ocsf")
    lines = [line for path in sorted((tmp_path / "ocsf").iterdir()) for line in path.read_text().splitlines()]
    events = [json.loads(line) for line in lines]
    assert len(events) == 27
    for index, event in enumerate(events):
        assert (event["class_uid"], event["type_uid"], event["category_uid"]) == (7002, 700204, 7)
        assert event["unmapped"]["index"] == index
        assert event["metadata"]["version"] == "1.8.0"
        assert event["time"] > 1_700_000_000_000


def test_every_event_name_has_an_ocsf_class_of_the_design() -> None:
    assert set(CLASSES) == set(EventName)
    assert {entry.uid for entry in CLASSES.values()} == {6003, 6005, 6006, 2006, 7002, 1008}


def test_a_file_that_is_no_verifier_key_is_a_usage_error(sealing: Sealing, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    wrong = tmp_path / "wrong"
    wrong.write_text("hello")
    result = run("verify", "--export", tmp_path / "out", "--checkpoints", tmp_path / "out", "--vkey", wrong)
    assert result.exit_code == 2


def test_the_deployed_log_proves_one_event_by_its_place_and_by_its_id(
    sealing: Sealing, tmp_path: Path, vkey: Path
) -> None:
    chain = f"acme/photo/{4:032x}"
    row = sealing.audit.get(chain, 2)
    assert row is not None
    for n, event in enumerate((f"photo.{4:032x}.2", row.event_id)):
        receipt = tmp_path / f"{n}.tlog-proof"
        assert run("prove", event, "--out", receipt).exit_code == 0
        checked = run("check", receipt, "--vkey", vkey)
        assert (checked.exit_code, json.loads(checked.stdout)) == (0, row.fields)
    asked = [r.fields["details"]["query"] for r in sealing.audit.last(tenant_chain(TENANT), 2)]
    assert asked == ["prove", "prove"]


@pytest.mark.parametrize("event", ["photo.{}.9", "no-such/Event", "photo.x"])
def test_an_event_that_the_deployed_log_does_not_have_is_refused(sealing: Sealing, event: str) -> None:
    assert run("prove", event.format("0" * 32)).exit_code == 1


def test_proving_needs_a_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PHOTOGATE_TENANT", raising=False)
    assert run("prove", "tenant.0").exit_code == 2


@pytest.fixture
def exports(sealing: Sealing, monkeypatch: pytest.MonkeyPatch) -> None:
    location = {"LocationConstraint": "eu-central-1"}
    boto3.client("s3").create_bucket(Bucket="exports", CreateBucketConfiguration=location)
    recovery = {"PointInTimeRecoveryEnabled": True}
    boto3.client("dynamodb").update_continuous_backups(TableName="audit", PointInTimeRecoverySpecification=recovery)
    monkeypatch.setenv("PHOTOGATE_EXPORTS_BUCKET", "exports")
    monkeypatch.setenv("PHOTOGATE_DATA_KEY", "arn:aws:kms:eu-central-1:123456789012:key/data")
    monkeypatch.setattr(audit_table_export, "POLL_S", 0.01)


def counted(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    calls: list[tuple[str, dict[str, Any]]] = []
    genuine = botocore.client.BaseClient._make_api_call

    def call(self: Any, operation: str, arguments: Any) -> Any:
        calls.append((operation, arguments))
        return genuine(self, operation, arguments)

    monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", call)
    return calls


def test_the_table_s_own_export_is_fetched_and_asked(
    sealing: Sealing, exports: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = counted(monkeypatch)
    result = run("export", "--format", "dynamodb", "--out", tmp_path)
    assert result.exit_code == 0, result.stderr
    assert "1 of 1 files" in result.stderr
    [asked] = [arguments for operation, arguments in calls if operation == "ExportTableToPointInTime"]
    assert (asked["S3Bucket"], asked["S3SseAlgorithm"]) == ("exports", "KMS")
    assert asked["S3SseKmsKeyId"].endswith("key/data")
    assert "Scan" not in {operation for operation, _ in calls}
    found = run("sql", "select name, count(*) as n from events group by all order by n", "--export", tmp_path)
    # The export itself is in it: it is written down before it begins.
    assert [json.loads(line) for line in found.stdout.splitlines()] == [
        {"name": "audit.exported", "n": 1},
        {"name": "metadata.stripped", "n": 27},
    ]


def test_the_table_s_own_export_goes_on_where_it_was(
    sealing: Sealing, exports: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("export", "--format", "dynamodb", "--out", tmp_path)
    [data] = tmp_path.glob("AWSDynamoDB/*/data/*.gz")
    kept = data.read_bytes()
    data.unlink()
    calls = counted(monkeypatch)
    assert run("export", "--format", "dynamodb", "--out", tmp_path).exit_code == 0
    assert data.read_bytes() == kept
    assert "ExportTableToPointInTime" not in {operation for operation, _ in calls}
    run("export", "--format", "dynamodb", "--out", tmp_path)
    assert [operation for operation, _ in calls].count("GetObject") == 1  # what is there is not copied again


def test_an_export_that_dynamodb_could_not_make_ends_with_its_code(
    sealing: Sealing, exports: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PHOTOGATE_EXPORTS_BUCKET", "no-such-bucket")
    result = run("export", "--format", "dynamodb", "--out", tmp_path)
    assert (result.exit_code, "S3NoSuchBucket" in result.stderr) == (1, True)


def test_an_export_whose_files_are_gone_is_no_export(sealing: Sealing, exports: None, tmp_path: Path) -> None:
    run("export", "--format", "dynamodb", "--out", tmp_path)
    s3 = boto3.client("s3")
    for entry in s3.list_objects_v2(Bucket="exports")["Contents"]:
        s3.delete_object(Bucket="exports", Key=entry["Key"])
    result = run("export", "--format", "dynamodb", "--out", tmp_path)
    assert (result.exit_code, "found none" in result.stderr) == (1, True)
