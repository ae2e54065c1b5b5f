"""Facts for a breach notice, the record of processing, the draft of an impact assessment."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest

from photogate.audit.event import Actor, ActorKind, DetailKey, EventName
from photogate.audit.query import AuditReader, Question
from photogate.report import document as documents
from photogate.report.document import Document, document_json, document_page
from photogate.report.evidence import CHECKS
from photogate.report.incident import incident_document, touched
from photogate.report.processing import RISKS, impact_assessment, record_of_processing
from tests.audit_builders import STAFF, SUBJECT, TENANT, MemoryStore, a_log
from tests.report_breaks import BREAKS
from tests.report_builders import OTHER_SUBJECT, SINCE, UNTIL, World, a_healthy_world, a_way
from tests.unit.report.test_page import HOSTILE, Reader

NOW = datetime(2026, 11, 3, 12, tzinfo=UTC)


def incident(world: World) -> Document:
    store, now = MemoryStore(), [SINCE]
    log = a_log(store, clock=lambda: now[0])
    for at, event in sorted(world.steps, key=lambda entry: entry[0]):
        now[0] = at
        log.append(event)

    def rows(tenant: str) -> Any:
        return AuditReader(store).rows(Question(tenant=tenant, since=SINCE, until=UNTIL))

    found = touched(rows(TENANT), rows("photogate"))
    return incident_document(found, world.evidence().facts, TENANT, SINCE, UNTIL, NOW)


def table_of(document: Document, caption: str) -> list[dict[str, str]]:
    tables = [t for s in document_json(document)["sections"] for t in s["tables"] if t["caption"] == caption]
    rows: list[dict[str, str]] = tables[0]["rows"]
    return rows


def test_a_breach_notice_has_whose_what_how_many_when_and_who() -> None:
    document = incident(a_healthy_world())
    about = dict(document.about)
    assert (about["Subjects"], about["Photos"]) == ("1", "3")
    [subject] = table_of(document, "Subjects")
    assert (subject["Pseudonym"], subject["Photos"], subject["Kept"], subject["Reviewed"]) == (
        SUBJECT,
        "3",
        "3",
        "1",
    )
    assert subject["Reads"] == "1"
    assert subject["First"] == "2026-11-01 02:00"
    assert {row["Kind"]: row["Photos"] for row in table_of(document, "Kinds of data")} == {
        "location": "3",
        "device": "3",
        "faces": "3",
    }
    assert [row["Day"] for row in table_of(document, "Events by day")] == ["2026-11-01"]
    assert [(row["Pseudonym"], row["Did"]) for row in table_of(document, "Staff")] == [
        (STAFF, "review.opened 1, review.decided 1, audit.queried 1")
    ]
    assert table_of(document, "Denied requests") == [{"Route": "uploads", "Number": "1"}]
    readers = {row["Bucket"]: row["Roles"] for row in table_of(document, "Roles that may read objects")}
    assert "read_photo" in readers["VaultBucket"]


def test_what_happened_in_the_period_shows_in_the_notice() -> None:
    world = a_healthy_world()
    a_way(world, "5" * 32, 9, world.policy.hash)
    world.change("requested-5", subject=OTHER_SUBJECT)
    BREAKS["log_untouched"](world)
    world.add(
        11,
        EventName.PHOTO_READ,
        "spied",
        subject=OTHER_SUBJECT,
        upload_id="5" * 32,
        actor=Actor(ActorKind.STAFF, "9" * 32),
        details={DetailKey.LINK_SECONDS: 60},
    )
    document = incident(world)
    assert {row["Pseudonym"] for row in table_of(document, "Subjects")} == {SUBJECT, OTHER_SUBJECT}
    assert {row["Pseudonym"]: row["Did"] for row in table_of(document, "Staff")}["9" * 32] == "photo.read 1"
    assert len(table_of(document, "Alerts that the log was touched")) == 1


def test_a_long_table_says_what_the_page_leaves_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "MOST_ROWS", 1)
    document = incident(a_healthy_world())
    words = " ".join(Reader(document_page(document)).words)
    assert "2 more rows are in the JSON file" in words
    assert len(table_of(document, "Kinds of data")) == 3


def test_the_record_of_processing_has_every_part_of_article_30() -> None:
    evidence = a_healthy_world().evidence()
    document = record_of_processing(evidence, NOW)
    titles = " ".join(section.title for section in document.sections)
    assert re.findall(r"30\(1\)\(([a-g])\)", titles) == list("abcdefg")
    [purpose] = table_of(document, "Purposes")
    assert purpose["Photos are kept"] == "365 days"
    assert purpose["Uploads in the period"] == "3"
    limits = {(row["Where"], row["What"]): row["How long"] for row in table_of(document, "How long")}
    assert limits["IncomingBucket", "objects"] == "7 days at most"
    assert limits["SubjectsTable", "recovery to a point in time"] == "1 day"
    assert limits["AuditTable", "events"] == "2557 days"


def test_the_record_follows_the_template() -> None:
    world = a_healthy_world()
    world.properties("IncomingBucket")["LifecycleConfiguration"]["Rules"][0]["ExpirationInDays"] = 3
    BREAKS["keys_rotate"](world)
    document = record_of_processing(world.evidence(), NOW)
    limits = {(row["Where"], row["What"]): row["How long"] for row in table_of(document, "How long")}
    assert limits["IncomingBucket", "objects"] == "3 days at most"
    results = {row["Measure"]: row["Result"] for row in table_of(document, "Measures")}
    assert results["Encryption keys rotate"] == "✕ failing"


def test_the_impact_assessment_has_every_part_of_article_35_and_judges_nothing() -> None:
    document = impact_assessment(a_healthy_world().evidence(), NOW)
    titles = " ".join(section.title for section in document.sections)
    assert set(re.findall(r"35\(7\)\(([a-d])\)", titles)) == set("abcd")
    risks = [section for section in document.sections if section.title.startswith("Risk")]
    assert len(risks) == len(RISKS)
    assert all(section.fill for section in risks)
    assert "no assessment" in document.note


def test_every_risk_names_checks_that_exist_and_what_is_left() -> None:
    for risk in RISKS:
        assert set(risk.checks) <= set(CHECKS)
        assert len(risk.left.split()) > 5


@pytest.mark.parametrize("write", [record_of_processing, impact_assessment])
def test_a_hostile_notice_stays_text(write: Any) -> None:
    world = a_healthy_world()
    BREAKS["purposes_declared"](world)
    (name,) = world.policy.purposes
    notice = HOSTILE + "\u202e and more"
    world.policy = world.policy.model_copy(
        update={"purposes": {name: world.policy.purposes[name].model_copy(update={"notice": notice})}}
    )
    document = write(world.evidence(), NOW)
    source = document_page(document)
    assert "<script" not in source
    assert notice in " ".join(Reader(source).words)
    assert json.loads(json.dumps(document_json(document)))["sections"]


@pytest.mark.parametrize("write", [record_of_processing, impact_assessment])
def test_a_page_needs_nothing_from_elsewhere_and_says_nothing_is_met(write: Any) -> None:
    source = document_page(write(a_healthy_world().evidence(), NOW))
    names = {name for name, _ in Reader(source).elements}
    assert not names & {"script", "link", "img", "iframe"}
    assert "://" not in source
    assert not re.search(r"compli|certified|conform", source, re.IGNORECASE)
