"""Records of the audit table's stream: a row that was inserted, or something that must not have happened.

A row is written once and removed by TTL when its body says so. Everything else is an alarm: a MODIFY (a PutItem without
a condition replaces a row, and IAM cannot forbid that), a REMOVE by anybody but TTL, a TTL that came early, and an
insert whose attributes are not those of its body.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from pydantic_core import from_json

from photogate.audit.row import Row, row_from_text
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


class Inserted(NamedTuple):
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


def _decode(text: str) -> tuple[Any, int]:
    # pydantic's parser takes half of the time of the standard library's, which is what the verifier keeps to.
    return from_json(text, allow_inf_nan=False), len(text) if text[:1] == "{" and text[-1:] == "}" else -1


_CHANGES = {"INSERT": Change.INSERTED, "MODIFY": Change.MODIFIED, "REMOVE": Change.REMOVED}


def _whole_row(image: Mapping[str, Any]) -> Row | None:
    """Give the row of an image, or None where anything in the image is not derived from the body.

    Every row of the log passes here, so nothing is built that can be compared as it stands. An attribute's value has
    one type, and the right one: another raises `KeyError`.
    """
    try:
        row = row_from_text(image["body"]["S"], _decode)
        keys = row.index_keys
        if (
            len(image) != 5 + len(keys)
            or image["pk"]["S"] != row.chain
            or image["sk"]["N"] != str(row.seq)
            or image["leaf"]["S"] != row.leaf.hex()
            or image["expires_at"]["N"] != str(row.fields["expires_at"])
        ):
            return None
        for name, value in keys.items():
            if image[name]["S"] != value:
                return None
    except (IntegrityError, KeyError, TypeError, ValueError, AttributeError):
        return None
    return row
