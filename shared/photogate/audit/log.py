"""Appending to the audit log: one read of the chain's tail, one conditional put.

``append`` is harmless to repeat. It looks for the event's id among the last `WINDOW` rows of the chain, which one Query
returns, and adopts what it finds there. So a retry after a lost response, a crash after the write and a concurrent
writer all end with the event written once.

The bound: an execution's own chain has fewer rows than the window, so a retry of a step always finds its event. In a
tenant's or a subject's chain, which many requests write, a retry that comes after more than `WINDOW` other events
writes its event a second time, under the same id; nothing is lost, and readers can tell by the id.
"""

from __future__ import annotations

import secrets
import time as clocks
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from photogate.audit.canonical import canonical
from photogate.audit.event import Event
from photogate.audit.row import Row, row_from_body
from photogate.errors import Conflict, IntegrityError, Transient

__all__ = ["ATTEMPTS", "RETENTION_DAYS", "WINDOW", "AuditLog", "AuditStore", "timestamp"]

WINDOW = 24
"""How many rows the tail read covers. The longest path of one execution appends 13 events."""

ATTEMPTS = 12
"""How often a put is tried when other writers take the place first."""

RETENTION_DAYS = 2557
"""Seven years."""

_FIRST_PAUSE_S = 0.02
_LONGEST_PAUSE_S = 0.5

# What may differ between two attempts at the same step.
_OF_THE_ATTEMPT = ("salt", "time", "expires_at", "duration_ms", "function_version", "seq", "prev")


class AuditStore(Protocol):
    """Where rows are kept, by chain and sequence."""

    def last(self, chain: str, limit: int) -> Sequence[Row]:
        """Give the last rows of a chain, newest first, with a consistent read and in one request."""

    def get(self, chain: str, seq: int) -> Row | None:
        """Give one row with a consistent read, or None."""

    def put(self, row: Row) -> None:
        """Write a row where there is none yet; raise `Conflict` where there is one."""


def utc_now() -> datetime:
    """Tell the time."""
    return datetime.now(UTC)


def timestamp(moment: datetime) -> str:
    """Write a moment as UTC with milliseconds: ``2026-11-01T09:30:00.123Z``."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class AuditLog:
    """Appends events to their chains.

    Parameters
    ----------
    store
        Where the rows go.
    clock
        Gives the moment of the append, in UTC.
    random
        Gives n random bytes; for the salt and for the pause after a conflict.
    sleep
        Waits for so many seconds.
    retention_days
        How long a row is kept; its TTL is part of the body.
    """

    def __init__(
        self,
        store: AuditStore,
        clock: Callable[[], datetime] = utc_now,
        random: Callable[[int], bytes] = secrets.token_bytes,
        *,
        sleep: Callable[[float], None] = clocks.sleep,
        retention_days: int = RETENTION_DAYS,
    ) -> None:
        self._store = store
        self._clock = clock
        self._random = random
        self._sleep = sleep
        self._retention = timedelta(days=retention_days)

    def append(self, event: Event) -> Row:
        """Write an event to the end of its chain, or find that it is there already.

        Returns
        -------
        Row
            The row as it is stored; an earlier attempt's where there was one.

        Raises
        ------
        IntegrityError
            If the id is there with another content, or the tail of the chain is not in order.
        Transient
            If other writers took the place `ATTEMPTS` times, or the store did not answer.
        """
        for attempt in range(ATTEMPTS):
            rows = self._store.last(event.chain, WINDOW)
            for row in rows:
                if row.event_id == event.event_id:
                    return _adopt(row, event)
            row = self._next(event, rows[0] if rows else None)
            try:
                self._store.put(row)
            except Conflict:
                self._sleep(self._pause(attempt))
                continue
            return row
        raise Transient(f"Expected a free place at the end of the chain; other writers took it {ATTEMPTS} times")

    def _next(self, event: Event, tail: Row | None) -> Row:
        # The body says when a row may go, so that an early removal can be told from a timely one.
        moment = self._clock()
        body = event.fields() | {
            "seq": 0 if tail is None else tail.seq + 1,
            "prev": None if tail is None else tail.leaf.hex(),
            "salt": self._random(16).hex(),
            "time": timestamp(moment),
            "expires_at": int((moment + self._retention).timestamp()),
        }
        return row_from_body(canonical(body))

    def _pause(self, attempt: int) -> float:
        # Full jitter: anything from nothing to the exponential bound.
        share = int.from_bytes(self._random(4), "big") / 2**32
        return share * min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * (1 << attempt))


def _adopt(row: Row, event: Event) -> Row:
    if _said(row.fields) != _said(event.fields()):
        raise IntegrityError(f"Expected event {event.event_id} as it was first written; found another content")
    return row


def _said(fields: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if key not in _OF_THE_ATTEMPT}
