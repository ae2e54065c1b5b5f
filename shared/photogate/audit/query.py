"""Asking the audit log: by tenant and time, photo, subject, actor, or exceptions. Never a Scan.

Every question names its partitions before it reads: a tenant's day has `SHARDS`, a month has one for each kind of
exception, a subject, a member of staff and a photo have one. So the number of requests follows from the question and
from the rows that answer it, never from the size of the table.

Rows come oldest first. A `cursor` is the sort key of the last row that was seen; asking again after it goes on there,
without any state kept in between. The indexes are eventually consistent: a row shows up moments after it was written.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from itertools import islice
from typing import NamedTuple, Protocol

from photogate.audit.event import photo_chain
from photogate.audit.log import timestamp
from photogate.audit.row import EXCEPTIONS, SHARDS, Row, sort_key
from photogate.errors import IntegrityError, RequestRefused

__all__ = ["AuditReader", "Index", "Page", "QueryStore", "Question", "check_chain", "cursor_of"]

PAGE_ROWS = 500
_ID = re.compile(r"[0-9a-f]{32}")
MOST_DAYS = 3660


class Index(StrEnum):
    """The global secondary indexes."""

    TENANT_DAY = "by_tenant_day"
    SUBJECT = "by_subject"
    EXCEPTION = "by_exception"
    ACTOR = "by_actor"


class Page(NamedTuple):
    """What one request gave, and whether there may be more behind it."""

    rows: Sequence[Row]
    more: bool


class QueryStore(Protocol):
    """Reads ranges of one partition, in order, one request a call."""

    def index_page(self, index: Index, partition: str, low: str, high: str, limit: int) -> Page:
        """Give the first rows of an index partition whose sort keys are within [low, high]."""

    def chain_page(self, chain: str, first: int, limit: int) -> Page:
        """Give the first rows of a chain from sequence `first` on, with a consistent read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked. At most one of `upload_id`, `subject`, `actor` and `exceptions` narrows it.

    Attributes
    ----------
    since, until
        From and including; up to and excluding.
    exceptions
        Kinds out of `EXCEPTIONS`.
    """

    tenant: str
    since: datetime
    until: datetime
    upload_id: str | None = None
    subject: str | None = None
    actor: str | None = None
    exceptions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what has no answer, or one without bounds."""
        if self.since >= self.until:
            raise RequestRefused("Expected `since` before `until`; found it after")
        if (self.until - self.since).days > MOST_DAYS:
            raise RequestRefused(f"Expected at most {MOST_DAYS} days from `since` to `until`; found more")
        if sum(map(bool, (self.upload_id, self.subject, self.actor, self.exceptions))) > 1:
            raise RequestRefused("Expected one of photo, subject, actor and exceptions; found several")
        for name, value in (("photo", self.upload_id), ("subject", self.subject), ("actor", self.actor)):
            if value is not None:
                _require_id(name, value)
        if not set(self.exceptions) <= set(EXCEPTIONS):
            raise RequestRefused(f"Expected exceptions out of {', '.join(EXCEPTIONS)}; found another")

    def covers(self, row: Row) -> bool:
        """Tell whether a row lies within the time asked for."""
        return timestamp(self.since) <= str(row.fields["time"]) < timestamp(self.until)


class AuditReader:
    """Answers questions, and counts the requests that it takes.

    Parameters
    ----------
    store
        Where the rows are.
    """

    def __init__(self, store: QueryStore) -> None:
        self._store = store
        self.pages = 0

    def rows(self, question: Question, after: str | None = None) -> Iterator[Row]:
        """Give the rows that answer, oldest first, read as they are taken.

        Parameters
        ----------
        question
            What is asked.
        after
            The cursor of the last row that was seen.
        """
        if question.upload_id:
            chain = self.chain(photo_chain(question.tenant, question.upload_id))
            rows = (row for row in chain if question.covers(row))
            yield from rows if after is None else (row for row in rows if cursor_of(row) > after)
            return
        low, high = timestamp(question.since), timestamp(question.until)
        if after is not None:
            low = max(low, after + "~")  # "~" sorts behind every character that a sort key holds
        for index, partitions in _stretches(question, low):
            streams = [self._partition(index, partition, low, high) for partition in partitions]
            yield from heapq.merge(*streams, key=cursor_of)

    def page(self, question: Question, limit: int, after: str | None = None) -> tuple[list[Row], str | None]:
        """Give at most `limit` rows, and the cursor to go on from, or None where that was all."""
        found = list(islice(self.rows(question, after), limit + 1))
        return found[:limit], cursor_of(found[limit - 1]) if len(found) > limit else None

    def photo(self, tenant: str, upload_id: str) -> list[Row]:
        """Give the whole chain of one photo."""
        _require_id("photo", upload_id)
        return list(self.chain(photo_chain(tenant, upload_id)))

    def chain(self, chain: str) -> Iterator[Row]:
        """Give the rows of any chain from its beginning, read as they are taken."""
        first, more = 0, True
        while more:
            rows, more = self._store.chain_page(chain, first, PAGE_ROWS)
            self.pages += 1
            yield from rows
            first = rows[-1].seq + 1 if rows else first

    def _partition(self, index: Index, partition: str, low: str, high: str) -> Iterator[Row]:
        more = True
        while more:
            rows, more = self._store.index_page(index, partition, low, high, PAGE_ROWS)
            self.pages += 1
            yield from rows
            low = cursor_of(rows[-1]) + "~" if rows else low


def cursor_of(row: Row) -> str:
    """Give the place of a row in the order of an index."""
    return sort_key(row.fields["time"], row.chain, row.seq)


def check_chain(rows: Sequence[Row]) -> None:
    """Check that rows are one whole chain: numbered from 0, each holding the leaf before it.

    Raises
    ------
    IntegrityError
        With the first place that is not in order.
    """
    for place, row in enumerate(rows):
        if row.seq != place:
            raise IntegrityError(f"Expected sequence {place} in chain {row.chain}; found {row.seq}")
        before = rows[place - 1].leaf.hex() if place else None
        if row.fields["prev"] != before:
            raise IntegrityError(f"Expected row {place} of chain {row.chain} to hold the leaf before it; found another")


def _require_id(name: str, value: str) -> None:
    if not _ID.fullmatch(value):
        raise RequestRefused(f"Expected 32 hex digits for {name}; found something else")


def _stretches(question: Question, low: str) -> Iterator[tuple[Index, list[str]]]:
    """Name the partitions to read, stretch of time after stretch of time, from the moment in `low` on."""
    tenant = question.tenant
    if question.subject:
        yield Index.SUBJECT, [f"{tenant}#{question.subject}"]
    elif question.actor:
        yield Index.ACTOR, [f"{tenant}#{question.actor}"]
    else:
        first, last = date.fromisoformat(low[:10]), (question.until - timedelta(milliseconds=1)).astimezone(UTC).date()
        days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
        if question.exceptions:
            for month in dict.fromkeys(day.isoformat()[:7] for day in days):
                yield Index.EXCEPTION, [f"{tenant}#{kind}#{month}" for kind in question.exceptions]
        else:
            for day in days:
                yield Index.TENANT_DAY, [f"{tenant}#{day.isoformat()}#{shard}" for shard in range(SHARDS)]
