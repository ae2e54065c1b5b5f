"""`photogate report` over an account in which real photos went their way."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import botocore.client
import pytest
from click.testing import CliRunner, Result

from photogate.audit.event import DetailKey, EventName, Outcome, tenant_chain
from photogate.audit.receipt import check_receipt
from photogate.cli import cli
from photogate.policy import default_policy
from photogate.report.controls import FRAMEWORKS
from tests import photos
from tests.functions.cloud import TENANT, Account
from tests.functions.test_reviews import decided, in_review, opened
from tests.functions.test_way_of_a_photo import REDACT_FACES
from tests.ledger_builders import EcSigner


def report(out: Path, *words: str) -> Result:
    return CliRunner().invoke(cli, ["report", "--tenant", TENANT, "--from", "1h", "--out", str(out), *words])


def read(out: Path, name: str | None = None) -> dict[str, Any]:
    [file] = out.glob(f"{name or '*'}.json")
    plain: dict[str, Any] = json.loads(file.read_text())
    return plain


def checks(plain: dict[str, Any]) -> dict[str, str]:
    return {check["name"]: check["result"] for control in plain["controls"] for check in control["checks"]}


@pytest.fixture
def busy(aws: Account) -> Account:
    """Give an account with a photo that was kept, one to be retaken, one redacted, and one read."""
    kept = aws.upload(photos.encode(photos.picture("coffee"), exif=photos.exif("CANARY")), request_id="http-a")
    aws.process(kept)
    aws.process(aws.upload(photos.face(), request_id="http-b"), execution="execution-2")
    aws.set_policy(REDACT_FACES)
    aws.process(aws.upload(photos.face(), request_id="http-c"), execution="execution-3")
    assert aws.http("read_photo", "GET", f"/photos/{kept['id']}")[0] == 200
    return aws


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_what_the_service_really_does_is_evidence_and_nothing_fails(
    busy: Account, tmp_path: Path, framework: str
) -> None:
    result = report(tmp_path, "--framework", framework)
    assert result.exit_code == 0, result.stderr
    plain = read(tmp_path)
    assert [c["id"] for c in plain["controls"]] == [c.id for c in FRAMEWORKS[framework].controls]
    failing = {c["id"]: c["missing"] for c in plain["controls"] if c["verdict"] == "failing"}
    assert failing == {}
    assert f"{len(plain['controls'])} controls" in result.stderr
    assert (tmp_path / f"{framework}.html").read_text().startswith("<!doctype html>")


def test_the_rules_were_applied_to_the_photos_that_there_were(busy: Account, tmp_path: Path) -> None:
    report(tmp_path, "--framework", "soc2")
    plain = read(tmp_path)
    found = checks(plain)
    for name in (
        "uploads_consented",
        "metadata_stripped",
        "redactions_checked",
        "originals_deleted",
        "policies_logged",
    ):
        assert found[name] == "found", name
    assert found["log_verified"] == found["alarms_received"] == "absent"
    lines = {c["name"]: c["lines"] for control in plain["controls"] for c in control["checks"]}
    assert lines["metadata_stripped"] == ["Photos kept: 2, none of them without their metadata being removed"]
    assert lines["redactions_checked"] == ["Photos redacted: 1, none of them without a second look at the result"]
    assert lines["subjects_see_own"] == ["Reads by subjects: 1, none of them of another subject's photo"]
    assert plain["facts"]["name"] == "template.yaml"
    assert plain["facts"]["deployed"] is False


def test_each_event_shown_has_a_receipt_that_checks(busy: Account, tmp_path: Path) -> None:
    busy.seal()
    report(tmp_path, "--framework", "gdpr")
    examples = [x for control in read(tmp_path)["controls"] for x in control["examples"]]
    assert len({x["receipt"] for x in examples}) > 4
    page = (tmp_path / "gdpr.html").read_text()
    for example in examples:
        body, _, _ = check_receipt((tmp_path / example["receipt"]).read_bytes(), EcSigner().key)
        assert json.loads(body)["id"] == example["event_id"]
        assert f'href="{example["receipt"]}"' in page


def test_a_purpose_that_a_later_policy_no_longer_has_was_declared_all_the_same(aws: Account, tmp_path: Path) -> None:
    aws.process(aws.upload(photos.parcel(), request_id="http-a"))
    (purpose,) = default_policy().purposes.values()
    aws.set_policy(default_policy().model_copy(update={"purposes": {"parking": purpose}}))
    report(tmp_path, "--framework", "gdpr")
    assert checks(read(tmp_path))["purposes_kept"] == "found"
    assert checks(read(tmp_path))["policies_logged"] == "found"


def test_before_anything_is_sealed_there_are_no_receipts(busy: Account, tmp_path: Path) -> None:
    result = report(tmp_path, "--framework", "gdpr")
    assert "0 receipts" in result.stderr
    assert list((tmp_path / "receipts").iterdir()) == []


def test_a_photo_kept_without_being_looked_at_fails(busy: Account, tmp_path: Path) -> None:
    upload = busy.upload(photos.parcel(), request_id="http-d")
    trail = busy.trail("forged")
    about = {"tenant": TENANT, "subject": "b" * 32, "upload_id": upload["id"]}
    trail.record(EventName.UPLOAD_RECEIVED, step="received", **about, details={})
    trail.record(EventName.UPLOAD_COMPLETED, step="completed", **about, details={DetailKey.STATUS: "ACCEPTED"})
    report(tmp_path, "--framework", "gdpr")
    plain = read(tmp_path)
    assert checks(plain)["photos_looked_at"] == "failing"
    assert {c["verdict"] for c in plain["controls"] if c["id"] == "Art. 9"} == {"failing"}


def test_an_export_is_verified_for_the_report(busy: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    busy.seal()
    vkey, export, out = tmp_path / "log.vkey", tmp_path / "export", tmp_path / "out"
    vkey.write_text(str(EcSigner().key))
    run = CliRunner().invoke(cli, ["audit", "export", "--tenant", TENANT, "--out", str(export)])
    assert run.exit_code == 0, run.stderr
    (export / "unsealed.jsonl").unlink()
    given = ["--export", str(export), "--vkey", str(vkey)]
    assert report(out, "--framework", "soc2", *given).exit_code == 0
    assert checks(read(out))["log_verified"] == "found"
    [file] = export.glob("events-*.jsonl")
    file.write_bytes(file.read_bytes().replace(b'"succeeded"', b'"denied"', 1))
    report(out, "--framework", "soc2", *given)
    assert read(out)["verification"]["ok"] is False
    assert checks(read(out))["log_verified"] == "failing"
    assert report(out, "--framework", "soc2", "--export", str(export)).exit_code == 2


def test_a_report_is_one_event_of_the_one_who_made_it(busy: Account, tmp_path: Path) -> None:
    report(tmp_path, "--framework", "soc2")
    rows = [row.fields for row in busy.audit.last(tenant_chain(TENANT), 20)]
    [event] = [row for row in rows if row["name"] == "audit.exported"]
    assert event["details"]["query"] == "report"
    assert event["details"]["rows"] == read(tmp_path)["events"]
    assert event["actor"]["kind"] == "staff"
    assert event["outcome"] == Outcome.SUCCEEDED


def test_it_queries_and_never_scans(busy: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    genuine = botocore.client.BaseClient._make_api_call

    def counted(self: Any, operation: str, arguments: Any) -> Any:
        calls.append(operation)
        return genuine(self, operation, arguments)

    monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", counted)
    report(tmp_path, "--framework", "soc2")
    assert calls.count("PutItem") == 1
    assert not {"Scan", "BatchGetItem", "ExecuteStatement"} & set(calls)


def test_no_personal_value_is_in_it(busy: Account, tmp_path: Path) -> None:
    busy.seal()
    report(tmp_path, "--framework", "soc2")
    for path in tmp_path.rglob("*"):
        if path.is_file():
            assert b"CANARY" not in path.read_bytes()
            assert b"driver-17" not in path.read_bytes()
            assert b"example.com" not in path.read_bytes()


def test_an_unknown_tenant_and_a_file_that_is_no_template_are_refused(busy: Account, tmp_path: Path) -> None:
    result = CliRunner().invoke(cli, ["report", "--tenant", "nobody", "--framework", "soc2", "--out", str(tmp_path)])
    assert (result.exit_code, "NotFound" in result.stderr) == (1, True)
    other = tmp_path / "other.yaml"
    other.write_text("- nothing\n")
    result = report(tmp_path, "--framework", "soc2", "--template", str(other))
    assert (result.exit_code, "RequestRefused" in result.stderr) == (1, True)


def test_the_period_ends_now_at_the_latest(busy: Account, tmp_path: Path) -> None:
    report(tmp_path, "--framework", "soc2", "--to", "2099-01-01")
    assert read(tmp_path)["to"] <= datetime.now(UTC).isoformat()


@pytest.mark.parametrize(
    ("option", "expected"), [("--incident", "Subjects"), ("--ropa", "Purposes"), ("--dpia", "Risk 1")]
)
def test_the_other_reports_are_a_page_and_json_and_one_event(
    busy: Account, tmp_path: Path, option: str, expected: str
) -> None:
    result = report(tmp_path, option)
    assert result.exit_code == 0, result.stderr
    name = option.removeprefix("--")
    assert expected in (tmp_path / f"{name}.html").read_text()
    assert read(tmp_path, name)["kind"] == name
    names = [row.fields["name"] for row in busy.audit.last(tenant_chain(TENANT), 20)]
    assert names.count("audit.exported") == 1
    assert b"driver-17" not in (tmp_path / f"{name}.json").read_bytes()


def test_the_incident_report_counts_what_really_happened(busy: Account, tmp_path: Path) -> None:
    report(tmp_path, "--incident")
    plain = read(tmp_path)
    assert (plain["about"]["Subjects"], plain["about"]["Photos"]) == ("1", "3")
    tables = {table["caption"]: table["rows"] for section in plain["sections"] for table in section["tables"]}
    [subject] = tables["Subjects"]
    assert (subject["Kept"], subject["Reads"]) == ("2", "1")
    assert {"faces", "location"} <= {row["Kind"] for row in tables["Kinds of data"]}


@pytest.mark.parametrize("options", [[], ["--incident", "--framework", "soc2"]])
def test_one_report_is_asked_for_at_a_time(busy: Account, tmp_path: Path, options: list[str]) -> None:
    assert report(tmp_path, *options).exit_code == 2


def test_what_people_decided_in_reviews_is_evidence_too(aws: Account, tmp_path: Path) -> None:
    approved = in_review(aws, request_id="http-a")
    opened(aws, approved)
    assert decided(aws, approved, "approve", "permitted")[0] == 200
    hidden = in_review(aws, request_id="http-b")
    opened(aws, hidden)
    frame = {"width": 512, "height": 512}
    assert decided(aws, hidden, "redact", "text", boxes=[[300, 400, 100, 60]], frame=frame)[0] == 200
    in_review(aws, request_id="http-c")
    report(tmp_path, "--framework", "iso27001")
    plain = read(tmp_path)
    assert {c["id"]: c["missing"] for c in plain["controls"] if c["verdict"] == "failing"} == {}
    lines = {c["name"]: c["lines"] for control in plain["controls"] for c in control["checks"]}
    assert lines["reviewers_apart"][0].startswith("Reviews by people: 2, none")
    assert lines["quarantine_apart"] == ["Roles that may read quarantine: review_photos"]
    assert lines["decisions_made"][0].startswith("Photos kept: 2, none")


def test_without_a_tenant_the_template_speaks_alone_and_no_service_is_asked(tmp_path: Path) -> None:
    asked = CliRunner().invoke(
        cli, ["report", "--framework", "gdpr", "--out", str(tmp_path)], env={"PHOTOGATE_TENANT": ""}
    )
    assert asked.exit_code == 0, asked.stderr
    plain = read(tmp_path)
    assert plain["events"] == 0
    assert checks(plain)["stored_encrypted"] == "found"
    assert checks(plain)["uploads_consented"] == "absent"
    assert {c["verdict"] for c in plain["controls"]} == {"absent"}
    refused = CliRunner().invoke(cli, ["report", "--incident", "--out", str(tmp_path)], env={"PHOTOGATE_TENANT": ""})
    assert refused.exit_code == 2
