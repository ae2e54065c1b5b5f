"""`photogate consent`, `subject` and `retention` against an account: what they give, and one event for each."""

from __future__ import annotations

import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from photogate.audit.receipt import check_receipt
from photogate.cli import cli
from photogate.policy import Action, Policy, Purpose, Rule, default_policy
from tests import photos
from tests.functions.cloud import CALLER, TENANT, Account
from tests.functions.test_retention import mark_subject, stored, sweep
from tests.ledger_builders import EcSigner

PURPOSE = "proof_of_delivery"
NASTY = '<script>alert(1)</script> & "quotes" </blockquote><img src=x onerror=alert(1)>'


def run(*words: str, stdin: str = "") -> Result:
    return CliRunner().invoke(cli, list(words), input=stdin, env={"PHOTOGATE_TENANT": TENANT}, catch_exceptions=False)


def find(caller: str = CALLER) -> Result:
    return run("subject", "find", "--caller-id-file", "-", stdin=caller + "\n")


def pseudonym() -> str:
    return find().stdout.strip()


def staff_events(aws: Account) -> list[dict[str, Any]]:
    """Give the events that members of staff caused, oldest first."""
    rows = [json.loads(item["body"]["S"]) for item in aws.dynamodb.scan(TableName="audit")["Items"]]
    return sorted((r for r in rows if r["actor"]["kind"] == "staff"), key=lambda r: r["time"])


def export(tmp_path: Path, subject: str) -> Path:
    done = run("subject", "export", subject, "--out", str(tmp_path / "out"))
    assert done.exit_code == 0, done.stderr
    return tmp_path / "out"


class Tags(HTMLParser):
    """Collects what a browser would make of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def test_a_subject_is_found_by_its_caller_id_from_stdin_and_the_id_is_nowhere(aws: Account) -> None:
    aws.consent()

    found = find()

    assert found.exit_code == 0
    assert re.fullmatch("[0-9a-f]{32}\n", found.stdout)
    (event,) = staff_events(aws)
    assert (event["name"], event["subject"], event["outcome"]) == ("subject.found", found.stdout.strip(), "succeeded")
    everything = str([aws.dynamodb.scan(TableName=t)["Items"] for t in ("audit", "subjects", "consents")])
    assert CALLER not in everything + found.stdout + found.stderr


def test_a_caller_id_that_nobody_has_makes_no_subject_and_is_an_event_too(aws: Account) -> None:
    done = find("nobody@example.com")

    assert (done.exit_code, done.stdout) == (1, "")
    assert "nobody" not in done.stderr
    assert aws.dynamodb.scan(TableName="subjects")["Count"] == 0
    (event,) = staff_events(aws)
    assert (event["name"], event["subject"], event["outcome"]) == ("subject.found", None, "refused")


@pytest.mark.parametrize("caller", ["", "x" * 257])
def test_what_is_no_caller_id_is_a_usage_error(aws: Account, caller: str) -> None:
    assert find(caller).exit_code == 2
    assert staff_events(aws) == []


def test_consents_are_shown_as_records_with_every_event(aws: Account) -> None:
    consent = aws.consent()
    aws.http("manage_consents", "POST", f"/consents/{consent}/withdraw")
    subject = pseudonym()

    shown = run("consent", "show", subject, "--format", "json")

    (record,) = [json.loads(line) for line in shown.stdout.splitlines()]
    assert list(record) == ["header", "pii_processing", "parties", "events"]
    assert record["header"]["record_id"] == consent
    assert [e["event_state"] for e in record["events"]] == ["given", "withdrawn"]
    assert run("consent", "show", subject, "--format", "table").stdout.count(consent) == 4
    assert run("consent", "show", subject, "0" * 32).exit_code == 1
    assert [e["name"] for e in staff_events(aws)].count("consent.read") == 3


def test_consents_are_exported_with_their_notice_and_a_receipt_of_each_event(aws: Account, tmp_path: Path) -> None:
    consent = aws.consent()
    aws.http("manage_consents", "POST", f"/consents/{consent}/withdraw")
    aws.seal()

    done = run("consent", "export", pseudonym(), "--out", str(tmp_path / "out"))

    assert done.exit_code == 0, done.stderr
    (record,) = json.loads((tmp_path / "out" / "consents.json").read_text())
    (notice,) = (tmp_path / "out" / "notices").iterdir()
    assert hashlib.sha256(notice.read_bytes()).hexdigest() == record["pii_processing"]["privacy_notice"]["sha256"]
    receipts = sorted((tmp_path / "out" / "receipts").iterdir())
    proved = {json.loads(check_receipt(file.read_bytes(), EcSigner().key)[0])["id"] for file in receipts}
    assert proved == {event["audit_event_id"] for event in record["events"]}


def test_a_subject_is_given_all_that_is_kept(aws: Account, tmp_path: Path) -> None:
    kept, refused = stored(aws), aws.upload(photos.face())
    aws.process(refused)
    aws.http("read_photo", "GET", f"/photos/{kept['id']}", caller="boss", scopes="photos:read", request_id="http-9")
    aws.seal()

    folder = export(tmp_path, pseudonym())

    document = json.loads((folder / "subject.json").read_text())
    uploads = {u["id"]: u for u in document["uploads"]}
    assert set(uploads) == {kept["id"], refused["id"]}
    photo = folder / uploads[kept["id"]]["file"]
    assert hashlib.sha256(photo.read_bytes()).hexdigest() == uploads[kept["id"]]["sha256"]
    assert (uploads[refused["id"]]["status"], uploads[refused["id"]]["file"]) == ("RETAKE", None)
    assert len(json.loads((folder / "consents.json").read_text())) == 2
    (seen,) = [d for d in document["disclosures"] if d["what"] == "a stored photo"]
    assert (seen["by"], seen["upload_id"]) == ("staff", kept["id"])
    lines = (folder / "events.jsonl").read_bytes().splitlines()
    proved = {check_receipt(f.read_bytes(), EcSigner().key)[0] for f in (folder / "receipts").iterdir()}
    # Finding the subject came after the seal: that one event has no receipt yet, and the page says so.
    assert [json.loads(line)["name"] for line in lines if line not in proved] == ["subject.found"]
    assert (folder / "index.html").read_text().count("not sealed yet") == 1
    assert folder.stat().st_mode & 0o077 == 0


def test_an_export_is_one_event_and_it_is_there_before_anything_is_written(
    aws: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored(aws)
    subject = pseudonym()
    export(tmp_path, subject)
    (event,) = [e for e in staff_events(aws) if e["name"] == "subject.exported"]
    assert (event["subject"], event["details"]["photos"]) == (subject, 1)

    monkeypatch.setattr(type(aws.audit), "put", lambda *_: (_ for _ in ()).throw(OSError("broken")))
    with pytest.raises(OSError, match="broken"):
        run("subject", "export", subject, "--out", str(tmp_path / "second"))
    assert list((tmp_path / "second").iterdir()) == []


def test_the_page_shows_what_tenants_wrote_as_text_and_runs_nothing(aws: Account, tmp_path: Path) -> None:
    aws.set_policy(Policy(purposes={PURPOSE: Purpose(notice=NASTY)}))
    stored(aws)

    page = Tags((export(tmp_path, pseudonym()) / "index.html").read_text())

    assert NASTY in page.text
    assert {"script", "iframe", "form", "link"}.isdisjoint(name for name, _ in page.tags)
    images = [attributes for name, attributes in page.tags if name == "img"]
    assert [set(a) for a in images] == [{"src", "alt"}]
    assert not [a for _, attributes in page.tags for a in attributes if a.startswith("on")]
    (policy,) = [a["content"] for name, a in page.tags if name == "meta" and "http-equiv" in a]
    assert policy == "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' file:"


def test_every_file_that_the_page_names_is_there(aws: Account, tmp_path: Path) -> None:
    stored(aws)
    aws.seal()
    folder = export(tmp_path, pseudonym())

    page = Tags((folder / "index.html").read_text())

    named = {a.get("href") or a.get("src") for _, a in page.tags if a.get("href") or a.get("src")}
    assert len(named) > 8
    assert all((folder / str(name)).is_file() for name in named)


def test_a_photo_that_is_not_what_was_stored_is_not_handed_out(aws: Account, tmp_path: Path) -> None:
    stored(aws)
    version = aws.s3.list_object_versions(Bucket="vault")["Versions"][0]
    aws.dynamodb.update_item(
        TableName="uploads",
        Key={"pk": {"S": f"{TENANT}#{version['Key'].split('/')[2].partition('.')[0]}"}},
        UpdateExpression="SET photo_sha256 = :other",
        ExpressionAttributeValues={":other": {"S": "0" * 64}},
    )

    done = run("subject", "export", pseudonym(), "--out", str(tmp_path / "out"))

    assert (done.exit_code, "Expected a photo as it was stored" in done.stderr) == (5, True)
    assert list((tmp_path / "out" / "photos").iterdir()) == []


def test_what_waits_for_a_review_is_told_and_not_exported(aws: Account, tmp_path: Path) -> None:
    findings = {k: Rule(act=Action.REVIEW, review=Action.REVIEW) for k in default_policy().findings}
    aws.set_policy(default_policy().model_copy(update={"findings": findings}))
    upload = aws.upload(photos.face())
    aws.process(upload)
    assert aws.status(upload)["status"] == "IN_REVIEW"

    folder = export(tmp_path, pseudonym())

    assert list((folder / "photos").iterdir()) == []
    assert "waits for a person" in (folder / "index.html").read_text()


@pytest.mark.parametrize("subject", ["0" * 32, "Erika Mustermann"])
def test_an_unknown_subject_is_refused_and_not_repeated(aws: Account, tmp_path: Path, subject: str) -> None:
    for command in ("subject", "consent"):
        done = run(command, "export", subject, "--out", str(tmp_path / command))
        assert done.exit_code == 1
        assert "Mustermann" not in done.stderr


def test_nothing_is_written_beside_other_files(aws: Account, tmp_path: Path) -> None:
    aws.consent()
    (tmp_path / "other").write_text("of somebody else")

    done = run("subject", "export", pseudonym(), "--out", str(tmp_path))

    assert (done.exit_code, [f.name for f in tmp_path.iterdir()]) == (2, ["other"])


def test_another_tenant_s_subject_is_not_found(aws: Account, tmp_path: Path) -> None:
    aws.consent()
    subject = pseudonym()

    done = run("subject", "export", subject, "--out", str(tmp_path / "out"), "--tenant", "other")

    assert done.exit_code == 1


def test_what_is_due_is_listed_with_what_is_held_and_asking_is_an_event(aws: Account) -> None:
    aws.set_policy(Policy(purposes={PURPOSE: Purpose(notice="A notice.", retention_days=30)}))
    upload = stored(aws)

    assert run("retention", "due", "--within", "29", "--format", "json").stdout == ""
    (kept,) = map(json.loads, run("retention", "due", "--within", "30", "--format", "json").stdout.splitlines())
    assert (kept["photo"], kept["state"], kept["purpose"]) == (upload["id"], "kept", PURPOSE)
    mark_subject(aws, "held_at")
    assert sweep(aws, days=30, hours=1) == {"held": 1}
    (held,) = map(json.loads, run("retention", "due", "--within", "31", "--format", "json").stdout.splitlines())
    assert held["state"] == "held"
    assert run("retention", "due", "--within", "31", "--format", "json", "--tenant", "other").stdout == ""
    assert upload["id"] in run("retention", "due", "--within", "31", "--format", "table").stdout
    assert [e["details"]["query"] for e in staff_events(aws)] == ["retention"] * 5
