"""Records of the audit table's stream: a row that was inserted, or something that must not have happened.

A row is written once and removed by TTL when its body says so. Everything else is an alarm: a MODIFY (a PutItem without
a condition replaces a row, and IAM cannot forbid that), a REMOVE by anybody but TTL, a TTL that came early, and an
insert whose attributes are not those of its body.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from photogate.audit.row import Row, row_from_body
from photogate.errors import IntegrityError

__all__ = ["Alarm", "Change", "Expired", "Inserted", "read_record"]

_TTL = {"type": "Service", "principalId": "dynamodb.amazonaws.com"}


class Change(StrEnum):
    """What was done to the log that must not be done."""

    MODIFIED = "modified"
    REMOVED = "removed"
    EARLY_EXPIRY = "early_expiry"
    INSERTED = "inserted"
    FORKED = "forked"


@dataclass(frozen=True, slots=True)
class Inserted:
    """A new row."""

    sequence_number: str
    row: Row


@dataclass(frozen=True, slots=True)
class Expired:
    """A row that TTL removed when its body said so."""

    sequence_number: str


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something that must not have happened, at a place of the log.

    `leaf` and `leaf_before` are hex, where there is such a row.
    """

    sequence_number: str
    record_id: str
    change: Change
    chain: str
    seq: int
    leaf: str | None = None
    leaf_before: str | None = None


def read_record(record: Mapping[str, Any]) -> Inserted | Expired | Alarm:
    """Read one record of a DynamoDB stream with both images, as Lambda hands it over."""
    change = record["dynamodb"]
    number, kind = change["SequenceNumber"], record["eventName"]
    if kind == "INSERT":
        row = _whole_row(change["NewImage"])
        if row is not None:
            return Inserted(number, row)
    elif kind == "REMOVE" and record.get("userIdentity") == _TTL:
        row = _whole_row(change["OldImage"])
        if row is not None and row.expires_at <= change["ApproximateCreationDateTime"]:
            return Expired(number)
    keys = change["Keys"]
    return Alarm(
        sequence_number=number,
        record_id=record["eventID"],
        change=_CHANGES.get(kind, Change.MODIFIED) if record.get("userIdentity") != _TTL else Change.EARLY_EXPIRY,
        chain=keys["pk"]["S"],
        seq=int(keys["sk"]["N"]),
        leaf=change.get("NewImage", {}).get("leaf", {}).get("S"),
        leaf_before=change.get("OldImage", {}).get("leaf", {}).get("S"),
    )


_CHANGES = {"INSERT": Change.INSERTED, "MODIFY": Change.MODIFIED, "REMOVE": Change.REMOVED}


def _whole_row(image: Mapping[str, Any]) -> Row | None:
    """Give the row of an image, or None where anything in the image is not derived from the body."""
    try:
        row = row_from_body(image["body"]["S"].encode())
        derived = {
            "pk": {"S": row.chain},
            "sk": {"N": str(row.seq)},
            "body": image["body"],
            "leaf": {"S": row.leaf.hex()},
            "expires_at": {"N": str(row.expires_at)},
        }
        for name, value in row.index_keys.items():
            derived[name] = {"S": value}
    except (IntegrityError, KeyError, TypeError, ValueError, AttributeError):
        return None
    return row if derived == image else None
