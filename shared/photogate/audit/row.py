"""A row of the audit table. Everything in it is derived from `body`, the canonical JSON that was written once.

Whoever reads a row again (the sealer, an export, the verifier) recomputes leaf, expiry and index keys from the body's
bytes, and never serialises the body anew.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from photogate.errors import IntegrityError

__all__ = ["EXCEPTIONS", "SHARDS", "Row", "exception_kind", "row_from_body", "sort_key"]

SHARDS = 4
"""Into how many partitions a tenant's day is divided: 4 x 1,000 writes/s, and 4 queries to read one day."""

EXCEPTIONS = ("retake", "reject", "review", "deny", "export", "erase", "tamper")

_BY_NAME = {
    "access.denied": "deny",
    "audit.exported": "export",
    "subject.fenced": "erase",
    "subject.erased": "erase",
    "integrity.alerted": "tamper",
    "review.opened": "review",
}
_BY_DETAIL = {
    "RETAKE": "retake",
    "REJECT": "reject",
    "REJECTED": "reject",
    "REVIEW": "review",
    "IN_REVIEW": "review",
}


@dataclass(frozen=True)
class Row:
    """One event at its place in a chain.

    Attributes
    ----------
    chain, seq
        The primary key; `seq` counts from 0 in each chain.
    body
        Canonical JSON (RFC 8785), as stored.
    leaf
        ``SHA-256(0x00 || body)`` (RFC 6962 2.1), 32 bytes.
    """

    chain: str
    seq: int
    body: bytes
    leaf: bytes

    @cached_property
    def fields(self) -> dict[str, Any]:
        """The body, parsed."""
        parsed: dict[str, Any] = json.loads(self.body)
        return parsed

    @property
    def event_id(self) -> str:
        """The event's deterministic id."""
        return str(self.fields["id"])

    @property
    def expires_at(self) -> int:
        """When DynamoDB may delete the row, in seconds since 1970."""
        return int(self.fields["expires_at"])

    @property
    def index_keys(self) -> dict[str, str]:
        """The attributes of the global secondary indexes that apply to this row."""
        f = self.fields
        tenant, time, sk = f["tenant"], f["time"], sort_key(f["time"], self.chain, self.seq)
        keys = {"gsi1pk": f"{tenant}#{time[:10]}#{shard_of(self.chain)}", "gsi1sk": sk}
        if f["subject"]:
            keys |= {"gsi2pk": f"{tenant}#{f['subject']}", "gsi2sk": sk}
        if kind := exception_kind(f):
            keys |= {"gsi3pk": f"{tenant}#{kind}#{time[:7]}", "gsi3sk": sk}
        if f["actor"]["kind"] == "staff":
            keys |= {"gsi4pk": f"{tenant}#{f['actor']['id']}", "gsi4sk": sk}
        return keys


def row_from_body(body: bytes) -> Row:
    """Make a row from the stored bytes alone.

    Raises
    ------
    IntegrityError
        If the bytes are not the body of a row.
    """
    try:
        fields = json.loads(body)
        chain, seq = fields["chain"], fields["seq"]
        datetime.fromisoformat(fields["time"])
    except (ValueError, KeyError, TypeError):
        raise IntegrityError("Expected a row's body in canonical JSON; found something else") from None
    if not isinstance(chain, str) or type(seq) is not int or seq < 0:
        raise IntegrityError("Expected a chain and a sequence in a row's body; found something else")
    row = Row(chain=chain, seq=seq, body=body, leaf=hashlib.sha256(b"\x00" + body).digest())
    row.__dict__["fields"] = fields  # what the property would compute again
    return row


def shard_of(chain: str) -> int:
    """Tell which of a day's partitions a chain's rows go to: all rows of one chain to the same."""
    return hashlib.sha256(chain.encode()).digest()[0] % SHARDS


def sort_key(time: str, chain: str, seq: int) -> str:
    """Order rows of an index by time, and rows of one moment by chain and sequence."""
    return f"{time}#{chain}#{seq:010d}"


def exception_kind(fields: dict[str, Any]) -> str | None:
    """Tell which kind of exception an event is, if any: one of `EXCEPTIONS`."""
    if fields["name"] in _BY_NAME:
        return _BY_NAME[fields["name"]]
    if fields["outcome"] == "denied":
        return "deny"
    details = fields["details"]
    return _BY_DETAIL.get(details.get("status", "")) or _BY_DETAIL.get(details.get("decision", ""))
