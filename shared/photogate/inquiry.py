"""The audit log over HTTP: the same questions as on the command line, a page at a time, and one event for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from photogate.audit.event import DetailKey, EventName, tenant_chain
from photogate.audit.query import AuditReader, Question
from photogate.audit.receipt import Receipt
from photogate.audit.receipts import Receipts, place_of
from photogate.audit.row import Row
from photogate.audit.trail import Trail
from photogate.errors import RequestRefused, Transient
from photogate.moments import parse_moment

__all__ = ["AuditPage", "inquire", "prove"]

CURSOR = r"^[0-9T:.Z-]{24}#[a-z0-9-]{2,40}/[a-z0-9/]{1,60}#[0-9]{10}$"


class AuditPage(NamedTuple):
    """Rows that answer, and where to go on; None where that was all."""

    rows: Sequence[Row]
    cursor: str | None


class _Filters(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    since: str = "24h"
    until: str = "now"
    photo: str | None = None
    subject: str | None = None
    actor: str | None = None
    exceptions: str = ""
    limit: int = Field(default=100, ge=1, le=500)
    after: Annotated[str, StringConstraints(pattern=CURSOR)] | None = None


def inquire(reader: AuditReader, trail: Trail, tenant: str, query: Mapping[str, str], now: datetime) -> AuditPage:
    """Answer one question about a tenant's log; the last 24 hours unless told otherwise.

    Parameters
    ----------
    query
        ``since``, ``until`` (RFC 3339, a day, or a span such as ``7d``); one of ``photo``, ``subject``, ``actor``,
        ``exceptions``; ``limit``, ``after``.

    Raises
    ------
    RequestRefused
        With each parameter that is wrong and what it may be.
    """
    try:
        filters = _Filters.model_validate(dict(query))
    except ValidationError as error:
        known = set(_Filters.model_fields)
        wrong = {
            (str(e["loc"][0]) if e["loc"] and e["loc"][0] in known else "query") + ": " + e["msg"]
            for e in error.errors(include_input=False, include_url=False)
        }
        raise RequestRefused("Expected " + "; ".join(sorted(wrong))) from None
    question = Question(
        tenant=tenant,
        since=_moment("since", filters.since, now),
        until=_moment("until", filters.until, now),
        upload_id=filters.photo,
        subject=filters.subject,
        actor=filters.actor,
        exceptions=tuple(k for k in filters.exceptions.split(",") if k),
    )
    rows, cursor = reader.page(question, filters.limit, filters.after)
    trail.record(
        EventName.AUDIT_QUERIED,
        step="queried",
        tenant=tenant,
        chain=tenant_chain(tenant),
        subject=question.subject,
        upload_id=question.upload_id,
        details={DetailKey.QUERY: "api", DetailKey.ROWS: len(rows), DetailKey.PAGES: reader.pages},
    )
    return AuditPage(rows, cursor)


def _moment(name: str, text: str, now: datetime) -> datetime:
    try:
        return parse_moment(text, now)
    except (ValueError, OverflowError):
        raise RequestRefused(f"Expected {name}: RFC 3339, a day, or a span such as 24h or 7d") from None


def prove(receipts: Receipts, trail: Trail, tenant: str, reference: str) -> Receipt:
    """Give the receipt of one event of a tenant, and write down that it was asked for.

    Raises
    ------
    NotFound
        If there is no such event of this tenant.
    Transient
        If it is there and not sealed yet.
    """
    receipt = receipts.of(*place_of(tenant, reference))
    trail.record(
        EventName.AUDIT_QUERIED,
        step="proved",
        tenant=tenant,
        chain=tenant_chain(tenant),
        details={DetailKey.QUERY: "prove", DetailKey.ROWS: int(receipt is not None)},
    )
    if receipt is None:
        raise Transient("Expected the event to be covered by a checkpoint; it is not yet, which takes a few seconds")
    return receipt
