"""GET /audit/events asks what `photogate audit list` asks: the same filters, pages that join, one event a request."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import pytest

from photogate.audit.event import Actor, ActorKind, DetailKey, photo_chain, tenant_chain
from photogate.audit.query import AuditReader
from photogate.audit.trail import Trail
from photogate.errors import RequestRefused
from photogate.inquiry import AuditPage, inquire
from tests.audit_builders import STAFF, START, SUBJECT, TENANT, MemoryStore, a_log, an_event, ticking_clock

NOW = START + timedelta(hours=1)
ANALYST = Actor(ActorKind.STAFF, STAFF)


def a_store() -> MemoryStore:
    store = MemoryStore(page_rows=2)
    log = a_log(store, clock=ticking_clock(step_ms=60_000))
    for n in range(5):
        upload = f"{n:032x}"
        details = {DetailKey.DECISION: "RETAKE"} if n == 3 else {}
        subject = SUBJECT if n % 2 else "d" * 32
        actor = ANALYST if n == 4 else an_event().actor
        changes = {"upload_id": upload, "chain": photo_chain(TENANT, upload), "subject": subject, "actor": actor}
        log.append(an_event(event_id=f"run-{n}/Step", details=details, **changes))
    return store


def ask(store: MemoryStore, query: Mapping[str, str], run: str = "request-1") -> AuditPage:
    log = a_log(store, clock=lambda: NOW + timedelta(hours=9))
    return inquire(AuditReader(store), Trail(log, "query_audit", "7", run, ANALYST), TENANT, query, NOW)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, [0, 1, 2, 3, 4]),
        ({"since": "58m"}, [2, 3, 4]),
        ({"since": "2026-11-01", "until": "2026-11-01T09:32Z"}, [0, 1]),
        ({"since": "7d", "until": "59m"}, [0]),
        ({"photo": f"{2:032x}"}, [2]),
        ({"subject": SUBJECT}, [1, 3]),
        ({"actor": STAFF}, [4]),
        ({"exceptions": "retake,deny"}, [3]),
    ],
)
def test_the_filters_are_those_of_the_command_line(query: dict[str, str], found: list[int]) -> None:
    assert [row.event_id for row in ask(a_store(), query).rows] == [f"run-{n}/Step" for n in found]


def test_pages_join_to_the_whole() -> None:
    store, ids, cursor = a_store(), list[str](), ""
    for number in range(3):
        page = ask(store, {"limit": "2", "since": "1d"} | ({"after": cursor} if cursor else {}), f"request-{number}")
        ids += [row.event_id for row in page.rows]
        cursor = page.cursor or ""
    assert ids == [f"run-{n}/Step" for n in range(5)]
    assert cursor == ""


def test_a_request_is_one_event_however_many_pages_the_table_gave() -> None:
    store = a_store()
    ask(store, {"subject": SUBJECT, "since": "7d"})
    [asked] = store.chain(tenant_chain(TENANT))
    assert asked.fields["name"] == "audit.queried"
    assert asked.fields["subject"] == SUBJECT
    assert asked.fields["details"] == {"pages": 1, "query": "api", "rows": 2}


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ({"since": "yesterday"}, "since"),
        ({"until": "99999999999d"}, "until"),
        ({"limit": "501"}, "limit"),
        ({"after": "sunshine"}, "after"),
        ({"weather": "sunshine"}, "query"),
    ],
)
def test_a_parameter_that_is_wrong_is_named_and_not_repeated(query: dict[str, str], named: str) -> None:
    with pytest.raises(RequestRefused) as caught:
        ask(a_store(), query)
    assert f"Expected {named}" in str(caught.value)
    assert next(iter(query.values())) not in str(caught.value).replace(named, "")
