"""Builders for the audit log's tests: events, a clock that ticks, randomness that repeats, a store in memory."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from photogate.audit.event import Actor, ActorKind, Event, EventName, Outcome, photo_chain
from photogate.audit.log import AuditLog
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
    """An audit table in memory; it counts the calls."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, int], Row] = {}
        self.reads = 0
        self.writes = 0
        self.before_put: Callable[[Row], None] = lambda row: None

    def last(self, chain: str, limit: int) -> Sequence[Row]:
        self.reads += 1
        found = [row for (c, _), row in self.rows.items() if c == chain]
        return sorted(found, key=lambda row: -row.seq)[:limit]

    def get(self, chain: str, seq: int) -> Row | None:
        self.reads += 1
        return self.rows.get((chain, seq))

    def put(self, row: Row) -> None:
        self.before_put(row)
        self.writes += 1
        if (row.chain, row.seq) in self.rows:
            raise Conflict("taken")
        self.rows[row.chain, row.seq] = row

    def chain(self, chain: str) -> list[Row]:
        return sorted((row for (c, _), row in self.rows.items() if c == chain), key=lambda row: row.seq)


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
