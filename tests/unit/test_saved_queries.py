"""The ten saved queries, run over one made log in every format that an export can have, give the same known answers."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from photogate.audit.event import (
    Actor,
    ActorKind,
    DetailKey,
    Event,
    EventName,
    Outcome,
    photo_chain,
    subject_chain,
    tenant_chain,
)
from photogate.audit.export import ExportFormat, SealedRow
from photogate.audit.log import timestamp
from photogate.audit.row import Row
from photogate.audit.saved import saved_queries
from photogate.aws.audit_table import item_of
from photogate.cli.audit_files import WRITERS
from photogate.cli.audit_tables import open_export
from photogate.errors import Reason
from tests.audit_builders import STAFF, START, SUBJECT, TENANT, MemoryStore, a_log, an_event
from tests.stack import ROOT

OTHER_SUBJECT = "d" * 32
OTHER_STAFF = "e" * 32
POLICIES = ("1" * 64, "2" * 64)


def upload(n: int) -> str:
    return f"{n:032x}"


def of_photo(n: int, name: EventName, **changes: Any) -> Event:
    base = {
        "event_id": f"run-{n}/{name.split('.')[1]}",
        "upload_id": upload(n),
        "chain": photo_chain(TENANT, upload(n)),
    }
    return an_event(name=name, **(base | changes))


def of_subject(subject: str, name: EventName, **changes: Any) -> Event:
    chain = subject_chain(TENANT, subject)
    base = {"event_id": f"http-{subject[0]}/{name.split('.')[1]}", "upload_id": None, "purpose": "proof_of_delivery"}
    return an_event(name=name, subject=subject, chain=chain, **(base | changes))


def of_tenant(name: EventName, run: str, tenant: str = TENANT, **changes: Any) -> Event:
    base = {"event_id": f"{run}/{name.split('.')[1]}", "upload_id": None, "subject": None}
    return an_event(name=name, tenant=tenant, chain=tenant_chain(tenant), **(base | changes))


@cache
def story() -> tuple[Row, ...]:
    """Write a log in which every saved query has something to find, and something to leave out."""
    staff, courier = Actor(ActorKind.STAFF, STAFF), Actor(ActorKind.SUBJECT, SUBJECT)
    rows: list[Row] = []
    store, now = MemoryStore(), [START]
    log = a_log(store, clock=lambda: now[0])

    def on(day: int, *events: Event) -> None:
        for n, event in enumerate(events):
            now[0] = START + timedelta(days=day, seconds=n)
            rows.append(log.append(event))

    completed = EventName.UPLOAD_COMPLETED

    def ending(decision: str, status: str) -> dict[DetailKey, int | str]:
        return {DetailKey.DECISION: decision, DetailKey.STATUS: status}

    on(
        0,
        of_tenant(EventName.POLICY_CHANGED, "put-1", actor=staff, details={DetailKey.POLICY_AFTER: POLICIES[0]}),
        of_photo(2, EventName.DECISION_MADE, reason=Reason.FACE, details={DetailKey.DECISION: "RETAKE"}),
        of_photo(1, completed, details=ending("ACCEPT", "ACCEPTED")),
        of_photo(2, completed, reason=Reason.FACE, details=ending("RETAKE", "RETAKE")),
        of_photo(3, completed, reason=Reason.FACE, details=ending("RETAKE", "RETAKE"), subject=OTHER_SUBJECT),
        of_photo(4, EventName.REVIEW_OPENED, reason=Reason.FACE),
        of_photo(4, completed, reason=Reason.FACE, details=ending("REVIEW", "IN_REVIEW")),
    )
    on(
        1,
        of_tenant(
            EventName.POLICY_CHANGED,
            "put-2",
            actor=staff,
            details={DetailKey.POLICY_BEFORE: POLICIES[0], DetailKey.POLICY_AFTER: POLICIES[1]},
        ),
        of_photo(5, EventName.REVIEW_OPENED, reason=Reason.DETECT_FAILED),
        of_photo(6, EventName.REVIEW_OPENED, subject=OTHER_SUBJECT),
        of_photo(4, EventName.REVIEW_DECIDED, actor=staff),
        of_photo(5, completed, actor=staff, details=ending("ACCEPT", "ACCEPTED")),
        of_photo(9, completed, reason=Reason.NEVER_UPLOADED, details={DetailKey.STATUS: "EXPIRED"}),
        of_photo(1, EventName.PHOTO_READ, actor=courier),
        of_photo(1, EventName.PHOTO_READ, actor=staff, event_id="http-1/read"),
        of_photo(7, EventName.PHOTO_READ, actor=staff, event_id="http-2/read"),
        of_photo(3, EventName.PHOTO_READ, actor=staff, subject=OTHER_SUBJECT),
    )
    denied = {"outcome": Outcome.DENIED, "details": {DetailKey.ROUTE: "photos", DetailKey.HTTP_STATUS: 404}}
    on(
        2,
        of_subject(SUBJECT, EventName.CONSENT_WITHDRAWN),
        of_subject(OTHER_SUBJECT, EventName.CONSENT_WITHDRAWN),
        of_subject(OTHER_SUBJECT, EventName.SUBJECT_ERASED),
        of_tenant(EventName.ACCESS_DENIED, "http-3", actor=courier, **denied),
        of_tenant(EventName.ACCESS_DENIED, "http-4", actor=courier, **denied),
        of_tenant(EventName.AUDIT_QUERIED, "cli-1", actor=staff, details={DetailKey.QUERY: "list", DetailKey.ROWS: 40}),
        of_tenant(EventName.AUDIT_QUERIED, "cli-2", actor=staff, details={DetailKey.QUERY: "list", DetailKey.ROWS: 2}),
        of_tenant(
            EventName.AUDIT_EXPORTED,
            "cli-3",
            actor=Actor(ActorKind.STAFF, OTHER_STAFF),
            details={DetailKey.QUERY: "export", DetailKey.ROWS: 900},
        ),
        of_tenant(
            EventName.INTEGRITY_ALERTED,
            "stream-1",
            tenant="other",
            reason=Reason.INTEGRITY,
            details={DetailKey.CHANGE: "modified", DetailKey.SEQUENCE: 7, DetailKey.LEAF: "3" * 64},
        ),
    )
    # October's reads are not November's.
    on(40, of_photo(8, EventName.PHOTO_READ, actor=staff))
    return tuple(rows)


def moment(day: int, second: int) -> str:
    return timestamp(START + timedelta(days=day, seconds=second))


def days_since(day: int) -> int:
    return (datetime.now(UTC).date() - (START + timedelta(days=day)).date()).days


FIRST, SECOND, THIRD = (str((START + timedelta(days=n)).date()) for n in range(3))


def answers() -> dict[str, list[tuple[Any, ...]]]:
    """Give what each query finds today: some count days."""
    return {
        "reads-of-a-subject": [
            ("staff", STAFF, 2, 2, moment(1, 7), moment(1, 8)),
            ("subject", SUBJECT, 1, 1, moment(1, 6), moment(1, 6)),
        ],
        "denials-by-actor": [(TENANT, "subject", SUBJECT, "photos", 2, moment(2, 3), moment(2, 4))],
        "decisions-by-day": [
            (TENANT, FIRST, "ACCEPT", "none", 1),
            (TENANT, FIRST, "RETAKE", "face", 2),
            (TENANT, FIRST, "REVIEW", "face", 1),
            (TENANT, SECOND, "ACCEPT", "none", 1),
            (TENANT, SECOND, "none", "never_uploaded", 1),
        ],
        "policy-changes": [
            (moment(0, 0), TENANT, "staff", STAFF, None, POLICIES[0]),
            (moment(1, 0), TENANT, "staff", STAFF, POLICIES[0], POLICIES[1]),
        ],
        "questions-by-staff": [
            (TENANT, OTHER_STAFF, "audit.exported", "export", 1, 900, moment(2, 7)),
            (TENANT, STAFF, "audit.queried", "list", 2, 42, moment(2, 6)),
        ],
        "withdrawals-without-erasure": [(TENANT, SUBJECT, "proof_of_delivery", moment(2, 0), days_since(2))],
        "longest-in-quarantine": [(TENANT, upload(4), "face", moment(0, 5), days_since(0))],
        "integrity-alerts": [(moment(2, 8), "other", "modified", None, None, "7", None, "3" * 64)],
        "events-by-day": [
            (TENANT, FIRST, 7, 4, 2),
            (TENANT, SECOND, 10, 7, 2),
            (TENANT, THIRD, 8, 0, 2),
            (TENANT, str((START + timedelta(days=40)).date()), 1, 1, 1),
            ("other", THIRD, 1, 0, 0),
        ],
        "retakes-by-reason": [(TENANT, "face", 2, 2, moment(0, 3), moment(0, 4))],
    }


PARAMETERS = {"reads-of-a-subject": [SUBJECT, FIRST, THIRD]}


def ours(format: ExportFormat) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        sealed = [SealedRow(n, row.leaf, row) for n, row in enumerate(story())]
        half = len(sealed) // 2
        for number, rows in enumerate((sealed[:half], sealed[half:])):
            WRITERS[format](folder / f"events-{number:05d}.{format.suffix}", rows)

    return write


def by_dynamodb(folder: Path) -> None:
    data = folder / "AWSDynamoDB" / "01700000000000-0a1b2c3d" / "data"
    data.mkdir(parents=True)
    (data.parent / "manifest-summary.json").write_text('{"version":"2020-06-30"}')
    half = len(story()) // 2
    for number, rows in enumerate((story()[:half], story()[half:], ())):
        lines = "".join(json.dumps({"Item": item_of(row)}) + "\n" for row in rows)
        (data / f"part{number}.json.gz").write_bytes(gzip.compress(lines.encode()))


EXPORTS = {str(f): ours(f) for f in ExportFormat if f is not ExportFormat.OCSF} | {"dynamodb": by_dynamodb}


@pytest.fixture(scope="module", params=EXPORTS)
def exported(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp(request.param)
    EXPORTS[request.param](folder)
    return folder


def test_there_are_ten_and_each_has_its_known_answer() -> None:
    assert len(saved_queries()) == 10
    assert set(saved_queries()) == set(answers())


@pytest.mark.parametrize("name", saved_queries())
def test_a_saved_query_gives_its_known_answer_in_every_format(exported: Path, name: str) -> None:
    with open_export(exported) as tables:
        found = tables.execute(saved_queries()[name].sql, PARAMETERS.get(name, [])).fetchall()
    assert found == answers()[name]


def test_the_columns_are_the_same_in_every_format(exported: Path, tmp_path: Path) -> None:
    ours(ExportFormat.PARQUET)(tmp_path)
    whole = "select * from events order by leaf"
    with open_export(tmp_path) as parquet, open_export(exported) as tables:
        assert tables.execute(whole).fetchall() == parquet.execute(whole).fetchall()
        assert tables.execute("describe events").fetchall() == parquet.execute("describe events").fetchall()


def test_rows_that_have_expired_are_left_out(tmp_path: Path) -> None:
    sealed = [SealedRow(n, row.leaf, row if n else None) for n, row in enumerate(story()[:3])]
    WRITERS[ExportFormat.JSONL](tmp_path / "events-00000.jsonl", sealed)
    with open_export(tmp_path) as tables:
        assert tables.execute("select count(*) from events").fetchall() == [(2,)]


def test_a_row_that_two_exports_of_the_table_hold_counts_once(tmp_path: Path) -> None:
    by_dynamodb(tmp_path)
    [first] = (tmp_path / "AWSDynamoDB").iterdir()
    second = first.with_name("01700000000001-0a1b2c3d") / "data"
    second.mkdir(parents=True)
    for path in (first / "data").iterdir():
        (second / path.name).write_bytes(path.read_bytes())
    with open_export(tmp_path) as tables:
        assert tables.execute("select count(*) from events").fetchall() == [(len(story()),)]


def test_an_export_for_a_siem_is_not_taken_for_rows(tmp_path: Path) -> None:
    ours(ExportFormat.OCSF)(tmp_path)
    with pytest.raises(Exception, match=r"found none"):
        open_export(tmp_path)


@pytest.mark.parametrize("query", saved_queries().values(), ids=saved_queries())
def test_a_saved_query_says_what_it_answers_and_what_each_parameter_is(query: Any) -> None:
    assert query.title.endswith(".")
    assert len(query.parameters) == query.sql.count("?")
    assert query.sql.startswith("-- ")
    assert query.sql.endswith("\n")
    assert ";" not in query.sql.partition("select")[2]  # Athena takes one statement


def test_the_page_lists_the_ten_questions() -> None:
    page = (ROOT / "docs" / "audit.md").read_text(encoding="utf-8")
    for query in saved_queries().values():
        row = f"| {query.title} | `{query.name}` | {'; '.join(query.parameters)} |".replace("|  |", "| |")
        assert row in page.splitlines(), query.name
