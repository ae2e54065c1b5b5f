"""The template's part for analysts: Glue, Athena, Logs Insights, the dashboard, and what an analyst's role may do."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from local.deploy.skipped import SKIPPED
from photogate.audit.export import ExportFormat, SealedRow
from photogate.audit.saved import event_view, saved_queries
from photogate.cli.audit_files import WRITERS
from tests.audit_builders import MemoryStore, a_log, an_event
from tests.stack import ROOT, Statement, of_type, statements, text, translated

GLUE_TYPES = {"VARCHAR": "string", "BIGINT": "bigint"}
ATHENA_TYPES = {"string": "varchar", "bigint": "bigint"}
WRITES_OF_AN_ANALYST = {
    "dynamodb:ExportTableToPointInTime": {"AuditTable.Arn"},
    "dynamodb:PutItem": {"AuditTable.Arn"},
    "s3:AbortMultipartUpload": {"ExportsBucket.Arn", "${ExportsBucket.Arn}/*"},
    "s3:PutObject": {"ExportsBucket.Arn", "${ExportsBucket.Arn}/*"},
    "s3:PutObjectAcl": {"ExportsBucket.Arn", "${ExportsBucket.Arn}/*"},
    "athena:StartQueryExecution": {
        "arn:${AWS::Partition}:athena:${AWS::Region}:${AWS::AccountId}:workgroup/${AuditWorkGroup}"
    },
    "athena:StopQueryExecution": {
        "arn:${AWS::Partition}:athena:${AWS::Region}:${AWS::AccountId}:workgroup/${AuditWorkGroup}"
    },
}
READS = re.compile(r"\w+:(BatchGet|Get|List|Query|Describe)|kms:(Decrypt|GenerateDataKey|GenerateMac)$")


def table(name: str) -> dict[str, Any]:
    [found] = [t["TableInput"] for t in of_type("AWS::Glue::Table").values() if t["TableInput"]["Name"] == name]
    return found


def columns(name: str) -> dict[str, str]:
    return {column["Name"]: column["Type"] for column in table(name)["StorageDescriptor"]["Columns"]}


def analyst() -> list[Statement]:
    return statements(of_type("AWS::IAM::ManagedPolicy")["AnalystPolicy"]["PolicyDocument"])


def test_athena_s_saved_queries_are_those_of_the_command_line_word_for_word() -> None:
    kept = {q["Name"]: (q["QueryString"], q["Description"]) for q in of_type("AWS::Athena::NamedQuery").values()}
    assert kept == {name: (query.sql, query.title) for name, query in saved_queries().items()}


def test_every_saved_query_is_asked_in_the_workgroup_and_of_the_exports() -> None:
    for query in of_type("AWS::Athena::NamedQuery").values():
        assert (text(query["WorkGroup"]), text(query["Database"])) == ("AuditWorkGroup", "AuditDatabase")


def test_the_parquet_table_has_the_columns_of_the_files(tmp_path: Path) -> None:
    import duckdb

    row = a_log(MemoryStore()).append(an_event())
    WRITERS[ExportFormat.PARQUET](tmp_path / "events.parquet", [SealedRow(0, row.leaf, row)])
    described = duckdb.sql(f"describe select * from '{tmp_path}/events.parquet'").fetchall()
    assert columns("parquet_export") == {name: GLUE_TYPES[kind] for name, kind, *_ in described}


def view() -> dict[str, Any]:
    original = table("events")["ViewOriginalText"]["Fn::Sub"]
    assert original[0] == "/* Presto View: ${View} */"
    document: dict[str, Any] = json.loads(original[1]["View"]["Fn::Base64"]["Fn::Sub"])
    return document


def test_athena_s_events_are_both_exports_by_the_same_text_as_on_the_command_line() -> None:
    both = f"{event_view('table_export')} union {event_view('parquet_export')}"
    assert view()["originalSql"].split() == both.split()
    assert view()["schema"] == "${AuditDatabase}"


def test_athena_s_events_have_the_columns_of_the_parquet_files_but_their_index() -> None:
    assert columns("events") == {n: kind for n, kind in columns("parquet_export").items() if n != "index"}
    assert [(c["name"], c["type"]) for c in view()["columns"]] == [
        (name, ATHENA_TYPES[kind]) for name, kind in columns("events").items()
    ]
    assert table("events")["TableType"] == "VIRTUAL_VIEW"


def test_the_export_by_dynamodb_is_read_as_it_lies_there() -> None:
    assert columns("table_export") == {"item": "struct<body:struct<s:string>,leaf:struct<s:string>>"}
    assert text(table("table_export")["StorageDescriptor"]["Location"]) == "s3://${ExportsBucket}/table/"
    # Checksums beside the data are no JSON.
    assert table("table_export")["StorageDescriptor"]["SerdeInfo"]["Parameters"] == {"ignore.malformed.json": "true"}


def test_the_workgroup_s_settings_hold_for_whoever_asks() -> None:
    (group,) = of_type("AWS::Athena::WorkGroup").values()
    settings = group["WorkGroupConfiguration"]
    assert settings["EnforceWorkGroupConfiguration"] is True
    assert settings["BytesScannedCutoffPerQuery"] == 10 * 2**30
    results = settings["ResultConfiguration"]
    assert text(results["OutputLocation"]) == "s3://${ExportsBucket}/athena/"
    assert results["EncryptionConfiguration"]["EncryptionOption"] == "SSE_KMS"
    assert text(results["EncryptionConfiguration"]["KmsKey"]) == "DataKey.Arn"


def test_an_analyst_appends_exports_and_asks_and_writes_nothing_else() -> None:
    written = {action: set(s.resources) for s in analyst() for action in s.actions if not READS.match(action)}
    assert written == WRITES_OF_AN_ANALYST


def test_an_analyst_reads_no_photo() -> None:
    reached = {r for s in analyst() for r in s.resources} | {s.condition for s in analyst()}
    for bucket in ("IncomingBucket", "WorkBucket", "QuarantineBucket", "VaultBucket"):
        assert not [r for r in reached if bucket in r]
    assert all("kms:ViaService" in s.condition for s in analyst() if "kms:Decrypt" in s.actions)


def dashboard() -> dict[str, Any]:
    (board,) = of_type("AWS::CloudWatch::Dashboard").values()
    found: dict[str, Any] = json.loads(board["DashboardBody"]["Fn::Sub"])
    return found


def test_every_alarm_is_on_the_dashboard() -> None:
    [alarms] = [w["properties"]["alarms"] for w in dashboard()["widgets"] if w["type"] == "alarm"]
    assert sorted(alarms) == sorted(f"${{{name}.Arn}}" for name in of_type("AWS::CloudWatch::Alarm"))


def test_the_dashboard_s_widgets_do_not_overlap() -> None:
    cells = [
        (x, y)
        for w in dashboard()["widgets"]
        for x in range(w["x"], w["x"] + w["width"])
        for y in range(w["y"], w["y"] + w["height"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24


def test_the_dashboard_names_resources_that_there_are() -> None:
    named = set(re.findall(r"\$\{(\w+)(?:\.\w+)?\}", json.dumps(dashboard())))
    assert named <= set(translated())


@pytest.mark.parametrize(
    "query", of_type("AWS::Logs::QueryDefinition").values(), ids=of_type("AWS::Logs::QueryDefinition")
)
def test_a_query_of_logs_insights_reads_one_of_the_stack_s_log_groups(query: dict[str, Any]) -> None:
    assert [text(group) in of_type("AWS::Logs::LogGroup") for group in query["LogGroupNames"]] == [True]
    assert text(query["Name"]).startswith("${AWS::StackName}/")


def test_what_the_local_cloud_skips_is_said_with_its_reason() -> None:
    page = (ROOT / "docs" / "local.md").read_text(encoding="utf-8")
    section = page[page.index("## Resources that are skipped") :].split("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| `AWS::")]
    assert rows == [f"| `{kind}` | {reason} |" for kind, reason in SKIPPED.items()]
    assert set(SKIPPED) <= {resource["Type"] for resource in translated().values()}
