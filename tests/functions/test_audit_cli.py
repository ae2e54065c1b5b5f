"""`photogate audit list` and `show` against a table: answers, formats, exit codes, and one event a command."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from click.testing import CliRunner, Result
from moto import mock_aws

from photogate.audit.event import DetailKey, EventName, tenant_chain
from photogate.aws.audit_table import AuditTable, item_of
from photogate.aws.kms import HmacKey
from photogate.aws.subjects_table import DynamoSubjects
from photogate.cli import cli
from photogate.subjects import caller_message
from tests.audit_builders import SUBJECT, TENANT, UPLOAD, MemoryStore, a_log, an_event, ticking_clock

REGION = "eu-west-1"


def tomorrow() -> str:
    """Give the date of tomorrow, asked anew each time: a run of all tests may cross midnight."""
    return (datetime.now(UTC) + timedelta(days=1)).strftime("%Y-%m-%d")


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> Iterator[AuditTable]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    with mock_aws():
        client = boto3.client("dynamodb")
        create_audit_table(client, "audit")
        key = boto3.client("kms").create_key(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")
        monkeypatch.setenv("PHOTOGATE_AUDIT_TABLE", "audit")
        monkeypatch.setenv("PHOTOGATE_PSEUDONYM_KEY", key["KeyMetadata"]["KeyId"])
        monkeypatch.setenv("PHOTOGATE_TENANT", TENANT)
        table = AuditTable(client, "audit")
        log = a_log(table, clock=ticking_clock(datetime.now(UTC).replace(microsecond=0)), retention_days=30)
        log.append(an_event("Admit"))
        log.append(an_event("Decide", details={DetailKey.DECISION: "RETAKE"}))
        yield table


def create_audit_table(client: Any, name: str) -> None:
    names = [f"gsi{n}{part}" for n in (1, 2, 3, 4) for part in ("pk", "sk")]
    client.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[
            {"AttributeName": "pk", "AttributeType": "S"},
            {"AttributeName": "sk", "AttributeType": "N"},
            *({"AttributeName": n, "AttributeType": "S"} for n in names),
        ],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        GlobalSecondaryIndexes=[
            {
                "IndexName": index,
                "KeySchema": [
                    {"AttributeName": f"gsi{n}pk", "KeyType": "HASH"},
                    {"AttributeName": f"gsi{n}sk", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "ALL"},
            }
            for n, index in enumerate(("by_tenant_day", "by_subject", "by_exception", "by_actor"), start=1)
        ],
    )


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["audit", *arguments])


def lines(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.mark.parametrize(
    ("options", "steps"),
    [
        ([], ["Admit", "Decide"]),
        (["--photo", UPLOAD], ["Admit", "Decide"]),
        (["--subject", SUBJECT], ["Admit", "Decide"]),
        (["--exceptions"], ["Decide"]),
        (["--exceptions", "tamper"], []),
        (["--since", "2020-01-01", "--until", "2020-02-01"], []),
        (["--limit", "1"], ["Admit"]),
    ],
)
def test_list_answers_as_json_lines_where_stdout_is_no_terminal(
    table: AuditTable, options: list[str], steps: list[str]
) -> None:
    result = (
        run("list", "--until", tomorrow(), "--since", "1h", *options)
        if "--since" not in options
        else run("list", *options)
    )
    assert result.exit_code == 0, result.stderr
    assert [line["id"].split("/")[1] for line in lines(result)] == steps


def test_a_stop_at_the_limit_is_said(table: AuditTable) -> None:
    result = run("list", "--until", tomorrow(), "--since", "1h", "--limit", "1")
    assert "Stopped after 1 events" in result.stderr


def test_a_query_leaves_one_event_however_many_rows_it_gives(table: AuditTable) -> None:
    run("list", "--photo", UPLOAD, "--until", tomorrow())
    [row] = table.last(tenant_chain(TENANT), 10)
    assert row.fields["name"] == "audit.queried"
    assert row.fields["actor"]["kind"] == "staff"
    assert row.fields["upload_id"] == UPLOAD
    assert row.fields["details"] == {"pages": 1, "query": "list", "rows": 2}


def test_staff_finds_what_it_asked_by_its_own_pseudonym(table: AuditTable) -> None:
    run("show", UPLOAD)
    [row] = table.last(tenant_chain(TENANT), 10)
    found = run("list", "--actor", row.fields["actor"]["id"], "--until", tomorrow())
    assert [line["details"]["query"] for line in lines(found)] == ["show"]


def test_show_is_a_photo_s_timeline_and_says_that_it_is_whole(table: AuditTable) -> None:
    result = run("show", UPLOAD, "--format", "csv")
    assert result.exit_code == 0
    assert [row["seq"] for row in csv.DictReader(io.StringIO(result.stdout))] == ["0", "1"]
    assert "2 events, each linked" in result.stderr


def test_show_prints_a_table(table: AuditTable) -> None:
    result = run("show", UPLOAD, "--format", "table")
    assert "metadata.stripped" in result.stdout
    assert "decision=RETAKE" in result.stdout


def test_a_photo_without_events_is_refused(table: AuditTable) -> None:
    assert run("show", "0" * 32).exit_code == 1
    assert run("show", "no-such").exit_code == 1


def test_a_row_that_was_replaced_ends_with_the_integrity_code(table: AuditTable) -> None:
    forged = a_log(table).append(an_event("Forged", upload_id="9" * 32, chain=f"{TENANT}/photo/{'9' * 32}"))
    item = item_of(forged)
    item["pk"], item["sk"] = {"S": f"{TENANT}/photo/{UPLOAD}"}, {"N": "1"}
    boto3.client("dynamodb").put_item(TableName="audit", Item=item)
    result = run("show", UPLOAD)
    assert result.exit_code == 5
    assert "IntegrityError" in result.stderr


def test_never_a_scan(table: AuditTable, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    import botocore.client

    genuine = botocore.client.BaseClient._make_api_call

    def counted(self: Any, operation: str, arguments: Any) -> Any:
        calls.append(operation)
        return genuine(self, operation, arguments)

    monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", counted)
    now = datetime.now(UTC).strftime("%Y-%m-%d")
    run("list", "--since", now, "--until", now + "T23:59")
    assert sorted(calls) == ["GenerateMac", "GetCallerIdentity", "PutItem"] + ["Query"] * 5  # 4 shards, 1 tail


def test_the_stack_s_outputs_can_stand_in_for_settings(
    table: AuditTable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = os.environ["PHOTOGATE_PSEUDONYM_KEY"]
    monkeypatch.delenv("PHOTOGATE_PSEUDONYM_KEY")
    monkeypatch.delenv("PHOTOGATE_AUDIT_TABLE")
    assert run("show", UPLOAD).exit_code == 2
    plain = tmp_path / "outputs.json"
    plain.write_text(json.dumps({"AuditTable": "audit", "PseudonymKey": key, "Other": "x"}))
    assert run("show", UPLOAD, "--outputs", str(plain)).exit_code == 0
    described = tmp_path / "stacks.json"
    outputs = [{"OutputKey": "AuditTable", "OutputValue": "audit"}, {"OutputKey": "PseudonymKey", "OutputValue": key}]
    described.write_text(json.dumps({"Stacks": [{"Outputs": outputs}]}))
    assert run("show", UPLOAD, "--outputs", str(described)).exit_code == 0


def test_without_leave_to_append_nothing_is_shown(table: AuditTable, monkeypatch: pytest.MonkeyPatch) -> None:
    from photogate.errors import NotPermitted

    def refuse(self: Any, row: Any) -> None:
        raise NotPermitted("Expected PutItem to be allowed; found AccessDeniedException")

    monkeypatch.setattr(AuditTable, "put", refuse)
    result = run("show", UPLOAD)
    assert (result.exit_code, result.stdout) == (4, "")


def test_a_person_is_found_by_the_id_in_their_tokens(table: AuditTable, monkeypatch: pytest.MonkeyPatch) -> None:
    client = boto3.client("dynamodb")
    client.create_table(
        TableName="subjects",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
    )
    monkeypatch.setenv("PHOTOGATE_SUBJECTS_TABLE", "subjects")
    key = HmacKey(boto3.client("kms"), os.environ["PHOTOGATE_PSEUDONYM_KEY"])
    DynamoSubjects(client, "subjects").create(TENANT, key.mac(caller_message(TENANT, "driver-17")), SUBJECT)
    found = run("list", "--caller", "driver-17", "--until", tomorrow())
    assert [line["subject"] for line in lines(found)] == [SUBJECT, SUBJECT]
    stranger = run("list", "--caller", "driver-18", "--until", tomorrow())
    assert (stranger.exit_code, stranger.stdout, "driver-18" in stranger.stderr) == (1, "", False)
    [asked] = table.last(tenant_chain(TENANT), 10)
    assert b"driver" not in asked.body


def test_events_of_one_name_can_be_picked(table: AuditTable) -> None:
    a_log(table).append(an_event("Read", name=EventName.PHOTO_READ))
    whole = ("list", "--subject", SUBJECT, "--since", "2026-11-01", "--until", tomorrow())
    assert [line["name"] for line in lines(run(*whole, "--event", "photo.read"))] == ["photo.read"]
    limited = run(*whole, "--event", "metadata.stripped", "--limit", "1")
    assert (len(lines(limited)), "Stopped after 1 events" in limited.stderr) == (1, True)
    assert len(lines(run(*whole, "--event", "metadata.stripped", "--limit", "2"))) == 2
    assert run(*whole, "--event", "weather").exit_code == 2


def test_a_timeline_says_how_much_time_passed(table: AuditTable) -> None:
    result = run("show", UPLOAD, "--format", "table")
    header, first, second = result.stdout.splitlines()
    assert header.split() == ["#", "time", "since", "event", "outcome", "actor", "details"]
    assert ("0.00 s" in first, "1.00 s" in second) == (True, True)


@pytest.mark.parametrize("rows", [10, 600])
def test_an_hour_costs_the_same_calls_and_pages_whatever_the_table_holds(
    table: AuditTable, monkeypatch: pytest.MonkeyPatch, rows: int
) -> None:
    import botocore.client

    memory, client = MemoryStore(), boto3.client("dynamodb")
    yesterday = a_log(memory, clock=lambda: datetime.now(UTC) - timedelta(days=1))
    for n in range(rows):
        chain = f"{TENANT}/photo/{n:032x}"
        yesterday.append(an_event(event_id=f"old-{n}/Step", upload_id=f"{n:032x}", chain=chain))
    for chain in memory.chains:
        client.put_item(TableName="audit", Item=item_of(memory.chain(chain)[0]))
    calls: list[str] = []
    genuine = botocore.client.BaseClient._make_api_call

    def counted(self: Any, operation: str, arguments: Any) -> Any:
        calls.append(operation)
        return genuine(self, operation, arguments)

    monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", counted)
    now = datetime.now(UTC)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    since = max(now - timedelta(hours=1), midnight).isoformat()  # one day's partitions, whenever the test runs
    found = run("list", "--since", since, "--until", tomorrow())
    assert len(lines(found)) == 2
    assert sorted(calls) == ["GenerateMac", "GetCallerIdentity", "PutItem"] + ["Query"] * 5
    [asked] = table.last(tenant_chain(TENANT), 10)
    assert asked.fields["details"]["pages"] == 4
