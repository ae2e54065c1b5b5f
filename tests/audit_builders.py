"""Builders for the audit log's tests: events, a clock that ticks, randomness that repeats, a store in memory."""

from __future__ import annotations

import bisect
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from photogate.audit.event import Actor, ActorKind, Event, EventName, Outcome, photo_chain
from photogate.audit.log import AuditLog
from photogate.audit.query import Index, Page
from photogate.audit.row import Row
from photogate.errors import Conflict

TENANT = "acme"
UPLOAD = "a" * 32
SUBJECT = "b" * 32
STAFF = "c" * 32
SERVICE = Actor(ActorKind.SERVICE, "strip_metadata")

START = datetime(2026, 11, 1, 9, 30, tzinfo=UTC)


def an_event(step: str = "StripMetadata", **changes: Any) -> Event:
    """Build an event of one photo."""
    event = Event(
        event_id=f"execution-1/{step}",
        name=EventName.METADATA_STRIPPED,
        tenant=TENANT,
        chain=photo_chain(TENANT, UPLOAD),
        subject=SUBJECT,
        upload_id=UPLOAD,
        actor=SERVICE,
        function="strip_metadata",
        function_version="7",
        outcome=Outcome.SUCCEEDED,
        duration_ms=12,
    )
    return replace(event, **changes)


class MemoryStore:
    """An audit table in memory, indexes included; it counts the calls."""

    def __init__(self, page_rows: int = 10**9) -> None:
        self.chains: dict[str, dict[int, Row]] = {}
        self.indexes: dict[tuple[int, str], list[tuple[str, Row]]] = {}
        self.reads = 0
        self.writes = 0
        self.page_rows = page_rows
        self.before_put: Callable[[Row], None] = lambda row: None

    def last(self, chain: str, limit: int) -> Sequence[Row]:
        self.reads += 1
        rows = self.chains.get(chain, {})
        return [rows[seq] for seq in sorted(rows)[-limit:][::-1]]

    def get(self, chain: str, seq: int) -> Row | None:
        self.reads += 1
        return self.chains.get(chain, {}).get(seq)

    def put(self, row: Row) -> None:
        self.before_put(row)
        self.writes += 1
        if row.seq in self.chains.get(row.chain, {}):
            raise Conflict("taken")
        self.chains.setdefault(row.chain, {})[row.seq] = row
        keys = row.index_keys
        for n in (1, 2, 3, 4):
            if f"gsi{n}pk" in keys:
                bisect.insort(
                    self.indexes.setdefault((n, keys[f"gsi{n}pk"]), []),
                    (keys[f"gsi{n}sk"], row),
                    key=lambda entry: entry[0],
                )

    def index_page(self, index: Index, partition: str, low: str, high: str, limit: int) -> Page:
        self.reads += 1
        entries = self.indexes.get((list(Index).index(index) + 1, partition), [])
        found = [row for key, row in entries if low <= key <= high]
        size = min(limit, self.page_rows)
        return Page(found[:size], len(found) > size)

    def chain_page(self, chain: str, first: int, limit: int) -> Page:
        self.reads += 1
        found = [row for row in self.chain(chain) if row.seq >= first]
        size = min(limit, self.page_rows)
        return Page(found[:size], len(found) > size)

    def chain(self, chain: str) -> list[Row]:
        rows = self.chains.get(chain, {})
        return [rows[seq] for seq in sorted(rows)]


def ticking_clock(start: datetime = START, step_ms: int = 1000) -> Callable[[], datetime]:
    """Give a clock that goes on by `step_ms` at every look."""
    ticks = iter(range(10**9))
    return lambda: start + timedelta(milliseconds=step_ms * next(ticks))


def repeating_random(seed: str = "seed") -> Callable[[int], bytes]:
    """Give bytes that look random and are the same in every run."""
    calls = iter(range(10**9))
    return lambda n: hashlib.sha256(f"{seed}{next(calls)}".encode()).digest()[:n]


def a_log(store: Any, **changes: Any) -> AuditLog:
    """Build a log that never really waits."""
    clock = changes.pop("clock", ticking_clock())
    return AuditLog(store, clock, repeating_random(), sleep=changes.pop("sleep", lambda seconds: None), **changes)
