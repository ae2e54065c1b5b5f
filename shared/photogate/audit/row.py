"""A row of the audit table. Everything in it is derived from `body`, the canonical JSON that was written once.

Whoever reads a row again (the sealer, an export, the verifier) recomputes leaf, expiry and index keys from the body's
bytes, and never serialises the body anew.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, lru_cache
from hashlib import sha256
from typing import Any

from photogate.errors import IntegrityError

__all__ = ["EXCEPTIONS", "SHARDS", "Row", "exception_kind", "row_from_body", "row_from_text", "sort_key"]

SHARDS = 4
"""Into how many partitions a tenant's day is divided: 4 x 1,000 writes/s, and 4 queries to read one day."""

EXCEPTIONS = ("retake", "reject", "review", "deny", "export", "erase", "tamper")

_decode = json.JSONDecoder().raw_decode  # a body has no white space around it

_BY_NAME = {
    "access.denied": "deny",
    "audit.exported": "export",
    "subject.exported": "export",
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
        f, chain = self.fields, self.chain
        tenant, time, subject, actor = f["tenant"], f["time"], f["subject"], f["actor"]
        sk = sort_key(time, chain, self.seq)
        keys = {"gsi1pk": f"{tenant}#{time[:10]}#{shard_of(chain)}", "gsi1sk": sk}
        if subject:
            keys["gsi2pk"], keys["gsi2sk"] = f"{tenant}#{subject}", sk
        kind = exception_kind(f)
        if kind:
            keys["gsi3pk"], keys["gsi3sk"] = f"{tenant}#{kind}#{time[:7]}", sk
        if actor["kind"] == "staff":
            keys["gsi4pk"], keys["gsi4sk"] = f"{tenant}#{actor['id']}", sk
        return keys


def row_from_body(body: bytes) -> Row:
    """Make a row from the stored bytes alone.

    Raises
    ------
    IntegrityError
        If the bytes are not the body of a row.
    """
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise IntegrityError("Expected a row's body in UTF-8; found other bytes") from None
    return row_from_text(text)


def row_from_text(text: str, decode: Callable[[str], tuple[Any, int]] = _decode) -> Row:
    """Make a row from the stored text alone.

    Parameters
    ----------
    decode
        Parses JSON, and tells where it ended.

    Raises
    ------
    IntegrityError
        If the text is not the body of a row.
    """
    try:
        fields, end = decode(text)
        chain, seq = fields["chain"], fields["seq"]
        datetime.fromisoformat(fields["time"])
        body = text.encode()
    except (ValueError, KeyError, TypeError):
        raise IntegrityError("Expected a row's body in canonical JSON; found something else") from None
    if end != len(text) or type(chain) is not str or type(seq) is not int or seq < 0:
        raise IntegrityError("Expected a chain and a sequence in a row's body; found something else")
    # Past the constructor: setting a frozen field takes as long as hashing, and `fields` need not be parsed again.
    row = object.__new__(Row)
    row.__dict__.update(chain=chain, seq=seq, body=body, leaf=sha256(b"\x00" + body).digest(), fields=fields)
    return row


@lru_cache(maxsize=65_536)
def shard_of(chain: str) -> int:
    """Tell which of a day's partitions a chain's rows go to: all rows of one chain to the same."""
    return sha256(chain.encode()).digest()[0] % SHARDS


def sort_key(time: str, chain: str, seq: int) -> str:
    """Order rows of an index by time, and rows of one moment by chain and sequence."""
    return f"{time}#{chain}#{seq:010d}"


def exception_kind(fields: dict[str, Any]) -> str | None:
    """Tell which kind of exception an event is, if any: one of `EXCEPTIONS`."""
    kind = _BY_NAME.get(fields["name"])
    if kind is not None:
        return kind
    if fields["outcome"] == "denied":
        return "deny"
    details = fields["details"]
    if not details:
        return None
    return _BY_DETAIL.get(details.get("status", "")) or _BY_DETAIL.get(details.get("decision", ""))
