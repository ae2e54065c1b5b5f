"""Questions name their partitions, rows come in order and once, and a cursor goes on where a page ended."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from photogate.audit.event import Actor, ActorKind, DetailKey, photo_chain, tenant_chain
from photogate.audit.query import AuditReader, Question, check_chain
from photogate.audit.row import EXCEPTIONS, SHARDS, Row, row_from_body
from photogate.errors import IntegrityError, RequestRefused
from photogate.moments import parse_moment
from tests.audit_builders import STAFF, START, SUBJECT, TENANT, MemoryStore, a_log, an_event, ticking_clock


def upload(n: int) -> str:
    return f"{n:032x}"


def a_store(photos: int = 12, page_rows: int = 10**9, step_ms: int = 1000) -> MemoryStore:
    """Build a log of photos with three events each, one after the other."""
    store = MemoryStore(page_rows)
    log = a_log(store, clock=ticking_clock(step_ms=step_ms))
    for n in range(photos):
        for step in ("Admit", "Strip", "Decide"):
            details = {DetailKey.DECISION: "RETAKE"} if step == "Decide" and n % 3 == 0 else {}
            log.append(
                an_event(
                    event_id=f"run-{n}/{step}",
                    upload_id=upload(n),
                    chain=photo_chain(TENANT, upload(n)),
                    subject=SUBJECT if n % 2 else "d" * 32,
                    details=details,
                )
            )
    return store


def ask(**changes: Any) -> Question:
    return Question(**{"tenant": TENANT, "since": START, "until": START + timedelta(days=1)} | changes)


def ids(rows: list[Row]) -> list[str]:
    return [row.event_id for row in rows]


ALL = [f"run-{n}/{step}" for n in range(12) for step in ("Admit", "Strip", "Decide")]


@pytest.mark.parametrize("page_rows", [1, 2, 7, 10**9])
def test_a_tenant_s_events_come_oldest_first_whatever_the_pages(page_rows: int) -> None:
    reader = AuditReader(a_store(page_rows=page_rows))
    assert ids(list(reader.rows(ask()))) == ALL


def test_days_follow_each_other() -> None:
    store = a_store(step_ms=3 * 3600 * 1000)
    rows = list(AuditReader(store).rows(ask(until=START + timedelta(days=30))))
    assert ids(rows) == ALL
    assert len({row.fields["time"][:10] for row in rows}) > 3


def test_since_is_included_and_until_is_not() -> None:
    rows = AuditReader(a_store()).rows(ask(since=START + timedelta(seconds=3), until=START + timedelta(seconds=6)))
    assert ids(list(rows)) == ALL[3:6]


def test_a_day_costs_its_shards_and_no_more() -> None:
    reader = AuditReader(a_store())
    list(reader.rows(ask(since=START, until=START + timedelta(hours=1))))
    assert reader.pages == SHARDS


@pytest.mark.parametrize("others", [100, 1000])
def test_the_requests_follow_from_the_answer_not_from_the_size_of_the_table(others: int) -> None:
    store = a_store()
    log = a_log(store, clock=lambda: START - timedelta(hours=3))
    for n in range(others):
        log.append(
            an_event(
                event_id=f"old-{n}/Strip", chain=photo_chain(TENANT, upload(n + 10**6)), upload_id=upload(n + 10**6)
            )
        )
    store.reads = 0
    reader = AuditReader(store)
    assert len(list(reader.rows(ask(until=START + timedelta(hours=1))))) == len(ALL)
    assert reader.pages == store.reads == SHARDS


def test_one_photo_is_its_chain() -> None:
    reader = AuditReader(a_store())
    assert ids(list(reader.rows(ask(upload_id=upload(4))))) == ALL[12:15]
    assert ids(reader.photo(TENANT, upload(4))) == ALL[12:15]
    assert reader.pages == 2


def test_one_subject_is_one_partition() -> None:
    reader = AuditReader(a_store())
    rows = list(reader.rows(ask(subject=SUBJECT)))
    assert {row.fields["subject"] for row in rows} == {SUBJECT}
    assert (len(rows), reader.pages) == (18, 1)


def test_one_member_of_staff() -> None:
    store = a_store()
    a_log(store).append(
        an_event("Read", actor=Actor(ActorKind.STAFF, STAFF), chain=tenant_chain(TENANT), subject=None, upload_id=None)
    )
    assert ids(list(AuditReader(store).rows(ask(actor=STAFF)))) == ["execution-1/Read"]


def test_exceptions_are_found_by_kind() -> None:
    reader = AuditReader(a_store())
    expected = [f"run-{n}/Decide" for n in (0, 3, 6, 9)]
    assert ids(list(reader.rows(ask(exceptions=EXCEPTIONS)))) == expected
    assert ids(list(reader.rows(ask(exceptions=("retake",))))) == expected
    assert ids(list(reader.rows(ask(exceptions=("tamper",))))) == []


def test_another_tenant_s_events_are_not_among_them() -> None:
    assert list(AuditReader(a_store()).rows(ask(tenant="other"))) == []


@pytest.mark.parametrize("narrow", [{}, {"subject": SUBJECT}, {"exceptions": EXCEPTIONS}, {"upload_id": upload(1)}])
@pytest.mark.parametrize("limit", [1, 2, 5])
def test_pages_put_together_are_the_whole(narrow: dict[str, Any], limit: int) -> None:
    store, question = a_store(), ask(**narrow)
    whole = ids(list(AuditReader(store).rows(question)))
    found: list[str] = []
    cursor: str | None = None
    for _ in range(len(whole)):
        rows, cursor = AuditReader(store).page(question, limit, cursor)
        found += ids(rows)
        if cursor is None:
            break
    assert found == whole
    assert cursor is None


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"until": START}, "before"),
        ({"until": START + timedelta(days=4000)}, "days"),
        ({"subject": SUBJECT, "actor": STAFF}, "several"),
        ({"exceptions": ("odd",)}, "exceptions out of"),
        ({"subject": "jane"}, "subject"),
        ({"upload_id": "x"}, "photo"),
    ],
)
def test_a_question_without_an_answer_is_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(RequestRefused, match=message):
        ask(**wrong)


def test_a_whole_chain_passes_and_a_broken_one_does_not() -> None:
    rows = AuditReader(a_store()).photo(TENANT, upload(1))
    check_chain(rows)
    with pytest.raises(IntegrityError, match="sequence 1"):
        check_chain([rows[0], rows[2]])
    edited = row_from_body(rows[0].body.replace(b"succeeded", b"denied"))
    with pytest.raises(IntegrityError, match="row 1"):
        check_chain([edited, *rows[1:]])


def test_moments_are_read_as_people_write_them() -> None:
    now = datetime(2026, 11, 2, 12, tzinfo=UTC)
    assert parse_moment("24h", now) == datetime(2026, 11, 1, 12, tzinfo=UTC)
    assert parse_moment("7d", now) == datetime(2026, 10, 26, 12, tzinfo=UTC)
    assert parse_moment("2026-11-01", now) == datetime(2026, 11, 1, tzinfo=UTC)
    assert parse_moment("2026-11-01T09:30+02:00", now) == datetime(2026, 11, 1, 7, 30, tzinfo=UTC)
    assert parse_moment("now", now) == now
    with pytest.raises(ValueError, match="yesterday"):
        parse_moment("yesterday", now)
